# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: what etcd would accept, repair and refuse; and what it would not write."""
from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, wal
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    RaftStateError,
    UnsupportedStateError,
)
from hypothesis import given
from hypothesis import strategies as st

from . import forge
from .forge import CRC, ENTRY, METADATA, SNAPSHOT, STATE, entry, mark, state


@pytest.mark.parametrize(("data", "expected"), [
    (b"", 0),
    (b"123456789", 0xE3069283),  # the check value of the CRC catalogue
    (bytes(32), 0x8A9136AA),  # RFC 3720, appendix B.4
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
])
def test_crc32c(data: bytes, expected: int) -> None:
    assert crc32c.update(0, data) == expected


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_crc32c_continues(first: bytes, second: bytes) -> None:
    assert crc32c.update(crc32c.update(0, first), second) == forge.crc32c(0, first + second)


def test_one_segment() -> None:
    log = wal.read_log(forge.small_log(5, commit=4).done())
    assert log.owner == wal.Member(7, "node-seven", "198.18.0.11:2377")
    assert log.hard_state == wal.HardState(term=2, vote=1, commit=4)
    assert [(e.term, e.index, bytes(e.data)) for e in log.entries] == [(2, i, b"sealed") for i in range(1, 6)]
    assert (log.last_term, log.last_index, log.start, log.overwritten) == (2, 5, wal.Mark(0, 0), 0)
    assert (log.torn, log.residue) == (None, 0)
    assert log.segments[0].records == 13
    assert log.segments[0].size == 65536


def test_the_preallocated_tail_may_be_left_out() -> None:
    assert wal.read_log(forge.small_log().files).entries == wal.read_log(forge.small_log().done()).entries


def test_two_segments_chain() -> None:
    log = wal.read_log(forge.two_segments().done())
    assert log.last_index == 6
    assert [(s.sequence, s.first_index) for s in log.segments] == [(0, 0), (1, 4)]


def test_zeros_behind_a_finished_segment_are_as_good_as_none() -> None:
    files = forge.two_segments().done()
    files[min(files)] += bytes(16)
    assert wal.read_log(files).last_index == 6


def test_files_that_are_no_segments_hold_no_state() -> None:
    files = forge.small_log().done() | {"0.tmp": b"x" * 100, "0000000000000000-0000000000000000.wal.broken": b"x"}
    assert wal.read_log(files).last_index == 5


def test_a_later_leader_overwrites() -> None:
    log = forge.small_log(5, commit=3).save((ENTRY, entry(3, 4, b"new")), (STATE, state(3, 4)))
    read = wal.read_log(log.done())
    assert [(e.term, e.index) for e in read.entries] == [(2, 1), (2, 2), (2, 3), (3, 4)]
    assert read.overwritten == 2
    assert (read.last_term, read.last_index) == (3, 4)


def test_a_snapshot_of_its_own() -> None:
    log = forge.small_log(5).save((SNAPSHOT, mark(2, 4, (7, 8))), (ENTRY, entry(2, 6)), (STATE, state(2, 6)))
    read = wal.read_log(log.done(), wal.Mark(2, 4))
    assert [e.index for e in read.entries] == [5, 6]
    assert read.start == wal.Mark(2, 4, wal.ConfState((7, 8)))
    assert wal.read_log(log.done()).last_index == 6


def test_a_snapshot_from_the_leader_leaves_a_gap() -> None:
    log = forge.small_log(3).save((SNAPSHOT, mark(2, 40)), (STATE, state(2, 40)), (ENTRY, entry(2, 41)))
    assert [e.index for e in wal.read_log(log.done(), wal.Mark(2, 40)).entries] == [41]
    with pytest.raises(CorruptStateError, match="entry 41 follows entry 3"):
        wal.read_log(log.done())


def test_packed_conf_state() -> None:
    packed = forge.message((1, 4), (2, 2), (3, forge.message((1, forge.varint(7) + forge.varint(2**63)))))
    log = forge.small_log(5).save((SNAPSHOT, packed))
    assert wal.read_log(log.done(), wal.Mark(2, 4)).start.conf_state == wal.ConfState((7, 2**63))


