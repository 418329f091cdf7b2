# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failure zones: how managers are spread, and what the loss of one zone would cost.

Pure. Zone names are the operator's; an empty name means "no zone given".
Source: Docker's "Swarm administration guide", section "Distribute manager nodes".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum

WANTED_ZONES = 3
"""The guide spreads managers over three zones."""


def spread(managers: int, zones: int = WANTED_ZONES) -> list[int]:
    """The ideal spread, largest first: 3 → 1-1-1, 5 → 2-2-1, 7 → 3-2-2, 9 → 3-3-3.

    :raises ValueError: when there is no zone to spread over.
    """
    if zones < 1:
        raise ValueError("managers cannot be spread over no zones")
    low, more = divmod(managers, zones)
    return [low + 1] * more + [low] * (zones - more)


def count(zone_of_managers: Iterable[str]) -> Mapping[str, int]:
    """Managers by zone."""
    return Counter(zone_of_managers)


def worst_loss(zone_of_managers: Iterable[str]) -> tuple[str, int]:
    """The zone whose loss takes most managers, and how many. The first by name where several tie.

    ``("", 0)`` where there are no managers.
    """
    counts = count(zone_of_managers)
    if not counts:
        return "", 0
    return min(counts.items(), key=lambda item: (-item[1], item[0]))


def deadly_zone(zone_of_managers: Iterable[str]) -> tuple[str, int] | None:
    """The zone whose loss would cost the majority of the voters, and its count; ``None`` where every zone may fail."""
    placed = list(zone_of_managers)
    zone, lost = worst_loss(placed)
    if placed and not quorum.has_quorum(len(placed), len(placed) - lost):
        return zone, lost
    return None


def is_balanced(zone_of_managers: Iterable[str], zones: Iterable[str]) -> bool:
    """Whether the counts over ``zones`` differ by at most one."""
    counts = count(zone_of_managers)
    over = [counts.get(zone, 0) for zone in set(zones) | set(counts)]
    return not over or max(over) - min(over) <= 1
