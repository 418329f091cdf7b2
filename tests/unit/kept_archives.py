# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives with the names that they have where they are kept, of states that real engines left. For tests only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import retention
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest

from tests import material
from tests.unit.archives import capture, of_capture

__all__ = ["LOCKED", "PLAIN", "TAKEN", "capture", "manifest_of", "name_of", "pack"]

PLAIN, LOCKED = "trixie-plain", "trixie-locked"
TAKEN = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)


def manifest_of(taken: material.Capture) -> Manifest:
    """What a backup of this state says of it."""
    return of_capture(taken.name).manifest


def name_of(taken: material.Capture, host: str = "m2", taken_at: datetime = TAKEN) -> str:
    """The name that an archive of this state has."""
    return retention.Name(manifest_of(taken).swarm_id, host, taken_at).file


def pack(taken: material.Capture, folder: Path, **other: Any) -> Path:
    """Write an archive of this state; `other` is what its manifest says otherwise."""
    return Path(of_capture(taken.name).say(**other).write(folder, name_of(taken)))
