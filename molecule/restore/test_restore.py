# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of an autolocked swarm of five managers, with what a real one has: refused, planned, done, done again.

The tests share one swarm and one backup, and run in their order: each finds what the one before has left.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import nemesis, restored
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.restored import Lost
from tests.testinfra.swarms import (
    assert_swarm,
    assert_unchanged,
    by_hostname,
    host,
    membership,
    settled,
)

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]


@pytest.fixture(scope="module")
def lost(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> Lost:
    """The swarm that is lost again and again; there is a backup of m2."""
    controller = folder / "controller"
    inventory = inventories.write(
        MANAGERS, WORKERS, hosts={"w1": {"swarm_labels": {"disk": "ssd"}}}, swarm_autolock=True,
        swarm_controller_dir=str(controller), **restored.SETTINGS,
    )  # fmt: skip
    return Lost.of(operator, lab, inventory, controller, MANAGERS, WORKERS, "m2")


def assert_restored(lab: Lab, lost: Lost) -> None:
    """It is the swarm that it was, with all its managers."""
    assert_swarm(lab, MANAGERS, WORKERS)
    lost.assert_back("m2")


def test_where_a_manager_answers_it_asks_for_recover(lab: Lab, operator: Operator, lost: Lost) -> None:
    before = settled(lab)
    run = lost.restore(operator)
    assert not run.ok, run.report
    assert "answers: m1 (active), m2 (active), m3 (active), m4 (active), m5 (active)" in run.failures, run.report
    assert "ansible-playbook quorum.swarm.recover" in run.failures, run.report
    assert_unchanged(lab, before)


def test_it_is_refused_before_anything_is_touched(
    lab: Lab, operator: Operator, lost: Lost, tmp_path: Path
) -> None:
    restored.wipe(lab, MANAGERS)
    before = settled(lab)

    def refused(*arguments: str, **variables: object) -> str:
        run = lost.restore(operator, *arguments, **variables)
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
    assert_unchanged(lab, {name: text for name, text in before.items() if name != "m4"})


def test_a_swarm_whose_managers_were_wiped(lab: Lab, operator: Operator, lost: Lost) -> None:
    """Every manager is a new machine with the old address; the workers run the old swarm's tasks all the time."""
    tasks = restored.containers(lab, WORKERS)
    before = settled(lab)
    shown = lost.restore(operator, "--check", "--diff")
    assert shown.ok, shown.report
    assert shown.planned("restore") == ["m2"], shown.report
    assert_unchanged(lab, before)

    with lab.probe(WORKERS, period=0.1) as probe:
        run = lost.restore(operator)
    assert run.ok, run.report
    assert probe.failures == []
    assert_restored(lab, lost)
    for name in WORKERS:
        assert tasks[name] <= restored.containers(lab, [name])[name], name
    now = {name: node.id for name, node in by_hostname(host(lab, "m2")).items()}
    assert {name: now[name] for name in ("m2", *WORKERS)} == {name: lost.nodes[name] for name in ("m2", *WORKERS)}
    told = restored.report(lost.controller)
    assert told["missing"] == {}, told
    assert len(list((lost.controller / "backups").glob("*.tar.gz"))) == 2, "a new backup was taken"

    again = lost.restore(operator)
    assert again.ok, again.report
    assert not again.changed, again.report


def test_killed_on_the_way_with_managers_that_come_back_and_leftovers(
    lab: Lab, operator: Operator, lost: Lost
) -> None:
    """The restored host has another swarm's leftovers, two managers have their old state, one is off for good."""
    restored.stop(lab, MANAGERS)
    restored.wipe(lab, ["m2", "m3"])
    lab.node("m2").run(f"docker swarm init --advertise-addr {lab.node('m2').addr}")
    other = membership(host(lab, "m2"))["Cluster"]["ID"]
    restored.stop(lab, ["m2"])
    down = {"swarm_restore_lost": ["m1", "m4", "m5"]}
    with nemesis.module_killed_at(lab.node("m2"), "start"):
        run = lost.restore(operator, **down)
    assert not run.ok, run.report
    assert restored.clear_keys(lab, "m2"), "the kill came too late to leave a key in clear"

    with lab.probe(WORKERS, period=0.1) as probe:
        run = lost.restore(operator, "-vvvv", "--diff", **down)
    assert run.ok, run.report
    assert probe.failures == []
    assert "in clear" in run.output
    assert_restored(lab, lost)
    assert "PRIVATE KEY" not in run.output.replace("PRIVATE KEY hidden", "")
    assert "SWMKEY-1-" not in run.output
    found = {name: node.id for name, node in by_hostname(host(lab, "m2")).items()}
    assert found["m2"] == lost.nodes["m2"]
    assert {name: found[name] for name in WORKERS} == {name: lost.nodes[name] for name in WORKERS}
    for name, holds in (("m2", other), ("m1", str(lost.swarm["ID"])), ("m4", str(lost.swarm["ID"]))):
        subject = lab.node(name).run(f"openssl x509 -noout -subject -in {restored.ASIDE}/*/swarm/certificates/"
                                     "swarm-node.crt").stdout  # fmt: skip
        assert holds in subject, f"{name}: {subject}"
