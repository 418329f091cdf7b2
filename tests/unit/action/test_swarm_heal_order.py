# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of heal and rejoin on the controller, one after the other.

Three managers and two workers, the second of which may stand in for a manager.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action import swarm_heal_order

HOSTS = {"m1": "192.0.2.11", "m2": "192.0.2.12", "m3": "192.0.2.13", "w1": "192.0.2.31", "w2": "192.0.2.32"}
STAGES = {"start": "start", "judge": "judged", "acted": "acted", "plan": "plan", "emptied": "emptied", "made": "made"}
UNREACHABLE = {"unreachable": True, "msg": "no route"}
DOCKER = "Docker does not start on this host: no space left on device."


def entry(name: str, works: bool = True) -> dict[str, Any]:
    """As a manager lists a node."""
    manager = name.startswith("m")
    return {"id": f"node-{name}", "hostname": name, "role": "manager" if manager else "worker", "voter": manager,
            "availability": "drain" if manager else "active", "state": "ready" if works else "down",
            "leader": name == "m1", "reachability": ("reachable" if works else "unreachable") if manager else "",
            "manager_addr": f"{HOSTS[name]}:2377" if manager else "", "labels": {
                "quorum.swarm/host": name, "quorum.swarm/labels": "zone", "zone": name}}  # fmt: skip


