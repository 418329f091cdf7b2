# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller sends to a host, an archive above all, as it arrives here piece by piece.

The host's half of plugin_utils/sending.py. Touches one folder, ``/var/lib/quorum.swarm/received`` (0700, files 0600): a
file gets its name when it has come whole, and who uses it removes it. Each purpose has one name, so what a killed run
left is replaced by the next one of its kind.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import re
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import services

FOLDER = os.path.join(services.OWN_DIRECTORY, "received")
ARRIVING = ".arriving-"
"""Before the name of what has not come whole."""
BLOCK = 1 << 20
OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "offset": {"type": "int", "default": 0},
    "content": {"type": "str", "no_log": True},
    "sha256": {"type": "str", "default": ""},
}
"""The options of every module that receives; all of them come from plugin_utils/sending.py."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class NotReceived(Exception):
    """A piece could not be written, or the file did not come whole. One sentence."""


class _Overtaken(NotReceived):
    """Another run sends the same at the same time: what is here is that one's."""


def receive(name: str, offset: int, content: str, sha256: str) -> dict[str, Any]:
    """Write one piece. Returns the module's result; with the last piece, ``path``.

    :param name: of the file, without a folder.
    :param offset: where the piece begins; 0 begins anew, whatever was here.
    :param content: the piece, base64.
    :param sha256: what the whole file must have, with its last piece; else empty.
    :raises NotReceived: nothing is left of what this run sent.
    """
    if not _NAME.fullmatch(name):
        raise NotReceived(f"{name!r} is not the name of a file.")
    draft, path = os.path.join(FOLDER, ARRIVING + name), os.path.join(FOLDER, name)
    try:
        piece = base64.b64decode(content, validate=True)
        if offset == 0:
            drop(name)
            os.makedirs(services.OWN_DIRECTORY, mode=0o700, exist_ok=True)
            os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        _append(draft, offset, piece)
        if not sha256:
            return {"changed": True}
        if _checksum(draft) != sha256:
            raise NotReceived(f"{name} came otherwise than it was sent (its checksum differs). Run again.")
        os.rename(draft, path)
        return {"changed": True, "path": path}
    except binascii.Error:
        drop(name)
        raise NotReceived(f"A piece of {name} is not base64.") from None
    except OSError as error:
        drop(name)
        raise NotReceived(f"{path} could not be written: {error.strerror}.") from None
    except _Overtaken:
        raise
    except NotReceived:
        drop(name)
        raise


def _append(draft: str, offset: int, piece: bytes) -> None:
    """Write a piece behind those before it.

    :raises _Overtaken: they end elsewhere.
    """
    flags = os.O_WRONLY | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if offset == 0 else 0)
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as stream:
        if stream.seek(0, os.SEEK_END) != offset:
            name = os.path.basename(draft)[len(ARRIVING):]
            raise _Overtaken(f"Another run sends {name} to this host at the same time. Run again when it has ended.")
        stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())


def _checksum(path: str) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def drop(name: str) -> None:
    """Remove a received file, whole or not, and the folder with the last one. No failure where there is none."""
    for one in (ARRIVING + name, name):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(FOLDER, one))
    with contextlib.suppress(OSError):
        os.rmdir(FOLDER)


def stamp(path: str) -> tuple[int, int, int]:
    """Which file this is, whatever its name: to be taken before it is read, for ``used``."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_ctime_ns, found.st_size


def used(path: str, which: tuple[int, int, int]) -> None:
    """Remove a received file that is not needed any more.

    A module whose controller was killed goes on, and the next run sends the same meanwhile: that one's file stays.
    """
    if stamp(path) == which:
        drop(os.path.basename(path))
    tidy()


def tidy() -> None:
    """Remove the collection's own folder where nothing else is in it."""
    with contextlib.suppress(OSError):
        os.rmdir(services.OWN_DIRECTORY)
