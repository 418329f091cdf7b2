# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as an operator runs them: the command, what it printed, and how it ended. Starts processes only here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240
"""Seconds after which a run counts as hung."""

_RECAP = re.compile(r"^(\S+)\s+: ok=\d+.*$", re.MULTILINE)
_COUNT = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True)
class Run:
    """One run that has ended."""

    command: str
    status: int
    """The exit status; negative: the signal that ended it."""
    output: str = field(repr=False)
    """Everything it printed, standard error included."""
    seconds: float

    @property
    def report(self) -> str:
        """All of it, for the message of an assertion."""
        return f"{self.command}: status {self.status} after {self.seconds:.0f} s\n{self.output}"

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.status == 0

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The counts of each host that took part (ok, changed, unreachable, failed, skipped, rescued, ignored)."""
        tail = self.output.rpartition("PLAY RECAP")[2]
        return {
            line[1]: {name: int(count) for name, count in _COUNT.findall(line[0])} for line in _RECAP.finditer(tail)
        }

    @property
    def changed(self) -> dict[str, int]:
        """The hosts on which something changed, or would in check mode, and how many tasks say so."""
        return {host: counts["changed"] for host, counts in self.recap.items() if counts["changed"]}

    @property
    def plan(self) -> list[tuple[str, str, str]]:
        """The steps of the plan that it showed, in their order: kind, host (empty: the swarm itself), and why."""
        found = re.search(r"^Plan \((\d+) steps?\):\n((?:  .*\n)*)", self.output, re.MULTILINE)
        if not found:
            return []
        lines = found[2].splitlines()
        # A table: the columns are as wide as their widest word, and a step of the swarm itself has no host.
        kind = max(len(line.split()[0]) for line in lines)
        steps = []
        for line in lines:
            rest = line[2 + kind + 2 :]
            host, _, why = rest.partition("  ")
            steps.append((line.split()[0], host.strip(), why.strip()))
        assert len(steps) == int(found[1])
        return steps

    def planned(self, kind: str) -> list[str]:
        """The hosts of the plan's steps of one kind, in their order."""
        return [host for one, host, _ in self.plan if one == kind]

    @property
    def failures(self) -> str:
        """The messages of all tasks that failed, one a line, as they are in the JSON that Ansible prints."""
        texts = []
        decoder = json.JSONDecoder()
        for found in re.finditer(r"^(?:fatal|failed): \[[^\]]+\].*?=> (?=\{)", self.output, re.MULTILINE):
            result, _ = decoder.raw_decode(self.output, found.end())
            texts.append(str(result.get("msg", "")))
        texts += re.findall(r"^\[ERROR\]: (.*)$", self.output, re.MULTILINE)
        return "\n".join(texts)


class Running:
    """One run in the background."""

    def __init__(self, command: list[str], output: Path) -> None:
        self._command = " ".join(command)
        self._output = output
        self._began = time.monotonic()
        with output.open("w") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_for(self, condition: Callable[[str], Any], *, seconds: float = LIMIT) -> None:
        """Wait until the condition holds for its output. Fails the test if it ends or the time passes before."""
        end = time.monotonic() + seconds
        while not condition(self.output):
            assert self.alive, f"it ended too early:\n{self.output}"
            assert time.monotonic() < end, f"nothing of the kind within {seconds} s:\n{self.output}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it, and everything it started on this machine, at once (SIGKILL)."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, *, seconds: float = LIMIT) -> Run:
        """Wait until it has ended. Fails the test if it hangs."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self._command} hangs:\n{self.output}") from None
        return Run(self._command, status, self.output, time.monotonic() - self._began)


class Operator:
    """Somebody with an inventory who types commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def start(self, verb: str, inventory: Path, *arguments: str, **variables: Any) -> Running:
        """Begin `ansible-playbook quorum.swarm.VERB -i INVENTORY ARGUMENTS -e NAME=VALUE ...` in the background."""
        self._runs += 1
        command = [_tool("ansible-playbook"), f"quorum.swarm.{verb}", "--inventory", str(inventory), *arguments]
        for name, value in variables.items():
            # As people type it: `-e name=true` arrives as a string. Structures can only be given as JSON.
            simple = isinstance(value, (str, int))
            command += ["-e", f"{name}={str(value).lower() if isinstance(value, bool) else value}"
                        if simple else json.dumps({name: value})]  # fmt: skip
        return Running(command, self._folder / f"run-{self._runs}.log")

    def run(self, verb: str, inventory: Path, *arguments: str, **variables: Any) -> Run:
        """The same, until it has ended."""
        run = self.start(verb, inventory, *arguments, **variables).wait()
        print(f"{verb} {' '.join(arguments)} {variables or ''}: status {run.status}, {run.seconds:.1f} s")
        return run

    def provision(self, inventory: Path, *arguments: str, **variables: Any) -> Run:
        """Run `provision`, which has to end well."""
        run = self.run("provision", inventory, *arguments, **variables)
        assert run.ok, run.report
        return run

    def module(self, host: str, inventory: Path, module: str, **options: Any) -> Run:
        """Run one module on one host: `ansible HOST -m quorum.swarm.MODULE -a OPTIONS`."""
        self._runs += 1
        command = [_tool("ansible"), host, "--inventory", str(inventory)]
        command += ["-m", f"quorum.swarm.{module}", "-a", json.dumps(options)]
        return Running(command, self._folder / f"run-{self._runs}.log").wait()


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _environment() -> dict[str, str]:
    """An operator's shell: nothing of what molecule sets for itself, and no colours in what is read here."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST"))
    }
    return {
        **kept,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "500",
    }
