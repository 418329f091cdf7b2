# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a whole run decides, over random inventories, swarms and answers of hosts; the named cases are in golden/.

What may never happen: an init beside anything that may be a swarm, a step beside a refusal, a membership changed while
a manager is silent; and a second run has nothing to do.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, lease, plan, provision, remains
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.provision import Decision
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Address, HostFacts, Node, Swarm, View
from hypothesis import assume, given
from hypothesis import strategies as st

from .scene import Scene
from .world import manager, worker

HOSTS = ("h1", "h2", "h3", "h4", "h5", "h6")
FREE = ("", "", "", "out", "half", "no-engine", "no-sdk")
"""Answers of hosts that are in no swarm."""
ODD = (*FREE, "silent", "stopped", "locked", "foreign", "lost", "removed", "leased", "version=19.03.1",
       "hostname=h1", "engine=E", "node=id-h2")
ANYTHING_GOES = dict.fromkeys(inventory.ALLOWANCES, True)


@st.composite
def scenes(draw: st.DrawFn, odd: tuple[str, ...] = ODD, swarm: bool | None = None, lax: bool | None = None) -> Scene:
    """Up to six hosts, each anything in the inventory, in the swarm, and when it is asked.

    :param swarm: whether there is a swarm; not given: drawn.
    :param lax: whether every refusal is relaxed that can be; not given: drawn.
    """
    hosts = HOSTS[:draw(st.integers(1, 6))]
    lax = draw(st.booleans()) if lax is None else lax
    roles = st.sampled_from(("manager a", "manager b", "manager c", "worker", "worker", "absent", "nowhere"))
    case: dict[str, Any] = {
        "inventory": {host: words for host in hosts for words in [draw(roles)] if words != "nowhere"},
        "hosts": {host: draw(st.sampled_from(odd)) for host in hosts},
        "shared": {**(ANYTHING_GOES if lax else {}), "swarm_force": lax or draw(st.booleans())},
    }
    workers = [host for host, words in case["inventory"].items() if words == "worker"]
    case["vars"] = {host: {"swarm_spare_manager": True} for host in workers if draw(st.booleans())}
    if draw(st.booleans()) if swarm is None else swarm:
        entry = st.sampled_from(("manager a", "manager b", "manager c", "manager down", "manager unnoted", "worker",
                                 "worker drain", "worker unnoted", "worker down", "nothing"))
        case["swarm"] = {host: words for host in hosts for words in [draw(entry)] if words != "nothing"}
        if draw(st.booleans()):
            case["swarm"]["h1~old"] = draw(st.sampled_from(("worker down", "manager down", "worker")))
        leaders = [host for host, words in case["swarm"].items() if words.startswith("manager") and "down" not in words]
        if leaders:
            case["swarm"][leaders[0]] += " leader"
    return Scene(case)


def facts_of(scene: Scene) -> dict[str, Any]:
    """What all hosts would answer, in the end."""
    return {host: scene.facts(host, True) for host in scene.hostvars}


@given(scenes())
def test_an_init_needs_every_host_to_be_free(scene: Scene) -> None:
    judgement, decision, _asked = scene.decide(scene.wanted())
    if decision.init is None:
        return
    assert judgement.verdict == "absent"
    for item in facts_of(scene).values():
        # The operator's word: swarm_force says so of hosts that are to be taken out, and of no others.
        gone_for_good = scene.wanted().force and item.host not in {want.host for want in scene.wanted().nodes}
        assert item.answered or gone_for_good
        assert gone_for_good or (remains.of(item) is None and not remains.why_unknown(item))
        assert item.membership.state in ("", "inactive", "pending")
        assert not item.membership.node_id
        assert not item.membership.control
        assert item.engine.answers or not item.engine.installed or gone_for_good


@given(scenes(odd=FREE, swarm=False))
def test_free_hosts_become_a_swarm(scene: Scene) -> None:
    """The property above would hold for a planner that never makes a swarm; this one would not."""
    wanted = scene.wanted()
    _judgement, decision, _asked = scene.decide(wanted)
    assume(wanted.managers and not decision.refusals)
    assert decision.init is not None
    assert decision.init.host == wanted.managers[0].host
    assert {decision.init.host, *(join.host for join in decision.joins)} == {node.host for node in wanted.nodes}
    assert decision.actor == decision.init.host


