# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of a drill as the process that it is on a host, with a program in place of the engine.

That it isolates a real engine, and that nothing is left of a killed drill, is held by molecule/drill.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import drill_keeper

LONG = 15.0
"""Seconds after which a test gives up: much more than anything here takes on a machine that does nothing else."""
ALONE = {"net": "net:[0]", "mnt": "mnt:[0]"}
"""The namespaces of a module from which the keeper is isolated, whatever its own are."""


class Keeper:
    """One keeper with the module that it watches. It does not give itself a name and addresses: that needs a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = subprocess.Popen(["sleep", "600"])
        self.process: subprocess.Popen[str] | None = None

    def start(self, **order: Any) -> None:
        """Start it."""
        told = {
            "pid": self.module.pid, "started": drill_keeper.started(self.module.pid),
            "until": time.monotonic() + 600, "outside": ALONE, "forbidden": [], "hostname": "m2", "addresses": [],
            "command": ["sh", "-c", "echo engine $$; exec sleep 600"],
        }  # fmt: skip
        (self.folder / drill_keeper.ORDER).write_text(json.dumps({**told, **order}))
        program = (
            "import sys, ansible_collections.quorum.swarm.plugins.module_utils.drill_keeper as keeper\n"
            "keeper.lines = lambda path, lines=keeper.lines: [] if path.startswith('/proc/net') else lines(path)\n"
            "keeper.call = keeper.give = lambda _given: ''\n"
            "keeper.main(sys.argv[1])\n"
        )
        path = os.pathsep.join(sys.path)
        command = [sys.executable, "-c", program, str(self.folder)]
        self.process = subprocess.Popen(command, text=True, env={**os.environ, "PYTHONPATH": path})

    def want(self, number: int, word: str) -> None:
        """Order something."""
        (self.folder / "draft").write_text(f"{number} {word}\n")
        (self.folder / "draft").rename(self.folder / drill_keeper.WANTED)

    @property
    def state(self) -> dict[str, Any]:
        path = self.folder / drill_keeper.STATE
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def until(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait until the condition holds for its state."""
        end = time.monotonic() + LONG
        while not condition(self.state):
            assert time.monotonic() < end, self.state
            time.sleep(0.02)
        return self.state

    @property
    def engines(self) -> list[int]:
        """The process IDs of the engines that were started."""
        text = (self.folder / drill_keeper.LOG).read_text()
        return [int(line.split()[1]) for line in text.splitlines() if line.startswith("engine ")]

    def end(self) -> None:
        """Kill all of it, as systemd would."""
        for process in (self.process, self.module):
            if process is not None:
                process.kill()
                process.wait()
        if (self.folder / drill_keeper.LOG).exists():
            for pid in self.engines:
                if drill_keeper.started(pid):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path)
    yield keeper
    keeper.end()


def test_it_starts_and_stops_what_it_is_told_to(keeper: Keeper) -> None:
    keeper.start()
    assert keeper.until(bool) == {"ready": True, "order": "", "running": False, "status": None}
    keeper.want(1, "up")
    keeper.until(lambda state: state["order"] == "1" and state["running"])
    keeper.want(2, "up")
    keeper.until(lambda state: state["order"] == "2" and keeper.engines)  # it writes its line when it has started
    assert len(keeper.engines) == 1, "what runs is not started again"
    keeper.want(3, "down")
    keeper.until(lambda state: state["order"] == "3" and not state["running"])
    assert drill_keeper.started(keeper.engines[0]) == ""
    keeper.want(4, "up")
    keeper.until(lambda state: state["order"] == "4" and state["running"] and len(keeper.engines) == 2)
    assert (keeper.folder / drill_keeper.STATE).stat().st_mode & 0o777 == 0o600
    assert (keeper.folder / drill_keeper.LOG).stat().st_mode & 0o777 == 0o600


def test_it_says_with_what_an_engine_ended(keeper: Keeper) -> None:
    keeper.start(command=["sh", "-c", "echo no such flag; exit 7"])
    keeper.want(1, "up")
    state = keeper.until(lambda state: state.get("order") == "1" and state["status"] is not None)
    assert (state["running"], state["status"]) == (False, 7)
    assert (keeper.folder / drill_keeper.LOG).read_text() == "no such flag\n"


def test_it_ends_when_the_module_is_gone(keeper: Keeper) -> None:
    keeper.start()
    keeper.want(1, "up")
    keeper.until(lambda state: state.get("running"))
    keeper.module.kill()
    keeper.module.wait()
    assert keeper.process is not None
    assert keeper.process.wait(LONG) == 0


def test_it_ends_when_its_time_is_over(keeper: Keeper) -> None:
    keeper.start(until=time.monotonic() + 1)
    assert keeper.process is not None
    assert keeper.process.wait(LONG) == 0


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"outside": drill_keeper.namespaces()}, "it has the host's network"),
        ({"outside": {**drill_keeper.namespaces(), "net": "net:[0]"}}, "it has the host's mounts"),
        ({"forbidden": ["/nowhere", "/proc/self/status"]}, "it sees /proc/self/status"),
    ],
)
def test_where_it_is_not_isolated_it_starts_nothing(keeper: Keeper, order: dict[str, Any], words: str) -> None:
    keeper.start(**order)
    keeper.want(1, "up")
    assert keeper.until(bool) == {"ready": False, "why": words}
    time.sleep(0.3)
    assert not (keeper.folder / drill_keeper.LOG).exists()


@pytest.mark.parametrize(
    ("files", "links_up", "words"),
    [
        ({}, set(), ""),
        ({"/proc/net/dev": ["lo", "tunl0"]}, set(), ""),
        ({"/proc/net/dev": ["lo", "eth0"]}, {"eth0"}, "it has the links eth0"),
        ({"/proc/net/route": ["eth0 00000000 0100A8C0"]}, set(), "it has routes to other hosts"),
        ({"/proc/net/ipv6_route": ["00000000 00 00000000 00 0000 ffffffff lo"]}, set(), ""),
        ({"/proc/net/ipv6_route": ["fe80 40 0 00 0 100 1 0 1 eth0"]}, set(), "it has routes to other hosts"),
    ],
)
def test_a_network_with_a_way_out_is_no_isolation(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, list[str]], links_up: set[str], words: str
) -> None:
    heads = {"/proc/net/dev": ["Inter-|", " face |"], "/proc/net/route": ["Iface"], "/proc/net/ipv6_route": []}
    found = {path: [*head, *(f"{one}: 0" if path.endswith("dev") else one for one in files.get(path, ()))]
             for path, head in heads.items()}  # fmt: skip
    monkeypatch.setattr(drill_keeper, "lines", found.__getitem__)
    monkeypatch.setattr(drill_keeper, "up", links_up.__contains__)
    assert drill_keeper.not_isolated(ALONE, ["/nowhere"]) == words


def test_this_very_network_is_seen_as_it_is() -> None:
    """The files of the kernel are read as they are: whoever runs this test has a way out, or only a loopback."""
    way_out = any(line.split()[1] == "00000000" for line in drill_keeper.lines("/proc/net/route")[1:])
    assert bool(drill_keeper.not_isolated(ALONE, [])) or not way_out
