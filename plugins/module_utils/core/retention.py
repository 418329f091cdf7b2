# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How archives are named, how old they are, and which of them have had their time.

Pure: names and times. An archive lies under its name only when it was proven where it lies (plugin_utils/backups.py):
so a name is the record of a proven backup, and its age is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

SUFFIX = ".tar.gz"
_NAME = re.compile(r"(?P<swarm>[0-9a-z]+)_(?P<host>[A-Za-z0-9.-]+)_(?P<time>[0-9]{8}T[0-9]{6}Z)" + re.escape(SUFFIX))
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Name:
    """What an archive's name says."""

    swarm_id: str
    host: str
    taken_at: datetime
    """UTC."""

    @property
    def file(self) -> str:
        """The file name. What a host name may have and a file name should not is replaced by a hyphen."""
        return f"{self.swarm_id}_{_UNFIT.sub('-', self.host)}_{self.taken_at.strftime(_TIME)}{SUFFIX}"


def parse(file: str) -> Name | None:
    """The parts of an archive's name; None where it is not one of ours, exactly as ``Name.file`` writes it."""
    found = _NAME.fullmatch(file)
    if not found:
        return None
    try:
        taken_at = datetime.strptime(found["time"], _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    name = Name(found["swarm"], found["host"], taken_at)
    return name if name.file == file else None


def of_swarm(files: Iterable[str], swarm_id: str) -> list[Name]:
    """The archives of one swarm among these files, the newest first."""
    found = [name for name in (parse(file) for file in files) if name is not None and name.swarm_id == swarm_id]
    return sorted(found, key=lambda name: (name.taken_at, name.host), reverse=True)


def expired(
    files: Iterable[str], swarm_id: str, proven_now: str, keep: int, keep_days: float, now: datetime
) -> list[str]:
    """The archives of this swarm that may be removed, the oldest first.

    :param proven_now: the archive that this very run proved. It always stays, and so there always is a proven one: an
        older one may have rotted since.
    :param keep: how many of the newest stay of each manager, so that a run over all managers counts as one; 0: no limit
        by count.
    :param keep_days: what is older goes; 0: no limit by age.
    """
    names = of_swarm(files, swarm_id)
    try:
        oldest = now - timedelta(days=keep_days) if keep_days else None
    except OverflowError:
        oldest = None  # before the calendar begins
    seen: dict[str, int] = {}
    gone = []
    for name in names:
        seen[name.host] = seen.get(name.host, 0) + 1
        if (keep and seen[name.host] > keep) or (oldest is not None and name.taken_at < oldest):
            gone.append(name)
    return [name.file for name in reversed(gone) if name.file != proven_now]
