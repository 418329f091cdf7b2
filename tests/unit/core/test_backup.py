# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which managers a backup is taken, by tables, and by a property: what is chosen can be spared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import backup, restart, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.backup import Choice
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from hypothesis import given
from hypothesis import strategies as st

from .scene import Scene

LEADER_FIRST = {"m1": "manager a leader", "m2": "manager b", "m3": "manager c", "m4": "manager a", "m5": "manager b"}
ALLOW = {restart.ALLOW: True}


def swarm_of(count: int, leader: str = "m1", **odd: str) -> dict[str, str]:
    """The first managers, one of them the leader; `odd` is what is not usual of one."""
    hosts = list(LEADER_FIRST)[:count]
    return {host: odd.get(host, f"manager a{' leader' if host == leader else ''}") for host in hosts}


def choose(
    case: Mapping[str, Any], asked_for: tuple[str, ...] = (), containers: Mapping[str, int] | None = None
) -> Choice:
    """What the playbook would choose in this scene."""
    entries = case["swarm"]
    scene = Scene({"inventory": dict.fromkeys(entries, "manager a"), **case})
    wanted = scene.wanted()
    facts = {want.host: scene.facts(want.host) for want in wanted.managers}
    for host, count in (containers or {}).items():
        facts[host] = replace(facts[host], engine=replace(facts[host].engine, containers_running=count))
    return backup.choose(wanted, verdict.judge(list(facts.values()), wanted.swarm_id), facts, asked_for)


def ids(choice: Choice) -> tuple[list[str], list[str], list[str]]:
    """Hosts, and the identifiers of what is refused and of what is said."""
    return list(choice.hosts), [item.id for item in choice.refusals], [item.id for item in choice.notes]


@pytest.mark.parametrize(
    ("case", "asked_for", "expected"),
    [
        # Not the leader, wherever the leader stands.
        ({"swarm": swarm_of(5)}, (), (["m2"], [], [])),
        ({"swarm": swarm_of(5, leader="m2")}, (), (["m1"], [], [])),
        ({"swarm": swarm_of(3)}, (), (["m2"], [], ["few_managers"])),
        ({"swarm": swarm_of(4)}, (), (["m2"], [], ["few_managers"])),
        # All, or some by name: the leader last, else as in the inventory.
        ({"swarm": swarm_of(5)}, ("all",), (["m2", "m3", "m4", "m5", "m1"], [], ["leader_stops"])),
        ({"swarm": swarm_of(5, leader="m3")}, ("m3", "m5", "m4"), (["m4", "m5", "m3"], [], ["leader_stops"])),
        ({"swarm": swarm_of(5)}, ("m4",), (["m4"], [], [])),
        ({"swarm": swarm_of(5)}, ("m1",), (["m1"], [], ["leader_stops"])),
        ({"swarm": swarm_of(5)}, ("m4", "m4"), (["m4"], [], [])),
        # Too few voters to spare one, unless the operator says so.
        ({"swarm": swarm_of(1)}, (), ([], ["would_lose_quorum"], [])),
        ({"swarm": swarm_of(2)}, (), ([], ["would_lose_quorum"], [])),
        ({"swarm": swarm_of(1), "shared": ALLOW}, (), (["m1"], [], [])),
        ({"swarm": swarm_of(2), "shared": ALLOW}, (), (["m2"], [], [])),
        ({"swarm": swarm_of(2), "shared": ALLOW}, ("all",), (["m2", "m1"], [], ["leader_stops"])),
        # Two are never down at once, whatever is allowed and whoever is asked for.
        ({"swarm": swarm_of(5, m5="manager down")}, (), ([], ["manager_unreachable"], [])),
        ({"swarm": swarm_of(5, m5="manager down"), "shared": ALLOW}, ("m2",), ([], ["manager_unreachable"], [])),
        ({"swarm": swarm_of(5, m5="manager down")}, ("m5",), ([], ["manager_unreachable"], [])),
        ({"swarm": swarm_of(3, m3="manager unreachable")}, (), ([], ["manager_unreachable", "would_lose_quorum"], [])),
        # A node that is becoming a manager may be a voter at any moment.
        ({"swarm": swarm_of(5, m5="manager joining")}, (), ([], ["promotion_pending"], [])),
        # Who was named and does not answer, or is no voter, is not replaced by another one in silence.
        ({"swarm": swarm_of(5), "hosts": {"m2": "silent"}}, ("m2",), ([], ["host_silent"], [])),
        ({"swarm": swarm_of(5), "hosts": {"m2": "silent"}}, (), (["m3"], [], [])),
        ({"swarm": swarm_of(5, m2="worker")}, ("m2",), ([], ["host_silent"], [])),
        ({"swarm": swarm_of(5)}, ("w9",), ([], ["no_manager_of_inventory"], [])),
        ({"swarm": swarm_of(5)}, ("m2", "w9"), ([], ["no_manager_of_inventory"], [])),
        # The one who told of the swarm is not a manager of the inventory any more, say, and nobody else answers.
        ({"swarm": swarm_of(3), "hosts": dict.fromkeys(("m1", "m2", "m3"), "silent")}, (), ([], ["unknown"], [])),
        ({"swarm": swarm_of(3), "hosts": dict.fromkeys(("m1", "m2", "m3"), "lost")}, (), ([], ["no_quorum"], [])),
        ({"swarm": swarm_of(1), "hosts": {"m1": "locked"}}, (), ([], ["locked"], [])),
        ({"swarm": swarm_of(1), "hosts": {"m1": "out"}}, (), ([], ["absent"], [])),
    ],
)
def test_choose(case: dict[str, Any], asked_for: tuple[str, ...], expected: tuple[list[str], ...]) -> None:
    assert ids(choose(case, asked_for)) == expected


