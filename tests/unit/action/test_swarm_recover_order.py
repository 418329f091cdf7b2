# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a recovery on the controller, one after the other, and where each of them ends the run.

Three managers and a worker; m1 and m2 do not answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action import swarm_recover_order

MANAGERS = {"m1": "192.0.2.11", "m2": "192.0.2.12", "m3": "192.0.2.13"}
KNOWN = [[f"node-{name}", f"{address}:2377"] for name, address in MANAGERS.items()]
STAGES = {"preflight": "start", "judge": "judged", "wait": "waited", "brought": "brought", "confirm": "confirmed",
          "choose": "chosen", "members": "members", "followed": "rest", "provisioned": "times",
          "paths": "paths"}  # fmt: skip
UNREACHABLE = {"unreachable": True, "msg": "no route"}
CONFIRMED: dict[str, Any] = {"confirm": "swarm1", "lost": ["m1", "m2"]}
SURVEYED = {"commit": 87, "last_term": 2, "last_index": 88, "damage": [], "error": "", "members": KNOWN,
            "uncommitted": ["create service web"], "unopened": "", "aside": "/aside", "lower_bound": False}  # fmt: skip
NODES: list[dict[str, Any]] = [
    *({"id": f"node-{name}", "hostname": name, "role": "manager", "voter": name == "m3", "leader": name == "m3",
       "manager_addr": f"{address}:2377", "reachability": "reachable", "labels": {"quorum.swarm/host": name}}
      for name, address in MANAGERS.items()),
    {"id": "node-w1", "hostname": "w1", "state": "unknown"},
]  # fmt: skip


