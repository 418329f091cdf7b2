# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which a swarm is brought back, for tests: an engine that does with a state directory what engines were seen
to do (docs/engine-behaviour.md), behind a scripted socket, and a run that is killed at any point.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import (
    following,
    host,
    journal,
    receiving,
    reinit,
    services,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.raft import keys
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.raft.certificate import node_certificate, parse_pem
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import (
    ENGINE_SETTINGS,
    NODE_CERTIFICATE,
    NODE_KEY,
    SNAPSHOT_FOLDER,
)

from tests.unit.modules.scripted import Request, Script
from tests.unit.raft import manager

NEW_KEY = "SWMKEY-1-" + "n" * 43
"""The unlock key after a rotation."""
HEARTBEAT = 5 * 10**9
"""Nanoseconds: the dispatcher's, as a swarm has it by default."""
INTERVAL = 10000
"""Entries between two snapshots, as a swarm has it by default."""
OLD = {
    "certificates/swarm-node.crt": b"of before",
    "certificates/swarm-node.key": b"SEALED",
    "docker-state.json": b"{}",
    "raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal": b"\1" * 5000,
    "state.json": b"[]",
}
"""What lies on the host before: nothing that anybody could read."""


class Killed(BaseException):
    """SIGKILL, the power: nothing of the run's own cleans up. (What it had open is closed, as the kernel does it.)"""


def tree(folder: str | Path) -> dict[str, bytes]:
    """Every file below a folder, links not followed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*")
            if path.is_file() and not path.is_symlink()}  # fmt: skip


def lay(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)


class Machine:
    """One host: its disk, its engine, and what both were told."""

    def __init__(self, folder: Path, script: Script, files: Mapping[str, bytes], unlock_key: str | None) -> None:
        self.root = folder / "docker"
        self.own = folder / "own"
        self.swarm = self.root / "swarm"
        self.script = script
        self.engine = Engine(script.host)
        self.archived = dict(files)
        self.unlock_key = unlock_key or ""
        """The swarm's; that of the archive, from the moment when it is forced."""
        self.archived_key = self.unlock_key
        self.state = states.read_state(self.archived)
        self.running = True
        self.elsewhere = ""
        """The folder that the engine tells, where it is another than its files are in."""
        self.place = "inactive"
        self.calls: list[str] = []
        self.inits: list[dict[str, Any]] = []
        self.labels = {lease.LABEL: "old", "kept": "yes"}
        self.heartbeat = HEARTBEAT
        self.intervals = [INTERVAL]
        """Every snapshot interval that it had, the last one at the end."""
        self.after_snapshot = 0
        """Changes of the swarm since the last snapshot."""
        self.objects: dict[str, list[tuple[str, str]]] = {}
        self.trouble: dict[str, Any] = {}
        """What goes wrong: ``stop``, ``start``: words; ``init``: an answer; ``unlocked``: the key stays in clear …"""
        self.rotations = 0
        lay(self.swarm, OLD)
        for what, answer in {
            "GET /info": self._info, "GET /swarm": self._swarm, "GET /nodes": self._nodes,
            "POST /swarm/init": self._init, "POST /swarm/unlock": self._unlock, "POST /swarm/update": self._update,
        }.items():  # fmt: skip
            script.say(what, answer)
        script.say("GET /swarm/unlockkey", lambda _request: (200, {"UnlockKey": self.unlock_key}))
        script.say("GET /containers/json", (200, []))
        script.say("GET /volumes", lambda _request: (200, {"Volumes": [
            {"Name": name, "ClusterVolume": {"ID": key}} for key, name in self.objects.get("volume", [])]}))
        for kind in ("service", "secret", "config"):
            script.say(f"GET /{kind}s", lambda _request, kind=kind: (
                200, [{"ID": key, "Spec": {"Name": name}} for key, name in self.objects.get(kind, [])]))  # fmt: skip
        script.say("GET /networks", lambda _request: (
            200, [{"Id": key, "Name": name} for key, name in self.objects.get("network", [])]))  # fmt: skip

    # -- what the service does -----------------------------------------------------------------------------------

    root_dir = property(lambda self: str(self.root))

    def stop(self) -> str:
        self.calls.append("stop")
        if "stop" in self.trouble:
            return str(self.trouble["stop"])
        self.running = False
        return ""

    def start(self) -> str:
        self.calls.append("start")
        if "start" in self.trouble:
            return str(self.trouble["start"])
        self.running = True
        self.swarm.mkdir(exist_ok=True)
        if not (self.swarm / ENGINE_SETTINGS).exists():
            self.place = "inactive"
        elif not (self.swarm / NODE_CERTIFICATE).exists():
            # Seen on Docker 20.10: settings without a certificate, and all is deleted.
            shutil.rmtree(self.swarm)
            self.swarm.mkdir()
            self.place = "inactive"
        elif (self.swarm / NODE_CERTIFICATE).read_bytes() == OLD[NODE_CERTIFICATE]:
            self.place = "inactive"  # it cannot read that either
        else:
            self.place = "locked" if self.locked else "active"
        return ""

    @property
    def locked(self) -> bool:
        return parse_pem((self.swarm / NODE_KEY).read_bytes(), "key")[0].locked

    @property
    def node(self) -> tuple[str, str]:
        """Swarm and node of what lies there."""
        found = node_certificate((self.swarm / NODE_CERTIFICATE).read_bytes(), "certificate")
        return found.swarm, found.node

    # -- what the engine answers ---------------------------------------------------------------------------------

    def _info(self, _request: Request) -> tuple[int, Any]:
        if not self.running:
            return 503, {"message": "down"}
        own: dict[str, Any] = {"LocalNodeState": self.place}
        if self.place == "active":
            own |= {"ControlAvailable": True, "NodeID": self.trouble.get("node") or self._own()[1]}
        return 200, {"DockerRootDir": self.elsewhere or str(self.root), "ServerVersion": "26.1.5", "Swarm": own}

    def _own(self) -> tuple[str, str]:
        try:
            return self.node
        except Exception:
            return "old-swarm", "old-node"

    def _swarm(self, _request: Request) -> tuple[int, Any]:
        autolock = self.inits[-1]["Spec"]["EncryptionConfig"]["AutoLockManagers"] if self.inits else False
        spec = {"EncryptionConfig": {"AutoLockManagers": False if "autolock" in self.trouble else autolock},
                "Labels": dict(self.labels), "Dispatcher": {"HeartbeatPeriod": self.heartbeat},
                "Raft": {"SnapshotInterval": self.intervals[-1]}}  # fmt: skip
        return 200, {"ID": self.trouble.get("swarm") or self._own()[0], "Version": {"Index": 9}, "Spec": spec}

    def _nodes(self, _request: Request) -> tuple[int, Any]:
        ids = [self._own()[1], *self.trouble.get("voters", [])]
        status = {"Reachability": "reachable", "Addr": "198.18.0.11:2377", "Leader": True}
        others = [{"ID": key, "Version": {"Index": 1}, "Description": {"Hostname": name}, "Spec": {"Role": "worker"},
                   "Status": {"State": "down"}} for key, name in self.objects.get("node", []) if key not in ids]
        names = dict(self.objects.get("node", []))
        return 200, others + [
            {"ID": key, "Version": {"Index": 1}, "Description": {"Hostname": names.get(key, key)},
             "Spec": {"Role": "manager"}, "Status": {"State": "ready"}, "ManagerStatus": status} for key in ids]

    def _init(self, request: Request) -> tuple[int, Any]:
        self.inits.append(request.body)
        if "init" in self.trouble:
            return self.trouble["init"]
        if self.place != "inactive":
            return 503, {"message": "This node is already part of a swarm."}
        found = states.read_state(tree(self.swarm))
        if found.node_key.locked or found.node_key.kek_version:
            return 500, {"message": "candidate KEK has the same version as the current KEK"}
        (self.swarm / ENGINE_SETTINGS).write_bytes(b"{}")
        if request.body["Spec"]["EncryptionConfig"]["AutoLockManagers"] and "unlocked" not in self.trouble:
            (self.swarm / NODE_KEY).write_bytes(self.archived[NODE_KEY])
        self.place, self.unlock_key = "active", self.archived_key
        return 200, self.node[1]

    def _unlock(self, request: Request) -> tuple[int, Any]:
        if request.body["UnlockKey"] != self.unlock_key:
            return 401, {"message": f"invalid key {request.body['UnlockKey']}"}
        self.place = "active"
        return 200, None

    def _update(self, request: Request) -> tuple[int, Any]:
        if "update" in self.trouble:
            return self.trouble["update"]
        self.labels = dict(request.body.get("Labels") or {})
        self.heartbeat = request.body["Dispatcher"]["HeartbeatPeriod"]
        self.after_snapshot += 1
        if self.intervals[-1] == 1 and "snapshot" not in self.trouble:
            self.after_snapshot = 0
            lay(self.swarm, {f"{SNAPSHOT_FOLDER}{9:016x}-{9:016x}.snap": b"taken"})
        interval = request.body["Raft"]["SnapshotInterval"]
        if interval != self.intervals[-1]:
            self.intervals.append(interval)
        if request.query.get("rotateManagerUnlockKey"):
            self.rotations += 1
            self.unlock_key = NEW_KEY if self.rotations == 1 else f"SWMKEY-1-{str(self.rotations) * 43}"[:52]
        return 200, None

    # -- what is true ---------------------------------------------------------------------------------------------

    @property
    def clear_keys(self) -> list[str]:
        """Files with a private key in clear."""
        return [str(path) for folder in (self.root, self.own) for path in folder.rglob("*")
                if path.is_file() and b"-BEGIN PRIVATE KEY" in path.read_bytes()]  # fmt: skip

    @property
    def old_state(self) -> list[Path]:
        """Where the state of before lies whole."""
        places = [self.swarm, *(self.own / "aside").glob("*/swarm")]
        return [place for place in places if place.is_dir() and tree(place) == OLD]

    def journal(self) -> journal.Journal:
        return journal.Journal(str(self.own / "reinit.json"))


def forged(locked: bool = True) -> tuple[dict[str, bytes], str | None]:
    """A small state made from nothing, and its unlock key."""
    files = manager.Manager(manager.key_file(locked, version=7)).write(b"").files()
    return files, manager.UNLOCK_KEY if locked else None


def settle_in(patch: pytest.MonkeyPatch, folder: Path, machine: Machine) -> None:
    """Have the modules work on this machine, below this folder."""
    run = folder / "run"
    for name, path in (("RUNTIME", run), ("GUARD", run / "guard"), ("LOCK", run / "lock"), ("STEP", run / "step")):
        patch.setattr(stopped, name, str(path))
    patch.setattr(stopped, "OTHERS", 0.2)
    patch.setattr(services, "OWN_DIRECTORY", str(machine.own))
    patch.setattr(journal, "ASIDE", str(machine.own / "aside"))
    patch.setattr(receiving, "FOLDER", str(machine.own / "received"))
    patch.setattr(journal.Journal.__init__, "__defaults__", (str(machine.own / "reinit.json"),))
    patch.setattr(services, "root_dir", lambda answered="": answered or str(machine.root))
    for name in ("fsync", "sync"):  # no test here cuts the power, and there are thousands of them
        patch.setattr(os, name, lambda *_args: None)
    patch.setattr(host, "engine_stopped", lambda: "" if machine.running else "docker.service is inactive (dead).")
    patch.setattr(reinit, "HostDaemon", lambda *_args: machine)
    patch.setattr(reinit, "certificate_ended", lambda _root: False)  # the captured ones end some day
    assert following.reinit is reinit


POINTS: tuple[tuple[Any, str], ...] = (
    (journal.Journal, "write"), (statedir, "place"), (statedir, "move"), (statedir, "discard"), (statedir, "remove"),
    (services, "remove"), (os, "rename"), (os, "rmdir"), (Machine, "stop"), (Machine, "start"), (Engine, "init"),
    (Engine, "unlock"), (Engine, "update_swarm"), (receiving, "drop"),
)  # fmt: skip
"""What a run does, one after the other: it may be killed before and after each."""


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """Kill what runs meanwhile at the so many-th point; what it was at that point, and before."""
    seen: list[str] = []

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **options: Any) -> Any:
            if name == "rename" and os.path.basename(args[1]) in ("reinit.json", "step"):
                return real(*args, **options)  # a point of its own
            point(f"before {name}")
            result = real(*args, **options)
            point(f"after {name}")
            return result

        return act

    def point(what: str) -> None:
        seen.append(what)
        if len(seen) == number:
            raise Killed(what)

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in POINTS:
            patch.setattr(owner, name, wrapped(name, getattr(owner, name)))
        yield seen


def relocked(machine: Machine) -> bool:
    """Whether the key that lies there is the archive's, sealed as it was."""
    found = keys.parse_node_key((machine.swarm / NODE_KEY).read_bytes(), NODE_KEY)
    return found.locked and (machine.swarm / NODE_KEY).read_bytes() == machine.archived[NODE_KEY]
