# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of swarm_backup: piece by piece, never without no_log, and the host's copy goes last."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action import swarm_backup
from ansible_collections.quorum.swarm.plugins.module_utils import archive

from tests.unit import kept_archives as archives
from tests.unit.kept_archives import LOCKED, PLAIN


class Manager:
    """A host with an archive, as its module answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[dict[str, Any]] = []
        self.broken_after = 10**9

    def answer(self, args: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(args)
        if args.get("state") == "read" and args.get("offset", 0) >= self.broken_after:
            return {"failed": True, "msg": f"{self.path.name}: No such file or directory."}
        if args.get("state") == "read" and "offset" in args:
            content = self.path.read_bytes()[args["offset"] : args["offset"] + args["length"]]
            return {"changed": False, "content": base64.b64encode(content).decode()}
        return {"changed": args.get("state") != "dropped"}

    @property
    def states(self) -> list[str]:
        return [args["state"] for args in self.asked]


class Run:
    """The action, on one manager."""

    def __init__(self, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
        self.manager = manager
        self.patch = monkeypatch
        self.folder = manager.path.parent / "here"
        self.args = {
            "state": "brought",
            "archive": str(manager.path),
            "sha256": archive.checksum_of(str(manager.path)),
            "bring_to": str(self.folder),
        }

    def __call__(self, no_log: bool = True, check: bool = False, **args: Any) -> dict[str, Any]:
        task = SimpleNamespace(args={**self.args, **args}, no_log=no_log, check_mode=check)
        action = swarm_backup.ActionModule.__new__(swarm_backup.ActionModule)
        action._task = task
        self.patch.setattr(ActionBase, "run", lambda *_args: {})

        def execute(module_args: dict[str, Any] | None = None, task_vars: object = None) -> dict[str, Any]:
            assert task_vars == {"x": 1}
            return self.manager.answer(module_args if module_args is not None else task.args)

        self.patch.setattr(action, "_execute_module", execute, raising=False)
        result: dict[str, Any] = action.run(None, {"x": 1})
        return result


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(swarm_backup, "PIECE", 20_000)
    return Run(Manager(archives.pack(archives.capture(PLAIN), tmp_path)), monkeypatch)


@pytest.mark.parametrize("state", [None, "taken", "read", "dropped"])
def test_what_is_the_hosts_business_is_left_to_it(run: Run, state: str | None) -> None:
    run(no_log=False, state=state)
    assert run.manager.asked == [{**run.args, "state": state}]
    assert not run.folder.exists()


def test_an_archive_is_brought_in_pieces_and_then_removed_there(run: Run) -> None:
    size = run.manager.path.stat().st_size
    result = run()
    assert result == {
        "changed": True,
        "archive": str(run.folder / run.manager.path.name),
        "size": size,
        "proven": True,
        "unopened": "",
        "removed": [],
    }
    assert Path(result["archive"]).read_bytes() == run.manager.path.read_bytes()
    pieces = -(-size // 20_000)
    assert pieces > 2
    assert run.manager.states == ["read"] * (pieces + 1) + ["dropped"]
    assert [args["offset"] for args in run.manager.asked[: pieces + 1]] == [*range(0, size, 20_000), size]


@pytest.mark.parametrize("name", ["archive", "bring_to", "sha256"])
def test_what_it_takes(run: Run, name: str) -> None:
    with pytest.raises(AnsibleActionFail, match=f"state=brought takes {name}"):
        run(True, False, **{name: ""})
    assert run.manager.asked == []


def test_never_without_no_log(run: Run) -> None:
    """ssh prints what it carries at -vvv otherwise, and an archive holds a private key."""
    with pytest.raises(AnsibleActionFail, match="brings a secret: set no_log: true at the task"):
        run(no_log=False)
    assert (run.manager.asked, run.folder.exists()) == ([], False)


def test_check_mode_brings_nothing(run: Run) -> None:
    assert run(check=True) == {"changed": True}
    assert (run.manager.asked, run.folder.exists()) == ([], False)


def test_what_is_not_proven_here_stays_there(run: Run) -> None:
    with pytest.raises(AnsibleActionFail, match="its checksum differs"):
        run(sha256="0" * 64)
    assert "dropped" not in run.manager.states
    assert os.listdir(run.folder) == []


def test_an_archive_that_is_gone_half_way(run: Run) -> None:
    run.manager.broken_after = 20_000
    with pytest.raises(AnsibleActionFail, match=r"could not be brought: .* No such file or directory\. It is made"):
        run()
    assert "dropped" not in run.manager.states
    assert os.listdir(run.folder) == []


def test_old_ones_go_only_after_the_new_one_is_proven(run: Run) -> None:
    swarm = archives.manifest_of(archives.capture(PLAIN)).swarm_id
    old = [f"{swarm}_m2_2025010{day}T000000Z.tar.gz" for day in (1, 2, 3)]
    run.folder.mkdir()
    for name in old:
        (run.folder / name).write_text("")
    with pytest.raises(AnsibleActionFail):
        run(sha256="0" * 64, keep=2, keep_days=0.1)
    assert sorted(os.listdir(run.folder)) == old
    assert run(keep="2")["removed"] == old[:2]
    assert run(keep_days="30")["removed"] == old[2:]
    assert os.listdir(run.folder) == [run.manager.path.name]


def test_an_autolocked_one_without_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(archives.pack(archives.capture(LOCKED), tmp_path))
    result = Run(manager, monkeypatch)(keys_in=str(tmp_path / "keys"))
    assert (result["proven"], result["unopened"]) == (False, "it is autolocked, and no unlock key was given")
