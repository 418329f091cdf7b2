# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a surviving manager's state is worth, read while its Docker stands still; and the way back from there: what
``swarm_survey`` does.

Drives the engine that it is handed, ``docker.service``, statedir.py and raft/. The state is copied to a folder below
``/var/lib/quorum.swarm/aside``, which stays there. Which survivor is taken is decided in core/recover.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    forcing,
    journal,
    membership,
    reinit,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import placement
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    LockedStateError,
    RaftStateError,
    WrongKeyError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import StoredService
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "recover"
ENDING = 20.0
"""Seconds for a manager without a leader to end. One that has run since before the loss needed 6; one that was unlocked
without a quorum never ends, and is killed (docs/engine-behaviour.md). Raft syncs its log before it tells anybody.
"""


def survey(engine: Engine, swarm_id: str, unlock_keys: Iterable[str], timeout: float, check: bool) -> dict[str, Any]:
    """Stop Docker, copy the state aside, read it. Docker stays stopped. Returns the module's result.

    In check mode Docker is left alone and its state is read while it runs: a lower bound of what it will say.

    :raises Refused: it cannot be; Docker runs as before, as far as it did.
    """
    with stopped.alone(stopped.OTHERS):
        here = forcing.read(engine)
        if here.swarm_id != swarm_id:
            raise Refused("This step changed nothing: "
                          f"the state on this host is of swarm {here.swarm_id or 'none'}, not "
                          f"of {swarm_id}.")
        if check:
            return {"changed": True, "aside": "", "lower_bound": here.ran,
                    **_worth(statedir.directory(here.root_dir), unlock_keys)}
        needed, free = statedir.allocated(here.root_dir) + forcing.SPARE, _free(journal.ASIDE)
        if free < needed:
            raise Refused("This step changed nothing: "
                          f"{journal.ASIDE} has {free >> 20} MiB free, and {needed >> 20} MiB "
                          "are needed to keep a copy of the state. Make room there.")
        led = here.membership.state == "active" and not here.membership.error
        daemon = reinit.HostDaemon(here.root_dir, engine, timeout, 0.0 if led else ENDING)
        words = daemon.stop()
        if not words:
            aside = journal.place_aside(WHAT)
            try:
                os.makedirs(os.path.dirname(aside), mode=0o700)
                statedir.copy(here.root_dir, aside)
                return {"changed": True, "aside": aside, "lower_bound": False, **_worth(aside, unlock_keys)}
            except OSError as error:
                words = f"{error.filename or aside}: {error.strerror}"
        started = daemon.start() if here.ran else ""
        raise Refused(f"The state of this host could not be copied: {words}. Docker "
                      f"{'does not start again: ' + started if started else 'is as it was'}.")


def _free(path: str) -> int:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def _worth(folder: str, unlock_keys: Iterable[str]) -> dict[str, Any]:
    """How far a state goes, what is wrong with it, and, where a key opens it, what forcing from it would throw away."""
    worth: dict[str, Any] = {"node_id": "", "commit": 0, "last_term": 0, "last_index": 0, "damage": [], "error": "",
                             "unread": "", "locked": False, "members": [], "uncommitted": [], "unopened": "",
                             "pinned": []}
    try:
        files, _modes = statedir.files(folder)
        found = states.read_state(files)
    except (CorruptStateError, IncompleteStateError) as error:
        return {**worth, "error": str(error)}
    except (OSError, RaftStateError) as error:
        return {**worth, "unread": str(error)}  # what it holds is not known: only what is proven broken is damaged
    position = found.position
    worth.update(node_id=found.certificate.node, commit=position.commit, last_term=position.last_term,
                 last_index=position.last_index, damage=[f"{where}: {fact}" for where, fact in found.damage],
                 locked=found.node_key.locked)
    return {**worth, **_contents(found, unlock_keys)}


def _contents(found: states.State, unlock_keys: Iterable[str]) -> Mapping[str, Any]:
    """Its managers as raft knows them, its uncommitted entries by name, and the services that are bound to one node."""
    words = "it is locked, and none of the unlock keys that are kept opens it"
    for key in unlock_keys if found.node_key.locked else [None]:
        try:
            states.prove_keys(found, key)
            contents = states.open_contents(found, key)
        except (WrongKeyError, LockedStateError):
            continue
        except RaftStateError as error:
            words = str(error)
            break
        return {"members": [[one.node_id, one.address] for one in contents.members],
                "uncommitted": [f"{one.action} {one.object.kind} {one.object.name or one.object.id}"
                                for one in contents.uncommitted],
                "pinned": [[one.name, node_id] for one in contents.of_kind("service")
                           if isinstance(one, StoredService) for node_id in placement.pinned_to(one.constraints)]}
    return {"unopened": words}


def back(engine: Engine, unlock_keys: Iterable[str], timeout: float, check: bool) -> dict[str, Any]:
    """Start a Docker that stands still, unlock a manager that is locked, and take back a recovery that was broken off
    before it forced anything. Returns the module's result.

    :raises Refused: Docker does not start, or a key is missing; what is true of the host now.
    """
    with stopped.alone(stopped.OTHERS):
        journals = journal.Journal()
        entry = forcing.last_run(journals)
        here = forcing.look(engine)
        daemon = reinit.HostDaemon(here.root_dir, engine, timeout)
        half = (entry is not None and entry.what == WHAT and not entry.reached(journal.FORCED)
                and reinit.is_as_left(entry, here.root_dir, here.ran))
        changed = half or not here.ran
        if changed and not check:
            if half and entry is not None:
                words = reinit.undo(daemon, journals, replace(entry, ran=True))
            else:
                words = daemon.start()
            if words:
                raise Refused(f"Docker does not start on this host: {words}.")
        state = here.membership.state if check else engine.membership()["state"]
        if state == "locked":
            changed = True
            if not check:
                state = _unlock(engine, unlock_keys, timeout)
    return {"changed": changed, "state": state}


def _unlock(engine: Engine, unlock_keys: Iterable[str], timeout: float) -> str:
    """:raises Refused: no key fits."""
    tried = 0
    for key in unlock_keys:
        tried += 1
        try:
            membership.unlock(engine, key, int(timeout), False)
        except membership.WrongKey:
            continue
        except membership.Refused as error:
            raise Refused(str(error)) from None
        except EngineError:
            pass  # without a quorum the call waits for the others; it goes on
        return str(engine.membership()["state"])
    raise Refused(f"This manager is locked, and none of the {tried} unlock keys that are kept fits. Keep the right one "
                  "in swarm_controller_dir: docker swarm unlock on the host takes it, too.")