@given(scenes())
def test_a_refusal_stands_alone(scene: Scene) -> None:
    _judgement, decision, _asked = scene.decide(scene.wanted())
    if decision.refusals:
        assert decision == Decision(refusals=decision.refusals, notes=decision.notes)
    assert not {item.relaxed_by for item in decision.refusals} & scene.wanted().allowed
    for item in (*decision.refusals, *decision.notes, *decision.unsettled):
        assert item.sentence().strip()
        assert "  " not in item.sentence()


@given(scenes(odd=("", "", "out"), swarm=True, lax=True), st.integers(0, 5))
def test_no_membership_is_changed_while_a_manager_is_silent(scene: Scene, number: int) -> None:
    wanted = scene.wanted()
    assume(len(wanted.managers) > 1)
    silent = [wanted.managers[number % len(wanted.managers)].host]
    scene.odd[silent[0]] = ["silent"]
    judgement, decision, _asked = scene.decide(wanted)
    assume(judgement.view is not None and not decision.refusals)
    assert {step.kind for step in decision.steps} <= {"update", "settings", "engine", "leave"}
    assert not decision.joins
    assert not decision.removals
    assert {host for host in silent if any(item.host == host for item in decision.unsettled)} == set(silent)


def after(scene: Scene, decision: Decision) -> Scene:
    """The same hosts once all of the decision was done: joined hosts are nodes, and who has left is free."""
    state: tuple[Node, ...] = scene.nodes
    if decision.init is not None:
        state = (Node(f"new:{decision.init.host}", decision.init.host, "manager", decision.init.availability,
                      voter=True, leader=True, reachability="reachable"),)
    for step in decision.steps:
        if step.kind in ("update", "promote", "demote", "remove", "join"):
            state = plan.apply(state, replace(step, set_labels={}) if step.kind == "join" else step)
    joined = {node.id.removeprefix("new:"): node for node in state if node.id.startswith("new:")}
    for host in (*joined, *decision.leaves):
        scene.odd[host] = [f"node=new:{host}"] if host in joined else ["out"]
    scene.nodes = tuple(replace(node, os="linux", arch="x86_64",
                                manager_addr=f"{scene.addr[node.hostname]}:2377" if node.voter else "")
                        for node in state)
    return scene


@given(scenes(odd=("", "", "out", "half", "silent"), lax=True))
def test_a_second_run_has_nothing_to_do(scene: Scene) -> None:
    wanted = scene.wanted()
    assume(wanted.managers)
    _judgement, first, _asked = scene.decide(wanted)
    assume(first.changes)
    again = after(scene, first)
    judgement, second, _asked = again.decide(wanted)
    assert judgement.readable
    assert [step.as_dict() for step in second.steps] == []


@given(scenes())
def test_phases_follow_from_the_steps(scene: Scene) -> None:
    _judgement, decision, _asked = scene.decide(scene.wanted())
    kinds: dict[str, list[str]] = {}
    for step in decision.steps:
        kinds.setdefault(step.kind, []).append(step.host)
    assert kinds.get("join", []) == [join.host for join in decision.joins]
    assert sorted(kinds.get("leave", [])) == sorted(decision.leaves)
    assert sorted(kinds.get("engine", [])) == sorted(decision.engines)
    assert kinds.get("init", []) == ([decision.init.host] if decision.init else [])
    if decision.places_nodes:
        assert decision.actor
    if decision.joins:
        assert decision.remote_addrs


@pytest.mark.parametrize("verdict", ["no_quorum", "locked", "split", "foreign", "unknown"])
def test_every_other_verdict_is_refused_and_names_what_to_do(verdict: str) -> None:
    scene = Scene({"inventory": {"m1": "manager a"}, "swarm": {"m1": "manager a leader"}})
    judgement, facts = scene.judge(scene.wanted())
    decision = provision.decide(scene.wanted(), replace(judgement, verdict=verdict, view=None), facts)
    assert [item.id for item in decision.refusals] == [verdict]
    assert decision.refusals[0].remedy
    assert not decision.changes


