# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers that stand in for lost managers: which of them are managers, for as long as managers are missing.

Pure. The inventory marks them (``swarm_spare_manager``). Nothing remembers that one stands in: it is decided anew from
what is there, so that it goes back to a worker in the first run that finds the managers of the inventory again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from ansible_collections.quorum.swarm.plugins.module_utils.core import zones
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode


def listed(wanted: Wanted) -> list[WantedNode]:
    """All managers that the inventory wants: those that this run does without, too."""
    return [*(node for node in wanted.managers if not node.spare), *wanted.given_up_managers]


def choose(
    wanted: Wanted, present: Collection[str], able: Collection[str], serving: Collection[str] = ()
) -> tuple[str, ...]:
    """The spares that shall be managers now: until the wanted number, else the largest odd one, is reached.

    The zones that lost managers come first, then the emptiest. A number at which the loss of one zone would cost the
    majority is taken only where there is no better one: no rule about numbers or zones keeps a swarm from its managers.

    :param present: hosts of ``swarm_managers`` that vote and are reached, or will at the end of this run.
    :param able: spares that may be managers: their nodes are ready, and nobody else wants them.
    :param serving: those of them that are managers already; they stay before others come.
    """
    managers = listed(wanted)
    placed = [node.zone for node in managers if node.host in present]
    missing = Counter(node.zone for node in managers if node.host not in present)
    strength = len(managers)
    ordered = _in_order([node for node in wanted.spares if node.host in able], missing, placed, serving)
    numbers = [number for number in range(len(placed) + len(ordered), len(placed), -1)
               if number <= strength and (number == strength or number % 2)]
    wanted_is_deadly = _is_deadly([node.zone for node in managers])
    safe = [number for number in numbers if wanted_is_deadly or not _is_deadly(
        [*placed, *(node.zone for node in ordered[:number - len(placed)])])]
    best = (safe or numbers or [len(placed)])[0]
    return tuple(node.host for node in ordered[:best - len(placed)])


def _in_order(
    left: list[WantedNode], missing: Counter[str], placed: Collection[str], serving: Collection[str]
) -> list[WantedNode]:
    """In the order in which they are taken."""
    short, counts = Counter(missing), Counter(placed)
    left, ordered = list(left), []
    while left:
        node = min(left, key=lambda one: (short[one.zone] <= 0, one.host not in serving, counts[one.zone]))
        short[node.zone] -= 1
        counts[node.zone] += 1
        left.remove(node)
        ordered.append(node)
    return ordered


def _is_deadly(placed: Collection[str]) -> bool:
    """Whether the loss of one zone would cost the majority; nothing is said of managers without a zone, nor of two."""
    return len(placed) > 2 and all(placed) and zones.deadly_zone(placed) is not None


def standing_in(wanted: Wanted, hosts: Collection[str]) -> Wanted:
    """What is wanted with these spares as managers: drained, as managers are, as long as there are other workers."""
    rest = any(node.role == "worker" and node.host not in hosts for node in wanted.nodes)
    return replace(wanted, nodes=tuple(
        replace(node, role="manager", availability="drain" if rest else node.availability)
        if node.spare and node.host in hosts else node for node in wanted.nodes))
