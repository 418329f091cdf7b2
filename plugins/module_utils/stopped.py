# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A manager whose Docker is stopped for a moment: whether it may be, who starts it should this process die, and the way
back into the swarm.

Drives the engine that it is handed, ``docker.service``, and the restart guard below ``/run/quorum.swarm``. Whether the
swarm can bear the stop is decided in core/restart.py, from the engine's own answer at this moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TextIO

from ansible_collections.quorum.swarm.plugins.module_utils import host, restart_guard, services
from ansible_collections.quorum.swarm.plugins.module_utils.core import restart
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node, Swarm
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    membership_facts,
    node_facts,
    swarm_facts,
    wait_until,
)

RUNTIME = "/run/quorum.swarm"
"""On a tmpfs: what is in it is gone when the power is."""
GUARD = os.path.join(RUNTIME, "guard")
GUARD_UNIT = "quorum-swarm-restart-guard.service"
GUARD_PROGRAM = "restart_guard.py"
LOCK = os.path.join(RUNTIME, "stop.lock")
STEP = os.path.join(RUNTIME, "step")
"""What is being done, for whoever looks."""
OTHERS = 60.0
"""Seconds for somebody else's stop to end: a module whose controller was killed goes on, and is through by then."""
ARMING = 15.0
"""Seconds for the guard to be there."""


class Refused(Exception):
    """Docker is not stopped here, or did not come back as it should. One sentence with the fact and the remedy."""


def nodes_of(engine: Engine) -> list[Node]:
    """The swarm's nodes as this manager lists them."""
    return [Node.of(node_facts(raw)) for raw in engine.nodes()]


@dataclass(frozen=True)
class Standing:
    """A member's place in its swarm, looked at right before it is stopped."""

    membership: Membership
    nodes: tuple[Node, ...] = ()
    autolock: bool = False
    silent: tuple[str, ...] = ()
    """IDs of voters at whose raft address nobody answers a TLS greeting now."""

    @classmethod
    def look(cls, engine: Engine) -> Standing:
        """:raises EngineError: it could not be asked."""
        membership = Membership.of(membership_facts(engine.info()))
        if not membership.control or membership.error:
            return cls(membership)
        nodes = nodes_of(engine)
        autolock = Swarm.of(swarm_facts(engine.swarm())).autolock
        silent = [node.id for node in nodes if node.voter and node.id != membership.node_id
                  and not services.speaks_tls(node.manager_addr)]
        return cls(membership, tuple(nodes), autolock, tuple(silent))

    def refusal(self, allow_pause: bool, key_at_hand: bool = False) -> str:
        """Why its engine may not be stopped now; empty: it may.

        :param key_at_hand: whether the unlock key stays on this host meanwhile, so that no other manager is needed.
        """
        autolock = self.autolock and not key_at_hand
        return restart.refusal(self.membership, self.nodes, self.silent, autolock, allow_pause)


def come_back(engine: Engine, unlock_key: str, seconds: float) -> str:
    """Wait until this member is in its swarm again, and unlock it where it locked itself.

    Returns what it waits for after that time; empty: it is back.
    """

    def look() -> tuple[Membership, list[Node], str]:
        try:
            membership = Membership.of(engine.membership())
            if membership.state == "locked" and unlock_key:
                engine.unlock(unlock_key)
                membership = Membership.of(engine.membership())
            control = membership.state == "active" and membership.control
            return membership, nodes_of(engine) if control else [], ""
        except EngineError as error:
            return Membership(), [], error.text

    back, (membership, _nodes, words) = wait_until(look, lambda seen: restart.is_back(seen[0], seen[1]), seconds)
    return "" if back else words or membership.error or membership.state


@contextlib.contextmanager
def alone(patience: float = 0.0) -> Iterator[None]:
    """Nobody else stops Docker on this host meanwhile.

    :param patience: seconds to wait for somebody who does.
    :raises Refused: somebody does, or this is not root, who alone may.
    """
    if not host.is_root():
        raise Refused("not_root: this step changed nothing. "
                      "This needs root: connect as root, or let the user become root "
                      "(ansible_become, sudo).")
    with _lock_file() as lock:
        if not wait_until(lambda: _locked(lock), bool, patience)[0]:
            raise Refused("Another run is stopping Docker on this host, or has not ended yet. Run again when it has.")
        yield


