# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contenders: what each needs installed, the command that it is, and one timed run of it.

Touches .cache/bench (the peer's own Python environment, logs) and, through what is run, the nodes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .bed import CACHE, ROOT, Bed, BenchError
from .report import Run

HERE = Path(__file__).parent
PEER = CACHE / "peer"
# The release whose ansible-core is the one that the collection is tested with, so that only the content differs.
PEER_PACKAGE = "ansible>=12.3,<13"
TIME_LIMIT = 900
"""Seconds after which a run is broken off."""


@dataclass(frozen=True)
class Contender:
    """One way to make a swarm. `key` is its column in the tables."""

    key: str
    title: str

    def command(self, bed: Bed) -> Sequence[str]:
        """What makes the swarm of this bed, or finds it made."""
        if self.key == "ssh":
            return [str(HERE / "plain.sh"), str(bed.ssh_config), str(bed.hosts)]
        if self.key == "peer":
            return [str(PEER / "bin" / "ansible-playbook"), str(HERE / "community.yml"), "-i", str(bed.inventory)]
        return [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "quorum.swarm.provision",
            "-i",
            str(bed.inventory),
        ]

    def run(self, bed: Bed, phase: str) -> Run:
        """Run it once, timed, and check the swarm.

        Raises BenchError where it fails, the swarm is not right, or a converged run changes something.
        """
        log = CACHE / f"{self.key}-{bed.size}-{phase}.log"
        counted = CACHE / "executions"
        counted.unlink(missing_ok=True)
        bed.hang_up()
        began = time.monotonic()
        with log.open("w") as out:
            try:
                status = subprocess.run(
                    self.command(bed), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False,
                    env=_environment(counted), cwd=CACHE, timeout=TIME_LIMIT,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired as error:
                raise BenchError(f"{self.title}: no end within {TIME_LIMIT} s, see {log}") from error
        seconds = time.monotonic() - began
        if status:
            tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:])
            raise BenchError(f"{self.title}, {bed.size} nodes, {phase}: status {status}; the end of {log}:\n{tail}")
        bed.check()
        if phase == "converged" and re.search(r"changed=[1-9]", log.read_text(errors="replace")):
            raise BenchError(f"{self.title}, {bed.size} nodes: the second run changed something, see {log}")
        kinds = counted.read_text().split() if counted.exists() else []
        return Run(self.key, bed.size, phase, seconds, kinds.count("module"), kinds.count("command"))


CONTENDERS = (
    Contender("ours", "quorum.swarm"),
    Contender("peer", "(a) community.docker"),
    Contender("ssh", "(b) parallel ssh"),
)


def _environment(counted: Path) -> dict[str, str]:
    """The same settings for both playbooks, whatever the caller's are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        "BENCH_EXECUTIONS": str(counted),
    }


def prepare() -> None:
    """Install what the contenders need besides this checkout. Raises BenchError."""
    CACHE.mkdir(parents=True, exist_ok=True)
    ready = PEER / "ready"
    if not ready.exists() or ready.read_text() != PEER_PACKAGE:
        print(f"installing {PEER_PACKAGE} (550 MB) for the peer's playbook", flush=True)
        for command in (
            [sys.executable, "-m", "venv", str(PEER)],
            [str(PEER / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check", PEER_PACKAGE],
        ):
            if subprocess.run(command, check=False).returncode:
                raise BenchError(f"the peer cannot be installed: {' '.join(command)} failed")
        ready.write_text(PEER_PACKAGE)
    ours, theirs = versions(Path(sys.executable)), versions(PEER / "bin" / "python")
    if ours["ansible-core"].rpartition(".")[0] != theirs["ansible-core"].rpartition(".")[0]:
        raise BenchError(f"not comparable: ansible-core {ours['ansible-core']} here, {theirs['ansible-core']} there")


def versions(python: Path) -> dict[str, str]:
    """The versions of ansible-core and, where it is installed, community.docker in this Python's environment."""
    code = (
        "import json, pathlib, ansible, ansible.release\n"
        "found = {'ansible-core': ansible.release.__version__}\n"
        "path = pathlib.Path(ansible.__file__).parent.parent / "
        "'ansible_collections/community/docker/MANIFEST.json'\n"
        "if path.exists(): found['community.docker'] = json.loads(path.read_text())['collection_info']['version']\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))
