# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No advice destroys: for every state of hosts, what is printed proposes neither to give up the last whole logs nor to
take running workers out of their swarm.

Hosts of two swarms, silent, unreadable, in trouble, with ended certificates or free, are run through everything that
judges, plans and advises. What would be printed is read as an operator reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    backup,
    heal,
    health,
    inventory,
    provision,
    recover,
    remains,
    split,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Swarm,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .world import manager, worker

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
MANAGERS, WORKERS = ("m1", "m2", "m3"), ("w1", "w2")
HOSTS = (*MANAGERS, *WORKERS)
ADDR = {name: f"192.0.2.{11 + index}" for index, name in enumerate(HOSTS)}
KEPT = {"swarm1": remains.Kept("/b/swarm1_m2.tar.gz", "m2")}
NODES = (manager("m1", "a", leader=True), manager("m2", "b"), manager("m3", "c"), worker("w1"), worker("w2"))

TAKES_OUT = re.compile(r"swarm leave|node rm|node demote|--force\b|swarm_allow_restore|reset")
"""What takes a node out of its swarm, or has a guard let it pass."""
MAKES = "provision makes one"
IF_GONE = re.compile(r"(If|[Oo]nly where|Where) [^.:]*(lost|gone for good)")
"""An advice that rests on what only the operator knows."""


@dataclass(frozen=True)
class World:
    """What every host would say, and what the operator set."""

    facts: Mapping[str, HostFacts]
    swarm_id: str
    archived: bool

    @property
    def wanted(self) -> Wanted:
        groups = {"swarm_managers": list(MANAGERS), "swarm_workers": list(WORKERS), "swarm_absent": []}
        own = {name: {"ansible_host": ADDR[name], "swarm_zone": "abc"[index % 3]} for index, name in enumerate(HOSTS)}
        return inventory.read(groups, own, {"swarm_id": self.swarm_id} if self.swarm_id else {})

    def whole(self) -> set[str]:
        """Hosts with a manager's log that was read, or may be there unread."""
        return {name for name, item in self.facts.items()
                if item.state.raft_log or item.state.unread or not item.answered}

    def alive(self) -> set[str]:
        """Hosts whose engine is a member of a swarm, or tries to be one."""
        return {name for name, item in self.facts.items() if item.membership.state not in ("", "inactive")}


def _validity(draw: st.DrawFn) -> dict[str, str]:
    begins, ends = draw(st.sampled_from([(-9, 60), (-99, -1), (2, 60)]))
    clock = draw(st.sampled_from(["", NOW.isoformat(), (NOW + timedelta(days=400)).isoformat()]))
    return {"not_before": (NOW + timedelta(days=begins)).isoformat(),
            "not_after": (NOW + timedelta(days=ends)).isoformat(), "clock": clock}


@st.composite
def hosts(draw: st.DrawFn, name: str) -> HostFacts:
    """One host: silent, without an engine, free, stopped, or a node of one of two swarms in any condition."""
    item = HostFacts(name, name, engine=Engine(True, True, "26.1.5", f"engine-{name}"),
                     addresses=(Address(ADDR[name], 24, "eth0"),), libraries=("docker", "nacl", "cryptography"))
    kind = draw(st.sampled_from(["silent", "unable", "bare", "free", "half", "node", "node", "node"]))
    if kind == "silent":
        return HostFacts.silent(name, "timed out")
    if kind == "unable":
        return replace(HostFacts.silent(name, "its disk is full"), reached=True)
    if kind == "bare":
        return replace(item, engine=Engine(), problem="no_engine", state=LocalState("/var/lib/docker"))
    if kind == "free":
        return replace(item, membership=Membership("inactive"), problem="not_member",
                       state=LocalState("/var/lib/docker"))
    if kind == "half":
        return replace(item, membership=Membership("pending"), problem="error", state=LocalState("/var/lib/docker"))
    return draw(_nodes(item))


