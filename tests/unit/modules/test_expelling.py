# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compromised nodes are taken out of a swarm that is played here, in runs that are killed after every single request.

The engine that is played keeps what real ones were seen to keep: a demoted manager is a voter for one more look, and an
update of the swarm object is done whole or not at all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import expelling
from ansible_collections.quorum.swarm.plugins.module_utils.core import expel
from ansible_collections.quorum.swarm.plugins.module_utils.core.expel import Entry
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError, NoLeader
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder

MANAGERS, WORKERS = ("m1", "m2", "m3", "m4", "m5"), ("w1", "w2")


class Killed(BaseException):
    """The run ends here, whatever it was about to do."""


class Swarm:
    """An engine, as far as this job asks one."""

    def __init__(self, here: str = "m1") -> None:
        self.here = here
        self.spec: dict[str, Any] = {"Labels": {}, "CAConfig": {}, "EncryptionConfig": {"AutoLockManagers": True}}
        self.listed = {name: self._node(name) for name in (*MANAGERS, *WORKERS)}
        self.root, self.looks = 1, 0
        self.log: list[str] = []
        self.left: int | None = None
        """How many more requests are answered before the run is killed; None: all."""
        self.loses_leader: bool = False
        self.down: set[str] = set()
        """Nodes that keep a new root certificate from being everywhere."""

    @staticmethod
    def _node(name: str) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "ID": f"node-{name}", "Version": {"Index": 1}, "Status": {"State": "ready"},
            "Description": {"Hostname": name, "TLSInfo": {"CertIssuerPublicKey": "1"}},
            "Spec": {"Role": "manager" if name in MANAGERS else "worker", "Availability": "active",
                     "Labels": {"quorum.swarm/host": name}},
        }  # fmt: skip
        if name in MANAGERS:
            raw["ManagerStatus"] = {"Reachability": "reachable", "Leader": name == "m2", "Addr": "192.0.2.1:2377"}
        return raw

    def _asked(self) -> None:
        if self.left is not None:
            if not self.left:
                raise Killed
            self.left -= 1

    def nodes(self) -> list[dict[str, Any]]:
        self._asked()
        for raw in self.listed.values():
            if raw["Spec"]["Role"] == "worker" and "ManagerStatus" in raw:
                raw["looks"] = raw.get("looks", 0) + 1
                if raw["looks"] > 1:
                    del raw["ManagerStatus"]
        return copy.deepcopy(list(self.listed.values()))

    def swarm(self) -> dict[str, Any]:
        self._asked()
        rotating = self.root != self.spec["CAConfig"].get("ForceRotate", 0) + 1
        if rotating and not self.down & set(self.listed):
            self.root = self.spec["CAConfig"]["ForceRotate"] + 1
        return {"Spec": copy.deepcopy(self.spec), "RootRotationInProgress": rotating,
                "TLSInfo": {"TrustRoot": str(self.root), "CertIssuerPublicKey": "2"}}  # fmt: skip

    def update_swarm(self, mutate: Callable[[dict[str, Any]], dict[str, Any]], **rotations: bool) -> bool:
        self._asked()
        self.spec = mutate(copy.deepcopy(self.spec))
        self.log += [name for name, wanted in rotations.items() if wanted]
        if rotations and self.loses_leader:
            self.loses_leader = False
            raise NoLeader("The swarm does not have a leader", 500)
        return True

    def update_node(self, node_id: str, mutate: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        self._asked()
        raw = self.listed[node_id.removeprefix("node-")]
        raw["Spec"] = mutate(copy.deepcopy(raw["Spec"]))
        self.log.append(f"demote {node_id}")
        return True

    def remove_node(self, node_id: str, force: bool = False) -> None:
        self._asked()
        name = node_id.removeprefix("node-")
        if name not in self.listed:
            raise EngineError("node not found", 404)
        assert force
        assert "ManagerStatus" not in self.listed[name]
        del self.listed[name]
        self.log.append(f"remove {node_id}")

    def membership(self) -> dict[str, Any]:
        return {"node_id": f"node-{self.here}"}

    def tasks(self) -> list[dict[str, Any]]:
        spec = {"ContainerSpec": {"Secrets": [{"SecretID": "s1"}], "Configs": [{"ConfigID": "c1"}]}}
        return [{"NodeID": "node-w1", "ServiceID": "v1", "Spec": spec}] if "w1" in self.listed else []

    def services(self) -> list[dict[str, Any]]:
        return [{"ID": "v1", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Secrets": [
            {"SecretID": "s1"}]}}}}]  # fmt: skip

    def secrets(self) -> list[dict[str, Any]]:
        return [{"ID": "s1", "CreatedAt": "2026-01-01T00:00:00Z", "Spec": {"Name": "password"}},
                {"ID": "s2", "CreatedAt": "2026-01-01T00:00:00Z", "Spec": {"Name": "other"}}]  # fmt: skip

    def configs(self) -> list[dict[str, Any]]:
        return [{"ID": "c1", "CreatedAt": "2026-01-01T00:00:00Z", "Spec": {"Name": "settings"}}]

    def remembered(self) -> dict[str, Entry]:
        return {entry.host: entry for entry in expel.read(self.spec["Labels"])}


