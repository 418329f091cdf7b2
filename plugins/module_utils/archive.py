# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup archives: packs a copied state directory, opens an archive, and proves what is in it.

With statedir.py the only file that touches the files of a state directory. An archive is a plain ``.tar.gz``: first
``manifest.json``, then the state directory below ``swarm/``, every file byte for byte as the engine wrote it, so that
on a bad day ``tar`` is enough. It holds the manager's private key: 0600 wherever it is written.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import os
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest as manifests
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import File, Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import certificate, layout
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.raft.certificate import MANAGER, Certificate
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    LockedStateError,
    MissingLibraryError,
    RaftStateError,
    WrongKeyError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import Contents
from ansible_collections.quorum.swarm.plugins.module_utils.services import settle

MANIFEST = "manifest.json"
STATE = "swarm"
LARGEST = 4 << 30
"""Bytes of all files of one archive together. A raft log is a few segments of 64 MB: what is larger is no backup."""
LARGEST_MANIFEST = 64 << 20
BLOCK = 1 << 20
PREDEFINED = "com.docker.swarm.predefined"
"""The label by which swarmkit notes the nodes' own networks, bridge and host; the API lists those as local ones."""
_NAMED = 5
"""Files or objects that one sentence names."""


class BadArchive(Exception):
    """The file is no archive that a swarm can be restored from. One sentence that names what was seen.

    An archive may come from anywhere: what it says of itself never reaches a terminal as control characters.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__("".join(one if one.isprintable() else "?" for one in sentence))


class KeyNeeded(BadArchive):
    """The state is autolocked, and none of the keys that were given opens it."""


@dataclass(frozen=True)
class Archive:
    """An archive in memory: its manifest, and every file by its path in the state directory."""

    path: str
    size: int
    """Bytes of the archive itself."""
    manifest: Manifest
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Proof:
    """What was proven of an archive."""

    certificate: Certificate
    """The node's certificate."""
    keys_proven: bool
    """Whether the node's key was opened, and belongs to a certificate that the swarm's CA issued."""
    contents: Contents | None
    """What the state holds; None where it was not opened: ``unopened`` says why."""
    unopened: str = ""


def checksum(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checksum_of(path: str) -> str:
    """SHA-256 of a file, hexadecimal.

    :raises OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def describe(files: Mapping[str, bytes], modes: Mapping[str, int]) -> dict[str, File]:
    """What the manifest says of each file."""
    return {path: File(len(content), checksum(content), modes.get(path, 0o600)) for path, content in files.items()}


def pack(manifest: Manifest, files: Mapping[str, bytes], path: str) -> None:
    """Write the archive, 0600, whole or not at all.

    :raises OSError: it cannot be written; nothing is left of it.
    """
    folder = os.path.dirname(path)
    handle, draft = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed, \
                    tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
                _add(tar, MANIFEST, manifest.dump().encode(), 0o600)
                for one in _folders(files):
                    _add(tar, f"{STATE}/{one}".rstrip("/"), None, 0o700)
                for one in sorted(files):
                    _add(tar, f"{STATE}/{one}", files[one], manifest.files[one].mode)
            raw.flush()
            os.fsync(raw.fileno())
        os.rename(draft, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    settle(folder)


def _folders(files: Mapping[str, bytes]) -> list[str]:
    """The folders that these files are in, the state directory itself first."""
    found = {""}
    for path in files:
        while path := os.path.dirname(path):
            found.add(path)
    return sorted(found)


def _add(tar: tarfile.TarFile, name: str, content: bytes | None, mode: int) -> None:
    """Add a file, or with None a folder, owned by root and without a time: equal states make equal archives."""
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    if content is None:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    else:
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


def read(path: str) -> Archive:
    """Open an archive, and check every file against the manifest's checksums.

    :raises BadArchive: it cannot be read, or it is damaged.
    """
    try:
        with _open(path) as raw, _Unpacked(path, fileobj=raw, mode="rb") as packed:
            size = os.fstat(raw.fileno()).st_size
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                manifest, files = _read(path, tar)
            # The checksum of gzip is behind the last block: only who reads to the end has checked it.
            while packed.read(BLOCK):
                pass
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno is None:
            raise BadArchive(f"{path} is no archive of quorum.swarm, or it is damaged ({error}).") from None
        raise BadArchive(f"{path} cannot be read: {error.strerror}.") from None
    except _NO_TAR as error:
        raise BadArchive(f"{path} is no archive of quorum.swarm, or it is damaged ({_why(error)}).") from None
    _check_files(path, manifest, files)
    return Archive(path, size, manifest, files)


_NO_TAR = (EOFError, tarfile.TarError, zlib.error, ValueError, LookupError, OverflowError, RecursionError)
"""What gzip and tarfile answer to bytes that are neither: the last ones are not in their documentation."""


def _why(error: Exception) -> str:
    """The error in words; some have none."""
    return str(error).rstrip(".") or type(error).__name__


def _open(path: str) -> BinaryIO:
    """Open a regular file; to open a pipe would wait for a writer.

    :raises OSError: it is none, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "it is a folder" if stat.S_ISDIR(mode) else "it is not a file")
    return os.fdopen(handle, "rb")


