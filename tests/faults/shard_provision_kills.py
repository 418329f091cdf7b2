# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provision killed at each task that acts, and run again: the nemesis is SIGKILL to everything the run started here.

The checker asks the hosts with Docker's own tools: exactly the wanted members, roles, zones and addresses, one leader,
no lease left; and a third run that changes nothing. While managers change, a global service runs, and no task of it may
ever have been on a manager.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.testinfra import swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator

TITLE = "`provision` killed (SIGKILL, the whole process group) after each acting task began, then run again."
COLUMNS = ("killed at", "second run", "third run")

DELAYS = (0.1, 0.8)
"""Seconds between the task's headline and the kill: before it acts, and while it does."""

ZONES = {"m4": "a", "m5": "b", "s1": "c"}
"""Zones of this shard's inventories, where they are others than the lab's."""


@dataclass(frozen=True)
class Case:
    """One change of the inventory, and the tasks of it that act, in their order."""

    before: dict[str, list[str]]
    after: dict[str, list[str]]
    tasks: tuple[str, ...]
    variables: dict[str, Any]


def _groups(managers: str, workers: str, absent: str = "") -> dict[str, list[str]]:
    return {"managers": managers.split(), "workers": workers.split(), "absent": absent.split()}


CASES = {
    "first": Case({}, _groups("m1 m2 m3", "w1 w2"), ("Make the swarm", "Join", "Place", "Set", "Give the lease back"),
                  {"swarm_autolock": True}),
    "grow": Case(_groups("m1 m2 m3", "w1 w2"), _groups("m1 m2 m3 m4 m5", "w1 w2"),
                 ("Take the lease", "Join", "Place"), {}),
    "shrink": Case(_groups("m1 m2 m3 m4 m5", "w1 w2"), _groups("m1 m2 m3", "w1", "m4 m5 w2"),
                   ("Take the lease", "Place", "Leave", "Place 2"), {}),
    "replace": Case(_groups("m1 m2 m3", "w1 w2"), _groups("m4 m5 s1", "w1 w2", "m1 m2 m3"),
                    ("Join", "Place", "Place 2", "Leave", "Place 3"), {}),
}


@dataclass
class Shared:
    """What all points use."""

    lab: Lab
    operator: Operator
    inventories: Inventories
    folder: Path


def points() -> list[str]:
    """Every case, task and delay."""
    return [f"{name}, {task} + {delay} s" for name, case in CASES.items() for task in case.tasks for delay in DELAYS]


@contextmanager
def session() -> Iterator[Shared]:
    """A lab of its own."""
    lab = Lab.up("kills", managers=5, workers=2, spares=1)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            yield Shared(lab, Operator(folder), Inventories(lab, folder), folder)
    finally:
        lab.down()


def run(shared: Shared, point: str) -> list[str]:
    """Bring the swarm to where the case begins, kill the change in the middle, and let the next runs finish it."""
    name, _, rest = point.partition(", ")
    task, _, delay = rest.removesuffix(" s").partition(" + ")
    case = CASES[name]
    lab = shared.lab
    lab.reset()
    variables = {**case.variables, "swarm_controller_dir": str(shared.folder / f"kept-{time.monotonic_ns()}")}
    if case.before:
        shared.operator.provision(_inventory(shared, case.before, variables))
        lab.workload_up("m1")
    inventory = _inventory(shared, case.after, variables)
    killed = _kill_at(shared.operator.start("provision", inventory), task, float(delay))
    again = shared.operator.run("provision", inventory)
    assert again.ok, again
    third = shared.operator.run("provision", inventory)
    assert third.ok, third
    assert not third.changed, third
    managers = case.after["managers"]
    swarms.assert_swarm(lab, managers, case.after["workers"], ZONES)
    _assert_key_kept(lab, managers, variables["swarm_controller_dir"])
    _assert_no_task_on_managers(lab, managers)
    return [killed, f"{again.seconds:.0f} s, {sum(again.changed.values())} changed", "changed=0"]


def _inventory(shared: Shared, groups: dict[str, list[str]], variables: dict[str, Any]) -> Path:
    return shared.inventories.write(groups["managers"], groups["workers"], groups["absent"],
                                    hosts={host: {"swarm_zone": zone} for host, zone in ZONES.items()}, **variables)


def _kill_at(running: Any, task: str, delay: float) -> str:
    """Kill the run so long after the headline of a task; "Place 2" is the second of that name."""
    words = task.split()
    number = int(words.pop()) if words[-1].isdigit() else 1
    headline = f"TASK [quorum.swarm.cluster : {' '.join(words)}]"
    running.wait_for(lambda output: output.count(headline) >= number)
    time.sleep(delay)
    if not running.alive:
        ended = running.wait()
        assert ended.ok, ended
        return "it had ended"
    running.kill()
    last = [line for line in running.output.splitlines() if line.startswith("TASK [")][-1]
    return last.split(" : ")[-1].rstrip("] *")


def _assert_key_kept(lab: Lab, managers: list[str], folder: str) -> None:
    """Where the swarm is autolocked, the kept key is the swarm's."""
    key = lab.node(managers[0]).run("docker swarm unlock-key -q", check=False).stdout.strip()
    kept = [json.loads(path.read_text())["current"] for path in Path(folder).glob("unlock-keys/*.json")]
    assert kept == ([key] if key else []), "the kept unlock key is not the swarm's"


def _assert_no_task_on_managers(lab: Lab, managers: list[str]) -> None:
    """No task of any service was ever placed on a node that is a manager now."""
    manager = swarms.host(lab, managers[0])
    ids = {node.id for node in swarms.members(manager) if node.role == "manager"}
    for service in manager.check_output("docker service ls --quiet").split():
        on = {task.get("NodeID", "") for task in swarms.tasks(manager, service)}
        assert not on & ids, f"tasks of {service} on managers: {sorted(on & ids)}"