def test_the_manager_with_the_fewest_containers_is_chosen_but_not_the_leader() -> None:
    running = {"m1": 0, "m2": 4, "m3": 2, "m4": 2, "m5": 9}
    choice = choose({"swarm": swarm_of(5)}, containers=running)
    assert choice.hosts == ("m3",)
    assert [item.sentence() for item in choice.notes] == [
        "m3 runs 2 containers: with Docker they stop for some seconds. Drain managers, and run nothing else on them."
    ]
    assert "m2 runs 1 container:" in choose({"swarm": swarm_of(5)}, ("m2",), {"m2": 1}).notes[0].fact


def said(choice: Choice) -> str:
    return " | ".join(item.sentence() for item in (*choice.refusals, *choice.notes))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"swarm": swarm_of(1)}, "1 manager: while one is stopped for its backup, 0 of 1 are left, and a majority is"),
        ({"swarm": swarm_of(1)}, "(-e swarm_allow_quorum_pause=true overrides this.)"),
        ({"swarm": swarm_of(2)}, "2 managers: while one is stopped for its backup, 1 of 2 are left, and a majority is"),
        (
            {"swarm": swarm_of(3)},
            "3 managers: while one is stopped, 2 of 3 are left and a majority is 2: the loss of another one in these "
            "seconds stops the swarm. 5 managers bear one stopped and one lost: 3 of 5 are left, and a majority is 3.",
        ),
        ({"swarm": swarm_of(4)}, "4 managers: while one is stopped, 3 of 4 are left and a majority is 3"),
        (
            {"swarm": swarm_of(5, m5="manager down", m4="manager down")},
            "Of 5 managers m4, m5 cannot be reached, and a backup stops another one: 2 would be left, and a majority "
            "is 3. Two are never down at once. Bring the missing back first: ansible-playbook quorum.swarm.health",
        ),
        (
            {"swarm": swarm_of(3), "hosts": {f"m{number}": "lost" for number in (1, 2, 3)}},
            "ansible-playbook quorum.swarm.recover",
        ),
        ({"swarm": swarm_of(1), "hosts": {"m1": "locked"}}, "ansible-playbook quorum.swarm.unlock"),
        ({"swarm": swarm_of(1), "hosts": {"m1": "silent"}}, "ansible-playbook quorum.swarm.health says more."),
    ],
)
def test_what_is_said_has_the_numbers_and_the_next_step(case: dict[str, Any], words: str) -> None:
    assert words in said(choose(case))


@pytest.mark.parametrize(
    ("case", "asked_for", "words"),
    [
        ({"swarm": swarm_of(5), "hosts": {"m2": "silent"}}, ("m2",), "m2 cannot be used: timed out. Name another one"),
        ({"swarm": swarm_of(5, m2="worker")}, ("m2",), "m2 cannot be used: it is no voter of this swarm."),
        ({"swarm": swarm_of(5)}, ("w9", "x"), "w9, x is not in the group swarm_managers"),
        ({"swarm": swarm_of(5)}, ("all",), "m1 is the leader: while another one is elected, the swarm takes no"),
    ],
)
def test_what_is_said_of_those_asked_for(case: dict[str, Any], asked_for: tuple[str, ...], words: str) -> None:
    assert words in said(choose(case, asked_for))


def test_all_without_one_that_does_not_answer_says_so() -> None:
    """`all` goes on with the others, so that one host's broken ssh does not end the nightly backups; but it is said."""
    choice = choose({"swarm": swarm_of(5), "hosts": {"m3": "silent"}}, ("all",))
    assert choice.hosts == ("m2", "m4", "m5", "m1")
    assert "m3 is left out: timed out." in said(choice)


