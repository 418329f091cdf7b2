# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What membership.py does to a host, in which order, and what it does not do. A scripted engine, with real refusals.

What real engines make of these requests is tried in the scenarios on the lab.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import membership
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.membership import Join, Refused

from tests.unit.modules.conftest import Host
from tests.unit.modules.scripted import TEXTS, Script, refusal

ANY = sorted(TEXTS)[-1]
TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-7p73s1dx5in4tatdymyhg9hu2"
ACTS = ("POST", "DELETE")


@pytest.fixture
def engine(script: Script) -> Engine:
    return Engine(script.host, timeout=5.0)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "NEXT_AFTER", 0.2)
    monkeypatch.setattr(membership, "DEMOTION", 0.2)


@pytest.fixture
def managers() -> Iterator[list[str]]:
    """Two addresses at which somebody listens."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _number in range(2)]
    yield [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def acts(script: Script) -> list[str]:
    """What was done to the engine, in its order."""
    return [f"{r.method} {r.path}" for r in script.asked if r.method in ACTS]


def wanted(remote_addrs: list[str], **more: Any) -> Join:
    return Join(TOKEN, remote_addrs, ["n1", "n2"], "0.0.0.0:2377", seconds=0.3, **more)


INIT = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "198.51.100.11"}


# A new swarm.


def test_a_swarm_is_made_and_waited_for(engine: Engine, script: Script, here: Host) -> None:
    script.say("POST /swarm/init", here.becomes("active", ControlAvailable=True, NodeID="n1", NodeAddr="198.51.100.11"))
    done = membership.initialize(engine, INIT, 1, check=False)
    assert (done.changed, done.before, done.after, done.node_id) == (True, "inactive", "active", "n1")
    assert script.said("POST /swarm/init")[0].body == INIT


def test_a_manager_of_a_swarm_needs_none(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("active", ControlAvailable=True, NodeID="n1")
    here.certificate("n1", "swarm-manager", "s7")
    done = membership.initialize(engine, INIT, 1, check=False)
    assert (done.changed, done.swarm_id) == (False, "s7")
    assert acts(script) == []


def test_check_mode_makes_no_swarm(engine: Engine, script: Script, here: Host) -> None:
    done = membership.initialize(engine, INIT, 1, check=True)
    assert (done.changed, done.before, done.after) == (True, "inactive", "active")
    assert acts(script) == []


@pytest.mark.parametrize(
    ("state", "more", "why"),
    [
        ("active", {"NodeID": "n1"}, "a worker, node n1"),
        ("active", {"ControlAvailable": True, "Error": "no leader."}, "in state 'active', .*: no leader"),
        ("pending", {}, "in state 'pending'"),
        ("locked", {}, "in state 'locked'"),
        ("error", {"Error": "Swarm certificates have expired."}, "certificates have expired"),
    ],
)
def test_no_swarm_is_made_where_there_is_one(
    engine: Engine, script: Script, here: Host, state: str, more: dict[str, Any], why: str
) -> None:
    here.is_at(state, **more)
    with pytest.raises(Refused, match=why):
        membership.initialize(engine, INIT, 1, check=False)
    assert acts(script) == []


@pytest.mark.parametrize(
    ("state", "more"),
    [
        ("inactive", {}),
        ("pending", {"NodeID": "n1"}),
        ("active", {"NodeID": "n1"}),
        ("active", {"NodeID": "n1", "ControlAvailable": True, "Error": "no leader."}),
    ],
)
def test_a_swarm_that_another_run_is_making_is_waited_for(
    engine: Engine, script: Script, here: Host, state: str, more: dict[str, Any]
) -> None:
    """How the first manager reads while it makes the swarm, one after the other."""
    here.is_at(state, **more)
    here.raft_log()
    here.certificate("n1", "swarm-manager", "s7")
    moments = iter(range(2))

    def info(_request: object) -> tuple[int, Any]:
        if next(moments, None) is None:
            here.is_at("active", NodeID="n1", ControlAvailable=True)
        return 200, here.info()

    script.say("GET /info", info)
    done = membership.initialize(engine, INIT, 5, check=False)
    assert (done.changed, done.after, done.swarm_id) == (False, "active", "s7")
    assert acts(script) == []


@pytest.mark.parametrize("version", sorted(TEXTS))
def test_a_swarm_that_another_run_made_in_between_is_not_made(
    engine: Engine, script: Script, here: Host, version: str
) -> None:
    def init(_request: object) -> tuple[int, Any]:
        here.is_at("active", ControlAvailable=True, NodeID="n1")
        return refusal("init_twice", version)

    script.say("POST /swarm/init", init)
    done = membership.initialize(engine, INIT, 1, check=False)
    assert (done.changed, done.after, done.node_id) == (False, "active", "n1")


@pytest.mark.parametrize("check", [True, False])
def test_no_swarm_is_made_over_a_raft_log(engine: Engine, script: Script, here: Host, check: bool) -> None:
    here.raft_log()
    with pytest.raises(Refused, match="raft log lies in "):
        membership.initialize(engine, INIT, 1, check=check)
    assert acts(script) == []


def test_a_swarm_that_does_not_come_up_is_told(engine: Engine, script: Script, here: Host) -> None:
    script.say("POST /swarm/init", here.becomes("active", ControlAvailable=True, Error="no leader"))
    with pytest.raises(Refused, match="'active' after 0 s: no leader"):
        membership.initialize(engine, INIT, 0.2, check=False)


def test_what_init_posts() -> None:
    params = {
        "listen_addr": "0.0.0.0:2377",
        "advertise_addr": "198.51.100.11",
        "data_path_addr": "",
        "data_path_port": 0,
        "default_addr_pool": [],
        "subnet_size": 24,
        "availability": "drain",
        "labels": {"a": 1},
        "lease_owner": "",
        "lease_purpose": "provision",
    }
    body = membership.init_body(params, 1000.0)
    assert body["Availability"] == "drain"
    assert body["ForceNewCluster"] is False
    assert body["Spec"] == {"Labels": {"a": "1"}}
    assert "DefaultAddrPool" not in body
    held = membership.init_body({**params, "lease_owner": "ann"}, 1000.0)["Spec"]["Labels"]
    assert (held["a"], lease.read(held)) == ("1", lease.Lease("ann", "provision", 1000.0 + lease.DURATION))
    pooled = membership.init_body({**params, "default_addr_pool": ["10.55.0.0/16"]}, 1000.0)
    assert (pooled["DefaultAddrPool"], pooled["SubnetSize"]) == (["10.55.0.0/16"], 24)


# Joining.


def test_a_host_in_no_swarm_joins(engine: Engine, script: Script, here: Host, managers: list[str]) -> None:
    script.say("POST /swarm/join", here.becomes("active", NodeID="n3"))
    done = membership.join(engine, wanted(managers, availability="drain"), check=False)
    assert (done.changed, done.before, done.after, done.node_id) == (True, "inactive", "active", "n3")
    (posted,) = script.said("POST /swarm/join")
    assert posted.body["RemoteAddrs"] == managers[:1]
    assert posted.body["Availability"] == "drain"
    assert posted.body["JoinToken"] == TOKEN


def test_a_member_stays_as_it_is(engine: Engine, script: Script, here: Host, nobody: str) -> None:
    here.is_at("active", NodeID="n2", NodeAddr="198.51.100.12")
    here.certificate("n2", "swarm-worker")
    done = membership.join(engine, wanted([nobody], advertise_addr="198.51.100.12"), check=False)
    assert (done.changed, done.warnings) == (False, [])
    assert acts(script) == []


def test_a_member_with_another_address_is_told(engine: Engine, here: Host, nobody: str) -> None:
    here.is_at("active", NodeID="n2", NodeAddr="198.51.100.99")
    done = membership.join(engine, wanted([nobody], advertise_addr="198.51.100.12"), check=False)
    assert not done.changed
    assert "announces 198.51.100.99, not 198.51.100.12" in done.warnings[0]


def test_check_mode_does_nothing(engine: Engine, script: Script, here: Host, managers: list[str]) -> None:
    here.is_at("pending")
    assert membership.join(engine, wanted(managers), check=True).changed
    assert acts(script) == []


def test_managers_that_nobody_hears_are_left_out(
    engine: Engine, script: Script, here: Host, managers: list[str], nobody: str
) -> None:
    script.say("POST /swarm/join", here.becomes("active", NodeID="n3"))
    membership.join(engine, wanted([nobody, managers[1]]), check=False)
    assert [request.body["RemoteAddrs"] for request in script.said("POST /swarm/join")] == [[managers[1]]]


@pytest.mark.parametrize("check", [True, False])
def test_nothing_is_taken_back_before_a_manager_answers(
    engine: Engine, script: Script, here: Host, nobody: str, check: bool
) -> None:
    here.is_at("pending")
    with pytest.raises(Refused, match=f"TCP to {re.escape(nobody)} fails"):
        membership.join(engine, wanted([nobody]), check=check)
    assert acts(script) == []


def test_a_half_done_join_is_done_again(engine: Engine, script: Script, here: Host, managers: list[str]) -> None:
    here.is_at("pending")
    script.say("POST /swarm/leave", here.becomes("inactive"))
    script.say("POST /swarm/join", here.becomes("active", NodeID="n3"))
    assert membership.join(engine, wanted(managers), check=False).before == "pending"
    assert acts(script) == ["POST /swarm/leave", "POST /swarm/join"]
    assert script.said("POST /swarm/leave")[0].query == {"force": "true"}


def test_a_worker_that_was_removed_joins_again(
    engine: Engine, script: Script, here: Host, managers: list[str]
) -> None:
    here.is_at("active", NodeID="n9", RemoteManagers=[{"NodeID": "n1", "Addr": managers[1]}])
    here.certificate("n9", "swarm-worker")
    script.say("POST /swarm/leave", here.becomes("inactive"))
    script.say("POST /swarm/join", here.becomes("active", NodeID="n3"))
    assert membership.join(engine, wanted(managers), check=False).changed
    assert acts(script) == ["POST /swarm/leave", "POST /swarm/join"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("role", ["swarm-worker", "swarm-manager"])
def test_a_node_of_another_swarm_is_refused_and_named(
    engine: Engine, script: Script, here: Host, managers: list[str], role: str, check: bool
) -> None:
    here.is_at("active", NodeID="n9", RemoteManagers=[{"NodeID": "n8", "Addr": "203.0.113.1:2377"}])
    here.certificate("n9", role, swarm="s-other")
    with pytest.raises(Refused, match=r"^foreign: this host is node n9 of swarm s-other"):
        membership.join(engine, wanted(managers), check=check)
    assert acts(script) == []


@pytest.mark.parametrize(
    ("state", "more", "why"),
    [
        ("locked", {}, "locked manager: unlock it"),
        ("pending", {"NodeID": "n1", "Error": "no leader."}, r"node n1 of the swarm.*no leader\. ansible"),
    ],
)
def test_a_node_in_trouble_is_left_alone(
    engine: Engine, script: Script, here: Host, managers: list[str], state: str, more: dict[str, Any], why: str
) -> None:
    here.is_at(state, **more)
    here.certificate("n1", "swarm-manager")
    here.raft_log()
    with pytest.raises(Refused, match=why):
        membership.join(engine, wanted(managers), check=False)
    assert acts(script) == []


def test_no_join_over_a_raft_log(engine: Engine, script: Script, here: Host, managers: list[str]) -> None:
    here.raft_log()
    with pytest.raises(Refused, match="raft log lies in "):
        membership.join(engine, wanted(managers), check=False)
    assert acts(script) == []


def test_a_join_that_hangs_is_taken_back_and_the_next_manager_tried(
    engine: Engine, script: Script, here: Host, managers: list[str]
) -> None:
    def hangs(_request: object) -> tuple[int, Any]:
        here.is_at("pending")
        return refusal("join_silent", ANY)

    script.say("POST /swarm/join", hangs, here.becomes("active", NodeID="n3"))
    script.say("POST /swarm/leave", here.becomes("inactive"))
    assert membership.join(engine, wanted(managers), check=False).changed
    assert acts(script) == ["POST /swarm/join", "POST /swarm/leave", "POST /swarm/join"]
    assert [r.body["RemoteAddrs"] for r in script.said("POST /swarm/join")] == [managers[:1], managers[1:]]


def test_a_join_that_ends_in_the_background_is_waited_for(
    engine: Engine, script: Script, here: Host, managers: list[str]
) -> None:
    looks = []

    def later(_request: object) -> tuple[int, Any]:
        looks.append(1)
        here.is_at("pending" if len(looks) < 3 else "active", NodeID="n3")
        return 200, here.info()

    def hangs(_request: object) -> tuple[int, Any]:
        script.say("GET /info", later)
        return refusal("join_silent", ANY)

    script.say("POST /swarm/join", hangs)
    assert membership.join(engine, wanted(managers), check=False).node_id == "n3"
    assert acts(script) == ["POST /swarm/join"]


def test_when_no_manager_lets_it_in_every_reason_is_told_and_nothing_is_left(
    engine: Engine, script: Script, here: Host, managers: list[str]
) -> None:
    def hangs(_request: object) -> tuple[int, Any]:
        here.is_at("pending")
        return refusal("join_silent", ANY)

    script.say("POST /swarm/join", refusal("join_wrong_token", ANY), hangs)
    script.say("POST /swarm/leave", here.becomes("inactive"))
    with pytest.raises(Refused) as caught:
        membership.join(engine, wanted(managers), check=False)
    text = str(caught.value)
    assert f"{managers[0]}: rpc error: code = InvalidArgument desc = A valid join token is necessary" in text
    assert f"{managers[1]}: the join did not get further than 'pending'" in text
    assert here.place == {"LocalNodeState": "inactive"}


# Leaving.


def node(node_id: str, *, manager: bool = True, reachable: bool = True) -> dict[str, Any]:
    raw = {"ID": node_id, "Version": {"Index": 3}, "Spec": {"Role": "manager" if manager else "worker"}}
    if manager:
        raw["ManagerStatus"] = {"Reachability": "reachable" if reachable else "unreachable", "Addr": "x:2377"}
    return raw


@pytest.mark.parametrize("force", [True, False])
def test_in_no_swarm_there_is_nothing_to_leave(engine: Engine, script: Script, here: Host, force: bool) -> None:
    assert not membership.leave(engine, force, 1, check=False).changed
    assert acts(script) == []


def test_a_worker_leaves(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("active", NodeID="n2")
    here.certificate("n2", "swarm-worker")
    script.say("POST /swarm/leave", here.becomes("inactive"))
    done = membership.leave(engine, False, 1, check=False)
    assert (done.changed, done.before, done.after) == (True, "active", "inactive")
    assert script.said("POST /swarm/leave")[0].query == {"force": "false"}


def test_a_half_done_join_is_taken_back(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("pending")
    script.say("POST /swarm/leave", here.becomes("inactive"))
    assert membership.leave(engine, False, 1, check=False).changed
    assert script.said("POST /swarm/leave")[0].query == {"force": "true"}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("known", [["n1", "n2"], ["n2"]])
def test_a_locked_manager_of_the_swarm_is_not_taken_for_one_that_was_taken_out(
    engine: Engine, script: Script, here: Host, known: list[str], check: bool
) -> None:
    """Its engine does not name its node."""
    here.is_at("locked")
    here.raft_log()
    if "n1" in known:
        here.certificate("n1", "swarm-manager")
    script.say("GET /nodes", refusal("locked_nodes", ANY))
    with pytest.raises(Refused, match="demote it first"):
        membership.leave(engine, False, 0.3, check=check, known_nodes=known)
    assert acts(script) == []


@pytest.mark.parametrize("state", ["active", "locked", "pending"])
def test_a_manager_that_was_taken_out_leaves(engine: Engine, script: Script, here: Host, state: str) -> None:
    here.is_at(state, ControlAvailable=state != "locked")
    here.certificate("n9", "swarm-manager", "s1")
    here.raft_log()
    script.say("POST /swarm/leave", here.becomes("inactive"))
    assert membership.leave(engine, False, 1, check=False, known_nodes=["n1", "n2"], swarm_id="s1").changed
    assert script.said("POST /swarm/leave")[0].query == {"force": "true"}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("role", ["swarm-manager", "swarm-worker"])
def test_another_swarm_is_not_left(
    engine: Engine, script: Script, here: Host, role: str, check: bool
) -> None:
    here.is_at("active", NodeID="n9", ControlAvailable=role == "swarm-manager")
    here.certificate("n9", role, "s-other")
    with pytest.raises(Refused, match=r"^foreign: this host is node n9 of swarm s-other, not of s1"):
        membership.leave(engine, True, 1, check=check, known_nodes=["n1"], swarm_id="s1")
    assert acts(script) == []


def test_check_mode_leaves_nothing(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("active", NodeID="n2")
    assert membership.leave(engine, False, 1, check=True).changed
    assert acts(script) == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("state", ["active", "pending", "locked"])
def test_a_manager_does_not_leave(engine: Engine, script: Script, here: Host, state: str, check: bool) -> None:
    here.is_at(state, NodeID="n1", ControlAvailable=state == "active")
    here.certificate("n1", "swarm-manager")
    here.raft_log()
    script.say("GET /nodes", (200, [node("n1"), node("n2"), node("n3")]))
    with pytest.raises(Refused, match="demote it first"):
        membership.leave(engine, False, 0.3, check=check)
    assert acts(script) == []


def test_by_force_a_manager_leaves_after_a_write_proved_the_quorum(
    engine: Engine, script: Script, here: Host
) -> None:
    here.is_at("active", NodeID="n1", ControlAvailable=True)
    here.raft_log()
    script.say("GET /nodes", (200, [node("n1"), node("n2"), node("n3"), node("w1", manager=False)]))
    script.say("GET /nodes/n1", (200, node("n1")))
    script.say("POST /nodes/n1/update", (200, None))
    script.say("POST /swarm/leave", here.becomes("inactive"))
    assert membership.leave(engine, True, 1, check=False).changed
    assert acts(script) == ["POST /nodes/n1/update", "POST /swarm/leave"]
    assert script.said("POST /swarm/leave")[0].query == {"force": "true"}


@pytest.mark.parametrize("why", ["no_leader_write", "no_leader_first"])
def test_by_force_a_manager_stays_where_the_write_fails(
    engine: Engine, script: Script, here: Host, why: str
) -> None:
    """Right after a majority died the list of nodes still looks well."""
    here.is_at("active", NodeID="n1", ControlAvailable=True)
    script.say("GET /nodes", (200, [node("n1"), node("n2"), node("n3")]))
    script.say("GET /nodes/n1", (200, node("n1")))
    script.say("POST /nodes/n1/update", refusal(why, ANY))
    with pytest.raises(Refused, match="cannot be seen from it"):
        membership.leave(engine, True, 1, check=False)
    assert "POST /swarm/leave" not in acts(script)


@pytest.mark.parametrize("check", [True, False])
def test_by_force_a_manager_stays_where_the_quorum_would_be_lost(
    engine: Engine, script: Script, here: Host, check: bool
) -> None:
    here.is_at("active", NodeID="n1", ControlAvailable=True)
    script.say("GET /nodes", (200, [node("n1"), node("n2"), node("n3", reachable=False)]))
    with pytest.raises(Refused, match="1 of 3 managers would be reachable, and 2 are needed"):
        membership.leave(engine, True, 1, check=check)
    assert acts(script) == []


@pytest.mark.parametrize("state", ["active", "pending", "locked"])
def test_by_force_a_manager_stays_where_nobody_can_tell(
    engine: Engine, script: Script, here: Host, state: str
) -> None:
    here.is_at(state, NodeID="n1", ControlAvailable=state != "locked")
    here.certificate("n1", "swarm-manager")
    script.say("GET /nodes", refusal("locked_nodes" if state == "locked" else "no_leader", ANY))
    with pytest.raises(Refused, match="cannot be seen from it"):
        membership.leave(engine, True, 1, check=False)
    assert acts(script) == []


def test_by_force_the_only_manager_ends_its_swarm(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("active", NodeID="n1", ControlAvailable=True)
    script.say("GET /nodes", (200, [node("n1"), node("w1", manager=False)]))
    script.say("POST /swarm/leave", here.becomes("inactive"))
    assert membership.leave(engine, True, 1, check=False).changed
    assert acts(script) == ["POST /swarm/leave"]


def test_who_stays_in_spite_of_leaving_is_told(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("active", NodeID="n2")
    script.say("POST /swarm/leave", (200, None))
    with pytest.raises(Refused, match="still 'active'"):
        membership.leave(engine, False, 0.2, check=False)


def test_without_the_right_to_look_nothing_is_done(
    engine: Engine, script: Script, here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_not(_root: str) -> bool:
        raise membership.statedir.Unread("raft: Permission denied")

    monkeypatch.setattr(membership.statedir, "holds_raft_log", may_not)
    with pytest.raises(Refused, match=r"Permission denied.*become: true"):
        membership.initialize(engine, INIT, 1, check=False)
    assert acts(script) == []


# Unlocking.


def test_a_manager_is_unlocked_and_waited_for(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("locked")
    script.say("POST /swarm/unlock", here.becomes("active", ControlAvailable=True, NodeID="n1"))
    done = membership.unlock(engine, "SWMKEY-1-x", 1, check=False)
    assert (done.changed, done.before, done.after, done.warnings) == (True, "locked", "active", [])
    assert script.said("POST /swarm/unlock")[0].body == {"UnlockKey": "SWMKEY-1-x"}


@pytest.mark.parametrize("state", ["inactive", "active", "pending"])
def test_who_is_not_locked_needs_no_key(engine: Engine, script: Script, here: Host, state: str) -> None:
    here.is_at(state)
    assert not membership.unlock(engine, "SWMKEY-1-x", 1, check=False).changed
    assert acts(script) == []


def test_check_mode_tries_no_key(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("locked")
    assert membership.unlock(engine, "SWMKEY-1-x", 1, check=True).changed
    assert acts(script) == []


def test_a_wrong_key_is_told_apart(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("locked")
    script.say("POST /swarm/unlock", refusal("unlock_wrong", ANY))
    with pytest.raises(membership.WrongKey, match="wrong for this manager"):
        membership.unlock(engine, "SWMKEY-1-x", 1, check=False)


def test_a_key_that_is_none_is_the_engines_own_word(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("locked")
    script.say("POST /swarm/unlock", refusal("unlock_malformed", ANY))
    with pytest.raises(EngineError, match="invalid key string"):
        membership.unlock(engine, "x", 1, check=False)


def test_the_first_of_several_locked_managers_is_unlocked_with_a_warning(
    engine: Engine, script: Script, here: Host
) -> None:
    here.is_at("locked")
    script.say("POST /swarm/unlock", here.becomes("pending", ControlAvailable=True, NodeID="n1", Error="no leader"))
    done = membership.unlock(engine, "SWMKEY-1-x", 0.2, check=False)
    assert (done.changed, done.after) == (True, "pending")
    assert "A majority of the managers must be unlocked" in done.warnings[0]


def test_who_is_still_locked_is_told(engine: Engine, script: Script, here: Host) -> None:
    here.is_at("locked")
    script.say("POST /swarm/unlock", (200, None))
    with pytest.raises(Refused, match="still locked"):
        membership.unlock(engine, "SWMKEY-1-x", 0.2, check=False)
