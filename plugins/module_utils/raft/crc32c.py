# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRC-32C (Castagnoli), as etcd's log and snapshots use it. Pure Python: zlib has another polynomial only.

Four bytes a step, through four tables of 256 entries. Larger tables take fewer steps and are slower: they do not fit
into the processor's first cache.
"""
from __future__ import annotations

import struct
from functools import lru_cache

_POLYNOMIAL = 0x82F63B78  # reflected 0x1EDC6F41, RFC 3720 section 12.1
_MASK = 0xFFFFFFFF
_CHUNK = 65536  # bytes unpacked at a time: bounds the memory that the unpacked words take


@lru_cache(maxsize=1)
def _tables() -> tuple[list[int], list[int], list[int], list[int]]:
    """What a byte does to the CRC, when no, one, two or three bytes of the same step follow it."""
    one = []
    for byte in range(256):
        crc = byte
        for _bit in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        one.append(crc)
    two = [(crc >> 8) ^ one[crc & 0xFF] for crc in one]
    three = [(crc >> 8) ^ one[crc & 0xFF] for crc in two]
    four = [(crc >> 8) ^ one[crc & 0xFF] for crc in three]
    return one, two, three, four


def update(crc: int, data: bytes | memoryview) -> int:
    """Continue a CRC.

    Args:
        crc: the CRC of what came before, 0 at the start.
        data: the bytes to add.

    Returns:
        The CRC-32C of everything so far, an unsigned 32-bit number.
    """
    one, two, three, four = _tables()
    crc ^= _MASK
    view = memoryview(data)
    whole = len(view) & ~3
    for start in range(0, whole, _CHUNK):
        chunk = view[start:min(start + _CHUNK, whole)]
        for word in struct.unpack(f"<{len(chunk) >> 2}I", chunk):
            crc ^= word
            crc = four[crc & 0xFF] ^ three[crc >> 8 & 0xFF] ^ two[crc >> 16 & 0xFF] ^ one[crc >> 24]
    for byte in view[whole:]:
        crc = one[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ _MASK
