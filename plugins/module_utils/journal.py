# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers of its last restore or recovery, and where it keeps what was moved out of the way.

Touches one file below ``/var/lib/quorum.swarm``. Decides nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone

from ansible_collections.quorum.swarm.plugins.module_utils import services

JOURNAL = os.path.join(services.OWN_DIRECTORY, "reinit.json")
"""0600; it holds no key."""
ASIDE = os.path.join(services.OWN_DIRECTORY, "aside")
"""0700. What was moved out of the way, one folder each; nothing here is ever removed by the collection."""

BEGUN, ASIDE_MOVED, PLACED, FORCING, FORCED, RESTARTED, FINISHED = STEPS = (
    "begun", "aside", "placed", "forcing", "forced", "restarted", "finished")
"""The last thing that is known to be done; ``forcing``: the call was about to be made, and may have been."""


class Unreadable(Exception):
    """The journal is there, and cannot be read. One sentence."""


@dataclass(frozen=True)
class Entry:
    """What is known on the host of one reinit."""

    what: str
    """``restore``, ``recover`` or ``drill``."""
    swarm_id: str
    node_id: str
    archive: str = ""
    """What the state is from: the SHA-256 of the archive, or the folder of a survivor's copy."""
    step: str = BEGUN
    aside: str = ""
    """Where the state of before is, or will be in a moment, where there was one."""
    ran: bool = True
    """Whether the engine ran before."""
    opened: bool = False
    """Whether the node key was locked, and lay in clear on the disk for a while."""
    rotated: bool = False
    """Whether the unlock key was changed afterwards."""
    fenced: str = ""
    """After a recovery: how far those that were given up are kept out (``recovering.TOKENS``, ``BEGUN``, ``CA``)."""
    started_at: str = ""
    finished_at: str = ""
    heartbeat: int = 0
    """Nanoseconds: the dispatcher's heartbeat period that the swarm is to have again; 0: it has it."""
    interval: int = -1
    """Entries between two raft snapshots that the swarm is to have again; -1: it has it."""

    @property
    def settled(self) -> bool:
        """Whether the swarm has the settings of before."""
        return self.heartbeat == 0 and self.interval < 0

    def reached(self, step: str) -> bool:
        """Whether this step is behind."""
        return STEPS.index(self.step) >= STEPS.index(step)


class Journal:
    """The one file in which a host remembers its last reinit."""

    def __init__(self, path: str = JOURNAL) -> None:
        self.path = path

    def read(self) -> Entry | None:
        """The last one; None where there was none.

        :raises Unreadable: it is there and cannot be read.
        """
        try:
            text = services.read(self.path)
            if not text:
                return None
            data = json.loads(text)
            known = {item.name for item in fields(Entry)}
            entry = Entry(**{name: value for name, value in data.items() if name in known})
            STEPS.index(entry.step)
            for item in fields(Entry):
                if type(getattr(entry, item.name)).__name__ != item.type:
                    raise TypeError(f"{item.name} is no {item.type}")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"The journal {self.path} cannot be read ({error}). Look at it, and move it away.") from None
        return entry

    def write(self, entry: Entry) -> Entry:
        """Have it on the disk, whole."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        services.write(self.path, json.dumps(asdict(entry)) + "\n", 0o600)
        return entry


def place_aside(what: str, moment: datetime | None = None) -> str:
    """Where a state directory is moved aside to: a folder of its own, which says when and why, and is not there yet."""
    stamp = (moment or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    folder, number = os.path.join(ASIDE, f"{stamp}-{what}"), 1
    while os.path.lexists(folder):
        number += 1
        folder = os.path.join(ASIDE, f"{stamp}-{what}-{number}")
    return os.path.join(folder, "swarm")


def now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
