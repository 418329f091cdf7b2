# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner by tables: who is matched to whom, what is set and dropped, and why something is held back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import plan
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Plan, Removal, Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_HOST, LABEL_MANAGED, Node

from .world import labels_of, manager, order, worker

THREE = (manager("m1", "a", leader=True), manager("m2", "b"), manager("m3", "c"))
ORDERS = (order("m1", "manager", "a"), order("m2", "manager", "b"), order("m3", "manager", "c"))


def brief(planned: Plan) -> list[str]:
    """The steps in two words each."""
    return [f"{step.kind} {step.node_id.removeprefix('id-')}" for step in planned.steps]


def down(*hosts: str, nodes: tuple[Node, ...] = THREE) -> tuple[Node, ...]:
    """The nodes with these lost."""
    return tuple(replace(node, state="down", reachability="unreachable" if node.voter else "")
                 if node.hostname in hosts else node for node in nodes)


# -- matching -------------------------------------------------------------------------------------------------------

OLD = worker("w1", up=False, id="old", version=9)
NEW = worker("w1", id="new", version=3)
BARE = Node("bare", "w1")


@pytest.mark.parametrize(
    ("nodes", "orders", "matched"),
    [
        ((OLD, NEW), [order("w1", "worker")], {"w1": "new"}),  # the live one, though it is older
        ((NEW, OLD), [order("w1", "worker")], {"w1": "new"}),
        ((OLD,), [order("w1", "worker")], {"w1": "old"}),
        ((OLD, replace(OLD, id="older", version=1)), [order("w1", "worker")], {"w1": "old"}),
        ((OLD, NEW), [replace(order("w1", "worker"), node_id="old")], {"w1": "old"}),  # it knows best who it is
        ((OLD, NEW), [replace(order("w1", "worker"), node_id="gone")], {}),
        ((BARE,), [order("w1", "worker")], {}),  # a hostname proves nothing
        ((BARE,), [replace(order("w1", "worker"), node_id="bare")], {"w1": "bare"}),
        # No node is two hosts.
        ((NEW,), [order("w1", "worker"), replace(order("w2", "worker"), node_id="new")], {"w2": "new"}),
        ((NEW,), [replace(order("w2", "worker"), node_id="new"), replace(order("w3", "worker"), node_id="new")],
         {"w2": "new"}),
        ((NEW, OLD), [order("w1", "worker"), replace(order("w2", "worker"), node_id="new")],
         {"w1": "old", "w2": "new"}),
    ],
)
def test_match(nodes: tuple[Node, ...], orders: list[Order], matched: dict[str, str]) -> None:
    assert {host: node.id for host, node in plan.match(nodes, orders).items()} == matched


SAID = replace(order("w1", "worker"), node_id="new")


@pytest.mark.parametrize(
    ("entry", "asked", "is_ghost"),
    [
        (OLD, order("w1", "worker"), True),
        (replace(OLD, state="unknown"), order("w1", "worker"), False),  # right after an election the living are, too
        (replace(OLD, state="disconnected"), order("w1", "worker"), False),
        (replace(OLD, voter=True, reachability="reachable"), order("w1", "worker"), False),
        (replace(OLD, voter=True, reachability="unreachable"), order("w1", "worker"), True),
        (replace(OLD, state="ready"), SAID, True),  # the host itself said that it is another one
        (Node("old", "w1", state="down"), order("w1", "worker"), True),  # nothing noted on it, the same hostname
        (Node("old", "w1"), SAID, False),
        # A manager that is down, on which the engine noted a worker's hostname, is none of the worker's lives.
        (Node("old", "w1", "manager", state="down", voter=True, reachability="unreachable",
              manager_addr="192.0.2.13:2377"), order("w1", "worker"), False),
        (Node("old", "w1", "manager", state="down", voter=True, reachability="unreachable",
              manager_addr=f"{NEW.addr}:2377"), order("w1", "worker"), True),
        (Node("old", "w2", state="down"), order("w1", "worker"), False),
        (worker("w2", up=False, id="old"), order("w1", "worker"), False),
    ],
)
def test_ghosts(entry: Node, asked: Order, is_ghost: bool) -> None:
    nodes = (NEW, entry)
    found = plan.ghosts(nodes, [asked], plan.match(nodes, [asked]))
    assert [node.id for _host, node in found] == (["old"] if is_ghost else [])


