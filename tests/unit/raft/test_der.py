# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DER: one element after the other, or CorruptStateError."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import der
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError

from .forge import tlv


def at(data: bytes) -> der.Der:
    return der.Der(memoryview(data), "it")


def test_elements() -> None:
    inner = tlv(der.INTEGER, b"\x01\x00") + tlv(der.OCTET_STRING, b"x" * 300)
    walk = at(tlv(der.SEQUENCE, inner)).enter(der.SEQUENCE)
    assert walk.integer() == 256
    walk.skip_if(der.EXPLICIT_0)
    assert bytes(walk.take(der.OCTET_STRING)) == tlv(der.OCTET_STRING, b"x" * 300)
    assert walk.at_end()
    walk.skip_if(der.EXPLICIT_0)
    walk.close()


def test_times() -> None:
    expected = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    assert at(tlv(der.UTC_TIME, b"261122070000Z")).time() == expected
    assert at(tlv(der.GENERALIZED_TIME, b"20261122070000Z")).time() == expected


@pytest.mark.parametrize(("data", "read"), [
    (b"", lambda d: d.content(0x30)),
    (b"\x30", lambda d: d.content(0x30)),
    (b"\x30\x01", lambda d: d.content(0x30)),
    (b"\x30\x00", lambda d: d.content(0x31)),
    (b"\x30\x80" + bytes(200), lambda d: d.content(0x30)),  # BER's indefinite length
    (b"\x30\x85\0\0\0\0\x01x", lambda d: d.content(0x30)),
    (b"\x30\x82\0", lambda d: d.content(0x30)),
    (b"\x30\x00\x00", lambda d: d.close()),
    (tlv(der.INTEGER), lambda d: d.integer()),
    (tlv(der.INTEGER, bytes(9)), lambda d: d.integer()),
    (tlv(0x0C, b"\xff"), lambda d: d.text()),
    (tlv(der.UTC_TIME, b"261322070000Z"), lambda d: d.time()),
    (tlv(der.UTC_TIME, b"\xff" * 13), lambda d: d.time()),
    (tlv(der.OCTET_STRING, b"261122070000Z"), lambda d: d.time()),
])
def test_what_is_no_der(data: bytes, read: Callable[[der.Der], object]) -> None:
    with pytest.raises(CorruptStateError, match="not the DER"):
        read(at(data))
