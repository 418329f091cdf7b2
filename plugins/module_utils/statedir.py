# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A swarm's state directory, below the engine's ``DockerRootDir``: what lies there, cold copies of it, and its
replacement by another state.

With archive.py the only file that touches the directory. What was there is moved aside whole, never deleted. Its
layout: docs/engine-behaviour.md.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from ansible_collections.quorum.swarm.plugins.module_utils.core.place import Unread
from ansible_collections.quorum.swarm.plugins.module_utils.raft import certificate, layout, snapshot
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError
from ansible_collections.quorum.swarm.plugins.module_utils.services import settle


def directory(root_dir: str) -> str:
    """The state directory of an engine whose ``DockerRootDir`` is ``root_dir``."""
    return os.path.join(root_dir, "swarm")


class Damaged(Unread):
    """It was read, and is proven to be broken: what is known of it is that it is there."""


def node_certificate(root_dir: str) -> certificate.Certificate | None:
    """This node's own certificate: node ID, role, cluster ID, validity. None where there is none.

    :raises Unread: there may be one, and it cannot be read.
    """
    path = os.path.join(directory(root_dir), layout.NODE_CERTIFICATE)
    try:
        with open(path, "rb") as stream:
            return certificate.node_certificate(stream.read(), layout.NODE_CERTIFICATE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unread(f"{path}: {error.strerror}") from None
    except RaftStateError as error:
        raise Damaged(f"{directory(root_dir)}: {error}") from None


def trusted_roots(root_dir: str) -> tuple[str, ...]:
    """SHA-256 of each root certificate that this node trusts; empty: there is none, or it cannot be read."""
    try:
        with open(os.path.join(directory(root_dir), layout.ROOT_CERTIFICATES), "rb") as stream:
            return certificate.digests(stream.read(), layout.ROOT_CERTIFICATES)
    except (OSError, RaftStateError):
        return ()


def holds_raft_log(root_dir: str) -> bool:
    """Whether a manager's raft log lies here: the objects of a swarm, readable or not.

    :raises Unread: there may be one, and the folder cannot be read.
    """
    folder = os.path.join(directory(root_dir), "raft", "wal-v3-encrypted")
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".wal") for entry in entries)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unread(f"{folder}: {error.strerror}") from None


def last_written(root_dir: str) -> str:
    """When the raft log, or else the node's certificate, was last written, ISO 8601 UTC; empty: neither lies here."""
    folder = os.path.join(directory(root_dir), "raft", "wal-v3-encrypted")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        times = [entry.stat().st_mtime for entry in entries if entry.name.endswith(".wal")]
        if times:
            return _moment(max(times))
    with contextlib.suppress(OSError):
        return _moment(os.stat(os.path.join(directory(root_dir), layout.NODE_CERTIFICATE)).st_mtime)
    return ""


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def newest_snapshot(root_dir: str) -> str:
    """File name of the newest raft snapshot, ``TERM-INDEX.snap``; empty: there is none, or it cannot be seen."""
    try:
        names = snapshot.snapshot_names(os.listdir(os.path.join(directory(root_dir), layout.SNAPSHOT_FOLDER)))
    except OSError:
        return ""
    return names[0] if names else ""


def known_managers(root_dir: str) -> list[tuple[str, str]]:
    """(node ID, raft address) of the managers that this node would contact when it starts; empty where unknown."""
    try:
        with open(os.path.join(directory(root_dir), layout.KNOWN_MANAGERS), "rb") as stream:
            # (Until its first session a node knows only an address, and the engine leaves out what is empty.)
            return [(str(one.get("node_id") or ""), str(one["addr"])) for one in json.load(stream)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def joined_through(root_dir: str) -> str:
    """Raft address of the manager through which this node joined; empty: it made the swarm, or nobody knows."""
    try:
        with open(os.path.join(directory(root_dir), layout.ENGINE_SETTINGS), "rb") as stream:
            return str(json.load(stream)["RemoteAddr"] or "")
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def advertises(root_dir: str) -> str | None:
    """The raft address, ``host:port``, that this node's engine was told; empty: none, so that it looks for one at each
    start; None: nothing can be read.
    """
    try:
        with open(os.path.join(directory(root_dir), layout.ENGINE_SETTINGS), "rb") as stream:
            return str(json.load(stream).get("AdvertiseAddr") or "")
    except (OSError, ValueError, AttributeError):
        return None


def is_locked(root_dir: str) -> bool | None:
    """Whether the node's key is sealed with an unlock key; None where there is none that can be read."""
    try:
        with open(os.path.join(directory(root_dir), layout.NODE_KEY), "rb") as stream:
            return certificate.parse_pem(stream.read(), layout.NODE_KEY)[0].locked
    except (OSError, RaftStateError):
        return None


NEXT_SEGMENT = os.path.join("raft", "wal-v3-encrypted", "0.tmp")
"""The segment that the engine has allocated for later: 64 MB without any state."""
BLOCK = 1 << 20


def allocated(root_dir: str) -> int:
    """Bytes that a copy of the directory may take on a disk.

    :raises OSError: it cannot be read.
    """
    return sum(os.lstat(path).st_blocks * 512 for _name, path in _regular_files(directory(root_dir)))


def listing(folder: str) -> dict[str, int] | None:
    """The size of each file below a state directory, by its path in it; None: there is no such directory.

    :raises OSError: it cannot be read.
    """
    if not os.path.isdir(folder):
        return None
    return {name: os.lstat(path).st_size for name, path in _regular_files(folder)}


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
    """Remove a copy of ours, if it is there; of a link, only the link."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.islink(folder):
            os.unlink(folder)
        else:
            shutil.rmtree(folder)


# --- replacing the directory: only while the engine stands still -----------------------------------------------------


def _draft(root_dir: str) -> str:
    """Where a state is put together, beside the directory, so that it takes its place in one step."""
    return os.path.join(root_dir, ".quorum.swarm-new")


def exists(root_dir: str) -> bool:
    """Whether there is a state directory, be it empty."""
    return os.path.isdir(directory(root_dir))


def make_empty(root_dir: str) -> None:
    """Have an empty state directory, as an engine leaves one behind when it leaves a swarm [26.1]. One that is there
    stays as it is.

    :raises OSError: it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory(root_dir), 0o700)


