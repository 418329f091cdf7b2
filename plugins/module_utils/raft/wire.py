# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A minimal reader of the protobuf wire format. Pure: bytes in, fields out, no schema compiler.

Two ways of reading, because two kinds of message are read:

- `record`: the few small messages of etcd's log and snapshots. Each field is known, so anything else (an unknown
  field, one too many, one too few) is corruption. That matters: the log's checksum does not cover a record's type,
  and only the shape of its content tells an entry from a hard state.
- `fields`: swarm objects, which every engine version extends. Unknown fields are passed by.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

Value = Union[int, memoryview]

_UINT64_BYTES = 10  # the longest varint of a 64-bit number


def _varint(view: memoryview, at: int, where: str) -> tuple[int, int]:
    """The unsigned 64-bit number at `at`, and the position behind it."""
    number = shift = 0
    for position in range(at, min(at + _UINT64_BYTES, len(view))):
        byte = view[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                break
            return number, position + 1
        shift += 7
    raise CorruptStateError(where, "a number in a message has no end")


def fields(view: memoryview, where: str) -> Iterator[tuple[int, int, Value]]:
    """Walk through a message.

    Args:
        view: the encoded message.
        where: what is read, for the text of an error.

    Yields:
        Field number, wire type, and value: an unsigned number for VARINT, FIXED32 and FIXED64, a view for BYTES.

    Raises:
        CorruptStateError: the bytes are no protobuf message.
    """
    at, end = 0, len(view)
    while at < end:
        key = view[at]
        if key < 0x80:
            at += 1
        else:
            key, at = _varint(view, at, where)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise CorruptStateError(where, "a message has a field number 0")
        if wire_type in (VARINT, BYTES):
            # Most are of one byte: a call for each would take as long as all the rest.
            if at < end and view[at] < 0x80:
                value, at = view[at], at + 1
            else:
                value, at = _varint(view, at, where)
            if wire_type == VARINT:
                yield number, wire_type, value
                continue
            length = value
        elif wire_type == FIXED64:
            length = 8
        elif wire_type == FIXED32:
            length = 4
        else:
            raise CorruptStateError(where, f"a message has a field of the unknown wire type {wire_type}")
        if length > end - at:
            raise CorruptStateError(where, "a field of a message reaches past its end")
        piece = view[at:at + length]
        at += length
        yield number, wire_type, piece if wire_type == BYTES else int.from_bytes(piece, "little")


def record(view: memoryview, known: Mapping[int, int], required: frozenset[int], where: str) -> dict[int, Value]:
    """Read a message whose every field is known and occurs at most once.

    Args:
        view: the encoded message.
        known: wire type by field number.
        required: the fields that the writer always writes.
        where: what is read, for the text of an error.

    Returns:
        Value by field number.

    Raises:
        CorruptStateError: no message, or not this one.
    """
    found: dict[int, Value] = {}
    for number, wire_type, value in fields(view, where):
        if known.get(number) != wire_type or number in found:
            raise CorruptStateError(where, f"field {number} does not belong here")
        found[number] = value
    missing = required - found.keys()
    if missing:
        raise CorruptStateError(where, f"field {min(missing)} is missing")
    return found


def numbers(wire_type: int, value: Value, where: str) -> list[int]:
    """One occurrence of a repeated number, which may be packed or not.

    Raises:
        CorruptStateError: it is neither.
    """
    if wire_type not in (VARINT, BYTES):
        raise CorruptStateError(where, "a list of numbers has another type")
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at, where)
        found.append(number)
    return found


def as_message(value: Value, where: str) -> memoryview:
    """A field that must be a message or a byte string.

    Raises:
        CorruptStateError: it is a number.
    """
    if isinstance(value, int):
        raise CorruptStateError(where, "a number stands where a message is expected")
    return value


def as_number(value: Value, where: str) -> int:
    """A field that must be a number.

    Raises:
        CorruptStateError: it is a byte string.
    """
    if isinstance(value, int):
        return value
    raise CorruptStateError(where, "a byte string stands where a number is expected")


def as_text(value: Value, where: str) -> str:
    """A field that must be UTF-8 text.

    Raises:
        CorruptStateError: it is not.
    """
    try:
        return str(as_message(value, where), "utf-8")
    except UnicodeDecodeError:
        raise CorruptStateError(where, "a text is not UTF-8") from None
