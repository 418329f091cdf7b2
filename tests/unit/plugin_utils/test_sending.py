# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file goes from the controller to a host: both halves together, on real folders."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils import receiving, services
from ansible_collections.quorum.swarm.plugins.plugin_utils import sending

MODULE = "quorum.swarm.swarm_restore"


class Action:
    """An action plugin whose module runs here."""

    def __init__(self, no_log: bool = True) -> None:
        self._task = SimpleNamespace(no_log=no_log)
        self.calls: list[dict[str, Any]] = []
        self.before = lambda args: args
        """What happens to a piece on its way."""

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert module_name == MODULE
        self.calls.append(module_args)
        args = dict(self.before(dict(module_args)))
        assert args.pop("state") == "receive"
        assert set(args) == set(receiving.OPTIONS)
        try:
            return receiving.receive(**args)
        except receiving.NotReceived as error:
            return {"failed": True, "msg": str(error)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host's folder for what arrives."""
    own = tmp_path / "own"
    monkeypatch.setattr(services, "OWN_DIRECTORY", str(own))
    monkeypatch.setattr(receiving, "FOLDER", str(own / "received"))
    monkeypatch.setattr(sending, "PIECE", 1000)
    return own / "received"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The controller's file."""
    path = tmp_path / "x.tar.gz"
    path.write_bytes(bytes(range(251)) * 10)
    return path


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2510, 3)])
def test_it_arrives_whole_for_root_alone(folder: Path, file: Path, size: int, pieces: int) -> None:
    file.write_bytes(file.read_bytes()[:size])
    action = Action()
    path = Path(sending.send(action, MODULE, str(file), {}, "a.tar.gz"))
    assert path == folder / "a.tar.gz"
    assert path.read_bytes() == file.read_bytes()
    assert len(action.calls) == pieces
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir()] == ["a.tar.gz"]


def test_a_draft_is_for_root_alone_too_and_a_killed_runs_is_replaced(folder: Path, file: Path) -> None:
    receiving.receive("a.tar.gz", 0, base64.b64encode(b"of a killed run").decode(), "")
    assert stat.S_IMODE((folder / ".arriving-a.tar.gz").stat().st_mode) == 0o600
    assert Path(sending.send(Action(), MODULE, str(file), {}, "a.tar.gz")).read_bytes() == file.read_bytes()
    assert len(list(folder.iterdir())) == 1


def test_what_comes_otherwise_is_not_kept(folder: Path, file: Path) -> None:
    action = Action()
    action.before = lambda args: {**args, "content": args["content"].replace("A", "B")}
    with pytest.raises(AnsibleActionFail, match="came otherwise than it was sent"):
        sending.send(action, MODULE, str(file), {}, "a.tar.gz")
    assert not folder.exists()


def test_two_runs_at_once_do_not_mix(folder: Path, file: Path) -> None:
    """The later one wins; the earlier one is told, and takes nothing away."""
    first, other = Action(), b"z" * 500
    sha256 = hashlib.sha256(other).hexdigest()

    def interrupted(args: dict[str, Any]) -> dict[str, Any]:
        if args["offset"]:
            receiving.receive("a.tar.gz", 0, base64.b64encode(other).decode(), "")
        return args

    first.before = interrupted
    with pytest.raises(AnsibleActionFail, match=r"Another run sends a\.tar\.gz"):
        sending.send(first, MODULE, str(file), {}, "a.tar.gz")
    receiving.receive("a.tar.gz", 500, "", sha256)
    assert (folder / "a.tar.gz").read_bytes() == other


def test_a_link_is_not_followed(folder: Path, file: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".arriving-a.tar.gz").symlink_to(tmp_path / "elsewhere")
    sending.send(Action(), MODULE, str(file), {}, "a.tar.gz")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/x", ".hidden", "a/b", "a\n", "x" * 101])
def test_a_name_leads_nowhere_else(folder: Path, name: str) -> None:
    with pytest.raises(receiving.NotReceived, match="not the name of a file"):
        receiving.receive(name, 0, "", "")
    assert not folder.exists()


def test_dropped_it_is_gone_and_so_is_the_folder(folder: Path, file: Path) -> None:
    sending.send(Action(), MODULE, str(file), {}, "a.tar.gz")
    receiving.drop("a.tar.gz")
    receiving.drop("a.tar.gz")
    (folder.parent / "pending-restart").touch()
    receiving.tidy()
    assert not folder.exists()
    assert folder.parent.exists(), "something else is in it"
    (folder.parent / "pending-restart").unlink()
    receiving.tidy()
    assert not folder.parent.exists()


def test_refusals_are_sentences(folder: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="set no_log: true"):
        sending.send(Action(no_log=False), MODULE, str(file), {})
    with pytest.raises(AnsibleActionFail, match=r"nothing\.tar\.gz cannot be read: No such file"):
        sending.send(Action(), MODULE, str(tmp_path / "nothing.tar.gz"), {})
    folder.parent.write_text("a file where the folder should be")
    with pytest.raises(AnsibleActionFail, match=r"could not be sent: .*could not be written: File exists"):
        sending.send(Action(), MODULE, str(file), {})
    with pytest.raises(receiving.NotReceived, match="not base64"):
        receiving.receive("a", 0, "!!", "")
