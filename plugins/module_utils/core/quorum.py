# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counting voters: majority, tolerance, and whether a change keeps the quorum.

Pure. Everything else that speaks of a quorum asks this file, so that the rule stands once.
Source: the raft paper, section 5.2, and Docker's "Swarm administration guide".
"""

from __future__ import annotations


def majority(voters: int) -> int:
    """The number of voters that must be reachable for a leader to exist: ``voters // 2 + 1``.

    :raises ValueError: with fewer than one voter there is nothing to count.
    """
    if voters < 1:
        raise ValueError(f"a majority of {voters} voters does not exist")
    return voters // 2 + 1


def tolerance(voters: int) -> int:
    """How many voters may be lost while a majority remains: ``(voters - 1) // 2``."""
    return max(0, (voters - 1) // 2)


def has_quorum(voters: int, reachable: int) -> bool:
    """Whether ``reachable`` of ``voters`` are a majority. No voters: no quorum."""
    return voters > 0 and reachable >= majority(voters)


def survives_stop(voters: int, reachable: int, stopping: int = 1) -> bool:
    """Whether the quorum holds while ``stopping`` of the reachable voters are down but remain voters."""
    return has_quorum(voters, reachable - stopping)


def survives_removal(voters: int, reachable: int, removed_is_reachable: bool) -> bool:
    """Whether the quorum holds once one voter is no voter any more (demoted or removed).

    The last voter is never removable: a swarm of none has no quorum.
    """
    return has_quorum(voters - 1, reachable - (1 if removed_is_reachable else 0))
