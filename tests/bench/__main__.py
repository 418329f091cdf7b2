# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the benchmark: `make bench`, or `python -m tests.bench [--repeats N] [--sizes N,N]`.

The whole of it (5 repeats or more, 7 and 21 nodes) writes docs/benchmarks.md; a smaller one only prints its tables.
Exits with 1 where a target is missed, with 2 where a run did not count.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.lab import Lab, LabError

from . import contenders, report
from .bed import CACHE, MANAGERS, ROOT, Bed, BenchError
from .contenders import CONTENDERS, Contender
from .page import DOCUMENT, put
from .report import Run

REPEATS, SIZES = 5, (7, 21)
BEGAN = time.monotonic()


def say(text: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", flush=True)


def turns(repeat: int) -> list[Contender]:
    """The contenders in the order of this repeat: another one begins each time."""
    first = repeat % len(CONTENDERS)
    return [*CONTENDERS[first:], *CONTENDERS[:first]]


def measure(lab: Lab, beds: Sequence[Bed], repeats: int) -> Iterator[Run]:
    """All runs that count. Raises BenchError at the first that does not."""
    for repeat in range(repeats + 1):  # 0 warms up
        for bed in beds:
            for contender in turns(repeat):
                lab.reset()
                for phase in report.PHASES:
                    run = contender.run(bed, phase)
                    turn = f"repeat {repeat}" if repeat else "warm-up"
                    say(
                        f"{turn}: {bed.size} nodes, {contender.key}, {phase}: "
                        f"{run.seconds:.1f} s, {run.modules} modules, {run.commands} commands"
                    )
                    if repeat:
                        yield run


def facts(lab: Lab, repeats: int, load: float) -> dict[str, str]:
    """The machine, the versions and the day, as the document shows them."""

    def asked(*command: str) -> str:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    memory = int(next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line).split()[1])
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    changed = asked("git", "status", "--porcelain", "plugins", "roles", "playbooks")
    node = lab.managers[0]
    peer = contenders.versions(contenders.PEER / "bin" / "python")
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": asked("git", "rev-parse", "--short=12", "HEAD") + ("+ changes" if changed else ""),
        "repeats": str(repeats),
        "machine": f"{os.cpu_count()} cores ({', '.join(sorted(models)) or platform.machine()}), "
                   f"{memory / 2**20:.0f} GiB, shared by the controller and all nodes",
        "load average while it ran": f"{load:.1f} at the start, {os.getloadavg()[2]:.1f} over the last 15 minutes",
        "kernel": platform.release(),
        "nodes": f"{node.run('. /etc/os-release; echo $PRETTY_NAME').stdout.strip()}, Docker "
                 f"{node.run(['docker', 'version', '--format', '{{.Server.Version}}']).stdout.strip()}, "
                 f"{node.run(['python3', '-V']).stdout.strip()}",
        "controller": f"Python {platform.python_version()}, "
                      f"ansible-core {contenders.versions(Path(sys.executable))['ansible-core']}",
        "peer": f"community.docker {peer['community.docker']} on ansible-core {peer['ansible-core']}",
        "whole benchmark": f"{(time.monotonic() - BEGAN) / 60:.0f} minutes",
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="See tests/bench/__main__.py.")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"runs that count of each (default {REPEATS})")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of nodes, e.g. 7,21 (default)")
    options = parser.parse_args(arguments)
    sizes = sorted(int(size) for size in options.sizes.split(","))
    load = os.getloadavg()[0]
    try:
        contenders.prepare()
        lab = Lab.up("bench", managers=MANAGERS, workers=max(sizes) - MANAGERS)
        runs: list[Run] = []
        for run in measure(lab, [Bed(lab, size) for size in sizes], options.repeats):
            runs.append(run)
            (CACHE / "runs.json").write_text(json.dumps([asdict(item) for item in runs], indent=1))
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    titles = {contender.key: contender.title for contender in CONTENDERS}
    print("\n" + report.tables(runs, titles), flush=True)
    if options.repeats >= REPEATS and set(SIZES) <= set(sizes):
        put(DOCUMENT, "provision", report.document(runs, titles, facts(lab, options.repeats, load), "make bench"))
        say(f"written: {DOCUMENT.relative_to(ROOT)}")
    return 0 if all(reached for _target, _value, reached in report.verdicts(runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
