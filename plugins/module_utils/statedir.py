# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A swarm's state directory, below the engine's ``DockerRootDir``: what lies there, and cold copies of it.

Never changes anything in it. With archive.py the only file that touches the directory. Its layout:
docs/engine-behaviour.md.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator

from ansible_collections.quorum.swarm.plugins.module_utils.raft import certificate
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError


def directory(root_dir: str) -> str:
    """The state directory of an engine whose ``DockerRootDir`` is ``root_dir``."""
    return os.path.join(root_dir, "swarm")


def node_certificate(root_dir: str) -> certificate.Certificate | None:
    """This node's own certificate: node ID, role, cluster ID, validity. None where there is none that can be read."""
    if not root_dir:
        return None
    try:
        with open(os.path.join(directory(root_dir), "certificates", "swarm-node.crt"), "rb") as stream:
            return certificate.node_certificate(stream.read(), "swarm-node.crt")
    except (OSError, RaftStateError):
        return None


def holds_raft_log(root_dir: str) -> bool:
    """Whether a manager's raft log lies here: the objects of a swarm, readable or not.

    :raises OSError: the directory is there and cannot be read.
    """
    try:
        with os.scandir(os.path.join(directory(root_dir), "raft", "wal-v3-encrypted")) as entries:
            return any(entry.name.endswith(".wal") for entry in entries)
    except FileNotFoundError:
        return False


NEXT_SEGMENT = os.path.join("raft", "wal-v3-encrypted", "0.tmp")
"""The segment that the engine has allocated for later: 64 MB without any state."""
BLOCK = 1 << 20


def allocated(root_dir: str) -> int:
    """Bytes that a copy of the directory may take on a disk.

    :raises OSError: it cannot be read.
    """
    return sum(os.lstat(path).st_blocks * 512 for _name, path in _regular_files(directory(root_dir)))


def copy(root_dir: str, target: str) -> None:
    """Copy the state directory of a stopped engine to ``target``, which must not be there yet; sparse.

    Modes are kept. Nothing is flushed to the disk: the engine stands still meanwhile, and a copy that a power cut
    spoils is made again.

    :raises OSError: it cannot be read, or not be written.
    """
    source = directory(root_dir)
    os.mkdir(target, 0o700)
    for name, path in _regular_files(source):
        copied = os.path.join(target, name)
        os.makedirs(os.path.dirname(copied), mode=0o700, exist_ok=True)
        _copy_file(path, copied)


def files(folder: str) -> tuple[dict[str, bytes], dict[str, int]]:
    """Content and mode of each file below a copied state directory, by its path in it.

    :raises OSError: it cannot be read.
    """
    content, modes = {}, {}
    for name, path in _regular_files(folder):
        with open(path, "rb") as stream:
            content[name] = stream.read()
            modes[name] = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    return content, modes


def _regular_files(folder: str) -> Iterator[tuple[str, str]]:
    """Relative and whole path of every file below a folder, sockets and the next segment left out."""
    def broken(error: OSError) -> None:
        raise error

    for parent, _folders, names in os.walk(folder, onerror=broken):
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, folder)
            if relative != NEXT_SEGMENT and stat.S_ISREG(os.lstat(path).st_mode):
                yield relative, path


def _copy_file(source: str, target: str) -> None:
    """Copy content and mode. Where there is nothing but zeros, nothing is written."""
    with open(source, "rb") as reading:
        size = os.fstat(reading.fileno()).st_size
        mode = stat.S_IMODE(os.fstat(reading.fileno()).st_mode)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as writing:
            os.fchmod(writing.fileno(), mode)
            position = 0
            while position < size:
                # What was allocated and never written reads as a hole: most of the last segment.
                position = _next_data(reading.fileno(), position)
                if position >= size:
                    break
                reading.seek(position)
                block = reading.read(min(BLOCK, size - position))
                if block.strip(b"\0"):
                    writing.seek(position)
                    writing.write(block)
                position += len(block) or BLOCK
            writing.truncate(size)


def _next_data(handle: int, position: int) -> int:
    """Where the next data of a file is; ``position`` itself where the file system does not tell."""
    try:
        return os.lseek(handle, position, os.SEEK_DATA)
    except OSError as error:
        # ENXIO: from here on there is nothing but a hole.
        return os.fstat(handle).st_size if error.errno == errno.ENXIO else position


def remove(folder: str) -> None:
    """Remove a copy of ours, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
