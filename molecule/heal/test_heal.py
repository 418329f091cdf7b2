# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that take no part in their swarm are brought back, or replaced, and no request fails on those that do.

Three managers of an autolocked swarm, two workers, and one more that stands in for a manager. The tests share one
swarm, and run in their order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import restored
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import Member, all_known, by_hostname, eventually, host

MANAGERS = ["m1", "m2", "m3"]
WORKERS = ["w1", "w2", "s1"]
PERIOD, PATIENCE = 0.2, 5.0
BROKEN = "{broken"
"""A daemon.json that no engine takes."""


@dataclass(frozen=True)
class Scene:
    """A swarm that works."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path

    def heal(self, *arguments: str) -> Run:
        return self.operator.run("heal", self.inventory, *arguments)

    def rejoin(self, name: str) -> Run:
        return self.operator.run("rejoin", self.inventory, swarm_node=name)

    def nodes(self, asked: str = "m1") -> dict[str, Member]:
        """What this manager lists, when it knows how they are."""
        all_known(host(self.lab, asked))
        return by_hostname(host(self.lab, asked))

    def gone(self, name: str, asked: str = "m1") -> None:
        """Wait until the swarm does not find this node ready, and does not reach it."""
        eventually(lambda: (node := by_hostname(host(self.lab, asked))[name]).state == "down"
                   and node.reachability != "reachable", f"{name} is down")  # fmt: skip

    def assert_whole(self, asked: str = "m1") -> None:
        """Every host of the inventory is the node that it shall be."""
        found = self.nodes(asked)
        assert {name: (node.role, node.state) for name, node in found.items()} == {
            **dict.fromkeys(MANAGERS, ("manager", "ready")),
            **dict.fromkeys(WORKERS, ("worker", "ready")),
        }
        assert {found[name].reachability for name in MANAGERS} == {"reachable"}
        lock = self.lab.node(asked).run("docker info --format '{{json .Swarm.Cluster.Spec.Labels}}'").stdout
        assert "quorum.swarm/lease" not in lock


@pytest.fixture(scope="module")
def scene(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> Scene:
    """Provision it, and have every worker serve."""
    controller = folder / "controller"
    inventory = inventories.write(
        MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(controller), ansible_timeout=5,
        hosts={"s1": {"swarm_spare_manager": True, "swarm_zone": "c"}, "w1": {"swarm_labels": {"disk": "ssd"}}},
    )  # fmt: skip
    operator.provision(inventory)
    lab.workload_up("m1")
    return Scene(lab, operator, inventory, controller)


def test_a_daemon_is_started_and_unlocked_and_a_broken_one_is_told(scene: Scene) -> None:
    lab = scene.lab
    before = scene.nodes()
    lab.node("m2").run("systemctl stop docker.socket docker")
    lab.node("w1").run(f"mkdir -p /etc/docker; echo '{BROKEN}' > /etc/docker/daemon.json; systemctl restart docker",
                       check=False)  # fmt: skip
    scene.gone("m2")
    scene.gone("w1")
    run = scene.heal("--check")
    assert run.ok, run.report
    assert set(run.changed) == {"m2", "w1"}
    assert "sick: m2 is down, unreachable: Docker does not answer there" in run.output

    with lab.probe(["w2"], period=PERIOD, timeout=PATIENCE) as probe:
        run = scene.heal()
    assert not run.ok
    assert "unable to configure the Docker daemon with file /etc/docker/daemon.json" in run.failures, run.report
    assert "m2" not in run.failures.replace("m2        ", ""), run.report
    assert probe.failures == []
    assert "SWMKEY-1-" not in run.output
    found = scene.nodes()
    assert (found["m2"].id, found["m2"].reachability) == (before["m2"].id, "reachable")
    assert found["w1"].id == before["w1"].id
    assert lab.node("w1").run("ls /var/lib/docker/swarm/certificates").stdout


def test_an_emptied_state_directory_is_a_new_node_with_its_labels(scene: Scene) -> None:
    lab = scene.lab
    lab.node("m1").run("docker node update --label-add rack=7 m3")
    before = scene.nodes()
    lab.node("w1").run("rm /etc/docker/daemon.json")
    lab.node("m3").run("systemctl stop docker.socket docker; rm -rf /var/lib/docker/swarm; systemctl start docker")
    scene.gone("m3")
    with lab.probe(["w2"], period=PERIOD, timeout=PATIENCE) as probe:
        run = scene.heal()
    assert run.ok, run.report
    assert probe.failures == []
    scene.assert_whole()
    found = scene.nodes()
    assert found["m3"].id != before["m3"].id
    assert found["w1"].id == before["w1"].id
    assert (found["m3"].labels, found["m3"].availability) == (before["m3"].labels, before["m3"].availability)
    assert restored.clear_keys(lab, "m3") == []


def test_a_manager_whose_host_is_off_is_replaced_and_comes_back(scene: Scene) -> None:
    lab = scene.lab
    lab.node("m3").kill()
    scene.gone("m3")
    run = scene.rejoin("m2")
    assert not run.ok
    assert "without it 1 of 2 voters would be reachable" in run.failures, run.report
    assert not run.changed
    with lab.probe(["w1", "w2"], period=PERIOD, timeout=PATIENCE) as probe:
        run = scene.heal()
        assert run.ok, run.report
        found = scene.nodes()
        assert {name for name, node in found.items() if node.reachability == "reachable"} == {"m1", "m2", "s1"}
        assert "m3" not in found
        assert found["s1"].availability == "drain"
        run = scene.heal()
        assert run.ok, run.report
        assert not run.changed, run.report
        lab.node("m3").start()  # its node is no more: it locked itself, and is told so by nobody
        run = scene.heal()
        assert run.ok, run.report
    assert probe.failures == []
    scene.assert_whole()
    assert scene.nodes()["s1"].availability == "active"
    (path, *_more) = (scene.controller / "reports").glob("heal-*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["kind"] == "heal"


def test_a_rejoined_node_has_what_it_had(scene: Scene) -> None:
    lab = scene.lab
    lab.node("m1").run("docker node update --label-add mine=yes --availability pause w1")
    before = scene.nodes()
    leader = next(name for name, node in before.items() if node.leader)
    asked = next(name for name in MANAGERS if name != leader)
    for name in (leader, "w1"):
        with lab.probe(["w2"], period=PERIOD, timeout=PATIENCE) as probe:
            run = scene.rejoin(name)
        assert run.ok, run.report
        assert probe.failures == []
        scene.assert_whole(asked)
        was, now = before[name], scene.nodes(asked)[name]
        assert now.id != was.id
        assert (now.role, now.availability, now.labels) == (was.role, was.availability, was.labels)


def test_a_lost_quorum_is_for_recover(scene: Scene) -> None:
    for name in ("m2", "m3"):
        scene.lab.node(name).kill()
    eventually(lambda: scene.lab.node("m1").run("docker node ls", check=False).returncode != 0, "the quorum is lost")
    run = scene.heal()
    assert not run.ok
    assert "ansible-playbook quorum.swarm.recover" in run.failures, run.report
    assert not run.changed
