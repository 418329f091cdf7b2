# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts over all that managers can say. Only ``absent`` may lead to an init, so it is proven hardest.

The memberships of engines that lost their managers are the captured ones of test_probe.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Swarm,
)
from hypothesis import given
from hypothesis import strategies as st

from .test_probe import HALF_JOINED, LOST_MANAGER, LOST_WORKER, printed
from .world import elect, manager, worker

ENGINE = Engine(True, True, "26.1.5")
NODES = (manager("m1", "a", leader=True), manager("m2", "b"), manager("m3", "c"), worker("w1"))


def probed(host: str, swarm: Any) -> HostFacts:
    """What the probe made of a captured answer."""
    return probe.read(host, printed(swarm))


def reads(host: str, nodes: Sequence[Node] = NODES, swarm: str = "swarm1") -> HostFacts:
    """A manager that tells its swarm."""
    return HostFacts(host, host, engine=ENGINE, membership=Membership("active", f"id-{host}", control=True),
                     swarm=Swarm(swarm), nodes=tuple(nodes))


def free(host: str) -> HostFacts:
    """A host with an engine that is in no swarm."""
    return HostFacts(host, host, engine=ENGINE, membership=Membership("inactive"), problem="not_member")


def bare(host: str) -> HostFacts:
    """A host without an engine."""
    return HostFacts(host, host, problem="no_engine")


def stopped(host: str) -> HostFacts:
    """A host whose engine does not answer."""
    return HostFacts(host, host, engine=Engine(True), problem="no_engine")


def locked(host: str) -> HostFacts:
    """A locked manager."""
    return HostFacts(host, host, engine=ENGINE, membership=Membership("locked"), problem="locked")


def silent(host: str) -> HostFacts:
    """A host that cannot be reached."""
    return HostFacts.silent(host, "timed out")


def failing(host: str, problem: str) -> HostFacts:
    """A host whose engine is there and could not be asked."""
    return HostFacts(host, host, engine=replace(ENGINE, answers=problem == "error"), problem=problem)


NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
VALID, ENDED, EARLY = ("2026-11-01", "2027-01-01"), ("2026-08-01", "2026-11-01"), ("2026-12-01", "2027-03-01")


def ill(host: str, validity: tuple[str, str] = ENDED, state: str = "error", role: str = "manager", clock: str = "",
        unread: str = "") -> HostFacts:
    """A member whose engine does not start as one: no node ID, everything on its disk [20.10, 26.1, 28.5]."""
    return HostFacts(
        host, host, engine=ENGINE, membership=Membership(state, error="certificate has expired"), problem="error",
        state=LocalState("/var/lib/docker", "", unread=unread) if unread else LocalState(
            "/var/lib/docker", "swarm1", f"id-{host}", role, role == "manager", not_before=validity[0],
            not_after=validity[1], clock=clock))


def with_node(nodes: Sequence[Node], host: str, **changed: Any) -> tuple[Node, ...]:
    """The nodes with one of them changed."""
    return tuple(replace(node, **changed) if node.id == f"id-{host}" else node for node in nodes)


DEAD3 = with_node(NODES, "m3", reachability="unreachable", state="down")
DEAD23 = with_node(DEAD3, "m2", reachability="unreachable", state="down")
OTHER_LEADER = elect(tuple(replace(node, leader=node.id == "id-m2") for node in NODES))
APART1 = with_node(with_node(NODES, "m2", reachability="unreachable"), "m3", reachability="reachable")
APART2 = tuple(replace(node, leader=node.id == "id-m2",
                       reachability="unreachable" if node.id == "id-m1" else node.reachability) for node in NODES)


