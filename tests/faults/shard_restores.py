# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`restore` of swarms of three and five managers, with and without autolock, on every engine, in each situation that it
is for. The workers run the old swarm's tasks all the time, and are asked over HTTP.

The checker after each: the swarm has its ID, settings, address pool, port and objects; all managers are reachable and
spread, workers have kept their nodes; new tasks read the secret and the config, and reach each other over the overlay
network; the kept unlock key is right, no key lies in clear; no failed request; and the second run changes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.testinfra import restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.restored import Lost

TITLE = "`restore` of a swarm that is gone, from a backup of its first manager."
COLUMNS = ("managers that stayed the nodes they were", "on the host", "swarm up after", "whole after",
           "failed requests")

WORKERS = ["w1", "w2"]
SUITES = {"trixie": "26.1", "bookworm": "20.10", "forky": "28.5"}
WIPED = "wiped"
NEW_HOST = "a new machine has the address"
LEFTOVERS = "another swarm's leftovers"
OLD_STATE = "the other managers' state is there"
CASES = ((3, False, WIPED), (3, True, NEW_HOST), (3, False, LEFTOVERS), (3, True, OLD_STATE), (5, True, WIPED),
         (5, False, OLD_STATE), (5, True, NEW_HOST), (5, True, LEFTOVERS))


@dataclass
class Shared:
    """What all points use. A lab comes up with its first point."""

    operator: Operator
    folder: Path
    stack: ExitStack
    labs: dict[str, Lab] = field(default_factory=dict)

    def lab(self, suite: str) -> Lab:
        if suite not in self.labs:
            lab = Lab.up(f"restores-{suite}", managers=5, workers=2, suite=suite)
            self.stack.callback(lab.down)
            self.labs[suite] = lab
        self.labs[suite].reset()
        return self.labs[suite]


def points() -> list[str]:
    """Every case, on every engine."""
    return [f"{suite}: {count} managers, {'autolock' if locked else 'no autolock'}, {situation}"
            for suite in SUITES for count, locked, situation in CASES]


@contextmanager
def session() -> Iterator[Shared]:
    """Labs of its own, one an engine."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        yield Shared(Operator(Path(name)), Path(name), stack)


def run(shared: Shared, point: str) -> list[str]:
    """Make the swarm, back it up, lose it, and bring it back."""
    suite, _, case = point.partition(": ")
    count, lock, situation = case.split(", ")
    lab = shared.lab(suite)
    managers = [f"m{number}" for number in range(1, int(count.split()[0]) + 1)]
    folder = shared.folder / point.replace(" ", "-").replace("'", "")
    folder.mkdir()
    controller = folder / "controller"
    variables: dict[str, Any] = {**restored.SETTINGS, "swarm_controller_dir": str(controller)}
    if lock == "autolock":
        variables["swarm_autolock"] = True
    inventory = Inventories(lab, folder).write(managers, WORKERS, **variables)
    lost = Lost.of(shared.operator, lab, inventory, controller, managers, WORKERS, "m1")
    tasks = restored.containers(lab, WORKERS)
    down = _lose(lab, managers, situation)
    with lab.probe(WORKERS, period=0.1) as probe:
        done = lost.restore(shared.operator, **({"swarm_restore_lost": down} if down else {}))
    assert done.ok, done.report
    swarms.assert_swarm(lab, managers, WORKERS)
    lost.assert_back("m1")
    assert not probe.failures, probe.failures[:3]
    now = {name: node.id for name, node in swarms.by_hostname(swarms.host(lab, "m1")).items()}
    assert {name: now[name] for name in ("m1", *WORKERS)} == {name: lost.nodes[name] for name in ("m1", *WORKERS)}
    for name in WORKERS:
        assert tasks[name] <= restored.containers(lab, [name])[name], f"a task of {name} did not run on"
    told = restored.report(controller)
    assert (told["missing"], told["extra"]) == ({}, {}), {name: told[name] for name in ("missing", "extra")}
    again = lost.restore(shared.operator)
    assert again.ok, again.report
    assert not again.changed, again.report
    kept = [name for name in managers if now[name] == lost.nodes[name]]
    wanted = managers if situation == OLD_STATE else ["m1"]
    assert kept == wanted, f"{kept} stayed the nodes they were, not {wanted}"
    phases: dict[str, float] = told["engine_phases"]
    up = sum(seconds for name, seconds in phases.items() if name != "bring")
    return [", ".join(kept), f"{up:.1f} s", f"{told['phases']['looking'] + told['phases']['restoring']:.0f} s",
            f"{done.seconds:.0f} s", f"0 of {probe.requests}"]


def _lose(lab: Lab, managers: list[str], situation: str) -> list[str]:
    """Lose every manager, so that the situation is there. Returns those whose raft log lies there."""
    first, *others = managers
    restored.stop(lab, managers)
    restored.wipe(lab, [first] if situation == OLD_STATE else managers)
    if situation == NEW_HOST:
        lab.node(first).run("systemctl stop docker.socket docker; rm -rf /var/lib/docker/* /etc/docker/key.json; "
                            "systemctl start docker")  # fmt: skip
    if situation == LEFTOVERS:
        for name in (first, others[0]):
            lab.node(name).run(f"docker swarm init --advertise-addr {lab.node(name).addr}")
            restored.stop(lab, [name])
    return others if situation == OLD_STATE else []
