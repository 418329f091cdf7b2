# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of hosts that Ansible takes apart in ``hosts:``, and names of variables that look misspelt.

Pure. Ansible reads each entry of ``hosts:`` as a pattern, in a list too: ``a,b`` is two hosts, ``web*`` many, and the
name of a group is its hosts. A play over such a name runs on other hosts than were meant, without a word.
``tests/unit/core/test_names.py`` holds the rule against Ansible's own inventory.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

_SPLITS = re.compile(r"[,\s]")
_PATTERN = re.compile(r"[*?\[\]]|^[~!&@]")


def problem(name: str, groups: Collection[str]) -> str:
    """Why this name cannot stand in ``hosts:`` as itself, a sentence without its full stop; empty: it can.

    :param groups: the names of the inventory's groups.
    """
    if name in groups or name in ("all", "ungrouped"):
        return f"The host {name!r} has the name of a group of the inventory, and a play would run on that group"
    why = ""
    if not name or _SPLITS.search(name):
        why = "a comma or a space ends a name there"
    elif _PATTERN.search(name):
        why = "it is read as a pattern"
    elif ":" in name and not _is_ipv6(name):
        why = "a colon ends a name there"
    return f"The host name {name!r} is taken apart by Ansible, because {why}: a play would run on other hosts" if why \
        else ""


def _is_ipv6(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).version == 6 and "%" not in name
    except ValueError:
        return False


LONG = 15
"""Letters from which two edits are a misspelling too: ``swarm_mine`` is two edits from ``swarm_zone``, and a word."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that this one is probably a misspelling of; empty: there is none.

    One edit always counts; two edits only in a long name, and where no other known name is as near.
    """
    most = 2 if len(name) >= LONG else 1
    found: dict[int, list[str]] = {}
    for other in known:
        edits = _distance(name, other, most)
        if edits <= most:
            found.setdefault(edits, []).append(other)
    if not found or 0 in found:
        return ""
    edits = min(found)
    return found[edits][0] if len(found[edits]) == 1 or edits == 1 else ""


def _distance(one: str, other: str, most: int) -> int:
    """Insertions, removals, changes and swaps of neighbours between two words; ``most + 1`` where it is more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        now = [row]
        for column, right in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (left != right))
            if row > 1 and column > 1 and left == other[column - 2] and one[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return min(last[-1], most + 1)
