# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host comes back to a swarm that was restored: a table, and what holds of every case."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import follow
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(days=80), NOW - timedelta(seconds=1)
MANAGERS = [("n1", "192.0.2.11:2377")]
KNOWN, OTHERS = [("n1", "192.0.2.11:2377"), ("n2", "192.0.2.12:2377")], [("n2", "192.0.2.12:2377")]
MOVED = [("n9", "192.0.2.11:2377")]
WORKER, MANAGER = ("s1", "n3", False, LATER), ("s1", "n3", True, LATER)


def way(state: str, certificate: Any, raft_log: bool = False, known: Any = KNOWN, **more: Any) -> str:
    given = {"node_ids": ["n1", "n3"], "managers": MANAGERS, **more}
    return follow.way(Membership(state), certificate, raft_log, known, "s1", now=NOW, **given)


def test_a_worker_that_is_to_be_a_manager_is_started_anew() -> None:
    assert way("active", WORKER, restart=True) == "pointed"
    assert way("inactive", None, known=[], restart=True) == "none"


@pytest.mark.parametrize(
    ("state", "certificate", "raft_log", "known", "expected"),
    [
        # Nothing of a swarm.
        ("inactive", None, False, [], "none"),
        ("", None, False, [], "none"),
        ("inactive", None, False, KNOWN, "none"),
        # A worker that runs, and knows the manager's address, whatever node has it now.
        ("active", WORKER, False, KNOWN, "reconnected"),
        ("active", WORKER, False, MOVED, "reconnected"),
        ("active", WORKER, False, OTHERS, "pointed"),
        ("active", WORKER, False, [], "pointed"),
        ("", WORKER, False, KNOWN, "pointed"),
        ("inactive", WORKER, False, KNOWN, "pointed"),
        ("pending", WORKER, False, KNOWN, "pointed"),
        # What was a manager once has a log: it would be one again by itself.
        ("active", WORKER, True, KNOWN, "pointed"),
        ("active", MANAGER, True, KNOWN, "pointed"),
        ("locked", MANAGER, True, KNOWN, "pointed"),
        ("active", MANAGER, False, KNOWN, "pointed"),
        ("", MANAGER, True, [], "pointed"),
        # Not the swarm's, not listed, or too old.
        ("active", ("s9", "n3", False, LATER), False, KNOWN, "cleaned"),
        ("active", ("s1", "n4", False, LATER), False, KNOWN, "cleaned"),
        ("active", ("s1", "n3", False, BEFORE), False, KNOWN, "cleaned"),
        ("active", ("s1", "n3", True, NOW), True, KNOWN, "cleaned"),
        ("", ("s9", "n3", True, LATER), True, [], "cleaned"),
        # Half of something.
        ("", None, True, [], "cleaned"),
        ("active", None, False, KNOWN, "cleaned"),
        ("error", None, False, [], "cleaned"),
        ("pending", None, False, KNOWN, "cleaned"),
    ],
)
def test_ways(state: str, certificate: Any, raft_log: bool, known: Any, expected: str) -> None:
    assert way(state, certificate, raft_log, known) == expected
    kept = way(state, certificate, raft_log, known, keep=False)
    assert kept == ("none" if expected == "none" else "cleaned")


def test_without_managers_nobody_reconnects() -> None:
    assert way("active", WORKER, managers=[]) == "pointed"


CASES = list(itertools.product(
    ["", "inactive", "active", "pending", "locked", "error"],
    [None, WORKER, MANAGER, ("s9", "n3", True, LATER), ("s1", "n4", False, LATER), ("s1", "n3", False, BEFORE)],
    [False, True], [[], KNOWN, OTHERS]))  # fmt: skip


def test_an_identity_is_kept_only_where_the_swarm_would_know_it() -> None:
    for state, certificate, raft_log, known in CASES:
        found = way(state, certificate, raft_log, known)
        if found in ("reconnected", "pointed"):
            assert certificate in (WORKER, MANAGER)
        if found == "reconnected":
            assert (certificate, raft_log, state) == (WORKER, False, "active")
        if found == "none":
            assert (certificate, raft_log) == (None, False)