def test_no_ghosts_of_a_host_that_is_down_itself() -> None:
    nodes = (OLD, replace(OLD, id="older", version=1))
    asked = [order("w1", "worker")]
    assert plan.ghosts(nodes, asked, plan.match(nodes, asked)) == []


# -- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("has", "wanted", "to_set", "to_drop"),
    [
        ({}, labels_of("w1", zone="a"), labels_of("w1", zone="a"), ()),
        (labels_of("w1", zone="a"), labels_of("w1", zone="a"), {}, ()),
        (labels_of("w1", zone="a"), labels_of("w1", zone="b"), {"zone": "b"}, ()),
        (labels_of("w1", zone="a", disk="ssd"), labels_of("w1", zone="a"), {LABEL_MANAGED: "zone"}, ("disk",)),
        (labels_of("w1") | {"mine": "1"}, labels_of("w1"), {}, ()),
        (labels_of("w1", disk="ssd") | {"mine": "1"}, labels_of("w1"), {LABEL_MANAGED: ""}, ("disk",)),
        # Somebody removed it already: nothing to drop.
        ({LABEL_HOST: "w1", LABEL_MANAGED: "disk"}, labels_of("w1"), {LABEL_MANAGED: ""}, ()),
        # Somebody else's label that is wanted now: from here on it is the collection's.
        ({"disk": "ssd"} | labels_of("w1"), labels_of("w1", disk="ssd"), {LABEL_MANAGED: "disk"}, ()),
    ],
)
def test_labels(has: dict[str, str], wanted: dict[str, str], to_set: dict[str, str], to_drop: tuple[str, ...]) -> None:
    assert plan.label_changes(Node("id", "w1", labels=has), wanted) == (to_set, to_drop)


# -- promotions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voters", "reachable", "promised", "more"),
    [(1, 1, 0, 1), (1, 1, 1, 0), (1, 1, 2, 0), (3, 3, 1, 1), (3, 3, 2, 0), (5, 5, 2, 2), (5, 3, 1, 0)],
)
def test_promotions_beside_those_that_have_not_arrived(voters: int, reachable: int, promised: int, more: int) -> None:
    assert plan.promotable(voters, reachable, promised) == more


def test_who_is_promoted_and_not_in_the_raft_is_no_voter() -> None:
    """One manager, and two whose promotion does not come true: the swarm takes changes, and nobody says otherwise."""
    nodes = (THREE[0], *(replace(one, voter=False, reachability="") for one in THREE[1:]))
    planned = plan.next_steps(nodes, ORDERS)
    assert (brief(planned), [item.id for item in planned.held]) == ([], ["promotion_pending", "promotion_pending"])
    labelled = plan.next_steps(nodes, [ORDERS[0], ORDERS[1], replace(ORDERS[2], availability="active")])
    assert brief(labelled) == ["update m3"]


@pytest.mark.parametrize(
    ("voters", "reachable", "at_once"),
    [(1, 1, 1), (2, 2, 1), (3, 3, 2), (3, 2, 1), (4, 4, 3), (4, 3, 1), (5, 5, 4), (5, 4, 2), (5, 3, 1), (7, 7, 6)],
)
def test_promotions_at_once(voters: int, reachable: int, at_once: int) -> None:
    """Were they all to die on arrival, a majority would remain; but one voter becomes three only through two."""
    assert plan.promotable(voters, reachable) == at_once
    assert at_once == 1 or 2 * reachable > voters + at_once
    assert 2 * reachable <= voters + at_once + 1


# -- next steps -----------------------------------------------------------------------------------------------------

W4 = worker("w4")


