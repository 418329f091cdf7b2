# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write-ahead log of a manager: raft/wal-v3-encrypted/SEQ-INDEX.wal. Pure: bytes in, facts out.

Everything here is in plaintext on disk, whether the swarm is autolocked or not: only `Entry.data` is sealed. The
format is etcd's (server/storage/wal), and where a choice is to be made, it is made as etcd makes it when the engine
starts: what etcd would repair is reported as a torn tail, what etcd would refuse is a CorruptStateError. Beyond that,
whatever etcd would not write is corruption here, because the log's checksums leave gaps: they cover neither the type
of a record nor its padding nor what follows the last record.
"""
from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, wire
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    UnsupportedStateError,
)

NORMAL = 0
CONF_CHANGE = 1

_METADATA, _ENTRY, _STATE, _CRC, _SNAPSHOT = 1, 2, 3, 4, 5
_V, _B = wire.VARINT, wire.BYTES
_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.wal")
_SECTOR = 512  # bytes that a disk writes or does not write, never in part
_ZEROS = bytes(65536)


@dataclass(frozen=True)
class Entry:
    """One entry of the log. `data` is sealed (a MaybeEncryptedRecord)."""

    term: int
    index: int
    type: int
    data: memoryview = field(repr=False)


@dataclass(frozen=True)
class HardState:
    """What a manager must never forget: its term, whom it voted for (a raft ID, 0 nobody), and the commit index."""

    term: int = 0
    vote: int = 0
    commit: int = 0


@dataclass(frozen=True)
class ConfState:
    """The raft IDs of the members, as a snapshot records them."""

    voters: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A note in the log that a snapshot was taken. `conf_state` is None where the engine does not write it (etcd 3.3).

    Every log starts with the mark (0, 0).
    """

    term: int
    index: int
    conf_state: ConfState | None = None


@dataclass(frozen=True)
class Member:
    """A manager, as raft knows it."""

    raft_id: int
    node_id: str
    address: str


@dataclass(frozen=True)
class Segment:
    """One file of the log. `used` is the byte behind its last whole record, `size` the length of the file."""

    name: str
    sequence: int
    first_index: int
    records: int
    used: int
    size: int


@dataclass(frozen=True)
class Log:
    """A log as the engine would read it at its start.

    Attributes:
        owner: the manager that wrote it.
        hard_state: the last one written. After a crash its commit is a lower bound: it is not flushed by itself.
        entries: the entries after `start`, without the overwritten ones, committed or not.
        start: the snapshot that the entries follow; (0, 0) without one.
        marks: every snapshot mark, oldest first.
        segments: the files that were read, oldest first.
        overwritten: entries that a later leader replaced.
        torn: why the last record is no record, or None. The engine cuts the log there when it starts. A write that
            was under way when the machine died looks so; after a graceful stop there is no such thing.
        residue: bytes other than zero behind the last whole record: what the cut throws away.
    """

    owner: Member
    hard_state: HardState
    entries: tuple[Entry, ...]
    start: Mark
    marks: tuple[Mark, ...]
    segments: tuple[Segment, ...]
    overwritten: int
    torn: str | None
    residue: int

    @property
    def last_index(self) -> int:
        """The index of the last entry, committed or not."""
        return self.entries[-1].index if self.entries else self.start.index

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.entries[-1].term if self.entries else self.start.term


def parse_conf_state(view: memoryview, where: str) -> ConfState:
    """Read a raftpb.ConfState.

    Raises:
        CorruptStateError: it is none.
        UnsupportedStateError: a joint configuration, which swarmkit never makes.
    """
    voters: list[int] = []
    learners: list[int] = []
    for number, wire_type, value in wire.fields(view, where):
        if number == 1:
            voters += wire.numbers(wire_type, value, where)
        elif number == 2:
            learners += wire.numbers(wire_type, value, where)
        elif number in (3, 4):
            raise UnsupportedStateError(where, "a joint configuration")
        elif (number, wire_type, value) != (5, _V, 0):  # auto_leave, of joint configurations only
            raise CorruptStateError(where, f"field {number} does not belong here")
    return ConfState(tuple(voters), tuple(learners))


def parse_member(view: memoryview, where: str) -> Member:
    """Read a swarmkit RaftMember. Node ID and address are empty in the entry that forcing a new cluster may append.

    Raises:
        CorruptStateError: it is none.
    """
    found = wire.record(view, {1: _V, 2: _B, 3: _B, 4: _B}, frozenset({1}), where)
    empty = memoryview(b"")
    return Member(wire.as_number(found[1], where), wire.as_text(found.get(2, empty), where),
                  wire.as_text(found.get(3, empty), where))


