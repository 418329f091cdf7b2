# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is relative to a swarm, and whether a manager may leave it. Touches nothing."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import member
from ansible_collections.quorum.swarm.plugins.module_utils.core.member import (
    BROKEN,
    FOREIGN,
    HALF_JOINED,
    LEFTOVER,
    LOCKED,
    MEMBER,
    NONE,
    REMOVED,
    Certificate,
    with_port,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node

KNOWN = ("n1", "n2")
MANAGERS = ("198.51.100.11", "198.51.100.12:2377")
OURS = (("", "198.51.100.12:2377"),)
THEIRS = (("", "203.0.113.1:2377"),)
WORKER = Certificate("n9", "swarm", False)
MANAGER = Certificate("n9", "swarm", True)


def at(
    state: str, node_id: str = "", *, control: bool = False, follows: tuple[tuple[str, str], ...] = ()
) -> Membership:
    return Membership(state=state, node_id=node_id, control=control, remote_managers=follows)


@pytest.mark.parametrize(
    ("membership", "certificate", "raft_log", "expected"),
    [
        (at(""), None, False, NONE),
        (at("inactive"), None, False, NONE),
        (at("inactive"), MANAGER, True, LEFTOVER),
        (at("inactive"), None, True, LEFTOVER),
        # A worker's certificate alone is the membership of a node, of whichever swarm: its operator says what is to be.
        (at("inactive"), WORKER, False, LEFTOVER),
        (at("inactive"), Certificate("n1", "swarm", False), False, NONE),  # of this very swarm: it comes back as n1
        (at("locked"), MANAGER, True, LOCKED),
        (at("locked", "n1"), MANAGER, True, LOCKED),
        (at("active", "n1"), Certificate("n1", "swarm", False), False, MEMBER),
        (at("active", "n1", control=True), Certificate("n1", "swarm", True), True, MEMBER),
        (at("pending", "n1", control=True), Certificate("n1", "swarm", True), True, BROKEN),
        (at("error", "n1"), Certificate("n1", "swarm", False), False, BROKEN),
        # The engine does not name the node while it is pending; its certificate does.
        (at("pending"), Certificate("n1", "swarm", False), False, BROKEN),
        (at("pending", follows=OURS), None, False, HALF_JOINED),
        (at("error", follows=THEIRS), None, False, HALF_JOINED),
        (at("active", "n9", follows=OURS), WORKER, False, REMOVED),
        (at("pending", "n9", follows=OURS), WORKER, False, REMOVED),
        (at("active", "n9", follows=THEIRS), WORKER, False, FOREIGN),
        (at("pending", "n9", follows=THEIRS), WORKER, False, FOREIGN),
        (at("active", "n9"), WORKER, False, FOREIGN),
        # What is or was a manager is never taken for a stray: it may be the last copy of a swarm.
        (at("active", "n9", control=True, follows=OURS), MANAGER, True, FOREIGN),
        (at("active", "n9", follows=OURS), MANAGER, False, FOREIGN),
        (at("pending", follows=OURS), None, True, FOREIGN),
        (at("error", "n9", follows=OURS), WORKER, True, FOREIGN),
        # Active, and no certificate that can be read: better refused than taken out of another swarm.
        (at("active", "n9", follows=THEIRS), None, False, FOREIGN),
    ],
)
def test_place(membership: Membership, certificate: Certificate | None, raft_log: bool, expected: str) -> None:
    assert member.place(membership, certificate, raft_log, KNOWN, MANAGERS) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.11", "198.51.100.11:2377"),
        ("198.51.100.11:2378", "198.51.100.11:2378"),
        ("manager.example.org", "manager.example.org:2377"),
        ("2001:db8::1", "[2001:db8::1]:2377"),
        ("[2001:db8::1]", "[2001:db8::1]:2377"),
        ("[2001:db8::1]:2378", "[2001:db8::1]:2378"),
    ],
)
def test_with_port(address: str, expected: str) -> None:
    assert with_port(address) == expected


@pytest.mark.parametrize(
    ("membership", "certificate", "known", "expected"),
    [
        (at("active", "n9"), WORKER, KNOWN, True),
        (at("active", "n9", control=True), MANAGER, KNOWN, True),
        (at("active", "n1"), None, KNOWN, False),
        (at("active", "n9"), WORKER, (), False),  # nobody said which nodes there are
        # A locked manager does not name its node: it is none the less the one that its certificate says.
        (at("locked"), Certificate("n1", "swarm", True), KNOWN, False),
        (at("locked"), MANAGER, KNOWN, True),
        (at("locked"), None, KNOWN, False),
        (at("pending"), None, KNOWN, False),
    ],
)
def test_taken_out(
    membership: Membership, certificate: Certificate | None, known: tuple[str, ...], expected: bool
) -> None:
    assert member.taken_out(membership, certificate, known) is expected


def swarm(*managers: str, workers: int = 1) -> list[Node]:
    """Managers by reachability: r(eachable), u(nreachable), p(romoted, not a voter yet)."""
    nodes = [
        Node(
            id=f"m{number}",
            hostname=f"m{number}",
            role="manager",
            voter=kind != "p",
            reachability={"r": "reachable", "u": "unreachable", "p": ""}[kind],
        )
        for number, kind in enumerate(managers, start=1)
    ]
    return nodes + [Node(id=f"w{number}", hostname=f"w{number}") for number in range(workers)]


@pytest.mark.parametrize(
    ("managers", "may"),
    [
        ("r", True),  # the only one: the swarm ends, as asked
        ("rr", False),
        ("rrr", True),
        ("rru", False),
        ("rrp", False),  # who is about to be a voter counts as one
        ("rrrr", True),
        ("rrru", False),
        ("rrrrr", True),
        ("rrrru", True),
        ("rrruu", False),
        ("urrr", True),  # it is itself unreachable: nothing is lost with it
        ("urr", True),
        ("uru", False),
    ],
)
def test_a_manager_may_leave_where_the_others_keep_their_quorum(managers: str, may: bool) -> None:
    assert (member.why_no_leave(swarm(*managers), "m1") == "") is may


def test_why_no_leave_names_the_numbers() -> None:
    reason = member.why_no_leave(swarm("r", "r", "u"), "m1")
    assert reason.startswith("1 of 3 managers would be reachable, and 2 are needed")


def test_the_only_manager_is_not_another_one() -> None:
    assert member.why_no_leave(swarm("r"), "someone else") == ""
    assert member.why_no_leave(swarm("u"), "someone else") != ""
