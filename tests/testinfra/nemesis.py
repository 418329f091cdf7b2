# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks a backup at a chosen step: kills the module on its node, or the node itself. For tests only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.node import Node

STEPS = ("arming", "stopping", "copying", "starting", "returning", "proving", "packing")
"""What `swarm_backup` says in /run/quorum.swarm/step, in its order."""

# Runs on the node: waits for the step, then kills the module whose process the lock belongs to. argv: the step.
_KILL = """
import os, signal, sys, time
end = time.monotonic() + 120
def holder():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if "/run/quorum.swarm/stop.lock" in links:
            found.append(int(pid))
    return found
def step():
    try:
        with open("/run/quorum.swarm/step") as stream:
            return stream.read().strip()
    except OSError:
        return ""
pids = []
while not pids and time.monotonic() < end:
    time.sleep(0.01)
    if os.path.exists("/run/quorum.swarm/stop.lock"):
        pids = holder()
while step() != sys.argv[1]:
    time.sleep(0.002)
    if time.monotonic() > end:
        sys.exit("the step did not come")
for pid in pids:
    os.kill(pid, signal.SIGKILL)
print(len(pids))
"""


@contextmanager
def module_killed_at(node: Node, step: str) -> Iterator[None]:
    """While this lasts, the module that stops Docker on the node is killed (SIGKILL) when it comes to the step."""
    node.run("rm -f /run/quorum.swarm/step /run/quorum.swarm/stop.lock")
    killed: list[str] = []

    def wait() -> None:
        done = node.run(["python3", "-c", _KILL, step], check=False, timeout=150)
        killed.append(done.stdout.strip() or done.stderr.strip())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)  # until it looks
    try:
        yield
    finally:
        thread.join()
    assert killed not in ([], ["0"]), f"nothing was killed at {step}"
    assert killed[0].isdigit(), f"nothing was killed at {step}: {killed[0]}"


@contextmanager
def power_cut_at(node: Node, step: str) -> Iterator[None]:
    """While this lasts, the node's power fails when a module on it comes to the step. It stays off."""
    node.run("rm -f /run/quorum.swarm/step")
    seen: list[bool] = []

    def wait() -> None:
        script = (f"n=0; while [ $n -lt 6000 ] && ! grep -qx {step} /run/quorum.swarm/step 2>/dev/null; do "
                  "n=$((n+1)); sleep 0.02; done; cat /run/quorum.swarm/step")
        seen.append(node.run(script, check=False, timeout=150).stdout.strip() != "")
        node.kill()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert seen == [True]
