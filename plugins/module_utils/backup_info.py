# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What swarm_backup_info returns: archives read and proven, as plain values. Reads archives, writes nothing.

No key and no payload is ever in what it returns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.archive import BadArchive, Proof
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest as manifests
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention

_AS_THEY_ARE = ("format", "swarm_id", "node_id", "host", "hostname", "zone", "taken_at", "engine_version", "raft_addr",
                "raft_id", "term", "index", "commit", "listen_addr", "advertise_addr", "data_path_addr", "subnet_size",
                "data_path_port", "autolock", "kek_version")


def describe(
    path: str,
    unlock_keys: Sequence[str] = (),
    kept_keys: Mapping[str, Sequence[str]] | None = None,
    with_files: bool = False,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Prove one archive, and say what is in it.

    :param unlock_keys: tried one after the other; where there is none, those of ``kept_keys`` are.
    :param kept_keys: unlock keys by the swarm's ID.
    :param with_files: whether the files are listed, too.
    :raises BadArchive: in one sentence.
    """
    now = now or datetime.now(timezone.utc)
    found = archive.read(path)
    manifest = found.manifest
    proof = archive.prove(found, [*unlock_keys] or [*(kept_keys or {}).get(manifest.swarm_id, ())])
    facts: dict[str, Any] = {name: getattr(manifest, name) for name in _AS_THEY_ARE}
    facts.update(
        path=path,
        size=found.size,
        sha256=_checksum(path),
        age_seconds=_age(manifest.taken_at, now),
        default_addr_pool=list(manifest.default_addr_pool),
        managers=dict(manifest.managers),
        downtime=dict(manifest.downtime),
        file_count=len(manifest.files),
        state_size=sum(one.size for one in manifest.files.values()),
        certificate={
            "not_before": proof.certificate.not_before.isoformat(),
            "not_after": proof.certificate.not_after.isoformat(),
            "valid": proof.certificate.valid_at(now),
        },
        keys_proven=proof.keys_proven,
        contents_proven=proof.contents is not None,
        unopened=proof.unopened,
        **_contents(manifest, proof),
    )
    if with_files:
        facts["files"] = {name: asdict(one) for name, one in sorted(manifest.files.items())}
    return facts


def _contents(manifest: manifests.Manifest, proof: Proof) -> dict[str, Any]:
    """What the state holds; where it was not opened, what the manifest says that it holds."""
    contents = proof.contents
    objects = archive.stored_objects(contents) if contents else manifest.objects
    listed = {
        kind: [{"id": key, "name": name} for key, name in objects.get(kind, ())] for kind in manifests.KINDS
    }
    if contents is None:
        return {"objects": listed, "tasks": None, "members": None, "uncommitted": None}
    return {
        "objects": listed,
        "tasks": len(contents.of_kind("task")),
        "members": [
            {"raft_id": f"{one.raft_id:x}", "node_id": one.node_id, "address": one.address} for one in contents.members
        ],
        "uncommitted": [
            {"action": one.action, "kind": one.object.kind, "id": one.object.id, "name": one.object.name}
            for one in contents.uncommitted
        ],
    }


def describe_all(
    folder: str,
    unlock_keys: Sequence[str] = (),
    kept_keys: Mapping[str, Sequence[str]] | None = None,
    with_files: bool = False,
    now: datetime | None = None,
) -> list[dict[str, Any]]:
    """Prove every archive of a folder, the newest first: as ``describe``, or with ``problem``, why it is none.

    What is not named like an archive is left out.

    :raises BadArchive: the folder cannot be read, or holds none.
    """
    try:
        files = os.listdir(folder)
    except OSError as error:
        raise BadArchive(f"{folder} cannot be read: {error.strerror}.") from None
    names = [name for name in map(retention.parse, files) if name is not None]
    if not names:
        raise BadArchive(f"{folder} holds no archive.")
    rows = []
    for name in sorted(names, key=lambda one: (one.taken_at, one.file), reverse=True):
        path = os.path.join(folder, name.file)
        row: dict[str, Any] = {"file": name.file, "problem": ""}
        try:
            row.update(describe(path, unlock_keys, kept_keys, with_files, now))
        except BadArchive as error:
            row.update(
                path=path,
                problem=str(error),
                size=_size(path),
                swarm_id=name.swarm_id,
                host=name.host,
                taken_at=name.taken_at.isoformat(),
                age_seconds=_age(name.taken_at.isoformat(), now or datetime.now(timezone.utc)),
            )
        rows.append(row)
    return rows


def failure(rows: Sequence[Mapping[str, Any]], folder: str) -> str:
    """Why a folder of archives is not in order, in one sentence; empty where it is."""
    bad = [str(row["problem"]) for row in rows if row["problem"]]
    if not bad:
        return ""
    return f"{len(bad)} of {len(rows)} archives in {folder} cannot be restored from; the newest such: {bad[0]}"


def _checksum(path: str) -> str:
    try:
        return archive.checksum_of(path)
    except OSError as error:
        raise BadArchive(f"{path} cannot be read: {error.strerror}.") from None


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _age(taken_at: str, now: datetime) -> int | None:
    """Seconds since then; None where the manifest's time is none."""
    try:
        moment = datetime.fromisoformat(taken_at.replace("Z", "+00:00"))
    except ValueError:
        return None
    return int((now - (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))).total_seconds())
