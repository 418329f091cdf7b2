# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine of its own beside the host's, which can meet nobody: no other host, no other engine, no container.

It runs in one transient unit of systemd, held by the keeper (``drill_keeper.py``), with a network of its own in which
there is nothing but the loopback, and with the whole file system read-only but for two folders: ``/run`` is empty for
it, so it finds neither the host's containerd, nor its engine, nor systemd, and starts a containerd of its own. Touches
``/var/lib/quorum.swarm/drill``, ``/run/quorum.swarm/drill`` and that unit; whatever ends, all three are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import drill_keeper, host, libraries, services, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    ELECTION,
    Engine,
    EngineError,
    NoSdk,
    wait_until,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

UNIT = "quorum-swarm-drill.service"
RUN = os.path.join(stopped.RUNTIME, "drill")
"""0700. Sockets, whose paths are limited to 108 bytes, and what keeper and module tell each other."""
DATA = os.path.join(services.OWN_DIRECTORY, "drill")
"""0700. The engine's root directory, with the swarm's state."""
PROGRAM = "drill_keeper.py"
SOCKET = os.path.join(RUN, "docker.sock")
FORBIDDEN = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket")
"""By these the engine would find the host's."""
NEEDED = {"systemd-run": "systemd", "ip": "iproute2", "nsenter": "util-linux", "dockerd": "docker.io"}
"""Programs, and the package of each on Debian."""
MEMORY = 256 << 20
"""Bytes that must be available: an engine and its containerd take some 100 MB."""
KEEPER = 15.0
"""Seconds for the keeper to be there."""
TO_STOP = drill_keeper.TO_STOP + 10


