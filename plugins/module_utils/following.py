# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings this host back to a swarm that was restored or recovered: what ``swarm_follow`` does.

Drives the engine that it is handed and statedir.py. What was here is moved aside below ``/var/lib/quorum.swarm/aside``,
never deleted. Which way a host comes back is decided in core/follow.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    host,
    journal,
    reinit,
    services,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import follow
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    is_of_task,
    membership_facts,
    wait_until,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "follow"
FINDING = 60.0
"""Seconds for a worker to find the one of its managers that lives. It tries them at random, up to 8 s after a dead one.
"""


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_follow``."""

    swarm_id: str
    node_ids: tuple[str, ...]
    """Nodes that the swarm lists, and that may come back as they are."""
    managers: tuple[tuple[str, str], ...]
    """(node ID, raft address) of the swarm's managers."""
    keep: bool = True
    """False: the host becomes a new node in any case."""
    restart: bool = False
    """A worker is to become a manager. Its engine is started anew: one that has run since it joined asks the manager
    through which it joined for the raft, also where that is dead, and an autolocked one is locked after that [26.1].
    """
    containers: tuple[str, ...] = ()
    """IDs of the task containers that ran here before."""
    unlock_keys: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = 120.0


@dataclass(frozen=True)
class _Here:
    root_dir: str
    ran: bool
    membership: Membership
    way: str


def follow_swarm(engine: Engine, request: Request, check: bool) -> dict[str, Any]:
    """Bring this host back. Returns the module's result.

    :raises Refused: it does not come back; what is true of the host now.
    :raises EngineError: the engine could not be asked.
    """
    with stopped.alone(stopped.OTHERS):
        here = _look(engine, request)
        if request.restart and here.way == follow.CLEANED:
            raise Refused("This host is not the node that is to become a manager, or its certificate has ended. It is "
                          "left as it is.")
        if not check and _taken_back(engine, here, request):
            here = _look(engine, request)
        if here.way == follow.NONE and not here.ran:
            return _started(engine, here, request, check)  # perhaps cleaned by a run that was broken off
        if check or here.way == follow.NONE:
            return _result(here.way in (follow.POINTED, follow.CLEANED), here.way, "", request, None)
        changes = here.way in (follow.POINTED, follow.CLEANED)
        aside = _replace(engine, here, request) if changes else ""
        if here.way == follow.RECONNECTED:
            _hear_from_it(engine, here, request)
        elif here.way != follow.CLEANED:
            _come_back(engine, request)
        return _result(changes, here.way, aside, request, engine)


def _taken_back(engine: Engine, here: _Here, request: Request) -> bool:
    """Put back what lay here before a restore that was broken off; what it had put in place has its key in clear, and
    must not be kept aside. Returns whether there was one.

    :raises Refused: it cannot be put back.
    """
    kept = journal.Journal()
    try:
        entry = kept.read()
    except journal.Unreadable:
        return False
    if entry is None or entry.reached(journal.FORCED) or not reinit.is_as_left(entry, here.root_dir, here.ran):
        return False
    words = reinit.take_back(reinit.HostDaemon(here.root_dir, engine, request.timeout), kept, entry)
    if words:
        raise Refused(words)
    return True


def _look(engine: Engine, request: Request) -> _Here:
    ran = not host.engine_stopped()
    info: dict[str, Any] = {}
    if ran:
        try:
            info = engine.info()
        except EngineError:
            ran = False
    try:
        root_dir = services.root_dir(info.get("DockerRootDir") or "")
        found = statedir.node_certificate(root_dir)
        raft_log = statedir.holds_raft_log(root_dir)
    except statedir.Unread as error:
        raise Refused(f"This step changed nothing: state_unread: the state of a swarm on this host cannot be read "
                      f"({error}). It is left as it is: make it readable, and run again.") from None
    own = Membership.of(membership_facts(info)) if info else Membership()
    certificate = (found.swarm, found.node, found.role == "swarm-manager", found.not_after) if found else None
    # What the engine follows now is truer than the file, which it writes a moment later.
    known = own.remote_managers or tuple(statedir.known_managers(root_dir))
    way = follow.way(own, certificate, raft_log, known, request.swarm_id, request.node_ids,
                     request.managers, datetime.now(timezone.utc), request.keep, request.restart)
    return _Here(root_dir, ran, own, way)


