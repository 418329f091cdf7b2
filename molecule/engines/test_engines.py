# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From bare hosts to a swarm, with the oldest and the newest engine as with the one of today (20.10, 28.5, 26.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import objects, restored, traces
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import assert_swarm, assert_unchanged, host, look

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1"]
UNINSTALL = (
    "systemctl stop docker.socket docker containerd; apt-get purge -qq docker.io containerd runc >/dev/null && "
    "rm -rf /var/lib/docker/* /etc/docker /var/lib/quorum.swarm"
)


@pytest.fixture
def nodes(lab_name: str, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Three managers and a worker of the suite that the test names, as a lab of its own; bare: without an engine."""
    suite, bare = request.param
    name = f"{lab_name}-{suite}"
    if name in Lab.names():
        Lab(name).down()  # a run that was broken off has left it, with its swarm
    lab = Lab.up(name, managers=3, workers=1, suite=suite, bare=bare)
    try:
        yield lab
    finally:
        lab.down()


def becomes_a_swarm(lab: Lab, operator: Operator, version: str, folder: Path, lose: str = "") -> Run:
    """Provision, see the second run do nothing, back up, lock, ask for the health; return the first run.

    :param lose: when every manager is lost and brought back from the backup: ``plain``, ``locked``; ``bare``: the
        locked one onto hosts without an engine.
    """
    done = operator.provision(lab.inventory)
    assert_swarm(lab, MANAGERS, WORKERS)
    assert host(lab, "m1").check_output("docker version --format '{{.Server.Version}}'").startswith(version)
    again = operator.provision(lab.inventory)
    assert not again.changed, again.report
    assert again.plan == []

    objects.populate(lab)
    is_backed_up(lab, operator, folder)
    if "plain" in lose:
        is_restored(lab, operator, folder)
    autolock = {"swarm_autolock": True, "swarm_controller_dir": str(folder / "controller")}
    operator.provision(lab.inventory, **autolock)
    is_backed_up(lab, operator, folder)
    is_drilled(lab, operator, folder)
    if "locked" in lose:
        is_restored(lab, operator, folder, bare="bare" in lose, swarm_autolock=True)
    assert not operator.provision(lab.inventory, **autolock).changed
    report = folder / "health.json"
    health = operator.run("health", lab.inventory, swarm_health_json=str(report), **autolock)
    assert health.ok, health.report
    assert json.loads(report.read_text())["verdict"] == "healthy"
    return done


def is_backed_up(lab: Lab, operator: Operator, folder: Path) -> None:
    """A backup is taken and proven, here and again; it is one of three managers, which is told. No request fails."""
    controller = {"swarm_controller_dir": str(folder / "controller")}
    with lab.probe(WORKERS, period=0.1) as probe:
        run = operator.run("backup", lab.inventory, **controller)
    assert run.ok, run.report
    assert probe.failures == []
    assert "3 managers: while one is stopped, 2 of 3 are left and a majority is 2" in run.output, run.report
    assert "proven here: its log was read and holds what the swarm listed" in run.output, run.report
    assert_swarm(lab, MANAGERS, WORKERS)
    verified = operator.run("verify_backup", lab.inventory, **controller)
    assert verified.ok, verified.report


def is_drilled(lab: Lab, operator: Operator, folder: Path) -> None:
    """The newest backup comes up in isolation, beside a worker's engine that serves all the time."""
    before = traces.look(lab.node("w1"))
    with lab.probe(WORKERS, period=0.1) as probe:
        run = operator.run("drill", lab.inventory, swarm_controller_dir=str(folder / "controller"))
    assert run.ok, run.report
    assert probe.failures == []
    # What a restore before has left goes by itself meanwhile. On a host at rest, molecule/drill wants no difference.
    assert [line for line in traces.difference(before, traces.look(lab.node("w1"))) if line.startswith("+")] == []


def is_restored(lab: Lab, operator: Operator, folder: Path, bare: bool = False, **variables: object) -> None:
    """Every manager is lost, and comes back with all objects; the worker serves all the time.

    :param bare: the managers are new machines, without an engine.
    """
    controller = folder / "controller"
    archive = max((controller / "backups").glob("*.tar.gz"), key=lambda path: path.name.rpartition("_")[2])
    before = objects.listed(lab)
    if bare:
        for name in MANAGERS:
            lab.node(name).run(UNINSTALL)
    else:
        restored.wipe(lab, MANAGERS)
    with lab.probe(WORKERS, period=0.1) as probe:
        run = operator.run("restore", lab.inventory, swarm_restore_archive=str(archive),
                           swarm_controller_dir=str(controller), **variables)  # fmt: skip
    assert run.ok, run.report
    assert probe.failures == []
    assert_swarm(lab, MANAGERS, WORKERS)
    after = objects.listed(lab)
    for kind, things in before.items():
        assert kind == "node" or after[kind] == things, kind
    restored.assert_works(lab, "m1", WORKERS)
    if variables:
        restored.assert_keys(lab, "m1", MANAGERS, controller)


@pytest.mark.parametrize(
    ("nodes", "version"), [(("bookworm", True), "20.10."), (("trixie", True), "26.1.")], indirect=["nodes"], ids=str
)
def test_bare_hosts_become_a_swarm(nodes: Lab, version: str, operator: Operator, tmp_path: Path) -> None:
    before = look(nodes)
    for name in before:
        assert not host(nodes, name).exists("dockerd")
    shown = operator.provision(nodes.inventory, "--check", "--diff")
    assert shown.planned("engine") == [*MANAGERS, *WORKERS]
    assert shown.planned("init") == ["m1"]
    assert shown.planned("join") == ["m2", "m3", "w1"]
    assert shown.planned("promote") == ["m2", "m3"]
    assert set(shown.changed) == {*MANAGERS, *WORKERS}
    assert_unchanged(nodes, before)

    lose = "plain, locked" if version == "20.10." else "locked, bare"
    done = becomes_a_swarm(nodes, operator, version, tmp_path, lose)
    assert done.plan == shown.plan
    for name in (*MANAGERS, *WORKERS):
        node = host(nodes, name)
        assert node.service("docker").is_running
        assert node.service("docker").is_enabled
        assert node.run("python3 -c 'import docker'").rc == 0
    for name in MANAGERS:
        assert host(nodes, name).run("python3 -c 'import nacl, cryptography'").rc == 0


@pytest.mark.parametrize(("nodes", "version"), [(("forky", False), "28.5.")], indirect=["nodes"], ids=str)
def test_a_newer_engine(nodes: Lab, version: str, operator: Operator, tmp_path: Path) -> None:
    becomes_a_swarm(nodes, operator, version, tmp_path, "locked")
