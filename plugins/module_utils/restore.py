# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a swarm back from a proven archive, on the host that has the archived manager's address: ``swarm_restore``.

Drives the engine that it is handed, archive.py and reinit.py. The archive lies below ``/var/lib/quorum.swarm`` until
the swarm is back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    archive,
    forcing,
    host,
    receiving,
    reinit,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils import journal as journals
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.address import canonical
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import address_of
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    node_facts,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "restore"
ALLOW_RUNNING = "swarm_allow_restore_running"
ALLOW_FOREIGN = "swarm_allow_restore_foreign"


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_restore``."""

    path: str
    """The archive, on this host; it is removed when it is not needed any more."""
    sha256: str
    unlock_keys: tuple[str, ...] = field(default=(), repr=False)
    """Those that may open it, where it is autolocked; the most likely first."""
    allow_running: bool = False
    """Whether a manager of the same swarm that runs here may be replaced."""
    allow_foreign: bool = False
    """Whether a member of another swarm that runs here may be taken out of it."""
    timeout: float = 120.0
    """Seconds for each stop and start of Docker, and for the swarm to have a leader."""


def restore(engine: Engine, request: Request, check: bool) -> dict[str, Any]:
    """Bring the archived manager up as a swarm of one. Returns the module's result.

    Run again after it was broken off, it begins anew or goes on; run again after it ended, it changes nothing.

    :raises Refused: nothing was changed, or what is true of the host now; in one or two sentences.
    :raises EngineError: the swarm is up, and could not be asked.
    """
    with stopped.alone(stopped.OTHERS):
        came = receiving.stamp(request.path)
        opened = _read(request)
        if not request.sha256:
            request = replace(request, sha256=archive.checksum_of(request.path))
        journal = journals.Journal()
        entry = forcing.last_run(journal)
        here = forcing.read(engine, damaged=True)
        told = opened.manifest
        mine = entry is not None and (entry.what, entry.archive) == (WHAT, request.sha256)
        if entry is not None and mine and entry.reached(journals.FINISHED) and here.is_of(entry):
            if not check:
                here = forcing.unlocked(engine, here, request.unlock_keys, request.timeout)
            if here.is_up(told.swarm_id, told.node_id):
                return _finish(engine, journal, entry, told, {}, "", check, (request.path, came))
            # The unlock key was changed, and the power failed before anybody knew the new one: nobody opens it again.
            again = not entry.rotated or _given_up(here, entry, request)
        else:
            again = False
        work = forcing.Forcing(engine, journal, here, entry, request.timeout)
        resumes = mine and work.broken_off
        if not (resumes or again):
            _refuse(here, told, request)
        _need_address(told)
        source, key = source_of(opened, request)
        forcing.need_room(here.root_dir, source)
        if check:
            return {"changed": True, "msg": f"Docker would be stopped, {statedir.directory(here.root_dir)} moved "
                                            f"aside, and swarm {told.swarm_id} be brought up from the archive."}
        entry = work.run(WHAT, source, key, request.sha256, resumes)
        return _finish(engine, journal, entry, told, work.phases, work.relocked, check, (request.path, came))


def settle(engine: Engine, node_ids: Collection[str], seconds: float, check: bool) -> dict[str, Any]:
    """Wait until these nodes are back in the restored swarm; from then on it is as patient as it was before.

    :raises Refused: the journal cannot be read.
    :raises EngineError: the swarm cannot be asked.
    """
    if check:
        return {"changed": False, "missing_nodes": []}
    try:
        changed, missing = reinit.settle(engine, journals.Journal(), node_ids, seconds)
    except journals.Unreadable as error:
        raise Refused(str(error)) from None
    return {"changed": changed, "missing_nodes": missing}


def _given_up(here: forcing.Here, entry: journals.Entry, request: Request) -> bool:
    """Whether it is begun anew by the operator's word, where the manager has locked itself with a key that nobody has.

    :raises Refused: the word was not given. The key may be somewhere else, and newer things than the archive behind it.
    """
    if here.membership.state != "locked":
        return False
    if not request.allow_running:
        raise Refused(
            f"This step changed nothing: this archive was restored on this host ({entry.finished_at}), its manager has "
            "locked itself since, and no kept key opens it: the restore changed its unlock key. Unlock it with "
            f"that key; if the power failed before it was kept, -e {ALLOW_RUNNING}=true begins anew from the archive.")
    return True


def _read(request: Request) -> archive.Archive:
    """The archive, checked file by file; what is in it was proven on the controller, or is in ``source_of``."""
    try:
        return archive.read(request.path)
    except archive.BadArchive as error:
        raise Refused(f"This step changed nothing. {error}") from None


def _refuse(here: forcing.Here, told: Manifest, request: Request) -> None:
    """:raises Refused: something runs here that a restore would end."""
    if here.membership.state in ("", "inactive"):
        return
    if here.swarm_id == told.swarm_id and not request.allow_running:
        raise Refused(
            f"This step changed nothing: a node of swarm {told.swarm_id} runs on this host (state "
            f"'{here.membership.state}'), and what it knows may be newer than the archive. "
            "ansible-playbook quorum.swarm.recover brings a swarm back without losing what happened since; to go back "
            f"to the archive all the same: -e {ALLOW_RUNNING}=true.")
    if here.swarm_id != told.swarm_id and not request.allow_foreign:
        raise Refused(
            f"This step changed nothing: this host belongs to another swarm ({here.swarm_id or 'unknown'}, state "
            f"'{here.membership.state}'). Take it out of that one first, or -e {ALLOW_FOREIGN}=true moves its state "
            "aside.")


def _need_address(told: Manifest) -> None:
    """:raises Refused: this host does not have the archived manager's address."""
    wanted = address_of(told.raft_addr)
    own = [canonical(one["address"]) for one in host.addresses()]
    if wanted not in own:
        raise Refused(
            f"This step changed nothing: the archived manager is known to its swarm as {told.raft_addr}, which is in "
            f"its raft log and cannot be changed yet, and this host has {', '.join(own) or 'no address'}. Give this "
            f"host the address {wanted}, or restore on the host that has it (swarm_restore_host).")


