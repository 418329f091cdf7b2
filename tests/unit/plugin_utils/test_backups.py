# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's folder of archives: what gets a name in it, what is left of the rest. States are of real engines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups

from tests.unit import kept_archives as archives
from tests.unit.kept_archives import LOCKED, PLAIN

OTHER_KEY = f"SWMKEY-1-{'a' * 43}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not there yet, for a user whose files are open to others by default."""
    before = os.umask(0o022)
    yield tmp_path / "new" / "backups"
    os.umask(before)


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """Where archives lie that a manager made."""
    (tmp_path / "manager").mkdir()
    return tmp_path / "manager"


def pieces(path: Path, length: int = 10_000) -> Iterator[bytes]:
    content = path.read_bytes()
    return (content[at : at + length] for at in range(0, len(content), length))


def receive(folder: Path, path: Path, keys: Iterable[str] = (), sha256: str = "", name: str = "") -> backups.Arrived:
    return backups.receive(
        str(folder), name or path.name, pieces(path), sha256 or archive.checksum_of(str(path)), lambda _id: list(keys)
    )


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_prepare_makes_it_for_the_owner_alone(folder: Path) -> None:
    backups.prepare(str(folder))
    backups.prepare(str(folder))
    assert (mode(folder), list(folder.iterdir())) == (0o700, [])


def test_a_folder_that_is_there_stays_as_it_is(folder: Path) -> None:
    """It may be shared with others on purpose: the archives in it are 0600 all the same."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    backups.prepare(str(folder))
    assert mode(folder) == 0o755


def test_folders_above_it_are_for_the_owner_alone_too(tmp_path: Path) -> None:
    backups.prepare(str(tmp_path / "swarm" / "backups"))
    assert (mode(tmp_path / "swarm"), mode(tmp_path / "swarm" / "backups")) == (0o700, 0o700)


@pytest.mark.parametrize("name", ["", "backups", "./backups", "~/backups"])
def test_a_relative_folder_is_refused(name: str) -> None:
    with pytest.raises(AnsibleActionFail, match=r"it takes an absolute path on the controller. Set it, or swarm_contr"):
        backups.prepare(name)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match=r"cannot be written to \(Not a directory\): a backup would have no pl"):
        backups.prepare(str(tmp_path / "file" / "below"))


def test_an_archive_arrives(folder: Path, sent: Path) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    arrived = receive(folder, path)
    assert (arrived.file, arrived.unopened, arrived.size) == (path.name, "", path.stat().st_size)
    assert Path(arrived.path).read_bytes() == path.read_bytes()
    assert (mode(folder), mode(Path(arrived.path))) == (0o700, 0o600)
    assert os.listdir(folder) == [path.name]


def test_an_archive_that_is_on_its_way_is_open_to_nobody_and_has_no_name(folder: Path, sent: Path) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    seen: list[tuple[str, int]] = []

    def watched() -> Iterator[bytes]:
        for piece in pieces(path):
            yield piece
            seen.extend((item.name, mode(item)) for item in folder.iterdir())

    backups.receive(str(folder), path.name, watched(), archive.checksum_of(str(path)), lambda _id: [])
    assert {item[1] for item in seen} == {0o600}
    assert {item[0].startswith(backups.DRAFT) for item in seen} == {True}
    assert len(seen) > 1


def test_a_kept_key_opens_it_whichever_of_them_it_is(folder: Path, sent: Path) -> None:
    taken = archives.capture(LOCKED)
    assert taken.unlock_key
    arrived = receive(folder, archives.pack(taken, sent), [OTHER_KEY, taken.unlock_key])
    assert arrived.unopened == ""


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ([OTHER_KEY], "it is autolocked, and none of the kept unlock keys opens it"),
        ([OTHER_KEY, OTHER_KEY], "it is autolocked, and none of the kept unlock keys opens it"),
        ([], "it is autolocked, and no unlock key was given"),
    ],
)
def test_without_its_key_it_is_kept_and_said_to_be_unopened(
    folder: Path, sent: Path, keys: list[str], why: str
) -> None:
    path = archives.pack(archives.capture(LOCKED), sent)
    assert receive(folder, path, keys).unopened == why
    assert os.listdir(folder) == [path.name]


def test_without_the_libraries_it_is_kept_and_said_to_be_unopened(
    folder: Path, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    for name in [name for name in sys.modules if name.split(".")[0] == "nacl"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nacl", None)
    assert "PyNaCl" in receive(folder, path).unopened


def test_keys_are_asked_for_of_this_swarm_and_only_where_it_is_autolocked(folder: Path, sent: Path) -> None:
    asked: list[str] = []

    def keys_of(swarm: str) -> list[str]:
        asked.append(swarm)
        return []

    for name in (PLAIN, LOCKED):
        path = archives.pack(archives.capture(name), sent)
        backups.receive(str(folder), path.name, pieces(path), archive.checksum_of(str(path)), keys_of)
    assert asked == [archives.manifest_of(archives.capture(LOCKED)).swarm_id]


def spoiled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [spoiled, cut, emptied])
def test_what_came_otherwise_than_it_was_sent_is_not_kept(folder: Path, sent: Path, harm: object) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    before = archive.checksum_of(str(path))
    harm(path)  # type: ignore[operator]
    with pytest.raises(AnsibleActionFail, match=r"came otherwise than it was sent \(its checksum differs\). Run again"):
        receive(folder, path, sha256=before)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("harm", [spoiled, cut, emptied])
def test_what_was_bad_before_it_was_sent_is_not_kept(folder: Path, sent: Path, harm: object) -> None:
    """And is named by the name that it would have had, not by that of a draft."""
    path = archives.pack(archives.capture(PLAIN), sent)
    harm(path)  # type: ignore[operator]
    with pytest.raises(AnsibleActionFail, match=f"The archive is not kept: {path.name}") as error:
        receive(folder, path)
    assert backups.DRAFT not in str(error.value)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"node_id": "another"}, "its manifest names the node another, and the state has"),
        ({"commit": 7}, "its manifest names the commit index 7"),
        ({"objects": {"service": (("id1", "gone"),)}}, "its manifest lists service gone, and the state does not hold"),
        ({"format": 9}, "format 9"),
    ],
)
def test_what_is_not_what_it_says_is_not_kept(
    folder: Path, sent: Path, other: dict[str, object], words: str
) -> None:
    with pytest.raises(AnsibleActionFail, match=words):
        receive(folder, archives.pack(archives.capture(PLAIN), sent, **other))
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["../s1_m2_20261125T013000Z.tar.gz", "s1_m2.tar.gz", "", "s1_../x_20261125T0130Z.tar"])
def test_only_names_of_archives(folder: Path, sent: Path, name: str) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    with pytest.raises(AnsibleActionFail, match="is not the name of an archive"):
        backups.receive(str(folder), name, pieces(path), archive.checksum_of(str(path)), lambda _id: [])
    assert not folder.exists()


def test_a_connection_that_breaks_leaves_nothing_and_the_old_archive_stays(folder: Path, sent: Path) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    receive(folder, path)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise AnsibleActionFail("The archive could not be brought")

    with pytest.raises(AnsibleActionFail, match="could not be brought"):
        backups.receive(str(folder), path.name, broken(), "0", lambda _id: [])
    assert os.listdir(folder) == [path.name]
    assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    folder: Path, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archives.pack(archives.capture(PLAIN), sent)
    backups.prepare(str(folder))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AnsibleActionFail, match=f"{path.name} could not be written: No space left on device."):
        receive(folder, path)
    assert os.listdir(folder) == []


def test_a_draft_of_a_killed_run_goes_when_no_run_can_still_be_at_it(folder: Path, sent: Path) -> None:
    backups.prepare(str(folder))
    ages = {"old": backups.STALE + 60, "young": backups.STALE - 60, "new": 0}
    for name, age in ages.items():
        (folder / f"{backups.DRAFT}{name}").write_text("")
        os.utime(folder / f"{backups.DRAFT}{name}", (time.time() - age,) * 2)
    (folder / "notes.txt").write_text("mine")
    os.utime(folder / "notes.txt", (1000, 1000))
    path = archives.pack(archives.capture(PLAIN), sent)
    receive(folder, path)
    assert set(os.listdir(folder)) == {f"{backups.DRAFT}new", f"{backups.DRAFT}young", "notes.txt", path.name}


def test_a_draft_that_cannot_be_removed_is_no_reason_to_lose_a_backup(folder: Path, sent: Path) -> None:
    """Another run may have removed it at this moment; here it is a folder."""
    backups.prepare(str(folder))
    (folder / f"{backups.DRAFT}odd").mkdir()
    os.utime(folder / f"{backups.DRAFT}odd", (1000, 1000))
    path = archives.pack(archives.capture(PLAIN), sent)
    assert receive(folder, path).file == path.name


def test_names_of_a_folder_that_is_not_there(folder: Path) -> None:
    assert backups.names(str(folder)) == []


def aged(folder: Path, days: float, host: str = "m2", swarm: str = "s1") -> str:
    """An archive's name in the folder; what is in it, nobody reads here."""
    taken = datetime.now(UTC) - timedelta(days=days)
    name = f"{swarm}_{host}_{taken:%Y%m%dT%H%M%SZ}.tar.gz"
    (folder / name).write_text("")
    return name