def _lock_file() -> TextIO:
    """The lock, in its folder: a drill that ends at this moment removes that where nothing is in it."""
    while True:
        os.makedirs(RUNTIME, mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return open(LOCK, "w", encoding="ascii")


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def step(name: str) -> None:
    """Note what is being done."""
    services.write(STEP, name + "\n", 0o600)


@dataclass
class Stop:
    """One stop of the engine, with the guard that ends it whatever becomes of this process.

        with Stop(engine.socket, key, seconds=120) as stop:
            stop.down()
            ...
            stop.up()

    Leaving it by an error starts the engine too. The guard is called off by ``release``, when the manager is back:
    until then it would start and unlock the engine, should this process die.
    """

    socket: str
    unlock_key: str = field(repr=False)
    seconds: float
    """How long the engine may stand still before the guard starts it."""
    start_timeout: float = 120.0
    stopped_at: float = 0.0
    """Monotonic seconds: when the stop began."""
    running_again: float = 0.0
    """Monotonic seconds: when the engine ran again."""
    _down: bool = False

    def __enter__(self) -> Stop:
        """Have the guard watch.

        :raises Refused: it cannot, and so nothing is stopped.
        """
        arm(self.socket, self.unlock_key, self.seconds)
        return self

    def __exit__(self, *_error: Any) -> None:
        if self._down:
            self.up()

    def down(self) -> None:
        """Stop the engine.

        :raises Refused: it does not stop; it is started again.
        """
        self.stopped_at = time.monotonic()
        self._down = True
        words = services.stop_engine(self.seconds)
        if words:
            raise Refused(f"Docker could not be stopped: {words}.")

    def undisturbed(self) -> None:
        """See that the engine stood still all the time.

        :raises Refused: the guard, or somebody, started it meanwhile.
        """
        rescued = rescue()
        if rescued or not host.engine_stopped():
            raise Refused(f"Docker was started while its state was copied "
                          f"({rescued or 'by somebody else'}), so the copy is worth nothing.")

    def up(self) -> None:
        """Start the engine.

        :raises Refused: it does not start. The guard goes on trying.
        """
        words = services.start_stopped_engine(self.start_timeout)
        if words:
            raise Refused(f"Docker does not start again: {words}. It is tried again for 15 minutes; "
                          f"journalctl -u docker -u {GUARD_UNIT} says more.")
        self._down = False
        self.running_again = time.monotonic()

    def release(self) -> None:
        """The manager is back: the guard is not needed any more, and forgets the key."""
        disarm()


def arm(socket_path: str, unlock_key: str, seconds: float) -> None:
    """Start the guard, and wait until it watches this process.

    :raises Refused: it cannot be started, or one of an earlier run still works.
    """
    if host.run(["systemctl", "is-active", "--quiet", GUARD_UNIT])[0] == 0:
        raise Refused("The restart guard of an earlier run is still bringing Docker back on this host. Run again when "
                      f"systemctl is-active {GUARD_UNIT} says no.")
    if not _on_tmpfs(RUNTIME):
        raise Refused(f"{RUNTIME} is not on a tmpfs: the unlock key would be written to a disk.")
    shutil.rmtree(GUARD, ignore_errors=True)
    os.makedirs(GUARD, mode=0o700)
    program = os.path.join(GUARD, GUARD_PROGRAM)
    services.write(program, source_of(restart_guard), 0o600)
    order = {
        "pid": os.getpid(),
        "started": restart_guard.started(os.getpid()),
        "until": time.monotonic() + seconds,
        "seconds": seconds,
        "socket": socket_path,
        "units": services.to_start(),
        "unlock_key": unlock_key,
    }
    services.write(os.path.join(GUARD, restart_guard.ORDER), json.dumps(order), 0o600)
    host.run(["systemctl", "reset-failed", GUARD_UNIT])
    status, _text = host.run(
        ["systemd-run", f"--unit={GUARD_UNIT}", "--collect", "--property=Restart=on-failure",
         "--property=RestartSec=200ms", "--property=StartLimitIntervalSec=0", sys.executable, "-I", program, GUARD],
        ARMING)
    armed = os.path.join(GUARD, restart_guard.ARMED)
    if status != 0 or not wait_until(lambda: os.path.exists(armed), bool, ARMING)[0]:
        disarm()
        raise Refused("The restart guard, which would start Docker should this run break off, cannot be started "
                      f"(systemd-run: status {status}), so Docker is not stopped. It needs systemd.")


def disarm() -> None:
    """Call the guard off, and see that the key is gone from the host."""
    with contextlib.suppress(OSError):
        services.write(os.path.join(GUARD, restart_guard.DONE), "", 0o600)
        wait_until(lambda: host.run(["systemctl", "is-active", "--quiet", GUARD_UNIT])[0] != 0, bool, 5.0)
    shutil.rmtree(GUARD, ignore_errors=True)


def rescue() -> str:
    """Why the guard started Docker; empty: it did not."""
    text = services.read(os.path.join(GUARD, restart_guard.RESCUED))
    try:
        return str(json.loads(text)["why"]) if text else ""
    except (ValueError, KeyError, TypeError):
        return "for an unknown reason"


def source_of(program: ModuleType) -> str:
    """The text of a program of ours. A module runs out of a zip file, where nothing can be copied from a path.

    :raises Refused: it cannot be found.
    """
    loader = program.__spec__.loader if program.__spec__ else None
    text = loader.get_source(program.__name__) if loader is not None and hasattr(loader, "get_source") else None
    if not text:
        raise Refused(f"The program {program.__name__.rpartition('.')[2]} cannot be found.")
    return str(text)


def _on_tmpfs(path: str) -> bool:
    """Whether a folder is in memory, by the longest mount point above it (proc(5), ``mountinfo``)."""
    kinds = {}
    for line in services.read("/proc/self/mountinfo").splitlines():
        left, _dash, right = line.partition(" - ")
        kinds[left.split()[4]] = right.split()[0]
    while path not in kinds and path != "/":
        path = os.path.dirname(path)
    return kinds.get(path) in ("tmpfs", "ramfs")
