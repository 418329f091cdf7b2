# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moves aside the state of a swarm that an operator gave up by its ID: what ``swarm_discard`` does.

Drives the engine that it is handed and statedir.py. The ID is read on the disk at the moment of acting; nothing is
deleted: the state lies below ``/var/lib/quorum.swarm/aside`` afterwards.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import forcing, journal, reinit, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError, node_facts
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "discard"


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_discard``."""

    swarm_id: str
    own_swarm_id: str = ""
    timeout: float = 120.0


def discard(engine: Engine, request: Request, check: bool) -> dict[str, Any]:
    """Move the state aside, where it is of this swarm. Returns the module's result.

    An engine that is in no swarm goes on running; one that is a member, or tries to be, is stopped for it. A run that
    was broken off is gone on with: what lies aside stays there, and the engine is started.

    :raises Refused: it is of another swarm, cannot be read, or is not to be given up.
    """
    if request.swarm_id == request.own_swarm_id:
        raise Refused(f"This step changed nothing: {request.swarm_id} is the swarm of this inventory (swarm_id).")
    with stopped.alone(stopped.OTHERS):
        _refuse_unfinished()
        here = forcing.read(engine)
        lies = bool(here.swarm_id) or statedir.holds_raft_log(here.root_dir)
        if not lies:
            return _started(engine, here, request, check)
        if here.swarm_id != request.swarm_id:
            raise Refused(f"This step changed nothing: the state on this host is of swarm "
                          f"{here.swarm_id or 'unknown'}, not of {request.swarm_id}.")
        _refuse_living(engine, here)
        if check:
            return _result(True, "")
        return _moved(engine, here, request)


def _refuse_unfinished() -> None:
    """What a restore or recovery that was broken off left may have its key in clear, and is locked first.

    :raises Refused: one was.
    """
    try:
        last = journal.Journal().read()
    except journal.Unreadable as error:
        raise Refused(f"This step changed nothing: {error}") from None
    if last is not None and not (last.reached(journal.FINISHED) and last.settled):
        raise Refused(f"This step changed nothing: a {last.what} of swarm {last.swarm_id} was broken off on this host. "
                      "Run that one again first: it goes on, and locks the key.")


def _refuse_living(engine: Engine, here: forcing.Here) -> None:
    """:raises Refused: this host is a manager of a swarm that has other nodes, or may have."""
    if not here.membership.control:
        return
    try:
        nodes = [Node.of(node_facts(raw)) for raw in engine.nodes()]
    except EngineError:
        return  # without a leader there is no swarm that works
    others = sorted(node.hostname for node in nodes if node.id != here.membership.node_id and node.state == "ready")
    if others:
        raise Refused(f"This step changed nothing: this host is a manager of swarm {here.swarm_id}, in which "
                      f"{', '.join(others)} work. Take those out first, or keep it.")


def _moved(engine: Engine, here: forcing.Here, request: Request) -> dict[str, Any]:
    daemon = reinit.HostDaemon(here.root_dir, engine, request.timeout)
    stops = here.ran and here.membership.state not in ("", "inactive")
    if stops:
        words = daemon.stop()
        if words:
            raise Refused(f"Docker could not be stopped on this host: {words}. This step changed nothing.")
    aside = journal.place_aside(WHAT)
    try:
        reinit.put_aside(here.root_dir, aside)
        statedir.make_empty(here.root_dir)
    except OSError as error:
        started = daemon.start() if stops else ""
        where = f" Part of the state is in {aside}." if os.path.isdir(aside) else ""
        raise Refused(f"{error.filename or here.root_dir}: {error.strerror}.{where} Docker "
                      f"{'does not start again: ' + started if started else 'runs'}.") from None
    if stops or not here.ran:
        words = daemon.start()
        if words:
            raise Refused(f"Docker does not start on this host: {words}. What was here is in {aside}.")
    return _result(True, aside)


def _started(engine: Engine, here: forcing.Here, request: Request, check: bool) -> dict[str, Any]:
    """Nothing lies here; an engine that a run before this one stopped is started."""
    if here.ran:
        if not check and not statedir.exists(here.root_dir):
            statedir.make_empty(here.root_dir)
        return _result(False, "")
    words = "" if check else reinit.HostDaemon(here.root_dir, engine, request.timeout).start()
    if words:
        raise Refused(f"Docker does not start on this host: {words}.")
    return _result(True, "")


def _result(changed: bool, aside: str) -> dict[str, Any]:
    return {"changed": changed, "aside": aside}