def test_retire(folder: Path) -> None:
    backups.prepare(str(folder))
    names = [aged(folder, days) for days in (0, 1, 2, 3, 40)]
    others = [aged(folder, 90, swarm="s2"), "notes.txt"]
    (folder / "notes.txt").write_text("")
    assert backups.retire(str(folder), names[0], 0, 0) == []
    assert backups.retire(str(folder), names[0], 0, 30) == [names[4]]
    assert backups.retire(str(folder), names[0], 2, 30) == [names[3], names[2]]
    assert sorted(os.listdir(folder)) == sorted([*names[:2], *others])
    assert backups.retire(str(folder), names[1], 1, 0.1) == [], "the newest, and the one that was proven now"


def test_what_was_proven_now_stays_whatever_its_time_says(folder: Path) -> None:
    """A manager whose clock is wrong by months."""
    backups.prepare(str(folder))
    proven, newer = aged(folder, 400), aged(folder, 1)
    assert backups.retire(str(folder), proven, 1, 30) == []
    assert sorted(os.listdir(folder)) == sorted([proven, newer])


def test_what_cannot_be_removed_is_told(folder: Path) -> None:
    backups.prepare(str(folder))
    proven = aged(folder, 0)
    old = aged(folder, 40)
    (folder / old).unlink()
    (folder / old).mkdir()
    with pytest.raises(AnsibleActionFail, match=f"{old} has had its time and cannot be removed: Is a directory"):
        backups.retire(str(folder), proven, 1, 0)
