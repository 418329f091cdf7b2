# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a recovery takes, phase by phase, against the same steps typed by somebody who knows all answers.

    python -m tests.bench.recover [--repeats N] [--suites trixie,bookworm,forky]

On each engine a swarm of five managers and two workers, without autolock: by Docker's own commands an autolocked one
cannot be recovered. The leader and two more managers are powered off; then, in turns, the playbook `recover`, and the
expert's commands over ssh, one after the other without a pause. The same state of the swarm is put back before each.
What was measured is kept in .cache/bench, engine by engine: a run that was broken off measures only what is missing of
the same commit, and several runs can share the engines. The one that ends last writes the section `recover` of
docs/benchmarks.md, where each engine was measured often enough.

Touches the labs `bench-SUITE` and .cache/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.lab import Lab
from tests.lab.node import RUNNING
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator

from .bed import CACHE
from .page import DOCUMENT, commit, machine, put

MANAGERS, WORKERS = ["m1", "m2", "m3", "m4", "m5"], ["w1", "w2"]
SUITES = ("trixie", "bookworm", "forky")
REPEATS = 3
UP, WHOLE = PHASES = ("a leader", "full strength")
SAFETY = ("judging", "bringing back", "confirming")
"""What the playbook does before it touches anything: two readings 20 s apart, hosts that do not answer, evidence."""
TAR = "/root/swarm.tar"


@dataclass
class Figures:
    """What was measured on one engine: seconds."""

    version: str = ""
    safety: list[float] = field(default_factory=list)
    """Of the playbook, until it begins to change something."""
    ours: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PHASES})
    """From then on, until each phase is through."""
    hand: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PHASES})


@dataclass
class Bed:
    """A swarm that is lost again and again."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path
    swarm_id: str
    nodes: dict[str, str]
    """Node ID by hostname."""

    def lose(self) -> tuple[list[str], list[str]]:
        """Put the state of before back, and turn the leader and two more off. Returns who is lost, and who is left."""
        names = [*MANAGERS, *WORKERS]
        for name in names:
            if self.lab.node(name).state != RUNNING:
                self.lab.node(name).start()
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self.lab.node(name).run(
                f"systemctl stop docker.socket docker; rm -rf {restored.STATE} /var/lib/quorum.swarm; "
                f"tar -C /var/lib/docker -xf {TAR}; systemctl reset-failed docker docker.socket"), names))  # fmt: skip
            list(pool.map(lambda name: self.lab.node(name).run("systemctl start docker", timeout=120), names))
        swarms.eventually(lambda: _reachable(self.lab, "m1") == set(MANAGERS), "five managers", seconds=120)
        manager = swarms.host(self.lab, "m1")
        leader = swarms.eventually(lambda: next((node.hostname for node in swarms.members(manager) if node.leader), ""),
                                   "a leader")  # fmt: skip
        lost = sorted([leader, *[name for name in MANAGERS if name != leader][:2]])
        for name in lost:
            self.lab.node(name).kill()
        return lost, [name for name in MANAGERS if name not in lost]


def _reachable(lab: Lab, manager: str) -> set[str]:
    nodes = swarms.by_hostname(swarms.host(lab, manager))
    if any(nodes[name].state != "ready" for name in WORKERS):
        return set()
    return {name for name, node in nodes.items() if node.reachability == "reachable"}


def measure(suite: str, folder: Path, operator: Operator, repeats: int) -> Figures:
    """By the playbook and by hand, in turns."""
    found = Figures()
    lab = Lab.up(f"bench-{suite}", managers=5, workers=2, suite=suite)
    try:
        lab.reset()
        controller = folder / suite
        inventory = Inventories(lab, folder).write(
            MANAGERS, WORKERS, swarm_controller_dir=str(controller), ansible_timeout=5
        )
        operator.provision(inventory)
        objects.populate(lab, "m1")
        manager = swarms.host(lab, "m1")
        nodes = {name: node.id for name, node in swarms.by_hostname(manager).items()}
        bed = Bed(lab, operator, inventory, controller, str(swarms.swarm(manager)["ID"]), nodes)
        found.version = lab.node("m1").run("docker version --format '{{.Server.Version}}'").stdout.strip()
        for name in (*MANAGERS, *WORKERS):
            lab.node(name).run(f"systemctl stop docker.socket docker; tar -C /var/lib/docker -cf {TAR} swarm")
        for repeat in range(repeats):
            for way in (_ours, _by_hand)[:: 1 if repeat % 2 else -1]:
                way(bed, found)
                print(f"{suite}: {asdict(found)}", flush=True)
    finally:
        lab.down()
    return found


def _ours(bed: Bed, found: Figures) -> None:
    lost, left = bed.lose()
    run = bed.operator.run("recover", bed.inventory, swarm_recover_confirm=bed.swarm_id, swarm_recover_lost=lost)
    assert run.ok, run.report
    assert _reachable(bed.lab, left[0]) == set(left), run.report
    path = max((bed.controller / "reports").glob("recover-*.json"), key=lambda one: one.stat().st_mtime)
    phases = json.loads(path.read_text())["phases"]
    found.safety.append(sum(phases[name] for name in SAFETY))
    until = 0.0
    for name, parts in ((UP, ("surveying", "forcing")), (WHOLE, ("following", "provisioning"))):
        until += sum(phases[part] for part in parts)
        found.ours[name].append(until)


def _by_hand(bed: Bed, found: Figures) -> None:
    """Docker's guide, "Recover from losing the quorum", and what makes it whole: the entries of the others removed,
    the other survivor joined anew with zone and availability, new tokens and a new root certificate.
    """
    lost, left = bed.lose()
    first, second = (bed.lab.node(name) for name in left)
    begun = time.monotonic()
    first.run(f"docker swarm init --force-new-cluster --advertise-addr {first.addr}", timeout=120)
    swarms.eventually(lambda: first.run("docker node ls", check=False).returncode == 0, "a leader", seconds=120)
    found.hand[UP].append(time.monotonic() - begun)
    second.run("docker swarm leave --force", timeout=60)
    for name in (*lost, left[1]):
        node = bed.nodes[name]
        first.run(f"docker node demote {node}; docker node rm --force {node}", check=False)
    first.run("docker swarm join-token --quiet --rotate worker")
    token = first.run("docker swarm join-token --quiet --rotate manager").stdout.strip()
    second.run(f"docker swarm join --token {token} --advertise-addr {second.addr} {first.addr}:2377", timeout=60)
    new = second.run("docker info --format '{{.Swarm.NodeID}}'").stdout.strip()
    first.run(f"docker node update --availability drain --label-add zone={second.zone} {new}")
    first.run("docker swarm ca --rotate --quiet", timeout=120)
    swarms.eventually(lambda: _reachable(bed.lab, left[0]) == set(left), "two managers")
    found.hand[WHOLE].append(time.monotonic() - begun)


def _file(suite: str) -> Path:
    return CACHE / f"recover-{suite}.json"


def keep(suite: str, found: Figures) -> None:
    """What was measured of this commit on this engine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    _file(suite).write_text(json.dumps({"commit": commit(), "figures": asdict(found)}))