@pytest.mark.parametrize(
    ("facts", "expected", "says"),
    [
        ([], "unknown", "names no managers"),
        ([free("m1")], "absent", "None of the 1 managers"),
        ([free("m1"), bare("m2")], "absent", "None of the 2"),
        ([free("m1"), silent("m2")], "unknown", "m2 cannot be reached"),
        ([free("m1"), stopped("m2")], "unknown", "Docker does not answer on m2"),
        # Docker is not blamed for a Python library, nor for a host without curl.
        ([free("m1"), failing("m2", "no_sdk")], "unknown", "the engine of m2 could not be asked"),
        ([free("m1"), failing("m2", "unknown")], "unknown", "the engine of m2 could not be asked"),
        ([free("m1"), failing("m2", "timeout")], "unknown", "Docker does not answer on m2"),
        ([free("m1"), failing("m2", "error")], "unknown", "could not be asked on m2"),
        ([free("m1"), replace(bare("m2"), problem="no_sdk")], "unknown", "the engine of m2 could not be asked"),
        ([free("m1"), locked("m2")], "locked", "m2: locked"),
        ([free("m1"), probed("m2", HALF_JOINED)], "absent", "joins of m2 stopped half-way"),
        ([free("m1"), probed("m2", LOST_MANAGER)], "no_quorum", "m2: a manager that finds no leader"),
        ([free("m1"), probed("m2", LOST_WORKER)], "foreign", "m2: worker of a swarm"),
        ([free("m1"), probed("m2", {**LOST_WORKER, "LocalNodeState": "active"})], "foreign", "m2: worker"),
        ([free("m1"), probed("m2", {**LOST_MANAGER, "LocalNodeState": "active", "Error": ""})], "unknown", "m2"),
        ([silent("m1"), probed("m2", LOST_MANAGER)], "no_quorum", "1 of 2 managers answer"),
        ([reads("m1"), reads("m2"), reads("m3")], "healthy", "3 voters, 3 reachable, majority 2"),
        ([reads("m1"), reads("m2"), silent("m3")], "degraded", "3 reachable"),
        ([reads("m1", DEAD3), reads("m2", DEAD3)], "degraded", "2 reachable, majority 2, tolerates the loss of 0; not"),
        ([reads("m1", DEAD23)], "no_quorum", "1 of 3 voters are reachable; a majority is 2"),
        ([reads("m1", with_node(NODES, "w1", state="down"))], "degraded", "not ready: w1"),
        ([reads("m1"), locked("m3")], "degraded", "3 voters"),
        ([reads("m1"), reads("m2", swarm="swarm2")], "foreign", "2 swarms (m1: swarm swarm1; m2: swarm swarm2)"),
        ([reads("m1"), reads("m2", OTHER_LEADER)], "healthy", "3 voters"),  # elected between two answers
        ([reads("m1", APART1), reads("m2", APART2)], "split", "m1 follows m1, m2 follows m2"),
        # One of them reaches the other's leader: an election is under way, and nothing is split.
        ([reads("m1"), reads("m2", APART2)], "healthy", "3 voters"),
        ([reads("m2", APART2), reads("m3")], "degraded", "2 reachable"),
        ([reads("m1", with_node(NODES, "m3", reachability="unreachable"))], "degraded", "not reachable: m3."),
    ],
)
def test_verdict(facts: list[HostFacts], expected: str, says: str) -> None:
    found = verdict.judge(facts)
    assert (found.verdict, says in found.reason) == (expected, True), found.reason
    assert found.readable is (found.view is not None)


ALL_ENDED = [ill("m1"), ill("m2"), ill("m3")]


