# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three of five managers of an autolocked swarm are lost, the leader too: refused, planned, recovered, done again. A
spare stands in for them. Then they are back, with a majority and a leader of their own, and are taken in. At last three
are lost for good, by an operator's word that they are powered off. After each recovery both join tokens are new.

Their hosts are off until then, so that ssh does not reach them. The tests share one swarm, and run in their order.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.testinfra import objects, restored
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import (
    all_known,
    assert_swarm,
    by_hostname,
    eventually,
    finds,
    host,
    members,
    membership,
    swarm,
)

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]


@dataclass(frozen=True)
class Scene:
    """A swarm that has lost three managers, and what it was."""

    inventory: Path
    controller: Path
    swarm: dict[str, Any]
    objects: dict[str, set[tuple[str, str]]]
    nodes: dict[str, str]
    tokens: list[str]
    lost: list[str]
    left: list[str]

    @property
    def given_up(self) -> dict[str, object]:
        """What the operator has to say."""
        return {"swarm_recover_confirm": self.swarm["ID"], "swarm_recover_lost": self.lost}


def tokens(lab: Lab, name: str) -> list[str]:
    """The join tokens of workers and of managers, as this manager tells them."""
    ask = "docker swarm join-token -q worker; docker swarm join-token -q manager"
    told = lab.node(name).run(ask).stdout.split()
    assert len(told) == 2, told
    return told