def kept(suite: str, repeats: int) -> Figures | None:
    """What is kept of it; None: nothing, or of another commit, or too little."""
    if not _file(suite).is_file():
        return None
    data = json.loads(_file(suite).read_text())
    found = Figures(**data["figures"])
    return found if data["commit"] == commit() and len(found.safety) >= repeats else None


def section(figures: Sequence[Figures], repeats: int, command: str) -> str:
    """The section of the document."""
    lines = [
        "## Recover",
        "",
        f"Written by `{command}`; do not edit, run it again.",
        "",
        "Of five managers the leader and two more were powered off, two workers run on; no autolock, because by "
        "Docker's own commands an autolocked swarm cannot be recovered. *Safety*: the playbook before it touches "
        "anything; two readings more than 20 s apart, hosts that do not answer, the search for the lost. Then, seconds "
        "until there is a leader, and until both survivors are managers again, the entries of the lost are removed, "
        "tokens and root certificate are new: by the playbook, which reads and copies both raft logs first, and typed "
        "over ssh by somebody who knows all answers, without a pause and without a look at anything. Medians "
        "(min–max).",
        "",
        "| Docker | until | safety | playbook | by hand | ratio |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for one in figures:
        for name in PHASES:
            ratio = median(one.ours[name]) / median(one.hand[name])
            safety = _spread(one.safety) if name == UP else ""
            times = f"{_spread(one.ours[name])} | {_spread(one.hand[name])}"
            lines.append(f"| {one.version} | {name} | {safety} | {times} | {ratio:.2f} |")
    lines += ["", f"Target: at most 1.5 times the expert. {repeats} repeats. {machine()}"]
    return "\n".join(lines) + "\n"


def _spread(times: Sequence[float]) -> str:
    return f"{median(times):.1f} s ({min(times):.1f}–{max(times):.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recover", description="See tests/bench/recover.py.")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--suites", default=",".join(SUITES))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        operator = Operator(Path(name))
        for suite in options.suites.split(","):
            if kept(suite, options.repeats) is None:
                keep(suite, measure(suite, Path(name), operator, options.repeats))
    known = {suite: kept(suite, options.repeats) for suite in SUITES}
    figures = [one for one in known.values() if one is not None]
    text = section(figures, options.repeats, "python -m tests.bench.recover")
    print(text)
    missing = [suite for suite, one in known.items() if one is None]
    if missing:
        print(f"not written: of this commit {', '.join(missing)} is not measured")
    elif options.repeats >= REPEATS:
        put(DOCUMENT, "recover", text)
        print(f"written: {os.path.relpath(DOCUMENT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