def busy() -> bool:
    """Whether one is isolated here now."""
    try:
        with _lock():
            return False
    except Refused:
        return True
    except OSError:
        return False  # nobody ever was here


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """:raises Refused: somebody else has it."""
    handle = os.open(stopped.RUNTIME, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused("Another drill runs on this host. Run again when it has ended.") from None
        yield
    finally:
        os.close(handle)


def obstacle() -> str:
    """Why no engine can be isolated on this host; empty: one can."""
    for program, package in NEEDED.items():
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"{program} is not installed (package {package})"
    if not os.path.isdir("/run/systemd/system"):
        return "systemd does not run here, which isolates the engine"
    failing = libraries.unusable()
    if failing:
        return "; ".join(str(error).rstrip(".") for error in failing.values())
    found = re.search(r"^MemAvailable:\s+(\d+) kB", services.read("/proc/meminfo"), re.MULTILINE)
    if found and int(found.group(1)) << 10 < MEMORY:
        return f"{int(found.group(1)) >> 10} MiB of memory are available, and a second engine needs {MEMORY >> 20}"
    return ""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Nobody else isolates an engine on this host meanwhile. Afterwards the folders above ours go, where empty.

    :raises Refused: somebody does. What has come for a drill is that one's then, and it removes it.
    """
    folders = (stopped.RUNTIME, services.OWN_DIRECTORY)
    for path in folders:
        os.makedirs(path, mode=0o700, exist_ok=True)
    with _lock():
        try:
            yield
        finally:
            services.remove(stopped.STEP)
            for path in folders:
                with contextlib.suppress(OSError):  # something else is in it
                    os.rmdir(path)


def clear() -> None:
    """End the unit, and remove its folders.

    :raises Refused: something is left.
    """
    if _unit_state() not in ("", "inactive", "failed"):
        host.run(["systemctl", "stop", UNIT], TO_STOP)
    host.run(["systemctl", "reset-failed", UNIT])
    for folder in (RUN, DATA):
        shutil.rmtree(folder, ignore_errors=True)
    left = [folder for folder in (RUN, DATA) if os.path.exists(folder)]
    if _unit_state() not in ("", "inactive", "failed"):
        left.append(UNIT)
    if left:
        raise Refused(f"What a drill needs could not be removed from this host: {', '.join(left)}.")


def _unit_state() -> str:
    """``ActiveState`` of the unit; empty where systemd does not know it."""
    _status, text = host.run(["systemctl", "show", UNIT, "--property=ActiveState", "--value"])
    return text.strip()


@dataclass
class Isolated:
    """The isolated engine; a ``reinit.Daemon``.

    When it is closed, or this process is gone, or the time is over, all of it ends.
    """

    addresses: Sequence[str]
    """Those that the host shall have, as the engine sees it."""
    hostname: str
    """What it believes that the host is called."""
    seconds: float
    """The longest that it may exist."""
    root_dir: str = field(default_factory=lambda: os.path.join(DATA, "data"))
    engine: Engine = field(default_factory=lambda: Engine(f"unix://{SOCKET}", election=ELECTION))
    _orders: int = 0

    def open(self) -> None:
        """Have the isolation, without an engine yet.

        :raises Refused: it cannot be had, or would be none; nothing is left.
        """
        try:
            self._prepare()
            self._keep()
        except BaseException as error:
            clear()
            if isinstance(error, OSError):
                raise Refused(f"No engine can be isolated here: {error.filename}: {error.strerror}.") from None
            raise

    def close(self) -> None:
        """End it.

        :raises Refused: something is left.
        """
        clear()

    def _prepare(self) -> None:
        for folder in (RUN, DATA, self.root_dir):
            os.mkdir(folder, 0o700)
        services.write(os.path.join(RUN, PROGRAM), stopped.source_of(drill_keeper), 0o600)
        services.write(os.path.join(RUN, "daemon.json"), "{}\n", 0o600)
        order = {
            "pid": os.getpid(),
            "started": drill_keeper.started(os.getpid()),
            "until": time.monotonic() + self.seconds,
            "outside": drill_keeper.namespaces(),
            "forbidden": FORBIDDEN,
            "addresses": list(self.addresses),
            "hostname": self.hostname,
            "command": command(self.root_dir),
        }
        services.write(os.path.join(RUN, drill_keeper.ORDER), json.dumps(order), 0o600)

    def _keep(self) -> None:
        status, _text = host.run(["systemd-run", *unit(self.seconds), sys.executable, "-I",
                                  os.path.join(RUN, PROGRAM), RUN], KEEPER)
        if status != 0:
            raise Refused(f"systemd does not isolate an engine here (systemd-run: status {status}).")
        _there, state = wait_until(_state, bool, KEEPER)
        if not state:
            raise Refused(f"The drill's keeper did not start; journalctl -u {UNIT} says more.")
        if not state["ready"]:
            raise Refused(f"The engine would not be isolated on this host: {state['why']}.")

    def start(self) -> str:
        """Start the engine, and wait until it answers."""
        self._order("up")
        end = time.monotonic() + ELECTION * 2
        while time.monotonic() < end:
            state = _state()
            if not state:
                return "the drill was ended"
            if state["order"] == str(self._orders) and not state["running"]:
                return daemon.engine_words(_log()) or f"it ended with status {state['status']}"
            try:
                self.engine.version()
            except NoSdk as error:
                return error.text
            except EngineError:
                time.sleep(0.1)
            else:
                return ""
        return daemon.engine_words(_log()) or "it does not answer"

    def stop(self) -> str:
        """Stop the engine."""
        self._order("down")
        done, state = wait_until(_state, lambda seen: not seen or seen["order"] == str(self._orders), TO_STOP)
        if not state:
            return "the drill was ended"
        return "" if done and not state["running"] else f"it did not stop within {TO_STOP:.0f} s"

    def containers(self) -> int:
        """How many containers it has, or has had since it was started last."""
        listed = self.engine.call("GET", "/containers/json", params={"all": "true"}) or []
        found = {one["Id"] for one in listed}
        events = self.engine.call("GET", "/events", params={
            "since": "0", "until": f"{time.time():.3f}", "filters": json.dumps({"type": ["container"]})})
        # One event is decoded; several are a line each.
        lines = [events] if isinstance(events, dict) else [json.loads(line) for line in (events or "").splitlines()]
        found |= {one["Actor"]["ID"] for one in lines}
        with contextlib.suppress(FileNotFoundError):
            found |= set(os.listdir(os.path.join(self.root_dir, "containers")))
        return len(found)

    def _order(self, word: str) -> None:
        self._orders += 1
        with contextlib.suppress(FileNotFoundError):  # the unit has ended: its state is gone, too
            services.write(os.path.join(RUN, drill_keeper.WANTED), f"{self._orders} {word}\n", 0o600)


def command(root_dir: str) -> list[str]:
    """How the engine is started: with nothing of the host's configuration, and without touching a firewall."""
    return [
        "dockerd", f"--config-file={RUN}/daemon.json", f"--data-root={root_dir}", f"--exec-root={RUN}/x",
        f"--pidfile={RUN}/docker.pid", f"--host=unix://{SOCKET}", "--group=root", "--bridge=none", "--iptables=false",
        "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false", "--storage-driver=vfs",
        "--exec-opt=native.cgroupdriver=cgroupfs",
    ]  # fmt: skip


def unit(seconds: float) -> list[str]:
    """What makes the unit. What it leaves on the disk is removed by its end, in the host's own mounts."""
    properties = (
        "PrivateNetwork=yes", "PrivateMounts=yes", "TemporaryFileSystem=/run", f"BindPaths={RUN}",
        "ProtectSystem=strict", f"ReadWritePaths={DATA}", "PrivateTmp=yes", "ProtectControlGroups=yes",
        "ProtectKernelModules=yes", "OOMScoreAdjust=900", "Nice=10", "KillMode=control-group", "KillSignal=SIGKILL",
        f"TimeoutStopSec={TO_STOP:.0f}", f"RuntimeMaxSec={seconds + 5:.0f}",
        f"ExecStopPost=nsenter --mount=/proc/1/ns/mnt rm -rf {RUN} {DATA}",
    )  # fmt: skip
    return [f"--unit={UNIT}", "--collect", "--quiet", "--service-type=exec",
            *(f"--property={one}" for one in properties)]


def _state() -> dict[str, Any]:
    """What the keeper says; empty where it says nothing, or is no more."""
    text = services.read(os.path.join(RUN, drill_keeper.STATE))
    return json.loads(text) if text else {}


def _log() -> list[str]:
    """What the engine wrote."""
    return services.read(os.path.join(RUN, drill_keeper.LOG)).splitlines()