class _Unpacked(gzip.GzipFile):
    """What is packed in an archive, never more of it than an archive can hold."""

    def __init__(self, path: str, **how: Any) -> None:
        super().__init__(**how)
        self._left = LARGEST + LARGEST_MANIFEST
        self._path = path

    def read(self, size: int | None = -1) -> bytes:
        """Read some bytes.

        :raises BadArchive: there were too many.
        """
        content = super().read(size)
        self._left -= len(content)
        if self._left < 0:
            raise _too_large(self._path)
        return content


def _too_large(path: str) -> BadArchive:
    return BadArchive(f"{path} holds more than {LARGEST >> 30} GiB, which no manager's state is.")


def _read(path: str, tar: tarfile.TarFile) -> tuple[Manifest, dict[str, bytes]]:
    manifest: Manifest | None = None
    files: dict[str, bytes] = {}
    total = 0
    for entry in tar:
        if manifest is None:
            if entry.name != MANIFEST or entry.type != tarfile.REGTYPE or entry.size > LARGEST_MANIFEST:
                raise BadArchive(f"{path} is no archive of quorum.swarm: it does not begin with {MANIFEST}.")
            try:
                manifest = manifests.load(_content(tar, entry).decode("utf-8", "replace"))
            except manifests.BadManifest as error:
                raise BadArchive(f"{path}: {error}.") from None
            continue
        name = _inside(entry.name)
        if entry.isdir() and name is not None:
            continue
        if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not name:
            raise BadArchive(f"{path} holds {entry.name!r}, which no archive of quorum.swarm holds.")
        if name in files:
            raise BadArchive(f"{path} holds {entry.name!r} twice.")
        total += entry.size
        if total > LARGEST:
            raise _too_large(path)
        files[name] = _content(tar, entry)
    if manifest is None:
        raise BadArchive(f"{path} is no archive of quorum.swarm: nothing is in it.")
    return manifest, files


def _inside(name: str) -> str | None:
    """The path in the state directory; None where the name leads elsewhere."""
    if name == STATE:
        return ""
    head, _slash, tail = name.partition("/")
    parts = tail.split("/")
    return None if head != STATE or any(part in ("", ".", "..") for part in parts) else tail


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(entry)
    content = stream.read() if stream is not None else b""
    if len(content) != entry.size:
        raise EOFError(f"{entry.name} ends too early")
    return content


