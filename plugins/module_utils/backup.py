# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes a cold backup of this manager: stop, copy, start, and only then pack and prove. What ``swarm_backup`` does.

Drives the engine that it is handed, stopped.py, statedir.py and archive.py. What it makes lies below
``/var/lib/quorum.swarm/backup`` until the controller has it.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import archive, observe, services, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest, retention
from ansible_collections.quorum.swarm.plugins.module_utils.core.address import endpoint
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Swarm
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    engine_facts,
    plain_containers,
    swarm_facts,
)
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    RaftStateError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

FOLDER = os.path.join(services.OWN_DIRECTORY, "backup")
"""0700. Copies and archives of ours, which the next run removes: nothing here is the only one of its kind."""
COPY = os.path.join(FOLDER, "copy")
SPARE = 32 << 20
"""Bytes that stay free on the disk."""


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_backup``."""

    host: str = ""
    """The inventory name, for the manifest; empty: the host's own name."""
    zone: str = ""
    allow_pause: bool = False
    longest_stop: float = 120.0
    """Seconds that Docker may stand still before the guard starts it, whatever this module does."""
    timeout: float = 120.0
    """Seconds for Docker to start, and once more for the manager to be reachable."""


@dataclass(frozen=True)
class _Before:
    """What the swarm said right before the stop."""

    swarm: Swarm
    hostname: str
    engine_version: str
    root_dir: str
    node_id: str
    zone: str
    managers: dict[str, str]
    objects: manifest.Objects
    unlock_key: str


def take(engine: Engine, request: Request, lease_owner: str, check: bool) -> dict[str, Any]:
    """Take a backup of this manager. Returns the module's result.

    :param lease_owner: whose lease is extended right before the stop; empty: one of our own is taken and given back, so
        that two managers are never stopped at once, whoever does it.
    :raises Refused: nothing was stopped; or Docker runs again, and there is no archive; each in one sentence.
    :raises EngineError, lease.Held: before anything was stopped.
    """
    with stopped.alone(stopped.OTHERS):
        before, warnings = _prepare(engine, request, check)
        if check:
            return {"changed": True, "warnings": warnings,
                    "msg": "Docker would be stopped for some seconds, and its swarm's state be copied."}
        holder = Holder(engine, lease_owner or f"swarm_backup on {before.hostname}", "backup")
        holder.hold()
        try:
            taken = _take(engine, request, before)
        finally:
            if not lease_owner:
                with contextlib.suppress(EngineError):  # it ends by itself
                    holder.release()
        return {"changed": True, "warnings": warnings, **taken}


def _prepare(engine: Engine, request: Request, check: bool) -> tuple[_Before, list[str]]:
    """Everything that can be known before Docker is stopped. Returns it, and what there is to say.

    :raises Refused: Docker may not be stopped, or the backup could not be made.
    """
    info = engine_facts(engine.info())
    standing = stopped.Standing.look(engine)
    refusal = standing.refusal(request.allow_pause, key_at_hand=True)
    if not refusal and not standing.membership.control:
        refusal = "it is a worker, and only a manager holds the swarm's state. Name a manager."
    pending = observe.pending_restart()
    if not refusal and pending:
        refusal = (f"a changed configuration waits for a restart ({pending}), which should not come by the way. "
                   "ansible-playbook quorum.swarm.restart")
    if refusal:
        raise Refused(f"Docker is not stopped: {refusal}")
    swarm = Swarm.of(swarm_facts(engine.swarm()))
    own = next(node for node in standing.nodes if node.id == standing.membership.node_id)
    _make_room(info["root_dir"], check)
    before = _Before(
        swarm, info["hostname"], info["version"], info["root_dir"], own.id, own.zone or request.zone,
        {node.id: node.manager_addr for node in standing.nodes if node.voter}, engine.objects(),
        engine.unlock_key() if standing.autolock else "",
    )
    plain = plain_containers(engine.containers())
    warnings = [f"Containers that no swarm started stop with Docker for some seconds: {', '.join(plain)}."] if plain \
        else []
    return before, warnings


def _make_room(root_dir: str, check: bool) -> None:
    """The collection's folder, without what an earlier run left, and with room for a copy and an archive.

    :raises Refused: there is no room.
    """
    try:
        needed = 2 * statedir.allocated(root_dir) + SPARE
        if not check:
            os.makedirs(services.OWN_DIRECTORY, mode=0o700, exist_ok=True)
            statedir.remove(FOLDER)
            os.mkdir(FOLDER, 0o700)
        there = FOLDER
        while not os.path.exists(there):
            there = os.path.dirname(there)
        free = shutil.disk_usage(there).free
    except OSError as error:
        raise Refused(f"Docker is not stopped: {error.filename or FOLDER}: {error.strerror}.") from None
    if free < needed:
        raise Refused(f"Docker is not stopped: {services.OWN_DIRECTORY} has {free >> 20} MiB free, and a copy and an "
                      f"archive of the state may need {needed >> 20} MiB. Make room there.")


