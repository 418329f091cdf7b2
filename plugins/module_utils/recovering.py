# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a surviving manager the swarm's only one, and fences those that were given up: what ``swarm_recover`` does.

Drives the engine that it is handed and reinit.py, by forcing.py. The state is that which ``swarm_survey`` copied aside.
That the others are down, and that this survivor is the right one, is decided in core/recover.py before.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import forcing, host, reinit, settings, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils import journal as journals
from ansible_collections.quorum.swarm.plugins.module_utils.core.address import canonical
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import address_of
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, node_facts
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    LockedStateError,
    RaftStateError,
    WrongKeyError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "recover"


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_recover``."""

    swarm_id: str
    source: str = ""
    """The folder of the copied state; empty: a recovery that was broken off goes on."""
    unlock_keys: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = 120.0
    given_up: bool = True
    """Whether any manager is given up: else there is nobody whose knowledge has to become worthless."""


def recover(engine: Engine, request: Request, check: bool) -> dict[str, Any]:
    """Force the new swarm. Returns the module's result.

    Run again after it was broken off, it goes on; run again after it ended, it changes nothing.

    :raises Refused: nothing was changed, or what is true of the host now.
    :raises EngineError: the swarm is up, and could not be asked.
    """
    with stopped.alone(stopped.OTHERS):
        journal = journals.Journal()
        entry = forcing.last_run(journal)
        here = forcing.read(engine)
        mine = (entry is not None and (entry.what, entry.swarm_id) == (WHAT, request.swarm_id)
                and request.source in ("", entry.archive))
        if entry is not None and mine and entry.reached(journals.FINISHED) and here.is_of(entry):
            if not entry.rotated and not check:
                here = forcing.unlocked(engine, here, request.unlock_keys, request.timeout)
            if here.is_up(entry.swarm_id, entry.node_id):
                return _finish(engine, journal, entry, {}, "", check)
        work = forcing.Forcing(engine, journal, here, entry, request.timeout)
        resumes = mine and work.broken_off
        _refuse(here, resumes)
        source, key = _source_of(entry.archive if entry is not None and resumes else request.source, request)
        if not resumes:
            _need_address(source)
            forcing.need_room(here.root_dir, source)
        if check:
            return {"changed": True, "msg": f"Swarm {request.swarm_id} would be made a swarm of this manager alone."}
        entry = work.run(WHAT, source, key, request.source, resumes, "" if request.given_up else NOBODY)
        return _finish(engine, journal, entry, work.phases, work.relocked, check)


def _refuse(here: forcing.Here, resumes: bool) -> None:
    """:raises Refused: it has a quorum."""
    own = here.membership
    if not resumes and own.state == "active" and own.control and not own.error:
        raise Refused("This step changed nothing: this manager finds a leader, so the swarm has its quorum. "
                      "ansible-playbook quorum.swarm.health")


def _source_of(folder: str, request: Request) -> tuple[reinit.Source, str]:
    """The state, and the key that opens it; empty where none is needed.

    :raises Refused: it cannot be read or opened, or is of another swarm.
    """
    if os.path.dirname(os.path.dirname(folder)) != journals.ASIDE:
        raise Refused("This step changed nothing: "
                      f"{folder or 'the source'} is not a state that swarm_survey copied aside.")
    try:
        files, modes = statedir.files(folder)
        for key in (*request.unlock_keys, ""):
            try:
                source = reinit.Source.of(files, modes, key, False)
            except (WrongKeyError, LockedStateError):
                continue
            if source.swarm_id != request.swarm_id:
                raise Refused(f"This step changed nothing: {folder} is of swarm {source.swarm_id}, not of "
                              f"{request.swarm_id}.")
            return source, key if source.locked else ""
    except OSError as error:
        raise Refused(f"This step changed nothing. {error.filename or folder}: {error.strerror}.") from None
    except RaftStateError as error:
        raise Refused(f"This step changed nothing: no engine would start from {folder} ({error}), or no unlock key is "
                      "kept that opens it.") from None
    raise Refused(f"This step changed nothing: none of the unlock keys that are kept opens {folder}.")


def _need_address(source: reinit.Source) -> None:
    """:raises Refused: this host does not have the manager's address."""
    if not source.advertise_addr:
        raise Refused("This step changed nothing: neither the raft membership nor any other file of this manager's "
                      "state says by which address the other managers know it. Name another survivor in "
                      "swarm_recover_survivor.")
    wanted = address_of(source.advertise_addr)
    own = [canonical(one["address"]) for one in host.addresses()]
    if wanted not in own:
        raise Refused("This step changed nothing: "
                      f"this manager is known to its swarm as {source.advertise_addr}, and this "
                      f"host has {', '.join(own) or 'no address'}. Give it that address, or name another survivor in "
                      "swarm_recover_survivor.")


