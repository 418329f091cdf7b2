# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a backup keeps Docker down, against a bare stop and start, and how large an archive is, against a tar.

    python -m tests.bench.backup [--repeats N] [--suites trixie,bookworm,forky]

On each engine a swarm of three autolocked, drained managers and two workers; on one manager that is not the leader, in
turns: Docker stopped and started by systemctl alone, and a backup by the playbook. Writes the section `backup` of
docs/benchmarks.md where every engine was measured often enough. Exits with 1 where the target is missed.

Touches the labs `bench-SUITE` and .cache/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.lab import Lab, Node
from tests.testinfra import objects, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator

from .page import DOCUMENT, machine, put

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
SUITES = ("trixie", "bookworm", "forky")
REPEATS = 5
TARGET = 1.2
STATE = "/var/lib/docker/swarm"

# The same two steps that the module does, timed on the node as the module times them; the first line forgets how often
# the unit was started in the last minute, which is no part of the stop.
_BARE = """
systemctl reset-failed docker.socket docker.service
python3 -c '
import subprocess, time
began = time.monotonic()
subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"], check=True)
subprocess.run(["systemctl", "start", "docker.socket", "docker.service"], check=True)
print(time.monotonic() - began)
'
"""


@dataclass
class Figures:
    """What was measured on one engine. Times in seconds, sizes in bytes."""

    version: str
    bare: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    manager: list[float] = field(default_factory=list)
    archive: int = 0
    tar: int = 0
    tar_gz: int = 0

    @property
    def ratio(self) -> float:
        """Down for a backup, against a bare stop and start."""
        return median(self.engine) / median(self.bare)


@contextmanager
def swarm(suite: str, folder: Path, operator: Operator) -> Iterator[tuple[Lab, Path]]:
    """A lab with an autolocked swarm that holds something."""
    lab = Lab.up(f"bench-{suite}", managers=3, workers=2, suite=suite)
    try:
        lab.reset()
        wanted = Inventories(lab, folder).write(MANAGERS, WORKERS, swarm_autolock=True,
                                                swarm_controller_dir=str(folder / suite))
        operator.provision(wanted)
        objects.populate(lab)
        yield lab, wanted
    finally:
        lab.down()


def measure(lab: Lab, inventory: Path, operator: Operator, repeats: int) -> Figures:
    """Bare and backed up, in turns."""
    listed = swarms.by_hostname(swarms.host(lab, "m1"))
    name = next(node.hostname for node in listed.values() if node.role == "manager" and not node.leader)
    node = lab.node(name)
    found = Figures(node.run("docker version --format '{{.Server.Version}}'").stdout.strip())
    for repeat in range(repeats + 1):  # 0 warms up
        bare = float(node.run(_BARE).stdout)
        unlock = operator.run("unlock", inventory)
        assert unlock.ok, unlock.report
        swarms.eventually(lambda: swarms.by_hostname(swarms.host(lab, name))[name].reachability == "reachable",
                          "it is back")
        time.sleep(5)  # the node has nothing else to do when the next stop comes
        run = operator.run("backup", inventory, swarm_backup_hosts=[name])
        assert run.ok, run.report
        told = re.search(r"Docker was down ([0-9.]+) s, the manager ([0-9.]+) s", run.output)
        assert told, run.report
        time.sleep(5)
        if repeat:
            found.bare.append(bare)
            found.engine.append(float(told[1]))
            found.manager.append(float(told[2]))
    found.archive = max((inventory.parent / lab.name.removeprefix("bench-") / "backups").glob("*.tar.gz"),
                        key=lambda path: path.stat().st_mtime).stat().st_size
    found.tar, found.tar_gz = (_size(node, command) for command in ("tar -c", "tar -cz"))
    return found


def _size(node: Node, tar: str) -> int:
    """Of what tar makes of the state directory, without the segment that the engine has allocated for later."""
    return int(node.run(f"{tar} --exclude=0.tmp -C {STATE} . 2>/dev/null | wc -c").stdout)


def section(figures: Sequence[Figures], repeats: int, command: str) -> str:
    """The section of the document."""
    lines = [
        "## Backup",
        "",
        f"Written by `{command}`; do not edit, run it again.",
        "",
        "How long Docker is down on the manager that is backed up, against `systemctl stop` and `start` of the socket "
        "and the service alone, on the same manager, in turns; three autolocked, drained managers, two workers with "
        "tasks. Both are timed on the node, from the begin of the stop until `systemctl start` has returned. *Back* is "
        "when the manager was unlocked and the leader reached it again. Medians (min–max).",
        "",
        "| Docker | bare stop and start | down for a backup | ratio | back | archive | `tar -cz` | `tar -c` |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in figures:
        lines.append(
            f"| {one.version} | {_spread(one.bare)} | {_spread(one.engine)} | {one.ratio:.2f} | {_spread(one.manager)} "
            f"| {_kb(one.archive)} | {_kb(one.tar_gz)} | {_kb(one.tar)} |")
    reached = all(one.ratio <= TARGET for one in figures)
    lines += ["", f"Target: at most {TARGET:g} times a bare stop and start: {'reached' if reached else '**missed**'}.",
              "", f"{repeats} repeats. {machine()}"]
    return "\n".join(lines) + "\n"


def _spread(times: Sequence[float]) -> str:
    return f"{median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"


def _kb(size: int) -> str:
    return f"{size / 1000:,.0f} kB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backup", description="See tests/bench/backup.py.")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--suites", default=",".join(SUITES))
    options = parser.parse_args(arguments)
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        operator = Operator(folder)
        for suite in options.suites.split(","):
            with swarm(suite, folder, operator) as (lab, inventory):
                figures.append(measure(lab, inventory, operator, options.repeats))
    print(json.dumps([vars(one) for one in figures], indent=1))
    text = section(figures, options.repeats, "python -m tests.bench.backup")
    print(text)
    if options.repeats >= REPEATS and set(SUITES) <= set(options.suites.split(",")):
        put(DOCUMENT, "backup", text)
        print(f"written: {os.path.relpath(DOCUMENT)}")
    return 0 if all(one.ratio <= TARGET for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