@pytest.mark.parametrize(
    ("declared", "spec_autolock", "digest", "kept", "says"),
    [
        ({"swarm_autolock": True}, True, "d1", "d1", ""),
        ({"swarm_autolock": True}, True, "d1", "", "keep the swarm's unlock key"),
        ({"swarm_autolock": True}, True, "d2", "d1", "the kept unlock key is not the swarm's"),
        # Somebody else has locked it: `docker swarm init --autolock`.
        ({}, True, "d1", "", "keep the swarm's unlock key"),
        ({}, True, "d2", "d1", "the kept unlock key is not the swarm's"),
        ({}, True, "d1", "d1", ""),
        ({"swarm_task_history_limit": 5}, True, "d1", "", "keep the swarm's unlock key"),
        ({"swarm_controller_dir": ""}, True, "d1", "", ""),
        ({"swarm_autolock": False}, False, "", "d1", ""),
    ],
)
def test_the_kept_unlock_key_is_compared(
    declared: dict[str, Any], spec_autolock: bool, digest: str, kept: str, says: str
) -> None:
    scene = Scene({"inventory": {"m1": "manager"}, "swarm": {"m1": "manager active leader"},
                   "shared": {"swarm_allow_single_manager": True, "swarm_controller_dir": "/srv/s", **declared},
                   "spec": {"EncryptionConfig": {"AutoLockManagers": spec_autolock},
                            "Orchestration": {"TaskHistoryRetentionLimit": 5}}})
    scene.swarm = replace(scene.swarm, unlock_key_digest=digest)
    judgement, facts = scene.judge(scene.wanted())
    decision = provision.decide(scene.wanted(), judgement, facts, kept_key_digest=kept)
    assert [step.kind for step in decision.steps] == (["settings"] if says else [])
    assert all(says in step.why for step in decision.steps)
    assert (decision.settles, decision.keep_key) == (bool(says), bool(says))


def test_the_key_of_a_swarm_that_is_to_be_unlocked_is_not_missed() -> None:
    scene = Scene({"inventory": {"m1": "manager"}, "swarm": {"m1": "manager active leader"},
                   "shared": {"swarm_allow_single_manager": True, "swarm_controller_dir": "/srv/s",
                              "swarm_autolock": False},
                   "spec": {"EncryptionConfig": {"AutoLockManagers": True}}})
    scene.swarm = replace(scene.swarm, unlock_key_digest="d1")
    judgement, facts = scene.judge(scene.wanted())
    decision = provision.decide(scene.wanted(), judgement, facts, kept_key_digest="")
    assert [step.why for step in decision.steps] == ["autolock: True → False"]
    assert not decision.keep_key


@pytest.mark.parametrize(
    ("shared", "says"),
    [
        ({"swarm_default_addr_pool": "10.0.0.0/8", "swarm_subnet_size": 24, "swarm_data_path_port": "4789"}, []),
        ({"swarm_default_addr_pool": "10.1.0.0/16"}, ["swarm_default_addr_pool is ['10.1.0.0/16'] in the inventory"]),
        ({"swarm_subnet_size": 25}, ["swarm_subnet_size is 25 in the inventory and 24 in the swarm"]),
        ({"swarm_data_path_port": 4790}, ["swarm_data_path_port is 4790 in the inventory and 4789 in the swarm"]),
        ({}, []),
    ],
)
def test_what_is_fixed_at_init_is_only_told(shared: dict[str, Any], says: list[str]) -> None:
    scene = Scene({"inventory": {"m1": "manager"}, "swarm": {"m1": "manager active leader"},
                   "shared": {"swarm_allow_single_manager": True, **shared}})
    decision = scene.decide(scene.wanted())[1]
    assert len(decision.notes) == len(says)
    assert all(words in note.sentence() for words, note in zip(says, decision.notes, strict=True))
    assert not decision.changes


