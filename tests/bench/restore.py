# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a restore takes, phase by phase, against the same steps typed by somebody who knows all answers.

    python -m tests.bench.restore [--repeats N] [--suites trixie,bookworm,forky]

On each engine a swarm of three managers and two workers, without autolock: by Docker's own commands an autolocked one
cannot be restored. All managers are wiped; then, in turns, the playbook `restore`, and the steps of Docker's
administration guide typed over ssh, one after the other without a pause. Writes the section `restore` of
docs/benchmarks.md where each engine that was asked for was measured often enough.

Touches the labs `bench-SUITE` and .cache/bench.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.lab import Lab
from tests.testinfra import restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.restored import Lost

from .page import DOCUMENT, machine, put

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
SUITES = ("trixie", "bookworm", "forky")
REPEATS = 3
UP, WHOLE, SAVED = PHASES = ("a leader", "all managers in their places", "a new backup")
TAR = "/root/swarm.tar"


@dataclass
class Figures:
    """What was measured on one engine: seconds from the begin until each phase was through."""

    version: str = ""
    ours: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PHASES})
    hand: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PHASES})
    on_host: list[float] = field(default_factory=list)
    """Of `ours`, what was done on the restored host, from the stop of its Docker to its last start."""


def measure(suite: str, folder: Path, operator: Operator, repeats: int) -> Figures:
    """By the playbook and by hand, in turns."""
    found = Figures()
    lab = Lab.up(f"bench-{suite}", managers=3, workers=2, suite=suite)
    try:
        lab.reset()
        controller = folder / suite
        inventory = Inventories(lab, folder).write(MANAGERS, WORKERS, swarm_controller_dir=str(controller))
        lost = Lost.of(operator, lab, inventory, controller, MANAGERS, WORKERS, "m1")
        found.version = lab.node("m1").run("docker version --format '{{.Server.Version}}'").stdout.strip()
        lab.node("m1").run(f"systemctl stop docker.socket docker; tar -C /var/lib/docker -cf {TAR} swarm; "
                           "systemctl reset-failed docker docker.socket; systemctl start docker")  # fmt: skip
        swarms.eventually(lambda: swarms.by_hostname(swarms.host(lab, "m2"))["m1"].reachability == "reachable", "back")
        for repeat in range(repeats):
            for way in (_ours, _by_hand)[:: 1 if repeat % 2 else -1]:
                restored.wipe(lab, MANAGERS)
                way(lab, operator, lost, found)
                swarms.eventually(lambda: _whole(lab), "three managers")
    finally:
        lab.down()
    return found


def _whole(lab: Lab) -> bool:
    nodes = swarms.by_hostname(swarms.host(lab, "m1"))
    return all(nodes[name].reachability == "reachable" for name in MANAGERS)


def _ours(_lab: Lab, operator: Operator, lost: Lost, found: Figures) -> None:
    run = lost.restore(operator)
    assert run.ok, run.report
    told = restored.report(lost.controller)
    phases, until = told["phases"], 0.0
    for name, parts in ((UP, ("looking", "restoring")), (WHOLE, ("following", "provisioning")), (SAVED, ("backup",))):
        until += sum(phases[part] for part in parts)
        found.ours[name].append(until)
    found.on_host.append(sum(seconds for name, seconds in told["engine_phases"].items() if name != "bring"))


def _by_hand(lab: Lab, _operator: Operator, lost: Lost, found: Figures) -> None:
    """Docker's guide, "Recover from disaster", then "Join nodes to a swarm"; zones and labels as the inventory has
    them; a backup as the guide takes one.
    """
    first, others = lab.node("m1"), [lab.node("m2"), lab.node("m3")]
    begun = time.monotonic()
    first.run("systemctl stop docker.socket docker; rm -rf /var/lib/docker/swarm")
    first.run(f"tar -C /var/lib/docker -xf {TAR}")
    first.run("systemctl reset-failed docker docker.socket; systemctl start docker", timeout=120)
    first.run(f"docker swarm init --force-new-cluster --advertise-addr {first.addr}", timeout=120)
    swarms.eventually(lambda: first.run("docker node ls", check=False).returncode == 0, "a leader", seconds=120)
    found.hand[UP].append(time.monotonic() - begun)
    token = first.run("docker swarm join-token --quiet manager").stdout.strip()
    for name in ("m2", "m3"):
        first.run(f"docker node rm --force {lost.nodes[name]}", check=False)
    for node in others:
        node.run(f"docker swarm join --token {token} --advertise-addr {node.addr} {first.addr}:2377", timeout=60)
    for node in others:
        first.run(f"docker node update --availability drain --label-add zone={node.zone} {node.name}")
    swarms.eventually(lambda: _whole(lab), "three managers")
    found.hand[WHOLE].append(time.monotonic() - begun)
    others[0].run("systemctl stop docker.socket docker; tar -C /var/lib/docker -czf /root/new.tar.gz swarm; "
                  "systemctl reset-failed docker docker.socket; systemctl start docker", timeout=120)
    swarms.eventually(lambda: _whole(lab), "three managers")
    found.hand[SAVED].append(time.monotonic() - begun)


def section(figures: Sequence[Figures], repeats: int, command: str) -> str:
    """The section of the document."""
    lines = [
        "## Restore",
        "",
        f"Written by `{command}`; do not edit, run it again.",
        "",
        "Three managers were wiped, two workers run on; no autolock, because by Docker's own commands an autolocked "
        "swarm cannot be restored. Seconds from the begin until there is a leader, until all managers are in their "
        "places with zone and availability, and until there is a new backup: by the playbook `restore`, and typed over "
        "ssh by the steps of Docker's guide, without a pause between them and without a look at anything. Medians "
        "(min–max). The playbook also proves the archive and asks every host first, compares the objects, and reads "
        "the new archive. *On the host*: of that, from the stop of Docker on the restored host until its last start.",
        "",
        "| Docker | until | playbook | by hand | ratio | on the host |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for one in figures:
        for name in PHASES:
            ratio = median(one.ours[name]) / median(one.hand[name])
            host = _spread(one.on_host) if name == UP else ""
            lines.append(f"| {one.version} | {name} | {_spread(one.ours[name])} | {_spread(one.hand[name])} "
                         f"| {ratio:.2f} | {host} |")
    lines += ["", f"{repeats} repeats. {machine()}"]
    return "\n".join(lines) + "\n"


def _spread(times: Sequence[float]) -> str:
    return f"{median(times):.1f} s ({min(times):.1f}–{max(times):.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.restore", description="See tests/bench/restore.py.")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--suites", default=",".join(SUITES))
    options = parser.parse_args(arguments)
    figures = []
    with tempfile.TemporaryDirectory() as name:
        operator = Operator(Path(name))
        figures = [measure(suite, Path(name), operator, options.repeats) for suite in options.suites.split(",")]
    text = section(figures, options.repeats, "python -m tests.bench.restore")
    print(text)
    if options.repeats >= REPEATS:
        put(DOCUMENT, "restore", text)
        print(f"written: {os.path.relpath(DOCUMENT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
