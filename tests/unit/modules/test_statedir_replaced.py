# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state directory that is replaced by another: real files in a scratch folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import statedir

from tests.unit.archives import capture
from tests.unit.kept_archives import LOCKED, PLAIN
from tests.unit.modules.restoring import OLD, Killed, lay, tree

FILES = {"certificates/swarm-node.key": b"key", "certificates/swarm-node.crt": b"crt", "state.json": b"[]",
         "raft/wal-v3-encrypted/0.wal": b"x" * 1000 + bytes(20 << 20) + b"y", "worker/tasks.db": bytes(8192),
         "empty": b""}  # fmt: skip
MODES = {"certificates/swarm-node.crt": 0o644, "worker/tasks.db": 0o640}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "docker"
    root.mkdir()
    return root


def test_what_is_placed_is_there_whole(root: Path) -> None:
    before = os.umask(0)
    try:
        statedir.place(str(root), FILES, MODES)
    finally:
        os.umask(before)
    placed = root / "swarm"
    assert tree(placed) == FILES
    assert {name: stat.S_IMODE((placed / name).stat().st_mode) for name in FILES} == {
        name: MODES.get(name, 0o600) for name in FILES}  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in (placed, *placed.rglob("*")) if path.is_dir()} == {0o700}
    assert (placed / "raft/wal-v3-encrypted/0.wal").stat().st_blocks * 512 <= 3 << 20, "the zeros are on the disk"
    assert [path.name for path in root.iterdir()] == ["swarm"]


def test_it_is_on_the_disk_before_it_has_its_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noted(handle: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(root)))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    def renamed(source: str, target: str) -> None:
        done.append("RENAME")
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)
    statedir.place(str(root), FILES, MODES)
    at = done.index("RENAME")
    draft = statedir._draft(str(root)).removeprefix(str(root))
    names = {f"{draft}/{name}" for name in FILES}
    folders = {draft, f"{draft}/certificates", f"{draft}/raft", f"{draft}/raft/wal-v3-encrypted", f"{draft}/worker"}
    assert set(done[:at]) == names | folders
    assert done[at + 1:] == [""], "the name itself"


