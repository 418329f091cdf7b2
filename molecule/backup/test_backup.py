# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a living, autolocked swarm of five managers: proven, harmless, and refused where they would not be.

The tests share one swarm; each leaves it whole.
"""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import nemesis, objects
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import (
    assert_swarm,
    assert_unchanged,
    by_hostname,
    eventually,
    host,
    membership,
    settled,
    swarm,
)

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]
POOL = "10.55.0.0/16"


@pytest.fixture(scope="module")
def controller(folder: Path) -> Path:
    """The controller's folder."""
    return folder / "controller"


@pytest.fixture(scope="module")
def inventory(lab: Lab, operator: Operator, inventories: Inventories, controller: Path) -> Path:
    """An autolocked swarm with things in it, and the inventory of it."""
    wanted = inventories.write(
        MANAGERS, WORKERS, hosts={"w1": {"swarm_labels": {"disk": "ssd"}}}, swarm_autolock=True,
        swarm_controller_dir=str(controller), swarm_default_addr_pool=[POOL], swarm_subnet_size=26,
    )  # fmt: skip
    operator.provision(wanted)
    objects.populate(lab)
    return wanted


def archives(controller: Path) -> list[Path]:
    """The archives that the controller keeps, the oldest first."""
    return sorted((controller / "backups").glob("*.tar.gz"), key=lambda path: path.name.rpartition("_")[2])


def backup(operator: Operator, inventory: Path, *arguments: str, **variables: object) -> Run:
    """Run `backup`, which has to end well."""
    run = operator.run("backup", inventory, *arguments, **variables)
    assert run.ok, run.report
    return run


def assert_whole(lab: Lab) -> None:
    """The swarm is what it was: every manager reachable, no lease, and no key, copy or guard on any manager."""
    assert_swarm(lab, MANAGERS, WORKERS)
    for name in MANAGERS:
        left = lab.node(name).run("ls -A /run/quorum.swarm/guard /var/lib/quorum.swarm/backup 2>/dev/null; "
                                  "systemctl list-units --all --plain --no-legend 'quorum-swarm*'", check=False).stdout
        assert [line for line in left.splitlines() if line and not line.endswith(":")] == [], f"{name}: {left}"


def test_a_backup_is_proven_and_no_request_fails_meanwhile(
    lab: Lab, operator: Operator, inventory: Path, controller: Path
) -> None:
    before = objects.listed(lab)
    leader = next(node.hostname for node in by_hostname(host(lab, "m1")).values() if node.leader)
    with lab.probe(period=0.1) as probe:
        run = backup(operator, inventory)
    assert probe.failures == []
    assert probe.requests > 20
    assert_whole(lab)
    assert objects.listed(lab) == before

    (archive,) = archives(controller)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert archive.parent.stat().st_mode & 0o777 == 0o700
    assert "proven here: its log was read and holds what the swarm listed" in run.output, run.report
    key = lab.node("m1").run("docker swarm unlock-key --quiet").stdout.strip()
    with tarfile.open(archive) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]
    assert "swarm/raft/wal-v3-encrypted/0.tmp" not in files
    assert {"manifest.json", "swarm/docker-state.json", "swarm/certificates/swarm-node.key"} <= set(files)
    for name, content in files.items():
        assert key.encode() not in content, name
        assert objects.SECRET.encode() not in content, name
    told = json.loads(files["manifest.json"])
    assert told["host"] != leader
    assert told["host"] in run.changed
    assert told["node_id"] == by_hostname(host(lab, "m1"))[told["host"]].id
    assert (told["swarm_id"], told["autolock"]) == (swarm(host(lab, "m1"))["ID"], True)
    assert (told["default_addr_pool"], told["subnet_size"]) == ([POOL], 26)
    assert told["advertise_addr"] == f"{lab.node(told['host']).addr}:2377"
    for kind, things in before.items():
        assert {(key, "-" if kind == "node" else name) for key, name in told["objects"][kind]} == things, kind


def test_check_mode_changes_nothing(lab: Lab, operator: Operator, inventory: Path, controller: Path) -> None:
    kept = archives(controller)
    before = settled(lab)
    run = backup(operator, inventory, "--check", "--diff")
    assert list(run.changed.values()) == [1], run.report
    assert_unchanged(lab, before)
    assert archives(controller) == kept


def test_ten_in_a_row_leave_every_manager_reachable(
    lab: Lab, operator: Operator, inventory: Path, controller: Path
) -> None:
    for _ in range(10):
        backup(operator, inventory, swarm_backup_keep=3)
    assert_whole(lab)
    assert len(archives(controller)) == 3


def test_every_manager_the_leader_last(lab: Lab, operator: Operator, inventory: Path, controller: Path) -> None:
    leader = next(node.hostname for node in by_hostname(host(lab, "m1")).values() if node.leader)
    backup(operator, inventory, swarm_backup_hosts=["all"])
    hosts = [path.name.split("_")[1] for path in archives(controller)[-5:]]
    assert sorted(hosts) == MANAGERS
    assert hosts[-1] == leader
    assert_whole(lab)


def test_two_operators_at_once_stop_one_manager_at_a_time(
    lab: Lab, operator: Operator, inventory: Path, controller: Path
) -> None:
    kept = len(archives(controller))
    listed = by_hostname(host(lab, "m1")).values()
    targets = [node.hostname for node in listed if node.role == "manager" and not node.leader][:2]
    both = [operator.start("backup", inventory, swarm_backup_hosts=[name]) for name in targets]
    looks = []
    while any(run.alive for run in both):
        looks.append([lab.node(name).run("systemctl is-active docker", check=False).stdout.strip() == "active"
                      for name in targets])
    for run in both:
        done = run.wait()
        assert done.ok, done.report
    assert [False, False] not in looks
    assert [False, True] in looks, "nobody looked while Docker was stopped"
    assert [True, False] in looks, "nobody looked while Docker was stopped"
    assert len(archives(controller)) == kept + 2
    assert_whole(lab)