@pytest.mark.parametrize(
    ("shared", "says"),
    [
        ({"swarm_subnet_size": 26}, "swarm_subnet_size is 26, and swarm_default_addr_pool is not set"),
        ({"swarm_default_addr_pool": "10.1.0.0/16", "swarm_subnet_size": 30}, "makes no networks smaller than /29"),
        ({"swarm_default_addr_pool": "10.1.0.0/25"}, "of /24 (the engine's default"),
        ({"swarm_default_addr_pool": "10.1.0.0/16,10.1.128.0/17"}, "The pools 10.1.0.0/16 and 10.1.128.0/17 overlap"),
    ],
)
def test_pools_are_read_before_the_only_moment_when_they_can_be_chosen(shared: dict[str, Any], says: str) -> None:
    allowed = {"swarm_allow_single_manager": True, **shared}
    scene = Scene({"inventory": {"m1": "manager"}, "shared": allowed})
    refused = scene.decide(scene.wanted())[1].refusals
    assert [item.id for item in refused] == ["address_pool_invalid"]
    assert says in refused[0].sentence()
    made = Scene({"inventory": {"m1": "manager"}, "swarm": {"m1": "manager active leader"}, "shared": allowed})
    assert not made.decide(made.wanted())[1].refusals


def test_an_address_that_was_added_refuses_no_converged_swarm() -> None:
    scene = Scene({"inventory": {"m1": "manager"}, "swarm": {"m1": "manager active leader"},
                   "vars": {"m1": {"swarm_advertise_cidr": "192.0.2.0/24"}},
                   "shared": {"swarm_allow_single_manager": True}})
    judgement, facts = scene.judge(scene.wanted())
    floating = (*facts["m1"].addresses, Address("192.0.2.200", 32, "eth0"))
    decision = provision.decide(scene.wanted(), judgement, {"m1": replace(facts["m1"], addresses=floating)})
    assert not decision.refusals
    assert not decision.changes


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [({"m1": "no-sdk"}, ["m1", "w1"]), ({"m1": "no-sdk", "m2": "locked"}, []), ({"m1": "silent"}, [])],
)
def test_where_only_the_sdk_is_missing_everybody_is_probed(hosts: dict[str, str], asked: list[str]) -> None:
    scene = Scene({"inventory": dict.fromkeys(hosts, "manager a") | {"w1": "worker"}, "hosts": hosts})
    judgement, facts = scene.judge(scene.wanted())
    assert provision.to_ask(scene.wanted(), judgement, facts) == asked


HELD = {name: Finding(name, "warning", f"{name}.", host="m1") for name in ("acts_here", "not_ready", "host_silent",
                                                                          "waits_for_managers")}


@pytest.mark.parametrize(
    ("planned", "held", "nodes", "left"),
    [
        ("host_silent waits_for_managers", None, (), "host_silent waits_for_managers"),
        ("host_silent waits_for_managers", "", (), "host_silent"),
        ("host_silent", "waits_for_managers acts_here", (), "host_silent waits_for_managers"),
        ("not_ready", "not_ready", (manager("m1"),), ""),
        ("not_ready", "", (manager("m1", reachability="unreachable"),), "not_ready"),
        ("not_ready", "", (manager("m1", up=False),), "not_ready"),
        ("not_ready", "", (worker("m1"),), ""),
        ("not_ready", "", (worker("m2"),), "not_ready"),
    ],
)
def test_what_is_left_over_is_judged_at_the_end(planned: str, held: str | None, nodes: tuple[Node, ...], left: str
                                                ) -> None:
    found = provision.left_over([HELD[name] for name in planned.split()],
                                None if held is None else [HELD[name] for name in held.split()],
                                View(Swarm("swarm1"), nodes))
    assert [item.id for item in found] == left.split()


def test_joining_hosts_are_sent_to_the_leader_first() -> None:
    scene = Scene({"inventory": {"m1": "manager a", "m2": "manager b", "m3": "manager c", "w1": "worker"},
                   "swarm": {"m1": "manager a", "m2": "manager b leader", "m3": "manager c down"}})
    _judgement, decision, _asked = scene.decide(scene.wanted())
    assert decision.remote_addrs == ("192.0.2.12:2377", "192.0.2.11:2377")
    assert decision.actor == "m2"