def test_managers_outside_of_the_inventory_are_never_chosen_and_still_counted() -> None:
    case = {"inventory": {"m1": "manager a", "m2": "manager b"}, "swarm": swarm_of(3, leader="m3")}
    assert ids(choose(case, ("all",))) == (["m1", "m2"], [], ["few_managers"])
    gone = {**case, "swarm": swarm_of(3, leader="m1", m3="manager down")}
    assert "m3 cannot be reached" in said(choose(gone))


STATES = st.lists(
    st.tuples(
        st.sampled_from(("manager a", "manager a", "manager a", "manager down", "manager unreachable", "worker",
                         "manager joining", "worker down")),
        st.sampled_from(("", "", "", "silent", "out", "locked", "lost")),
        st.booleans(),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=7,
)  # fmt: skip


@given(STATES, st.booleans(), st.data())
def test_what_is_chosen_can_be_spared(
    hosts: list[tuple[str, str, bool, int]], allow: bool, data: st.DataObject
) -> None:
    """Whatever the swarm is: counted by hand, not by what is under test."""
    names = [f"m{number}" for number in range(len(hosts))]
    words = {name: state for name, (state, _odd, _listed, _count) in zip(names, hosts, strict=True)}
    voters = [name for name in names if words[name].startswith("manager")]
    up = [name for name in voters if words[name] == "manager a"]
    if not up:
        return
    leader = data.draw(st.sampled_from(up))
    words[leader] = "manager a leader"
    listed = [name for name, (_state, _odd, listed, _count) in zip(names, hosts, strict=True) if listed] or [leader]
    case: dict[str, dict[str, Any]] = {
        "inventory": dict.fromkeys(listed, "manager a"),
        "swarm": words,
        "hosts": {name: odd for name, (_state, odd, _listed, _count) in zip(names, hosts, strict=True) if odd},
        "shared": ALLOW if allow else {},
    }
    asked_for = tuple(data.draw(st.sampled_from(((), ("all",), tuple(listed[:1]), tuple(listed)))))
    running = {name: count for name, (_s, _o, _l, count) in zip(names, hosts, strict=True) if name in listed}
    choice = choose(case, asked_for, running)
    if not choice.hosts:
        assert choice.refusals
        return
    assert not choice.refusals
    assert len(up) == len(voters), "another voter is away"
    assert 2 * (len(voters) - 1) > len(voters) or allow, "the rest would be no majority"
    assert set(choice.hosts) <= set(listed) & set(up)
    assert len(set(choice.hosts)) == len(choice.hosts)
    assert leader not in choice.hosts[:-1]
    if not asked_for:
        assert len(choice.hosts) == 1
        able = [name for name in listed if name in up and not case["hosts"].get(name)]
        assert choice.hosts[0] != leader or able == [leader]


def test_the_property_sees_a_choice_at_all() -> None:
    """What holds of nothing holds always: the scene that most examples resemble is one in which something is chosen."""
    assert choose({"swarm": swarm_of(5)}, ("all",)).hosts


TAKEN = {
    "objects": {"node": 5, "service": 1, "network": 0, "secret": 2, "config": 1, "volume": 0},
    "commit": 812,
    "downtime": {"engine": 2.14, "manager": 3.96},
}
BROUGHT = {"archive": "/srv/b/s1_m2_20261125T013000Z.tar.gz", "size": 152_340, "proven": True, "unopened": ""}


def test_told() -> None:
    assert backup.told("m2", TAKEN, BROUGHT) == [
        "m2: /srv/b/s1_m2_20261125T013000Z.tar.gz (0.2 MB)",
        "  5 nodes, 1 service, 2 secrets, 1 config; commit index 812; Docker was down 2.1 s, the manager 4.0 s",
        "  proven here: its log was read and holds what the swarm listed",
    ]


def test_told_of_what_could_not_be_opened_here_and_of_what_went() -> None:
    brought = {**BROUGHT, "proven": False, "unopened": "PyNaCl is needed", "removed": ["a.tar.gz", "b.tar.gz"]}
    assert backup.told("m2", TAKEN, brought)[2:] == [
        "  proven here: checksums and log; its contents were opened on m2 only, because here PyNaCl is needed",
        "  removed, their time was over: a.tar.gz, b.tar.gz",
    ]


@pytest.mark.parametrize(
    ("identifiers", "passes"),
    [([], False), (["manager_unreachable"], True), (["locked"], True), (["no_manager_of_inventory"], False),
     (["would_lose_quorum"], False), (["would_lose_quorum", "host_silent"], True), (["split"], False)],
)  # fmt: skip
def test_what_another_run_may_have_caused_is_looked_at_again(identifiers: list[str], passes: bool) -> None:
    refusals = tuple(Finding(identifier, "critical", "so it is.") for identifier in identifiers)
    assert backup.may_pass(Choice(refusals=refusals)) == passes
