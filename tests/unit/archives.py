# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives for tests: of the states that real engines left (tests/material), of states made from nothing, and broken
ones. Writes only where it is told to.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest as manifests
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states

from tests import material

TAKEN_AT = "2026-11-22T03:00:00Z"
OTHER_KEY = "SWMKEY-1-" + "A" * 43


@cache
def capture(name: str) -> material.Capture:
    """One of the captures from real engines, such as ``trixie-locked``."""
    return next(one for one in material.captures() if one.name == name)


@dataclass(frozen=True)
class Packing:
    """What an archive is made of."""

    files: Mapping[str, bytes]
    manifest: Manifest

    def say(self, **changes: Any) -> Packing:
        """The same files, and a manifest that says something else."""
        return Packing(self.files, replace(self.manifest, **changes))

    def put(self, **changes: bytes | None) -> Packing:
        """Other files (by their last name, dots as underscores), and a manifest that agrees with them; None: none."""
        files = dict(self.files)
        for short, content in changes.items():
            path = next(
                one for one in self.files if one.rpartition("/")[2].replace(".", "_").replace("-", "_") == short
            )
            del files[path]
            if content is not None:
                files[path] = content
        return Packing(files, replace(self.manifest, files=archive.describe(files, {})))

    def write(self, folder: Path, name: str = "archive.tar.gz") -> str:
        """Write it as the collection does."""
        path = str(folder / name)
        archive.pack(self.manifest, self.files, path)
        return path


def of_files(files: Mapping[str, bytes], **said: Any) -> Packing:
    """An archive of a state directory, with a manifest that says what the state holds."""
    state = states.read_state(files)
    data: dict[str, Any] = {
        "swarm_id": state.certificate.swarm,
        "node_id": state.certificate.node,
        "host": "m2",
        "hostname": "m2",
        "zone": "b",
        "taken_at": TAKEN_AT,
        "engine_version": "26.1.5",
        "raft_addr": states.raft_address(state),
        "raft_id": f"{state.log.owner.raft_id:x}",
        "term": state.position.last_term,
        "index": state.position.last_index,
        "commit": state.position.commit,
        "autolock": state.node_key.locked,
        "kek_version": state.node_key.kek_version,
        "files": archive.describe(files, {}),
        "downtime": {"engine": 2.5, "manager": 3.25},
        **said,
    }
    return Packing(dict(files), Manifest(**data))


@cache
def of_capture(name: str) -> Packing:
    """An archive of what a real engine left, and what its API said."""
    one = capture(name)
    objects = {
        kind: tuple(sorted((key, title) for key, title, _version in one.truth.get(kind, ())))
        for kind in manifests.KINDS
    }
    return of_files(one.files, engine_version=one.engine, managers=one.truth["managers"], objects=objects)


def raw(*members: tuple[tarfile.TarInfo, bytes], after: bytes = b"") -> bytes:
    """A packed tar of just these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry, content in members:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(out.getvalue() + after, 1, mtime=0)


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry, content