def test_a_new_swarm_with_an_ipv6_address() -> None:
    scene = Scene({"inventory": {"m1": "manager a"}, "shared": {"swarm_allow_single_manager": True},
                   "vars": {"m1": {"swarm_advertise_addr": "2001:db8::1"}}, "hosts": {"m1": "addr=2001:db8::1"}})
    assert scene.decide(scene.wanted())[1].remote_addrs == ("[2001:db8::1]:2377",)


THREE = {"inventory": {"m1": "manager a", "m2": "manager b", "m3": "manager c", "w1": "worker"}}
WHOLE = {"m1": "manager a leader", "m2": "manager b", "m3": "manager c", "w1": "worker"}


@pytest.mark.parametrize(
    ("swarm", "hosts", "alone", "beside_another"),
    [
        (None, {}, False, True),
        (None, {"m1": "half"}, True, True),  # m1 makes the swarm at this moment
        (None, {"m2": "foreign"}, True, True),  # m1 had not begun when it was asked
        (None, {"w1": "foreign"}, True, True),  # the managers had not begun when they were asked
        (None, {"m1": "lost"}, True, True),
        (None, {"m1": "locked"}, False, True),
        (None, {"m1": "silent"}, False, True),
        (WHOLE, {}, False, False),
        (WHOLE, {"m3": "foreign"}, False, True),
        ({"m1": "manager a leader"}, {}, False, True),
        ({**WHOLE, "m2": "manager b joining"}, {}, False, True),  # promoted, and no voter yet
        ({**WHOLE, "m2": "manager b unreachable"}, {}, False, True),
        ({"m1": "manager a leader", "m2": "manager b joining"}, {}, False, True),  # one voter becomes two
        ({"m1": "manager a leader", "m2": "manager b unreachable"}, {}, True, True),  # it has, and is not reached yet
        ({**WHOLE, "w1": "worker drain"}, {}, False, True),
    ],
)
def test_what_is_looked_at_again(swarm: dict[str, str] | None, hosts: dict[str, str], alone: bool, beside_another: bool
                                 ) -> None:
    """Once, where a swarm may be in the making; while another run changes one, as long as there are looks left."""
    scene = Scene({**THREE, "hosts": hosts, **({"swarm": swarm} if swarm else {})})
    wanted = scene.wanted()
    judgement, decision, asked = scene.decide(wanted)
    facts = {**scene.judge(wanted, asked)[1], **{host: scene.facts(host, True) for host in asked}}

    def doubts(changed: bool) -> list[bool]:
        return [provision.in_doubt(wanted, judgement, facts, decision, look, changed) for look in (1, 2, 3)]

    assert doubts(False) == [alone, False, False]
    assert doubts(True) == [beside_another, beside_another, False]


def told(owner: str, expires: float, host: str = "m1") -> dict[str, HostFacts]:
    """A manager that reads the swarm's lease, and one that reads no swarm."""
    text = json.dumps({"owner": owner, "purpose": "provision", "expires": expires})
    return {"m0": HostFacts("m0"), host: HostFacts(host, swarm=Swarm("s1", spec={"Labels": {lease.LABEL: text}}))}


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        ({}, False),
        ({"m1": HostFacts("m1")}, False),
        ({"m1": HostFacts("m1", swarm=Swarm("s1"))}, False),
        (told("bob", 1010.0), True),
        (told("bob", 1000.0), False),  # it has expired
        (told("ann", 1010.0), False),  # its own
        (told("eve", 1010.0), False),  # known to be dead
        ({name: replace(item, answered=False) for name, item in told("bob", 1010.0).items()}, False),
    ],
)
def test_another_run_is_known_by_its_lease(facts: dict[str, HostFacts], changes: bool) -> None:
    found = provision.changer(facts, "ann", 1000.0, lambda owner: owner == "eve")
    assert (found[0] if found else "") == ("m1" if changes else "")
    assert (found[1].owner if found else "") == ("bob" if changes else "")
