# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of swarm_drill: what is proven before anything is sent, and what is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action import swarm_drill, swarm_drill_order
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring

from tests.unit.archives import OTHER_KEY, capture, of_capture

KEY = capture("trixie-locked").unlock_key or ""
SWARM = of_capture("trixie-locked").manifest.swarm_id
GOOD = {
    "changed": False, "swarm_id": SWARM, "node_id": "n", "archived_host": "m2", "taken_at": "2026-11-22T03:00:00Z",
    "archived_version": "26.1.5", "version": "26.1.5", "autolock": True, "objects": {"node": 3}, "missing": {},
    "extra": {}, "containers": 0, "phases": {"read": 0.5}, "seconds": 4.0,
}  # fmt: skip


class Run:
    """The action, with a host that answers as it is told."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.archive = of_capture("trixie-locked").write(folder, f"{SWARM}_m2_20261122T030000Z.tar.gz")
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = dict(GOOD)
        (folder / "unlock-keys").mkdir()
        (folder / "unlock-keys" / f"{SWARM}.json").write_text(Keyring(OTHER_KEY, (KEY,)).dump(SWARM))

    def __call__(self, no_log: bool = True, check: bool = False, **args: Any) -> dict[str, Any]:
        given = {"archive": self.archive, "keys_in": str(self.folder), "record_in": str(self.folder), **args}
        action = swarm_drill.ActionModule.__new__(swarm_drill.ActionModule)
        action._task = SimpleNamespace(args=given, no_log=no_log, check_mode=check)
        self.patch.setattr(ActionBase, "run", lambda *_args: {})

        def execute(
            module_name: str | None = None, module_args: dict[str, Any] | None = None, task_vars: object = None
        ) -> dict[str, Any]:
            self.asked.append(dict(module_args if module_args is not None else given))
            if self.asked[-1].get("state") == "receive":
                return {"path": "/there/drill.tar.gz"} if self.asked[-1]["sha256"] else {}
            return dict(self.answer)

        self.patch.setattr(action, "_execute_module", execute, raising=False)
        result: dict[str, Any] = action.run(None, {"inventory_hostname": "w1"})
        return result

    @property
    def record(self) -> Path:
        return self.folder / "reports" / f"drill-{SWARM}.json"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def test_a_good_one_is_recorded_for_its_owner_alone(run: Run) -> None:
    result = run(timeout=300)
    assert run.asked[0]["state"] == "receive"
    assert run.asked[-1] == {"archive": "/there/drill.tar.gz", "unlock_keys": [OTHER_KEY, KEY], "timeout": 300}
    assert result["recorded"] == str(run.record)
    assert list(result["phases"]) == ["bring", "read"]
    assert result["seconds"] >= 4.0 + result["phases"]["bring"] - 0.002
    kept = json.loads(run.record.read_text())
    assert (kept["host"], kept["archive"], kept["swarm_id"]) == ("w1", Path(run.archive).name, SWARM)
    assert run.record.stat().st_mode & 0o777 == 0o600
    assert KEY not in run.record.read_text()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({**GOOD, "missing": {"secret": [["x", "password"]]}}, "secret password"),
        ({"failed": True, "msg": "It does not come up."}, "It does not come up."),
    ],
)
def test_a_bad_one_fails_and_is_not_recorded(run: Run, answer: dict[str, Any], words: str) -> None:
    run.answer = answer
    result = run()
    assert result["failed"]
    assert words in result["msg"]
    assert not run.record.exists()


def test_check_mode_proves_here_and_sends_nothing(run: Run) -> None:
    assert run(check=True)["changed"] is False
    assert run.asked == []


def test_a_key_that_is_named_is_the_only_one_that_is_tried(run: Run) -> None:
    (run.folder / "key").write_text(OTHER_KEY)
    with pytest.raises(AnsibleActionFail, match=r"No drill was begun.*the unlock key does not open it"):
        run(key_file=str(run.folder / "key"))
    (run.folder / "key").write_text(KEY)
    run(key_file=str(run.folder / "key"), record_in=None)
    assert run.asked[-1]["unlock_keys"] == [KEY]
    assert not run.record.exists()


def test_what_does_not_come_back_is_not_sent(run: Run) -> None:
    with pytest.raises(AnsibleActionFail, match="no unlock key of its swarm is kept"):
        run(keys_in=None)
    with pytest.raises(AnsibleActionFail, match="takes archive"):
        run(archive="")
    Path(run.archive).write_bytes(Path(run.archive).read_bytes()[:1000])
    with pytest.raises(AnsibleActionFail, match="No drill was begun"):
        run()
    assert run.asked == []


def test_without_no_log_nothing_is_sent(run: Run) -> None:
    with pytest.raises(AnsibleActionFail, match="set no_log: true"):
        run(no_log=False)
    assert run.asked == []


def test_what_is_the_hosts_business_is_left_to_it(run: Run) -> None:
    run(state="able", no_log=False)
    assert [args["state"] for args in run.asked] == ["able"]


def test_the_archive_of_a_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("s1_m1_20261120T030000Z.tar.gz", "s1_m2_20261122T030000Z.tar.gz", "x_m3_20261122T040000Z.tar.gz"):
        (tmp_path / file).touch()
    wanted = Wanted((), backup_dir=str(tmp_path), swarm_id="s1")
    assert swarm_drill_order._archive("", wanted) == str(tmp_path / "s1_m2_20261122T030000Z.tar.gz")
    monkeypatch.chdir(tmp_path)
    named = "s1_m1_20261120T030000Z.tar.gz"
    assert swarm_drill_order._archive(named, wanted) == str(tmp_path / named)
    for given, other, words in (
        ("nothing", wanted, "there is no file"),
        ("", Wanted(()), "Neither swarm_backup_dir nor swarm_controller_dir is set"),
        ("", Wanted((), backup_dir=str(tmp_path), swarm_id="s2"), "holds no archive of swarm s2"),
        ("", Wanted((), backup_dir=str(tmp_path / "none")), "holds no archive. ansible-playbook"),
    ):
        with pytest.raises(AnsibleActionFail, match=words):
            swarm_drill_order._archive(given, other)


def test_the_hosts_that_are_asked() -> None:
    task_vars = {"groups": {"swarm_workers": ["w1"], "swarm_managers": ["m1"]}, "hostvars": {"x": {}, "w1": {}}}
    assert swarm_drill_order._candidates("", task_vars) == ["w1", "m1"]
    assert swarm_drill_order._candidates("x", task_vars) == ["x"]
    with pytest.raises(AnsibleActionFail, match="no host of the inventory"):
        swarm_drill_order._candidates("y", task_vars)
    with pytest.raises(AnsibleActionFail, match="neither workers nor managers"):
        swarm_drill_order._candidates("", {"groups": {}, "hostvars": {}})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"able": True, "why": ""}, ""),
        ({"able": False, "why": "it is full"}, "it is full"),
        ({"unreachable": True, "msg": "Failed to connect: ssh: connect to host w1: No route to host"},
         "ssh: connect to host w1: No route to host"),
        ({}, "it was not asked"),
    ],
)  # fmt: skip
def test_why_a_host_cannot(answer: dict[str, Any], why: str) -> None:
    assert swarm_drill_order._why(answer) == why