@pytest.mark.parametrize(
    ("nodes", "orders", "removals", "here", "steps", "held"),
    [
        pytest.param(THREE, ORDERS, (), "", [], [], id="as wanted"),
        pytest.param(down("m2", "m3"), ORDERS, (), "", [], ["no_quorum"], id="no quorum"),
        pytest.param(down("m3"), ORDERS, (), "", [], [], id="one down, all as wanted"),
        pytest.param((*THREE, W4), (*ORDERS, order("w4", "manager", "a")), (), "", ["update w4"], [],
                     id="drained before it is promoted"),
        pytest.param((*THREE, manager("w4", "a", role="worker", voter=False, reachability="")),
                     (*ORDERS, order("w4", "manager", "a")), (), "", ["promote w4"], [], id="promoted"),
        pytest.param((*THREE, manager("w4", "a", role="worker", voter=False, reachability="", up=False)),
                     (*ORDERS, order("w4", "manager", "a")), (), "", [], ["not_ready"], id="not ready to be promoted"),
        pytest.param(THREE, (*ORDERS[:2], order("m3", "worker", "c")), (), "", ["demote m3"], [], id="demoted"),
        pytest.param(THREE, (*ORDERS[:2], order("m3", "worker", "c")), (), "id-m3", [], ["acts_here"], id="itself"),
        pytest.param(THREE, (ORDERS[1], order("m1", "worker", "a"), order("m3", "worker", "c")), (), "id-m2",
                     ["demote m3"], [], id="the leader last"),
        pytest.param(down("m3"), (*ORDERS[:2], order("m3", "worker", "c")), (), "", ["demote m3"], [],
                     id="a dead one is demoted"),
        pytest.param(down("m3"), (ORDERS[0], ORDERS[2], order("m2", "worker", "b")), (), "", [],
                     ["waits_for_managers"], id="no living one while a wanted one is missing"),
        pytest.param(down("m3"), (ORDERS[0], order("m2", "worker", "b")), (), "", [], ["would_lose_quorum"],
                     id="an unlisted dead voter holds the living"),
        pytest.param(THREE, ORDERS[:2], (), "", [], [], id="an unlisted manager is left alone"),
        pytest.param((*THREE, W4), ORDERS, (Removal("w4"),), "", ["update w4"], [], id="drained before it leaves"),
        pytest.param((*THREE, replace(W4, availability="drain")), ORDERS, (Removal("w4"),), "", ["leave w4"], [],
                     id="leaves by itself"),
        pytest.param((*THREE, replace(W4, availability="drain")), ORDERS, (Removal("w4", left=True),), "",
                     ["remove w4"], [], id="has left, and still reads ready"),
        pytest.param((*THREE, replace(W4, availability="drain", state="down")), ORDERS, (Removal("w4", live=False),),
                     "", ["remove w4"], [], id="gone for good"),
        pytest.param((*THREE, OLD, NEW), (*ORDERS, order("w1", "worker")), (), "", ["remove old"], [],
                     id="a ghost's entry"),
        pytest.param((*THREE, OLD, replace(OLD, id="older", availability="drain", version=1)), ORDERS,
                     (Removal("w1", live=False),), "", ["update old"], [], id="two entries of a host that goes"),
        pytest.param((*THREE, replace(OLD, availability="drain"), replace(OLD, id="older", version=1)), ORDERS,
                     (Removal("w1", live=False),), "", ["remove older", "remove old"], [], id="both entries go"),
        pytest.param((*down("m3"), manager("m3", "c", id="new", role="worker", voter=False, reachability="")),
                     (*ORDERS[:2], replace(ORDERS[2], node_id="new")), (), "", ["demote m3"], [],
                     id="a dead voter goes before the promotion"),
        pytest.param((*THREE, replace(manager("m4", up=False), voter=False)), (*ORDERS, order("m4", "worker")), (), "",
                     ["remove m4"], [], id="no member of the raft: demoting it would be refused"),
        pytest.param((*THREE, replace(manager("m4"), voter=False, reachability="")), (*ORDERS, order("m4", "worker")),
                     (), "", [], ["promotion_pending"], id="on its way into the raft: demoting it would be refused"),
        pytest.param((*THREE, W4), (*ORDERS, order("w4", "worker")), (Removal("w4"),), "", ["update w4"], [],
                     id="both ordered and to be taken out: it is taken out"),
        pytest.param((*THREE, W4), (*ORDERS, order("w4", "worker"), replace(order("w5", "worker"), node_id="id-w4")),
                     (), "", ["update w4"], [], id="clones share a node"),
    ],
)
def test_next_steps(
    nodes: tuple[Node, ...], orders: tuple[Order, ...], removals: tuple[Removal, ...], here: str, steps: list[str],
    held: list[str],
) -> None:
    planned = plan.next_steps(nodes, orders, removals, here)
    assert brief(planned) == steps
    assert [item.id for item in planned.held] == held
    plan.whole(nodes, orders, removals, here)  # it comes to an end


