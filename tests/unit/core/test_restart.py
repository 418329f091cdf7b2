# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an engine may be stopped, by tables, and by a property: what is allowed leaves a majority of living voters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import restart
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Membership, Node
from hypothesis import given
from hypothesis import strategies as st

ME = Membership(state="active", node_id="m1", control=True)
WORKER = Membership(state="active", node_id="w1")


def manager(name: str, **others: Any) -> Node:
    return Node(
        **{"id": name, "hostname": name, "role": "manager", "voter": True, "reachability": "reachable", **others}
    )


THREE = [manager("m1"), manager("m2", leader=True), manager("m3"), Node("w1", "w1")]
DEAD = {"reachability": "unreachable", "state": "down"}


@pytest.mark.parametrize(
    ("membership", "nodes", "others", "words"),
    [
        (ME, THREE, {}, ""),
        (WORKER, [], {}, ""),
        (replace(WORKER, state="pending"), [], {}, "it is pending in the swarm"),
        (replace(ME, state="locked"), [], {}, "it is locked in the swarm"),
        (replace(ME, state=""), [], {}, "of unknown state"),
        (replace(ME, error="no leader"), [], {}, "the swarm has no quorum"),
        (ME, [*THREE[:2], manager("m3", **DEAD)], {}, "of 3 managers m3 cannot be reached"),
        (ME, [*THREE[:2], manager("m3", labels={"quorum.swarm/host": "db3"}, **DEAD)], {}, "managers db3 cannot be"),
        (ME, [*THREE[:2], manager("m3", **{**DEAD, "hostname": ""})], {}, "managers m3 cannot be reached"),
        (ME, THREE, {"silent": ["m2"]}, "of 3 managers m2 cannot be reached"),
        # Five could bear one more being down, but never are two down at once.
        (ME, [*THREE, manager("m4"), manager("m5", **DEAD)], {}, "of 5 managers m5 cannot be reached"),
        (ME, [*THREE, Node("w2", "w2", role="manager")], {}, "w2 is between worker and manager"),
        (ME, [*THREE, manager("m4", role="worker")], {}, "m4 is between worker and manager"),
        (replace(ME, node_id="x"), THREE, {}, "lists no voter x"),
        (ME, [], {}, "lists no voter m1"),
        (ME, THREE[:2], {}, "a majority of 2 is 2"),
        (ME, THREE[:1], {}, "a majority of 1 is 1"),
        (ME, THREE[:2], {"allow_pause": True}, ""),
        (ME, THREE[:1], {"allow_pause": True}, ""),
        (ME, THREE[:2], {"allow_pause": True, "silent": ["m2"]}, "of 2 managers m2 cannot be reached"),
        (ME, THREE, {"autolock": True}, ""),
        (ME, THREE[:1], {"allow_pause": True, "autolock": True}, "unlock key"),
    ],
)
def test_refusal(membership: Membership, nodes: list[Node], others: dict[str, Any], words: str) -> None:
    said = restart.refusal(membership, nodes, **others)
    assert words in said if words else said == ""


VOTERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=9)


@given(VOTERS, st.booleans())
def test_what_is_allowed_leaves_a_majority(others: list[tuple[bool, bool]], autolock: bool) -> None:
    """Each of the others is (listed as reachable, answers); against counting by hand."""
    nodes = [manager("m1")]
    nodes += [manager(f"o{i}", **({} if listed else DEAD)) for i, (listed, _answers) in enumerate(others)]
    silent = [f"o{i}" for i, (_listed, answers) in enumerate(others) if not answers]
    alive = sum(listed and answers for listed, answers in others)
    allowed = restart.refusal(ME, nodes, silent, autolock) == ""
    assert allowed == (alive == len(others) and 2 * alive > len(nodes))


@pytest.mark.parametrize(("state", "member"), [("inactive", False), ("active", True), ("locked", True), ("", True)])
def test_unknown_counts_as_member(state: str, member: bool) -> None:
    assert restart.is_member(state) is member


@pytest.mark.parametrize(
    ("membership", "nodes", "back"),
    [
        (ME, THREE, True),
        (WORKER, [], True),
        (replace(WORKER, state="pending"), [], False),
        (replace(ME, error="no leader"), THREE, False),
        (replace(ME, state="locked"), THREE, False),
        (ME, [], False),
        (ME, [manager("m1", **DEAD), *THREE[1:]], False),
        (ME, [manager("m1", state="unknown"), *THREE[1:]], False),
    ],
)
def test_is_back(membership: Membership, nodes: list[Node], back: bool) -> None:
    assert restart.is_back(membership, nodes) is back


def facts(
    host: str, control: bool = True, pending: str = "2026 pending: x", nodes: list[Node] | None = None
) -> HostFacts:
    return HostFacts(
        host,
        membership=Membership("active", host, control=control),
        pending_restart=pending,
        nodes=tuple(nodes or ()),
    )


def test_order_is_workers_then_managers_and_the_leader_last() -> None:
    hosts = [facts(name, nodes=THREE) for name in ("m2", "m1", "m3")] + [facts("w1", control=False)]
    order = restart.order(hosts)
    assert order.workers == ("w1",)
    assert order.managers == ("m1", "m3", "m2")
    assert order.asked == {"m2": "m1", "m1": "m2", "m3": "m2", "w1": "m2"}


def test_order_leaves_out_who_waits_for_nothing_and_names_who_is_silent() -> None:
    silent = HostFacts.silent("m3", "no route to host")
    order = restart.order([facts("m1", nodes=THREE), facts("m2", pending="", nodes=THREE), silent])
    assert (order.workers, order.managers, order.silent) == ((), ("m1",), (silent,))


def test_the_only_manager_is_asked_about_itself() -> None:
    assert restart.order([facts("m1", nodes=THREE[:1])]).asked == {"m1": "m1"}
