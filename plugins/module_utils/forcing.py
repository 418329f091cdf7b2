# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore and a recovery have in common on the host whose state becomes the swarm: what runs there before, a run
that was broken off, its way back, and what is done when the swarm is up.

Drives the engine that it is handed and reinit.py. What may be done is decided by who calls it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host, reinit, services, settings, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils import journal as journals
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    engine_facts,
    membership_facts,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

SPARE = 128 << 20
"""Bytes that stay free on the disk: the engine allocates a log segment of 64 MB beside the one it has."""


@dataclass(frozen=True)
class Here:
    """This host before anything is changed."""

    ran: bool
    """Whether the engine ran."""
    root_dir: str
    membership: Membership
    swarm_id: str
    """Of the state that lies here; empty: there is none."""
    node_id: str
    unread: str = ""
    """Why the state that lies here cannot be read, one clause; empty: it was read, or there is none."""
    damaged: bool = False
    """Whether that is because it is proven to be broken: it may be moved aside by an operator's word."""

    def is_of(self, entry: journals.Entry) -> bool:
        """Whether what lies here is of the node that this run was about."""
        return (self.swarm_id, self.node_id) == (entry.swarm_id, entry.node_id)

    def is_up(self, swarm_id: str, node_id: str) -> bool:
        """Whether this host is that manager, and works."""
        own = self.membership
        return ((own.state, own.control, own.error, own.node_id) == ("active", True, "", node_id)
                and self.swarm_id == swarm_id)


def look(engine: Engine) -> Here:
    """What is true of this host now. Who replaces or moves the state asks ``read`` instead."""
    ran = not host.engine_stopped()
    info: Mapping[str, Any] = {}
    if ran:
        try:
            info = engine.info()
        except EngineError:
            ran = False  # it runs, and does not answer: as good as not
    membership = Membership.of(membership_facts(info)) if info else Membership()
    root_dir = ""
    try:
        root_dir = services.root_dir(engine_facts(info)["root_dir"] if info else "")
        found = statedir.node_certificate(root_dir)
    except statedir.Unread as error:
        return Here(ran, root_dir, membership, "", "", str(error), isinstance(error, statedir.Damaged))
    return Here(ran, root_dir, membership, found.swarm if found else "", found.node if found else "")


def read(engine: Engine, damaged: bool = False) -> Here:
    """The same, for whoever replaces or moves the state that lies here.

    :param damaged: whether one that is proven to be broken may be replaced.
    :raises Refused: what lies here cannot be read: it may be the last of its swarm.
    """
    here = look(engine)
    if here.unread and not (damaged and here.damaged):
        raise Refused(f"This step changed nothing: state_unread: the state of a swarm on this host cannot be read "
                      f"({here.unread}). Make it readable: start Docker there, or look at the disk.")
    return here


def last_run(journal: journals.Journal) -> journals.Entry | None:
    """What the journal says.

    :raises Refused: it cannot be read.
    """
    try:
        return journal.read()
    except journals.Unreadable as error:
        raise Refused(f"This step changed nothing. {error}") from None


def unlocked(engine: Engine, here: Here, unlock_keys: Iterable[str], timeout: float) -> Here:
    """This host, with its manager unlocked where it locked itself before a run was through (the power failed).

    :raises Refused: the swarm does not come back.
    """
    if here.membership.state != "locked":
        return here
    for key in unlock_keys:
        try:
            engine.unlock(key)
        except EngineError as error:
            if error.status != 401:
                raise
            continue
        words = stopped.come_back(engine, key, timeout)
        if words:
            raise Refused(f"The swarm was brought up on this host, and is not back after it was unlocked: {words}.")
        return look(engine)
    return here


def need_room(root_dir: str, source: reinit.Source) -> None:
    """:raises Refused: there is no room for the state."""
    needed = sum(len(content) for content in source.files.values()) + SPARE
    there = root_dir
    while not os.path.exists(there):
        there = os.path.dirname(there)
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Refused(f"This step changed nothing: {root_dir} has {free >> 20} MiB free, and the state may need "
                      f"{needed >> 20} MiB. Make room there.")


