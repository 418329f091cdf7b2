# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`restore` broken off, and run again: the module killed at each of its steps, the restored host's power cut, the
playbook killed (SIGKILL, the whole process group) at one task after the other.

Every manager was lost; on the restored host lies what was there before. The checker after the second run: the swarm has
its cluster ID, one leader, all objects of the archive; a new task on every worker reads the old secret and config; the
kept unlock key is the swarm's; no key lies in clear, no half-written state, no received archive; and what lay on the
host before is below /var/lib/quorum.swarm/aside, whole. After a kill of the module, a third run changes nothing; after
one of the playbook, managers, roles, zones and leases are as they should be.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.testinfra import nemesis, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run, Running
from tests.testinfra.restored import Lost

TITLE = "`restore` of a swarm of three managers that are all gone, broken off, and run again."
COLUMNS = ("broken off", "a key lay in clear then", "second run")

MANAGERS, WORKERS, HOST = ["m1", "m2", "m3"], ["w1", "w2"], "m2"
SUITES = {"trixie": "26.1", "bookworm": "20.10", "forky": "28.5"}
PLAIN = "no autolock"
STEPS = ("stop", "aside", "place", "start", "force", "restart", "return", "rotate")
"""What `swarm_restore` says in /run/quorum.swarm/step, in its order."""
POWER = ("place", "force", "rotate")
RESTORE = "restore : Bring the swarm up from the archive"
TASKS = (
    ("restore : Prove the archive, and name the host that is restored", 0.1), ("restore : Observe", 0.1),
    ("restore : Decide", 0.1), (RESTORE, 0.1), (RESTORE, 1.5), (RESTORE, 3.0), (RESTORE, 5.0), (RESTORE, 8.0),
    ("restore : Keep the unlock key", 0.1), ("restore : Keep the unlock key", 1.0),
    ("restore : Decide how the others come back", 0.1), ("restore : Remove entries that are nobody's any more", 0.1),
    ("restore : Remove entries that are nobody's any more", 1.5), ("restore : Follow the restored manager", 0.1),
    ("restore : Follow the restored manager", 2.0), ("restore : See who came back", 0.1),
    ("restore : Wait until the nodes are back", 0.1), ("cluster : Guard", 0.1),
    ("cluster : Observe", 0.1), ("cluster : Decide", 0.1), ("cluster : Take the lease", 0.1), ("cluster : Join", 0.1),
    ("cluster : Join", 1.5), ("cluster : Place", 0.1), ("cluster : Place", 1.5),
    ("cluster : Report", 0.1), ("restore : Note the time", 0.1), ("backup : Take the lease", 0.1),
    ("backup : Stop, copy, start, prove", 1.5), ("backup : Bring the archive here and prove it again", 0.1),
    ("backup : Give the lease back", 0.1), ("restore : Look again", 0.1), ("restore : Report", 0.1),
)  # fmt: skip
"""The tasks of a whole run, in their order, and seconds after their headline."""
OLD = "what was here before"


@dataclass
class Bed:
    """One lab with its lost swarm."""

    lost: Lost
    locked: bool
    stale: set[str]
    """Hosts that may know something of the swarm."""

    @property
    def lab(self) -> Lab:
        return self.lost.lab


@dataclass
class Shared:
    """What all points use. A lab comes up with its first point."""

    operator: Operator
    folder: Path
    stack: ExitStack
    labs: dict[str, Lab] = field(default_factory=dict)
    beds: dict[str, Bed] = field(default_factory=dict)

    def bed(self, name: str) -> Bed:
        if name not in self.beds:
            suite, _, plain = name.partition(", ")
            if suite not in self.labs:
                self.labs[suite] = Lab.up(f"rkills-{suite}", managers=3, workers=2, suite=suite)
                self.stack.callback(self.labs[suite].down)
            lab = self.labs[suite]
            lab.reset()
            folder = self.folder / name.replace(", ", "-").replace(" ", "-")
            folder.mkdir()
            controller = folder / "controller"
            variables: dict[str, Any] = {**restored.SETTINGS, "swarm_controller_dir": str(controller)}
            if not plain:
                variables["swarm_autolock"] = True
            inventory = Inventories(lab, folder).write(MANAGERS, WORKERS, **variables)
            lost = Lost.of(self.operator, lab, inventory, controller, MANAGERS, WORKERS, HOST)
            # Each restore takes a backup: this one is not to be aged away.
            archive = Path(shutil.copy2(lost.archive, folder))
            self.beds = {name: Bed(replace(lost, archive=archive), not plain, set(MANAGERS))}
        return self.beds[name]


def points() -> list[str]:
    """Every break, on every engine."""
    module = [f"module killed at {step}" for step in STEPS]
    power = [f"power cut at {step}" for step in POWER]
    tasks = [f"playbook killed at {task} + {delay} s" for task, delay in TASKS]
    found = []
    for suite in SUITES:
        found += [f"{suite}: {broken}" for broken in (*module, *power, *tasks)]
        if suite == "bookworm":
            # Without autolock nothing is rotated; the step says so for a moment only.
            found += [f"{suite}, {PLAIN}: {broken}" for broken in (*module, *power) if "rotate" not in broken]
    return found


