# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells a manager's engine the address that its raft has: what ``swarm_pin`` does.

Drives the engine that it is handed, ``docker.service`` and statedir.py. Docker is stopped under the restart guard, as
for a backup. The settings of before are kept below ``/var/lib/quorum.swarm/aside``, and put back where the manager does
not come back as the node that it was. Which managers are pinned is decided in core/pinning.py.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host, journal, observe, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core.address import canonical, endpoint
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import address_of
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    engine_facts,
    task_facts,
    wait_until,
)
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "pin"
TASKS = 60.0
"""Seconds for the tasks that stopped with Docker to run again, before the next manager is stopped."""


@dataclass(frozen=True)
class Request:
    """What is wanted; the options of ``swarm_pin``."""

    address: str
    """``host:port`` by which the swarm knows this manager."""
    allow_pause: bool = False
    longest_stop: float = 120.0
    timeout: float = 120.0


def pin(engine: Engine, request: Request, holder: Holder, check: bool) -> dict[str, Any]:
    """Write the address into the engine's settings. Returns the module's result.

    :param holder: of the lease, extended right before the stop.
    :raises Refused: nothing was changed, or what is true of the host now.
    :raises EngineError, lease.Held: before anything was stopped.
    """
    with stopped.alone(stopped.OTHERS):
        root_dir = engine_facts(engine.info())["root_dir"]
        advertises = statedir.advertises(root_dir)
        if advertises is not None and endpoint(advertises) == endpoint(request.address):
            return {"changed": False, "kept": "", "downtime": 0.0, "warnings": []}
        standing = stopped.Standing.look(engine)
        _refuse(standing, request, advertises)
        if check:
            return {"changed": True, "kept": "", "downtime": 0.0, "warnings": []}
        key = engine.unlock_key() if standing.autolock else ""
        running = _running(engine)
        holder.hold()
        result = _write(engine, request, standing, root_dir, key)
        again, _count = wait_until(lambda: _running(engine), lambda count: count >= running, TASKS)
    warnings = [] if again else [f"Not all tasks that stopped with Docker run again after {TASKS:.0f} s."]
    return {"changed": True, "warnings": warnings, **result}


def _refuse(standing: stopped.Standing, request: Request, advertises: str | None) -> None:
    """:raises Refused: Docker may not be stopped, or the address cannot be pinned."""
    words = standing.refusal(request.allow_pause, key_at_hand=True)
    own = next((node for node in standing.nodes if node.id == standing.membership.node_id), None)
    waits = observe.pending_restart()
    addresses = [canonical(one["address"]) for one in host.addresses()]
    if not words and (own is None or not own.voter):
        words = "it is a worker, and only a manager's address is pinned."
    elif not words and own is not None and endpoint(own.manager_addr) != endpoint(request.address):
        words = f"the swarm knows this manager by {own.manager_addr}, not by {request.address}. Run again."
    elif not words and advertises is None:
        words = "the settings of its engine cannot be read."
    elif not words and advertises:
        words = f"its settings name another address already ({advertises}). ansible-playbook quorum.swarm.health"
    elif not words and address_of(request.address) not in addresses:
        words = (f"{request.address} is none of this host's addresses ({', '.join(addresses) or 'none'}). "
                 "ansible-playbook quorum.swarm.rejoin makes it a node with an address of its own.")
    elif not words and waits:
        words = (f"a changed configuration waits for a restart ({waits}), which should not come by the way. "
                 "ansible-playbook quorum.swarm.restart")
    if words:
        raise Refused(f"This step changed nothing: {words}")


def _write(
    engine: Engine, request: Request, standing: stopped.Standing, root_dir: str, key: str
) -> dict[str, Any]:
    kept = os.path.dirname(journal.place_aside(WHAT))
    with stopped.Stop(engine.socket, key, request.longest_stop, request.timeout) as stop:
        stopped.step("stopping")
        stop.down()
        stopped.step("pinning")
        try:
            statedir.pin(root_dir, request.address, kept)
        except (OSError, ValueError) as error:
            raise Refused(f"The settings could not be written ({error}). Docker runs as before.") from None
        stopped.step("starting")
        words = ""
        try:
            stop.up()
        except Refused as error:
            words = str(error).rstrip(".")
        stopped.step("returning")
        words = words or stopped.come_back(engine, key, request.timeout) or _changed(engine, standing)
        if words:
            _put_back(engine, request, stop, root_dir, kept, key, words)
        stop.release()
    stopped.step("done")
    return {"kept": kept, "downtime": round(stop.running_again - stop.stopped_at, 3)}


def _changed(engine: Engine, standing: stopped.Standing) -> str:
    """What is another than before; empty: nothing."""
    before = {node.id: node.manager_addr for node in standing.nodes}
    try:
        own = engine.membership()["node_id"]
        now = {node.id: node.manager_addr for node in stopped.nodes_of(engine)}
    except EngineError as error:
        return error.text
    if own != standing.membership.node_id:
        return f"it is node {own} now, and was {standing.membership.node_id}"
    if now.get(own) != before.get(own):
        return f"the swarm knows it by {now.get(own)} now, and by {before.get(own)} before"
    return ""


def _put_back(
    engine: Engine, request: Request, stop: stopped.Stop, root_dir: str, kept: str, key: str, words: str
) -> None:
    """:raises Refused: always, with what is true now."""
    stopped.step("putting back")
    stop.down()
    with contextlib.suppress(OSError):
        statedir.unpin(root_dir, kept)
    stop.up()
    try:
        late = stopped.come_back(engine, key, request.timeout)
    except EngineError as error:
        late = error.text
    if not late:
        stop.release()
    raise Refused(f"With {request.address} pinned this manager did not come back as it was: {words}. Its settings were "
                  f"put back, and {'it is back' if not late else 'it is not back yet: ' + late}. "
                  "ansible-playbook quorum.swarm.rejoin makes it a node with an address of its own.")


def _running(engine: Engine) -> int:
    """How many tasks run that are meant to."""
    return sum(task["state"] == task["desired_state"] == "running" for task in map(task_facts, engine.tasks()))