def _finish(
    engine: Engine, journal: journals.Journal, entry: journals.Entry, phases: dict[str, float], relocked: str,
    check: bool,
) -> dict[str, Any]:
    """Change the unlock key, if that is still to do, and say what is true."""
    changed = bool(phases)
    swarm = engine.swarm()
    autolock = bool((swarm["Spec"].get("EncryptionConfig") or {}).get("AutoLockManagers"))
    if not entry.rotated and not check:
        entry = forcing.rekey(engine, journal, entry, autolock)
        changed = True
    return {
        "changed": changed,
        "swarm_id": entry.swarm_id,
        "node_id": entry.node_id,
        "nodes": [node_facts(raw) for raw in engine.nodes()],
        "aside": entry.aside if os.path.isdir(entry.aside) else "",
        "phases": phases,
        "rotated": entry.rotated and autolock,
        "relocked": relocked,
        "autolock": autolock,
    }


def fence(
    engine: Engine, node_ids: Collection[str], ca: bool, timeout: float, check: bool
) -> dict[str, Any]:
    """Wait for the nodes that come back, and make worthless what the given-up managers know: the join tokens, and where
    that is asked for their certificates.

    What is done is noted in the journal of the recovery, so that it is done once.

    :raises Refused: there was no recovery on this host.
    :raises EngineError: the engine refused, or could not be asked.
    """
    journal = journals.Journal()
    entry = forcing.last_run(journal)
    if entry is None or entry.what != WHAT or not entry.reached(journals.FINISHED):
        raise Refused("This step changed nothing: no recovery ended on this host.")
    tokens, root, patient = entry.fenced == "", ca and entry.fenced not in (CA, SURE, NOBODY), not entry.settled
    problem = ""
    if not check:
        if patient:
            reinit.settle(engine, journal, node_ids, timeout)
            entry = replace(entry, heartbeat=0, interval=-1)
        if tokens:
            settings.apply(engine, settings.Wanted({}, worker_token=True, manager_token=True), check=False)
            entry = journal.write(replace(entry, fenced=TOKENS))
        if not ca and entry.fenced == TOKENS:
            entry = journal.write(replace(entry, fenced=SURE))
        if root:
            ended = entry.fenced == BEGUN and not engine.swarm().get("RootRotationInProgress")
            try:
                if not ended:
                    settings.apply(engine, settings.Wanted({}, ca=True, seconds=timeout), check=False)
                entry = journal.write(replace(entry, fenced=CA))
            except settings.NotDone as error:
                entry = journal.write(replace(entry, fenced=BEGUN))
                problem = str(error)
    return {"changed": tokens or root or patient, "fenced": entry.fenced, "problem": problem}


TOKENS, SURE, BEGUN, CA, NOBODY = "tokens", "sure", "begun", "ca", "nobody"
"""How far the fence is: the join tokens are new; that is all of it, because the given-up are off for certain, and a
later run, to which nobody says so, does not ask for more; a new root certificate is on its way; it is everywhere; there
is none, because nobody was given up.
"""
