# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease on the swarm object: one operator changes the swarm at a time.

Pure: labels and a time go in, labels come out; the compare-and-swap on the object's version is the caller's.
A lease is a courtesy between operators. No guard relies on it: it can expire, and Docker's own tools do not know it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

LABEL = "quorum.swarm/lease"
DURATION = 180
"""Seconds that a lease lasts unless it is extended: longer than any single waiting step."""


class Held(Exception):
    """Somebody else holds the lease."""

    def __init__(self, lease: Lease, now: float) -> None:
        super().__init__(
            f"{lease.owner} is changing this swarm ({lease.purpose}); its lease ends in "
            f"{max(0, int(lease.expires - now))} s unless it is extended."
        )
        self.lease = lease


@dataclass(frozen=True)
class Lease:
    """Who changes the swarm, what for, and until when."""

    owner: str
    purpose: str
    expires: float
    """Seconds since the epoch."""


def read(labels: Mapping[str, str]) -> Lease | None:
    """The lease that the swarm object carries; None where there is none or it cannot be read."""
    text = labels.get(LABEL)
    if not text:
        return None
    try:
        data = json.loads(text)
        return Lease(str(data["owner"]), str(data["purpose"]), float(data["expires"]))
    except (ValueError, KeyError, TypeError):
        return None


def take(
    labels: Mapping[str, str], owner: str, purpose: str, now: float, duration: float = DURATION
) -> tuple[dict[str, str], Lease | None]:
    """The labels with the lease taken or extended, and the expired lease of another owner that it replaces, if any.

    :raises Held: while another owner's lease has not expired.
    """
    current = read(labels)
    if current is not None and current.owner != owner and current.expires > now:
        raise Held(current, now)
    mine = Lease(owner, purpose, round(now + duration, 0))
    taken_over = current if current is not None and current.owner != owner else None
    return {**labels, LABEL: json.dumps(asdict(mine), sort_keys=True)}, taken_over


def release(labels: Mapping[str, str], owner: str) -> dict[str, str]:
    """The labels without the owner's lease; another owner's stays."""
    current = read(labels)
    if current is not None and current.owner != owner:
        return dict(labels)
    return {name: value for name, value in labels.items() if name != LABEL}
