# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings back what stands still on this host, and waits on a manager until it shows there: what ``swarm_heal`` and
``swarm_await`` do.

Drives the engine that it is handed and ``docker.service``. Touches no state directory. Which host is healed, and by
what, is decided in core/heal.py; that a manager which works is not restarted is seen to here, at the moment of acting.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import forcing, host, membership, services, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError, node_facts, wait_until
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

ANSWER = 30.0
"""Seconds for an engine that was started to answer."""
STAYS = 4.0
"""Seconds after which it has to run still: one that ends right after each start answers now and then."""


@dataclass(frozen=True)
class Awaited:
    """One node that is waited for."""

    host: str
    node_id: str
    manager: bool = False

    def is_there(self, nodes: Sequence[Node]) -> bool:
        """Whether the swarm finds it ready, and reaches it where it is a manager."""
        return any(node.id == self.node_id and node.state == "ready" and (node.reachable or not self.manager)
                   for node in nodes)


def bring_back(
    engine: Engine, restart: bool, swarm_id: str, unlock_keys: Iterable[str], timeout: float, check: bool
) -> dict[str, Any]:
    """Start a Docker that stands still, restart one that does not take part, unlock a manager that is locked.

    :param restart: whether a Docker that runs may be restarted.
    :param swarm_id: the swarm that is healed; a host of another one is left alone.
    :raises Refused: Docker does not start, or a key is missing; what is true of the host now.
    """
    with stopped.alone(stopped.OTHERS):
        here = forcing.look(engine)
        if here.swarm_id and here.swarm_id != swarm_id:
            raise Refused(f"This step changed nothing: the state on this host is of swarm {here.swarm_id}, not of "
                          f"{swarm_id}.")
        locked = here.ran and here.membership.state == "locked"
        # One that runs and does not answer is restarted, too; one that systemd starts again and again counts as such.
        act = "" if locked else ("start" if host.engine_stopped() else "restart")
        if act == "restart" and (not restart or takes_part(engine, here.membership)):
            act = ""
        if check:
            return {"changed": bool(act) or locked, "did": [act] * bool(act) + ["unlock"] * locked,
                    "state": here.membership.state}
        if act:
            words = _restarted(engine, timeout)
            if words:
                raise Refused(f"Docker does not start on this host: {words.rstrip('.')}.")
        did = [act] * bool(act)
        state = str(engine.membership()["state"])
        if state == "locked":
            state = _unlock(engine, unlock_keys, timeout)
            did.append("unlock")
    return {"changed": bool(did), "did": did, "state": state}


def takes_part(engine: Engine, own: Membership) -> bool:
    """Whether this is a manager that works: the swarm, asked here, reaches it."""
    if own.state != "active" or own.error or not own.control:
        return False
    try:
        return any(raw["ID"] == own.node_id and Node.of(node_facts(raw)).reachable for raw in engine.nodes())
    except EngineError:
        return False


def _restarted(engine: Engine, timeout: float) -> str:
    """Start Docker, whatever it did before. Returns why it does not run; empty: it does, and answers.

    A restart, also where it stands still: one that systemd starts again and again is in the middle of that.
    """
    since = time.time()
    status = services.restart_engine(timeout)
    if status == 124:
        return f"it did not start within {timeout:.0f} s"
    if status != 0:
        return (services.unusable() or daemon.engine_words(services.journal(since))
                or f"systemctl restart ended with status {status}")
    words = services.start_stopped_engine(timeout)  # the socket, too
    return words or comes_up(engine, since)


def comes_up(engine: Engine, since: float) -> str:
    """Why an engine that was just started is not there to stay; empty: it answers, and runs on.

    :param since: epoch seconds; its journal is read from then on, for its own words.
    """
    def look() -> str:
        try:
            engine.membership()
        except EngineError as error:
            return error.text
        return ""

    there, words = wait_until(look, lambda text: text == "", ANSWER)
    if there:
        return services.runs_on(STAYS)
    return daemon.engine_words(services.journal(since)) or words


def _unlock(engine: Engine, unlock_keys: Iterable[str], timeout: float) -> str:
    """:raises Refused: no key fits."""
    tried = 0
    for key in unlock_keys:
        tried += 1
        try:
            done = membership.unlock(engine, key, int(timeout), False)
        except membership.WrongKey:
            continue
        except membership.Refused as error:
            raise Refused(str(error)) from None
        return done.after
    raise Refused(f"This manager is locked, and none of the {tried} unlock keys that are kept fits. Keep the right one "
                  "in swarm_controller_dir: docker swarm unlock on the host takes it, too.")


def await_nodes(engine: Engine, holder: Holder, awaited: Sequence[Awaited], timeout: float) -> dict[str, Any]:
    """Wait until each of these nodes is there, or the time has passed. Returns the module's result.

    :raises EngineError: the swarm could not be asked.
    """
    holder.hold()

    def look() -> tuple[Node, ...]:
        return tuple(Node.of(node_facts(raw)) for raw in engine.nodes())

    _all, nodes = wait_until(look, lambda seen: all(one.is_there(seen) for one in awaited), timeout if awaited else 0)
    back = [one.host for one in awaited if one.is_there(nodes)]
    holder.hold()
    return {"changed": False, "back": back, "missing": [one.host for one in awaited if one.host not in back]}