@contextmanager
def session() -> Iterator[Shared]:
    """Labs of its own, one an engine."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        yield Shared(Operator(Path(name)), Path(name), stack)


def run(shared: Shared, point: str) -> list[str]:
    """Lose the swarm, break its restore off, and run it again."""
    name, _, broken = point.partition(": ")
    bed = shared.bed(name)
    _lose(bed)
    what, _, at = broken.partition(" killed at " if "killed" in broken else " cut at ")
    if what == "playbook":
        return _playbook(shared.operator, bed, at)
    return _module(bed, what, at)


def _lose(bed: Bed) -> None:
    """No manager knows anything of the swarm any more; on the host that is restored lies something."""
    script = (f"systemctl stop docker.socket docker; rm -rf {restored.STATE} {restored.STATE}/../.quorum* "
              "/var/lib/quorum.swarm; {lay}systemctl reset-failed docker.socket docker; "
              "systemctl start docker")  # fmt: skip
    lay = f"mkdir -p {restored.STATE}/certificates; echo {OLD} > {restored.STATE}/certificates/old; "
    names = sorted(bed.stale | {HOST})
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: bed.lab.node(name).run(script.format(lay=lay if name == HOST else "")), names))
    bed.stale = {HOST}


def _module(bed: Bed, what: str, step: str) -> list[str]:
    """The module alone: it makes a swarm of one, whose workers come back by themselves."""
    node = bed.lab.node(HOST)
    book = _book(bed)

    def restore(*arguments: str) -> Run:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(bed.lost.inventory), str(book)]
        return Running([*command, *arguments], book.with_suffix(".log")).wait()

    if what == "module":
        with nemesis.module_killed_at(node, step):
            first = restore()
    else:
        with nemesis.power_cut_at(node, step):
            first = restore()
        node.start()
    assert not first.ok, f"nothing was broken: {first.report}"
    clear = restored.clear_keys(bed.lab, HOST) if bed.locked else []
    again = restore()
    unknown = (what, step) == ("power", "rotate") and "no kept key opens it" in again.output
    if unknown:  # it was changed, and lost with the power: the operator has to say so
        again = restore("-e", "allow=true")
    assert again.ok, again.report
    assert not clear or "in clear on the disk" in again.output, f"nothing is said of {clear}: {again.report}"
    third = restore()
    assert third.ok, third.report
    assert not third.changed, third.report
    swarms.eventually(lambda: _workers_are_back(bed), "the workers are back", seconds=90)
    listed = swarms.by_hostname(swarms.host(bed.lab, HOST))
    assert [name for name, one in listed.items() if one.reachability == "reachable"] == [HOST], listed
    assert [name for name, one in listed.items() if one.leader] == [HOST], listed
    replace(bed.lost, managers=[HOST]).assert_back(HOST)
    _assert_clean(bed)
    return [f"at {step}{', its key known to nobody' * unknown}", "yes" if clear else "no", f"{again.seconds:.0f} s"]


def _workers_are_back(bed: Bed) -> bool:
    listed = swarms.by_hostname(swarms.host(bed.lab, HOST))
    return all(listed[name].state == "ready" for name in WORKERS)


def _book(bed: Bed) -> Path:
    """A playbook of the module alone, and of what keeps the new key."""
    kept = str(bed.lost.controller)
    wanted = {
        "archive": str(bed.lost.archive),
        "sha256": hashlib.sha256(bed.lost.archive.read_bytes()).hexdigest(),
        "keys_in": kept,
        "allow_running": "{{ allow | default(false) }}",
    }
    tasks: list[dict[str, Any]] = [
        {"quorum.swarm.swarm_restore": wanted, "no_log": True, "register": "restored"},
        {"ansible.builtin.debug": {"msg": "{{ restored.relocked }}"}},
    ]
    if bed.locked:
        tasks.append({"quorum.swarm.swarm_settings": {"keep_unlock_key_in": kept}, "no_log": True})
    workers = [bed.lost.nodes[name] for name in WORKERS]
    tasks.append({"quorum.swarm.swarm_restore": {"state": "settled", "node_ids": workers}, "no_log": True})
    path = bed.lost.inventory.with_name("module.yml")
    path.write_text(json.dumps([{"hosts": HOST, "gather_facts": False, "tasks": tasks}]))
    return path


def _playbook(operator: Operator, bed: Bed, at: str) -> list[str]:
    """The playbook: everything comes back."""
    bed.stale = set(MANAGERS)
    task, _, delay = at.removesuffix(" s").rpartition(" + ")
    headline = f"TASK [quorum.swarm.{task}]"
    running = operator.start("restore", bed.lost.inventory, swarm_restore_archive=str(bed.lost.archive))
    running.wait_for(lambda output: headline in output or "PLAY RECAP" in output)
    time.sleep(float(delay))
    if running.alive:
        running.kill()
        last = [line for line in running.output.splitlines() if line.startswith("TASK [")][-1]
        killed = last.removeprefix("TASK [quorum.swarm.").rstrip("] *")
    else:
        ended = running.wait()
        assert ended.ok, ended.report
        killed = "it had ended"
    assert headline in running.output, f"there is no task {task} any more"
    clear = restored.clear_keys(bed.lab, HOST) if bed.locked else []
    again = bed.lost.restore(operator)
    assert again.ok, again.report
    swarms.assert_swarm(bed.lab, MANAGERS, WORKERS)
    bed.lost.assert_back(HOST)
    _assert_clean(bed)
    return [killed, "yes" if clear else "no", f"{again.seconds:.0f} s, {sum(again.changed.values())} changed"]


def _assert_clean(bed: Bed) -> None:
    """Nothing of a restore lies about, and what was there before is aside."""
    node = bed.lab.node(HOST)
    left = node.run(f"ls -d {restored.STATE}/../.quorum* {restored.STATE}*.quorum* /var/lib/quorum.swarm/received "
                    f"{restored.ASIDE}/*/*.quorum* 2>/dev/null", check=False).stdout  # fmt: skip
    assert left == "", left
    aside = node.run(f"grep -rlx '{OLD}' {restored.ASIDE}", check=False).stdout.split()
    assert len(aside) == 1, f"what was there before: {aside}"
    clear = node.run(f"grep -rl -e '-BEGIN PRIVATE KEY' {restored.ASIDE}", check=False).stdout
    assert clear == "", clear
