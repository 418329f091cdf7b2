# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a quorum is lost, who can be had back, which survivor is taken, what is confirmed; by tables and properties.

Five managers, two workers; m1, m2 and m3 are the ones that get lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, quorum, recover, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.recover import Candidate, Loss
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Service,
    Swarm,
)
from hypothesis import given
from hypothesis import strategies as st

SWARM, OTHER = "swarm1", "swarm2"
MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
GROUPS = {"swarm_managers": MANAGERS, "swarm_workers": ["w1", "w2"], "swarm_absent": []}
ADDRESS = {name: f"192.0.2.{10 + number}" for number, name in enumerate([*MANAGERS, "w1", "w2"], 1)}
KNOWN = tuple((f"node-{name}", f"{ADDRESS[name]}:2377") for name in MANAGERS)


def wanted(**shared: Any) -> Wanted:
    own = {name: {"ansible_host": address, "swarm_zone": "abcab"[int(name[1]) - 1]}
           for name, address in ADDRESS.items()}  # fmt: skip
    return inventory.read(GROUPS, own, shared)


def nodes(*gone: str, leader: str = "m1") -> tuple[Node, ...]:
    """What a manager lists."""
    managers = [Node(f"node-{name}", name, "manager", labels={LABEL_HOST: name}, voter=True, leader=name == leader,
                     state="down" if name in gone else "ready", manager_addr=f"{ADDRESS[name]}:2377",
                     reachability="unreachable" if name in gone else "reachable") for name in MANAGERS]
    return (*managers, *(Node(f"node-{name}", name, labels={LABEL_HOST: name}) for name in ("w1", "w2")))


def host(name: str, says: str = "") -> HostFacts:
    """One host, in a word."""
    if says == "silent":
        return HostFacts.silent(name, "no route")
    if says == "walled":
        return replace(HostFacts.silent(name, "Permission denied"), reached=True)
    manager = name.startswith("m")
    state = LocalState("/var/lib/docker", SWARM, f"node-{name}", "manager" if manager else "worker", manager, KNOWN)
    item = HostFacts(name, name, engine=Engine(True, True), state=state,
                     addresses=(Address(ADDRESS[name], 24, "eth0"),),
                     membership=Membership("active", f"node-{name}", control=manager, remote_managers=KNOWN))
    if says == "reads" and manager:
        return replace(item, swarm=Swarm(SWARM), nodes=nodes())
    if says == "blind":
        return replace(item, problem="no_leader", membership=replace(item.membership, error="no leader"))
    if says in ("ended", "early", "clock"):
        dates = {"ended": (-91, -1), "early": (30, 120), "clock": (-1, 89, 400)}[says]
        return with_certificate(replace(item, problem="error", membership=Membership("error")), *dates)
    if says == "locked":
        return replace(item, problem="locked", membership=Membership("locked"))
    if says == "stopped":
        return replace(item, problem="no_engine", engine=Engine(True), membership=Membership())
    if says in ("full", "full and runs", "full and half"):
        item = replace(item, answered=False, reached=True, why_not="its disk is full", startable=says == "full")
        return item if says == "full and runs" else replace(item, problem="no_engine", engine=Engine(True),
                                                            membership=Membership())
    if says == "wiped":
        return replace(item, problem="not_member", membership=Membership("inactive"), state=LocalState())
    if says == "foreign":
        return replace(item, problem="no_leader", state=replace(state, swarm_id=OTHER))
    if says.startswith("step:"):
        entry = {"what": "recover", "swarm_id": SWARM, "node_id": f"node-{name}", "step": says[5:]}
        return replace(item, problem="no_leader", state=replace(state, reinit=entry))
    return item


NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def with_certificate(item: HostFacts, begins: int, ends: int, clock: int = 0) -> HostFacts:
    """A certificate that is valid from the one day to the other, and the host's clock; in days from now."""
    day = [(NOW + timedelta(days=number)).isoformat() for number in (begins, ends, clock)]
    return replace(item, state=replace(item.state, not_before=day[0], not_after=day[1], clock=day[2]))


