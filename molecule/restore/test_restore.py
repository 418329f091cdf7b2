# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of an autolocked swarm of five managers, with what a real one has: refused, planned, done, done again.

The tests share one swarm and one backup, and run in their order: each finds what the one before has left.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import nemesis, objects, restored
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import (
    assert_swarm,
    assert_unchanged,
    by_hostname,
    host,
    membership,
    settled,
    swarm,
)

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]
POOL = "10.55.0.0/16"
PORT = 4790


class Swarm:
    """The swarm that is lost again and again."""

    def __init__(self, lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> None:
        self.controller = folder / "controller"
        self.inventory = inventories.write(
            MANAGERS, WORKERS, hosts={"w1": {"swarm_labels": {"disk": "ssd"}}}, swarm_autolock=True,
            swarm_controller_dir=str(self.controller), swarm_default_addr_pool=[POOL], swarm_subnet_size=26,
            swarm_data_path_port=PORT, swarm_task_history_limit=3,
        )  # fmt: skip
        operator.provision(self.inventory)
        objects.populate(lab)
        self.objects = objects.listed(lab)
        self.swarm = swarm(host(lab, "m1"))
        self.nodes = {name: node.id for name, node in by_hostname(host(lab, "m1")).items()}
        run = operator.run("backup", self.inventory, swarm_backup_hosts=["m2"])
        assert run.ok, run.report
        (self.archive,) = (self.controller / "backups").glob("*.tar.gz")


@pytest.fixture(scope="module")
def lost(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> Swarm:
    """A swarm of which there is a backup of m2."""
    return Swarm(lab, operator, inventories, folder)


def restore(operator: Operator, lost: Swarm, *arguments: str, **variables: object) -> Run:
    """Run `restore` of the archive."""
    return operator.run("restore", lost.inventory, *arguments, **{"swarm_restore_archive": str(lost.archive),
                                                                  **variables})  # fmt: skip


def assert_restored(lab: Lab, lost: Swarm) -> None:
    """It is the swarm that it was: ID, settings, pool, port, objects, members, keys; and it works."""
    assert_swarm(lab, MANAGERS, WORKERS)
    now = swarm(host(lab, "m2"))
    for field in ("ID", "DefaultAddrPool", "SubnetSize", "DataPathPort"):
        assert now[field] == lost.swarm[field], field
    for field in ("Orchestration", "Raft", "Dispatcher", "CAConfig", "EncryptionConfig"):
        assert now["Spec"][field] == lost.swarm["Spec"][field], field
    found = objects.listed(lab, "m2")
    for kind, things in lost.objects.items():
        assert kind == "node" or found[kind] == things, kind
    restored.assert_works(lab, "m2", WORKERS)
    restored.assert_keys(lab, "m2", MANAGERS, lost.controller)


def test_where_a_manager_answers_it_asks_for_recover(lab: Lab, operator: Operator, lost: Swarm) -> None:
    before = settled(lab)
    run = restore(operator, lost)
    assert not run.ok, run.report
    assert "answers: m1 (active), m2 (active), m3 (active), m4 (active), m5 (active)" in run.failures, run.report
    assert "ansible-playbook quorum.swarm.recover" in run.failures, run.report
    assert_unchanged(lab, before)


def test_it_is_refused_before_anything_is_touched(
    lab: Lab, operator: Operator, lost: Swarm, tmp_path: Path
) -> None:
    restored.wipe(lab, MANAGERS)
    before = settled(lab)

    def refused(*arguments: str, **variables: object) -> str:
        run = restore(operator, lost, *arguments, **variables)
        assert not run.ok, run.report
        assert not run.changed, run.report
        return run.failures

    broken = tmp_path / lost.archive.name
    content = bytearray(lost.archive.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    assert "damaged" in refused(swarm_restore_archive=str(broken))
    wrong = tmp_path / "key"
    wrong.write_text("SWMKEY-1-" + "A" * 43 + "\n")
    said = refused(swarm_unlock_key_file=str(wrong), swarm_controller_dir=str(tmp_path / "other"))
    assert "is autolocked, and the unlock key does not open it" in said, said
    assert "AAAA" not in said
    said = refused(swarm_id="another")
    assert "The archive is of swarm" in said, said
    said = refused(swarm_restore_host="m1")
    assert "m1 does not have the address" in said, said
    assert "m2 has that address: -e swarm_restore_host=m2" in said, said
    lab.node("m4").kill()
    said = refused()
    lab.node("m4").start()
    assert """-e '{"swarm_restore_lost": ["m4"]}'""" in said, said
    restored.stop(lab, [])
    assert_unchanged(lab, {name: text for name, text in before.items() if name != "m4"})


def test_a_swarm_whose_managers_were_wiped(lab: Lab, operator: Operator, lost: Swarm) -> None:
    """Every manager is a new machine with the old address; the workers run the old swarm's tasks all the time."""
    tasks = restored.containers(lab, WORKERS)
    before = settled(lab)
    shown = restore(operator, lost, "--check", "--diff")
    assert shown.ok, shown.report
    assert shown.planned("restore") == ["m2"], shown.report
    assert_unchanged(lab, before)

    with lab.probe(WORKERS, period=0.1) as probe:
        run = restore(operator, lost)
    assert run.ok, run.report
    assert probe.failures == []
    assert_restored(lab, lost)
    for name in WORKERS:
        assert tasks[name] <= restored.containers(lab, [name])[name], name
    now = {name: node.id for name, node in by_hostname(host(lab, "m2")).items()}
    assert {name: now[name] for name in ("m2", *WORKERS)} == {name: lost.nodes[name] for name in ("m2", *WORKERS)}
    told = json.loads(json.dumps(restored.report(lost.controller)))
    assert told["missing"] == {}, told
    assert len(list((lost.controller / "backups").glob("*.tar.gz"))) == 2, "a new backup was taken"

    again = restore(operator, lost)
    assert again.ok, again.report
    assert not again.changed, again.report


def test_killed_on_the_way_with_managers_that_come_back_and_leftovers(
    lab: Lab, operator: Operator, lost: Swarm
) -> None:
    """The restored host has another swarm's leftovers, two managers have their old state, one is off for good."""
    old = {name: node.id for name, node in by_hostname(host(lab, "m2")).items()}
    restored.stop(lab, ["m1", "m2", "m3", "m4", "m5"])
    shutil.copy(lost.archive, lost.archive.with_name("kept"))
    restored.wipe(lab, ["m2", "m3"])
    lab.node("m2").run("docker swarm init --advertise-addr 127.0.0.1 >/dev/null 2>&1 || docker swarm init "
                       "--advertise-addr $(hostname -i | cut -d' ' -f1) >/dev/null")
    other = membership(host(lab, "m2"))["Cluster"]["ID"]
    restored.stop(lab, ["m2"])
    kept = max((lost.controller / "backups").glob("*_m*.tar.gz"), key=lambda one: one.name.rpartition("_")[2])
    assert kept != lost.archive
    newest = {"swarm_restore_archive": str(lost.archive), "swarm_restore_lost": ["m1", "m4", "m5"]}
    with nemesis.module_killed_at(lab.node("m2"), "force"):
        run = restore(operator, lost, **newest)
    assert not run.ok, run.report
    assert restored.clear_keys(lab, "m2"), "the kill came too late to leave a key in clear"

    with lab.probe(WORKERS, period=0.1) as probe:
        run = restore(operator, lost, "-vvvv", "--diff", **newest)
    assert run.ok, run.report
    assert probe.failures == []
    assert "in clear" in run.output
    assert_restored(lab, lost)
    assert "PRIVATE KEY" not in run.output.replace("PRIVATE KEY hidden", "")
    assert "SWMKEY-1-" not in run.output
    found = {name: node.id for name, node in by_hostname(host(lab, "m2")).items()}
    assert found["m2"] == lost.nodes["m2"]
    assert {name: found[name] for name in WORKERS} == {name: lost.nodes[name] for name in WORKERS}
    aside = lab.node("m2").run(f"cat {restored.ASIDE}/*/swarm/certificates/swarm-node.crt | openssl x509 -noout "
                               "-subject 2>/dev/null || ls {restored.ASIDE}/*/swarm").stdout
    assert other in aside or "certificates" in aside, aside
    assert old["m2"] == found["m2"]