def failing(number: int) -> Callable[..., None]:
    """Instead of _write: the so many-th file does not fit."""
    real, left = statedir._write, [number]

    def write(path: str, content: bytes, mode: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        real(path, content, mode)

    return write


@pytest.mark.parametrize("number", range(len(FILES)))
def test_or_not_at_all(root: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "_write", failing(number))
        with pytest.raises(OSError, match="No space left"):
            statedir.place(str(root), FILES, MODES)
    assert not (root / "swarm").exists()
    statedir.place(str(root), FILES, MODES)
    assert tree(root / "swarm") == FILES


def test_it_never_goes_over_another_one(root: Path) -> None:
    lay(root / "swarm", OLD)
    with pytest.raises(OSError, match="not empty"):
        statedir.place(str(root), FILES, MODES)
    assert tree(root / "swarm") == OLD


def test_what_was_placed_is_discarded(root: Path) -> None:
    statedir.place(str(root), FILES, MODES)
    lay(Path(statedir._draft(str(root))), FILES)
    (root / "other").write_text("x")
    for _time in range(2):
        statedir.discard(str(root))
        assert [path.name for path in root.iterdir()] == ["other"]


# -- moved -----------------------------------------------------------------------------------------------------------


def other_disk(patch: pytest.MonkeyPatch) -> list[str]:
    """The target is on another file system: what was renamed all the same."""
    real, done = os.rename, list[str]()

    def rename(source: str, target: str) -> None:
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link", source)
        done.append(os.path.basename(target))
        real(source, target)

    patch.setattr(os, "rename", rename)
    return done


@pytest.fixture
def old(root: Path) -> Path:
    lay(root / "swarm", OLD)
    (root / "swarm" / "state.json").chmod(0o640)
    (root / "swarm" / "link").symlink_to("state.json")
    return root / "swarm"


@pytest.mark.parametrize("where", ["same disk", "other disk"])
def test_moved(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    target = tmp_path / "own" / "aside" / "x" / "swarm"
    if where == "other disk":
        other_disk(monkeypatch)
    statedir.move(str(old), str(target))
    assert (tree(target), old.exists()) == (OLD, False)
    assert stat.S_IMODE((target / "state.json").stat().st_mode) == 0o640
    assert (target / "link").readlink() == Path("state.json")
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700
    assert ([path.name for path in target.parent.iterdir()], list(old.parent.iterdir())) == (["swarm"], [])


def test_a_copy_that_was_broken_off_is_made_again(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "aside" / "swarm"
    lay(Path(str(target) + statedir.PART), {"half": b"x"})
    other_disk(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", lambda *_args, **_options: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            statedir.move(str(old), str(target))
        assert (tree(old), target.exists()) == (OLD, False)
    lay(Path(str(target) + statedir.PART), {"half": b"x"})
    statedir.move(str(old), str(target))
    assert (tree(target), [path.name for path in target.parent.iterdir()]) == (OLD, ["swarm"])


def test_a_disk_that_is_full_leaves_nothing(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "aside" / "swarm"
    other_disk(monkeypatch)
    real = shutil.copy2

    def full(source: str, copy: str, **options: bool) -> str:
        if str(source).endswith("state.json"):
            raise OSError(errno.ENOSPC, "No space left on device", str(copy))
        return str(real(source, copy, **options))

    monkeypatch.setattr(shutil.copytree, "__defaults__", (False, None, full, False, False))
    with pytest.raises(OSError, match="No space left on device") as caught:
        statedir.move(str(old), str(target))
    assert caught.value.strerror
    assert caught.value.filename
    assert (tree(old), list(target.parent.iterdir())) == (OLD, [])


def test_any_other_trouble_is_told(old: Path, tmp_path: Path) -> None:
    target = tmp_path / "aside" / "swarm"
    lay(target, {"somebody's": b"x"})
    with pytest.raises(OSError, match="not empty"):
        statedir.move(str(old), str(target))
    assert (tree(old), tree(target)) == (OLD, {"somebody's": b"x"})


@pytest.mark.parametrize("where", ["same disk", "other disk"])
def test_of_a_link_only_the_link_is_moved(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Who keeps the directory on another disk: what is there stays there, too."""
    elsewhere = tmp_path / "elsewhere"
    lay(elsewhere, OLD)
    (root / "swarm").symlink_to(elsewhere)
    if where == "other disk":
        other_disk(monkeypatch)
    target = tmp_path / "aside" / "swarm"
    statedir.move(str(root / "swarm"), str(target))
    assert (tree(elsewhere), os.path.lexists(root / "swarm")) == (OLD, False)
    assert {path: (target / path).read_bytes() for path in OLD} == OLD
    statedir.place(str(root), FILES, MODES)
    statedir.discard(str(root))
    assert tree(elsewhere) == OLD
    (root / "swarm").symlink_to(elsewhere)
    statedir.discard(str(root))
    assert (tree(elsewhere), os.path.lexists(root / "swarm")) == (OLD, False)


# -- what a follower is told -----------------------------------------------------------------------------------------


def test_pointed_at_these_managers_and_no_others(old: Path) -> None:
    managers = [("n1", "192.0.2.11:2377"), ("n2", "[2001:db8::2]:2377")]
    statedir.point_at(str(old.parent), managers)
    assert json.loads((old / "state.json").read_text()) == [
        {"node_id": "n1", "addr": "192.0.2.11:2377"}, {"node_id": "n2", "addr": "[2001:db8::2]:2377"}]  # fmt: skip
    assert stat.S_IMODE((old / "state.json").stat().st_mode) == 0o600
    assert statedir.known_managers(str(old.parent)) == managers
    assert sorted(tree(old)) == sorted(OLD)


def test_without_its_log(old: Path, tmp_path: Path) -> None:
    assert statedir.holds_raft_log(str(old.parent))
    for _time in range(2):
        statedir.without_log(str(old.parent), str(tmp_path / "aside" / "raft"))
        assert not statedir.holds_raft_log(str(old.parent))
    assert tree(tmp_path / "aside" / "raft") == {
        path.removeprefix("raft/"): content for path, content in OLD.items() if path.startswith("raft/")}  # fmt: skip


@pytest.mark.parametrize("content", [None, b"{", b"7", b"[7]", b'[{"node_id": "n"}]', b"\xff", b"null"])
def test_managers_that_cannot_be_read_are_none(old: Path, content: bytes | None) -> None:
    (old / "state.json").unlink()
    if content is not None:
        (old / "state.json").write_bytes(content)
    assert statedir.known_managers(str(old.parent)) == []


def test_a_manager_of_which_only_the_address_is_known(old: Path) -> None:
    (old / "state.json").write_bytes(b'[{"addr": "198.18.0.11:2377"}]')
    assert statedir.known_managers(str(old.parent)) == [("", "198.18.0.11:2377")]


@pytest.mark.parametrize(
    ("content", "through"),
    [(b'{"RemoteAddr": "192.0.2.11:2377", "JoinInProgress": false}', "192.0.2.11:2377"), (b'{"RemoteAddr": ""}', ""),
     (b'{"RemoteAddr": null}', ""), (b"{}", ""), (None, ""), (b"{", ""), (b"7", ""), (b"null", ""), (b"\xff", "")],
)  # fmt: skip
def test_through_whom_it_joined(old: Path, content: bytes | None, through: str) -> None:
    (old / "docker-state.json").unlink(missing_ok=True)
    if content is not None:
        (old / "docker-state.json").write_bytes(content)
    assert statedir.joined_through(str(old.parent)) == through


@pytest.mark.parametrize(("name", "locked"), [(LOCKED, True), (PLAIN, False)])
def test_whether_the_key_is_locked(root: Path, name: str, locked: bool) -> None:
    assert statedir.is_locked(str(root)) is None
    lay(root / "swarm", capture(name).files)
    assert statedir.is_locked(str(root)) is locked
    found = statedir.node_certificate(str(root))
    assert found is not None
    assert found.role == "swarm-manager"
    (root / "swarm" / "certificates" / "swarm-node.key").write_bytes(b"rubbish")
    assert statedir.is_locked(str(root)) is None
