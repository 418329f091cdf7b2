# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's folder of archives, ``swarm_backup_dir``: what lies in it, what arrives, and what leaves.

The only file that reads and writes there. An archive gets its name when it has been proven where it lies, not before:
so a name that core/retention.py can read is the record of a proven backup.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils import archive, services
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention

DRAFT = ".arriving-"
STALE = 24 * 3600
"""Seconds after which a draft is what a killed run left."""


@dataclass(frozen=True)
class Arrived:
    """An archive that is here and proven."""

    path: str
    size: int
    unopened: str
    """Why its contents were not opened, though everything in clear was proven; empty: they were."""

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return os.path.basename(self.path)


def prepare(folder: str) -> None:
    """Make the folder, and prove that it can be written to.

    :raises AnsibleActionFail: where it cannot, in one sentence.
    """
    if not folder or not os.path.isabs(folder):
        raise AnsibleActionFail(
            f"swarm_backup_dir is {folder!r}: it takes an absolute path on the controller. Set it, or "
            "swarm_controller_dir, in which archives then lie under backups/.")
    try:
        _make(folder)
        handle, probe = tempfile.mkstemp(prefix=DRAFT, dir=folder)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise AnsibleActionFail(f"swarm_backup_dir {folder} cannot be written to ({error.strerror}): a backup would "
                                "have no place.") from None


def _make(folder: str) -> None:
    """Make the folder and those above it, for the owner alone. One that is there is somebody's, and stays as it is."""
    missing = []
    while not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        os.mkdir(path, 0o700)


def receive(
    folder: str, name: str, pieces: Iterable[bytes], sha256: str, keys_of: Callable[[str], list[str]]
) -> Arrived:
    """Write an archive as it comes, prove it, and give it its name.

    :param name: of the file.
    :param sha256: what it must have.
    :param keys_of: the kept unlock keys of a swarm.
    :raises AnsibleActionFail: it did not come whole, cannot be written, or is not proven. Nothing is left of it.
    """
    if retention.parse(name) is None:
        raise AnsibleActionFail(f"{name!r} is not the name of an archive.")
    prepare(folder)
    _clear_drafts(folder)
    draft = ""
    try:
        handle, draft = tempfile.mkstemp(prefix=DRAFT, dir=folder)  # 0600 from its first byte
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                digest.update(piece)
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != sha256:
            raise AnsibleActionFail(f"{name} came otherwise than it was sent (its checksum differs). Run again.")
        opened = archive.read(draft)
        try:
            keys = keys_of(opened.manifest.swarm_id) if opened.manifest.autolock else []
            unopened = archive.prove(opened, keys).unopened
        except archive.KeyNeeded:
            # The manager proved it with the swarm's own key: it is the kept ones that are wrong, and health says so.
            unopened = "it is autolocked, and none of the kept unlock keys opens it"
        path = os.path.join(folder, name)
        os.rename(draft, path)
        services.settle(folder)
        return Arrived(path, opened.size, unopened)
    except archive.BadArchive as error:
        raise AnsibleActionFail(f"The archive is not kept: {str(error).replace(draft, name)}") from None
    except OSError as error:
        raise AnsibleActionFail(f"{os.path.join(folder, name)} could not be written: {error.strerror}.") from None
    finally:
        if draft and os.path.exists(draft):
            os.unlink(draft)


def _clear_drafts(folder: str) -> None:
    """Remove what a killed run left. A draft of a run that goes on is younger."""
    now = datetime.now(timezone.utc).timestamp()
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # another run was faster
            if entry.name.startswith(DRAFT) and now - entry.stat(follow_symlinks=False).st_mtime > STALE:
                os.unlink(entry.path)


def names(folder: str) -> list[str]:
    """The files of the folder; none where it is not there yet.

    :raises AnsibleActionFail: it is there and cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AnsibleActionFail(f"swarm_backup_dir {folder} cannot be read: {error.strerror}.") from None


def newest(folder: str, swarm_id: str) -> retention.Name | None:
    """The youngest archive of this swarm; None where there is none.

    :raises AnsibleActionFail: the folder is there and cannot be read.
    """
    return next(iter(retention.of_swarm(names(folder), swarm_id)), None)


def retire(folder: str, proven_now: str, keep: int, keep_days: float) -> list[str]:
    """Remove the archives of this swarm that have had their time, and return their names.

    :raises AnsibleActionFail: one cannot be removed.
    """
    own = retention.parse(proven_now)
    swarm_id = own.swarm_id if own is not None else ""
    gone = retention.expired(names(folder), swarm_id, proven_now, keep, keep_days, datetime.now(timezone.utc))
    for name in gone:
        try:
            os.unlink(os.path.join(folder, name))
        except OSError as error:
            raise AnsibleActionFail(f"{os.path.join(folder, name)} has had its time and cannot be removed: "
                                    f"{error.strerror}.") from None
    return gone
