# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers of its last rejoin: what the node was, and how far its host got on the way to being a new one.

Touches one file below ``/var/lib/quorum.swarm``. Decides nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import journal, services

PATH = os.path.join(services.OWN_DIRECTORY, "rejoin.json")
"""0600; it holds no secret."""
NOTED, CLEANED, FINISHED = STEPS = ("noted", "cleaned", "finished")


@dataclass(frozen=True)
class Entry:
    """What the node was, and how far its host got on the way to being a new one."""

    swarm_id: str
    node_ids: list[str] = field(default_factory=list)
    """The nodes that the host was, which the swarm may still list."""
    role: str = "worker"
    availability: str = "active"
    labels: dict[str, str] = field(default_factory=dict)
    step: str = NOTED
    aside: str = ""
    """Where the state of before is, or will be in a moment."""
    started_at: str = ""
    finished_at: str = ""


def last(path: str = PATH) -> Entry | None:
    """What the host remembers of its last rejoin; None where there was none.

    :raises journal.Unreadable: it is there and cannot be read.
    """
    try:
        text = services.read(path)
        if not text:
            return None
        data = json.loads(text)
        known = {item.name for item in fields(Entry)}
        entry = Entry(**{name: value for name, value in data.items() if name in known})
        STEPS.index(entry.step)
        if not (isinstance(entry.labels, dict) and isinstance(entry.node_ids, list)):
            raise TypeError("no labels or no nodes")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise journal.Unreadable(
            f"The journal {path} cannot be read ({error}). Look at it, and move it away.") from None
    return entry


def pending(path: str = PATH) -> dict[str, Any]:
    """The rejoin that was begun on this host and is not through, as data; empty: there is none."""
    try:
        entry = last(path)
    except journal.Unreadable:
        return {}
    return asdict(entry) if entry is not None and entry.step != FINISHED else {}


def write(entry: Entry, path: str = PATH) -> Entry:
    """Have it on the disk, whole."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    services.write(path, json.dumps(asdict(entry)) + "\n", 0o600)
    return entry
