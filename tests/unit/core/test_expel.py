# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is meant by a compromised node, whether it may go, what comes next, and what it knew.

Three to seven managers, two workers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, expel, inventory, quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.expel import CA, REMOVE, ROTATE, Entry, Store, Thing
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_HOST, Node
from hypothesis import given
from hypothesis import strategies as st

ZONES = "abc"
KNOWN = ["m1", "m2", "m3", "m4", "m5", "w1", "w2"]
NOW = 1_800_000_000


def node(name: str, reachable: bool = True, **more: Any) -> Node:
    manager = name.startswith("m")
    made = Node(f"node-{name}", name, "manager" if manager else "worker", voter=manager, leader=name == "m1",
                reachability=("reachable" if reachable else "unreachable") if manager else "",
                state="ready" if reachable else "down", addr=f"192.0.2.{name[1]}",
                labels={LABEL_HOST: name, "zone": ZONES[int(name[1]) % 3]})  # fmt: skip
    return replace(made, **more)


def nodes(managers: int = 3, away: tuple[str, ...] = ()) -> list[Node]:
    return [node(name, name not in away) for name in [*(f"m{number}" for number in range(1, managers + 1)), "w1", "w2"]]


def wanted(**absent: Any) -> Wanted:
    hosts = {name: {"swarm_zone": ZONES[int(name[1]) % 3]} for name in KNOWN}
    return inventory.read({"swarm_managers": KNOWN[:5], "swarm_workers": KNOWN[5:], "swarm_absent": list(absent)},
                          {**hosts, **absent}, {})  # fmt: skip


# -- who is meant


def test_a_host_is_meant_by_the_name_on_its_node_and_any_node_by_its_id() -> None:
    listed = [*nodes(), node("m2", id="former-m2", voter=False, reachability="", state="down")]
    found, refusals = expel.targets(["m2", "node-w1"], listed, (), wanted(), KNOWN)
    assert not refusals
    assert [[one.id for one in target.nodes] for target in found] == [["node-m2", "former-m2"], ["node-w1"]]


def test_a_hostname_means_nobody() -> None:
    _found, refusals = expel.targets(["stranger"], [node("w1", hostname="stranger")], (), wanted(), KNOWN)
    assert [item.id for item in refusals] == ["expel_unknown_node"]
    assert "node-w1 (w1)" in refusals[0].sentence()


def test_where_nodes_carry_no_name_a_host_that_none_carries_may_be_one_of_them() -> None:
    _found, refusals = expel.targets(["w1"], [node("m1"), node("w2", labels={})], (), wanted(), KNOWN)
    assert [item.id for item in refusals] == ["expel_unnamed_node"]


def test_a_label_on_a_node_at_another_address_is_told() -> None:
    target = expel.Target("w1", (node("w1"),))
    assert [item.id for item in expel.elsewhere(target, {"w1": "192.0.2.77"})] == ["expel_other_address"]
    assert expel.elsewhere(target, {"w1": "192.0.2.1"}) == []


def test_who_is_gone_already_and_was_taken_out_is_nothing_to_do() -> None:
    done = Entry("node-w1", "w1", at=NOW)
    found, refusals = expel.targets(["w1"], [node("m1")], [done], wanted(), KNOWN)
    assert not refusals
    assert found[0].over
    assert expel.entries_of(found, NOW, None) == []


def test_of_a_host_that_went_some_other_way_everything_is_made_anew() -> None:
    found, _refusals = expel.targets(["w1"], [node("m1")], (), wanted(), KNOWN)
    (entry,) = expel.entries_of(found, NOW, None)
    assert (entry.key, entry.todo) == ("w1", (ROTATE, CA))


@pytest.mark.parametrize(("name", "ca", "todo"), [
    ("w1", None, (REMOVE, ROTATE)), ("m2", None, (REMOVE, ROTATE, CA)),
    ("w1", True, (REMOVE, ROTATE, CA)), ("m2", False, (REMOVE, ROTATE)),
])  # fmt: skip
def test_a_manager_knows_the_key_of_the_root_certificate(name: str, ca: bool | None, todo: tuple[str, ...]) -> None:
    (entry,) = expel.entries_of([expel.Target(name, (node(name),))], NOW, ca)
    assert entry.todo == todo


