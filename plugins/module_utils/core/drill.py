# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill came to: whether it was a good one, what is kept of it, and how it is told.

Pure: the result of ``swarm_drill`` in, sentences and records out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import health, retention

_ASKED = 3
"""Workers, and managers, that are asked: one is enough, and more only cost time."""
_NAMED = 5
"""Objects that one sentence names."""
_SHOWN = 0.05
"""Seconds that a phase must have taken to be told."""


class BadRecord(Exception):
    """It cannot be read as the record of a drill. One sentence."""


@dataclass(frozen=True)
class Drill:
    """The record of a good drill."""

    swarm_id: str
    archive: str
    """The name of the archive."""
    host: str
    """Where it was brought up."""
    taken_at: str
    """When the backup was taken: ISO 8601, UTC."""
    drilled_at: str
    """ISO 8601, UTC."""
    seconds: float
    phases: Mapping[str, float]
    objects: Mapping[str, int]
    """How many there were, by kind."""
    version: str
    """Of the engine that brought it up."""

    def dump(self) -> str:
        """Its text, JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @property
    def moment(self) -> datetime:
        """When it was."""
        return moment(self.drilled_at)


def load(text: str) -> Drill:
    """From its text.

    :raises BadRecord: it is none.
    """
    try:
        data = json.loads(text)
        known = {name: data[name] for name in Drill.__dataclass_fields__}
        found = Drill(**known)
        moment(found.drilled_at)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise BadRecord("it is not the record of a drill") from None
    return found


def moment(text: str) -> datetime:
    """A time as records have it.

    :raises ValueError: it is none.
    """
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def newest(files: Sequence[str], swarm_id: str) -> retention.Name | None:
    """The archive that a drill takes: the newest of the swarm, or of all where the inventory names none."""
    names = [name for name in map(retention.parse, files) if name is not None and swarm_id in ("", name.swarm_id)]
    return max(names, key=lambda name: (name.taken_at, name.host), default=None)


def wrong(result: Mapping[str, Any]) -> str:
    """Why a drill that ran was no good one; empty: it was."""
    missing = [f"{kind} {name or key}" for kind, rows in (result.get("missing") or {}).items() for key, name in rows]
    if missing:
        more = len(missing) - _NAMED
        return (f"The swarm came up, and lacks what the archive lists: {', '.join(missing[:_NAMED])}"
                f"{f' and {more} more' if more > 0 else ''}. Nothing is left of the drill.")
    if result.get("containers"):
        return (f"The engine of the drill made {result['containers']} containers, which it should have no image for. "
                "Nothing is left of the drill.")
    return ""


def record(result: Mapping[str, Any], archive: str, host: str, now: datetime) -> Drill:
    """What is kept of a good drill.

    :param archive: the name of the archive.
    :param host: where it was brought up.
    """
    return Drill(result["swarm_id"], archive, host, result["taken_at"], now.isoformat(timespec="seconds"),
                 result["seconds"], dict(result["phases"]), dict(result["objects"]), result["version"])


def told(result: Mapping[str, Any], archive: str, host: str, now: datetime) -> list[str]:
    """A good drill as an operator reads it.

    :param archive: the path of the archive on the controller.
    """
    counts = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in result["objects"].items() if count)
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["phases"].items() if seconds >= _SHOWN)
    age = max(now - moment(result["taken_at"]), timedelta(0))
    same = result["version"] == result["archived_version"]
    extra = sum(len(rows) for rows in (result.get("extra") or {}).values())
    lines = [
        f"Drill on {host}: {archive} comes back.",
        f"  the state of {result['archived_host']}, {health.span(age)} old; swarm {result['swarm_id']}"
        f"{', autolocked' if result['autolock'] else ''}",
        f"  {counts}: everything that the archive lists"
        + (f", and {extra} more that came or went while it was taken" if extra else ""),
        f"  in {result['seconds']:.1f} s: {phases}",
        f"  by Docker {result['version']}" + ("" if same else f"; it was taken from {result['archived_version']}")
        + f"; no container was started, and nothing is left on {host}",
    ]
    return lines + [f"  recorded in {result.get('recorded')}"] * bool(result.get("recorded"))


def candidates(workers: Sequence[str], managers: Sequence[str], absent: Sequence[str]) -> list[str]:
    """The hosts that are asked whether a drill can run there: some workers, and where none can, a manager."""
    present = [host for host in workers if host not in absent and host not in managers][:_ASKED]
    return present + [host for host in managers if host not in absent][:_ASKED]


def choose(obstacles: Mapping[str, str], named: bool) -> tuple[str, str]:
    """The first host on which a drill can run, and why there is none; one of both is empty.

    :param obstacles: why none can run there, by host in the order of preference; empty: one can.
    :param named: whether it is the operator who named the host.
    """
    for host, why in obstacles.items():
        if not why:
            return host, ""
    if named:
        host, why = next(iter(obstacles.items()))
        return "", f"No drill is possible on {host}: {why.rstrip('.')}. Name another host: -e swarm_drill_host=HOST."
    words = "; ".join(f"{host}: {why.rstrip('.')}" for host, why in obstacles.items())
    return "", (f"No drill is possible on any of these hosts ({words}). Name another one that has an engine installed: "
                "-e swarm_drill_host=HOST.")