def test_segments_before_the_snapshot_are_not_needed() -> None:
    log = forge.two_segments().save((SNAPSHOT, mark(2, 6)))
    files = log.done()
    first, second = sorted(files)
    start = wal.Mark(2, 6)
    assert wal.read_log({second: files[second]}, start).last_index == 6
    assert wal.read_log(files, start).segments[0].name == first
    files[first] = files[first][:100] + b"\1" + files[first][101:]
    with pytest.raises(CorruptStateError):
        wal.read_log(files, start)
    assert wal.read_log(files, start, needed_only=True).last_index == 6


@pytest.mark.parametrize(("change", "error", "text"), [
    (lambda f: f.clear(), IncompleteStateError, "no segment"),
    (lambda f: f.pop(min(f)), IncompleteStateError, "an older segment is missing"),
    (lambda f: f.update({max(f).replace("01-", "02-"): f.pop(max(f))}), IncompleteStateError, "follows .* is missing"),
    (lambda f: f.update({max(f).replace("4.", "5."): f.pop(max(f))}), CorruptStateError, "the log goes on at 4"),
    (lambda f: f.update({min(f): f[max(f)], max(f): f[min(f)]}), CorruptStateError, "named after|follows"),
    (lambda f: f.update({min(f): f[min(f)][:-16]}), CorruptStateError, "past the end"),
    (lambda f: f.update({min(f): b""}), CorruptStateError, "does not open with"),
    (lambda f: f.update({max(f): b""}), CorruptStateError, "does not open with"),
    (lambda f: f.update({min(f): f[min(f)] + bytes(16) + b"x"}), CorruptStateError, "finished segment"),
])
def test_segments_that_do_not_belong_together(change, error, text) -> None:
    files = forge.two_segments().done()
    change(files)
    with pytest.raises(error, match=text):
        wal.read_log(files)


def test_a_segment_without_entries() -> None:
    log = forge.Wal().cut(0).save((SNAPSHOT, mark(0, 0)))
    read = wal.read_log(log.done())
    assert (read.hard_state.term, read.hard_state.vote, read.hard_state.commit) == (0, 0, 0)
    assert (read.last_term, read.last_index) == (0, 0)
    assert wal.read_log(log.cut(1).done()).last_index == 0
    with pytest.raises(CorruptStateError, match="the log goes on at 1"):
        wal.read_log(log.cut(3).done())


def test_segments_of_two_managers() -> None:
    log = forge.small_log(3)
    log.owner = forge.message((1, 8), (2, "node-eight"))
    with pytest.raises(CorruptStateError, match="different managers"):
        wal.read_log(log.cut(4, state(2, 3)).done())


@pytest.mark.parametrize(("record", "error", "text"), [
    ((ENTRY, entry(1, 6)), CorruptStateError, "has term 1, the entry before it 2"),
    ((ENTRY, entry(2, 7)), CorruptStateError, "entry 7 follows entry 5"),
    ((ENTRY, entry(2, 6, kind=2)), UnsupportedStateError, "unknown type 2"),
    ((ENTRY, entry(2, 6) + b"\x28\0"), CorruptStateError, "field 5"),
    ((ENTRY, forge.message((1, 0), (2, 2), (3, 6))), CorruptStateError, "field 4 is missing"),
    ((STATE, state(2, 9)), CorruptStateError, "index 9 is committed"),
    ((STATE, entry(2, 6)), CorruptStateError, "field 4"),
    ((SNAPSHOT, mark(1, 0)), CorruptStateError, "term 1 in the log"),
    ((SNAPSHOT, state(2, 6)), CorruptStateError, "field 3"),
    ((SNAPSHOT, forge.message((1, 4), (2, 2), (3, forge.message((3, 1))))), UnsupportedStateError, "joint"),
    ((METADATA, forge.OWNER), CorruptStateError, "of type 1"),
    ((CRC, b""), CorruptStateError, "of type 4"),
    ((9, b"what"), UnsupportedStateError, "unknown type 9"),
])
def test_records_that_etcd_would_not_write(record, error, text) -> None:
    with pytest.raises(error, match=text):
        wal.read_log(forge.small_log(5).save(record).done())


