# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup archive says about itself: where the state is from, what is in it, and the checksum of every file.

Pure: values from and to JSON. The manifest holds no secret: no unlock key, no token, no payload of a secret or config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

FORMAT = 1
"""The version of the archive's layout. A reader refuses a newer one."""
KINDS = ("node", "service", "network", "secret", "config", "volume")
"""The kinds of objects that a manifest lists. Tasks come and go by themselves, and are not among them."""

Objects = Mapping[str, Sequence[tuple[str, str]]]
"""(ID, name) by kind."""


class BadManifest(Exception):
    """It cannot be read as a manifest of this format. One sentence."""


@dataclass(frozen=True)
class File:
    """One file of the state directory."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    mode: int
    """Permission bits."""


@dataclass(frozen=True)
class Manifest:
    """One manager's state, taken cold."""

    swarm_id: str
    node_id: str
    host: str
    """The inventory name of the manager."""
    hostname: str
    taken_at: str
    """When the engine had stopped: ISO 8601, UTC."""
    engine_version: str
    zone: str = ""
    raft_addr: str = ""
    """``host:port`` by which the other managers know this one. A restored swarm keeps it."""
    listen_addr: str = ""
    advertise_addr: str = ""
    data_path_addr: str = ""
    default_addr_pool: tuple[str, ...] = ()
    subnet_size: int = 0
    data_path_port: int = 0
    raft_id: str = ""
    """Hexadecimal: it does not fit into every JSON reader's numbers."""
    term: int = 0
    """Raft term of the last entry."""
    index: int = 0
    """Raft index of the last entry."""
    commit: int = 0
    """Raft commit index."""
    autolock: bool = False
    kek_version: int = 0
    """Which unlock key opens it: the swarm's version number when that key was set."""
    managers: Mapping[str, str] = field(default_factory=dict)
    """Raft address by node ID of every manager of the swarm."""
    objects: Objects = field(default_factory=dict)
    """(ID, name) by kind, as the engine's API listed them right before and right after the stop, where it agreed."""
    files: Mapping[str, File] = field(default_factory=dict)
    """By path relative to the state directory."""
    downtime: Mapping[str, float] = field(default_factory=dict)
    """Seconds: ``engine`` until the engine answered again, ``manager`` until the leader reached it again."""
    format: int = FORMAT

    def dump(self) -> str:
        """The manifest's text, JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def load(text: str) -> Manifest:
    """From its text.

    :raises BadManifest: not a manifest, or of a format that this collection does not know.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BadManifest("its manifest is not JSON") from None
    if not isinstance(data, dict):
        raise BadManifest("its manifest is not a JSON object")
    version = data.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadManifest("its manifest names no format")
    if version > FORMAT:
        raise BadManifest(f"it has format {version}, and this version of quorum.swarm reads up to {FORMAT}: "
                          f"read it with the version that wrote it, or a later one")
    try:
        return _manifest(data)
    except (LookupError, TypeError, ValueError, OverflowError):
        raise BadManifest("its manifest lacks something, or has something of the wrong kind") from None


def _manifest(data: Mapping[str, Any]) -> Manifest:
    """:raises LookupError, TypeError, ValueError, OverflowError: something is missing or of the wrong kind."""
    values: dict[str, Any] = {}
    for item in fields(Manifest):
        if item.name not in data:
            raise KeyError(item.name)
        values[item.name] = data[item.name]
    # (`from __future__ import annotations` makes the declared types texts.)
    for item in fields(Manifest):
        kind = {"str": str, "int": int, "bool": bool}.get(str(item.type))
        value = values[item.name]
        if kind is not None and (not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool)):
            raise TypeError(item.name)
    values["default_addr_pool"] = tuple(_text(pool) for pool in _list(values["default_addr_pool"]))
    values["managers"] = {_text(node): _text(addr) for node, addr in _dict(values["managers"]).items()}
    values["objects"] = {kind: tuple(_pair(pair) for pair in _list(pairs))
                         for kind, pairs in _dict(values["objects"]).items()}
    values["files"] = {path: File(_whole(one["size"]), _text(one["sha256"]), _whole(one["mode"]))
                       for path, one in _dict(values["files"]).items()}
    values["downtime"] = {name: float(seconds) for name, seconds in _dict(values["downtime"]).items()}
    return Manifest(**values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _pair(value: Any) -> tuple[str, str]:
    first, second = _list(value)
    return _text(first), _text(second)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def lacking(kind: str, wanted: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """The objects of one kind that are wanted and not found, by ID and name.

    Of nodes the ID alone counts. The name is what the engine was told last, and not always by that node: a worker that
    reports through two managers around an election is taken for the first of them (docs/engine-behaviour.md).
    """
    told_by = slice(1) if kind == "node" else slice(2)
    there = {tuple(pair[told_by]) for pair in found}
    return sorted((pair[0], pair[1]) for pair in wanted if tuple(pair[told_by]) not in there)


def agreed(before: Objects, after: Objects) -> dict[str, tuple[tuple[str, str], ...]]:
    """The objects that both readings list, by kind and then ID: those were there while the engine was stopped.

    A node whose name differs in them is listed with the name that the later one has.
    """
    result = {}
    for kind in KINDS:
        first, second = before.get(kind, ()), after.get(kind, ())
        new = lacking(kind, second, first)
        result[kind] = tuple(sorted(set(second) - set(new)))
    return result


def contradictions(before: Objects, after: Objects, stored: Objects) -> list[str]:
    """What the state holds otherwise than the API said right before and right after it was taken; empty: nothing.

    An object of both readings must be in the state, one of neither must not: between the readings, others may come and
    go. Names are compared too, but for those of nodes.
    """
    found = []
    for kind in KINDS:
        kept = stored.get(kind, ())
        found += [f"{kind} {name or key} is in the swarm and not in the state" for key, name in
                  lacking(kind, agreed(before, after)[kind], kept)]
        found += [f"{kind} {name or key} is in the state and not in the swarm" for key, name in
                  lacking(kind, kept, (*before.get(kind, ()), *after.get(kind, ())))]
    return found