def source_of(opened: archive.Archive, request: Request) -> tuple[reinit.Source, str]:
    """The state, and the key that opens it; empty where none is needed.

    :raises Refused: it cannot be opened, or is not what an engine would start from.
    """
    told = opened.manifest
    modes = {path: one.mode for path, one in told.files.items()}
    keys = list(request.unlock_keys) if told.autolock else [""]
    wrong = f"{request.path} is autolocked, and no unlock key was given."
    try:
        for key in keys:
            try:
                proof = archive.prove(opened, [key] if key else [])
            except archive.KeyNeeded as error:
                wrong = str(error)
                continue
            if not proof.keys_proven:
                raise Refused("This step changed nothing: "
                              f"the archive cannot be opened on this host: {proof.unopened}.")
            return reinit.Source.of(opened.files, modes, key, told.autolock), key
    except (archive.BadArchive, RaftStateError) as error:
        raise Refused(f"This step changed nothing. {error}") from None
    raise Refused(f"This step changed nothing. {wrong}")


def _finish(
    engine: Engine, journal: journals.Journal, entry: journals.Entry, told: Manifest, phases: Mapping[str, float],
    relocked: str, check: bool, received: tuple[str, tuple[int, int, int]],
) -> dict[str, Any]:
    """Compare, give back the lease that the archive has in it, change the unlock key; each if it is still to do."""
    seconds = dict(phases)
    changed = bool(phases)
    if not entry.rotated and not check:
        begun = time.monotonic()
        entry = forcing.rekey(engine, journal, entry, told.autolock)
        changed = True
        seconds["rotate"] = round(time.monotonic() - begun, 3)
    begun = time.monotonic()
    missing, extra = difference(told.objects, engine.objects())
    seconds["compare"] = round(time.monotonic() - begun, 3)
    if not check:
        receiving.used(*received)
    return {
        "changed": changed,
        "swarm_id": entry.swarm_id,
        "node_id": entry.node_id,
        "nodes": [node_facts(raw) for raw in engine.nodes()],
        "missing": missing,
        "extra": extra,
        "aside": entry.aside if os.path.isdir(entry.aside) else "",
        "phases": seconds if changed else {},
        "rotated": entry.rotated and told.autolock,
        "relocked": relocked,
        "autolock": told.autolock,
    }


def difference(
    wanted: manifest.Objects, found: manifest.Objects
) -> tuple[dict[str, list[list[str]]], dict[str, list[list[str]]]]:
    """What the swarm lacks of the manifest's objects, and what it has beyond them: [ID, name] by kind."""
    sides = []
    for one, other in ((wanted, found), (found, wanted)):
        lacks = {kind: manifest.lacking(kind, one.get(kind, ()), other.get(kind, ())) for kind in manifest.KINDS}
        sides.append({kind: [list(pair) for pair in pairs] for kind, pairs in lacks.items() if pairs})
    return sides[0], sides[1]
