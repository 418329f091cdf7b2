# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state as large as one wants, out of a real one: its own entries, written down again and again as etcd would.

What an entry holds is sealed, and no seal covers its index: so the sealed contents of a real log, in the order in which
the engine wrote them, make a longer log that opens with the same key and holds the same objects. No file is touched.
"""

from __future__ import annotations

import struct

from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, layout, state, wal

from tests.material import Capture

SEGMENT = 64_000_000
"""Bytes at which etcd begins the next segment."""
_METADATA, _ENTRY, _STATE, _CRC, _SNAPSHOT = 1, 2, 3, 4, 5


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Log:
    """A log being written: frames, checksums, segments."""

    def __init__(self, owner: bytes, segment: int) -> None:
        self.owner = owner
        self.limit = segment
        self.crc = 0
        self.files: dict[str, bytearray] = {}
        self.now = bytearray()

    def record(self, kind: int, data: bytes | None) -> None:
        """One record with its frame."""
        if data is not None:
            self.crc = crc32c.update(self.crc, data)
        record = b"\x08" + bytes([kind]) + b"\x10" + _varint(self.crc)
        if data is not None:
            record += b"\x1a" + _varint(len(data)) + data
        pad = -len(record) % 8
        self.now += struct.pack("<Q", len(record) | ((0x80 | pad) << 56 if pad else 0)) + record + bytes(pad)

    def cut(self, index: int) -> None:
        """Begin the segment that starts with this index."""
        self.now = bytearray()
        self.files[f"{len(self.files):016x}-{index:016x}.wal"] = self.now
        self.record(_CRC, None)
        self.record(_METADATA, self.owner)

    @property
    def full(self) -> bool:
        """Whether etcd would begin another segment."""
        return len(self.now) >= self.limit


def _entry(entry: wal.Entry, index: int) -> bytes:
    data = bytes(entry.data)
    return (b"\x08" + _varint(entry.type) + b"\x10" + _varint(entry.term) + b"\x18" + _varint(index) + b"\x22"
            + _varint(len(data)) + data)  # fmt: skip


def _state(term: int, commit: int) -> bytes:
    return b"\x08" + _varint(term) + b"\x10\x01\x18" + _varint(commit)


def grown(capture: Capture, size: int, segment: int = SEGMENT) -> dict[str, bytes]:
    """The state directory of a capture without a snapshot, its log grown to this many bytes.

    :param size: bytes of records, over all segments.
    :param segment: bytes at which another segment begins.
    """
    files = {path: content for path, content in capture.files.items() if not path.startswith("raft/")}
    log = state.read_state(capture.files).log
    if log.start.index:
        raise ValueError(f"{capture.name} begins with a snapshot")
    member = log.owner
    owner = (b"\x08" + _varint(member.raft_id) + b"\x12" + _varint(len(member.node_id)) + member.node_id.encode()
             + b"\x1a" + _varint(len(member.address)) + member.address.encode())  # fmt: skip
    out = _Log(owner, segment)
    out.cut(0)
    out.record(_SNAPSHOT, b"\x08\x00\x10\x00")
    again = [entry for entry in log.entries if entry.type == wal.NORMAL]
    written = index = 0
    term = log.last_term
    entries = list(log.entries)
    while True:
        for entry in entries:
            index += 1
            if out.full:
                written += len(out.now)
                out.cut(index)
                out.record(_STATE, _state(max(entry.term, 1), index - 1))
            # Later rounds are of the last term: terms never fall.
            now = entry if entries is not again else wal.Entry(term, 0, entry.type, entry.data)
            out.record(_ENTRY, _entry(now, index))
            out.record(_STATE, _state(now.term, index))
            if written + len(out.now) >= size and entries is again:
                return {**files, **{layout.LOG_FOLDER + name: bytes(content) for name, content in out.files.items()}}
        entries = again
