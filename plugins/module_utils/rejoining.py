# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empties this host of its membership, so that it joins anew, and remembers what the node was: what ``swarm_rejoin``
does.

Drives the engine that it is handed, ``docker.service`` and statedir.py, and keeps a journal (rejoin_journal.py). A
state that may be damaged is moved aside whole, never deleted, and never used again. Who rejoins, and whether the quorum
can bear it, is decided in core/heal.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    forcing,
    host,
    journal,
    membership,
    reinit,
    services,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.healing import comes_up, takes_part
from ansible_collections.quorum.swarm.plugins.module_utils.rejoin_journal import (
    CLEANED,
    FINISHED,
    PATH,
    Entry,
    last,
    write,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "rejoin"


def _pending(swarm_id: str, path: str) -> Entry | None:
    """:raises Refused: it cannot be read, or is of another swarm."""
    try:
        entry = last(path)
    except journal.Unreadable as error:
        raise Refused(f"This step changed nothing. {error}") from None
    if entry is None or entry.step == FINISHED:
        return None
    if entry.swarm_id != swarm_id:
        raise Refused(f"This step changed nothing: a rejoin of swarm {entry.swarm_id} was broken off on this host, and "
                      f"this is {swarm_id}. Move {path} away, if that is through.")
    return entry


def note(engine: Engine, entry: Entry, managers: Sequence[str], check: bool, path: str = PATH) -> dict[str, Any]:
    """Remember what the node is, before anything of it goes. What was noted by a run that was broken off counts.

    :param managers: raft addresses; one has to answer from here, else the host could leave and not come back.
    :raises Refused: nothing was changed.
    """
    here = _here(engine)
    if here.swarm_id and here.swarm_id != entry.swarm_id:
        raise Refused(f"This step changed nothing. foreign: the state on this host is of swarm {here.swarm_id}, not of "
                      f"{entry.swarm_id}. {ELSEWHERE}")
    if managers and not any(_listens(address) for address in managers):
        raise Refused("This step changed nothing. "
                      f"No manager answers from this host: TCP to {', '.join(managers)} fails. "
                      "It could not come back. Look for a firewall, or for a wrong address.")
    before = _pending(entry.swarm_id, path)
    words = "" if here.ran else _refused_config()
    if words:
        raise Refused("This step changed nothing. "
                      f"Docker does not start on this host by its configuration, which a new "
                      f"node would have, too: {words.rstrip('.')}. Correct it, and run again.")
    if before is None and not check:
        write(replace(entry, started_at=journal.now()), path)
    return {"changed": before is None, "journal": asdict(before or entry)}


def _here(engine: Engine) -> forcing.Here:
    """This host. A state that is damaged may be moved aside; one whose place is not known cannot be.

    :raises Refused: where it lies is not known.
    """
    here = forcing.look(engine)
    if here.unread and not here.root_dir:
        raise Refused(f"This step changed nothing: state_unread: where the state of a swarm lies on this host is not "
                      f"known ({here.unread}). Start Docker there, which says it, and run again.")
    return here


def _refused_config() -> str:
    """Why the engine's own program does not take its configuration; empty: it does, or nobody knows.

    The flags of its unit are part of that, so that they are tried without a file, too. Where the unit calls another
    program, nothing is known of what that does with them.
    """
    try:
        command = services.unit_command()
        text = services.read(command.config_file)
    except statedir.Unread:
        return ""
    except (OSError, ValueError) as error:
        return str(error)
    if not text and os.path.basename(command.program) != "dockerd":
        return ""
    return services.try_config(command, text or "{}") or ""


def _listens(address: str) -> bool:
    name, _sign, port = address.rpartition(":")
    return port.isdigit() and host.listens(name.strip("[]"), int(port))


def clean(
    engine: Engine, swarm_id: str, leave: bool, known_nodes: Sequence[str], timeout: float, check: bool,
    path: str = PATH,
) -> dict[str, Any]:
    """Make this host a member of no swarm, once. Docker runs afterwards.

    :param leave: whether it is to leave by itself, as a node that works; else its state is moved aside.
    :param known_nodes: the IDs of all nodes that the swarm lists.
    :raises Refused: what is true of the host now.
    """
    with stopped.alone(stopped.OTHERS):
        entry = _pending(swarm_id, path)
        if entry is None:
            raise Refused("This step changed nothing: no rejoin was begun on this host.")
        here = _here(engine)
        if entry.step == CLEANED:
            return _started(engine, here, entry, timeout, check)
        if here.node_id and here.node_id not in entry.node_ids:
            raise Refused("This step changed nothing: "
                          f"this host is node {here.node_id}, which is none of those that it "
                          f"is to give up ({', '.join(entry.node_ids) or 'none'}).")
        if not leave and here.ran and takes_part(engine, here.membership):
            raise Refused("This step changed nothing: "
                          "this is a manager that works, and the swarm reaches it. Run again.")
        if check:
            return {"changed": True, "aside": "", "way": "left" if leave else "moved"}
        if here.ran and leave and here.membership.state == "active":
            membership.leave(engine, False, timeout, False, known_nodes, swarm_id)
            write(replace(entry, step=CLEANED), path)
            return {"changed": True, "aside": "", "way": "left"}
        entry = _put_aside(engine, here, entry, known_nodes, timeout, path)
    return {"changed": True, "aside": entry.aside, "way": "moved" if entry.aside else "none"}


def _put_aside(
    engine: Engine, here: forcing.Here, entry: Entry, known_nodes: Sequence[str], timeout: float, path: str
) -> Entry:
    """Stop Docker, move the state aside, start Docker without it.

    Where Docker does not start without it either, it is not the state that is damaged: then it is put back.
    """
    docker = reinit.HostDaemon(here.root_dir, engine, timeout)
    words = docker.stop()
    if words:
        raise Refused(f"Docker could not be stopped on this host: {words}. This step changed nothing.")
    try:
        if not entry.aside:
            entry = write(replace(entry, aside=journal.place_aside(WHAT)), path)
        reinit.put_aside(here.root_dir, entry.aside)
    except OSError as error:
        started = docker.start()
        raise Refused(f"{error.filename or here.root_dir}: {error.strerror}. Docker "
                      f"{'does not start again: ' + started if started else 'runs as before'}.") from None
    since = time.time()
    words = docker.start() or comes_up(engine, since)
    if words:
        raise Refused(f"Docker does not start on this host, not even without its state of the swarm: "
                      f"{words.rstrip('.')}.{_put_back(docker, entry, known_nodes, path)}")
    moved = entry.aside if os.path.isdir(entry.aside) else ""
    return write(replace(entry, step=CLEANED, aside=moved), path)


def _put_back(docker: reinit.HostDaemon, entry: Entry, known_nodes: Sequence[str], path: str) -> str:
    """Have the state where it was; what came of it, one sentence.

    As long as the swarm lists the node, nothing has happened then, and the journal is forgotten.
    """
    docker.stop()
    if os.path.isdir(entry.aside):
        try:
            statedir.discard(docker.root_dir)  # what an engine that came up for a moment made
            statedir.move(entry.aside, statedir.directory(docker.root_dir))
        except OSError as error:
            return f" The state is in {entry.aside}: it could not be put back ({error.strerror})."
    # As it was before: it comes up by itself as soon as what is wrong has gone, where its unit is started again.
    docker.start()
    if set(entry.node_ids) & set(known_nodes):
        services.remove(path)
    else:
        write(replace(entry, aside=""), path)
    return " The state was put back."


def _started(engine: Engine, here: forcing.Here, entry: Entry, timeout: float, check: bool) -> dict[str, Any]:
    """The host was emptied by a run that was broken off: Docker has to run, and that is all."""
    if not here.ran and not check:
        words = reinit.HostDaemon(here.root_dir, engine, timeout).start()
        if words:
            raise Refused(f"Docker does not start on this host: {words.rstrip('.')}.")
    return {"changed": not here.ran, "aside": entry.aside, "way": "none"}


def finish(swarm_id: str, check: bool, path: str = PATH) -> dict[str, Any]:
    """The host is a node again: what was noted is through."""
    entry = _pending(swarm_id, path)
    if entry is None or check:
        return {"changed": entry is not None}
    write(replace(entry, step=FINISHED, finished_at=journal.now()), path)
    return {"changed": True, "aside": entry.aside}


def entry_of(params: Mapping[str, Any]) -> Entry:
    """From the options of ``swarm_rejoin``."""
    return Entry(params["swarm_id"], list(params["node_ids"]), params["role"], params["availability"],
                 {str(name): str(value) for name, value in params["labels"].items()})