class Controller:
    """The action, with the variables that the playbook would have."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
        self.said: list[str] = []
        monkeypatch.setattr(swarm_heal_order, "_say", self.said.append)
        self.hostvars: dict[str, dict[str, Any]] = {
            name: {"swarm_controller_dir": str(home), "ansible_host": address, "swarm_zone": name,
                   "swarm_spare_manager": name == "w2"}
            for name, address in HOSTS.items()
        }  # fmt: skip
        self.hostvars["localhost"] = {}
        self.see()

    def see(self, **words: str) -> None:
        """What all hosts say: a word for those that take no part."""
        nodes = [entry(name, name not in words) for name in HOSTS if words.get(name) != "unlisted"]
        for name, address in HOSTS.items():
            word, manager = words.get(name, ""), name.startswith("m")
            if word == "silent":
                self.put(name, "seen", UNREACHABLE)
                continue
            stopped = word == "stopped"
            facts = {
                "hostname": name, "engine": {"installed": True, "answers": not stopped},
                "membership": {} if stopped else {"state": "active", "node_id": f"node-{name}", "control": manager},
                "state": {"swarm_id": "swarm1", "node_id": f"node-{name}", "root_dir": "/var/lib/docker"},
                "addresses": [{"address": address, "prefix": 24, "interface": "eth0"}],
                "problem": "no_engine" if stopped else "" if manager else "not_manager",
                **({"swarm": {"id": "swarm1", "spec": {}}, "nodes": nodes} if manager and not stopped else {}),
            }  # fmt: skip
            self.put(name, "seen", {"facts": facts})

    def put(self, host: str, name: str, result: dict[str, Any]) -> None:
        """What a host registered."""
        self.hostvars[host][f"__swarm_heal_{name}"] = result

    def __call__(self, stage: str, check: bool = False, **args: Any) -> dict[str, Any]:
        action = swarm_heal_order.ActionModule.__new__(swarm_heal_order.ActionModule)
        action._task = SimpleNamespace(args={"stage": stage, **args}, check_mode=check)
        groups = {"swarm_managers": ["m1", "m2", "m3"], "swarm_workers": ["w1", "w2"]}
        result: dict[str, Any] = action.run(None, {"groups": groups, "hostvars": self.hostvars})
        if stage in STAGES:
            self.hostvars["localhost"][f"__swarm_heal_{STAGES[stage]}"] = result
        return result


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    return Controller(tmp_path, monkeypatch)


def test_nothing_to_heal(controller: Controller, tmp_path: Path) -> None:
    controller("start")
    judged = controller("judge")
    assert (judged["begin"], judged["giver"], judged["daemon"]) == ([], [], [])
    assert controller("plan")["any"] is False
    assert controller("report")["report"] == ""
    assert "nothing to heal" in controller.said[-1]
    assert not (tmp_path / "reports").exists()


def test_a_stopped_docker_is_started_and_that_is_all(controller: Controller, tmp_path: Path) -> None:
    controller.see(m3="stopped", w1="stopped")
    controller("start")
    judged = controller("judge")
    assert judged["begin"] == ["m1"]
    assert judged["phases"]["daemon"] == {
        "workers": ["w1"], "managers": ["m3"], "await": ["m1"], "judge": ["localhost"],
        "look": ["m1", "m2", "m3", "w1"],
    }  # fmt: skip
    for name in ("m3", "w1"):
        controller.put(name, "daemon", {"did": ["start"], "state": "active"})
    assert [item["host"] for item in controller("acted")["await"]] == ["m3", "w1"]
    controller.see()
    judged = controller("judge")
    assert (judged["sick"], judged["begin"], judged["giver"]) == ([], [], ["m1"])
    assert not any(judged["phases"]["daemon"].values())
    assert controller("plan")["any"] is False
    told = json.loads(Path(controller("report")["report"]).read_text())
    assert told["did"] == {"m3": ["Docker was started"], "w1": ["Docker was started"]}
    assert [item["host"] for item in told["sick"]] == ["m3", "w1"]
    assert told["left"] == []


def test_a_full_disk_is_told_to_the_end(controller: Controller) -> None:
    """A manager whose Docker runs again and takes no part is not made a new node where there is no room for one."""
    controller.see(m3="stopped")
    controller.hostvars["m3"]["__swarm_heal_seen"]["facts"]["state"]["room"] = 0
    for name in ("w1", "w2"):
        controller.hostvars[name]["swarm_spare_manager"] = False
    controller("start")
    controller("judge")
    controller.put("m3", "daemon", {"did": ["restart"], "state": "error"})
    controller("acted")
    assert controller("judge")["phases"]["daemon"]["managers"] == []
    assert controller("plan")["any"] is False
    report = controller("report")
    assert report["failed"]
    assert "its disk is full (0 MiB are free in /var/lib/docker)." in report["msg"]
    assert report["msg"].endswith(
        "Make room on its disk, and run again: 0 MiB are free in /var/lib/docker, and a new node needs 192.")


def test_a_manager_that_cannot_be_emptied_is_replaced(controller: Controller) -> None:
    controller.see(m3="stopped")
    controller("start")
    controller("judge")
    controller.put("m3", "daemon", {"failed": True, "msg": DOCKER})
    assert controller("acted")["await"] == []
    assert controller("judge")["daemon"] == []
    plan = controller("plan")
    assert (plan["note"], plan["clean"], plan["actor"]) == (["m3"], ["m3"], "m1")
    controller.put("m3", "noted", {"changed": True})
    controller.put("m3", "cleaned", {"failed": True, "msg": DOCKER})
    emptied = controller("emptied")
    assert (emptied["unmade"], emptied["join"], emptied["replaced"]) == (["m3"], [], {"m3": "w2"})
    assert [(item["host"], item["live"]) for item in emptied["removals"]] == [("m3", False)]
    assert [(item["host"], item["role"], item["availability"]) for item in emptied["orders"]] == [
        ("w2", "manager", "drain")]  # fmt: skip
    assert [item["hostname"] for item in emptied["removed"]] == ["m3"]
    # Its Docker is started anew before it is promoted, with the managers that live.
    assert emptied["stand_ins"] == {"w2": "node-w2"}
    assert emptied["managers"] == [["node-m1", "192.0.2.11:2377"], ["node-m2", "192.0.2.12:2377"]]
    controller.hostvars["w2"]["__swarm_stood_in"] = {"changed": True}
    made = controller("made")
    assert (made["placer"], [item["host"] for item in made["orders"]], made["replaced"]) == (
        ["m1"], ["w2"], {"m3": "w2"})  # fmt: skip


@pytest.mark.parametrize("result", [UNREACHABLE, {"failed": True, "msg": DOCKER}, {}])
def test_a_spare_that_is_not_ready_is_not_promoted(controller: Controller, result: dict[str, Any]) -> None:
    controller.see(m3="silent")
    controller("start")
    controller("judge")
    controller("plan")
    assert controller("emptied")["stand_ins"] == {"w2": "node-w2"}
    controller.hostvars["w2"]["__swarm_stood_in"] = result
    made = controller("made")
    assert (made["placer"], made["orders"], made["replaced"]) == ([], [], {})
    assert controller.said[-1].startswith("w2 is not made a manager: ")


def test_who_does_not_join_gets_no_place(controller: Controller) -> None:
    """And the run goes on with the others, gives the lease back and reports."""
    controller.see(w1="stopped", w2="stopped")
    controller("start")
    controller("judge")
    controller.put("w1", "daemon", {"failed": True, "msg": DOCKER})
    controller.put("w2", "daemon", {"failed": True, "msg": DOCKER})
    controller("acted")
    controller("judge")
    assert controller("plan")["note"] == ["w1", "w2"]
    for host in ("w1", "w2"):
        controller.put(host, "noted", {"changed": True})
        controller.put(host, "cleaned", {"changed": True, "aside": "/x"})
    emptied = controller("emptied")
    assert (emptied["join"], emptied["giver"]) == (["w1", "w2"], ["m1"])
    controller.hostvars["w1"]["__swarm_joined"] = {"changed": True, "node_id": "new-w1"}
    controller.hostvars["w2"]["__swarm_joined"] = UNREACHABLE
    made = controller("made")
    assert (made["finish"], made["unmade"], [item["host"] for item in made["orders"]]) == (["w1"], ["w2"], ["w1"])
    report = controller("report")
    assert report["failed"]
    assert "w2 is down" in report["msg"]


def test_who_did_not_leave_gets_no_place(controller: Controller) -> None:
    controller("start", playbook="rejoin", node="m1")
    controller("plan")
    controller.put("m1", "noted", {"changed": True})
    controller("emptied")
    controller.hostvars["m1"]["__swarm_left"] = {"failed": True, "msg": DOCKER}
    controller.hostvars["m1"]["__swarm_joined"] = {"skipped": True}
    made = controller("made")
    assert (made["placer"], made["finish"], made["unmade"]) == ([], [], ["m1"])
    assert controller.said[-1] == f"m1 does not become a new node: {DOCKER}"


def test_check_mode_shows_the_ladder_and_takes_no_lease(controller: Controller) -> None:
    controller.see(m3="stopped", w1="silent")
    controller("start", True, reboot="true")
    judged = controller("judge", True)
    assert (judged["begin"], judged["giver"]) == ([], [])
    assert judged["would"] == {"m3": "start, restart or unlock Docker\nreboot the host\n"
                                     "move its state aside and join it as a new node\n"}  # fmt: skip
    assert controller("plan", True)["any"] is False


def test_check_mode_ends_well_only_where_its_plan_can_come_true(controller: Controller) -> None:
    controller.see(m3="stopped")
    controller("start", True)
    controller("judge", True)
    assert controller("report", True) == {"changed": False, "at": pytest.approx(0, abs=1e12), "report": ""}
    controller.see(m3="stopped", w1="silent")
    report = controller("report", True)
    assert report["failed"]
    assert report["msg"] == ("w1 is down, and does not answer (no route): nothing that this playbook can do. Power it "
                             "on. If it is gone for good, list it under swarm_absent.")


@pytest.mark.parametrize("check", [False, True])
def test_a_manager_that_is_no_member_at_all_is_not_called_healed(controller: Controller, check: bool) -> None:
    """That is for provision; the run does not end well all the same."""
    controller.see()
    for name in ("m1", "m2"):
        facts = controller.hostvars[name]["__swarm_heal_seen"]["facts"]
        facts["nodes"] = [node for node in facts["nodes"] if node["id"] != "node-m3"]
    facts = controller.hostvars["m3"]["__swarm_heal_seen"]["facts"]
    facts.update(membership={"state": "inactive"}, state={"root_dir": "/var/lib/docker"}, problem="not_member",
                 nodes=[], swarm=None)
    controller("start", check)
    controller("judge", check)
    controller("plan", check)
    report = controller("report", check)
    assert report["failed"]
    assert report["msg"] == ("m3 is to be a manager, and is no member of the swarm. ansible-playbook "
                             "quorum.swarm.provision")


def test_what_is_left_fails_the_run(controller: Controller) -> None:
    controller.see(w1="silent")
    controller("start")
    assert controller("judge")["begin"] == []
    report = controller("report")
    assert report["failed"]
    assert report["msg"] == ("w1 is down, and does not answer (no route). Power it on. If it is gone for good, list it "
                             "under swarm_absent.")


@pytest.mark.parametrize(
    ("node", "words", "said"),
    [
        ("", {}, "swarm_node is not set, and has to name a host"),
        ("m9", {}, "swarm_node is 'm9', and has to name a host"),
        ("w1", {"w1": "silent"}, "w1 does not answer (no route): it cannot join"),
        ("m2", {"m3": "silent"}, "without it 1 of 2 voters would be reachable"),
    ],
)
def test_a_rejoin_is_refused(controller: Controller, node: str, words: dict[str, str], said: str) -> None:
    def run() -> None:
        controller("start", playbook="rejoin", node=node)
        controller("plan")

    controller.see(**words)
    with pytest.raises(AnsibleActionFail) as failed:
        run()
    assert said in str(failed.value)


def test_a_node_that_works_leaves_by_itself(controller: Controller) -> None:
    controller("start", playbook="rejoin", node="m1")
    plan = controller("plan")
    assert (plan["actor"], plan["note"], plan["clean"], plan["look"]) == ("m2", ["m1"], [], ["m1", "m2", "m3"])
    assert plan["managers"] == ["192.0.2.12:2377", "192.0.2.13:2377"]
    controller.put("m1", "noted", {"changed": True})
    emptied = controller("emptied")
    assert (emptied["leave"], emptied["closer"], emptied["join"]) == (["m1"], ["m2"], ["m1"])
    assert emptied["removals"][0]["live"] is True
    assert emptied["orders"][0]["labels"] == {"quorum.swarm/host": "m1", "quorum.swarm/labels": "zone", "zone": "m1"}
