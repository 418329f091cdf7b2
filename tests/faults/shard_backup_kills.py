# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`backup` broken off: the module killed at each of its steps, the playbook after each task, the connection, the power.

The swarm is autolocked, of three managers and two workers, with a workload that is asked over HTTP all the time. The
checker after each: every manager reachable, no guard, key or copy left on the node that was stopped, every archive on
the controller proven, no lease, no failed request; and the next backup succeeds.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.lab import Lab
from tests.testinfra import nemesis, objects, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator

TITLE = "`backup` of an autolocked swarm of three managers, broken off, and run again."
COLUMNS = ("back after", "failed requests", "next backup")

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
SUITES = {"trixie": "26.1", "bookworm": "20.10", "forky": "28.5"}
STOP = "Stop, copy, start, prove"
KILLS = (("Take the lease", 0.1), (STOP, 0.1), (STOP, 0.8), (STOP, 1.6), (STOP, 2.4), (STOP, 4.0),
         ("Bring the archive here and prove it again", 0.1), ("Bring the archive here and prove it again", 0.8),
         ("Give the lease back", 0.1))
"""The tasks that act, and seconds after their headline."""


@dataclass
class Bed:
    """One lab with its swarm."""

    lab: Lab
    inventory: Path
    controller: Path


@dataclass
class Shared:
    """What all points use. A lab comes up with its first point."""

    operator: Operator
    folder: Path
    stack: ExitStack
    beds: dict[str, Bed] = field(default_factory=dict)

    def bed(self, suite: str) -> Bed:
        if suite not in self.beds:
            lab = Lab.up(f"backup-{suite}", managers=3, workers=2, suite=suite)
            self.stack.callback(lab.down)
            lab.reset()
            controller = self.folder / suite
            inventory = Inventories(lab, self.folder / f"inventories-{suite}").write(
                MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(controller))
            self.operator.provision(inventory)
            objects.populate(lab)
            self.beds[suite] = Bed(lab, inventory, controller)
        return self.beds[suite]


def points() -> list[str]:
    """Every break, on every engine."""
    breaks = [*(f"module killed at {step}" for step in nemesis.STEPS),
              *(f"playbook killed at {task} + {delay} s" for task, delay in KILLS),
              "connection killed at copying", "cable pulled at copying", "power cut at stopping",
              "power cut at copying", "guard killed at copying, then the module", "disk full at copying"]
    return [f"{suite}: {broken}" for suite in SUITES for broken in breaks]


