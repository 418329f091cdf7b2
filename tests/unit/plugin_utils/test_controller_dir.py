# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's folder: who may read it, what a killed write leaves, which keys stay. In a scratch folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir

A, B = f"SWMKEY-1-{'a' * 43}", f"SWMKEY-1-{'b' * 43}"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not there yet, for a user whose files are open to others by default."""
    before = os.umask(0o022)
    yield tmp_path / "new" / "swarm"
    os.umask(before)


def test_prepare_makes_it_for_the_owner_alone(folder: Path) -> None:
    controller_dir.prepare(str(folder))
    controller_dir.prepare(str(folder))
    assert mode(folder) == mode(folder / "unlock-keys") == 0o700
    assert list((folder / "unlock-keys").iterdir()) == []


def test_prepare_closes_an_open_folder(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    controller_dir.prepare(str(folder))
    assert mode(folder) == 0o700


@pytest.mark.parametrize("name", ["", "keys", "./keys", "~/keys"])
def test_a_relative_folder_is_refused(name: str) -> None:
    with pytest.raises(AnsibleActionFail, match="it takes an absolute path on the controller"):
        controller_dir.prepare(name)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match="the unlock key would have no place to be kept"):
        controller_dir.prepare(str(tmp_path / "file" / "below"))


def test_keys_are_kept_for_the_owner_alone_and_none_is_lost(folder: Path) -> None:
    assert controller_dir.kept_keys(str(folder), "swarm1") == Keyring()
    assert controller_dir.keep_key(str(folder), "swarm1", A)
    assert not controller_dir.keep_key(str(folder), "swarm1", A)
    assert controller_dir.keep_key(str(folder), "swarm1", B)
    assert controller_dir.kept_keys(str(folder), "swarm1") == Keyring(B, (A,))
    assert mode(folder / "unlock-keys" / "swarm1.json") == 0o600
    assert controller_dir.all_keyrings(str(folder)) == {"swarm1": Keyring(B, (A,))}


def test_a_killed_write_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    controller_dir.keep_key(str(folder), "swarm1", A)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AnsibleActionFail, match="could not be written: No space left on device"):
        controller_dir.keep_key(str(folder), "swarm1", B)
    monkeypatch.undo()
    assert controller_dir.kept_keys(str(folder), "swarm1") == Keyring(A)
    assert [path.name for path in (folder / "unlock-keys").iterdir()] == ["swarm1.json"]


def test_no_keyrings_where_there_is_no_folder(folder: Path) -> None:
    assert controller_dir.all_keyrings(str(folder)) == {}


@pytest.mark.parametrize("swarm", ["", "../x", "a/b", "a b", "."])
def test_the_name_of_a_swarm_is_no_path(folder: Path, swarm: str) -> None:
    with pytest.raises(AnsibleActionFail, match="is not the ID of a swarm"):
        controller_dir.kept_keys(str(folder), swarm)


def test_a_broken_file_is_named_and_not_quoted(folder: Path) -> None:
    controller_dir.prepare(str(folder))
    (folder / "unlock-keys" / "swarm1.json").write_text("SWMKEY-1-secret")
    with pytest.raises(AnsibleActionFail, match=r"swarm1\.json cannot be read: it is not a keyring") as caught:
        controller_dir.keep_key(str(folder), "swarm1", A)
    assert "secret" not in str(caught.value)


def test_whom_an_expulsion_that_was_broken_off_was_about(folder: Path) -> None:
    def keep(swarm: str, time: str, through: bool, *hosts: str) -> None:
        text = json.dumps({"through": through, "hosts": hosts})
        controller_dir.keep_report(str(folder), f"expel-{swarm}-2026112{time}Z.json", text)

    assert controller_dir.expelled_hosts("") == controller_dir.expelled_hosts(str(folder)) == []
    keep("one", "6T040000", False, "m1", "w1")
    keep("two", "6T050000", True)
    assert controller_dir.expelled_hosts(str(folder)) == ["m1", "w1"]
    keep("two", "7T040000", False, "m9")
    assert sorted(controller_dir.expelled_hosts(str(folder))) == ["m1", "m9", "w1"]
    keep("one", "7T050000", True)
    assert controller_dir.expelled_hosts(str(folder)) == ["m9"]
    (folder / "reports" / "expel-one-20261128T000000Z.json").write_text("{}")
    with pytest.raises(AnsibleActionFail, match="which hosts nobody is to connect to"):
        controller_dir.expelled_hosts(str(folder))