@pytest.mark.parametrize(
    ("facts", "expected", "says"),
    [
        (ALL_ENDED, "certificates_ended", "m1 until 2026-11-01 00:00 UTC; m2 until"),
        ([ill(name, state="locked") for name in ("m1", "m2", "m3")], "certificates_ended", "3 of 3 managers answer"),
        ([ill(name, EARLY) for name in ("m1", "m2", "m3")], "certificates_ended", "m1 from 2026-12-01 00:00 UTC on"),
        ([ill("m1"), ill("m2"), silent("m3")], "certificates_ended", "2 of 3 managers answer"),
        ([ill("m1"), ill("m2"), free("m3")], "certificates_ended", "m1 until"),
        ([ill("m1"), ill("m2", VALID), free("m3")], "certificates_ended", "m1 until"),
        # A majority that was not heard may be well.
        ([ill("m1"), silent("m2"), silent("m3")], "unknown", "the certificates of m1 are not valid now"),
        ([ill("m1"), stopped("m2"), stopped("m3")], "unknown", "Docker does not answer on m2, m3"),
        ([ill("m1"), ill("m2"), probed("m3", LOST_MANAGER)], "no_quorum", "m3: a manager that finds no leader"),
        ([ill("m1"), ill("m2"), locked("m3")], "locked", "m3: locked"),
        ([ill("m1", VALID), ill("m2", VALID), ill("m3", VALID)], "no_quorum", "m1, m2, m3: a manager whose engine"),
        ([ill("m1", VALID, "pending"), free("m2"), free("m3")], "no_quorum", "m1: a manager whose engine"),
        ([ill("m1", VALID, role="worker"), free("m2"), free("m3")], "foreign", "m1: worker of a swarm"),
        ([ill("m1", unread="permission denied"), free("m2")], "unknown", "the disk could not be read on m1"),
        ([ill("m1"), ill("m2"), reads("m3")], "degraded", "3 voters"),
    ],
)
def test_a_member_in_trouble_is_no_join_that_stopped(facts: list[HostFacts], expected: str, says: str) -> None:
    """So read engines whose certificates have ended; it was called a swarm that is absent, beside whole logs."""
    found = verdict.judge(facts, now=NOW)
    assert (found.verdict, says in found.reason) == (expected, True), found.reason
    assert "half_joined" not in [item.id for item in found.findings]


@pytest.mark.parametrize(
    ("clock", "remedy"),
    [
        ("", ""),
        ("2026-11-29T08:00:30+00:00", ""),
        ("2028-01-01", "Set the clock of m1, m2, m3 right"),
    ],
)
def test_a_clock_that_is_wrong_is_set_right(clock: str, remedy: str) -> None:
    validity = VALID if remedy else ENDED
    found = verdict.judge([ill(name, validity, clock=clock) for name in ("m1", "m2", "m3")], now=NOW)
    assert found.verdict == "certificates_ended"
    assert found.remedy.startswith(remedy) is bool(found.remedy) is bool(remedy) or (remedy, found.remedy) == ("", "")


@pytest.mark.parametrize("third", [ill("m3"), ill("m3", VALID), ill("m3", unread="permission denied")])
def test_one_of_three_is_named(third: HostFacts) -> None:
    found = verdict.judge([reads("m1"), reads("m2"), third], now=NOW)
    assert found.verdict == "degraded"
    assert [item.id for item in found.findings] == ["member_in_trouble"]


@pytest.mark.parametrize(
    ("third", "finding"),
    [
        (silent("m3"), "host_silent"),
        (locked("m3"), "manager_locked"),
        (probed("m3", HALF_JOINED), "half_joined"),
        (probed("m3", LOST_WORKER), "foreign_host"),
        (probed("m3", LOST_MANAGER), "foreign_host"),
        (replace(probed("m3", LOST_WORKER), membership=Membership("active", "x", remote_managers=(("id-m1", "a:1"),))),
         ""),  # removed from this swarm while it ran
        (free("m3"), ""),
    ],
)
def test_findings_beside_a_swarm(third: HostFacts, finding: str) -> None:
    found = verdict.judge([reads("m1", NODES[:2]), reads("m2", NODES[:2]), third])
    assert [item.id for item in found.findings] == ([finding] if finding else [])
    assert all(item.host == "m3" and "m3" in item.sentence() for item in found.findings)


