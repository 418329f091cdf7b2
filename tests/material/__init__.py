# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State directories of managers, captured from real engines, and what the engines' API said at that moment.

`make.py` makes them on the lab. Standard library only. The unlock keys in material.json are of swarms that were taken
down with their lab: they open nothing else.
"""
from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.collection import importable

importable()
FOLDER = Path(__file__).parent
INDEX = FOLDER / "material.json"


@dataclass(frozen=True)
class Capture:
    """One state directory.

    Attributes:
        name: SUITE-CASE.
        engine: the version of the engine that wrote it.
        unlock_key: of an autolocked one.
        truth: what the API said just before the engine was stopped, see make.truth.
    """

    name: str
    engine: str
    unlock_key: str | None
    truth: dict[str, Any]

    @property
    def files(self) -> dict[str, bytes]:
        """Content by path relative to the directory. The log's last segment comes without its preallocated zeros."""
        return dict(_unpack(self.name))


@cache
def _unpack(name: str) -> dict[str, bytes]:
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        return {member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive.getmembers()}


def captures() -> list[Capture]:
    """All captures, by name."""
    index = json.loads(INDEX.read_text())["captures"]
    return [Capture(name, **index[name]) for name in sorted(index)]


def store(capture: Capture, files: dict[str, bytes]) -> int:
    """Write one capture; returns the size of its archive in bytes."""
    path = FOLDER / f"{capture.name}.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o600
            archive.addfile(member, io.BytesIO(files[name]))
    index: dict[str, Any] = json.loads(INDEX.read_text()) if INDEX.exists() else {
        "comment": "The unlock keys are of swarms that were taken down with their lab: they open nothing else.",
        "captures": {}}
    index["captures"][capture.name] = {
        "engine": capture.engine, "unlock_key": capture.unlock_key, "truth": capture.truth}
    INDEX.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    return path.stat().st_size
