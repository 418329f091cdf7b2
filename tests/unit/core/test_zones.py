# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spreads over zones, by the guide's table and against the definition."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import zones
from hypothesis import given
from hypothesis import strategies as st

PLACED = st.lists(st.sampled_from("abcd"), max_size=12)


@pytest.mark.parametrize(
    ("managers", "spread"), [(3, [1, 1, 1]), (5, [2, 2, 1]), (7, [3, 2, 2]), (9, [3, 3, 3]), (1, [1, 0, 0])]
)
def test_the_table_of_the_guide(managers: int, spread: list[int]) -> None:
    assert zones.spread(managers) == spread


@given(st.integers(0, 50), st.integers(1, 9))
def test_a_spread_is_complete_and_balanced(managers: int, over: int) -> None:
    found = zones.spread(managers, over)
    assert sum(found) == managers
    assert len(found) == over
    assert max(found) - min(found) <= 1


@given(st.integers(3, 50))
def test_the_ideal_spread_of_an_odd_number_survives_any_zone(managers: int) -> None:
    placed = [str(zone) for zone, number in enumerate(zones.spread(managers)) for _manager in range(number)]
    if managers % 2:
        assert zones.deadly_zone(placed) is None


def test_no_zone_to_spread_over() -> None:
    with pytest.raises(ValueError, match="no zones"):
        zones.spread(3, 0)


@pytest.mark.parametrize(
    ("placed", "worst", "deadly"),
    [
        ("", ("", 0), None),
        ("abc", ("a", 1), None),
        ("aab", ("a", 2), ("a", 2)),
        ("aabbc", ("a", 2), None),
        ("aaabc", ("a", 3), ("a", 3)),
        ("abbb", ("b", 3), ("b", 3)),
        ("aabb", ("a", 2), ("a", 2)),  # half is not a majority
        ("aaabbcc", ("a", 3), None),
        ("a", ("a", 1), ("a", 1)),
    ],
)
def test_the_worst_zone(placed: str, worst: tuple[str, int], deadly: tuple[str, int] | None) -> None:
    assert zones.worst_loss(placed) == worst
    assert zones.deadly_zone(placed) == deadly


@given(PLACED)
def test_a_deadly_zone_is_one_whose_loss_leaves_no_majority(placed: list[str]) -> None:
    dies = [zone for zone in set(placed) if 2 * sum(other != zone for other in placed) <= len(placed)]
    assert (zones.deadly_zone(placed) is not None) is bool(dies)


@given(PLACED, st.sets(st.sampled_from("abcd")))
def test_balance(placed: list[str], over: set[str]) -> None:
    counts = [placed.count(zone) for zone in over | set(placed)]
    assert zones.is_balanced(placed, over) is (not counts or max(counts) - min(counts) <= 1)