def _take(engine: Engine, request: Request, before: _Before) -> dict[str, Any]:
    stopped.step("arming")
    with stopped.Stop(engine.socket, before.unlock_key, request.longest_stop, request.timeout) as stop:
        stopped.step("stopping")
        stop.down()
        taken_at = datetime.now(timezone.utc)
        stopped.step("copying")
        try:
            statedir.copy(before.root_dir, COPY)
        except OSError as error:
            raise Refused(f"The state could not be copied to {COPY}: {error.strerror}. Docker runs again.") from None
        stop.undisturbed()
        stopped.step("starting")
        stop.up()
        stopped.step("returning")
        words = stopped.come_back(engine, before.unlock_key, request.timeout)
        back = time.monotonic()
        if words:
            raise Refused(f"Docker runs again, but after {request.timeout:.0f} s the manager is not reachable in its "
                          f"swarm: {words}. ansible-playbook quorum.swarm.health says more; no other manager should be "
                          "stopped before.")
        stop.release()
    downtime = {"engine": round(stop.running_again - stop.stopped_at, 3), "manager": round(back - stop.stopped_at, 3)}
    stopped.step("proving")
    after = engine.objects()
    return _pack(request, before, after, taken_at, downtime)


def _pack(
    request: Request, before: _Before, after: manifest.Objects, taken_at: datetime, downtime: dict[str, float]
) -> dict[str, Any]:
    """Read the copy as an engine would, compare it with what the swarm said, and make the archive."""
    files, modes = statedir.files(COPY)
    try:
        state = states.read_state(files)
        states.prove_keys(state, before.unlock_key or None)
        contents = states.open_contents(state, before.unlock_key or None)
    except RaftStateError as error:
        if not isinstance(error, (CorruptStateError, IncompleteStateError)):
            raise Refused(f"The copy could not be opened ({error}), so there is no archive. Docker runs.") from None
        raise Refused(f"The copy is no state that a manager would start from ({error}), so there is no archive. Docker "
                      "runs. If it comes again, this manager's disk may be damaged: take the backup of another one "
                      "(swarm_backup_hosts).") from None
    wrong = [f"{where}: {fact}" for where, fact in state.damage]
    wrong += manifest.contradictions(before.objects, after, archive.stored_objects(contents))
    if wrong:
        raise Refused(f"The copy is not what the swarm said ({'; '.join(wrong[:3])}), so there is no archive. Docker "
                      "runs. Run again; if it stays so, this manager does not follow the others.")
    address, listed = states.raft_address(state, contents), before.managers.get(before.node_id, "")
    if endpoint(address) != endpoint(listed):
        raise Refused(f"The copy is not what the swarm said (this manager is {address or 'without an address'} in its "
                      f"raft log, and the swarm lists it at {listed}), so there is no archive. Docker runs. Run again.")
    settings = state.settings
    position = state.position
    name = retention.Name(before.swarm.id, request.host or before.hostname, taken_at)
    told = Manifest(
        swarm_id=before.swarm.id,
        node_id=before.node_id,
        host=request.host or before.hostname,
        hostname=before.hostname,
        taken_at=taken_at.isoformat(timespec="seconds"),
        engine_version=before.engine_version,
        zone=before.zone,
        raft_addr=address,
        listen_addr=settings.listen_addr if settings else "",
        advertise_addr=settings.advertise_addr if settings else "",
        data_path_addr=settings.data_path_addr if settings else "",
        default_addr_pool=tuple(before.swarm.default_addr_pool),
        subnet_size=before.swarm.subnet_size,
        data_path_port=before.swarm.data_path_port,
        raft_id=f"{state.log.owner.raft_id:x}",
        term=position.last_term,
        index=position.last_index,
        commit=position.commit,
        autolock=before.swarm.autolock,
        kek_version=state.node_key.kek_version,
        managers=before.managers,
        objects=manifest.agreed(before.objects, after),
        files=archive.describe(files, modes),
        downtime=downtime,
    )
    stopped.step("packing")
    path = os.path.join(FOLDER, name.file)
    try:
        archive.pack(told, files, path)
    except OSError as error:
        raise Refused(f"The archive could not be written to {path}: {error.strerror}. Docker runs.") from None
    statedir.remove(COPY)
    stopped.step("done")
    return {
        "archive": path,
        "size": os.path.getsize(path),
        "sha256": archive.checksum_of(path),
        "swarm_id": told.swarm_id,
        "node_id": told.node_id,
        "taken_at": told.taken_at,
        "downtime": downtime,
        "commit": told.commit,
        "objects": {kind: len(rows) for kind, rows in told.objects.items()},
    }


def read(path: str, offset: int, length: int) -> dict[str, Any]:
    """A piece of an archive that lies in our own folder, base64.

    :raises Refused: it is not there, or lies elsewhere.
    """

    def piece(inside: str) -> dict[str, Any]:
        with open(inside, "rb") as stream:
            stream.seek(offset)
            return {"changed": False, "content": base64.b64encode(stream.read(length)).decode("ascii")}

    return _of_ours(path, piece)


def drop(path: str) -> dict[str, Any]:
    """Remove an archive of ours that the controller has.

    :raises Refused: it lies elsewhere, or cannot be removed.
    """

    def away(inside: str) -> dict[str, Any]:
        services.remove(inside)
        return {"changed": False}

    return _of_ours(path, away)


def _of_ours(path: str, act: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    if os.path.dirname(path) != FOLDER or retention.parse(os.path.basename(path)) is None:
        raise Refused(f"{path} is no archive in {FOLDER}.")
    try:
        return act(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}.") from None