def facts(says: str) -> dict[str, HostFacts]:
    """What every host says, in the order of the inventory: one word a manager, the workers run."""
    words = says.split()
    return {name: host(name, word) for name, word in zip([*ADDRESS], [*words, *[""] * (7 - len(words))], strict=True)}


def lost(says: str = "silent silent silent blind blind", **shared: Any) -> Loss:
    return recover.loss(wanted(**shared), facts(says), ADDRESS)


def ids(found: Sequence[Finding]) -> list[str]:
    return [item.id for item in found]


# -- is it lost? -----------------------------------------------------------------------------------------------------

FINE, BLIND = Judgement("healthy", "", verdict.view_of(host("m1", "reads"))), Judgement("no_quorum", "")
ENDED = Judgement("certificates_ended", "")
LOCKED, UNKNOWN, ABSENT = Judgement("locked", ""), Judgement("unknown", ""), Judgement("absent", "")


@pytest.mark.parametrize(
    ("first", "second", "apart", "proven", "expected"),
    [
        # One reading proves nothing, be it good or bad; unless a majority speaks for itself.
        (None, BLIND, 0, False, "unsure"),
        (None, FINE, 0, False, "unsure"),
        (None, FINE, 0, True, "quorum"),
        (BLIND, FINE, 5, True, "quorum"),
        # Two readings, but within the time that a stale leader goes on answering.
        (BLIND, BLIND, 20, False, "unsure"),
        (BLIND, BLIND, 21, False, "lost"),
        (LOCKED, BLIND, 21, False, "lost"),
        (UNKNOWN, LOCKED, 21, False, "lost"),
        # They differ: a stale leader was heard first, or there was an election.
        (FINE, BLIND, 21, False, "unsure"),
        (BLIND, FINE, 21, False, "unsure"),
        (FINE, FINE, 21, False, "quorum"),
        # No engine is on its way back, so that one reading is enough.
        (None, ENDED, 0, False, "lost"),
        # No swarm, another swarm: nothing to recover.
        (None, ABSENT, 0, False, "other"),
        (BLIND, Judgement("foreign", ""), 30, False, "other"),
    ],
)  # fmt: skip
def test_the_verdict(first: Judgement | None, second: Judgement, apart: float, proven: bool, expected: str) -> None:
    assert recover.verdict(first, second, apart, proven) == expected


@given(st.sampled_from([None, FINE, BLIND, LOCKED, UNKNOWN]), st.sampled_from([FINE, BLIND, LOCKED, UNKNOWN]),
       st.floats(0, 100), st.booleans())  # fmt: skip
def test_lost_takes_two_bad_readings_far_apart(
    first: Judgement | None, second: Judgement, apart: float, proven: bool
) -> None:
    if recover.verdict(first, second, apart, proven) == recover.LOST:
        assert first is not None
        assert not first.readable
        assert not second.readable
        assert apart > 20


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("reads reads reads reads reads", True),
        ("reads reads reads silent silent", True),
        # A leader whose majority died a moment ago: it says that all is well, and nobody else does.
        ("reads silent silent silent silent", False),
        ("reads blind blind blind blind", False),
        ("reads reads silent silent silent", False),
    ],
)
def test_one_reading_is_enough_where_a_majority_speaks(says: str, expected: bool) -> None:
    told = [facts(says)[name] for name in MANAGERS]
    assert recover.proves_quorum(verdict.judge(told), told) is expected


# -- what is left of it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "survivors", "gone"),
    [
        ("silent silent silent blind blind", ["m4", "m5"], ["m1", "m2", "m3"]),
        ("silent silent silent stopped locked", ["m4", "m5"], ["m1", "m2", "m3"]),
        # A host that answers and has no state left is as lost as one that does not answer.
        ("silent wiped silent blind blind", ["m4", "m5"], ["m1", "m2", "m3"]),
        ("blind silent blind silent blind", ["m1", "m3", "m5"], ["m2", "m4"]),
    ],
)
def test_what_is_left(says: str, survivors: list[str], gone: list[str]) -> None:
    found = lost(says)
    assert (found.swarm_id, list(found.survivors), found.lost_names) == (SWARM, survivors, gone)


