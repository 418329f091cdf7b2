# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one safe way to make a swarm of one manager out of a manager's state: restore, drill and recovery go through it.

Docker's own ``swarm init --force-new-cluster`` fails on an autolocked swarm and makes it worse, and loses an address
pool (docs/engine-behaviour.md). This does instead, with a journal on the disk before each step: stop the engine; move
aside what lies there; put the state in place, without docker-state.json and with its node key opened; start the engine,
which is in no swarm then; force the new swarm through the API with the addresses of before; see that it is the same
swarm and node, that it has locked itself again, and that it has renewed a certificate that had ended; restart the
engine, which would force a new swarm once more whenever its swarm part restarts.

Killed before the force was seen to work, the next run begins anew from the state that it is handed, and what it moved
aside stays there. Killed after it, the next run goes on from there.

Drives the daemon that it is handed, and statedir.py. Decides nothing about whether it may be done.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Protocol

from ansible_collections.quorum.swarm.plugins.module_utils import services, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    Timeout,
    engine_facts,
    wait_until,
)
from ansible_collections.quorum.swarm.plugins.module_utils.journal import (
    ASIDE_MOVED,
    BEGUN,
    FINISHED,
    FORCED,
    FORCING,
    PLACED,
    RESTARTED,
    Entry,
    Journal,
    now,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft import keys, layout
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import Contents, StoredCluster

PATIENCE = 30 * 10**9
"""Nanoseconds: the heartbeat period of a swarm that has just been made of an old state. Six of them make three minutes
in which a worker is not called down."""
RENEWAL = 180.0
"""Seconds for the engine to renew a certificate that has ended. Between attempts it waits up to 5, 10, 15, 25, 45, 85 s
(swarmkit, ca/renewer.go); it took 31 s."""
SNAPSHOT = 10.0
"""Seconds for the engine to write a snapshot. Without one it only takes longer."""


class Failed(Exception):
    """It did not come about. One sentence with the engine's words; what is true of the host then is the caller's to
    say.
    """


class Daemon(Protocol):
    """An engine that can be stopped and started: the host's own, or an isolated one."""

    @property
    def root_dir(self) -> str:
        """Its ``DockerRootDir``."""

    @property
    def engine(self) -> Engine:
        """Its API."""

    def stop(self) -> str:
        """Stop it, and whatever would start it. Returns why it does not stand still; empty: it does."""

    def start(self) -> str:
        """Start it. Returns why it does not run, in its own words; empty: it does."""


@dataclass(frozen=True)
class HostDaemon:
    """The engine of this host, as systemd runs it."""

    root_dir: str
    engine: Engine
    seconds: float = 120.0
    """For each stop and start."""

    kill_after: float = 0.0
    """Seconds that it has to end by itself, where it is known that it may not; 0: as long as systemd gives it."""

    def stop(self) -> str:
        """Stop ``docker.service`` and the socket that would start it."""
        words = services.stop_engine(self.seconds, self.kill_after)
        if not words and services.listens(self.engine.socket):
            return f"another engine than docker.service answers at {self.engine.socket}"
        return words

    def start(self) -> str:
        """Start both."""
        return services.start_stopped_engine(self.seconds)


@dataclass(frozen=True)
class Source:
    """A manager's whole state as it lay there, locked where it was, and how the manager took part in its swarm."""

    files: Mapping[str, bytes] = field(repr=False)
    modes: Mapping[str, int] = field(repr=False)
    swarm_id: str
    node_id: str
    listen_addr: str
    advertise_addr: str
    """``host:port`` by which the raft membership has it, whatever the engine's settings say; empty: nothing says it."""
    data_path_addr: str
    autolock: bool
    locked: bool
    """Whether the node's key is."""
    key_file: bytes = field(repr=False)
    """The node's key file, opened."""
    force_rotate: int = 0
    """How often a new root certificate was asked for (``CAConfig.ForceRotate``)."""

    @classmethod
    def of(cls, files: Mapping[str, bytes], modes: Mapping[str, int], unlock_key: str, autolock: bool) -> Source:
        """From the files of a state directory.

        :param unlock_key: needed where the state is locked.
        :param autolock: whether the swarm has it on.
        :raises RaftStateError: no engine would start from it, or the key is wrong.
        """
        found = states.read_state(files)
        opened = states.prove_keys(found, unlock_key or None)
        settings = found.settings
        contents = _opened(found, unlock_key or None)
        address = states.raft_address(found, contents)
        rotations = [one.force_rotate for one in contents.objects if isinstance(one, StoredCluster)] if contents else []
        return cls(
            files, modes, found.certificate.swarm, found.certificate.node,
            settings.listen_addr if settings else address,
            address,
            settings.data_path_addr if settings else "",
            autolock or found.node_key.locked, found.node_key.locked, keys.opened_file(found.node_key, opened),
            rotations[0] if rotations else 0,
        )

    def placed(self) -> dict[str, bytes]:
        """What is put in place of it: with the key opened, and without what would have the engine start as a member."""
        files = {path: content for path, content in self.files.items() if path != layout.ENGINE_SETTINGS}
        files[layout.NODE_KEY] = self.key_file
        return files

    def body(self) -> dict[str, Any]:
        """The body of ``POST /swarm/init``.

        Pool, subnet size and data path port are left out: what is left out is kept (seen on Docker 26.1). How often a
        new root certificate was asked for is not kept: said otherwise, or left out, the engine makes another one.
        """
        return {
            "ListenAddr": self.listen_addr,
            "AdvertiseAddr": self.advertise_addr,
            "DataPathAddr": self.data_path_addr,
            "ForceNewCluster": True,
            "Spec": {
                "EncryptionConfig": {"AutoLockManagers": self.autolock},
                **({"CAConfig": {"ForceRotate": self.force_rotate}} if self.force_rotate else {}),
            },
        }


def _opened(found: states.State, unlock_key: str | None) -> Contents | None:
    """What the state seals. None where this reader cannot tell: the engine may all the same."""
    try:
        return states.open_contents(found, unlock_key)
    except RaftStateError:
        return None


@dataclass
class Reinit:
    """One reinit, from its beginning or from where the last run was broken off."""

    daemon: Daemon
    journal: Journal
    source: Source
    unlock_key: str = field(repr=False)
    seconds: float = 120.0
    """For the swarm to have a leader, and again for the manager to be back after the restart."""
    patient: bool = True
    """Whether the swarm waits for its workers as long as they may need: of no use where there are none."""
    clock: Callable[[], float] = time.monotonic
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds by phase."""
    renewal: float = RENEWAL
    """Seconds for a certificate that has ended to be renewed."""

    def run(self, entry: Entry) -> Entry:
        """Do what is left of it.

        :param entry: a new one, or the journal's.
        :raises Failed: it did not come about. ``undo`` brings back what was there, unless ``forced`` is behind.
        """
        if not entry.reached(FORCED):
            entry = self._bring_up(entry)
        if not entry.reached(RESTARTED):
            entry = self._restart(entry)
        self._return()
        return self.journal.write(replace(entry, step=FINISHED, finished_at=now()))

    def _bring_up(self, entry: Entry) -> Entry:
        root_dir = self.daemon.root_dir
        entry = self.journal.write(replace(entry, opened=self.source.locked))
        with self._phase("stop"):
            _done("Docker could not be stopped", self.daemon.stop())
        try:
            with self._phase("aside"):
                if entry.reached(ASIDE_MOVED):
                    statedir.discard(root_dir)  # what a run that was broken off has put there
                else:
                    put_aside(root_dir, entry.aside)
                entry = self.journal.write(replace(entry, step=ASIDE_MOVED))
            with self._phase("place"):
                statedir.place(root_dir, self.source.placed(), self.source.modes)
                entry = self.journal.write(replace(entry, step=PLACED))
        except OSError as error:
            raise Failed(f"{error.filename or root_dir}: {error.strerror}.") from None
        with self._phase("start"):
            _done("Docker does not start", self.daemon.start())
            state = self.daemon.engine.membership()["state"]
            if state != "inactive":
                raise Failed(f"Docker should be in no swarm now, and is '{state}'.")
            # An init would make a new swarm there, beside the state that was placed here.
            elsewhere = self._elsewhere()
            if elsewhere:
                raise Failed(f"Docker keeps its state in {elsewhere} since it was started, and not in {root_dir}, as "
                             "its configuration had it: no swarm was made there.")
        entry = self.journal.write(replace(entry, step=FORCING))
        with self._phase("force"):
            self._force()
        if certificate_ended(root_dir):
            with self._phase("renew"):
                self._renew()
        return self.journal.write(replace(entry, step=FORCED))

    def _elsewhere(self) -> str:
        """The folder of the engine that runs, where it is not the one in which the state was placed; else empty."""
        told = engine_facts(self.daemon.engine.info())["root_dir"]
        same = not told or os.path.realpath(told) == os.path.realpath(self.daemon.root_dir)
        return "" if same else str(told)

    def _force(self) -> None:
        engine = self.daemon.engine
        try:
            with contextlib.suppress(Timeout):  # whether it worked is seen below
                engine.init(self.source.body())
        except EngineError as error:
            raise Failed(f"The engine does not make the swarm of this state: {error.text}") from None
        ready, seen = wait_until(self._standing, lambda found: found == "", self.seconds)
        if not ready:
            raise Failed(f"The swarm is not up {self.seconds:.0f} s after it was forced: {seen}.")

    def _renew(self) -> None:
        """Wait until the engine has renewed a certificate that has ended: it lets one through only while it forces, and
        would not start again. It tries at random, in vain until it has a leader [20.10, 26.1, 28.5].
        """
        if not wait_until(lambda: certificate_ended(self.daemon.root_dir), lambda ended: not ended, self.renewal)[0]:
            raise Failed(f"The certificate of node {self.source.node_id} has ended, and the engine has not renewed it "
                         f"within {self.renewal:.0f} s.")

    def _standing(self) -> str:
        """What is missing until the swarm is up, and is what it was; empty: nothing."""
        engine, source = self.daemon.engine, self.source
        try:
            membership = engine.membership()
            if membership["state"] != "active" or not membership["control"] or membership["error"]:
                return f"this manager is '{membership['state']}' ({membership['error'] or 'no reason given'})"
            swarm, nodes = engine.swarm(), engine.nodes()
        except EngineError as error:
            return error.text
        if (swarm["ID"], membership["node_id"]) != (source.swarm_id, source.node_id):
            raise Failed(f"The engine made swarm {swarm['ID']} with node {membership['node_id']}, and the state is of "
                         f"swarm {source.swarm_id} and node {source.node_id}.")
        voters = [node["ID"] for node in nodes if node.get("ManagerStatus")]
        if voters != [source.node_id]:
            return f"its voters are {', '.join(voters) or 'none'}"
        if bool((swarm["Spec"].get("EncryptionConfig") or {}).get("AutoLockManagers")) != source.autolock:
            return f"autolock is not {'on' if source.autolock else 'off'}"
        if source.autolock and not statedir.is_locked(self.daemon.root_dir):
            return "its key is not locked yet"
        return ""

    def _restart(self, entry: Entry) -> Entry:
        """The engine remembers that it forced a new swarm, and would do so again whenever its swarm part restarts by
        itself (moby, daemon/cluster/noderunner.go: ``n.start(n.config)``): it would throw out every other manager.
        """
        entry = self._prepare(entry)
        with self._phase("restart"):
            _done("Docker could not be stopped", self.daemon.stop())
            _done("Docker does not start again", self.daemon.start())
        return self.journal.write(replace(entry, step=RESTARTED))

    def _prepare(self, entry: Entry) -> Entry:
        """Have the swarm wait longer for nodes that do not report, from the restart on, and have the restart be short.

        A worker tries the managers that it knows at random, and waits up to 8 s after each that is dead: with five of
        them it often takes longer than the six heartbeat periods after which a new leader calls it down and starts its
        tasks anew (seen on Docker 26.1; docs/engine-behaviour.md). ``settle`` puts the old period back.

        A manager that starts alone stands for election after the first piece of its log, 64 kB; where members were
        removed behind that it may not yet, and does when an election timeout of 10 to 20 s has passed (swarmkit,
        manager/state/raft/raft.go: ``campaignWhenAble``). A snapshot spares it that, if at least one entry comes after
        it: without any there is no first piece. An engine that locks itself has just taken one. Another one takes one
        with the second of two changes, where one entry is enough for it; the third change is the entry.
        """
        engine = self.daemon.engine
        # It does not run: a run was broken off here, and what it did is done. Or it refuses: that costs time only, and
        # what is to be put back stays noted.
        with contextlib.suppress(EngineError):
            spec = engine.swarm()["Spec"]
            period = int((spec.get("Dispatcher") or {}).get("HeartbeatPeriod") or 0)
            if self.patient and 0 < period < PATIENCE:
                entry = replace(entry, heartbeat=period)
            if not self.source.autolock and entry.interval < 0:
                entry = replace(entry, interval=int((spec.get("Raft") or {}).get("SnapshotInterval") or 0))
            if entry.settled:
                return entry
            self.journal.write(entry)
            if entry.interval >= 0:
                entry = self._take_snapshot(entry)
            patience = PATIENCE if entry.heartbeat else 0
            engine.update_swarm(lambda found: _with(found, patience, -1))
        return entry

    def _take_snapshot(self, entry: Entry) -> Entry:
        """Have the engine write a snapshot of its log. Its interval is as before afterwards."""
        engine, root_dir, interval = self.daemon.engine, self.daemon.root_dir, entry.interval
        with self._phase("snapshot"):
            before = statedir.newest_snapshot(root_dir)
            engine.update_swarm(lambda found: _with(found, 0, 1))
            engine.update_swarm(lambda found: _with(found, 0, interval))
            wait_until(lambda: statedir.newest_snapshot(root_dir) != before, bool, SNAPSHOT)
        return self.journal.write(replace(entry, interval=-1))

    def _return(self) -> None:
        """Wait until the manager is back, unlocked where it locked itself: after the restart, or after a power cut."""
        with self._phase("return"):
            words = stopped.come_back(self.daemon.engine, self.unlock_key, self.seconds)
            if words:
                raise Failed(f"After its restart this manager is not back in its swarm: {words}.")
            waited, seen = wait_until(self._standing, lambda found: found == "", self.seconds)
            if not waited:
                raise Failed(f"After its restart the swarm is not up: {seen}.")

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        stopped.step(name)
        begun = self.clock()
        try:
            yield
        finally:
            self.phases[name] = round(self.phases.get(name, 0.0) + self.clock() - begun, 3)


def _with(spec: dict[str, Any], heartbeat: int, interval: int) -> dict[str, Any]:
    """The swarm's ``Spec`` with another heartbeat period, in nanoseconds, where that is not 0, and another snapshot
    interval, in entries, where that is not negative.
    """
    found = dict(spec)
    if heartbeat:
        found["Dispatcher"] = {**(spec.get("Dispatcher") or {}), "HeartbeatPeriod": heartbeat}
    if interval >= 0:
        found["Raft"] = {**(spec.get("Raft") or {}), "SnapshotInterval": interval}
    return found


def settle(engine: Engine, journal: Journal, node_ids: Collection[str], seconds: float) -> tuple[bool, list[str]]:
    """Wait until these nodes have come back, and have the swarm wait no longer than before from then on.

    :param seconds: how long to wait; then it goes on without them.
    :returns: whether anything was changed, and the nodes that are not back.
    :raises EngineError: the swarm cannot be asked.
    """
    entry = journal.read()
    if entry is None or entry.settled:
        return False, []

    def away() -> list[str]:
        return sorted(raw["ID"] for raw in engine.nodes()
                      if raw["ID"] in node_ids and (raw.get("Status") or {}).get("State") != "ready")

    _back, missing = wait_until(away, lambda found: not found, seconds)
    period, interval = entry.heartbeat, entry.interval
    engine.update_swarm(lambda spec: _with(spec, period, interval))
    journal.write(replace(entry, heartbeat=0, interval=-1))
    return True, missing


def certificate_ended(root_dir: str) -> bool:
    """Whether the certificate of the node is valid no more, by this host's clock, as the engine judges it."""
    found = statedir.node_certificate(root_dir)
    return found is not None and found.not_after < datetime.now(timezone.utc)


def undo(daemon: Daemon, journal: Journal, entry: Entry) -> str:
    """Put back what was there before, as long as the force was not seen to work.

    :returns: why it could not be; empty: the host is as it was found, which was looked at.
    """
    root_dir = daemon.root_dir
    if entry.reached(ASIDE_MOVED) or os.path.isdir(entry.aside):
        words = daemon.stop()
        if words:
            return words
    try:
        before = _before(root_dir, entry)
        if entry.reached(ASIDE_MOVED):
            statedir.discard(root_dir)
            # What lies in place from now on is not ours: the next run must not discard it.
            entry = journal.write(replace(entry, step=BEGUN))
        if os.path.isdir(entry.aside):
            if statedir.exists(root_dir):
                statedir.remove(statedir.directory(root_dir))  # what was not moved yet, and is whole aside
            statedir.move(entry.aside, statedir.directory(root_dir))
        if entry.aside:
            statedir.moved(statedir.directory(root_dir), entry.aside)
            statedir.moved(entry.aside, statedir.directory(root_dir))
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(entry.aside))
        if statedir.listing(statedir.directory(root_dir)) != before:
            return f"{statedir.directory(root_dir)} does not hold what it held"
        services.remove(journal.path)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return daemon.start() if entry.ran else ""


