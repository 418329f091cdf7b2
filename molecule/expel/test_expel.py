# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compromised nodes are taken out without a word from themselves, and what they knew is worth nothing afterwards.

Five managers of an autolocked swarm and two workers: first a worker, then the leader, in a run that is killed when its
entry is gone. The tests share one swarm, and run in their order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import objects
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import all_known, by_hostname, eventually, host, members, membership, swarm

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]
LABEL = "quorum.swarm/expelled"


@dataclass(frozen=True)
class Scene:
    """A swarm with a service that reads a secret and a config, on both workers."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path
    ids: dict[str, str]
    leader: str

    @property
    def other(self) -> str:
        """A manager that is not the leader."""
        return next(name for name in MANAGERS if name != self.leader)

    def secrets(self) -> tuple[str, str, str]:
        """What whoever owned a manager knew: both join tokens, and the unlock key."""
        ask = "docker swarm join-token -q worker; docker swarm join-token -q manager; docker swarm unlock-key -q"
        one, two, three = self.lab.node(self.other).run(ask).stdout.split()
        return one, two, three

    def kept_key(self) -> str:
        """The unlock key that the controller keeps."""
        (path,) = (self.controller / "unlock-keys").glob("*.json")
        return str(json.loads(path.read_text())["current"])

    def expel(self, *arguments: str, **variables: object) -> Run:
        return self.operator.run("expel", self.inventory, *arguments, **variables)

    def listed(self) -> set[str]:
        return {node.id for node in members(host(self.lab, self.other))}

    def todo(self) -> dict[str, list[str]]:
        """What the swarm object says is left to do, by node."""
        labels = swarm(host(self.lab, self.other))["Spec"].get("Labels") or {}
        return {entry["id"]: entry.get("todo", []) for entry in json.loads(labels.get(LABEL, "[]"))}


@pytest.fixture(scope="module")
def scene(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> Scene:
    """Provision it, and put things into it."""
    controller = folder / "controller"
    inventory = inventories.write(
        MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(controller), ansible_timeout=5
    )
    operator.provision(inventory)
    objects.populate(lab, "m1")
    found = by_hostname(host(lab, "m1"))
    ids = {name: node.id for name, node in found.items()}
    eventually(lambda: "running" in lab.node("m1").run(
        f"docker node ps {ids['w2']} --filter name=reader --format '{{{{.CurrentState}}}}'").stdout.lower(),
        "reader runs on w2")  # fmt: skip
    return Scene(lab, operator, inventory, controller, ids, next(name for name, node in found.items() if node.leader))


def test_nobody_is_taken_out_without_a_word(scene: Scene) -> None:
    run = scene.expel(swarm_node="w2")
    assert not run.ok
    assert not run.changed, run.report
    assert f"expel -e swarm_node=w2 -e swarm_expel_confirm={scene.ids['w2']}" in run.failures, run.report
    run = scene.expel("--check", swarm_node="w2")
    assert run.ok, run.report
    assert run.planned("remove") == ["w2"]
    assert "secret  password  used by reader" in run.output, run.report
    assert scene.ids["w2"] in scene.listed()
    assert scene.todo() == {}


def test_a_worker_cannot_come_back(scene: Scene) -> None:
    lab, before = scene.lab, scene.secrets()
    run = scene.expel(swarm_node="w2", swarm_expel_confirm=scene.ids["w2"])
    assert run.ok, run.report
    assert "w2" not in run.recap
    for kind, name in (("secret", "password"), ("config", "settings")):
        assert f"{kind}  {name}  used by reader" in run.output, run.report
    assert scene.ids["w2"] not in scene.listed()
    after = scene.secrets()
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert after[2] == scene.kept_key()
    assert not any(secret in run.output for secret in (*before, *after, objects.SECRET))
    (path,) = (scene.controller / "reports").glob("expel-*.json")
    assert path.stat().st_mode & 0o777 == 0o600

    eventually(lambda: "was removed from swarm" in lab.node("w2").run(
        "journalctl -u docker --since -60s --no-pager -o cat").stdout, "it is told so")  # fmt: skip
    lab.node("w2").run("systemctl restart --no-block docker")  # it takes half a minute, and is asked later


def test_again_nothing_is_changed_and_provision_does_not_take_it_in(scene: Scene) -> None:
    run = scene.expel(swarm_node="w2")
    assert run.ok, run.report
    assert not run.changed, run.report
    assert "w2 is gone, and was taken out as compromised" in run.output
    run = scene.operator.run("provision", scene.inventory)
    assert "w2 was taken out of this swarm as compromised, and is to join it" in run.failures, run.report
    assert not run.changed, run.report


def test_the_leader_in_a_run_that_is_killed(scene: Scene) -> None:
    lab, gone, before = scene.lab, scene.ids[scene.leader], scene.secrets()
    root = swarm(host(lab, scene.other))["TLSInfo"]["TrustRoot"]
    lab.node("w1").freeze()  # it keeps the new root certificate from being everywhere
    running = scene.operator.start("expel", scene.inventory, swarm_node=scene.leader, swarm_expel_confirm=gone)
    eventually(lambda: gone not in scene.listed() and scene.todo().get(gone) == ["ca"], "it waits for the certificates")
    running.kill()
    for name in MANAGERS:
        if name != scene.leader:
            # The module runs on when the playbook is gone.
            lab.node(name).run("pkill -KILL -x python3", check=False)
    assert f"ok: [{scene.leader}]" not in running.output
    assert scene.kept_key() == before[2]

    lab.node("w1").thaw()
    run = scene.expel()
    assert run.ok, run.report
    assert f"{scene.leader}: a run that took it out was broken off. It is gone on with." in run.output, run.report
    assert f"ok: [{scene.leader}]" not in run.output.partition("PLAY [Observe]")[2], run.report
    assert "even_managers: 4 managers are an even number" in run.output
    assert scene.todo()[gone] == []
    assert swarm(host(lab, scene.other))["TLSInfo"]["TrustRoot"] != root
    after = scene.secrets()
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert after[2] == scene.kept_key()
    run = scene.expel()
    assert "Refused, and nothing was changed. swarm_node is not set" in run.failures, run.report

    all_known(host(lab, scene.other))
    found = by_hostname(host(lab, scene.other))
    assert {name for name, node in found.items() if node.reachability == "reachable"} == {*MANAGERS} - {scene.leader}
    assert "quorum.swarm/lease" not in (swarm(host(lab, scene.other))["Spec"].get("Labels") or {})


def test_the_worker_has_restarted_and_got_nowhere(scene: Scene) -> None:
    eventually(lambda: membership(host(scene.lab, "w2"))["LocalNodeState"] == "pending", "w2 knows no manager")
    assert scene.ids["w2"] not in scene.listed()


def test_marked_as_compromised_nobody_asks_it(scene: Scene, inventories: Inventories) -> None:
    absent = {scene.leader: {"swarm_compromised": True, "ansible_host": "198.18.255.1"}}
    inventory = inventories.write(
        [name for name in MANAGERS if name != scene.leader], ["w1"], [scene.leader],
        hosts=absent, swarm_autolock=True, swarm_controller_dir=str(scene.controller), ansible_timeout=5,
        swarm_allow_even_managers=True, swarm_allow_too_few_zones=True, swarm_allow_deadly_zone=True,
    )  # fmt: skip
    run = scene.operator.provision(inventory)
    assert not run.changed, run.report
    assert "unreachable=1" not in run.output, run.report
    run = scene.operator.run("expel", inventory)
    assert run.ok, run.report
    assert not run.changed, run.report