@st.composite
def _nodes(draw: st.DrawFn, item: HostFacts) -> HostFacts:
    name = item.host
    swarm_id = draw(st.sampled_from(["swarm1", "swarm1", "swarm2"]))
    is_manager = draw(st.booleans()) if name in MANAGERS else draw(st.integers(0, 9)) == 0
    role = "manager" if is_manager else "worker"
    # Of the second swarm nothing is known to the first: its nodes and managers are elsewhere.
    ours = swarm_id == "swarm1"
    peers = (tuple((f"id-{other}", f"{ADDR[other]}:2377") for other in MANAGERS) if ours
             else (("id-x", "203.0.113.9:2377"),))
    node_id = f"id-{name}" if ours else f"other-{name}"
    state = LocalState("/var/lib/docker", swarm_id, node_id, role, is_manager,
                       peers, written="2026-11-22T08:00:00+00:00", **_validity(draw))  # type: ignore[arg-type]
    if draw(st.integers(0, 4)) == 0:
        state = LocalState(unread="permission denied")
    condition = draw(st.sampled_from(["active", "reads", "inactive", "error", "pending", "locked", "stopped"]))
    if condition == "stopped":
        return replace(item, engine=Engine(True), problem="no_engine", state=state)
    if condition == "inactive":
        return replace(item, membership=Membership("inactive"), problem="not_member", state=state)
    if condition == "locked":
        return replace(item, membership=Membership("locked"), problem="locked", state=state)
    if condition in ("error", "pending"):
        named = draw(st.booleans()) and condition == "pending"
        return replace(item, membership=Membership(condition, node_id if named else "", control=named and is_manager,
                                                   error="no leader" if named else "certificate has expired",
                                                   remote_managers=peers), problem="error", state=state)
    if not is_manager:
        return replace(item, membership=Membership("active", node_id, remote_managers=peers), problem="not_manager",
                       state=state)
    if condition == "active":
        return replace(item, membership=Membership("active", node_id, control=True, error="no leader",
                                                   remote_managers=peers), problem="no_leader", state=state)
    return replace(item, membership=Membership("active", node_id, control=True, remote_managers=peers), state=state,
                   swarm=Swarm(swarm_id), nodes=NODES)


def free(name: str) -> HostFacts:
    """A host in no swarm, with nothing on its disk."""
    return HostFacts(name, name, engine=Engine(True, True, "26.1.5", f"engine-{name}"),
                     membership=Membership("inactive"), problem="not_member", state=LocalState("/var/lib/docker"),
                     addresses=(Address(ADDR[name], 24, "eth0"),), libraries=("docker", "nacl", "cryptography"))


def member(name: str) -> HostFacts:
    """A working node of the first swarm."""
    is_manager = name in MANAGERS
    return replace(
        free(name), membership=Membership("active", f"id-{name}", control=is_manager),
        problem="" if is_manager else "not_manager", swarm=Swarm("swarm1") if is_manager else None,
        nodes=NODES if is_manager else (), state=LocalState("/var/lib/docker", "swarm1", f"id-{name}",
                                                            "manager" if is_manager else "worker", is_manager))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any hosts; in most worlds the others are free, or members of one swarm, so that few decide what is said."""
    odd = set(draw(st.one_of(st.just(HOSTS), *[st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2)] * 3)))
    usual = draw(st.sampled_from([free, member]))
    facts = {name: draw(hosts(name)) if name in odd else usual(name) for name in HOSTS}
    return World(facts, draw(st.sampled_from(["", "", "swarm1"])), draw(st.booleans()))


WORLDS = worlds()


def printed(world: World) -> list[Finding]:
    """Everything that the playbooks print over this world, without any word of the operator's."""
    wanted, facts = world.wanted, world.facts
    managers = [facts[name] for name in MANAGERS]
    judgement = verdict.judge(managers, wanted.swarm_id, NOW)
    archives = KEPT if world.archived else {}
    kept = health.Backup("/b", "swarm1_m2.tar.gz", "m2", swarm_id="swarm1") if world.archived else None
    told = split.told(managers, wanted.swarm_id, None, NOW)
    found = health.examine(told, wanted, facts, NOW, backup=kept)
    decision = provision.decide(wanted, judgement, facts, archives=archives)
    found += [*decision.refusals, *decision.notes, *decision.unsettled]
    found += heal.unreadable(judgement)
    found += backup.choose(wanted, judgement, facts).refusals
    loss = recover.loss(wanted, facts, ADDR)
    found += loss.refusals
    if not loss.refusals:
        found += recover.alive(loss) or recover.confirm(loss, "", [])
    return found


def advice(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(item.id, item.remedy) for item in found if item.remedy]


def a_swarm_is_made_only_where_none_can_be(world: World, found: Sequence[Finding]) -> None:
    wanted, facts = world.wanted, world.facts
    judgement = verdict.judge([facts[name] for name in MANAGERS], wanted.swarm_id, NOW)
    decision = provision.decide(wanted, judgement, facts)
    free = not world.whole() and not any(remains.of(item) for item in facts.values())
    settled = free and all(item.engine.answers or not item.engine.installed for item in facts.values())
    if decision.init is not None:
        assert settled
    elif judgement.verdict == "absent":
        assert decision.refusals
    makes = [remedy for _id, remedy in advice(found) if MAKES in remedy]
    assert not makes or settled


