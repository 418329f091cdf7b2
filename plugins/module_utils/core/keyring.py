# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kept unlock keys of one swarm, as the controller stores them.

Pure: the file's text goes in and out; ``plugins/action`` reads and writes it, 0600. Old keys are kept by their
``kek-version``, because a manager that was off while the key was rotated still needs the old one
(seen on Docker 26.1; docs/engine-behaviour.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


class BadKeyring(ValueError):
    """The kept file is not a keyring."""


@dataclass(frozen=True)
class Keyring:
    """The current unlock key and the ones before it, the newest first."""

    current: str = ""
    former: tuple[str, ...] = field(default=())

    def with_key(self, key: str) -> Keyring:
        """With ``key`` as the current one; the one before it is kept."""
        if key == self.current:
            return self
        older = ([self.current] if self.current else []) + [old for old in self.former if old != key]
        return Keyring(key, tuple(older))

    @property
    def all(self) -> tuple[str, ...]:
        """Every kept key, the most likely first."""
        return ((self.current,) if self.current else ()) + self.former

    @property
    def digest(self) -> str:
        """What the current key is recognised by without being told; empty where there is none."""
        return digest(self.current)

    def dump(self, swarm_id: str) -> str:
        """The file's text."""
        data: dict[str, Any] = {"swarm_id": swarm_id, "current": self.current, "former": list(self.former)}
        return json.dumps(data, indent=2) + "\n"

    def __repr__(self) -> str:
        return f"Keyring({len(self.all)} keys)"


def digest(key: str) -> str:
    """The SHA-256 of an unlock key, in hexadecimal; empty for no key. A key is 32 random bytes: nobody guesses it."""
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def load(text: str) -> Keyring:
    """From the file's text.

    :raises BadKeyring: when it is not one; the text is never part of the message.
    """
    try:
        data = json.loads(text)
        return Keyring(str(data["current"]), tuple(str(key) for key in data.get("former", ())))
    except (ValueError, KeyError, TypeError):
        raise BadKeyring("it is not a keyring of quorum.swarm") from None