PART, MOVED = ".quorum.swarm-part", ".quorum.swarm-moved"
"""Behind the name of a directory that is moved to another disk: not there whole yet; not needed here any more."""


def move(source: str, target: str) -> None:
    """Move a whole directory, in one step where both are on one file system.

    Else it is copied first. Broken off at any point, what has the name ``source`` or ``target`` is whole; ``moved``
    removes the rest. Of a link, only the link is moved, or removed.

    :raises OSError: it cannot be moved; ``source`` is as it was.
    """
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    moved(source, target)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_over(source, target)
        os.rename(source, source + MOVED)
        settle(os.path.dirname(source))
        moved(source, target)
    settle(os.path.dirname(target))
    settle(os.path.dirname(source))


def _copy_over(source: str, target: str) -> None:
    """Copy a whole directory to another disk; it gets its name when it is whole.

    :raises OSError: it cannot be copied; nothing is left of it.
    """
    try:
        shutil.copytree(source, target + PART, symlinks=True)
        os.sync()
        os.rename(target + PART, target)
    except shutil.Error as error:
        remove(target + PART)
        path, _copy, why = error.args[0][0]
        raise OSError(errno.EIO, str(why), str(path)) from None
    except OSError:
        remove(target + PART)
        raise
    settle(os.path.dirname(target))


def moved(source: str, target: str) -> None:
    """Remove what a move that was broken off has left beside ``source`` and ``target``."""
    remove(source + MOVED)
    remove(target + PART)


def place(root_dir: str, files: Mapping[str, bytes], modes: Mapping[str, int]) -> None:
    """Make ``files`` the state directory, which must not be there, whole or not at all.

    :param files: content by path in it.
    :raises OSError: it cannot be written; there is no state directory then.
    """
    draft = _draft(root_dir)
    remove(draft)
    os.mkdir(draft, 0o700)
    for name in sorted(files):
        folder = draft
        for part in name.split("/")[:-1]:
            folder = os.path.join(folder, part)
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
        _write(os.path.join(draft, name), files[name], modes.get(name, 0o600))
    for folder, _folders, _names in os.walk(draft):
        settle(folder)
    os.rename(draft, directory(root_dir))
    settle(root_dir)


def discard(root_dir: str) -> None:
    """Remove a state that ``place`` put there, or was about to: a copy of ours."""
    remove(_draft(root_dir))
    remove(directory(root_dir))


def point_at(root_dir: str, managers: Sequence[tuple[str, str]]) -> None:
    """Have this node contact these managers, and only these, when it starts.

    :param managers: (node ID, raft address).
    """
    path = os.path.join(directory(root_dir), layout.KNOWN_MANAGERS)
    text = json.dumps([{"node_id": node, "addr": addr} for node, addr in managers])
    _replace(path, text.encode())


def pin(root_dir: str, address: str, folder: str) -> None:
    """Have this node's engine advertise this address from its next start on. The settings of before are kept.

    :param address: ``host:port``.
    :param folder: where they are kept; it is made.
    :raises OSError: they cannot be read, kept or written.
    :raises ValueError: they are no settings.
    """
    path = os.path.join(directory(root_dir), layout.ENGINE_SETTINGS)
    with open(path, "rb") as stream:
        before = stream.read()
    settings = json.loads(before)
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds no settings")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _write(os.path.join(folder, layout.ENGINE_SETTINGS), before, 0o600)
    settle(folder)
    _replace(path, json.dumps({**settings, "AdvertiseAddr": address}, separators=(",", ":")).encode())


def unpin(root_dir: str, folder: str) -> None:
    """Put back the settings that ``pin`` kept.

    :raises OSError: they cannot be read or written.
    """
    with open(os.path.join(folder, layout.ENGINE_SETTINGS), "rb") as stream:
        before = stream.read()
    _replace(os.path.join(directory(root_dir), layout.ENGINE_SETTINGS), before)


def _replace(path: str, content: bytes) -> None:
    """Write a file of the directory anew, whole or not at all."""
    draft = path + ".new"
    _write(draft, content, 0o600)
    os.rename(draft, path)
    settle(os.path.dirname(path))


def without_log(root_dir: str, target: str) -> None:
    """Move the raft log of a manager away, so that it takes that of the swarm when it starts.

    :raises OSError: it cannot be moved.
    """
    log = os.path.join(directory(root_dir), "raft")
    moved(log, target)
    if os.path.isdir(log):
        move(log, target)


def _write(path: str, content: bytes, mode: int) -> None:
    """Write a file and have it on the disk; sparse, where there is nothing but zeros."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        for at in range(0, len(content), BLOCK):
            block = content[at:at + BLOCK]
            if block.strip(b"\0"):
                stream.seek(at)
                stream.write(block)
        stream.truncate(len(content))
        stream.flush()
        os.fsync(stream.fileno())