def test_compromised_is_for_hosts_that_are_to_be_absent() -> None:
    assert wanted(x1={"swarm_compromised": "true"}, x2={}).compromised == ("x1",)
    with pytest.raises(coerce.BadValue, match="m1: swarm_compromised is true, and m1 is in swarm_managers"):
        inventory.read({"swarm_managers": ["m1"]}, {"m1": {"swarm_compromised": True}}, {})


# -- whether it may be


@pytest.mark.parametrize(("managers", "away", "out", "refused"), [
    (3, (), ("m1",), ""),
    (3, (), ("w1", "w2"), ""),
    (5, (), ("m1", "m2", "m3"), ""),  # one after the other: 4 of 4, 3 of 3, 2 of 2
    (3, ("m2",), ("m2",), ""),
    (3, ("m2",), ("m1",), "expel_would_lose_quorum"),
    (3, ("m2",), ("m1", "m2"), ""),  # who is away goes first
    (5, ("m2", "m3"), ("m1",), "expel_would_lose_quorum"),
    (3, ("m2", "m3"), ("m2",), "expel_no_quorum"),
    (1, (), ("m1",), "expel_last_manager"),
    (2, (), ("m1",), ""),
    (3, (), ("m1", "m2", "m3"), "expel_last_manager"),
])  # fmt: skip
def test_it_never_costs_the_quorum(managers: int, away: tuple[str, ...], out: tuple[str, ...], refused: str) -> None:
    found = expel.refuse(nodes(managers, away), {f"node-{name}" for name in out})
    assert [item.id for item in found] == ([refused] if refused else [])


@given(st.integers(1, 7), st.sets(st.integers(1, 7)), st.sets(st.integers(1, 7)))
def test_after_every_step_that_is_not_refused_a_majority_is_reachable(
    managers: int, away: set[int], out: set[int]
) -> None:
    listed = nodes(managers, tuple(f"m{number}" for number in away))
    ids = {f"node-m{number}" for number in out if number <= managers}
    if expel.refuse(listed, ids):
        return
    entries = [Entry(one, one, True, NOW, (REMOVE, ROTATE, CA)) for one in ids]
    while (step := expel.next_step(listed, entries)) is not None and step.node is not None:
        assert expel.refuse(listed, ids) == []
        if step.kind == "demote":
            gone = replace(step.node, role="worker", voter=False, reachability="", leader=False)
            listed = [gone if one.id == gone.id else one for one in listed]
        else:
            assert not step.node.voter
            listed = [one for one in listed if one.id != step.node.id]
        voters = [one for one in listed if one.is_manager]
        assert quorum.has_quorum(len(voters), sum(one.reachable for one in voters))
    assert not ids & {one.id for one in listed}


def test_the_leader_goes_last_and_workers_first() -> None:
    listed = nodes(5, ("m3",))
    ordered = expel.order(listed, {f"node-{name}" for name in ("m1", "m2", "m3", "w2")})
    assert [one.host for one in ordered] == ["w2", "m3", "m2", "m1"]


def test_the_word_names_exactly_the_nodes() -> None:
    new = [Entry("node-m1", "m1", True, NOW), Entry("node-w1", "w1", False, NOW)]
    assert expel.unconfirmed(new, ["node-w1", "node-m1"], ["m1", "w1"]) == []
    assert expel.unconfirmed([], [], ["w1"]) == []
    for said in ([], ["node-m1"], ["node-m1", "node-w1", "node-w2"], ["m1", "w1"]):
        (item,) = expel.unconfirmed(new, said, ["m1", "w1"])
        assert item.remedy.endswith("-e swarm_node=m1,w1 -e swarm_expel_confirm=node-m1,node-w1")


# -- what comes next, and what is remembered


def test_what_was_begun_is_read_as_it_was_written() -> None:
    entries = (Entry("node-m1", "m1", True, NOW, (REMOVE, ROTATE, CA), "", ("s1",), ("c1",), ("v1",)),)
    assert expel.read(expel.written({"mine": "yes"}, entries)) == entries
    assert expel.written({"mine": "yes"}, entries)["mine"] == "yes"
    for broken in ("", "{", "7", '["x"]', "null"):
        assert expel.read({expel.LABEL: broken}) == ()