def test_a_manager_that_no_host_is_goes_by_its_address() -> None:
    found = recover.loss(wanted(), facts("silent silent silent blind blind"), {})
    assert found.lost_names == ["192.0.2.11", "192.0.2.12", "192.0.2.13"]


@pytest.mark.parametrize(
    ("says", "shared", "expected"),
    [
        ("silent silent silent silent silent", {}, ["recover_no_state"]),
        ("wiped silent silent silent silent", {}, ["recover_no_state"]),
        ("silent silent silent foreign blind", {}, ["recover_other_swarm"]),
        ("silent silent silent blind blind", {"swarm_id": OTHER}, ["recover_other_swarm"]),
        ("silent silent silent foreign blind", {"swarm_id": SWARM}, []),
    ],
)
def test_a_state_of_one_swarm_is_needed(says: str, shared: dict[str, Any], expected: list[str]) -> None:
    assert ids(lost(says, **shared).refusals) == expected


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("silent silent silent blind blind", {}),
        ("silent silent silent stopped locked", {"m4": "started", "m5": "unlocked"}),
        ("silent silent silent step:placed blind", {"m4": "taken back"}),
        ("silent silent silent step:finished blind", {}),
        # Where no module runs.
        ("full full silent blind blind", {"m1": "by the shell", "m2": "by the shell"}),
        ("full silent silent stopped blind", {"m4": "started", "m1": "by the shell"}),
    ],
)
def test_who_is_brought_back(says: str, expected: dict[str, str]) -> None:
    todo = recover.bring_back(lost(says), facts(says))
    assert list(todo) == list(expected)
    assert all(word in todo[name] for name, word in expected.items())


@pytest.mark.parametrize(
    ("says", "refused"),
    [
        ("silent silent silent blind blind", False),
        ("silent silent blind blind blind", True),
        ("silent silent stopped locked blind", True),
        ("silent silent wiped blind blind", False),
    ],
)
def test_nobody_is_given_up_while_a_majority_answers(says: str, refused: bool) -> None:
    assert ids(recover.alive(lost(says))) == ["recover_majority_answers"] * refused


REACHED = ("full", "full and runs", "full and half", "walled")


@pytest.mark.parametrize("word", REACHED)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_host_that_only_cannot_run_a_module_is_not_lost(word: str, where: int) -> None:
    says = ["silent", "silent", "silent", "blind", "blind"]
    says[where] = word
    seen = dict(zip([*ADDRESS], [host(name, one) for name, one in zip(ADDRESS, [*says, "", ""], strict=True)],
                    strict=True))
    found = recover.loss(wanted(), seen, ADDRESS)
    name = MANAGERS[where]
    assert name not in found.lost_names
    assert [(item.id, item.host) for item in recover.alive(found)] == [("recover_reached", name)]
    assert f'"{name}"' not in recover.command(found)
    assert "power it off" in recover.alive(found)[0].remedy
    assert name not in recover.given_up(wanted(), found, seen, [])


def test_nobody_is_lost_while_such_a_host_may_be_any_of_the_managers() -> None:
    found = recover.loss(wanted(), facts("silent silent walled blind blind"), {})
    assert ids(recover.alive(found)) == ["recover_reached"]


@given(st.lists(st.sampled_from(["silent", "wiped", "blind", "locked", "stopped", *REACHED]), min_size=5, max_size=5))
def test_what_is_printed_never_gives_up_a_host_that_is_reached(words: list[str]) -> None:
    seen = {name: host(name, word) for name, word in zip(ADDRESS, [*words, "", ""], strict=True)}
    found = recover.loss(wanted(), seen, ADDRESS)
    alive = {name for name, word in zip(MANAGERS, words, strict=True) if word in REACHED}
    assert not alive & set(found.lost_names)
    if alive and not found.refusals:
        assert {item.host for item in recover.alive(found) if item.id == "recover_reached"} == alive


@given(st.lists(st.sampled_from(["silent", "wiped", "blind", "locked", "stopped"]), min_size=5, max_size=5))
def test_either_it_is_refused_or_a_majority_is_lost(words: list[str]) -> None:
    found = lost(" ".join(words))
    if not found.refusals:
        assert bool(recover.alive(found)) != (len(found.lost) > quorum.tolerance(5))