def _segment_names(names: Iterable[str]) -> list[str]:
    """The names among these that are segments of a log, in order. Others (`0.tmp`, `*.broken`) hold no state.

    Raises:
        IncompleteStateError: there is none.
    """
    found = sorted(name for name in names if _NAME.fullmatch(name))
    if not found:
        raise IncompleteStateError("raft", "no segment of a log is there")
    return found


def _needed(names: list[str], start_index: int) -> list[str]:
    """The segments that the engine opens when it starts from the snapshot with this index (0: without one).

    Raises:
        IncompleteStateError: the one that holds the start is gone.
    """
    for first in range(len(names) - 1, -1, -1):
        if _split(names[first])[1] <= start_index:
            return names[first:]
    raise IncompleteStateError(names[0], f"the log starts after index {start_index}: an older segment is missing")


def _split(name: str) -> tuple[int, int]:
    """Sequence number and first index in a segment's name."""
    return int(name[:16], 16), int(name[17:33], 16)


def read_log(files: Mapping[str, bytes], start: Mark | None = None, needed_only: bool = False) -> Log:
    """Read a log.

    Args:
        files: content by name of the files in the log's folder. The last segment may be given without the zeros
            that it is preallocated with.
        start: term and index of the newest snapshot; None where there is none.
        needed_only: leave out the segments that the engine does not open, because the snapshot is younger.

    Returns:
        The log, from `start` on.

    Raises:
        CorruptStateError, IncompleteStateError, UnsupportedStateError: the engine would not start from it, or what
            is there was not written by an engine.
    """
    reader = _Reader(start or Mark(0, 0))
    names = _segment_names(files)
    needed = _needed(names, reader.start.index)
    if needed_only:
        names = needed
    for before, after in zip(names, names[1:]):
        if _split(before)[0] + 1 != _split(after)[0]:
            raise IncompleteStateError(after, f"the segment that follows {before} is missing")
    for name in names:
        reader.segment(name, memoryview(files[name]), name == names[-1])
    return reader.finish(names[-1])