@dataclass
class Forcing:
    """One run of it on this host, from the journal of the last one on."""

    engine: Engine
    journal: journals.Journal
    here: Here
    last: journals.Entry | None
    timeout: float
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds by phase."""
    relocked: str = ""
    """A sentence where an earlier run had left the node's key in clear."""

    @property
    def broken_off(self) -> bool:
        """Whether the last run ended in the middle, and the host is as it left it."""
        return self.last is not None and reinit.is_as_left(self.last, self.here.root_dir, self.here.ran)

    def run(
        self, what: str, source: reinit.Source, unlock_key: str, archive: str, resumes: bool, fenced: str = ""
    ) -> journals.Entry:
        """Bring the swarm up from this state, or go on with the run that was broken off.

        :param what: ``restore`` or ``recover``.
        :param archive: what the state is from, for the journal.
        :param fenced: how far the fence of a recovery is before it begins, for the journal.
        :param resumes: whether the last run was about the same.
        :raises Refused: it did not come about; what is true of the host now.
        """
        daemon = reinit.HostDaemon(self.here.root_dir, self.engine, self.timeout)
        entry, broken_off = self.last, self.broken_off
        self.relocked = exposed(entry) if entry is not None and broken_off else ""
        if entry is None or not resumes:
            ran = self.here.ran
            if entry is not None and broken_off and not entry.reached(journals.FORCED):
                words = reinit.take_back(daemon, self.journal, entry)
                if words:
                    raise Refused(words)
                ran = entry.ran
            entry = journals.Entry(what, source.swarm_id, source.node_id, archive, aside=journals.place_aside(what),
                                   ran=ran, started_at=journals.now(), fenced=fenced)
        work = reinit.Reinit(daemon, self.journal, source, unlock_key, self.timeout, phases=self.phases)
        try:
            return work.run(entry)
        except (reinit.Failed, EngineError) as error:
            raise Refused(self._taken_back(daemon, str(error))) from None

    def _taken_back(self, daemon: reinit.Daemon, words: str) -> str:
        """Take it back where that is possible, and say what is true now."""
        entry = self.journal.read()
        if entry is None:
            return f"This step changed nothing. {words}"
        if entry.reached(journals.FORCED):
            return f"{words} The swarm was brought up before that; run again, which goes on from there."
        undone = reinit.undo(daemon, self.journal, entry)
        if undone:
            return (f"{words} What was here before could not be put back by itself ({undone}); it is in "
                    f"{entry.aside}. Run again, which begins anew.")
        return f"{words} The host is as it was found."


def exposed(entry: journals.Entry) -> str:
    """What is to be said where a run that was broken off has left a key in clear; empty: nothing."""
    if not entry.opened or not entry.reached(journals.ASIDE_MOVED) or entry.reached(journals.FORCED):
        return ""
    return (f"A run of {entry.started_at} was broken off here, and left the key of node {entry.node_id} in clear on "
            "the disk. It is locked again, and the unlock key is changed.")


def rekey(engine: Engine, journal: journals.Journal, entry: journals.Entry, autolock: bool) -> journals.Entry:
    """When the swarm is up: give back the lease that its state has in it, and change the unlock key.

    :raises Refused: the key does not change.
    """
    _without_lease(engine)
    if autolock:
        stopped.step("rotate")
        try:
            settings.apply(engine, settings.Wanted({}, unlock_key=True), check=False)
        except settings.NotDone as error:
            raise Refused(f"The swarm is back, and {error} Run again.") from None
    return journal.write(replace(entry, rotated=True))


def _without_lease(engine: Engine) -> None:
    """The state is of a moment when some run may have held the lease, which nobody holds any more."""

    def without(spec: dict[str, Any]) -> dict[str, Any]:
        labels = spec.get("Labels") or {}
        if lease.LABEL in labels:
            spec["Labels"] = {name: value for name, value in labels.items() if name != lease.LABEL}
        return spec

    engine.update_swarm(without)