def entry(name: str) -> Entry:
    manager = name in MANAGERS
    return Entry(f"node-{name}", name, manager, 1_800_000_000, expel.todo_of(manager, True, None))


def run(swarm: Swarm, *names: str, check: bool = False, timeout: float = 1.0) -> dict[str, Any]:
    engine: Any = swarm
    return expelling.Expulsion(engine, [entry(name) for name in names], Holder(engine, ""), timeout).run(check)


def test_a_worker_and_the_leader() -> None:
    swarm = Swarm()
    result = run(swarm, "w1", "m2", "m3")
    assert swarm.log == [
        "remove node-w1", "demote node-m3", "remove node-m3", "demote node-m2", "remove node-m2",
        "rotate_worker_token", "rotate_manager_token", "rotate_unlock_key",
    ]  # fmt: skip
    assert swarm.root == 2
    assert all(not item.todo for item in swarm.remembered().values())
    exposed = {item["host"]: [thing["name"] for thing in (*item["exposed"]["secrets"], *item["exposed"]["configs"])]
               for item in result["entries"]}  # fmt: skip
    assert exposed["w1"] == ["password", "settings"]
    assert exposed["m2"] == ["other", "password", "settings"]
    assert result["changed"]
    again = run(swarm)
    assert not again["changed"]
    assert len(again["entries"]) == 3


def test_nothing_is_changed_in_check_mode() -> None:
    swarm = Swarm()
    before = copy.deepcopy(swarm.spec)
    assert run(swarm, "m3", check=True)["changed"]
    assert (swarm.log, swarm.spec) == ([], before)


def test_killed_after_any_request_the_next_run_finishes_it() -> None:
    for number in range(60):
        swarm = Swarm()
        swarm.left = number
        try:
            run(swarm, "w1", "m2")
            break
        except Killed:
            pass
        swarm.left = None
        begun = bool(swarm.remembered())
        # What was begun is known to whoever runs next; what was not, is asked for again.
        run(swarm, *(() if begun else ("w1", "m2")))
        assert {"w1", "m2"} & set(swarm.listed) == set(), number
        assert swarm.log.count("rotate_unlock_key") == 1, number
        last = max(swarm.log.index(f"remove node-{name}") for name in ("w1", "m2"))
        assert swarm.log.index("rotate_worker_token") > last, number
        assert swarm.root == 2, number
        assert all(not item.todo for item in swarm.remembered().values()), number
    else:
        raise AssertionError("it never came to its end")
    assert number > 10


def test_who_loses_the_leader_over_the_rotations_does_them_once() -> None:
    swarm = Swarm()
    swarm.loses_leader = True
    run(swarm, "w1")
    assert swarm.log.count("rotate_worker_token") == 1


def test_a_node_that_is_down_keeps_the_certificate_from_being_everywhere_and_is_named() -> None:
    swarm = Swarm()
    swarm.down = {"w2"}
    result = run(swarm, "m3", timeout=0.2)
    assert "w2 (ready)" in result["problem"]
    assert swarm.remembered()["m3"].todo == ("ca",)
    swarm.down = set()
    result = run(swarm)
    assert (result["problem"], result["done"]) == ("", ["the new root certificate is on every node"])
    assert swarm.root == 2


def test_what_is_refused_changes_nothing() -> None:
    swarm = Swarm(here="m3")
    with pytest.raises(expelling.Refused, match="this is one of the nodes that are to go"):
        run(swarm, "m3")
    for name in ("m4", "m5"):
        swarm.listed[name]["ManagerStatus"]["Reachability"] = "unreachable"
    with pytest.raises(expelling.Refused, match="Without m2, 2 of 4 voters would be reachable"):
        run(swarm, "m2")
    assert (swarm.log, swarm.spec["Labels"]) == ([], {})


def test_a_leader_that_does_not_let_go_is_told_of() -> None:
    swarm = Swarm()
    swarm.nodes = lambda: copy.deepcopy(list(swarm.listed.values()))  # type: ignore[method-assign]
    with pytest.raises(expelling.Refused, match="cut it off from the other managers"):
        run(swarm, "m2", timeout=0.2)
    assert swarm.remembered()["m2"].todo == ("remove", "rotate", "ca")


def test_where_the_note_is_taken_away_it_comes_to_an_end() -> None:
    swarm = Swarm()
    update = swarm.update_swarm

    def forgetful(mutate: Callable[[dict[str, Any]], dict[str, Any]], **rotations: bool) -> bool:
        labels = copy.deepcopy(swarm.spec["Labels"])
        done = update(mutate, **rotations)
        if rotations:
            swarm.spec["Labels"] = labels
        return done

    swarm.update_swarm = forgetful  # type: ignore[method-assign]
    with pytest.raises(expelling.Refused, match="somebody else changes the label"):
        run(swarm, "w1")