def test_a_recovery_that_is_not_through_is_found() -> None:
    assert recover.unfinished(facts("silent silent silent step:forced blind")) == "m4"
    assert recover.unfinished(facts("silent silent silent step:restarted blind")) == "m4"
    assert recover.unfinished(facts("silent silent silent step:forcing blind")) == ""
    assert recover.unfinished(facts("silent silent silent step:finished blind")) == ""


# -- evidence and confirmation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voting", "step", "expected"),
    [
        (("m4",), "finished", "m4"),
        (("m4", "m5"), "finished", "m4"),
        # A swarm that was recovered once and has lost its quorum since.
        (("m1", "m2", "m4"), "finished", ""),
        (("m4",), "", ""),
    ],
)
def test_a_swarm_that_was_forced_and_still_lists_the_given_up_is_not_lost(
    voting: tuple[str, ...], step: str, expected: str
) -> None:
    entry = {"what": "recover", "swarm_id": SWARM, "node_id": "node-m4", "step": step}
    listed = tuple(replace(node, voter=node.id.removeprefix("node-") in voting) for node in nodes("m1", "m2", "m3"))
    item = host("m4", "reads")
    found = {**facts("silent silent silent blind stopped"),
             "m4": replace(item, nodes=listed, state=replace(item.state, reinit=entry))}  # fmt: skip
    assert recover.forced(found, SWARM) == expected
    assert recover.forced(facts("silent silent silent blind stopped"), SWARM) == ""


def test_who_is_heard_is_not_lost() -> None:
    seen = {"m4": {"listening": ["m2"]}, "w1": {"listening": [], "connected": ["m3"]}, "w2": {}}
    found = recover.evidence(lost(), seen)
    assert [item.host for item in found] == ["m2", "m3"]
    assert "it answers m4 at 192.0.2.12:2377" in found[0].fact
    assert "w1 has a live connection to it" in found[1].fact
    assert recover.evidence(lost(), {"m4": {"listening": [], "connected": []}}) == []


@pytest.mark.parametrize(
    ("confirmed", "named", "expected"),
    [
        (SWARM, ["m1", "m2", "m3"], []),
        (SWARM, ["m3", "m2", "m1"], []),
        ("", [], ["recover_unconfirmed"]),
        ("", ["m1", "m2", "m3"], ["recover_unconfirmed"]),
        ("true", ["m1", "m2", "m3"], ["recover_unconfirmed"]),
        (OTHER, ["m1", "m2", "m3"], ["recover_unconfirmed"]),
        (SWARM, [], ["recover_lost_differs"]),
        (SWARM, ["m1", "m2"], ["recover_lost_differs"]),
        (SWARM, ["m1", "m2", "m3", "m5"], ["recover_lost_differs"]),
        (SWARM, ["m1", "m2", "m3", "m3"], ["recover_lost_differs"]),
    ],
)
def test_what_is_confirmed(confirmed: str, named: list[str], expected: list[str]) -> None:
    found = recover.confirm(lost(), confirmed, named)
    assert ids(found) == expected
    for item in found:
        typed = re.search(r"-e swarm_recover_confirm=(\S+) -e '(.*)'", item.remedy)
        assert typed is not None
        told = json.loads(typed[2])["swarm_recover_lost"]
        assert recover.confirm(lost(), typed[1], told) == [], "what the refusal says to type is what it takes"


@given(st.lists(st.sampled_from([*ADDRESS, "m9"]), max_size=7))
def test_exactly_the_lost_are_named(named: list[str]) -> None:
    assert (recover.confirm(lost(), SWARM, named) == []) is (sorted(named) == ["m1", "m2", "m3"])


# -- which survivor --------------------------------------------------------------------------------------------------

ALL = tuple(f"node-{name}" for name in MANAGERS)


def candidate(name: str, commit: int = 10, last: tuple[int, int] = (2, 10), **more: Any) -> Candidate:
    return Candidate(name, commit, *last, members=ALL, **more)