def test_a_type_is_not_covered_by_the_checksum_and_still_told() -> None:
    """The checksum is over a record's data only. Change each record's type into each other: never unnoticed."""
    log = forge.small_log(4)
    files = log.done()
    (name, good), = files.items()
    for _name, start, _end in log.offsets:
        assert good[start + 8] == 0x08
        for kind in range(7):
            if kind == good[start + 9]:
                continue
            bad = good[:start + 9] + bytes([kind]) + good[start + 10:]
            with pytest.raises(RaftStateError):
                wal.read_log({name: bad})


class TestTail:
    """A torn tail is a fact, corruption an error."""

    log = forge.small_log(5)
    name = log.name
    body = log.files[name]
    last = log.offsets[-1][1]

    def read(self, data: bytes) -> wal.Log:
        return wal.read_log({self.name: data})

    @pytest.mark.parametrize("missing", [1, 4, 8, 15, 16])
    def test_cut_inside_the_last_record(self, missing: int) -> None:
        log = self.read(self.body[:-missing])
        assert log.torn
        assert log.hard_state.commit == 4
        assert log.segments[0].used == self.last
        assert log.residue > 0

    def test_cut_between_two_records_is_invisible_here(self) -> None:
        assert self.read(self.body[:self.last]).torn is None

    def test_a_sector_that_was_never_written(self) -> None:
        long = forge.small_log(5).save((ENTRY, entry(2, 6, b"x" * 2000)))
        start = long.offsets[-1][1]
        data = bytearray(long.done()[self.name])
        data[1024:1536] = bytes(512)
        assert start < 1024
        log = self.read(bytes(data))
        assert "written in part" in str(log.torn)
        assert log.last_index == 5
        data[1024] = 1
        with pytest.raises(CorruptStateError, match="checksum"):
            self.read(bytes(data))

    def test_a_finished_segment_cannot_be_torn(self) -> None:
        files = forge.two_segments().done()
        files[min(files)] = files[min(files)][:-4]
        with pytest.raises(CorruptStateError, match="past the end"):
            wal.read_log(files)

    def test_something_behind_an_empty_frame(self) -> None:
        log = self.read(self.body + bytes(64) + b"abc")
        assert (log.torn, log.residue, log.last_index) == (None, 3, 5)

    def test_every_bit_of_a_log(self) -> None:
        """Each flipped bit is an error, or a torn tail that is named; the facts never change silently."""
        good = self.read(self.body)
        for at in range(len(self.body)):
            for bit in range(8):
                bad = bytearray(self.body)
                bad[at] ^= 1 << bit
                try:
                    log = self.read(bytes(bad))
                except RaftStateError:
                    continue
                assert log.torn or log.residue, (at, bit)
                assert log != good


def test_a_length_flipped_to_zero_leaves_a_residue() -> None:
    log = forge.small_log(5)
    _name, start, _end = log.offsets[-2]
    data = log.files[log.name]
    read = wal.read_log({log.name: data[:start] + bytes(8) + data[start + 8:]})
    assert read.residue > 0
    assert read.last_index == 4


@given(st.data())
def test_any_bytes_give_facts_or_a_declared_error(data: st.DataObject) -> None:
    files = forge.two_segments().done()
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name][:600])
    at = data.draw(st.integers(0, len(content)))
    content[at:at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=40))
    files[name] = bytes(content)
    with suppress(RaftStateError):
        wal.read_log(files)


@given(st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=60)), max_size=6))
def test_any_records_with_right_checksums(records: list[tuple[int, bytes]]) -> None:
    with suppress(RaftStateError):
        wal.read_log(forge.small_log(2).save(*records).done())


@given(st.integers(0, 2**64 - 1), st.binary(max_size=100))
def test_any_frame(length: int, body: bytes) -> None:
    log = forge.small_log(2)
    with suppress(RaftStateError):
        wal.read_log({log.name: log.files[log.name] + struct.pack("<Q", length) + body})