def _before(root_dir: str, entry: Entry) -> dict[str, int] | None:
    """What lay in the state directory before this reinit, by path: the size of each file; None: there was no directory.

    :raises OSError: it cannot be read.
    """
    if os.path.isdir(entry.aside):
        return statedir.listing(entry.aside)
    return None if entry.reached(ASIDE_MOVED) else statedir.listing(statedir.directory(root_dir))


def is_as_left(entry: Entry, root_dir: str, runs: bool) -> bool:
    """Whether this reinit ended in the middle, and the host is as it left it.

    What somebody has made of the host since then is not for the next run to go on with, which would discard it.
    """
    if entry.reached(FINISHED):
        return False
    if not entry.reached(ASIDE_MOVED) and not os.path.isdir(entry.aside):
        return not runs
    try:
        found = _whose(root_dir)
        ours = found == f"{entry.swarm_id} {entry.node_id}"
        if entry.reached(FORCED):
            return ours
        if entry.reached(ASIDE_MOVED):
            return ours or not found
        return found in ("", _whose(os.path.dirname(entry.aside)))
    except statedir.Unread:
        return False  # whose state it is cannot be told, and who goes on would discard it


def _whose(root_dir: str) -> str:
    """Swarm and node of the state that lies here; empty: there is none, ``damaged``: nobody can tell.

    :raises statedir.Unread: it cannot be read.
    """
    try:
        found = statedir.node_certificate(root_dir)
    except statedir.Damaged:
        return "damaged"
    return f"{found.swarm} {found.node}" if found is not None else ""


def take_back(daemon: Daemon, journal: Journal, entry: Entry) -> str:
    """Put back what a run that was broken off has moved aside, for another one that does not go on with it: so that
    what was there is moved aside whole, and the copy with the key in clear goes. The engine stands still afterwards.

    :returns: why it cannot be, one or two sentences; empty: it was done.
    """
    words = undo(daemon, journal, replace(entry, ran=False))
    return words and (f"A {entry.what} of {entry.started_at} was broken off on this host, and cannot be taken back: "
                      f"{words}. What was here before is in {entry.aside}.")


def put_aside(root_dir: str, target: str) -> None:
    """Move the state directory aside, or go on with that.

    :raises OSError: it cannot be moved.
    """
    source = statedir.directory(root_dir)
    if not os.path.isdir(target):
        if statedir.exists(root_dir):
            statedir.move(source, target)
    elif statedir.exists(root_dir):
        # It was copied whole to another disk, and the run ended before the original was gone; or the engine was started
        # meanwhile, and made an empty folder.
        statedir.remove(source)
    statedir.moved(source, target)


def _done(what: str, words: str) -> None:
    """:raises Failed: there are words that say why not."""
    if words:
        raise Failed(f"{what}: {words.rstrip('.')}.")