@pytest.mark.parametrize(
    ("candidates", "asked", "expected"),
    [
        # Commit first, then the term of the last entry, then its index.
        ([candidate("m4", 10), candidate("m5", 11, (2, 11))], "", "m5"),
        ([candidate("m4", 10, (2, 20)), candidate("m5", 11, (2, 11))], "", "m5"),
        ([candidate("m4", 10, (3, 11)), candidate("m5", 10, (2, 12))], "", "m4"),
        ([candidate("m4", 10, (2, 11)), candidate("m5", 10, (2, 12))], "", "m5"),
        ([candidate("m4"), candidate("m5")], "", "m4"),
        # An operator may know better.
        ([candidate("m4", 10), candidate("m5", 11, (2, 11))], "m4", "m4"),
        ([candidate("m4"), candidate("m5")], "m1", "recover_survivor_unknown"),
        # A damaged log is never taken silently; of two that know the same, the whole one is.
        ([candidate("m4", damage=("x",)), candidate("m5")], "", "m5"),
        ([candidate("m4", 11, (2, 11), damage=("x",)), candidate("m5")], "", "recover_survivor_damaged"),
        ([candidate("m4", 11, (2, 11), damage=("x",)), candidate("m5")], "m4", "m4"),
        ([candidate("m4", 11, (2, 11), damage=("x",)), candidate("m5")], "m5", "m5"),
        ([candidate("m4", damage=("x",))], "", "recover_survivor_damaged"),
        # What no engine would start from is none; how far it went is not known, so that an operator has to say it.
        ([Candidate("m4", error="broken"), candidate("m5")], "", "recover_survivor_unusable"),
        ([Candidate("m4", error="broken"), candidate("m5")], "m5", "m5"),
        ([Candidate("m4", error="broken"), candidate("m5")], "m4", "recover_survivor_unknown"),
        ([Candidate("m4", error="broken"), Candidate("m5", error="broken")], "", "recover_no_survivor"),
        # Unknown is not damaged: it may know most, and nothing is offered that gives it up.
        ([Candidate("m4", unread="no room"), candidate("m5")], "", "recover_survivor_unread"),
        ([Candidate("m4", unread="no room"), Candidate("m5", error="broken")], "", "recover_survivor_unread"),
        ([Candidate("m4", unread="no room")], "m4", "recover_survivor_unread"),
        ([Candidate("m4", unread="no room"), candidate("m5")], "m5", "m5"),  # by the operator's word
        # The log says it better than the survivors did: these two are a majority; there is one that nobody knew.
        ([replace(candidate("m4"), members=("node-m4", "node-m5", "node-m1"))], "", "recover_majority_answers"),
        ([replace(candidate("m4"), members=(*ALL, "node-m9", "node-m8"))], "", "recover_unknown_manager"),
        ([replace(candidate("m4"), members=())], "", "m4"),
    ],
)
def test_which_survivor_is_taken(candidates: list[Candidate], asked: str, expected: str) -> None:
    choice = recover.choose(lost(), candidates, asked)
    assert (ids(choice.refusals) or [choice.host]) == [expected]


def candidates() -> st.SearchStrategy[list[Candidate]]:
    small = st.integers(0, 4)
    one = st.builds(lambda commit, term, more, damage, error: Candidate(
        "", commit, term, commit + more, ("x",) * damage, "broken" * error), small, small, small, st.booleans(),
        st.booleans())  # fmt: skip
    return st.lists(one, min_size=1, max_size=5).map(
        lambda found: [replace(item, host=name) for name, item in zip(MANAGERS, found, strict=False)])  # fmt: skip


@given(candidates())
def test_nothing_that_a_whole_survivor_has_committed_is_lost_silently(found: list[Candidate]) -> None:
    choice = recover.choose(lost(), found)
    if not choice.refusals:
        taken = next(item for item in found if item.host == choice.host)
        assert not taken.error
        assert not taken.damage
        assert not any(item.error for item in found)
        assert all(taken.position >= item.position for item in found)


def test_what_forcing_discards_is_named() -> None:
    line = candidate("m4", 10, (2, 12), uncommitted=("create service web", "update node w1")).line()
    assert "2 entries above the commit would be lost: create service web, update node w1" in line
    assert "at least 10" in candidate("m4", lower_bound=True).line()


# -- certificates that are not valid ---------------------------------------------------------------------------------

