# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A `systemctl` and a `systemd-run` that note what they were told, and know one service, docker. For tests only.

They are programs on PATH, because what is under test calls them from processes of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SYSTEMCTL = """#!/bin/sh
cd "{folder}"
echo "$*" >> calls
case "$*" in
    *quorum-swarm-restart-guard*)
        case "$1" in is-active) kill -0 "$(cat guard.pid)" 2>/dev/null ;; esac ;;
    show*docker.socket*) cat socket ;;
    show*) test -e service && exec cat service
        echo LoadState=loaded; echo "ActiveState=$(cat docker)"; echo SubState=dead ;;
    stop*) test -e stop.slow && exec sleep 30; test -e stop.fails && exit 5
        test -e stop.ignored || echo inactive > docker ;;
    kill*) rm -f stop.slow ;;
    start*) test -e start.slow && exec sleep 30; test -e start.fails && exit 1; echo active > docker ;;
esac
"""
# A transient unit: systemd starts it outside of the caller's session, where no signal to the caller reaches it.
SYSTEMD_RUN = """#!/bin/sh
cd "{folder}"
echo "systemd-run $*" >> calls
test -e run.fails && exit 1
while [ "${{1#--}}" != "$1" ]; do shift; done
setsid "$@" > guard.log 2>&1 &
echo $! > guard.pid
"""
JOURNALCTL = """#!/bin/sh
test -e "{folder}/journal" && cat "{folder}/journal"
"""


class Systemd:
    """The service docker as these programs know it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name, text in (("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN), ("journalctl", JOURNALCTL)):
            (self.bin / name).write_text(text.format(folder=folder))
            (self.bin / name).chmod(0o755)
        self.docker = "active"
        self.let("socket", "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\n")

    @property
    def docker(self) -> str:
        """`active` or `inactive`."""
        return (self.folder / "docker").read_text().strip()

    @docker.setter
    def docker(self, state: str) -> None:
        (self.folder / "docker").write_text(f"{state}\n")

    @property
    def calls(self) -> list[str]:
        """What was called, in its order."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def let(self, what: str, text: str = "") -> None:
        """Have something go wrong: `stop.fails`, `start.slow` … or the journal say something."""
        (self.folder / what).write_text(text)

    def mend(self, what: str) -> None:
        """Have it go right again."""
        (self.folder / what).unlink()

    @property
    def guard(self) -> int:
        """The process of the transient unit; 0 where there was none."""
        path = self.folder / "guard.pid"
        return int(path.read_text()) if path.exists() else 0

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to find these programs."""
        return {**os.environ, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def fake(folder: Path) -> Iterator[Systemd]:
    """These programs first on PATH."""
    systemd = Systemd(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", systemd.environment["PATH"])
        try:
            yield systemd
        finally:
            if systemd.guard:
                with suppress(ProcessLookupError):
                    os.kill(systemd.guard, signal.SIGKILL)
