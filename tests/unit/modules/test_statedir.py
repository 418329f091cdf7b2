# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cold copies of a state directory: real files in a scratch folder, the size and the shape of an engine's."""

from __future__ import annotations

import os
import random
import socket
import stat
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import statedir

SEGMENT = 64_000_000
WAL = Path("raft/wal-v3-encrypted")
LAST = WAL / "0000000000000000-0000000000000000.wal"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An engine's root directory with a state of 100 kB in a segment of 64 MB, as an engine allocates it."""
    root = tmp_path / "docker"
    folder = root / "swarm"
    (folder / WAL).mkdir(parents=True)
    (folder / "certificates").mkdir()
    (folder / "worker").mkdir()
    noise = random.Random(1).randbytes(100_000)
    with (folder / LAST).open("wb") as segment:
        os.posix_fallocate(segment.fileno(), 0, SEGMENT)
        segment.write(noise)
    with (folder / WAL / "0.tmp").open("wb") as following:
        following.truncate(SEGMENT)
    (folder / "docker-state.json").write_text("{}")
    (folder / "certificates" / "swarm-node.key").write_text("key")
    (folder / "certificates" / "swarm-node.crt").write_text("crt")
    (folder / "worker" / "tasks.db").write_bytes(bytes(8192))
    for name, mode in (("docker-state.json", 0o600), ("certificates/swarm-node.key", 0o600),
                       ("certificates/swarm-node.crt", 0o644), ("worker/tasks.db", 0o640)):  # fmt: skip
        (folder / name).chmod(mode)
    return root


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_the_same_and_takes_only_what_is_in_it(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    statedir.copy(str(root), str(target))
    assert names(target) == names(root / "swarm") - {str(WAL / "0.tmp")}
    for name in names(target):
        assert (target / name).read_bytes() == (root / "swarm" / name).read_bytes(), name
    copied = (target / LAST).stat()
    assert copied.st_size == SEGMENT
    assert copied.st_blocks * 512 <= 2 << 20
    assert statedir.allocated(str(root)) >= 100_000


def test_modes_are_kept_and_the_copy_is_for_root_alone(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    before = os.umask(0)
    try:
        statedir.copy(str(root), str(target))
    finally:
        os.umask(before)
    for name in names(target):
        assert (target / name).stat().st_mode == (root / "swarm" / name).stat().st_mode, name
    assert stat.S_IMODE(target.stat().st_mode) == 0o700


def test_files_and_their_modes(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    statedir.copy(str(root), str(target))
    content, modes = statedir.files(str(target))
    assert set(content) == set(modes) == names(target)
    assert content["certificates/swarm-node.key"] == b"key"
    assert content["worker/tasks.db"] == bytes(8192)
    assert len(content[str(LAST)]) == SEGMENT
    assert (modes["worker/tasks.db"], modes["certificates/swarm-node.crt"]) == (0o640, 0o644)


@pytest.mark.parametrize("at", [0, 1, statedir.BLOCK - 1, statedir.BLOCK, 5 * statedir.BLOCK + 7, SEGMENT - 1])
def test_data_anywhere_in_a_file_full_of_holes_is_copied(at: int, tmp_path: Path) -> None:
    source = tmp_path / "docker" / "swarm" / "worker"
    source.mkdir(parents=True)
    with (source / "tasks.db").open("wb") as stream:
        stream.truncate(SEGMENT)
        stream.seek(at)
        stream.write(b"x")
    statedir.copy(str(tmp_path / "docker"), str(tmp_path / "copy"))
    assert (tmp_path / "copy/worker/tasks.db").read_bytes() == (source / "tasks.db").read_bytes()


def test_a_file_system_that_tells_of_no_holes(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.lseek

    def lseek(handle: int, position: int, how: int) -> int:
        if how == os.SEEK_DATA:
            raise OSError(22, "Invalid argument")
        return real(handle, position, how)

    monkeypatch.setattr(os, "lseek", lseek)
    statedir.copy(str(root), str(tmp_path / "copy"))
    assert (tmp_path / "copy" / LAST).read_bytes() == (root / "swarm" / LAST).read_bytes()
    assert (tmp_path / "copy" / LAST).stat().st_blocks * 512 <= 2 << 20


def test_sockets_and_links_are_left_out(root: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "swarm" / "control.sock"))
        os.mkfifo(root / "swarm" / "pipe")
        (root / "swarm" / "link").symlink_to("/etc/hostname")
        statedir.copy(str(root), str(tmp_path / "copy"))
        statedir.allocated(str(root))
    assert {"control.sock", "pipe", "link"} & names(tmp_path / "copy") == set()
    assert "docker-state.json" in names(tmp_path / "copy")


def test_the_state_directory_is_left_as_it_was(root: Path, tmp_path: Path) -> None:
    def everything() -> dict[str, tuple[int, int, int, int]]:
        return {str(path): (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_blocks)
                for path in (root, *root.rglob("*")) for seen in [path.lstat()]}  # fmt: skip

    before = everything()
    statedir.copy(str(root), str(tmp_path / "copy"))
    statedir.files(str(tmp_path / "copy"))
    statedir.remove(str(tmp_path / "copy"))
    statedir.remove(str(tmp_path / "copy"))
    assert everything() == before
    assert not (tmp_path / "copy").exists()


def test_what_cannot_be_read_is_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is left out in silence, neither a single one nor a whole folder."""

    def denied(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    with pytest.raises(FileNotFoundError):
        statedir.copy(str(tmp_path / "nothing"), str(tmp_path / "empty"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", denied)
        for look in (lambda: statedir.copy(str(root), str(tmp_path / "copy1")), lambda: statedir.allocated(str(root))):
            with pytest.raises(PermissionError):
                look()


def test_a_copy_never_goes_over_another_one(root: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError):
        statedir.copy(str(root), str(tmp_path / "copy"))


def test_a_full_disk_is_told(root: Path, tmp_path: Path) -> None:
    """/dev/full in the place of a file's copy: what is written there does not fit."""
    target = tmp_path / "copy"
    real = os.open

    def full(path: str, flags: int, mode: int = 0o777) -> int:
        return real("/dev/full", os.O_WRONLY) if str(path).startswith(str(target)) else real(path, flags, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", full)
        patch.setattr(os, "fchmod", lambda *_args: None)
        with pytest.raises(OSError, match="No space left"):
            statedir.copy(str(root), str(target))
