# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A minimal reader of DER, the encoding of certificates and keys (X.690). Pure: bytes in, elements out."""
from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError

SEQUENCE, SET, EXPLICIT_0 = 0x30, 0x31, 0xA0
INTEGER, OCTET_STRING, OID, UTC_TIME, GENERALIZED_TIME = 0x02, 0x04, 0x06, 0x17, 0x18


class Der:
    """A position in DER: takes one element after the other. Each method raises CorruptStateError when it is not there.
    """

    def __init__(self, view: memoryview, where: str) -> None:
        self._view = view
        self._where = where
        self._at = 0

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._view)

    def close(self) -> None:
        """Make sure that nothing is left."""
        if not self.at_end():
            raise self._broken()

    def take(self, tag: int) -> memoryview:
        """The whole next element, which must have this tag."""
        start = self._at
        self.content(tag)
        return self._view[start:self._at]

    def skip_if(self, tag: int) -> None:
        """Pass by the next element if it has this tag."""
        if not self.at_end() and self._view[self._at] == tag:
            self.content(tag)

    def enter(self, tag: int) -> Der:
        """The inside of the next element, which must have this tag."""
        return Der(self.content(tag), self._where)

    def content(self, tag: int) -> memoryview:
        """The content of the next element, which must have this tag."""
        found, content = self._next()
        if found != tag:
            raise self._broken()
        return content

    def text(self) -> str:
        """The next element as text, whatever kind of string it is."""
        try:
            return str(self._next()[1], "utf-8")
        except UnicodeDecodeError:
            raise self._broken() from None

    def time(self) -> datetime:
        """The next element as a moment, UTC."""
        tag, content = self._next()
        form = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag)
        try:
            if form is not None:
                return datetime.strptime(str(content, "ascii"), form).replace(tzinfo=timezone.utc)
        except ValueError:
            pass
        raise self._broken()

    def integer(self) -> int:
        """The next element as a number of at most 64 bits, not negative."""
        content = self.content(INTEGER)
        if not 1 <= len(content) <= 8:
            raise self._broken()
        return int.from_bytes(content, "big")

    def _next(self) -> tuple[int, memoryview]:
        """Tag and content of the next element."""
        view, at = self._view, self._at
        if len(view) - at < 2:
            raise self._broken()
        tag, length = view[at], view[at + 1]
        at += 2
        if length >= 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or len(view) - at < size:
                raise self._broken()
            length = int.from_bytes(view[at:at + size], "big")
            at += size
        if length > len(view) - at:
            raise self._broken()
        self._at = at + length
        return tag, view[at:at + length]

    def _broken(self) -> CorruptStateError:
        return CorruptStateError(self._where, "not the DER that is expected")
