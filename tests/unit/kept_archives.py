# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup archives made of the states of real engines in tests/material. For tests only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import KINDS, Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states

from tests import material

PLAIN, LOCKED = "trixie-plain", "trixie-locked"
TAKEN = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)


def capture(name: str) -> material.Capture:
    """One capture by its name."""
    return next(item for item in material.captures() if item.name == name)


def manifest_of(taken: material.Capture, **other: Any) -> Manifest:
    """What a backup of this state says of it; `other` is what it says otherwise."""
    state = states.read_state(taken.files)
    told = Manifest(
        swarm_id=state.certificate.swarm,
        node_id=state.certificate.node,
        host="m2",
        hostname="m2",
        taken_at=TAKEN.isoformat(timespec="seconds"),
        engine_version=taken.engine,
        raft_addr=state.log.owner.address,
        raft_id=f"{state.log.owner.raft_id:x}",
        term=state.position.last_term,
        index=state.position.last_index,
        commit=state.position.commit,
        autolock=taken.unlock_key is not None,
        kek_version=state.node_key.kek_version,
        objects={kind: tuple((row[0], row[1]) for row in taken.truth.get(kind, ())) for kind in KINDS},
        files=archive.describe(taken.files, {}),
    )
    return replace(told, **other)


def name_of(taken: material.Capture, host: str = "m2", taken_at: datetime = TAKEN) -> str:
    """The name that an archive of this state has."""
    return retention.Name(states.read_state(taken.files).certificate.swarm, host, taken_at).file


def pack(taken: material.Capture, folder: Path, **other: Any) -> Path:
    """Write an archive of this state."""
    path = folder / name_of(taken)
    archive.pack(manifest_of(taken, **other), taken.files, str(path))
    return path