def test_another_swarm_than_the_inventory_is_about() -> None:
    assert verdict.judge([reads("m1")], "swarm1").verdict == "healthy"
    found = verdict.judge([reads("m1")], "swarm2")
    assert found.verdict == "foreign"
    assert "this inventory is about swarm swarm2" in found.reason


def test_the_leader_is_believed() -> None:
    late = with_node(NODES, "w1", state="down")
    view = verdict.judge([reads("m2", late), reads("m1")]).view
    assert view is not None
    assert view.nodes == NODES


@st.composite
def any_facts(draw: st.DrawFn) -> HostFacts:
    """Anything that a host may say, possible or not."""
    return HostFacts(
        f"h{draw(st.integers(0, 99))}", "h", answered=draw(st.booleans()),
        engine=Engine(draw(st.booleans()), draw(st.booleans())),
        membership=Membership(
            draw(st.sampled_from(("", "inactive", "inactive", "pending", "active", "error", "locked"))),
            draw(st.sampled_from(("", "", "id-m1", "x"))), control=draw(st.booleans()),
            error=draw(st.sampled_from(("", "no leader"))),
            remote_managers=draw(st.sampled_from(((), (("", "a:2377"),), (("id-m1", "a:2377"),))))),
        problem=draw(st.sampled_from(("", "no_leader", "locked", "not_manager", "not_member", "timeout", "no_engine",
                                      "no_sdk", "error", "unread"))),
        swarm=draw(st.sampled_from((None, None, Swarm("swarm1"), Swarm("swarm2")))),
        nodes=draw(st.sampled_from(((), NODES, DEAD3, DEAD23, APART2))))


@given(st.lists(any_facts(), max_size=5))
def test_absent_needs_every_host_to_say_so(facts: list[HostFacts]) -> None:
    found = verdict.judge(facts)
    assert found.verdict in verdict.VERDICTS
    assert found.reason.endswith(".")
    if found.verdict == "absent":
        assert facts
        for item in facts:
            in_none = item.membership.state == "inactive"
            half = item.membership.state in ("pending", "error") and not item.membership.node_id
            no_engine = not item.membership.state and not item.engine.installed and item.problem == "no_engine"
            assert item.answered
            assert in_none or half or no_engine
            assert not item.membership.control or in_none or no_engine
    if found.readable:
        voters = [node for node in found.view.nodes if node.voter]  # type: ignore[union-attr]
        assert 2 * sum(node.reachable for node in voters) > len(voters)


@given(st.lists(st.sampled_from([free("m1"), bare("m2"), free("m3"), probed("m4", HALF_JOINED)]), min_size=1),
       st.sampled_from([silent("x"), stopped("x"), locked("x"), probed("x", LOST_MANAGER), probed("x", LOST_WORKER),
                        failing("x", "timeout"), failing("x", "no_sdk"), reads("x")]), st.randoms())
def test_one_host_is_enough_to_forbid_absent(facts: list[HostFacts], one: HostFacts, random: Any) -> None:
    assert verdict.judge(facts).verdict == "absent"
    facts.insert(random.randint(0, len(facts)), one)
    assert verdict.judge(facts).verdict != "absent"


@pytest.mark.parametrize(
    ("facts", "between"),
    [
        (reads("m1"), False),
        (free("m1"), False),
        (bare("m1"), False),
        (stopped("m1"), False),
        (locked("m1"), False),
        (HostFacts.silent("m1", "timed out"), False),
        (probed("m1", HALF_JOINED), True),
        (probed("m1", LOST_MANAGER), True),
        (probed("m1", LOST_WORKER), False),
        (reads("m1", ()), True),
        (reads("m1", (manager("m1", leader=True), manager("m2", reachability="unreachable"))), True),
        (reads("m1", (manager("m1", leader=True), manager("m2"), manager("m3", reachability="unreachable"))), False),
    ],
)
def test_what_a_host_says_in_the_middle_of_something(facts: HostFacts, between: bool) -> None:
    assert verdict.in_between(facts) is between
