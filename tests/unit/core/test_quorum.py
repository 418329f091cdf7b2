# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting voters, by Docker's own table and against a dumb count."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("voters", "majority", "tolerance"),
    # Docker's administration guide, "Maintain the quorum of managers".
    [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (5, 3, 2), (6, 4, 2), (7, 4, 3), (8, 5, 3), (9, 5, 4)],
)
def test_the_table_of_the_guide(voters: int, majority: int, tolerance: int) -> None:
    assert quorum.majority(voters) == majority
    assert quorum.tolerance(voters) == tolerance


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_quorum_is_more_than_half(voters: int, reachable: int) -> None:
    assert quorum.has_quorum(voters, reachable) is (voters > 0 and reachable > voters / 2)


@given(st.integers(1, 99))
def test_tolerance_is_what_may_be_lost(voters: int) -> None:
    lost = quorum.tolerance(voters)
    assert quorum.has_quorum(voters, voters - lost)
    assert not quorum.has_quorum(voters, voters - lost - 1)


@pytest.mark.parametrize("voters", [0, -1])
def test_there_is_no_majority_of_nobody(voters: int) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        quorum.majority(voters)
    assert quorum.tolerance(voters) == 0
    assert not quorum.has_quorum(voters, 3)


@pytest.mark.parametrize(
    ("voters", "reachable", "stopping", "survives"),
    [(3, 3, 1, True), (3, 2, 1, False), (5, 5, 2, True), (5, 5, 3, False), (1, 1, 1, False), (2, 2, 1, False)],
)
def test_a_stop(voters: int, reachable: int, stopping: int, survives: bool) -> None:
    assert quorum.survives_stop(voters, reachable, stopping) is survives


@pytest.mark.parametrize(
    ("voters", "reachable", "is_reachable", "survives"),
    [
        (3, 3, True, True),
        (3, 2, False, True),  # a dead one goes: 2 of 2
        (3, 2, True, False),  # a living one goes: 1 of 2
        (5, 3, True, False),
        (5, 3, False, True),
        (4, 3, True, True),
        (2, 2, True, True),
        (1, 1, True, False),  # nobody would be left
    ],
)
def test_a_removal(voters: int, reachable: int, is_reachable: bool, survives: bool) -> None:
    assert quorum.survives_removal(voters, reachable, is_reachable) is survives
