# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_engine writes and when it restarts, with real files and a service that only notes what it was told.

What an engine does with a file is not decided here but on the lab: a scripted engine starts, or it does not.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import daemon_config, engine, host, services, statedir
from ansible_collections.quorum.swarm.plugins.module_utils.daemon_config import Refused, Request, ensure

LOCAL = {"log-driver": "local"}


class ScriptedEngine:
    """What the engine says of its swarm."""

    def __init__(self) -> None:
        self.local: dict[str, Any] = {"LocalNodeState": "inactive"}
        self.others = "reachable"

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": "/var/lib/docker", "Swarm": self.local}

    def membership(self) -> dict[str, Any]:
        return engine.membership_facts(self.info())

    def version(self) -> dict[str, Any]:
        return {"Version": "26.1.5"}

    def swarm(self) -> dict[str, Any]:
        return {"ID": "s1", "Version": {"Index": 1}, "Spec": {}}

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "ID": name,
                "Version": {"Index": 1},
                "Spec": {"Role": "manager"},
                "Status": {"State": "ready"},
                "ManagerStatus": {"Reachability": "reachable" if name == "m1" else self.others, "Addr": f"{name}:2377"},
            }
            for name in ("m1", "m2", "m3")
        ]


class Scripted:
    """A host with an engine: its files are real, below a temporary folder; the service is a list of what was asked."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = root / "etc" / "daemon.json"
        self.own = root / "own"
        self.note = self.own / "pending-restart"
        self.engine = ScriptedEngine()
        self.installed = True
        self.stopped = ""
        self.started = time.time() - 1000
        self.refuses = ""
        self.starts = True
        self.status = 1
        self.asked: list[str] = []
        monkeypatch.setattr(daemon_config, "lacking", lambda: [] if self.installed else ["engine"])
        monkeypatch.setattr(daemon_config.daemon, "DEFAULT_FILE", str(self.file))
        monkeypatch.setattr(host, "PENDING_RESTART", str(self.note))
        monkeypatch.setattr(host, "engine_stopped", lambda: self.stopped)
        monkeypatch.setattr(services, "OWN_DIRECTORY", str(self.own))
        monkeypatch.setattr(services, "engine_process", self._process)
        monkeypatch.setattr(services, "try_config", lambda _command, text: self.refuses if "bad" in text else "")
        monkeypatch.setattr(services, "restart_engine", self._restart)
        monkeypatch.setattr(services, "start_engine", self._start)
        monkeypatch.setattr(services, "journal", lambda _since: ["failed to start daemon: it is wrong"])
        monkeypatch.setattr(services, "speaks_tls", lambda _address: True)
        monkeypatch.setattr(engine, "Engine", lambda: self.engine)
        self.file.parent.mkdir()

    def _process(self) -> services.Process:
        return services.Process(("dockerd", "--config-file", str(self.file)), self.started)

    def _restart(self, _seconds: float) -> int:
        self.asked.append("restart")
        self.started = time.time()
        return 0 if self.starts or "late" not in services.read(str(self.file)) else self.status

    def _start(self, _seconds: float) -> bool:
        self.asked.append("start")
        return self.starts

    def config(self) -> Any:
        return json.loads(self.file.read_text()) if self.file.exists() else None

    def put(self, config: dict[str, Any], age: float = 5000) -> None:
        self.file.write_text(json.dumps(config))
        os.utime(self.file, (time.time() - age,) * 2)

    def everything(self) -> dict[str, tuple[str, float]]:
        """All files with their times."""
        found = [path for folder in (self.file.parent, self.own) if folder.exists() for path in folder.iterdir()]
        return {str(path): (path.read_text(), path.stat().st_mtime) for path in found}


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    return Scripted(tmp_path, monkeypatch)


def test_nothing_wanted_is_nothing_done(scripted: Scripted) -> None:
    scripted.put({"debug": True})
    result = ensure(Request(), check=False)
    assert (result["changed"], result["restarted"], scripted.asked) == (False, False, [])


def test_a_host_in_no_swarm_gets_the_file_and_a_restart_once(scripted: Scripted) -> None:
    scripted.put({"debug": True})
    result = ensure(Request(LOCAL), check=False)
    assert (result["changed"], result["restarted"], result["pending_restart"]) == (True, True, "")
    assert scripted.config() == {"debug": True, **LOCAL}
    assert scripted.asked == ["restart"]
    (kept,) = scripted.own.iterdir()
    assert json.loads(kept.read_text()) == {"debug": True}
    again = ensure(Request(LOCAL), check=False)
    assert (again["changed"], scripted.asked) == (False, ["restart"])


@pytest.mark.parametrize("state", ["active", "pending", "error", "locked", "what"])
def test_a_member_gets_the_file_and_a_note_and_is_never_restarted(scripted: Scripted, state: str) -> None:
    scripted.engine.local = {"LocalNodeState": state}
    result = ensure(Request(LOCAL), check=False)
    assert (result["changed"], result["restarted"], scripted.asked) == (True, False, [])
    assert scripted.config() == LOCAL
    assert scripted.note.read_text().strip() == result["pending_restart"]
    assert "pending: " in result["pending_restart"]
    assert scripted.own.stat().st_mode & 0o777 == 0o700
    again = ensure(Request(LOCAL), check=False)
    assert (again["changed"], again["pending_restart"]) == (False, result["pending_restart"])


@pytest.mark.parametrize("state", ["inactive", "active"])
@pytest.mark.parametrize("restart_members", [False, True])
def test_check_mode_says_it_and_touches_nothing(scripted: Scripted, state: str, restart_members: bool) -> None:
    scripted.engine.local = {"LocalNodeState": state}
    scripted.put({"debug": True})
    before = scripted.everything()
    result = ensure(Request(LOCAL, restart_members=restart_members), check=True)
    assert result["changed"]
    assert json.loads(result["diff"]["after"]) == {"debug": True, **LOCAL}
    assert result["restarted"] is (state == "inactive" or restart_members)
    assert (scripted.everything(), scripted.asked) == (before, [])


def test_live_restore_that_is_there_already_is_refused(scripted: Scripted) -> None:
    scripted.put({"live-restore": True})
    with pytest.raises(Refused, match="swarm mode does not work with it"):
        ensure(Request(), check=False)
    assert ensure(Request({"live-restore": False}), check=False)["restarted"]


@pytest.mark.parametrize("option", ["data-root", "graph", "userns-remap"])
def test_a_member_keeps_its_folder(scripted: Scripted, option: str) -> None:
    wanted = {option: "nobody" if option == "userns-remap" else "/srv"}
    assert ensure(Request(wanted), check=True)["restarted"]
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    with pytest.raises(Refused, match=f"{option}.*on a member that leaves the swarm's state behind"):
        ensure(Request(wanted), check=False)
    assert scripted.everything() == {}


def test_a_folder_that_is_named_otherwise_is_not_moved(scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/var/lib/docker")
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    ensure(Request({"data-root": str(tmp_path / "link")}), check=False)
    assert scripted.config() == {"data-root": str(tmp_path / "link")}


def test_a_folder_that_somebody_has_moved_in_the_file_is_not_restarted_into(scripted: Scripted) -> None:
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    scripted.put({"data-root": "/srv"}, age=-5)
    with pytest.raises(Refused, match="leaves the swarm's state behind"):
        ensure(Request(restart_members=True), check=False)
    assert scripted.asked == []


@pytest.mark.parametrize(
    ("holds", "said"),
    [("log", "a host with the log of a manager"), ("nothing", ""), ("unread", "a host whose state cannot be read")],
)
def test_a_host_with_the_state_of_a_swarm_keeps_its_folder(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, holds: str, said: str
) -> None:
    def certificate(_root: str) -> None:
        if holds == "unread":
            raise statedir.Unread("x: y")

    monkeypatch.setattr(statedir, "node_certificate", certificate)
    monkeypatch.setattr(statedir, "holds_raft_log", lambda _root: holds == "log")
    if not said:
        assert ensure(Request({"data-root": "/srv"}), check=False)["restarted"]
        return
    with pytest.raises(Refused, match=said):
        ensure(Request({"data-root": "/srv"}), check=False)
    assert scripted.everything() == {}


def test_a_file_that_the_engine_refuses_is_not_written(scripted: Scripted) -> None:
    scripted.refuses = "it is bad."
    before = scripted.everything()
    with pytest.raises(Refused, match=r"it is bad\. This step changed nothing"):
        ensure(Request({"bad": 1}), check=False)
    assert (scripted.everything(), scripted.asked) == (before, [])


@pytest.mark.parametrize("old", [None, {"debug": True}])
@pytest.mark.parametrize("member", [False, True])
def test_an_engine_that_does_not_start_gets_its_old_file(
    scripted: Scripted, old: dict[str, Any] | None, member: bool
) -> None:
    if old is not None:
        scripted.put(old)
    if member:
        scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    scripted.starts = False
    with pytest.raises(Refused, match=r"failed to start daemon: it is wrong\. The old file is back"):
        ensure(Request({"late": 1}, restart_members=member), check=False)
    assert (scripted.config(), scripted.asked) == (old, ["restart", "restart"])
    assert list(scripted.own.iterdir()) == []


def test_an_engine_that_takes_too_long_goes_back_too(scripted: Scripted) -> None:
    scripted.put({"debug": True})
    scripted.starts, scripted.status = False, 124
    with pytest.raises(Refused, match=r"it did not answer within 7 s\. The old file is back"):
        ensure(Request({"late": 1}, timeout=7), check=False)
    assert scripted.config() == {"debug": True}


def test_the_first_of_several_changes_is_the_way_back(scripted: Scripted) -> None:
    scripted.put({"debug": True})
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    ensure(Request(LOCAL), check=False)
    ensure(Request({"late": 1}), check=False)
    scripted.starts = False
    with pytest.raises(Refused, match="The old file is back"):
        ensure(Request(restart_members=True), check=False)
    assert scripted.config() == {"debug": True}


def test_a_change_that_is_wanted_no_more_needs_no_restart(scripted: Scripted) -> None:
    scripted.put({"log-driver": "json-file"})
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    ensure(Request(LOCAL), check=False)
    result = ensure(Request({"log-driver": "json-file"}), check=False)
    assert (result["changed"], result["pending_restart"]) == (True, "")
    assert ensure(Request({"log-driver": "json-file"}), check=False)["changed"] is False


def test_a_restart_by_somebody_else_settles_it(scripted: Scripted) -> None:
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    ensure(Request(LOCAL), check=False)
    scripted.started = time.time()
    result = ensure(Request(LOCAL), check=False)
    assert (result["changed"], result["pending_restart"], scripted.note.exists()) == (True, "", False)


def test_a_file_that_somebody_changed_waits_for_a_restart_where_we_are_asked_about_it(scripted: Scripted) -> None:
    scripted.put(LOCAL, age=0)
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    assert ensure(Request(), check=False)["pending_restart"] == ""
    assert "before: unknown" in ensure(Request(LOCAL), check=False)["pending_restart"]


@pytest.mark.parametrize("killed_after", ["note", "file"])
def test_a_run_that_was_killed_is_finished_by_the_next(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, killed_after: str
) -> None:
    scripted.put({"debug": True})
    real = services.write

    def write(path: str, text: str, mode: int = 0o644) -> None:
        if killed_after == "note" and path == str(scripted.file):
            raise KeyboardInterrupt
        real(path, text, mode)
        if killed_after == "file" and path == str(scripted.file):
            raise KeyboardInterrupt

    monkeypatch.setattr(services, "write", write)
    with pytest.raises(KeyboardInterrupt):
        ensure(Request(LOCAL), check=False)
    monkeypatch.setattr(services, "write", real)
    assert scripted.asked == []
    assert ensure(Request(LOCAL), check=False)["restarted"]
    assert (scripted.config(), scripted.note.exists()) == ({"debug": True, **LOCAL}, False)


def test_a_stopped_engine_is_left_alone(scripted: Scripted) -> None:
    scripted.stopped = "docker.service is inactive (dead)."
    with pytest.raises(Refused, match="may have been stopped on purpose"):
        ensure(Request(LOCAL), check=False)
    assert scripted.asked == []


def test_an_engine_that_was_installed_just_now_is_started(scripted: Scripted) -> None:
    scripted.stopped = "docker.service is inactive (dead)."
    assert ensure(Request(installed=["engine"]), check=True)["changed"]
    assert scripted.asked == []
    ensure(Request(installed=["engine"]), check=False)
    assert scripted.asked == ["start"]


def test_what_still_lacks_after_installing_is_a_failure(scripted: Scripted) -> None:
    scripted.installed = False
    with pytest.raises(Refused, match="engine is still lacking"):
        ensure(Request(installed=["engine"]), check=False)


def test_a_restart_of_ours_that_broke_off_goes_back(scripted: Scripted) -> None:
    scripted.put({"debug": True})
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "w1"}
    ensure(Request({"late": 1}), check=False)
    scripted.note.write_text(scripted.note.read_text().replace("pending:", "restarting:"))
    scripted.stopped = "docker.service is failed (failed)."
    scripted.starts = False
    with pytest.raises(Refused, match="The old file is back"):
        ensure(Request(), check=False)
    assert (scripted.config(), scripted.asked) == ({"debug": True}, ["restart"])


@pytest.mark.parametrize(("others", "restarted"), [("reachable", True), ("unreachable", False)])
def test_a_manager_is_restarted_only_when_the_swarm_can_bear_it(
    scripted: Scripted, others: str, restarted: bool
) -> None:
    scripted.engine.local = {"LocalNodeState": "active", "NodeID": "m1", "ControlAvailable": True}
    scripted.engine.others = others
    ensure(Request(LOCAL), check=False)
    request = Request(restart_members=True, timeout=0.1)
    if restarted:
        assert ensure(request, check=False)["restarted"]
    else:
        with pytest.raises(Refused, match="cannot be reached"):
            ensure(replace(request, allow_pause=True), check=False)
    assert scripted.asked == (["restart"] if restarted else [])