def _started(engine: Engine, here: _Here, request: Request, check: bool) -> dict[str, Any]:
    words = "" if check else reinit.HostDaemon(here.root_dir, engine, request.timeout).start()
    if words:
        raise Refused(f"Docker does not start on this host: {words}.")
    return _result(True, here.way, "", request, None)


def _replace(engine: Engine, here: _Here, request: Request) -> str:
    """Stop the engine, move aside what must not come back, and start it again. Returns where it is now; empty: nothing
    was moved.
    """
    daemon = reinit.HostDaemon(here.root_dir, engine, request.timeout)
    words = daemon.stop()
    if words:
        raise Refused(f"Docker could not be stopped on this host: {words}. This step changed nothing.")
    aside = journal.place_aside(WHAT)
    try:
        if here.way == follow.CLEANED:
            reinit.put_aside(here.root_dir, aside)
        else:
            statedir.point_at(here.root_dir, request.managers)
            aside = os.path.join(os.path.dirname(aside), "raft")
            statedir.without_log(here.root_dir, aside)
    except OSError as error:
        started = daemon.start()
        raise Refused(f"{error.filename or here.root_dir}: {error.strerror}. Docker "
                      f"{'does not start again: ' + started if started else 'runs as before'}.") from None
    aside = aside if os.path.isdir(aside) else ""
    words = daemon.start()
    if words:
        where = f" What was here is in {aside}." if aside else ""
        raise Refused(f"Docker does not start on this host: {words}.{where}")
    return aside


def _hear_from_it(engine: Engine, here: _Here, request: Request) -> None:
    """Wait until this worker has found the manager among those that it knows, so that it can be said what became of its
    tasks.

    It shows in that it forgets the dead. Where there are none to forget it is not seen from here, so that it is no
    failure either: whether the node is ready is asked of the swarm afterwards.
    """
    known = set(here.membership.remote_managers)
    if known <= set(request.managers):
        return

    def found() -> bool:
        try:
            own = Membership.of(engine.membership())
        except EngineError:
            return False
        return set(own.remote_managers) != known

    wait_until(found, bool, min(request.timeout, FINDING))


def _come_back(engine: Engine, request: Request) -> None:
    """Wait until this node follows the swarm's managers, and only these.

    :raises Refused: it does not.
    """
    wanted = {address for _node, address in request.managers}

    def look() -> str:
        try:
            own = Membership.of(engine.membership())
            if own.state == "locked":
                _unlock(engine, request.unlock_keys)
                own = Membership.of(engine.membership())
        except EngineError as error:
            return error.text
        if own.state != "active" or own.error:
            return f"this node is '{own.state}' ({own.error or 'no reason given'})"
        followed = {address for _node, address in own.remote_managers}
        return "" if wanted <= followed else f"it still follows {', '.join(sorted(followed)) or 'nobody'}"

    back, seen = wait_until(look, lambda words: words == "", request.timeout)
    if not back:
        raise Refused(f"This host does not come back to the swarm within {request.timeout:.0f} s: {seen}. Look whether "
                      f"it reaches {', '.join(sorted(wanted))}, and run again.")


def _unlock(engine: Engine, unlock_keys: Sequence[str]) -> None:
    """With the key that fits; a manager that was away while the key was changed needs an older one."""
    for key in unlock_keys:
        try:
            engine.unlock(key)
        except EngineError as error:
            if error.status == 401:
                continue
            raise
        return


def _result(
    changed: bool, way: str, aside: str, request: Request, engine: Engine | None
) -> dict[str, Any]:
    running: set[str] = set()
    node_id = ""
    if engine is not None:
        running = {raw["Id"] for raw in engine.containers() if is_of_task(raw)}
        node_id = engine.membership()["node_id"]
    kept = [one for one in request.containers if one in running]
    return {"changed": changed, "way": way, "aside": aside, "node_id": node_id, "kept": len(kept),
            "interrupted": len(request.containers) - len(kept) if engine is not None else 0}