ALL_ENDED = "ended ended ended ended ended ended ended"


@pytest.mark.parametrize(
    ("says", "gone", "able", "remade", "refused"),
    [
        (ALL_ENDED, [], [], ["m1", "m2", "m3", "m4", "m5", "w1", "w2"], []),
        # A majority of the managers ended, the others are whole: they keep what they are, and are no majority.
        ("ended ended ended blind blind", [], ["m4", "m5"], ["m1", "m2", "m3"], []),
        # A majority is whole: it is not the certificates that keep it from finding a leader.
        ("ended ended blind blind blind", [], ["m3", "m4", "m5"], ["m1", "m2"], ["recover_majority_answers"]),
        ("silent silent ended ended ended", ["m1", "m2"], [], ["m3", "m4", "m5"], []),
        ("early early early early early", [], [], ["m1", "m2", "m3", "m4", "m5"], ["recover_not_yet_valid"]),
        ("early ended ended ended ended", [], [], ["m1", "m2", "m3", "m4", "m5"], []),
        ("clock clock clock clock clock", [], [], ["m1", "m2", "m3", "m4", "m5"], ["recover_clock"]),
        ("ended ended ended ended ended clock", [], [], ["m1", "m2", "m3", "m4", "m5", "w1"], ["recover_clock"]),
    ],
)
def test_who_cannot_start(
    says: str, gone: list[str], able: list[str], remade: list[str], refused: list[str]
) -> None:
    found = lost(says)
    assert (found.lost_names, found.able, sorted(found.remade)) == (gone, able, remade)
    assert ids([*recover.clocks(facts(says), NOW), *recover.not_yet(found), *recover.alive(found)]) == refused
    assert not recover.bring_back(found, facts(says)), "no engine starts from them, however often it is tried"


def test_with_nobody_given_up_the_word_names_the_swarm_alone() -> None:
    found = lost(ALL_ENDED)
    (item,) = recover.confirm(found, "", [])
    assert item.remedy.endswith(f"-e swarm_recover_confirm={SWARM}")
    assert "Nobody is given up" in item.fact
    assert "m1, m2, m3, m4, m5, w1, w2: valid until 2026-11-28 12:00 UTC" in item.fact
    assert recover.confirm(found, SWARM, []) == []
    assert ids(recover.confirm(found, SWARM, ["m2"])) == ["recover_lost_differs"]


def surveyed(**more: Any) -> dict[str, Any]:
    return {"commit": 10, "last_term": 2, "last_index": 10, "damage": [], "error": "", "uncommitted": [],
            "members": [[one, ""] for one in ALL], "unopened": "", "aside": "/aside", "lower_bound": False, **more}


@pytest.mark.parametrize(
    ("says", "worth", "asked", "expected"),
    [
        (ALL_ENDED, {}, "", "m1"),
        (ALL_ENDED, {"m3": {"commit": 11, "last_index": 11}}, "", "m3"),
        # Of equals one whose certificate has ended: a whole one stays the node that it is in any case.
        ("blind blind ended ended ended", {}, "", "m3"),
        ("ended ended ended blind blind", {"m5": {"commit": 11, "last_index": 11}}, "", "m5"),
        # No engine starts from one that is not valid yet. What is known there alone is not given up for that.
        ("early ended ended ended ended", {}, "", "m2"),
        ("early ended ended ended ended", {"m1": {"commit": 11, "last_index": 11}}, "", "recover_survivor_early"),
        ("early ended ended ended ended", {"m1": {"commit": 11, "last_index": 11}}, "m2", "m2"),
        (ALL_ENDED, {"m1": {"commit": 11, "last_index": 11, "damage": ["x"]}}, "", "recover_survivor_damaged"),
    ],
)
def test_which_survivor_is_taken_of_those_that_ended(
    says: str, worth: dict[str, dict[str, Any]], asked: str, expected: str
) -> None:
    found = lost(says)
    results = {name: surveyed(**worth.get(name, {})) for name in found.survivors}
    choice = recover.choose(found, recover.candidates(found, results), asked)
    assert (ids(choice.refusals) or [choice.host]) == [expected]


