# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine with the wanted ``daemon.json``: what ``swarm_engine`` does to its host.

Touches ``daemon.json``, the collection's own directory, and ``docker.service``. On a member of a swarm the unit is
restarted only on request, and only when ``core/restart.py`` finds nothing against it. A run that is killed anywhere is
finished by the next: the record of the restart is written before the file, and goes when the restart is through.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import engine as api
from ansible_collections.quorum.swarm.plugins.module_utils import host, libraries, services, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon, restart
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership

LIBRARIES = tuple(libraries.LIBRARIES)
"""What the collection's modules import on the hosts."""


class Refused(Exception):
    """Nothing was done, or what was done has been taken back. Its text is one sentence with the remedy."""


@dataclass(frozen=True)
class Request:
    """What is wanted of this host; the options of ``swarm_engine``."""

    config: Mapping[str, Any] = field(default_factory=dict)
    restart_members: bool = False
    installed: Sequence[str] = ()
    """What was lacking before packages were installed just now: an engine among it is started."""
    allow_pause: bool = False
    timeout: float = 120.0
    """Seconds for the engine to start, and once more for a member to be back in its swarm."""
    engine_packages: Sequence[str] = ()
    python_packages: Sequence[str] = ()


def ensure(request: Request, check: bool) -> dict[str, Any]:
    """Bring this host to what is wanted, or say what it lacks. Returns the module's result.

    Nothing here wakes an engine that stands still on purpose.

    :raises Refused: also ``daemon.BadConfig`` and ``engine.EngineError``, all with one sentence.
    """
    if not host.is_root():
        raise Refused("not_root: this step changed nothing. "
                      "This needs root: connect as root, or let the user become root "
                      "(ansible_become, sudo).")
    failing = libraries.unusable()
    broken = [str(error) for error in failing.values() if not error.missing]
    if broken:
        raise Refused(f"This step changed nothing: {' '.join(broken)}")
    lacks = lacking()
    if lacks and request.installed:
        raise Refused(f"{', '.join(lacks)} is still lacking after its packages were installed. "
                      f"{' '.join(str(error) for error in failing.values())}".rstrip())
    if lacks:
        found = daemon.install(daemon.os_release(services.read("/etc/os-release")), lacks, request.engine_packages,
                               request.python_packages)
        return {"changed": check, "lacks": lacks, "packages": list(found.packages), "package_manager": found.manager,
                "diff": {"before": "", "after": "".join(f"{name}\n" for name in found.packages) if check else "",
                         "after_header": "packages to install"},
                "msg": f"To be installed: {', '.join(found.packages)}."}
    result: dict[str, Any] = {"lacks": [], "packages": [], "package_manager": ""}
    started = _bring_up(request, check)
    if started and check:
        return dict(result, changed=True, msg="The engine would be started.")
    return dict(result, **_Host(request, check, started).settle())


def lacking() -> list[str]:
    """Of the engine and the Python libraries, what cannot be used on this host, whatever package it would come from."""
    return [*([] if _has_engine() else ["engine"]), *libraries.unusable()]


def _has_engine() -> bool:
    """Whether an engine is on this host, whatever package it came from."""
    # To connect is to start one that stands still.
    return host.engine_installed() or (
        not host.engine_stopped() and services.listens(api.require_local_socket(api.DEFAULT_HOST)))


def _bring_up(request: Request, check: bool) -> bool:
    """See to it that an engine runs. Returns whether it had to be started.

    A stopped engine may be a manager's that somebody stopped on purpose, for a recovery say: it is started only when it
    was installed just now, or when it was a restart of ours that broke off.
    """
    stopped = host.engine_stopped()
    if not stopped:
        return False
    record = daemon.Record.read(host.pending_restart())
    if record and record.phase == daemon.RESTARTING:
        if check:
            return True
        words = daemon.engine_words(services.journal(services.written(host.PENDING_RESTART) or time.time()))
        raise Refused(_go_back(record, words, request.timeout))
    if "engine" not in request.installed:
        raise Refused(f"Docker is installed, but {stopped} It may have been stopped on purpose, so it is not started "
                      f"here: systemctl start docker, then run again.")
    if not check:
        since = time.time()
        if not services.start_engine(request.timeout):
            raise Refused(f"Docker does not start: {daemon.engine_words(services.journal(since))}")
    return True


