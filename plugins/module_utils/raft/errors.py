# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that reading a manager's state can end in. Pure: names and texts, nothing else.

Whatever bytes the readers of this folder are given, they return facts or raise one of these.
"""
from __future__ import annotations


class RaftStateError(Exception):
    """A manager's state cannot be read. `where` is the file (and the byte in it), `fact` is what was seen there."""

    def __init__(self, where: str, fact: str) -> None:
        super().__init__(where, fact)
        self.where = where
        self.fact = fact

    def __str__(self) -> str:
        return f"{self.where}: {self.fact}" if self.where else self.fact


class CorruptStateError(RaftStateError):
    """The bytes contradict themselves, or each other: an engine must not be started from them."""


class IncompleteStateError(RaftStateError):
    """A file that the engine would need is not there."""


class UnsupportedStateError(RaftStateError):
    """Well-formed, but a form that this reader does not know: another engine wrote it."""


class LockedStateError(RaftStateError):
    """The state is autolocked, and no unlock key was given."""


class WrongKeyError(RaftStateError):
    """The key that was given, or the data key in the key file, does not open this state."""


class MissingLibraryError(RaftStateError):
    """An optional Python library is needed for the encrypted part. The text names the package to install."""
