# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an archive holds, and what a folder of archives is worth, as lines of text for a person.

Pure: the facts of swarm_backup_info in, lines out. What is wrong stands in CAPITALS. An archive may come from anywhere:
what it says of itself is shown without control characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import health, report

KINDS = ("node", "service", "network", "secret", "config", "volume")
COLUMNS = ("TAKEN (UTC)", "AGE", "HOST", "SIZE", "COMMIT", "LOCKED", "SERVICES", "SECRETS", "CONFIGS", "PROVEN")
_INDENT = 14
_UNCOMMITTED = 5
"""Changes that are named; the others are counted."""
_UNITS = ("B", "kB", "MB", "GB")


def one(facts: Mapping[str, Any]) -> list[str]:
    """One archive: a headline that says what was proven, where it is from, and what is in it."""
    lines = report.wrap(_plain(_headline(facts)))
    lines.append("")
    for title, text in _facts(facts):
        lines += report.wrap(_plain(text), title.ljust(_INDENT), " " * _INDENT)
    lines.append("")
    for kind in KINDS:
        names = [_plain(item["name"] or item["id"]) for item in facts["objects"].get(kind, ())]
        title = f"{len(names)} {kind}{'' if len(names) == 1 else 's'}"
        lines += report.wrap(", ".join(sorted(names)) or "-", title.ljust(_INDENT), " " * _INDENT)
    if facts["tasks"] is not None:
        lines.append(f"{facts['tasks']} task{'' if facts['tasks'] == 1 else 's'}")
    return [line.rstrip() for line in lines]


def _headline(facts: Mapping[str, Any]) -> str:
    taken = f"taken {moment(facts['taken_at'])} UTC{_ago(facts['age_seconds'])}"
    what = f"the state of the manager {facts['host']}, {taken}"
    if facts["contents_proven"]:
        return f"PROVEN: {what}. Its keys open it, and what it holds was read."
    return (f"INTACT, NOT OPENED: {what}. Every checksum is right; what it holds is what it says of itself, because "
            f"{facts['unopened']}.")


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and text of each line above the objects."""
    needs = f"autolocked; it needs the unlock key of version {facts['kek_version']}"
    locked = needs if facts["autolock"] else "no autolock"
    where = f"{facts['host']}{' in zone ' + facts['zone'] if facts['zone'] else ''}"
    certificate = facts["certificate"]
    lines = [
        ("archive", facts["path"]),
        ("", f"{size(facts['size'])}, sha256 {facts['sha256']}"),
        ("swarm", f"{facts['swarm_id']}, {locked}"),
        ("node", f"{facts['node_id']} on {where}, engine {facts['engine_version']}"),
        ("raft", f"{facts['raft_addr']}, term {facts['term']}, index {facts['index']}, commit {facts['commit']}"),
    ]
    lines += [
        ("" if number else "managers", f"{node} at {address}{' (this one)' if node == facts['node_id'] else ''}")
        for number, (node, address) in enumerate(sorted(facts["managers"].items(), key=lambda pair: pair[1]))
    ]
    if facts["default_addr_pool"]:
        subnets = f", subnets /{facts['subnet_size']}" if facts["subnet_size"] else ""
        lines.append(("addresses", f"pool {', '.join(facts['default_addr_pool'])}{subnets}"))
    if facts["data_path_addr"] or facts["data_path_port"]:
        path = [facts["data_path_addr"], f"port {facts['data_path_port']}" if facts["data_path_port"] else ""]
        lines.append(("data path", ", ".join(part for part in path if part)))
    until = f"until {moment(certificate['not_after'])} UTC"
    lines.append(("certificate", f"valid {until}" if certificate["valid"] else f"NOT VALID now (it was {until})"))
    lines.append(("files", f"{facts['file_count']}, {size(facts['state_size'])}, each as its checksum says"))
    downtime = facts["downtime"]
    if "engine" in downtime:
        back = f", reachable again after {downtime['manager']:.1f} s" if "manager" in downtime else ""
        lines.append(("downtime", f"the engine answered again after {downtime['engine']:.1f} s{back}"))
    changes = facts["uncommitted"] or ()
    if changes:
        named = ", ".join(
            f"{item['action']} {item['kind']} {item['name'] or item['id']}" for item in changes[:_UNCOMMITTED]
        )
        more = f" and {len(changes) - _UNCOMMITTED} more" if len(changes) > _UNCOMMITTED else ""
        lines.append(("uncommitted", f"{named}{more}: a restore throws this away"))
    return lines


def several(rows: Sequence[Mapping[str, Any]], folder: str) -> list[str]:
    """The archives of a folder by swarm, one line each, and below why one is not proven."""
    lines: list[str] = []
    for swarm_id in dict.fromkeys(str(row["swarm_id"]) for row in rows):
        own = [row for row in rows if row["swarm_id"] == swarm_id]
        lines += ["", _plain(f"swarm {swarm_id}: {len(own)} archive{'' if len(own) == 1 else 's'} in {folder}")]
        lines += report.table(COLUMNS, [_row(row) for row in own], clipped=2)
    for row in rows:
        why = row["problem"] or row["unopened"]
        if why:
            text = why if row["problem"] else f"{row['path']} was not opened: {why}."
            lines += ["", *report.wrap(_plain(f"{'NO' if row['problem'] else 'intact'}: {text}"), "", "  ")]
    return lines[1:]


def _row(row: Mapping[str, Any]) -> list[str]:
    age = "-" if row["age_seconds"] is None else health.span(timedelta(seconds=row["age_seconds"]))
    known = [moment(row["taken_at"]), age, _plain(row["host"]), size(row["size"])]
    if row["problem"]:
        return [*known, "?", "?", "?", "?", "?", "NO"]
    counts = [str(len(row["objects"].get(kind, ()))) for kind in ("service", "secret", "config")]
    locked = "yes" if row["autolock"] else "no"
    return [*known, str(row["commit"]), locked, *counts, "yes" if row["contents_proven"] else "intact"]


def moment(text: str) -> str:
    """An ISO 8601 time as people read it; what is none stays as it is."""
    found = health.parse_time(text)
    return found.strftime("%Y-%m-%d %H:%M") if found else _plain(text)


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return f", {health.span(timedelta(seconds=seconds))} ago" if seconds >= 0 else ", IN THE FUTURE"


def size(number: int) -> str:
    """Bytes, as people read them."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.5 else f"{value:.1f} {_UNITS[unit]}"


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
