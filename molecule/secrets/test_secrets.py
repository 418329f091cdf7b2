# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No token, unlock key or private key is to be seen: not printed, on no command line, in no file and no journal.

Everything is done once at the highest verbosity, with failures in it, while somebody reads all command lines on nodes
and here, again and again. Without pipelining, which is the more talkative way: Ansible then lays a module with its
arguments down as a file for as long as it runs, which nobody but its owner may read.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

MANAGERS = ["m1", "m2", "m3"]
SECRET = re.compile(r"SWMTKN-1-[0-9a-z]{20,}|SWMKEY-1-[A-Za-z0-9+/]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY")

# One character of each word is in brackets, so that the search does not find itself.
_WORDS = "SWMTK[N]-1-[0-9a-z]{20,}|SWMKE[Y]-1-[A-Za-z0-9+/]{20,}|BEGI[N] [A-Z ]*PRIVATE KEY"
_WATCH = rf"""
while [ -e /run/watched ]; do
  grep -aoE '{_WORDS}' /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null
  find /tmp /var/tmp /root /var/lib/quorum.swarm -type f -perm /077 -exec grep -laE '{_WORDS}' {{}} + 2>/dev/null
  sleep 0.1
done
"""


class Watch:
    """Reads command lines, environments and readable files, on nodes and on this machine, until it is told to stop."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.looks = 0
        self._stop = threading.Event()

    def on_node(self, node: Node) -> None:
        node.run("touch /run/watched")
        self.seen += [f"{node.name}: {line}" for line in node.run(_WATCH, check=False, timeout=600).stdout.splitlines()]

    def here(self) -> None:
        while not self._stop.is_set():
            self.seen += [f"here: {line[:200]}" for line in _own_command_lines() if SECRET.search(line)]
            self.looks += 1
            self._stop.wait(0.1)

    def stop(self) -> None:
        self._stop.set()


def _own_command_lines() -> list[str]:
    """The command lines of all processes on this machine that descend from this one: the playbook and its children."""
    rows = subprocess.run(["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    table = {
        int(pid): (int(parent), line) for pid, parent, line in (row.split(maxsplit=2) for row in rows.splitlines())
    }
    own = {os.getpid()}
    while True:
        children = {pid for pid, (parent, _) in table.items() if parent in own} - own
        if not children:
            return [line for pid, (_, line) in table.items() if pid in own]
        own |= children


@contextmanager
def watched(lab: Lab, *names: str) -> Iterator[None]:
    """Nobody sees a secret while this runs."""
    watch = Watch()
    threads = [threading.Thread(target=watch.on_node, args=(lab.node(name),)) for name in names]
    threads.append(threading.Thread(target=watch.here))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        watch.stop()
        for name in names:
            lab.node(name).run("rm -f /run/watched")
        for thread in threads:
            thread.join()
    assert watch.looks > 10
    assert watch.seen == []


@pytest.fixture(scope="module")
def runs(lab: Lab, operator: Operator, inventories: Inventories, folder: Path) -> list[Run]:
    """Everything that handles a secret, done once, while somebody watches."""
    lab.reset()
    wanted = inventories.write(MANAGERS, ["w1", "w2"], ansible_ssh_pipelining=False)
    keys = {"swarm_controller_dir": str(folder / "secret")}
    loud = ("-vvvv", "--diff")
    done = []
    with watched(lab, "m1", "w1"):
        # A join that fails: the manager's port is shut to w2 only, which no probe from the others tells.
        lab.node("w2").run("iptables -w -I OUTPUT --protocol tcp --dport 2377 --jump REJECT")
        done.append(operator.run("provision", wanted, *loud, swarm_allow_blocked_ports=True))
        lab.node("w2").run("iptables -w -D OUTPUT --protocol tcp --dport 2377 --jump REJECT")
        done.append(operator.run("provision", wanted, *loud, swarm_autolock=True, **keys))
        done.append(operator.run("provision", wanted, *loud, swarm_autolock=True, swarm_cert_expiry="1500h", **keys))
        for name in MANAGERS:
            lab.node(name).run("systemctl restart docker")
        done.append(operator.run("provision", wanted, *loud, **keys))
        done.append(operator.run("unlock", wanted, *loud, **keys))
    return done


def test_the_runs_did_what_they_were_to_do(lab: Lab, runs: list[Run]) -> None:
    assert [run.ok for run in runs] == [False, True, True, False, True], runs
    assert lab.node("m1").run("docker swarm unlock-key --quiet").stdout.startswith("SWMKEY-1-")


def test_nothing_secret_is_printed(lab: Lab, runs: list[Run]) -> None:
    known = [lab.node("m1").run(f"docker swarm {command} --quiet").stdout.strip()
             for command in ("join-token worker", "join-token manager", "unlock-key")]  # fmt: skip
    for run in runs:
        assert SECRET.findall(run.output) == [], run.command
        for secret in known:
            # Also not in pieces: the last part of a token is what is secret in it.
            assert secret.rpartition("-")[2] not in run.output, run.command


def test_nothing_secret_is_left_on_the_nodes(lab: Lab, runs: list[Run]) -> None:
    for node in lab.nodes:
        found = node.run(
            f"grep -rlE '{_WORDS}' /tmp /var/tmp /root /etc /var/log /var/lib/quorum.swarm --exclude-dir=.ssh "
            f"--exclude='ssh_host_*' --exclude-dir=ssl; journalctl --no-pager --quiet | grep -E '{_WORDS}'",
            check=False,
        ).stdout
        assert found == "", node.name


def test_nothing_secret_is_left_readable_here(folder: Path, runs: list[Run]) -> None:
    secret = [path for path in folder.rglob("*") if path.is_file() and SECRET.search(path.read_text(errors="replace"))]
    assert len(secret) == 1
    assert secret[0].stat().st_mode & 0o777 == 0o600