def _some(names: Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _check_files(path: str, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    missing = sorted(set(manifest.files) - set(files))
    if missing:
        raise BadArchive(f"{path} lacks {_some(missing)}.")
    strange = sorted(set(files) - set(manifest.files))
    if strange:
        raise BadArchive(f"{path} holds {_some(strange)}, which its manifest does not list.")
    for name in sorted(files):
        if len(files[name]) != manifest.files[name].size or checksum(files[name]) != manifest.files[name].sha256:
            raise BadArchive(f"{path}: {name} is damaged: its checksum is not the manifest's.")


def roots(archive: Archive) -> tuple[str, ...]:
    """SHA-256 of each root certificate in an archive; empty where that cannot be read, which ``prove`` tells."""
    try:
        return certificate.digests(archive.files.get(layout.ROOT_CERTIFICATES, b""), layout.ROOT_CERTIFICATES)
    except RaftStateError:
        return ()


def prove(archive: Archive, unlock_keys: Sequence[str] = ()) -> Proof:
    """Read the state in an archive as an engine would, and compare it with the manifest.

    :param unlock_keys: tried one after the other where the state is locked.
    :raises KeyNeeded: keys were given, and none opens it.
    :raises BadArchive: it is damaged, or not what its manifest says.
    """
    manifest, path = archive.manifest, archive.path
    try:
        state = states.read_state(archive.files)
    except RaftStateError as error:
        raise BadArchive(f"{path}: no manager would start from this state: {error}.") from None
    if state.damage:
        where, fact = state.damage[0]
        raise BadArchive(f"{path}: {where}: {fact}.")
    told = {"swarm": manifest.swarm_id, "node": manifest.node_id, "raft term": manifest.term,
            "raft index": manifest.index, "commit index": manifest.commit, "raft ID": manifest.raft_id,
            "unlock key's version": manifest.kek_version}
    if state.certificate.role != MANAGER:
        raise BadArchive(f"{path}: its certificate is a worker's: no swarm starts from it.")
    position = state.position
    found = {"swarm": state.certificate.swarm, "node": state.certificate.node, "raft term": position.last_term,
             "raft index": position.last_index, "commit index": position.commit,
             "raft ID": f"{state.log.owner.raft_id:x}", "unlock key's version": state.node_key.kek_version}
    for what, value in told.items():
        if value != found[what]:
            raise BadArchive(f"{path}: its manifest names the {what} {value}, and the state has {found[what]}.")
    if manifest.autolock and not state.node_key.locked:
        raise BadArchive(f"{path}: its manifest calls the swarm autolocked, and the node's key lies in it unlocked.")
    proof = _opened(archive, state, unlock_keys)
    address = states.raft_address(state, proof.contents)
    if manifest.raft_addr != address and (address or proof.contents is not None):
        raise BadArchive(f"{path}: its manifest names the raft address {manifest.raft_addr or '(none)'}, and the state "
                         f"has {address or 'none'}.")
    return proof


def _opened(archive: Archive, state: states.State, unlock_keys: Sequence[str]) -> Proof:
    path = archive.path
    keys: list[str | None] = [*unlock_keys] if state.node_key.locked else [None]
    own = state.certificate
    if not keys:
        return Proof(own, False, None, "it is autolocked, and no unlock key was given")
    wrong = ""
    for key in keys:
        try:
            states.prove_keys(state, key)
        except MissingLibraryError as error:
            return Proof(own, False, None, str(error))
        except (WrongKeyError, LockedStateError) as error:
            wrong = str(error)
            continue
        except RaftStateError as error:
            raise BadArchive(f"{path}: {error}.") from None
        try:
            return Proof(own, True, _contents(archive, state, key))
        except MissingLibraryError as error:
            return Proof(own, True, None, str(error))
    if not state.node_key.locked:
        raise BadArchive(f"{path}: {wrong}.")
    tried = "the unlock key does not" if len(keys) == 1 else "none of the keys does"
    raise KeyNeeded(f"{path} is autolocked, and {tried} open it (it needs the one of version "
                    f"{state.node_key.kek_version}).")


def _contents(archive: Archive, state: states.State, key: str | None) -> Contents:
    """What the state holds, opened with a key that was proven to be the node's."""
    try:
        contents = states.open_contents(state, key)
    except MissingLibraryError:
        raise
    except WrongKeyError as error:
        raise BadArchive(f"{archive.path}: {error.where} was not sealed with the keys of this node.") from None
    except RaftStateError as error:
        raise BadArchive(f"{archive.path}: {error}.") from None
    _compare(archive.path, archive.manifest, contents)
    return contents


def stored_objects(contents: Contents) -> dict[str, tuple[tuple[str, str], ...]]:
    """The objects of a state in the manifest's terms. Networks that every node has by itself are left out."""
    return {kind: tuple(sorted((item.id, item.name) for item in contents.of_kind(kind)
                               if PREDEFINED not in item.labels)) for kind in manifests.KINDS}


def _compare(path: str, manifest: Manifest, contents: Contents) -> None:
    """:raises BadArchive: an object that the manifest lists is not in the state."""
    stored = stored_objects(contents)
    missing = [f"{kind} {name or key}" for kind in manifests.KINDS
               for key, name in manifests.lacking(kind, manifest.objects.get(kind, ()), stored[kind])]
    if missing:
        raise BadArchive(f"{path}: its manifest lists {_some(missing)}, and the state does not hold "
                         f"{'it' if len(missing) == 1 else 'them'}.")
