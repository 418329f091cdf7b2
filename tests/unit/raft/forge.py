# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes logs, snapshots and key files from nothing, as etcd and swarmkit write them. For tests only; no files.

It shares no code with the readers under test: not even the checksum, which is computed bit by bit here.
"""
from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from functools import cache

METADATA, ENTRY, STATE, CRC, SNAPSHOT = 1, 2, 3, 4, 5


@cache
def _byte_crc(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


def crc32c(crc: int, data: bytes) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _byte_crc((crc ^ byte) & 255)
    return crc ^ 0xFFFFFFFF


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(*parts: tuple[int, int | bytes | str]) -> bytes:
    """A protobuf message of these (field number, value) pairs."""
    out = b""
    for number, value in parts:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def frame(record: bytes) -> bytes:
    pad = -len(record) % 8
    return struct.pack("<Q", len(record) | ((0x80 | pad) << 56 if pad else 0)) + record + bytes(pad)


def entry(term: int, index: int, data: bytes = b"sealed", kind: int = 0) -> bytes:
    return message((1, kind), (2, term), (3, index), (4, data))


def state(term: int, commit: int, vote: int = 1) -> bytes:
    return message((1, term), (2, vote), (3, commit))


def mark(term: int, index: int, voters: tuple[int, ...] = ()) -> bytes:
    conf_state = message(*((1, voter) for voter in voters))
    return message((1, index), (2, term), *([(3, conf_state)] if voters else []))


OWNER = message((1, 7), (2, "node-seven"), (3, "198.18.0.11:2377"), (4, b""))


@dataclass
class Wal:
    """A log being written. `files` holds what is on disk."""

    owner: bytes = OWNER
    preallocate: int = 65536
    crc: int = 0
    sequence: int = -1
    name: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    offsets: list[tuple[str, int, int]] = field(default_factory=list)  # segment, start, end of each record

    def raw(self, kind: int, data: bytes | None, crc: int | None = None) -> Wal:
        """Append one record, as it is."""
        if data is not None and kind != CRC:
            self.crc = crc32c(self.crc, data)
        record = message((1, kind), (2, self.crc if crc is None else crc), *([] if data is None else [(3, data)]))
        content = self.files[self.name]
        framed = frame(record)
        self.offsets.append((self.name, len(content), len(content) + len(framed)))
        self.files[self.name] = content + framed
        return self

    def cut(self, first_index: int, hard_state: bytes | None = None) -> Wal:
        """Begin a segment."""
        self.sequence += 1
        self.name = f"{self.sequence:016x}-{first_index:016x}.wal"
        self.files[self.name] = b""
        self.raw(CRC, None).raw(METADATA, self.owner)
        return self.raw(STATE, hard_state) if hard_state else self

    def save(self, *records: tuple[int, bytes]) -> Wal:
        for kind, data in records:
            self.raw(kind, data)
        return self

    def done(self) -> dict[str, bytes]:
        """The files, the last one preallocated."""
        files = dict(self.files)
        files[self.name] = files[self.name].ljust(self.preallocate, b"\0")
        return files


def small_log(count: int = 5, commit: int | None = None) -> Wal:
    """A log of one segment: entries 1 to count of term 2, all committed unless told."""
    wal = Wal().cut(0).save((SNAPSHOT, mark(0, 0)))
    for index in range(1, count + 1):
        wal.save((ENTRY, entry(2, index)), (STATE, state(2, index if commit is None else min(index, commit))))
    return wal


def two_segments() -> Wal:
    """Entries 1 to 3 in the first segment, 4 to 6 in the second."""
    wal = small_log(3).cut(4, state(2, 3))
    for index in range(4, 7):
        wal.save((ENTRY, entry(2, index)), (STATE, state(2, index)))
    return wal


def snapshot(
    term: int, index: int, voters: tuple[int, ...] = (7,), data: bytes = b"sealed", packed: bool = False
) -> bytes:
    """The content of a snapshot file."""
    conf_state = message((1, b"".join(varint(v) for v in voters))) if packed else message(*((1, v) for v in voters))
    inner = message((1, data), (2, message((1, conf_state), (2, index), (3, term))))
    return message((1, crc32c(0, inner)), (2, inner))


def snapshot_name(term: int, index: int) -> str:
    return f"{term:016x}-{index:016x}.snap"


def pem(kind: str, content: bytes, headers: dict[str, str] | None = None) -> bytes:
    body = base64.b64encode(content).decode()
    lines = [f"-----BEGIN {kind}-----"]
    if headers:
        lines += [f"{key}: {value}" for key, value in headers.items()] + [""]
    lines += [body[at:at + 64] for at in range(0, len(body), 64)] + [f"-----END {kind}-----", ""]
    return "\n".join(lines).encode()


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of DER."""
    content = b"".join(parts)
    length = len(content)
    return bytes([tag]) + (bytes([length]) if length < 128 else b"\x82" + struct.pack(">H", length)) + content