def nobody_is_told_to_leave_or_to_be_removed(world: World, found: Sequence[Finding]) -> None:
    for identifier, remedy in advice(found):
        if identifier != "ghost":  # the host itself said that it is another node now
            assert not TAKES_OUT.search(remedy), (identifier, remedy)


def nothing_is_restored_over_a_log_that_is_there_or_may_be(world: World, found: Sequence[Finding]) -> None:
    """Where only the operator knows that hosts are gone, the advice says so."""
    logs = {name for name, item in world.facts.items() if item.state.raft_log and item.state.swarm_id == "swarm1"}
    maybe = world.whole() - logs
    for identifier, remedy in advice(found):
        if "quorum.swarm.restore" in remedy:
            assert not logs or "swarm1" not in remedy, (identifier, remedy)
            assert not maybe or IF_GONE.search(remedy), (identifier, remedy)


def only_states_that_nobody_uses_are_offered_to_be_moved_aside(world: World, found: Sequence[Finding]) -> None:
    for identifier, remedy in advice(found):
        if "swarm_discard_state" not in remedy or identifier == "discard_refused":
            continue
        named = set(re.findall(r'"([mw][0-9])": "(swarm[12])"', remedy))
        assert named
        for host, swarm_id in named:
            item = world.facts[host]
            assert item.state.swarm_id == swarm_id != world.wanted.swarm_id
            assert item.membership.state in ("", "inactive"), (host, remedy)
        users = {name for name, item in world.facts.items()
                 if item.state.swarm_id in {one for _host, one in named} and name in world.alive()}
        assert not users, (users, remedy)
        assert re.search(r"[Ii]f you know that it is not", remedy)


def nobody_is_offered_as_lost_who_was_heard_or_could_not_be_read(world: World, found: Sequence[Finding]) -> None:
    for identifier, remedy in advice(found):
        for names in re.findall(r'"swarm_recover_lost": \[([^]]*)\]', remedy):
            for host in re.findall(r'"([mw][0-9])"', names):
                item = world.facts[host]
                assert not item.reached, (identifier, remedy)
                assert not item.state.unread, (identifier, remedy)
                assert not (item.state.raft_log and item.state.swarm_id in remedy), (identifier, remedy)


def a_member_in_trouble_is_never_called_a_join_that_stopped(world: World, found: Sequence[Finding]) -> None:
    for item in found:
        if item.id == "half_joined":
            state = world.facts[item.host].state
            assert (state.swarm_id, state.raft_log, state.unread) == ("", False, ""), item


PROPERTIES = (
    a_swarm_is_made_only_where_none_can_be,
    nobody_is_told_to_leave_or_to_be_removed,
    nothing_is_restored_over_a_log_that_is_there_or_may_be,
    only_states_that_nobody_uses_are_offered_to_be_moved_aside,
    nobody_is_offered_as_lost_who_was_heard_or_could_not_be_read,
    a_member_in_trouble_is_never_called_a_join_that_stopped,
)


@settings(max_examples=500, deadline=None)
@given(WORLDS)
def test_no_advice_destroys(world: World) -> None:
    found = printed(world)
    for holds in PROPERTIES:
        holds(world, found)


def ended(name: str) -> HostFacts:
    return replace(free(name), membership=Membership("error", error="certificate has expired"), problem="error",
                   state=LocalState("/var/lib/docker", "swarm1", f"id-{name}", "manager", True,
                                    not_after="2026-11-01T00:00:00+00:00", clock=NOW.isoformat()))


def alive(name: str) -> HostFacts:
    peers = tuple((f"id-{other}", f"{ADDR[other]}:2377") for other in MANAGERS)
    return replace(free(name), membership=Membership("active", f"id-{name}", remote_managers=peers),
                   problem="not_manager", state=LocalState("/var/lib/docker", "swarm1", f"id-{name}", "worker"))


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ([*map(free, HOSTS)], "quorum.swarm.provision makes one"),
        ([*map(ended, MANAGERS), *map(free, WORKERS)], "quorum.swarm.recover brings it back"),
        ([*map(free, MANAGERS), *map(alive, WORKERS)], "quorum.swarm.restore -e swarm_restore_archive=/b/swarm1_m2"),
    ],
)
def test_the_way_on_is_named(facts: list[HostFacts], says: str) -> None:
    """The properties above are no excuse to say nothing."""
    world = World({item.host: item for item in facts}, "", True)
    assert any(says in remedy for _id, remedy in advice(printed(world)))