def test_of_one_damaged_manager_a_restore_is_named_first() -> None:
    found = replace(lost("silent silent silent silent ended"))
    (item,) = recover.choose(found, [candidate("m5", damage=("x",))]).refusals
    assert item.id == "recover_survivor_damaged"
    assert item.remedy.startswith("ansible-playbook quorum.swarm.restore")
    assert item.remedy.endswith("swarm_recover_survivor=m5")


def test_the_plan_names_who_becomes_a_new_node_and_what_is_bound_to_it() -> None:
    found = lost("ended ended ended ended blind ended")
    results = {name: surveyed(pinned=[["db", "node-w1"], ["web", "node-m1"]]) for name in found.survivors}
    steps = recover.plan_of(found, recover.rank(recover.candidates(found, results)),
                            facts("ended ended ended ended blind ended"), True, wanted())  # fmt: skip
    assert [f"{one.kind} {one.host}" for one in steps if one.kind != "survey"] == [
        "recover m1", "follow m5", "rejoin m2", "rejoin m3", "rejoin m4", "rejoin w1"]  # fmt: skip
    bound = next(one.why for one in steps if one.host == "w1")
    assert "db is bound to node node-w1" in bound
    assert "its certificate is valid until 2026-11-28 12:00 UTC" in bound


def test_new_nodes_get_what_the_old_ones_had() -> None:
    seen = facts("ended ended ended ended blind ended")
    listed = [replace(node, labels={**node.labels, "rack": "7"}, availability="pause") if node.hostname == "w1" else
              replace(node, voter=node.hostname == "m1", state="unknown") for node in nodes()]  # fmt: skip
    found = recover.members(lost("ended ended ended ended blind ended"), wanted(), "m1", seen, listed, NOW, False)
    assert {item.host: item.way for item in found.returns} == {
        "m2": "anew", "m3": "anew", "m4": "anew", "m5": "follow", "w1": "anew", "w2": "follow"}  # fmt: skip
    # Entries of managers count as voters that never come. That of a worker goes when its host is empty.
    assert {item.node_id for item in found.ghosts} == {"node-m2", "node-m3", "node-m4"}
    noted = recover.notes(found, wanted(), seen, listed, SWARM)
    assert sorted(noted) == ["m2", "m3", "m4", "w1"]
    assert (noted["w1"]["role"], noted["w1"]["availability"], noted["w1"]["labels"]["rack"]) == ("worker", "pause", "7")
    assert noted["m2"]["role"] == "manager"


@pytest.mark.parametrize(
    ("own", "on_disk", "listed", "expected"),
    [
        # Noted, and the entry is gone: the run ended before the host was emptied.
        ("node-m2", True, False, "anew"),
        # Emptied; joined, without its place.
        ("", False, False, "anew"),
        ("new-m2", True, True, "anew"),
        # A rejoin that was broken off before the loss, of a node that is whole: it stays what it is.
        ("node-m2", True, True, "follow"),
    ],
)
def test_a_host_whose_note_was_made_goes_on(own: str, on_disk: bool, listed: bool, expected: str) -> None:
    noted = {"swarm_id": SWARM, "node_ids": ["node-m2"], "role": "manager", "availability": "drain", "labels": {}}
    item = host("m2", "blind" if on_disk else "wiped")
    item = replace(item, state=replace(item.state, node_id=own, rejoin=noted),
                   membership=replace(item.membership, node_id=own))  # fmt: skip
    entries = [node for node in nodes() if node.hostname != "m2"]
    entries += [replace(nodes()[1], id=own, voter=False, role="worker", reachability="", state="unknown")] * listed
    found = recover.members(lost("blind blind silent silent silent"), wanted(), "m1",
                            {**facts("blind blind silent silent silent"), "m2": item}, entries, NOW, True)  # fmt: skip
    assert next(one.way for one in found.returns if one.host == "m2") == expected


