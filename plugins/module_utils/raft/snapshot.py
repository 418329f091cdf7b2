# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A raft snapshot: raft/snap-v3-encrypted/TERM-INDEX.snap. Pure: bytes in, facts out.

In plaintext are term, index and ConfState; `data` (the objects and the members) is sealed like a log entry.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, wire
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError
from ansible_collections.quorum.swarm.plugins.module_utils.raft.wal import ConfState, parse_conf_state

_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.snap")
_V, _B = wire.VARINT, wire.BYTES


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. `data` is sealed (a MaybeEncryptedRecord)."""

    name: str
    term: int
    index: int
    conf_state: ConfState
    data: memoryview = field(repr=False)


def snapshot_names(names: Iterable[str]) -> list[str]:
    """The names among these that are snapshots, newest first, as the engine tries them."""
    return sorted((name for name in names if _NAME.fullmatch(name)), reverse=True)


def read_snapshot(name: str, data: bytes) -> Snapshot:
    """Read one snapshot.

    Args:
        name: the file's name, which says term and index once more.
        data: the file's content.

    Raises:
        CorruptStateError: the engine would put the file aside as broken, or no engine wrote it under this name.
        UnsupportedStateError: a joint configuration.
    """
    outer = wire.record(memoryview(data), {1: _V, 2: _B}, frozenset({1, 2}), name)
    content = wire.as_message(outer[2], name)
    if wire.as_number(outer[1], name) != crc32c.update(0, content):
        raise CorruptStateError(name, "the checksum of the snapshot is wrong")
    inner = wire.record(content, {1: _B, 2: _B}, frozenset({1, 2}), name)
    metadata = wire.record(wire.as_message(inner[2], name), {1: _B, 2: _V, 3: _V}, frozenset({1, 2, 3}), name)
    term, index = wire.as_number(metadata[3], name), wire.as_number(metadata[2], name)
    if name != f"{term:016x}-{index:016x}.snap":
        raise CorruptStateError(name, f"the file holds the snapshot of term {term}, index {index}")
    return Snapshot(name, term, index, parse_conf_state(wire.as_message(metadata[1], name), name),
                    wire.as_message(inner[1], name))