@contextmanager
def session() -> Iterator[Shared]:
    """Labs of its own, one an engine."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for suite in SUITES:
            (folder / f"inventories-{suite}").mkdir()
        yield Shared(Operator(folder), folder, stack)


def run(shared: Shared, point: str) -> list[str]:
    """Break one backup off, wait until the manager is back, and take another one."""
    suite, _, broken = point.partition(": ")
    bed = shared.bed(suite)
    lab = bed.lab
    target = next(node.hostname for node in swarms.by_hostname(swarms.host(lab, "m1")).values()
                  if node.role == "manager" and not node.leader)
    other = next(name for name in MANAGERS if name != target)
    with lab.probe(WORKERS, period=0.1) as probe:
        began = _break(shared.operator, bed, target, broken)
        if broken.startswith("power"):
            lab.node(target).start()
            unlocked = shared.operator.run("unlock", bed.inventory)
            assert unlocked.ok, unlocked.report
        swarms.eventually(lambda: _is_back(lab, other, target), f"{target} is back", seconds=120)
        back = time.monotonic() - began
        swarms.eventually(lambda: _guard_is_gone(lab, target), "the guard has ended", seconds=60)
        _assert_clean(lab, target)
        again = shared.operator.run("backup", bed.inventory, swarm_backup_hosts=[target])
        assert again.ok, again.report
    assert not probe.failures, probe.failures[:3]
    swarms.assert_swarm(lab, MANAGERS, WORKERS)
    _assert_clean(lab, target)
    verified = shared.operator.run("verify_backup", bed.inventory)
    assert verified.ok, verified.report
    return [f"{back:.1f} s", f"0 of {probe.requests}", f"{again.seconds:.0f} s"]


def _break(operator: Operator, bed: Bed, target: str, broken: str) -> float:
    """Begin a backup and break it off; the time when it broke."""
    node = bed.lab.node(target)
    start = lambda: operator.start("backup", bed.inventory, swarm_backup_hosts=[target])  # noqa: E731
    if broken.startswith("playbook"):
        task, _, delay = broken.removeprefix("playbook killed at ").removesuffix(" s").rpartition(" + ")
        running = start()
        running.wait_for(lambda output: f"TASK [quorum.swarm.backup : {task}]" in output)
        time.sleep(float(delay))
        if running.alive:
            running.kill()
        return time.monotonic()
    if broken.startswith("power"):
        with nemesis.power_cut_at(node, broken.rpartition(" ")[2]):
            running = start()
        began = time.monotonic()
    elif broken.startswith("module"):
        with nemesis.module_killed_at(node, broken.rpartition(" ")[2]):
            running = start()
        began = time.monotonic()
    elif broken.startswith("disk"):
        node.run("mkdir -p /var/lib/quorum.swarm && mount -t tmpfs -o size=300m tmpfs /var/lib/quorum.swarm")
        with _at(node, "stopping", "dd if=/dev/zero of=/var/lib/quorum.swarm/full bs=1M 2>/dev/null"):
            running = start()
        began = time.monotonic()
        failed = running.wait()
        node.run("umount /var/lib/quorum.swarm")
        assert "No space left on device. Docker runs again." in failed.failures, failed.report
    elif broken.startswith("guard"):
        with nemesis.module_killed_at(node, "copying"), _at(node, "stopping", "pkill -9 -f restart_guard.py"):
            running = start()
        began = time.monotonic()
    else:
        cut: Callable[[], object] = node.partition if broken.startswith("cable") else (
            lambda: node.run("pkill -9 -f 'sshd.*@notty|sshd-session'", check=False))
        with _at(node, "copying", cut):
            running = start()
        began = time.monotonic()
        if broken.startswith("cable"):
            time.sleep(5)
            node.reconnect()
    ended = running.wait()
    # A cable that is plugged in again is no end to a connection: that run may go on.
    assert broken.startswith("cable") or not ended.ok, f"nothing was broken: {ended.report}"
    return began


@contextmanager
def _at(node, step: str, act) -> Iterator[None]:
    """While this lasts, do something, or run a command on the node, when a module on it comes to the step."""
    node.run("rm -f /run/quorum.swarm/step")
    seen: list[str] = []

    def wait() -> None:
        script = (f"n=0; while [ $n -lt 6000 ] && ! grep -qx {step} /run/quorum.swarm/step 2>/dev/null; do "
                  "n=$((n+1)); sleep 0.01; done; cat /run/quorum.swarm/step"
                  + (f"; {act}" if isinstance(act, str) else ""))
        seen.append(node.run(script, check=False, timeout=150).stdout.strip())
        if not isinstance(act, str):
            act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert seen == [step], seen


def _is_back(lab: Lab, other: str, target: str) -> bool:
    node = swarms.by_hostname(swarms.host(lab, other)).get(target)
    return node is not None and (node.reachability, node.state) == ("reachable", "ready")


def _guard_is_gone(lab: Lab, target: str) -> bool:
    return lab.node(target).run("systemctl is-active quorum-swarm-restart-guard", check=False).returncode != 0


def _assert_clean(lab: Lab, target: str) -> None:
    """No unlock key lies on the node, and nothing that was begun there still runs."""
    left = lab.node(target).run("grep -rlsE 'SWMKE[Y]' /run/quorum.swarm /var/lib/quorum.swarm /tmp /root/.ansible; "
                                "ls -A /run/quorum.swarm/guard/order.json 2>/dev/null", check=False).stdout
    assert left == "", f"{target}: {left}"