@pytest.mark.parametrize(
    ("here", "says"),
    [("", "m2 stays a manager: without it 1 of 2 voters would be reachable, which is no majority. Bring the")],
)
def test_what_is_held_says_why(here: str, says: str) -> None:
    held = plan.next_steps(down("m3"), (ORDERS[0], order("m2", "worker", "b")), (), here).held
    assert held[0].sentence().startswith(says)


def test_without_a_quorum_recover_is_named() -> None:
    held = plan.next_steps(down("m2", "m3"), ORDERS).held
    assert held[0].sentence() == (
        "1 of 3 voters are reachable, and a majority is 2: nothing may be changed. "
        "ansible-playbook quorum.swarm.recover")


def test_a_batch_of_promotions_goes_round_the_zones() -> None:
    nodes = (*THREE, *(manager(host, zone, role="worker", voter=False, reachability="")
                       for host, zone in (("a2", "a"), ("a3", "a"), ("b2", "b"), ("c2", "c"))))
    orders = (*ORDERS, *(order(node.hostname, "manager", node.zone) for node in nodes[3:]))
    assert brief(plan.next_steps(nodes, orders)) == ["promote a2", "promote b2"]


# -- applying -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        (Step("update", "m3", "id-m3", "", "active", {"x": "1"}, ("zone",)),
         replace(THREE[2], availability="active", labels={**labels_of("m3"), LABEL_MANAGED: "zone", "x": "1"})),
        (Step("demote", "m3", "id-m3", ""), replace(THREE[2], role="worker", voter=False, reachability="",
                                                   manager_addr="")),
        (Step("leave", "m3", "id-m3", ""), replace(THREE[2], state="down")),
        (Step("remove", "m3", "id-m3", ""), None),
    ],
)
def test_apply(step: Step, changed: Node | None) -> None:
    assert plan.apply(THREE, step) == (*THREE[:2], *([changed] if changed else []))


def test_when_the_leader_goes_another_one_leads() -> None:
    after = plan.apply(THREE, Step("demote", "m1", "id-m1", ""))
    assert [node.hostname for node in after if node.leader] == ["m2"]


def test_an_unknown_step_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such step: jump"):
        plan.apply(THREE, Step("jump", "m3", "id-m3", ""))


@pytest.mark.parametrize(
    ("asked", "availability", "why"),
    [(order("m4", "manager"), "drain", "joins as a worker, drained"),
     (order("m4", "manager", availability="active"), "active", "joins as a worker"),
     (order("w4", "worker"), "active", "joins as a worker")],
)
def test_everybody_joins_as_a_worker(asked: Order, availability: str, why: str) -> None:
    step = plan.join(asked)
    assert (step.kind, step.availability, step.why) == ("join", availability, why)
    joined = plan.apply(THREE, step)[-1]
    assert (joined.role, joined.voter, joined.availability) == ("worker", False, availability)


def test_a_step_shows_only_what_is_set() -> None:
    assert Step("demote", "m3", "id-m3", "why").as_dict() == {
        "kind": "demote", "host": "m3", "node_id": "id-m3", "why": "why"}
    assert Step("update", "m3", "id-m3", "", "drain", {"a": "b"}, ("c",)).as_dict() == {
        "kind": "update", "host": "m3", "node_id": "id-m3", "why": "", "availability": "drain",
        "set_labels": {"a": "b"}, "drop_labels": ["c"]}
