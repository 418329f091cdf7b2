# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings: what is worth telling an operator, in one shape for refusals, health and reports.

Pure. A finding names a fact and what to type next; its identifier is stable, so that scripts and tests can rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ("critical", "warning", "info")
ELSEWHERE = ("Correct the inventory. If the host is to move here, take it out over there first, by that swarm's own "
             "inventory, after a look at what runs on it.")
"""The remedy for a node of another swarm: nobody here may take it out of that one."""


@dataclass(frozen=True)
class Finding:
    """One fact with its weight and its remedy."""

    id: str
    """Stable, snake_case."""
    severity: str
    """``critical``, ``warning`` or ``info``."""
    fact: str
    """One sentence with the names and numbers that were seen."""
    remedy: str = ""
    """What to do or type next."""
    host: str = ""
    """The host it is about, where it is about one."""
    relaxed_by: str = ""
    """For a refusal: the variable that lets it pass."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """Host, fact, remedy and the variable that overrides, as one line."""
        parts = [f"{self.host}: {self.fact}" if self.host and not self.fact.startswith(self.host) else self.fact]
        if self.remedy:
            parts.append(self.remedy)
        if self.relaxed_by:
            parts.append(f"(-e {self.relaxed_by}=true overrides this.)")
        return " ".join(parts)


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, then by identifier and host, so that two runs print the same."""
    return sorted(findings, key=lambda item: (SEVERITIES.index(item.severity), item.id, item.host, item.fact))