def test_what_is_bound_to_a_node_of_before_is_left_to_an_operator() -> None:
    seen = facts(ALL_ENDED)
    now = [replace(node, id=f"new-{node.hostname}") if node.hostname == "w1" else node for node in nodes()]
    services = [Service("s1", "db", constraints=("node.id == node-w1",)), Service("s2", "web")]
    members = recover.members(lost(ALL_ENDED), wanted(), "m1", seen, forced(), NOW, False)
    outcome = recover.Outcome("recover", "m1", nodes=now, services=services, fenced={"fenced": "nobody"},
                              followed={"w1": {"node_id": "new-w1"}})  # fmt: skip
    lines, data = recover.report(lost(ALL_ENDED), wanted(), members, seen, outcome)
    assert data["given_up"] == []
    assert [line for line in data["to_do"] if line.startswith("db")] == [
        "db is bound to node node-w1, which w1 was: docker service update --constraint-rm 'node.id==node-w1' "
        "--constraint-add 'node.id==new-w1' db"]  # fmt: skip
    assert "  fence    none: nobody was given up" in lines
    assert data["hosts"]["w1"] == {"way": "anew", "identity": "new", "interrupted": 0, "error": ""}


# -- how the others come back ----------------------------------------------------------------------------------------


def forced() -> list[Node]:
    """The nodes of the swarm right after it was forced on m4: the others are entries, and vote no more."""
    return [replace(node, voter=node.hostname == "m4", state="ready" if node.hostname == "m4" else "unknown",
                    reachability="reachable" if node.hostname == "m4" else "") for node in nodes()]


def test_the_lost_lose_their_entries_and_the_survivors_keep_theirs() -> None:
    says = "silent wiped silent blind blind"
    seen = {**facts(says), "w2": host("w2", "silent")}
    found = recover.members(lost(says), wanted(), "m4", seen, forced(), None, False)
    assert {item.node_id for item in found.ghosts} == {"node-m1", "node-m2", "node-m3"}
    assert {item.host: item.way for item in found.returns} == {
        "m1": "lost", "m2": "join", "m3": "lost", "m5": "follow", "w1": "follow", "w2": "silent"}  # fmt: skip


def test_who_was_given_up_and_is_back_joins_anew() -> None:
    """The three are back with a majority of their own; the recovered swarm does not list them."""
    says = "blind blind blind reads reads"
    now = [replace(node, leader=node.hostname == "m4") for node in nodes() if node.hostname not in ("m1", "m2", "m3")]
    found = recover.members(lost(says), wanted(), "m4", facts(says), now, None, True)
    assert {item.host: item.way for item in found.returns} == {
        "m1": "clean", "m2": "clean", "m3": "clean", "m5": "member", "w1": "member", "w2": "member"}  # fmt: skip
    assert found.ghosts == ()


def test_after_it_was_recovered_the_lost_are_still_given_up() -> None:
    says = facts("silent silent silent reads reads")
    now = [node for node in nodes() if node.hostname not in ("m1", "m2", "m3")]
    found = replace(lost(), voters=tuple(one for one in lost().voters if one.host in ("m4", "m5")))
    assert recover.given_up(wanted(), found, says, now) == ["m1", "m2", "m3"]
    back = recover.members(found, wanted(), "m4", says, now, None, True)
    assert [item.way for item in back.returns if item.host in ("m1", "m2", "m3")] == ["lost"] * 3


def test_the_report_says_what_is_left_to_do() -> None:
    says = facts("silent silent silent blind blind")
    now = [node for node in nodes() if node.hostname not in ("m1", "m2", "m3")]
    members = recover.members(lost(), wanted(), "m4", says, forced(), None, False)
    outcome = recover.Outcome("recover", "m4", "no leader.", ranked=[candidate("m4", 10, (2, 12))],
                              followed={"m5": {"way": "pointed"}}, fenced={"fenced": "begun", "problem": "w9 is down."},
                              nodes=now, phases={"judging": 21.0})  # fmt: skip
    want = wanted(swarm_given_up=["m1", "m2", "m3"])  # as the rest of the run has it
    lines, data = recover.report(lost(), want, members, says, outcome)
    assert data["given_up"] == ["m1", "m2", "m3"]
    assert data["discarded_entries"] == 2
    text = "\n".join(lines)
    assert "m5  pointed" in text
    assert "The fence is not whole: w9 is down." in text
    assert "The swarm has 2 of 5 managers, and bears the loss of 0: m1, m2, m3 are missing." in text
    json.dumps(data)