class _Host:
    """One host with a running engine: its configuration, what waits for a restart, and the restart."""

    def __init__(self, request: Request, check: bool, changed: bool) -> None:
        self.request = request
        self.check = check
        self.changed = changed
        self.engine = api.Engine()
        info = self.engine.info()
        self.root = api.engine_facts(info)["root_dir"]
        self.membership = Membership.of(api.membership_facts(info))
        self.member = restart.is_member(self.membership.state)
        self.process = services.engine_process()
        self.command = daemon.CommandLine.of(self.process.argv if self.process else ())
        self.file = self.command.config_file
        self.text = services.read(self.file)
        self.record = daemon.Record.read(host.pending_restart())
        self.said: list[str] = []

    def settle(self) -> dict[str, Any]:
        """The file first, then the restart where it may be, else the record of it."""
        old = daemon.parse(self.text, self.file)
        new = daemon.merge(old, self.request.config)
        self._refuse(new)
        keys = daemon.differing(old, new)
        text = daemon.render(new) if keys else self.text
        waited = self._waits()
        running = self._running(old, waited)
        if waited and new == running:
            self._return()
        elif keys:
            self._try(text)
            changes = daemon.UNKNOWN if running is None else ", ".join(daemon.differing(running, new))
            self._write(text, changes, waited)
        elif waited and self.record is None:
            self._note(daemon.Record(_now(), daemon.PENDING, self.file, daemon.UNKNOWN, daemon.UNKNOWN))
        elif not waited and self.record is not None:
            self._forget()
            self.said.append("Docker has been restarted since a restart was noted as pending.")
        restarted = False
        if self.record is not None and (self.request.restart_members or not self.member):
            self._restart()
            restarted = True
        elif self.record is not None:
            if self.record.phase != daemon.PENDING:  # a restart that broke off before it began
                self._note(self.record.moved(daemon.PENDING))
            self.said.append("Docker has to be restarted, and on a member of a swarm that is left to: "
                             "ansible-playbook quorum.swarm.restart")
        return {
            "changed": self.changed,
            "msg": " ".join(self.said) or "Nothing to do.",
            "config_file": self.file,
            "state": self.membership.state,
            "pending_restart": self.record.line().strip() if self.record else "",
            "restarted": restarted,
            "diff": {"before": self.text, "after": text, "before_header": self.file, "after_header": self.file},
        }

    def _refuse(self, config: Mapping[str, Any]) -> None:
        refusal = daemon.refusal(config, self.file)
        if not refusal and any(flag in ("--live-restore", "--live-restore=true") for flag in self.command.flags):
            refusal = ("the engine is started with the flag --live-restore, and swarm mode does not work with it. Take "
                       "the flag out of docker.service.")
        if refusal:
            raise Refused(refusal)
        self._refuse_move(daemon.parse(self.text, self.file), config)

    def _refuse_move(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Refuse what would leave the state of a swarm behind, where there is one.

        What an engine was called with that systemd does not run is not known: there only a change of these options
        counts.
        """
        would = self._would_use(after)
        if would == self.root or (self.process is None and would == self._would_use(before)):
            return
        if not would and all(before.get(key) == after.get(key) for key in daemon.PLACES):
            return
        holder = "a member" if self.member else self._holds()
        refusal = holder and daemon.moves_away(after, self.root, would, holder)
        if refusal:
            raise Refused(refusal)

    def _would_use(self, config: Mapping[str, Any]) -> str:
        try:
            return services.root_of(self.command, config)
        except statedir.Unread:
            return ""

    def _holds(self) -> str:
        """What of a swarm lies on the disk of a host that is a member of none; empty: nothing."""
        try:
            found = statedir.node_certificate(self.root)
            if found is None and not statedir.holds_raft_log(self.root):
                return ""
        except statedir.Unread as error:
            return f"a host whose state cannot be read ({error})"
        return f"a host with the state of swarm {found.swarm}" if found else "a host with the log of a manager"

    def _waits(self) -> bool:
        """Whether the running engine has not read what is there: our own record, or a file that someone changed."""
        started = self.process.started if self.process else None
        noted = self.record is not None and daemon.waits(services.written(host.PENDING_RESTART), started)
        return noted or (bool(self.request.config) and daemon.waits(services.written(self.file), started))

    def _try(self, text: str) -> None:
        words = services.try_config(self.command, text)
        if words:
            raise Refused(f"Docker refuses the new {self.file}: {words} This step changed nothing.")
        if words is None:
            self.said.append(f"This engine cannot say beforehand whether it takes the new {self.file}.")

    def _write(self, text: str, changes: str, waited: bool) -> None:
        """The record, then the file. What the running engine was started with is kept: it is the way back."""
        if self.process is None:
            raise Refused(f"{self.file} is not as wanted, but the engine is not run by docker.service, so it cannot be "
                          f"restarted from here. Change the file and restart the engine by hand.")
        before = self.record.before if waited and self.record else daemon.UNKNOWN if waited else self._keep()
        self.said.append(f"{self.file} changed ({changes}).")
        self._note(daemon.Record(_now(), daemon.PENDING, self.file, changes, before))
        if not self.check:
            services.write(self.file, text)

    def _running(self, old: dict[str, Any], waited: bool) -> dict[str, Any] | None:
        """What the file said when the engine was started; None where that is not known."""
        if not waited:
            return old
        before = self.record.before if self.record else daemon.UNKNOWN
        if before == daemon.NO_FILE:
            return {}
        return daemon.parse(services.read(before), before) if os.path.exists(before) else None

    def _return(self) -> None:
        """A change that waited is wanted no more: the old file returns, with its old time, and no restart is needed."""
        if self.record is None:
            return
        self.said.append(f"{self.file} is again what Docker was started with.")
        if not self.check:
            _restore(self.record)
        self._forget()

    def _keep(self) -> str:
        if services.written(self.file) is None:
            return daemon.NO_FILE
        name = f"{os.path.basename(self.file)}.{_now().replace('-', '').replace(':', '')}"
        return os.path.join(services.OWN_DIRECTORY, name) if self.check else services.keep(self.file, name)

    def _note(self, record: daemon.Record) -> None:
        self.changed = True
        self.record = record
        if not self.check:
            services.write(host.PENDING_RESTART, record.line())

    def _forget(self) -> None:
        self.changed = True
        self.record = None
        if not self.check:
            services.remove(host.PENDING_RESTART)

    def _restart(self) -> None:
        """Restart the engine and wait; where it does not start, the old file returns, and the engine with it."""
        if self.record is None:
            return
        autolock, key = False, ""
        if self.member:
            autolock = self._guard()
        if self.check:
            self.changed = True
            self.record = None
            self.said.append("Docker would be restarted.")
            return
        words = services.try_config(self.command, services.read(self.file))
        if words:
            raise Refused(f"Docker is not restarted, because it would not start: {words}")
        if autolock:
            key = self.engine.unlock_key()  # it stays in this process
        self._note(self.record.moved(daemon.RESTARTING))
        words = _start_again(self.request.timeout)
        if words:
            words = _go_back(self.record, words, self.request.timeout)
            if self.member:
                self._come_back(key)
            raise Refused(words)
        if self.member:
            self._come_back(key)
        self._forget()
        self.said.append("Docker was restarted.")

    def _guard(self) -> bool:
        """Refuse a restart that the swarm cannot bear now. Returns whether this manager will lock itself."""
        standing = stopped.Standing.look(self.engine)
        refusal = standing.refusal(self.request.allow_pause)
        if refusal:
            raise Refused(f"Docker is not restarted: {refusal}")
        return standing.autolock

    def _come_back(self, key: str) -> None:
        """Wait until this member is in its swarm again, and unlock it where it locked itself."""

        words = stopped.come_back(self.engine, key, self.request.timeout)
        if words:
            raise Refused(f"Docker was restarted, but after {self.request.timeout:.0f} s the node is not back in its "
                          f"swarm: {words}. ansible-playbook quorum.swarm.health says more; no other node should be "
                          f"restarted before.")


def _go_back(record: daemon.Record, words: str, seconds: float) -> str:
    """The old file and the engine with it. Returns what to say of it."""
    if record.before == daemon.UNKNOWN:
        return (f"Docker did not start again: {words} What {record.file} said before is not known: mend it, then "
                f"systemctl restart docker.")
    _restore(record)
    again = _start_again(seconds)
    if again:
        return f"Docker did not start again, with the old {record.file} neither: {again} See journalctl -u docker."
    services.remove(host.PENDING_RESTART)
    if record.before != daemon.NO_FILE:
        services.remove(record.before)  # it is in its place, so nothing is kept twice
    return f"Docker did not start with the new {record.file}: {words} The old file is back, and Docker runs with it."


def _restore(record: daemon.Record) -> None:
    if record.before == daemon.NO_FILE:
        services.remove(record.file)
    else:
        services.put_back(record.before, record.file)


def _start_again(seconds: float) -> str:
    """Restart the engine. Returns why it does not answer, in its own words; empty: it does."""
    since = time.time()
    status = services.restart_engine(seconds)
    if status == 0 and _answers(seconds):
        return ""
    if status in (0, 124):
        return f"it did not answer within {seconds:.0f} s."
    return daemon.engine_words(services.journal(since)) or "it did not say why."


def _answers(seconds: float) -> bool:
    """Whether the engine answers within the time."""

    def look() -> bool:
        try:
            return bool(api.Engine().version())
        except api.EngineError:
            return False

    return api.wait_until(look, bool, seconds)[0]


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
