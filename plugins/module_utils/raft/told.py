# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a state directory, asked by a shell alone: the question, and the reading of its answer.

For hosts that cannot run a module. Nothing secret is read: the certificate is public, and the node's key stays where it
is.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.quorum.swarm.plugins.module_utils.raft import certificate, layout
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError

FUNCTION = (r"""
qs_state() {
  test -e "$1/swarm" || return
  echo "@@state $1"
  if ! test -r "$1/swarm/." || ! test -x "$1/swarm/."; then echo "unreadable"; return; fi
  ls "$1"/swarm/@LOG_FOLDER@*.wal >/dev/null 2>&1 && echo "log"
  if test -e "$1/swarm/@NODE_CERTIFICATE@"; then
    echo "certificate"
    cat "$1/swarm/@NODE_CERTIFICATE@" 2>/dev/null || echo "unreadable"
  fi
  echo "@@managers $1"
  cat "$1/swarm/@KNOWN_MANAGERS@" 2>/dev/null
  echo
}
""".replace("@LOG_FOLDER@", layout.LOG_FOLDER).replace("@NODE_CERTIFICATE@", layout.NODE_CERTIFICATE)
            .replace("@KNOWN_MANAGERS@", layout.KNOWN_MANAGERS))
"""Defines ``qs_state``: prints what lies in the folder ``swarm`` of Docker's folder, its argument."""


@dataclass(frozen=True)
class Told:
    """What a shell saw of one state directory."""

    root_dir: str
    """Docker's folder, in which it lies."""
    raft_log: bool = False
    unread: str = ""
    """Why it could not be read; empty: it was."""
    node: str = ""
    role: str = ""
    """``swarm-manager`` or ``swarm-worker``, by the certificate."""
    swarm: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    managers: tuple[tuple[str, str], ...] = ()
    """(node ID, raft address) of the managers that it would contact."""

    @property
    def empty(self) -> bool:
        """Whether nothing of a swarm lies there: an engine leaves the empty folder when it leaves a swarm."""
        return not (self.raft_log or self.unread or self.node)


def read(sections: Mapping[str, str]) -> tuple[Told, ...]:
    """What ``FUNCTION`` printed of each folder, by the names of its sections; folders without a state are left out."""
    found = []
    for name, text in sections.items():
        word, _sign, root_dir = name.partition(" ")
        if word == "state" and root_dir:
            told = _told(root_dir, text, sections.get(f"managers {root_dir}", ""))
            if not told.empty:
                found.append(told)
    return tuple(found)


def _told(root_dir: str, text: str, managers: str) -> Told:
    lines = text.splitlines()
    if "unreadable" in lines:
        return Told(root_dir, "log" in lines, f"{root_dir}/swarm cannot be read")
    raft_log = "log" in lines
    if "certificate" not in lines:
        return Told(root_dir, raft_log)
    pem = "\n".join(lines[lines.index("certificate") + 1:]).strip() + "\n"
    try:
        own = certificate.node_certificate(pem.encode(), layout.NODE_CERTIFICATE)
    except RaftStateError as error:
        return Told(root_dir, raft_log, f"the certificate in {root_dir}/swarm cannot be read: {error}")
    return Told(root_dir, raft_log, "", own.node, own.role, own.swarm, own.not_before, own.not_after, _peers(managers))


def _peers(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple((str(one["node_id"]), str(one["addr"])) for one in json.loads(text))
    except (ValueError, LookupError, TypeError):
        return ()
