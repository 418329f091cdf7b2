# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restart guard as the process that it is on a host, with a `systemctl` that notes and an engine that is scripted.

That it works with systemd itself, and with real engines, is held by tests/faults/shard_backup_kills.py.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import restart_guard

from tests.unit.modules.scripted import Request, Script
from tests.unit.modules.systemd import Systemd

KEY = "SWMKEY-1-uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
LONG = 40.0
"""Seconds after which a test gives up: much more than anything here takes on a machine that does nothing else."""


class Guard:
    """One guard with what it watches: a module, an engine, the folder that they share."""

    def __init__(self, folder: Path, script: Script, systemd: Systemd) -> None:
        self.folder = folder / "guard"
        self.folder.mkdir(mode=0o700)
        self.script = script
        self.systemd = systemd
        self.module: subprocess.Popen[str] = subprocess.Popen(["sleep", "600"], text=True)
        self.program = self.folder / "restart_guard.py"
        self.settled(0.2)
        self.locked = False
        self.running: list[subprocess.Popen[str]] = []
        script.say("GET /info", self._info)
        script.say("POST /swarm/unlock", self._unlock)

    def settled(self, seconds: float) -> None:
        """Lay the program down, all as it is but for a patience that is made for hosts."""
        source = Path(restart_guard.__file__).read_text()
        self.program.write_text(source.replace("SETTLED = 5.0", f"SETTLED = {seconds}"))
        assert self.program.read_text() != source

    def _info(self, _request: Request) -> tuple[int, Any]:
        if self.systemd.docker != "active":
            return 503, None
        return 200, {"Swarm": {"LocalNodeState": "locked" if self.locked else "active"}}

    def _unlock(self, request: Request) -> tuple[int, Any]:
        self.locked = self.locked and request.body != {"UnlockKey": KEY}
        return 200, None

    def order(self, **other: Any) -> None:
        """What the module leaves for the guard."""
        order = {
            "pid": self.module.pid,
            "started": restart_guard.started(self.module.pid),
            "until": time.monotonic() + 600,
            "seconds": 600,
            "socket": self.script.host.removeprefix("unix://"),
            "units": ["docker.socket", "docker.service"],
            "unlock_key": KEY,
            **other,
        }
        (self.folder / restart_guard.ORDER).write_text(json.dumps(order))

    def start(self) -> subprocess.Popen[str]:
        """Start the guard as systemd does."""
        command = [sys.executable, "-I", str(self.program), str(self.folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=self.systemd.environment)  # fmt: skip
        self.running.append(process)
        return process

    def armed(self) -> subprocess.Popen[str]:
        """A guard that watches."""
        process = self.start()
        until(lambda: (self.folder / restart_guard.ARMED).exists())
        return process

    def kill_module(self) -> None:
        """Kill the module; nobody waits for it, as on a host: it stays a zombie."""
        self.module.kill()

    def rescued(self) -> dict[str, Any]:
        """What the guard says that it did."""
        content: dict[str, Any] = json.loads((self.folder / restart_guard.RESCUED).read_text())
        return content

    def start_calls(self) -> list[str]:
        """How often Docker was started, and what was called for it."""
        return [call for call in self.systemd.calls if not call.startswith("show")]


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def guard(tmp_path: Path, script: Script, systemd: Systemd) -> Iterator[Guard]:
    guard = Guard(tmp_path, script, systemd)
    systemd.docker = "inactive"
    yield guard
    for process in (guard.module, *guard.running):
        process.kill()
        process.wait()


STARTED = ["reset-failed docker.socket docker.service", "start docker.socket docker.service"]


def test_the_module_is_killed_and_docker_is_started_and_unlocked(guard: Guard) -> None:
    guard.locked = True
    guard.order()
    process = guard.armed()
    assert guard.start_calls() == [], "while the module lives, nothing is done"
    guard.kill_module()
    printed, _none = process.communicate(timeout=LONG)
    assert process.returncode == 0
    assert guard.systemd.docker == "active"
    assert guard.locked is False
    assert guard.start_calls() == STARTED
    assert guard.rescued() == {"why": "the module that had stopped Docker is gone", "state": "active"}
    assert printed.splitlines() == ["starting Docker: the module that had stopped Docker is gone", "Docker is active"]


def test_the_key_is_seen_nowhere_and_gone_in_the_end(guard: Guard) -> None:
    guard.locked = True
    guard.order()
    process = guard.armed()
    argv = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    guard.kill_module()
    printed, _none = process.communicate(timeout=LONG)
    said = [argv, environment, printed.encode(), "\n".join(guard.systemd.calls).encode()]
    said += [path.read_bytes() for path in guard.folder.iterdir()]
    assert guard.locked is False, "it was used"
    assert [text for text in said if KEY[9:].encode() in text] == []
    assert not (guard.folder / restart_guard.ORDER).exists()


def test_what_it_writes_is_for_root_alone(guard: Guard) -> None:
    guard.order()
    before = os.umask(0)
    try:
        process = guard.armed()
    finally:
        os.umask(before)
    guard.kill_module()
    process.wait(LONG)
    for name in (restart_guard.ARMED, restart_guard.RESCUED):
        assert stat.S_IMODE((guard.folder / name).stat().st_mode) == 0o600
    assert [path.name for path in guard.folder.iterdir() if path.name.endswith(".new")] == []


def test_called_off(guard: Guard) -> None:
    guard.order()
    process = guard.armed()
    (guard.folder / restart_guard.DONE).write_text("")
    printed, _none = process.communicate(timeout=LONG)
    assert (process.returncode, printed) == (0, "")
    assert guard.start_calls() == []
    assert not (guard.folder / restart_guard.RESCUED).exists()
    assert not (guard.folder / restart_guard.ORDER).exists(), "the key is still there"


def test_called_off_and_then_the_module_ends(guard: Guard) -> None:
    """As it always goes: both are true when the guard looks."""
    guard.order()
    (guard.folder / restart_guard.DONE).write_text("")
    guard.kill_module()
    assert guard.start().wait(LONG) == 0
    assert guard.start_calls() == []


def test_the_module_hangs(guard: Guard) -> None:
    guard.order(until=time.monotonic() + 0.5, seconds=120)
    process = guard.armed()
    assert process.wait(LONG) == 0
    assert guard.module.poll() is None
    assert guard.rescued()["why"] == "Docker was to be stopped for 120 s at most"
    assert guard.systemd.docker == "active"


@pytest.mark.parametrize("text", [None, "", "{"])
def test_without_an_order_it_is_not_needed(guard: Guard, text: str | None) -> None:
    if text is not None:
        (guard.folder / restart_guard.ORDER).write_text(text)
    assert guard.start().wait(LONG) == 0
    assert guard.start_calls() == []
    assert not (guard.folder / restart_guard.ARMED).exists()


def test_the_guard_is_killed_too_and_goes_on_when_systemd_restarts_it(guard: Guard) -> None:
    guard.locked = True
    guard.systemd.let("start.fails")
    guard.order()
    first = guard.armed()
    guard.kill_module()
    until(lambda: len(guard.start_calls()) >= 4)  # it tries again and again
    first.send_signal(signal.SIGKILL)
    first.wait(LONG)
    assert (guard.folder / restart_guard.ORDER).exists()
    guard.systemd.mend("start.fails")
    second = guard.start()
    assert second.wait(LONG) == 0
    assert (guard.systemd.docker, guard.locked) == ("active", False)
    assert guard.rescued()["state"] == "active"


def test_the_guard_is_killed_while_it_watches_and_then_the_module(guard: Guard) -> None:
    guard.order()
    guard.armed().kill()
    guard.kill_module()
    assert guard.start().wait(LONG) == 0
    assert guard.systemd.docker == "active"


def test_a_number_that_another_process_has_now_is_not_the_module(guard: Guard) -> None:
    guard.order(started="1")
    assert guard.start().wait(LONG) == 0
    assert guard.rescued()["why"] == "the module that had stopped Docker is gone"


@pytest.mark.parametrize(("state", "key"), [("locked", ""), ("error", KEY), ("inactive", KEY)])
def test_what_it_cannot_mend_it_leaves(guard: Guard, state: str, key: str) -> None:
    """It ends when Docker runs, and leaves the rest to people: no loop without an end."""
    guard.script.say("GET /info", (200, {"Swarm": {"LocalNodeState": state}}))
    guard.order(unlock_key=key)
    guard.kill_module()
    assert guard.start().wait(LONG) == 0
    assert guard.rescued()["state"] == state
    assert guard.script.said("POST /swarm/unlock") == []


def test_a_stop_that_is_still_under_way_is_outlasted(guard: Guard) -> None:
    """Docker answers and is then down, more than once: it is left alone only when it stayed up for a while."""
    up, down, pending = member("active"), (503, None), member("pending")
    # Every half second one answer; it has to be up for three seconds.
    guard.settled(3)
    guard.script.say("GET /info", up, up, down, up, up, up, up, down, pending, pending, up)
    guard.order()
    guard.kill_module()
    assert guard.start().wait(LONG) == 0
    assert guard.start_calls() == STARTED * 3
    assert guard.rescued()["state"] == "active"


def test_pending_is_not_back(guard: Guard) -> None:
    """It ends long after, or with a member: a manager without a leader may lock itself yet, say."""
    guard.script.say("GET /info", *[member("pending")] * 3, member("locked"), member("active"))
    guard.order()
    guard.kill_module()
    assert guard.start().wait(LONG) == 0
    assert len(guard.script.said("POST /swarm/unlock")) == 1


def member(state: str) -> tuple[int, Any]:
    return 200, {"Swarm": {"LocalNodeState": state}}


def test_nothing_but_the_standard_library() -> None:
    """It is laid down on a host as one file, where there is no collection."""
    source = Path(restart_guard.__file__).read_text()
    assert "ansible_collections" not in source
    done = subprocess.run([sys.executable, "-I", "-c", source, "/nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