class Controller:
    """The action, with the variables that the playbook would have, and a clock that only a wait moves."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
        self.said: list[str] = []
        self.now = 1_795_000_000.0
        self.workers = ["w1"]
        monkeypatch.setattr(swarm_recover_order, "_say", self.said.append)
        monkeypatch.setattr(swarm_recover_order.time, "time", lambda: self.now)
        monkeypatch.setattr(swarm_recover_order.time, "sleep", self.pass_by)
        self.hostvars: dict[str, dict[str, Any]] = {
            name: {"swarm_controller_dir": str(home), "ansible_host": address, "swarm_zone": name}
            for name, address in {**MANAGERS, "w1": "192.0.2.31"}.items()
        }
        self.hostvars["localhost"] = {}
        for name in ("m1", "m2"):
            self.put(name, "seen", UNREACHABLE)
        self.see("m3", {"state": "active", "node_id": "node-m3", "control": True, "error": "no leader",
                        "remote_managers": KNOWN}, "no_leader")  # fmt: skip
        self.see("w1", {"state": "active", "node_id": "node-w1", "remote_managers": KNOWN}, "not_manager")

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def put(self, host: str, name: str, result: dict[str, Any]) -> None:
        """What a host registered."""
        known = {"seen": "__swarm_recover_seen", "followed": "__swarm_recover_followed", "end": "__swarm_recover_end",
                 "path": "__swarm_recover_path"}
        self.hostvars[host][known.get(name, f"__swarm_{name}")] = result

    def see(self, host: str, membership: dict[str, Any], problem: str, **facts: Any) -> None:
        manager = host.startswith("m")
        state = {"swarm_id": "swarm1", "node_id": f"node-{host}", "role": "manager" if manager else "worker",
                 "raft_log": manager, "managers": KNOWN, **facts.pop("state", {})}  # fmt: skip
        engine = {"installed": True, "answers": True, "version": "26.1.5"}
        self.put(host, "seen", {"facts": {"hostname": host, "engine": engine, "membership": membership, "state": state,
                                          "problem": problem, **facts}})  # fmt: skip

    def __call__(self, stage: str, check: bool = False, **args: Any) -> dict[str, Any]:
        action = swarm_recover_order.ActionModule.__new__(swarm_recover_order.ActionModule)
        action._task = SimpleNamespace(args={"stage": stage, **args}, check_mode=check)
        groups = {"swarm_managers": [*MANAGERS], "swarm_workers": self.workers}
        result: dict[str, Any] = action.run(None, {"groups": groups, "hostvars": self.hostvars})
        if stage in STAGES:
            self.hostvars["localhost"][f"__swarm_recover_{STAGES[stage]}"] = result
        return result

    def until_lost(self, check: bool = False, **said: Any) -> None:
        """The stages until it is certain that the quorum is lost."""
        self("preflight", check, **said)
        assert self("judge", check)["again"] is True
        self("wait", check)
        assert self("judge", check)["what"] == "recover"
        assert self("brought", check)["evidence"] == ["m3", "w1"]


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    return Controller(tmp_path, monkeypatch)


def test_the_whole_way(controller: Controller, tmp_path: Path) -> None:
    controller.until_lost(**CONFIRMED)
    assert controller("confirm")["survey"] == ["m3"]
    controller.put("m3", "surveyed", SURVEYED)
    chosen = controller("choose")
    assert (chosen["force"], chosen["source"], chosen["problem"]) == (["m3"], "/aside", "")
    controller.put("m3", "recovered", {"swarm_id": "swarm1", "node_id": "node-m3", "nodes": NODES, "rotated": True})
    members = controller("members")
    assert [item["node_id"] for item in members["ghosts"]] == ["node-m1", "node-m2"]
    assert (members["remover"], members["given_up"], members["back"]) == (["m3"], ["m1", "m2"], [])
    assert members["follow"] == {"w1": {"keep": True, "node_ids": ["node-w1"]}}
    assert members["managers"] == [["node-m3", "192.0.2.13:2377"]]
    controller.put("w1", "followed", {"way": "reconnected"})
    assert {name: controller("followed")[name] for name in ("ghosts", "backup", "pause")} == {
        "ghosts": [], "backup": True, "pause": True}  # fmt: skip
    controller.put("m3", "fenced", {"fenced": "ca", "problem": ""})
    assert controller("provisioned")["hosts"] == ["m3", "w1"]
    for name in ("m3", "w1"):
        controller.put(name, "path", {"address": name, "listens": True, "networks": {"ingress": ["m3", "w1"]}})
    (kept,) = (tmp_path / "reports").iterdir()
    assert json.loads(kept.read_text())["data_path"] is None
    paths = controller("paths")
    assert (paths["again"], paths["restart"], paths["left"]) == ([], {}, [])
    path = Path(controller("report")["report"])
    assert path.parent == tmp_path / "reports"
    assert path.stat().st_mode & 0o777 == 0o600
    told = json.loads(path.read_text())
    assert (told["given_up"], told["discarded"], told["fence"]) == (["m1", "m2"], ["create service web"], "ca")
    assert (path, told["data_path"]) == (kept, [])
    assert "create service web" in "\n".join(controller.said)


def test_a_worker_that_does_not_listen_is_restarted_and_told_if_that_does_not_help(controller: Controller) -> None:
    """The first look may be of the moment only: an engine looks once a minute for nodes that it has lost."""
    controller.hostvars["localhost"]["__swarm_recover_times"] = {"hosts": ["m3", "w1"]}
    controller("preflight")
    controller.put("m3", "path", {"address": "m3", "manager": True, "listens": True, "networks": {
        "ingress": ["m3", "w1"]}})  # fmt: skip
    controller.put("w1", "path", {"address": "w1", "listens": False, "networks": {"ingress": ["w1"]}})
    paths = controller("paths")
    assert (paths["again"], paths["restart"], paths["expected"]) == (["m3", "w1"], {}, {"ingress": ["m3", "w1"]})
    assert controller.said == []
    paths = controller("paths")
    assert list(paths["restart"]) == ["w1"]
    assert "does not listen on 7946/tcp" in paths["restart"]["w1"]
    assert paths["again"] == ["m3", "w1"]
    paths = controller("paths")
    assert (paths["again"], paths["restart"]) == ([], {})
    assert [item["id"] for item in paths["left"]] == ["data_path_closed"]
    assert paths["left"][0]["remedy"].endswith("a restart did not help.")
    assert controller.said[-1].startswith("critical: w1 does not listen on 7946/tcp")


def test_nothing_is_done_on_a_swarm_with_its_quorum(controller: Controller) -> None:
    listed = [{**node, "voter": node["role"] == "manager"} if "role" in node else node for node in NODES]
    for name in MANAGERS:
        controller.see(name, {"state": "active", "node_id": f"node-{name}", "control": True}, "", nodes=listed,
                       swarm={"id": "swarm1", "spec": {}})  # fmt: skip
    controller("preflight")
    assert controller("judge")["what"] == "nothing"
    members = controller("members")
    assert (members["go"], members["fence"], members["back"], members["problem"]) == (False, [], [], "")
    assert controller("report")["report"] == ""
    assert "nothing to recover" in controller.said[-1]


def test_a_run_that_was_broken_off_before_it_removed_the_entries_goes_on(controller: Controller) -> None:
    listed = [{**node, "state": "ready" if node["id"] == "node-m3" else "down",
               "reachability": "reachable" if node["id"] == "node-m3" else ""} for node in NODES]  # fmt: skip
    entry = {"what": "recover", "swarm_id": "swarm1", "node_id": "node-m3", "step": "finished"}
    own = {"state": "active", "node_id": "node-m3", "control": True, "error": "", "remote_managers": KNOWN}
    controller.see("m3", own, "", swarm={"id": "swarm1"}, nodes=listed, state={"reinit": entry})
    controller("preflight", **CONFIRMED)
    judged = controller("judge")  # entries that are no members of the raft are no voters: it has its quorum
    assert (judged["what"], judged["host"]) == ("rest", "m3")
    members = controller("members")
    assert [item["node_id"] for item in members["ghosts"]] == ["node-m1", "node-m2"]
    assert (members["remover"], members["fence"], members["given_up"]) == (["m3"], ["m3"], ["m1", "m2"])


def test_a_look_at_the_data_path_that_was_broken_off_is_made_up_for_and_another_is_only_made_on_demand(
    controller: Controller, tmp_path: Path
) -> None:
    entry = {"what": "recover", "swarm_id": "swarm1", "node_id": "node-m3", "step": "finished"}
    own = {"state": "active", "node_id": "node-m3", "control": True, "error": "", "remote_managers": KNOWN}
    listed = [{**node, "state": "ready"} for node in NODES if node["id"] in ("node-m3", "node-w1")]
    controller.see("m3", own, "", swarm={"id": "swarm1"}, nodes=listed, state={"reinit": entry})
    controller.put("m3", "end", controller.hostvars["m3"]["__swarm_recover_seen"])
    kept = tmp_path / "reports" / "recover-swarm1-20261126T000000Z.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps({"swarm_id": "swarm1", "given_up": [], "survivors": ["m3"], "voters": [], "to_do": [],
                                "backup": "/archive", "data_path": None}))  # fmt: skip
    looks: list[tuple[bool, list[str], str]] = [
        (False, ["m3", "w1"], str(kept)), (False, [], ""), (True, ["m3", "w1"], str(kept))]  # fmt: skip
    for restart_workers, hosts, report in looks:
        controller("preflight", restart_workers=restart_workers)
        for stage in ("judge", "wait", "judge", "members", "followed"):
            controller(stage)
        assert controller.hostvars["localhost"]["__swarm_recover_members"]["what"] == "rest"
        assert controller("provisioned")["hosts"] == hosts
        if hosts:
            controller.put("m3", "path", {"address": "m3", "listens": True, "networks": {"ingress": ["m3", "w1"]}})
            controller.put("w1", "path", {"address": "w1", "listens": True, "networks": {"ingress": ["m3", "w1"]}})
            assert controller("paths")["left"] == []
        assert controller("report")["report"] == report
        kept_now = json.loads(kept.read_text())
        assert (kept_now["data_path"], kept_now["backup"]) == ([], "/archive")
        for name in ("paths", "judged", "waited"):
            controller.hostvars["localhost"].pop(f"__swarm_recover_{name}", None)


@pytest.mark.parametrize(("managers", "expected"), [(["m3"], True), (["m1", "m2", "m3"], False)])
def test_only_a_small_swarm_is_paused_for_its_backup_and_workers_do_not_count(
    controller: Controller, managers: list[str], expected: bool
) -> None:
    listed = [{**node, "state": "ready", "voter": node["id"].removeprefix("node-") in managers}
              for node in NODES if node["id"].removeprefix("node-") in (*managers, "w1")]  # fmt: skip
    listed += [{"id": f"node-w{number}", "hostname": f"w{number}", "state": "ready"} for number in (2, 3)]
    entry = {"what": "recover", "swarm_id": "swarm1", "node_id": "node-m3", "step": "finished"}
    for name in managers:
        own = {"state": "active", "node_id": f"node-{name}", "control": True, "error": "", "remote_managers": KNOWN}
        controller.see(name, own, "", swarm={"id": "swarm1"}, nodes=listed, state={"reinit": entry})
    for name in ("w2", "w3"):
        controller.hostvars[name] = dict(controller.hostvars["w1"])
        controller.see(name, {"state": "active", "node_id": f"node-{name}", "remote_managers": KNOWN}, "not_manager")
    controller.workers = ["w1", "w2", "w3"]
    controller("preflight", **CONFIRMED)
    assert controller("judge")["what"] == "rest"
    controller("members")
    assert controller("followed")["pause"] is expected


def test_a_word_is_needed_and_check_mode_shows_it(controller: Controller) -> None:
    controller.until_lost()
    with pytest.raises(AnsibleActionFail, match="nothing is given up without an operator's word"):
        controller("confirm")
    assert controller("confirm", check=True)["survey"] == ["m3"]
    controller.put("m3", "surveyed", {**SURVEYED, "aside": "", "lower_bound": True})
    chosen = controller("choose", check=True)
    assert chosen["force"] == []
    assert "recover: swarm swarm1" in chosen["would"]["m3"]
    assert controller("members", check=True)["go"] is False
    assert "-e swarm_recover_confirm=swarm1" in "\n".join(controller.said)


def test_a_refusal_says_what_was_brought_back_before_it(controller: Controller) -> None:
    controller.see("m3", {}, "no_answer", engine={"installed": True, "answers": False})
    controller("preflight")
    controller("judge")
    controller("wait")
    controller("judge")
    controller.put("m3", "back", {"changed": True, "state": "active"})
    controller("brought")
    with pytest.raises(AnsibleActionFail, match=r"m3: Docker was started, or its manager unlocked\. Nothing else"):
        controller("confirm")


def test_who_is_heard_refuses(controller: Controller) -> None:
    controller.until_lost(**CONFIRMED)
    controller.put("w1", "evidence", {"listening": ["m1"], "connected": []})
    with pytest.raises(AnsibleActionFail, match=r"m1 is not down: it answers w1 at 192\.0\.2\.11:2377"):
        controller("confirm")


@pytest.mark.parametrize("failed", [True, False])
def test_where_nothing_was_forced_docker_is_started_again(controller: Controller, failed: bool) -> None:
    controller.until_lost(**CONFIRMED)
    controller("confirm")
    controller.put("m3", "surveyed", SURVEYED if failed else {**SURVEYED, "damage": ["torn"]})
    controller("choose")
    if failed:
        controller.put("m3", "recovered", {"failed": True, "msg": "Docker does not start."})
    members = controller("members")
    assert (members["back"], members["go"]) == (["m3"], False)
    assert ("Docker does not start." if failed else "is damaged") in members["problem"]
    with pytest.raises(AnsibleActionFail, match=r"could not be started again on m3: run again"):
        controller("failed")
    controller.put("m3", "back", {"changed": True, "state": "pending"})
    with pytest.raises(AnsibleActionFail, match=r"No new swarm was forced\..*Docker was started again on m3"):
        controller("failed")


def test_the_quorum_comes_back(controller: Controller) -> None:
    controller.see("m3", {}, "no_engine", engine={"installed": True, "answers": False})
    controller("preflight")
    controller("judge")
    controller("wait")
    assert controller("judge")["bring"] == ["m3"]
    listed = [{**node, "voter": "role" in node} for node in NODES]
    controller.see("m3", {"state": "active", "node_id": "node-m3", "control": True}, "", nodes=listed,
                   swarm={"id": "swarm1", "spec": {}})  # fmt: skip
    assert controller("brought")["what"] == "nothing"
    controller("confirm")
    controller("choose")
    assert controller("members")["go"] is False
    controller("report")
    said = "\n".join(controller.said)
    assert "nobody was given up" in said
    assert "Plan" not in said


def test_a_run_that_was_broken_off_when_the_swarm_was_up_goes_on(controller: Controller) -> None:
    entry = {"what": "recover", "swarm_id": "swarm1", "node_id": "node-m3", "step": "forced", "archive": "/aside"}
    controller.see("m3", {"state": "locked"}, "locked", state={"reinit": entry})
    controller("preflight")
    assert controller("judge")["what"] == "resume"
    assert controller("brought")["evidence"] == []
    assert controller("confirm")["survey"] == []
    chosen = controller("choose")
    assert (chosen["what"], chosen["force"], chosen["source"]) == ("resume", ["m3"], "")
