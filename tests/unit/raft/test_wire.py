# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protobuf wire format: what is a message, and what is not."""
from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import wire
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError
from hypothesis import given
from hypothesis import strategies as st

from . import forge

LARGEST = 2**64 - 1


def read(data: bytes) -> list[tuple[int, int, int | bytes]]:
    return [(number, kind, value if isinstance(value, int) else bytes(value))
            for number, kind, value in wire.fields(memoryview(data), "it")]


def test_all_wire_types() -> None:
    data = (b"\x08\x96\x01" b"\x12\x02hi" b"\x19" + bytes(range(8)) + b"\x25" + bytes(range(4))
            + b"\x82\x7d\x00" + b"\x08" + forge.varint(LARGEST))
    assert read(data) == [
        (1, wire.VARINT, 150), (2, wire.BYTES, b"hi"), (3, wire.FIXED64, 0x0706050403020100),
        (4, wire.FIXED32, 0x03020100), (2000, wire.BYTES, b""), (1, wire.VARINT, LARGEST)]


@pytest.mark.parametrize(("data", "text"), [
    (b"\x08", "no end"), (b"\x08\x80", "no end"), (b"\x80", "no end"),
    (b"\x08" + b"\x80" * 10 + b"\x00", "no end"),  # eleven bytes
    (b"\x08" + b"\xff" * 9 + b"\x02", "no end"),  # 65 bits
    (b"\x00\x00", "number 0"), (b"\x0b", "wire type 3"), (b"\x0f", "wire type 7"),
    (b"\x12\x03hi", "past its end"), (b"\x12" + forge.varint(LARGEST), "past its end"),
    (b"\x19" + bytes(7), "past its end"), (b"\x25" + bytes(3), "past its end"),
])
def test_what_is_no_message(data: bytes, text: str) -> None:
    with pytest.raises(CorruptStateError, match=text):
        read(data)


@given(st.lists(st.tuples(st.integers(1, 2**28), st.integers(0, LARGEST) | st.binary(max_size=300))))
def test_a_message_reads_as_it_was_written(parts: list[tuple[int, int | bytes]]) -> None:
    assert [(number, value) for number, _kind, value in read(forge.message(*parts))] == parts


def test_record() -> None:
    known, required = {1: wire.VARINT, 2: wire.BYTES}, frozenset({1})
    assert wire.record(memoryview(b"\x08\x05"), known, required, "it") == {1: 5}
    for data, text in ((b"\x12\x00", "field 1 is missing"), (b"\x08\x05\x08\x05", "field 1 does not belong"),
                       (b"\x08\x05\x18\x00", "field 3 does not belong"), (b"\x0a\x00", "field 1 does not belong")):
        with pytest.raises(CorruptStateError, match=text):
            wire.record(memoryview(data), known, required, "it")


def test_numbers() -> None:
    assert wire.numbers(wire.VARINT, 7, "it") == [7]
    assert wire.numbers(wire.BYTES, memoryview(b"\x07\x96\x01"), "it") == [7, 150]
    assert wire.numbers(wire.BYTES, memoryview(b""), "it") == []
    with pytest.raises(CorruptStateError, match="another type"):
        wire.numbers(wire.FIXED32, 7, "it")
    with pytest.raises(CorruptStateError, match="no end"):
        wire.numbers(wire.BYTES, memoryview(b"\x80"), "it")


def test_types() -> None:
    assert wire.as_text(memoryview("é".encode()), "it") == "é"
    for function, value, text in ((wire.as_text, memoryview(b"\xe9"), "not UTF-8"),
                                  (wire.as_text, 1, "a number stands"),
                                  (wire.as_message, 1, "a number stands"),
                                  (wire.as_number, memoryview(b""), "a byte string stands")):
        with pytest.raises(CorruptStateError, match=text):
            function(value, "it")