@pytest.fixture(scope="module")
def scene(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> Scene:
    """Provision it, put things into it, and turn the leader and two others off."""
    controller = folder / "controller"
    inventory = inventories.write(
        MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(controller),
        ansible_timeout=5, **restored.SETTINGS,
    )  # fmt: skip
    operator.provision(inventory)
    objects.populate(lab, "m1")
    found = by_hostname(host(lab, "m1"))
    leader = next(name for name, node in found.items() if node.leader)
    lost = sorted([leader, *[name for name in MANAGERS if name != leader][:2]])
    scene = Scene(inventory, controller, swarm(host(lab, "m1")), objects.listed(lab, "m1"),
                  {name: node.id for name, node in found.items()}, tokens(lab, "m1"), lost,
                  [name for name in MANAGERS if name not in lost])  # fmt: skip
    for name in lost:
        lab.node(name).kill()
    return scene


def started(lab: Lab, scene: Scene) -> list[str]:
    """When Docker was started on the survivors."""
    ask = "systemctl show docker --property=ExecMainStartTimestampMonotonic,ActiveState"
    return [lab.node(name).run(ask).stdout for name in scene.left]


def test_nobody_is_given_up_without_a_word(lab: Lab, operator: Operator, scene: Scene) -> None:
    before = started(lab, scene)
    run: Run = operator.run("recover", scene.inventory, "--check")
    assert run.ok, run.report
    typed = re.search(r"-e swarm_recover_confirm=(\S+) -e '(\{.*?\})'", run.output)
    assert typed is not None, run.report
    assert (typed[1], json.loads(typed[2])) == (scene.swarm["ID"], {"swarm_recover_lost": scene.lost})
    assert "commit at least" in run.output

    run = operator.run("recover", scene.inventory, **{**scene.given_up, "swarm_recover_lost": scene.lost[:2]})
    assert not run.ok, run.report
    assert f"it does not name {scene.lost[2]}" in run.failures, run.report
    assert not run.changed, run.report
    assert started(lab, scene) == before


def test_it_is_recovered(lab: Lab, operator: Operator, scene: Scene) -> None:
    tasks = restored.containers(lab, WORKERS)
    with lab.probe(WORKERS, period=0.1) as probe:
        run = operator.run("recover", scene.inventory, **scene.given_up)
    assert run.ok, run.report
    assert probe.failures == []
    assert restored.containers(lab, WORKERS) == tasks
    assert "SWMKEY-1-" not in run.output

    manager = scene.left[0]
    all_known(host(lab, manager))  # the backup of one of two managers has made the other one look for a leader
    found = by_hostname(host(lab, manager))
    assert {name: node.id for name, node in found.items()} == {
        name: scene.nodes[name] for name in (*scene.left, *WORKERS)
    }
    assert {name: node.reachability for name, node in found.items() if node.role == "manager"} == dict.fromkeys(
        scene.left, "reachable"
    )
    assert all(node.state == "ready" for node in found.values()), found
    now = swarm(host(lab, manager))
    for field in ("ID", "DefaultAddrPool", "SubnetSize", "DataPathPort"):
        assert now[field] == scene.swarm[field], field
    for field in ("Orchestration", "Raft", "Dispatcher", "EncryptionConfig"):
        assert now["Spec"][field] == scene.swarm["Spec"][field], field
    assert now["TLSInfo"]["TrustRoot"] != scene.swarm["TLSInfo"]["TrustRoot"]
    assert not {*tokens(lab, manager)} & {*scene.tokens}, "a join token is what it was"
    listed = objects.listed(lab, manager)
    assert {kind: things for kind, things in listed.items() if kind != "node"} == {
        kind: things for kind, things in scene.objects.items() if kind != "node"
    }
    restored.assert_keys(lab, manager, scene.left, scene.controller)
    assert len(list((scene.controller / "backups").glob("*.tar.gz"))) == 1
    (path,) = (scene.controller / "reports").glob("recover-*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    told = json.loads(path.read_text())
    assert told["given_up"] == scene.lost
    # The workers joined through a manager that is lost: their engines ask no other one for the overlay networks.
    (split,) = told["data_path"]
    assert f"({', '.join(scene.left)} | w1, w2)" in split["fact"]


def test_again_it_changes_nothing(operator: Operator, scene: Scene) -> None:
    run = operator.run("recover", scene.inventory)
    assert run.ok, run.report
    assert not run.changed, run.report


@pytest.fixture(scope="module")
def with_spare(scene: Scene, inventories: Inventories) -> Path:
    """The same inventory, in which one of the workers may stand in. It joined through a manager that is lost."""
    return inventories.write(
        MANAGERS, WORKERS, hosts={"w1": {"swarm_spare_manager": True, "swarm_zone": "c"}}, swarm_autolock=True,
        swarm_controller_dir=str(scene.controller), ansible_timeout=5, **restored.SETTINGS,
    )  # fmt: skip


def test_a_spare_stands_in(lab: Lab, operator: Operator, scene: Scene, with_spare: Path) -> None:
    """And workers whose overlay networks have lost the managers are restarted, now that an operator says so."""
    assert finds(lab, "w2", (*MANAGERS, *WORKERS)) == {"w1", "w2"}
    run = operator.run("recover", with_spare, swarm_recover_restart_workers=True)
    assert run.ok, run.report
    for name in (*scene.left, *WORKERS):
        assert finds(lab, name, (*MANAGERS, *WORKERS)) == {*scene.left, *WORKERS}, name
    assert run.planned("promote") == ["w1"]
    (report,) = (scene.controller / "reports").glob("recover-*.json")
    assert json.loads(report.read_text())["data_path"] == [], "the report of the recovery tells what is true by now"
    assert "The swarm has 3 of 5 managers" in run.output
    found = by_hostname(host(lab, scene.left[0]))
    assert sorted(name for name, node in found.items() if node.reachability == "reachable") == [*scene.left, "w1"]
    assert (found["w1"].id, found["w1"].availability) == (scene.nodes["w1"], "drain")


def back_with_a_leader(lab: Lab, scene: Scene) -> None:
    """Turn the lost on, and unlock them with the key that they had."""
    for name in scene.lost:
        lab.node(name).start()
    (keys,) = (scene.controller / "unlock-keys").glob("*.json")
    former = json.loads(keys.read_text())["former"][0]

    def unlock(name: str) -> None:
        eventually(lambda: lab.node(name).run("docker swarm unlock", stdin=former, check=False).returncode == 0
                   or membership(host(lab, name))["LocalNodeState"] == "active", f"{name} is unlocked")  # fmt: skip

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(unlock, scene.lost))
    eventually(lambda: any(node.leader for node in members(host(lab, scene.lost[0]))), "they have a leader")


def test_the_lost_are_back_as_a_majority(lab: Lab, operator: Operator, scene: Scene, with_spare: Path) -> None:
    back_with_a_leader(lab, scene)
    lost, left = ", ".join(scene.lost), ", ".join(scene.left)
    (report,) = (scene.controller / "reports").glob("recover-*.json")
    chosen = json.loads(report.read_text())["host"]  # whose log went furthest
    run = operator.run("health", with_spare)
    said = " ".join(run.output.split())
    assert "split: Two swarms share the ID" in said, run.report
    assert f"{left} are of the one that was recovered (on {chosen}" in said, run.report
    assert f"{lost} are of the one that was given up" in said, run.report
    assert f"quorum.swarm.provision takes {lost} in" in said, run.report

    tasks = restored.containers(lab, ["w2"])
    with lab.probe(["w2"], period=0.1) as probe:
        run = operator.provision(with_spare)
    assert run.planned("clean") == scene.lost
    assert run.planned("demote") == ["w1"]
    assert probe.failures == []
    assert restored.containers(lab, ["w2"]) == tasks
    assert_swarm(lab, [*scene.left, *scene.lost], WORKERS, {"w1": "c"})
    found = by_hostname(host(lab, scene.left[0]))
    assert {name: node.id == scene.nodes[name] for name, node in found.items()} == {
        name: name not in scene.lost for name in scene.nodes
    }
    assert swarm(host(lab, scene.lost[0]))["ID"] == scene.swarm["ID"]
    for name in scene.lost:
        assert lab.node(name).run(f"ls {restored.ASIDE}").stdout.strip(), f"{name}: nothing was kept"
    restored.assert_keys(lab, scene.left[0], MANAGERS, scene.controller)

    run = operator.provision(with_spare)
    assert not run.changed, run.report


def test_those_that_are_powered_off_know_no_join_token(lab: Lab, operator: Operator, scene: Scene) -> None:
    """The fence of an operator who is sure: both join tokens are new all the same. The root certificate stays, although
    the recovery before this one changed it, and an engine that is not told of that makes another one when it forces.
    """
    before, trusted = tokens(lab, scene.left[0]), swarm(host(lab, scene.left[0]))["TLSInfo"]["TrustRoot"]
    for name in scene.lost:
        lab.node(name).kill()
    run = operator.run("recover", scene.inventory, **scene.given_up, swarm_recover_powered_off=True)
    assert run.ok, run.report
    now = swarm(host(lab, scene.left[0]))
    assert now["ID"] == scene.swarm["ID"]
    assert now["TLSInfo"]["TrustRoot"] == trusted
    assert not {*tokens(lab, scene.left[0])} & {*before}, "a join token is what it was"
