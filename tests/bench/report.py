# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers say: medians, ratios, targets, and docs/benchmarks.md made of them. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

PHASES = {"first": "first run", "converged": "converged run"}


@dataclass(frozen=True)
class Run:
    """One timed run of one contender that left the swarm as it was asked for."""

    contender: str
    size: int
    phase: str
    seconds: float
    modules: int
    """Executions of a module on a remote host."""
    commands: int
    """Commands that a connection carried, those of modules included."""


@dataclass(frozen=True)
class Target:
    """At most `limit` times as long: one cell of the tables (contender, size, phase) against another."""

    text: str
    this: tuple[str, int, str]
    other: tuple[str, int, str]
    limit: float


TARGETS = (
    Target("converged, 21 nodes: against (a)", ("ours", 21, "converged"), ("peer", 21, "converged"), 0.2),
    Target("converged: 21 nodes against 7", ("ours", 21, "converged"), ("ours", 7, "converged"), 1.3),
    Target("first run, 21 nodes: against (a)", ("ours", 21, "first"), ("peer", 21, "first"), 0.6),
)


def seconds(runs: Iterable[Run], cell: tuple[str, int, str]) -> list[float]:
    """The seconds of all runs of one cell, in their order."""
    return [run.seconds for run in runs if (run.contender, run.size, run.phase) == cell]


def ratio(runs: Sequence[Run], this: tuple[str, int, str], other: tuple[str, int, str]) -> float | None:
    """The ratio of two medians; None where one of them was not measured."""
    mine, theirs = seconds(runs, this), seconds(runs, other)
    return median(mine) / median(theirs) if mine and theirs else None


def verdicts(runs: Sequence[Run]) -> list[tuple[Target, float, bool]]:
    """Each target whose cells were measured, with its ratio and whether it is reached."""
    found = []
    for target in TARGETS:
        value = ratio(runs, target.this, target.other)
        if value is not None:
            found.append((target, value, value <= target.limit))
    return found


def _executions(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def tables(runs: Sequence[Run], titles: Mapping[str, str]) -> str:
    """Times, ratios and counts, as Markdown. titles: contender → heading."""
    lines = []
    for phase, heading in PHASES.items():
        lines += [
            f"#### {heading.capitalize()}",
            "",
            "| nodes | | median | min–max | against (a) | modules executed | remote commands |",
            "|---:|---|---:|---:|---:|---:|---:|",
        ]
        for size in sorted({run.size for run in runs}):
            for key, title in titles.items():
                cell = [run for run in runs if (run.contender, run.size, run.phase) == (key, size, phase)]
                if not cell:
                    continue
                took = [run.seconds for run in cell]
                value = ratio(runs, (key, size, phase), ("peer", size, phase))
                counted = key != "ssh"
                lines.append(
                    f"| {size} | {title} | {median(took):.1f} s | {min(took):.1f}–{max(took):.1f} s "
                    f"| {'–' if value is None else f'{value:.2f}'} "
                    f"| {_executions([run.modules for run in cell]) if counted else '–'} "
                    f"| {_executions([run.commands for run in cell]) if counted else '–'} |"
                )
        lines.append("")
    lines += ["#### Targets", "", "| ratio of medians | measured | at most | |", "|---|---:|---:|---|"]
    for target, value, reached in verdicts(runs):
        lines.append(f"| {target.text} | {value:.2f} | {target.limit:g} | {'reached' if reached else '**missed**'} |")
    return "\n".join(lines) + "\n"


def document(runs: Sequence[Run], titles: Mapping[str, str], facts: Mapping[str, str], command: str) -> str:
    """docs/benchmarks.md. facts: what the machine is and when it was asked, in the order to show."""
    described = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"""## Provision

Written by `{command}`; do not edit, run it again.

How long it takes to turn hosts with an engine into a swarm of five drained managers in three zones and their workers
(first run), and to find that nothing is to be done (converged run).

- **quorum.swarm**: `ansible-playbook quorum.swarm.provision`.
- **(a) community.docker**: `tests/bench/community.yml`, its modules as their documentation shows them: init, managers
  joined one by one, workers side by side, `docker_node` for labels and drain. No facts are gathered and nothing is
  asked that a run does not need.
- **(b) parallel ssh**: `tests/bench/plain.sh`, Docker's command line without Ansible. The floor: it guards nothing.

They differ in what they do besides: (a) and (b) neither look for foreign swarms and moved addresses, nor count voters
and zones, nor guard the quorum, nor wait until a node is what it should be; quorum.swarm does, in the times below.

How it is measured: the same nodes for all, in turns, the one that begins changing from repeat to repeat; before a first
run every engine is wiped; one round of everything is run and thrown away before the first that counts; each run opens
its own ssh connections; pipelining and 20 forks for both playbooks, and the same ansible-core. After each run the
swarm is checked (roles, raft addresses, zones, availability, every node ready); one that is not right ends the
benchmark. Executions are counted by a callback plugin, the same for both.

### Results

{tables(runs, titles)}
### Measured on

| | |
|---|---|
{described}
"""
