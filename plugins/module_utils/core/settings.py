# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The swarm's own settings: what is declared, put into the engine's ``Spec``, and nothing else touched.

Pure. The engine takes the whole ``Spec`` and overwrites everything with it, so what is not declared must go back as it
came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NANOSECONDS = 1_000_000_000

FIELDS = {
    "autolock": ("EncryptionConfig", "AutoLockManagers"),
    "cert_expiry": ("CAConfig", "NodeCertExpiry"),
    "dispatcher_heartbeat": ("Dispatcher", "HeartbeatPeriod"),
    "keep_old_snapshots": ("Raft", "KeepOldSnapshots"),
    "log_entries_for_slow_followers": ("Raft", "LogEntriesForSlowFollowers"),
    "snapshot_interval": ("Raft", "SnapshotInterval"),
    "task_history_limit": ("Orchestration", "TaskHistoryRetentionLimit"),
}
"""Our name of a setting, and where the engine keeps it."""
DURATIONS = ("cert_expiry", "dispatcher_heartbeat")
"""Settings that the engine keeps in nanoseconds."""
AT_LEAST = {
    "cert_expiry": 3600 * NANOSECONDS,
    "dispatcher_heartbeat": NANOSECONDS,
    "keep_old_snapshots": 0,
    "log_entries_for_slow_followers": 1,
    "snapshot_interval": 1,
    "task_history_limit": 0,
}
"""The smallest value of each. For a certificate the engine itself wants an hour; a 0 in the others would stand for
"not set" in its ``Spec``, and what it makes of that differs."""

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")


class BadSetting(ValueError):
    """A setting that the engine could not take. One sentence with its name."""


def nanoseconds(name: str, value: str) -> int:
    """A duration: seconds as a plain number, or as Go writes it, such as ``2160h`` or ``1h30m``.

    :raises BadSetting: it is neither.
    """
    text = value.strip()
    if re.fullmatch(r"[0-9]+", text):
        return int(text) * NANOSECONDS
    if not text or "".join(match.group(0) for match in _PART.finditer(text)) != text:
        raise BadSetting(f"{name} is {value!r}; it takes a number of seconds, or a duration such as 2160h or 1h30m.")
    return sum(round(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))


def declared(params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``params`` has a value for, as the engine keeps them.

    :raises BadSetting: a value that the engine could not take.
    """
    wanted = {}
    for name in FIELDS:
        value = params.get(name)
        if value is None:
            continue
        if name in DURATIONS:
            value = nanoseconds(name, str(value))
        if name in AT_LEAST and value < AT_LEAST[name]:
            least = AT_LEAST[name] // NANOSECONDS if name in DURATIONS else AT_LEAST[name]
            unit = " seconds" if name in DURATIONS else ""
            raise BadSetting(f"{name} is {params[name]}; it takes at least {least}{unit}.")
        wanted[name] = value
    return wanted


def read(spec: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a ``Spec``; None where the engine does not say."""
    return {name: (spec.get(group) or {}).get(key) for name, (group, key) in FIELDS.items()}


def merged(spec: Mapping[str, Any], wanted: Mapping[str, Any], rotate_ca: bool = False) -> dict[str, Any]:
    """A copy of ``spec`` with these settings in it.

    :param wanted: from ``declared``.
    :param rotate_ca: also ask for a new root certificate, by counting ``ForceRotate`` up.
    """
    result = {group: dict(content) if isinstance(content, dict) else content for group, content in spec.items()}
    for name, value in wanted.items():
        group, key = FIELDS[name]
        result[group] = dict(result.get(group) or {}, **{key: value})
    if rotate_ca:
        authority = dict(result.get("CAConfig") or {})
        authority["ForceRotate"] = int(authority.get("ForceRotate") or 0) + 1
        result["CAConfig"] = authority
    return result


def shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as an operator writes them: durations in seconds, whole ones where they are."""
    result = {}
    for name, value in settings.items():
        if name in DURATIONS and value is not None:
            value = value / NANOSECONDS if value % NANOSECONDS else value // NANOSECONDS
        result[name] = value
    return result