@pytest.mark.parametrize("step", ["stopping", "copying", "returning"])
def test_a_module_that_dies_leaves_a_manager_that_comes_back(
    lab: Lab, operator: Operator, inventory: Path, controller: Path, step: str
) -> None:
    kept = archives(controller)
    with nemesis.module_killed_at(lab.node("m3"), step):
        run = operator.run("backup", inventory, swarm_backup_hosts=["m3"])
    assert not run.ok, run.report
    # The leader calls it reachable until it notices: what the node says of itself comes first.
    eventually(lambda: membership(host(lab, "m3"))["LocalNodeState"] == "active", "m3 is a member again")
    eventually(lambda: by_hostname(host(lab, "m1"))["m3"].reachability == "reachable"
               and by_hostname(host(lab, "m1"))["m3"].state == "ready", "m3 is back")
    eventually(lambda: lab.node("m3").run("systemctl is-active quorum-swarm-restart-guard", check=False).returncode,
               "the guard has ended")
    assert lab.node("m3").run("grep -rls SWMKEY /run/quorum.swarm /var/lib/quorum.swarm", check=False).stdout == ""
    assert archives(controller) == kept
    backup(operator, inventory, swarm_backup_hosts=["m3"])
    assert len(archives(controller)) == len(kept) + 1
    assert_whole(lab)


def test_refusals(lab: Lab, operator: Operator, inventory: Path, controller: Path) -> None:
    kept = archives(controller)
    before = settled(lab)

    def refused(*arguments: str, **variables: object) -> str:
        run = operator.run("backup", inventory, *arguments, **variables)
        assert not run.ok, run.report
        return run.failures

    said = refused(swarm_backup_hosts=["w1"])
    assert "w1 is not in the group swarm_managers, and only a manager holds the swarm's state." in said
    assert "--limit m2 is given" in refused("--limit", "m2")
    assert "swarm_backup_dir /proc/nothing cannot be written to" in refused(swarm_backup_dir="/proc/nothing")
    assert_unchanged(lab, before)

    # These are refused on the manager itself, under the lease, which leaves its trace in the swarm's version only.
    running = lab.node("m2").run("systemctl show docker.service --property MainPID").stdout
    m2 = lab.node("m2")
    m2.run("mkdir -p /var/lib/quorum.swarm && mount -t tmpfs -o size=4m tmpfs /var/lib/quorum.swarm")
    said = refused(swarm_backup_hosts=["m2"])
    m2.run("umount /var/lib/quorum.swarm")
    assert "Docker is not stopped: /var/lib/quorum.swarm has 4 MiB free" in said, said
    m2.run("mkdir -p /var/lib/quorum.swarm && echo '2026-01-01T00:00:00Z pending: by hand' >/var/lib/quorum.swarm/"
           "pending-restart && touch -d '+1 hour' /var/lib/quorum.swarm/pending-restart")
    said = refused(swarm_backup_hosts=["m2"])
    m2.run("rm /var/lib/quorum.swarm/pending-restart")
    assert "waits for a restart" in said, said
    assert "ansible-playbook quorum.swarm.restart" in said, said
    assert lab.node("m2").run("systemctl show docker.service --property MainPID").stdout == running
    assert_whole(lab)
    assert archives(controller) == kept


def test_while_a_manager_is_away_no_other_is_stopped(
    lab: Lab, operator: Operator, inventory: Path, controller: Path
) -> None:
    kept = archives(controller)
    target, away = [node.hostname for node in by_hostname(host(lab, "m1")).values()
                    if node.role == "manager" and not node.leader][:2]
    witness = next(name for name in MANAGERS if name not in (target, away))
    lab.node(away).freeze()
    # The leader does not know yet, or knows: whoever is asked, nothing is stopped.
    at_once = operator.run("backup", inventory, swarm_backup_hosts=[target])
    eventually(lambda: by_hostname(host(lab, witness))[away].reachability == "unreachable", f"{away} is missed")
    later = operator.run("backup", inventory, swarm_backup_hosts=[target])
    lab.node(away).thaw()
    assert not at_once.ok, at_once.report
    assert f"5 managers {away} cannot be reached" in at_once.failures, at_once.report
    assert not later.ok, later.report
    assert f"Of 5 managers {away} cannot be reached, and a backup stops another one" in later.failures, later.report
    eventually(lambda: by_hostname(host(lab, witness))[away].reachability == "reachable"
               and by_hostname(host(lab, witness))[away].state == "ready", f"{away} is back")
    assert archives(controller) == kept
    assert_whole(lab)


def test_nothing_secret_is_seen(lab: Lab, operator: Operator, inventory: Path, controller: Path) -> None:
    key = lab.node("m1").run("docker swarm unlock-key --quiet").stdout.strip()
    run = backup(operator, inventory, "-vvvv", "--diff")
    assert key not in run.output
    assert "PRIVATE KEY" not in run.output
    # Nor the archive itself, which comes to the controller as base64.
    assert base64.b64encode(archives(controller)[-1].read_bytes()[:48]).decode() not in run.output
    assert len(run.output) > 10000