def test_the_oldest_are_forgotten_and_never_one_that_is_not_through() -> None:
    entries = [Entry(f"n{number}", at=number, todo=(ROTATE,) if number == 0 else ()) for number in range(40)]
    kept = expel.read(expel.written({}, entries))
    assert len(kept) == expel.KEPT + 1
    assert [kept[0].id, kept[1].id] == ["n0", f"n{40 - expel.KEPT}"]


def test_rotations_come_when_all_nodes_are_gone_and_the_certificate_last() -> None:
    entries: tuple[Entry, ...] = (Entry("node-m2", "m2", True, NOW, (REMOVE, ROTATE, CA)),
                                  Entry("node-w1", "w1", False, NOW, (REMOVE, ROTATE)))  # fmt: skip
    step = expel.next_step([node("m1"), node("m2")], entries)
    assert step is not None
    assert step.kind == "demote"
    assert expel.next_step([node("m1")], entries) == expel.Step("rotate", ca=True)
    entries = expel.rotated(entries, {"node-m1"}, "old root")
    assert [entry.todo for entry in entries] == [(CA,), ()]
    assert expel.next_step([node("m1")], entries) == expel.Step("wait")
    assert expel.certified(entries, True, "new root") == entries
    assert expel.certified(entries, False, "old root") == entries  # a manager that is a moment behind the leader
    entries = expel.certified(entries, False, "new root")
    assert expel.next_step([node("m1")], entries) is None


def test_a_node_that_is_there_keeps_its_rotations() -> None:
    entry = Entry("node-w1", "w1", False, NOW, (REMOVE, ROTATE))
    assert expel.rotated([entry], {"node-w1"}, "root") == (entry,)


# -- what it knew


STORE = Store(
    (Thing("s1", "password", "2026-01-01T00:00:00.123456789Z", ("web",)),
     Thing("s2", "later", "2030-01-01T00:00:00Z"), Thing("s3", "other", "2026-01-01T00:00:00Z")),
    (Thing("c1", "settings", "2026-01-01T00:00:00Z"),), (Thing("v1", "web"),),
    {"node-w1": {"secrets": {"s1", "gone"}, "configs": {"c1"}, "services": {"v1"}}})  # fmt: skip


def names(found: expel.Exposed) -> list[str]:
    return [thing.name for thing in (*found.secrets, *found.configs)]


def test_a_worker_knew_what_its_tasks_had_and_is_there_still() -> None:
    entry = expel.with_exposure(Entry("node-w1", "w1", False, NOW), STORE)
    assert entry.secrets == ("gone", "s1")
    assert names(expel.exposed(entry, STORE)) == ["password", "settings"]
    assert names(expel.exposed(entry, replace(STORE, secrets=()))) == ["settings"]


def test_a_manager_knew_all_that_was_there_when_it_went() -> None:
    entry = expel.with_exposure(Entry("node-m1", "m1", True, NOW), STORE)
    assert names(expel.exposed(entry, STORE)) == ["password", "other", "settings"]


def test_what_is_left_to_look_after() -> None:
    left = [node(name) for name in ("m2", "m3", "m4", "m5", "w1")]
    found = expel.findings(left, [Entry("node-m1", "m1", True, NOW)], wanted())
    assert [item.id for item in found] == ["even_managers", "deadly_zone", "expelled_host_is_wanted"]
    assert "ansible-playbook quorum.swarm.provision" in found[0].remedy
    entries = [Entry("a", "m1", True, NOW, (REMOVE, ROTATE, CA)), Entry("b", "m2", True, NOW, (CA,)), Entry("c", "w1")]
    assert [item.host for item in expel.unfinished(entries, left)] == ["m1", "m2"]
    assert "the join tokens it knew are still good" in expel.unfinished(entries, left)[0].fact
    assert "it is still a node" in expel.unfinished(entries, [node("m1", id="a")])[0].fact
    barred = expel.barred(expel.written({}, entries), ["m1", "w2"], ())
    assert [item.host for item in barred] == ["m1"]
    assert expel.barred(expel.written({}, entries), ["m1"], {expel.ALLOW}) == []