class _Reader:
    """Goes through the segments once; holds what a record means for those that follow."""

    def __init__(self, start: Mark) -> None:
        self.start = start
        self.crc = 0
        self.owner: bytes | None = None
        self.member: Member | None = None
        self.state = HardState()
        self.entries: list[Entry] = []
        self.overwritten = 0
        self.marks: list[Mark] = []
        self.segments: list[Segment] = []
        self.written: int | None = None  # index of the last entry or mark: the next segment is named after it
        self.torn: str | None = None
        self.residue = 0

    def segment(self, name: str, data: memoryview, is_last: bool) -> None:
        """Read one segment to its end."""
        sequence, first_index = _split(name)
        if self.written is not None and first_index != self.written + 1:
            raise CorruptStateError(name, f"named after index {first_index}, but the log goes on at {self.written + 1}")
        if self.written is None:
            self.written = max(first_index - 1, 0)
        at, records, size = 0, 0, len(data)
        while True:
            if size - at < 8:
                if size > at:
                    self._tear(name, at, "a frame is cut off", is_last)
                break
            frame, = struct.unpack_from("<Q", data, at)
            if frame == 0:
                break
            length, pad = frame & (1 << 56) - 1, -frame % 8
            if frame >> 56 != (0x80 | pad if pad else 0):
                raise CorruptStateError(f"{name} at byte {at}", "the length of a record contradicts its padding")
            if length > size - at - 8 - pad:
                self._tear(name, at, "a record reaches past the end of the file", is_last)
                break
            body = data[at + 8:at + 8 + length]
            try:
                kind, crc, content = self._unframe(body, f"{name} at byte {at}")
            except CorruptStateError:
                # A write that the machine's death cut short leaves whole sectors of zeros.
                if not _has_empty_sector(data[at + 8:at + 8 + length + pad], at + 8):
                    raise
                self._tear(name, at, "a record was written in part", is_last)
                break
            if any(data[at + 8 + length:at + 8 + length + pad]):
                raise CorruptStateError(f"{name} at byte {at}", "the padding of a record is not zero")
            if (kind == _CRC) != (records == 0) or (kind == _METADATA) != (records == 1):
                raise CorruptStateError(f"{name} at byte {at}", f"record {records} of a segment is of type {kind}")
            self.crc = crc
            self._take(kind, content, f"{name} at byte {at}")
            at += 8 + length + pad
            records += 1
        if records < 2:
            raise CorruptStateError(name, "the segment does not open with its checksum and its owner")
        residue = _not_zero(data[at:])
        if is_last:
            self.residue = residue
        elif residue:
            raise CorruptStateError(f"{name} at byte {at}", "something follows the last record of a finished segment")
        self.segments.append(Segment(name, sequence, first_index, records, at, size))

    def _tear(self, name: str, at: int, why: str, is_last: bool) -> None:
        """Note a torn tail, which only the last segment can have."""
        if not is_last:
            raise CorruptStateError(f"{name} at byte {at}", why)
        self.torn = f"{name} at byte {at}: {why}"

    def _unframe(self, body: memoryview, where: str) -> tuple[int, int, memoryview]:
        """Type, running checksum and content of a record, the checksum verified."""
        found = wire.record(body, {1: _V, 2: _V, 3: _B}, frozenset({1, 2}), where)
        kind, crc = wire.as_number(found[1], where), wire.as_number(found[2], where)
        content = wire.as_message(found.get(3, memoryview(b"")), where)
        if kind == _CRC:
            if content:
                raise CorruptStateError(where, "a checksum record has content")
            if self.crc and crc != self.crc:
                raise CorruptStateError(where, "the checksum does not continue that of the segment before")
        elif crc != crc32c.update(self.crc, content):
            raise CorruptStateError(where, "the checksum of a record is wrong")
        return kind, crc, content

    def _take(self, kind: int, content: memoryview, where: str) -> None:
        """Apply one record."""
        if kind == _ENTRY:
            self._take_entry(content, where)
        elif kind == _STATE:
            found = wire.record(content, {1: _V, 2: _V, 3: _V}, frozenset({1, 2, 3}), where)
            self.state = HardState(*(wire.as_number(found[number], where) for number in (1, 2, 3)))
        elif kind == _SNAPSHOT:
            found = wire.record(content, {1: _V, 2: _V, 3: _B}, frozenset({1, 2}), where)
            conf_state = parse_conf_state(wire.as_message(found[3], where), where) if 3 in found else None
            mark = Mark(wire.as_number(found[2], where), wire.as_number(found[1], where), conf_state)
            if mark.index == self.start.index:
                if mark.term != self.start.term:
                    raise CorruptStateError(where, f"the snapshot of index {mark.index} has term {mark.term} in the "
                                                   f"log and {self.start.term} in its file")
                self.start = mark
            self.marks.append(mark)
            self.written = max(self.written or 0, mark.index)
        elif kind == _METADATA:
            if self.owner is None:
                self.owner = bytes(content)
                self.member = parse_member(content, where)
            elif self.owner != content:
                raise CorruptStateError(where, "the segments belong to different managers")
        elif kind != _CRC:
            raise UnsupportedStateError(where, f"a record of the unknown type {kind}")

    def _take_entry(self, content: memoryview, where: str) -> None:
        """Append an entry; it replaces those that stand at or after its index."""
        found = wire.record(content, {1: _V, 2: _V, 3: _V, 4: _B}, frozenset({1, 2, 3, 4}), where)
        kind, term, index = (wire.as_number(found[number], where) for number in (1, 2, 3))
        if kind not in (NORMAL, CONF_CHANGE):
            raise UnsupportedStateError(where, f"an entry of the unknown type {kind}")
        self.written = index
        if index <= self.start.index:
            return
        place = index - self.start.index - 1
        if place > len(self.entries):
            raise CorruptStateError(where, f"entry {index} follows entry {self.start.index + len(self.entries)}")
        self.overwritten += len(self.entries) - place
        del self.entries[place:]
        before = self.entries[-1].term if self.entries else self.start.term
        if term < before:
            raise CorruptStateError(where, f"entry {index} has term {term}, the entry before it {before}")
        self.entries.append(Entry(term, index, kind, wire.as_message(found[4], where)))

    def finish(self, last_name: str) -> Log:
        """What can be judged only when everything was read."""
        if self.member is None or self.start not in self.marks:
            raise CorruptStateError(last_name, f"the log does not know of a snapshot of index {self.start.index}")
        log = Log(self.member, self.state, tuple(self.entries), self.start, tuple(self.marks), tuple(self.segments),
                  self.overwritten, self.torn, self.residue)
        if not log.start.index <= self.state.commit <= log.last_index and self.state != HardState():
            raise CorruptStateError(last_name, f"index {self.state.commit} is committed, but the log holds "
                                               f"{log.start.index} to {log.last_index}")
        return log


def _has_empty_sector(body: memoryview, offset: int) -> bool:
    """Whether one of the disk sectors that this record lies in is all zero. `offset`: of the record in its file."""
    at = 0
    while at < len(body):
        end = at + _SECTOR - (offset + at) % _SECTOR
        if not any(body[at:end]):
            return True
        at = end
    return False


def _not_zero(data: memoryview) -> int:
    """How many of these bytes are not zero."""
    found = 0
    for at in range(0, len(data), len(_ZEROS)):
        chunk = data[at:at + len(_ZEROS)]
        if chunk != _ZEROS[:len(chunk)]:
            found += len(chunk) - bytes(chunk).count(0)
    return found
