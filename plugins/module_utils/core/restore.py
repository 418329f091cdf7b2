# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a swarm may be brought back from an archive, on which host, and how every other host comes back to it.

Pure. A restore makes a second swarm of the same ID and goes back in time: so it is refused wherever a manager of the
swarm may still run, and where one does, because its state is newer than any archive. What was decided here is looked at
once more on the host itself, at the moment of acting (``module_utils/restore.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    backup_report,
    engines,
    health,
    inventory,
    reach,
    returning,
    unread,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.address import canonical
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.returning import (
    CLEAN,
    FOLLOW,
    JOIN,
    LOST,
    Members,
    is_of,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import belongs, half_joined
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node

RUNNING = "swarm_allow_restore_running"
FOREIGN = "swarm_allow_restore_foreign"
OLDER = "swarm_allow_older_engine"
UNFINISHED = "swarm_allow_unfinished_restore"
NEW_WORKERS = "swarm_allow_restore_new_workers"

RESTORE, RESUME, NOTHING = "restore", "resume", "nothing"
"""What is to be done on the restored host: all of it, what is left of it, or nothing, because it was done."""
SPARE = 64 << 20
"""Bytes that stay free: an engine makes a log segment of 64 MB beside the one that it has."""
_COPIES = 3
"""The archive, the state that it holds, and what lies there now."""


@dataclass(frozen=True)
class Source:
    """The archive from which it is restored."""

    manifest: Manifest
    sha256: str = ""
    """Of the archive, hexadecimal."""
    path: str = ""
    weight: int = 0
    """Bytes that the state takes on a disk (``weight``)."""
    roots: tuple[str, ...] = ()
    """SHA-256 of each root certificate in it; empty: not known."""

    @property
    def address(self) -> str:
        """The address by which the other managers know the archived one, without its port."""
        return self.manifest.raft_addr.rpartition(":")[0].strip("[]")


def weight(manifest: Manifest, size: int) -> int:
    """Bytes that an archived state takes on a disk.

    The last segment of a log is allocated whole, and empty for the most part. What is in it is encrypted and cannot be
    compressed, so it is no more than the whole archive.

    :param size: bytes of the archive.
    """
    last = max((path for path in manifest.files if path.endswith(".wal")), default="")
    return sum(min(one.size, size) if path == last else one.size for path, one in manifest.files.items())


@dataclass(frozen=True)
class Kept:
    """What the controller keeps of the archive's swarm beside it."""

    youngest: str = ""
    """Path of the youngest archive; empty: none is kept, or it is not known."""
    youngest_at: datetime | None = None
    recovery: str = ""
    """Name of the report of the last recovery; empty: none is kept."""
    recovered_at: datetime | None = None
    new_root: bool = False
    """Whether that recovery changed the root certificate."""


@dataclass(frozen=True)
class Start:
    """What is known before any host is asked."""

    host: str = ""
    """The host that is restored."""
    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a run does, before anything is changed."""

    what: str = ""
    host: str = ""
    stop: tuple[str, ...] = ()
    """Hosts whose engine is stopped and whose state is moved aside before the swarm is brought up."""
    lost: tuple[str, ...] = ()
    """Hosts that do not answer, and that are down by the operator's word."""
    engine: bool = False
    """Whether the restored host lacks an engine, or the libraries that its modules need."""
    refusals: tuple[Finding, ...] = ()
    """Nothing is changed while there is one."""
    notes: tuple[Finding, ...] = ()
    """Said, and gone on with."""


# -- before any host is asked ----------------------------------------------------------------------------------------


def preflight(
    source: Source, wanted: Wanted, groups: Mapping[str, Sequence[str]], asked_host: str = "", lost: Sequence[str] = (),
    kept: Kept | None = None,
) -> Start:
    """Which host is restored, and what stands against it before any host is asked.

    :param asked_host: ``swarm_restore_host``; empty: the manager that the archive is of, because it has the address
        that is needed; where the inventory does not list that one, its first manager.
    :param lost: ``swarm_restore_lost``.
    :param kept: what else the controller keeps of this swarm.
    """
    told = source.manifest
    managers = [node.host for node in wanted.managers]
    host = asked_host or next((name for name in managers if name == told.host), managers[0] if managers else "")
    found = []
    if host and host not in managers:
        found.append(Finding(
            "restore_host_no_manager", "critical",
            f"{host} is not in the group {inventory.MANAGERS}, and the restored host is the swarm's first manager.",
            "Name one of the managers in swarm_restore_host.", host))
    if not host:
        found.append(Finding("restore_no_manager", "critical", f"The group {inventory.MANAGERS} is empty: there is no "
                             "host to restore on.", "List the managers there."))
    if wanted.swarm_id and wanted.swarm_id != told.swarm_id:
        found.append(Finding(
            "restore_other_swarm", "critical",
            f"The archive is of swarm {told.swarm_id}, and this inventory is about swarm {wanted.swarm_id} (swarm_id).",
            "Give an archive of that swarm, or correct swarm_id."))
    listed = {name for hosts in groups.values() for name in hosts}
    strangers = sorted(set(lost) - listed)
    if strangers:
        found.append(Finding(
            "restore_lost_unknown", "critical",
            f"swarm_restore_lost names {', '.join(strangers)}, and the inventory does not.",
            "Name hosts as the inventory does; what is not in it is not asked for."))
    if host and host in lost:
        found.append(Finding("restore_host_lost", "critical", f"{host} is to be restored, and swarm_restore_lost calls "
                             "it down.", "Name another one in swarm_restore_host.", host))
    if told.autolock and not wanted.controller_dir:
        found.append(Finding(
            "restore_without_controller_dir", "critical",
            "The archive is autolocked, so that its unlock key is changed after the restore, and swarm_controller_dir "
            "is not set: the new one would have no place to be kept.",
            "Set swarm_controller_dir to an absolute path on the controller."))
    # What is wrong with the number of managers is no reason to leave a swarm dead. All else would end the run later.
    problems = inventory.refused(inventory.examine(groups, wanted), wanted.allowed)
    notes = [replace(item, severity="warning", relaxed_by="") for item in problems
             if item.relaxed_by in inventory.COUNTING]
    found += [item for item in problems if item.relaxed_by not in inventory.COUNTING and item.id != "no_manager"]
    return Start(host, tuple(found), (*_younger(source, kept or Kept()), *notes))


def _younger(source: Source, kept: Kept) -> list[Finding]:
    """Whether something is kept that is younger than the archive: another one, or the report of a recovery."""
    taken = health.parse_time(source.manifest.taken_at)
    if taken is None:
        return []
    notes = []
    younger = kept.youngest_at is not None and kept.youngest_at > taken and kept.youngest != source.path
    if kept.youngest_at is not None and younger:
        notes.append(Finding(
            "restore_younger_archive", "warning",
            f"A younger archive of this swarm is kept: {kept.youngest}, of {_minute(kept.youngest_at)}. This one is of "
            f"{_minute(taken)}.", f"-e swarm_restore_archive={kept.youngest}"))
    elif kept.youngest == source.path:
        notes.append(Finding("restore_youngest_archive", "info", "This is the youngest archive of its swarm that is "
                             "kept."))
    if kept.recovered_at is not None and kept.recovered_at > taken:
        root = (" The root certificate was changed then: nodes of today do not follow a swarm of before it."
                if kept.new_root else "")
        notes.append(Finding(
            "restore_before_recovery", "warning",
            f"The archive is older than the recovery of {_minute(kept.recovered_at)} ({kept.recovery}): managers that "
            f"were given up are back in it, and its join tokens are the old ones.{root}",
            f"-e swarm_restore_archive={kept.youngest}" if younger else
            "Restore it only where nothing younger is left."))
    return notes


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


# -- before anything is changed --------------------------------------------------------------------------------------


def runs_as_manager(item: HostFacts, told: Manifest) -> bool:
    """Whether it answers as a manager of the archived swarm: with a quorum or without, locked, or half started."""
    as_manager = item.membership.control or item.membership.state == "locked" or item.state.role == "manager"
    return item.answered and belongs(item) and as_manager and is_of(item, told)


def holds_log(item: HostFacts, told: Manifest) -> bool:
    """Whether it has a manager's log of the archived swarm on its disk, and does not run as a member."""
    return item.answered and not belongs(item) and item.state.raft_log and item.state.swarm_id == told.swarm_id


def _is_back(item: HostFacts, told: Manifest) -> bool:
    """Whether the restored host is the restored manager, and works."""
    own = item.membership
    return (own.state, own.control, own.error) == ("active", True, "") and is_of(item, told)


def decide(
    source: Source,
    wanted: Wanted,
    host: str,
    facts: Mapping[str, HostFacts],
    lost: Sequence[str] = (),
    libraries: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Decision:
    """What a run does.

    :param host: the host that is restored.
    :param facts: of every host of the inventory, with ``state``.
    :param lost: ``swarm_restore_lost``.
    :param libraries: those that the restored host's Python finds; None: not known.
    :param now: to say how old the archive is.
    """
    told = source.manifest
    here = facts[host]
    entry = here.state.reinit
    mine = (entry.get("what"), entry.get("archive")) == ("restore", source.sha256)
    ended = not entry or bool(entry.get("finished_at")) or entry.get("step") == "finished"
    what = RESTORE
    if entry and mine and (not (ended and entry.get("rotated", True)) or here.membership.state == "locked"):
        what = RESUME  # locked: the power failed; it is unlocked where it was this restore that made it
    elif entry and mine and _is_back(here, told):
        what = NOTHING

    found: list[Finding] = []
    notes: list[Finding] = []
    if here.answered and not ended and not mine:
        found.append(_unfinished(host, entry))
    found += _silent(host, facts, told, lost, what)
    if what != NOTHING:
        found += _running(host, facts, told, lost, what)
        found += _unlisted(wanted, facts, told)
        found += _foreign(facts, told)
        found += _unable(source, host, facts)
    if not here.answered and host not in lost:
        found.append(Finding("restore_host_silent", "critical", f"{host} is to be restored and "
                             f"{'cannot run a module' if here.reached else 'does not answer'}: {_why(here)}.",
                             "Bring it back, or name another host in swarm_restore_host.", host))
    elif what != NOTHING:
        found += _address(source, wanted, host, facts)
        found += _address_of_another(source, wanted, here)
        found += _engine(host, here, told)
        found += _room(source, host, here, what)
        if unread.is_unread(here):
            found.append(unread.finding(here, relaxed_by=unread.ALLOW, remedies="It may be newer than the archive. It "
                                        "would be moved aside whole, where its place is known."))
    found += _addresses(wanted, facts, host) if what != NOTHING else []
    engine = what != NOTHING and _lacks_engine(here, told, libraries)

    silent = tuple(name for name in lost if name in facts and facts[name].is_silent)
    notes += _notes(source, host, facts, lost, what, engine, now)
    running = [name for name, item in facts.items() if name != host and runs_as_manager(item, told)]
    return Decision(what, host, tuple(running) if what != NOTHING else (), silent, engine,
                    tuple(inventory.refused(found, wanted.allowed)), tuple(notes))


def _why(item: HostFacts) -> str:
    return item.why_not or "it was not asked"


def _naming(lost: Iterable[str]) -> str:
    """The option to type, whole, so that it can be copied."""
    return f"-e '{json.dumps({'swarm_restore_lost': list(lost)})}'"


def _silent(
    host: str, facts: Mapping[str, HostFacts], told: Manifest, lost: Sequence[str], what: str
) -> list[Finding]:
    """Hosts of which nobody knows whether they run: the operator has to say that they do not."""
    mute = [name for name, item in facts.items() if name not in lost and name != host and item.is_silent]
    stopped = [name for name, item in facts.items() if what != NOTHING and name not in lost and name != host
               and holds_log(item, told)]
    hidden = [name for name, item in facts.items() if what != NOTHING and name not in lost and name != host
              and unread.is_unread(item) and not belongs(item)]
    found = [Finding("restore_reached", "critical", *reach.not_lost(item, "swarm_restore_lost"), name)
             for name, item in reach.unable(facts).items() if name != host]
    if not mute and not stopped and not hidden:
        return found
    parts = []
    if mute:
        parts.append(f"{', '.join(mute)} do{'es' * (len(mute) == 1)} not answer ({_why(facts[mute[0]])})")
    if stopped:
        parts.append(f"{', '.join(stopped)} ha{'s' if len(stopped) == 1 else 've'} a manager's raft log of this swarm, "
                     "and Docker does not run as a member there")
    parts += [f"what {name} holds on its disk is not known ({facts[name].state.unread})" for name in hidden]
    return [*found, Finding(
        "restore_silent", "critical",
        f"{'; '.join(parts)}: if the old managers are alive, or come back, they are a second swarm of the same ID.",
        "Make sure that they are down, or bring them back: with a majority of them, or one of their logs, nothing "
        f"since the archive need be given up. Where they are: {_naming([*lost, *mute, *stopped, *hidden])}")]


def _running(
    host: str, facts: Mapping[str, HostFacts], told: Manifest, lost: Sequence[str], what: str
) -> list[Finding]:
    """Managers of the swarm that answer: what they know is newer than the archive."""
    running = [name for name, item in facts.items() if runs_as_manager(item, told)
               and not (name == host and what == RESUME)]
    if not running:
        return []
    says = ", ".join(f"{name} ({facts[name].membership.state}"
                     f"{', no leader' if facts[name].membership.error else ''})" for name in running)
    but = [name for name in running if name in lost]
    called = f" (swarm_restore_lost calls {', '.join(but)} down)" if but else ""
    return [Finding(
        "restore_running", "critical",
        f"A manager of swarm {told.swarm_id} answers: {says}{called}. What it knows may be newer than the archive, and "
        "would be thrown away.",
        "ansible-playbook quorum.swarm.recover brings the swarm back without giving that up.", "", RUNNING)]


def _unlisted(wanted: Wanted, facts: Mapping[str, HostFacts], told: Manifest) -> list[Finding]:
    """Managers of the archive that no host of the inventory is: nobody can ask them."""
    hostname_of = dict(told.objects.get("node", ()))
    missing = [f"{hostname_of.get(node_id) or node_id} at {addr}" for node_id, addr in sorted(told.managers.items())
               if not any(_may_be(wanted, item, node_id, addr, hostname_of.get(node_id, ""))
                          for item in facts.values())]
    if not missing:
        return []
    return [Finding(
        "restore_unlisted_manager", "critical",
        f"The archived swarm has the manager{'s' * (len(missing) > 1)} {', '.join(missing)}, which no host of the "
        "inventory is, so that nobody was asked whether it still runs.",
        f"List it under {inventory.ABSENT}, and in swarm_restore_lost where it is down.", "",
        "swarm_allow_unlisted_managers")]


def _may_be(wanted: Wanted, item: HostFacts, node_id: str, addr: str, hostname: str) -> bool:
    """Whether this host was, or has the place of, a manager of the archive."""
    want = wanted.node(item.host)
    ip = addr.rpartition(":")[0].strip("[]")
    names = {item.host, item.host.partition(".")[0], item.hostname} - {""}
    addresses = {one.address for one in item.addresses}
    addresses |= {want.advertise_addr, want.ansible_host} if want is not None else set()
    return node_id in (item.state.node_id, item.membership.node_id) or ip in addresses or hostname in names


def _is_foreign_member(item: HostFacts, told: Manifest) -> bool:
    """Whether it runs as a member of a swarm that is not the archived one."""
    return item.answered and belongs(item) and not half_joined(item) and bool(
        item.state.swarm_id or item.swarm) and not is_of(item, told)


def _foreign(facts: Mapping[str, HostFacts], told: Manifest) -> list[Finding]:
    return [Finding(
        "restore_foreign", "critical",
        f"{name} is a member of another swarm ({item.state.swarm_id or (item.swarm.id if item.swarm else 'unknown')}, "
        f"state {item.membership.state}).",
        ELSEWHERE, name,
        FOREIGN) for name, item in facts.items() if _is_foreign_member(item, told)]


def _unfinished(host: str, entry: Mapping[str, Any]) -> Finding:
    """Another restore, or a recovery, was broken off on this host."""
    of = f" of the archive with the checksum {str(entry.get('archive'))[:12]}…" if entry.get("archive") else ""
    what = str(entry.get("what") or "restore")
    return Finding(
        "restore_unfinished", "critical",
        f"{host} has an unfinished {'recovery' if what == 'recover' else what}{of}: begun "
        f"{entry.get('started_at') or 'earlier'}, broken off after the step '{entry.get('step') or 'unknown'}'.",
        "Run that one again, which ends it, or begin anew from this archive.", host, UNFINISHED)


def _address(source: Source, wanted: Wanted, host: str, facts: Mapping[str, HostFacts]) -> list[Finding]:
    """The address of a manager stands in its log, and the other nodes look for it there."""
    own = [one.address for one in facts[host].addresses]
    if source.address in own:
        return []
    other = next((name for name, item in facts.items()
                  if source.address in [one.address for one in item.addresses]), "")
    if other and wanted.node(other) in wanted.managers:
        remedy = f"{other} has that address: -e swarm_restore_host={other}"
    elif other:
        remedy = f"{other} has that address: list it under {inventory.MANAGERS} and name it in swarm_restore_host."
    else:
        remedy = (f"Give {host} the address {source.address}, or name the host that has it in swarm_restore_host. "
                  "Another address is not supported yet.")
    return [Finding(
        "restore_address", "critical",
        f"{host} does not have the address {source.address}, by which the archived manager is known (it has: "
        f"{', '.join(own) or 'none'}): the address of a manager is fixed in its raft log.", remedy, host)]


def _address_of_another(source: Source, wanted: Wanted, here: HostFacts) -> list[Finding]:
    """The host was given the address, and the inventory still has it for another one, or another one for the host."""
    found, host = [], here.host
    if canonical(source.address) not in [one.address for one in here.addresses]:
        return []
    for want in wanted.nodes:
        names = [name for name, value in (("ansible_host", want.ansible_host),
                                          ("swarm_advertise_addr", want.advertise_addr))
                 if value and canonical(value) == canonical(source.address)]
        if want.host != host and names:
            found.append(Finding(
                "restore_address_of_another", "critical",
                f"{host} is to have the address {source.address}, and in the inventory that is the address of "
                f"{want.host} ({', '.join(names)}): both names would be one machine.",
                f"Take {want.host} out of the inventory, or correct its {names[0]}.", host))
        elif want.host == host and want.advertise_addr and canonical(want.advertise_addr) != canonical(source.address):
            found.append(Finding(
                "restore_address_of_another", "critical",
                f"{host} would be the manager at {source.address}, and the inventory has it at {want.advertise_addr} "
                "(swarm_advertise_addr): the restored swarm would be refused for it.",
                f"Set swarm_advertise_addr: {source.address} for {host}.", host))
    return found


def unable(source: Source, facts: Mapping[str, HostFacts]) -> list[str]:
    """Nodes of the archived swarm that cannot come back to it as they are: no root certificate that they trust is in
    it. A change of the root certificate came after the archive.
    """
    return [name for name, item in facts.items() if item.answered and source.roots and item.state.roots
            and is_of(item, source.manifest) and not set(source.roots) & set(item.state.roots)]


def _unable(source: Source, host: str, facts: Mapping[str, HostFacts]) -> list[Finding]:
    """Workers that run now would be lost to the swarm, with what runs on them."""
    names = [name for name in unable(source, facts) if name != host and facts[name].state.role == "worker"]
    if not names:
        return []
    one = len(names) == 1
    return [Finding(
        "restore_workers_cannot_follow", "critical",
        f"The root certificate of the swarm was changed after this archive, and {', '.join(names)} "
        f"trust{'s' * one} the new one: {'it' if one else 'they'} cannot follow the restored manager. To go on, "
        f"{'its state is' if one else 'their states are'} moved aside, {'it joins as a new node' if one else ''}"
        f"{'' if one else 'they join as new nodes'}, and {'its' if one else 'their'} tasks stop.",
        "Restore an archive that was taken after that change.", "", NEW_WORKERS)]


def _engine(host: str, here: HostFacts, told: Manifest) -> list[Finding]:
    """An older engine may not read what a newer one wrote."""
    has, wrote = engines.parse(here.engine.version), engines.parse(told.engine_version)
    if has is None or wrote is None or has[:2] >= wrote[:2]:
        return []
    return [Finding(
        "restore_older_engine", "critical",
        f"{host} runs Docker {here.engine.version}, and the archive was written by {told.engine_version}: an older "
        "engine may not read it.", f"Upgrade the engine of {host}.", host, OLDER)]


def _room(source: Source, host: str, here: HostFacts, what: str) -> list[Finding]:
    if what == RESUME or not here.state.free:
        return []
    needed = _COPIES * source.weight + SPARE
    if here.state.free >= needed:
        return []
    return [Finding(
        "restore_no_room", "critical",
        f"{host} has {backup_report.size(here.state.free)} free for /var/lib/quorum.swarm, and "
        f"{backup_report.size(needed)} are needed: the archived state takes {backup_report.size(source.weight)}, it "
        f"lies there {_COPIES} times in the meantime, and an engine makes its next log segment in advance.",
        "Make room there.", host)]


def _addresses(wanted: Wanted, facts: Mapping[str, HostFacts], host: str) -> list[Finding]:
    """What the hosts' addresses would give reason to refuse later, when the swarm is back: said now."""
    found = []
    for want in wanted.nodes:
        item = facts.get(want.host)
        if item is None or not item.answered:
            continue
        _addr, problems = inventory.advertise(want, item.addresses, item.raft_address)
        found += problems
    return found


def _lacks_engine(here: HostFacts, told: Manifest, libraries: Sequence[str] | None) -> bool:
    if not here.answered:
        return False
    needs = {"docker", "nacl", "cryptography"} if told.autolock else {"docker"}
    return (not here.engine.installed or here.problem == "no_sdk"
            or (libraries is not None and not needs <= set(libraries)))


def _notes(
    source: Source, host: str, facts: Mapping[str, HostFacts], lost: Sequence[str], what: str, engine: bool,
    now: datetime | None,
) -> list[Finding]:
    told, here = source.manifest, facts[host]
    notes = []
    if what == NOTHING:
        return [Finding("restored_already", "info", f"{host} was restored from this archive "
                        f"{here.state.reinit.get('finished_at') or 'before'}, and its swarm runs.", "", host)]
    if what == RESUME:
        notes.append(Finding("restore_goes_on", "info", f"{host} has an unfinished restore of this archive, broken off "
                             f"after the step '{here.state.reinit.get('step')}'. It goes on.", "", host))
    elif holds_log(here, told) or runs_as_manager(here, told):
        notes.append(Finding("restore_log_aside", "warning", f"{host} has a raft log of this swarm, which may be newer "
                             "than the archive. It is moved aside, below /var/lib/quorum.swarm.", "", host))
    elif belongs(here) and here.state.role == "worker" and is_of(here, told):
        notes.append(Finding("restore_worker_ends", "warning", f"{host} is a worker of this swarm so far. Its state is "
                             "moved aside, and its tasks stop.", "", host))
    age = _age(told, now)
    if age is not None:
        notes.append(Finding("restore_age", "info", f"The archive is {health.span(age)} old. What was changed in the "
                             "swarm since then is lost.", ""))
    if engine:
        notes.append(Finding("restore_engine", "info", f"{host} gets an engine, or the Python libraries that it lacks.",
                             "", host))
    for name, item in facts.items():
        if name != host and item.answered and _leftovers(item, told):
            notes.append(Finding("restore_leftovers", "info", f"{name} has a state of another swarm "
                                 f"({item.state.swarm_id or 'unknown'}). It is moved aside.", "", name))
        if name in lost and item.answered and not runs_as_manager(item, told):
            notes.append(Finding("restore_not_lost", "info", f"{name} is named in swarm_restore_lost, and answers: it "
                                 "comes back with the others.", "", name))
    return notes


def _leftovers(item: HostFacts, told: Manifest) -> bool:
    """Whether a state lies here that is not the archived swarm's, and of which no member runs."""
    there = bool(item.state.swarm_id or item.state.raft_log)
    return there and not is_of(item, told)


def _age(told: Manifest, now: datetime | None) -> timedelta | None:
    taken = health.parse_time(told.taken_at)
    return max(now - taken, timedelta(0)) if now is not None and taken is not None else None


# -- how the others come back ----------------------------------------------------------------------------------------


def foreseen(told: Manifest) -> tuple[Node, ...]:
    """The nodes of the restored swarm, as far as the archive tells: for a plan that is only shown."""
    return tuple(Node(node_id, hostname, "manager" if node_id in told.managers else "worker", state="unknown")
                 for node_id, hostname in told.objects.get("node", ()))


def members(
    source: Source,
    wanted: Wanted,
    decision: Decision,
    facts: Mapping[str, HostFacts],
    nodes: Sequence[Node],
    now: datetime | None = None,
) -> Members:
    """How each of the other hosts comes back, and the entries to be removed before any of them does.

    :param facts: of every host of the inventory, as seen before anything was changed.
    :param nodes: of the restored swarm.
    """
    return returning.members(source.manifest, wanted, decision.host, facts, nodes, now, stop=decision.stop,
                             again=decision.what == NOTHING, unable=unable(source, facts))


def plan_of(source: Source, decision: Decision, members_: Members) -> list[Step]:
    """The whole plan as an operator reads it."""
    told = source.manifest
    steps = [Step("engine", decision.host, "", "what it lacks of an engine is installed")] * decision.engine
    steps += [Step("stop", host, "", "Docker is stopped, and the state of the old swarm moved aside")
              for host in decision.stop]
    if decision.what != NOTHING:
        steps.append(Step(decision.what, decision.host, "",
                          f"swarm {told.swarm_id}, as the manager {told.node_id} at {told.raft_addr}; what lies there "
                          "is moved aside" + ("; the unlock key is changed" if told.autolock else "")))
    steps += [Step("remove", item.host.partition(", ")[0], item.node_id, f"entry {item.node_id} is nobody's any more")
              for item in members_.ghosts]
    words = {FOLLOW: "follow", CLEAN: "clean", JOIN: "join", LOST: "lost"}
    # Who is there when all was done before is no part of the plan, nor is who only has to join: provision plans that.
    shown = (FOLLOW, CLEAN) if decision.what == NOTHING else (FOLLOW, CLEAN, JOIN, LOST)
    steps += [Step(words[item.way], item.host, item.node_id, item.why) for item in members_.of(*shown)]
    return steps


# -- what came of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """Everything that a run did, for its report."""

    what: str
    host: str
    restored: Mapping[str, Any] = field(default_factory=dict)
    """What ``swarm_restore`` returned."""
    stopped: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What ``swarm_follow`` returned on the hosts that were stopped beforehand."""
    followed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nodes: Sequence[Node] | None = None
    """The swarm at the end; None: it was not looked at again."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, in their order."""
    backup: str = ""
    """The archive that was made afterwards."""
    lost: Sequence[str] = ()
    failed: Sequence[str] = ()
    """What failed in the playbooks that this one imports, or after the swarm was up; a sentence each."""


def report(
    source: Source, wanted: Wanted, members_: Members, facts: Mapping[str, HostFacts], outcome: Outcome,
    now: datetime,
) -> tuple[list[str], dict[str, Any]]:
    """What a restore came to: lines for a person, and the same as values."""
    told, done = source.manifest, outcome.restored
    age = _age(told, now)
    # Long after a restore the swarm is another one than the archive's, as it should be.
    differs = {} if outcome.what == NOTHING else done
    objects = {kind: len(told.objects.get(kind, ())) for kind in backup_report.KINDS}
    hosts: dict[str, dict[str, Any]] = {}
    if outcome.what != NOTHING and outcome.host in facts:
        ended = len(facts[outcome.host].state.containers)
        hosts[outcome.host] = {"way": "restored", "identity": "kept", "interrupted": ended, "error": ""}
    hosts |= returning.told_of(members_, {**outcome.stopped, **outcome.followed}, outcome.stopped, outcome.nodes)
    undone = [*outcome.failed, *_undone(wanted, outcome, hosts)]
    undone += ["Objects of the archive are missing in the swarm: see above."] * bool(differs.get("missing"))
    todo = [*undone, *_todo(wanted, outcome)]
    data: dict[str, Any] = {
        "archive": source.path, "sha256": source.sha256, "taken_at": told.taken_at, "from_host": told.host,
        "age_seconds": int(age.total_seconds()) if age is not None else None,
        "swarm_id": told.swarm_id, "host": outcome.host, "node_id": told.node_id, "what": outcome.what,
        "autolock": told.autolock, "unlock_key_changed": bool(done.get("rotated")), "aside": done.get("aside") or "",
        "objects": objects, "missing": _lists(differs.get("missing")), "extra": _lists(differs.get("extra")),
        "hosts": hosts, "lost": list(outcome.lost),
        "nodes": [asdict(node) for node in outcome.nodes] if outcome.nodes is not None else None,
        "phases": dict(outcome.phases), "seconds": round(sum(outcome.phases.values()), 1),
        "engine_phases": dict(done.get("phases") or {}), "backup": outcome.backup, "to_do": todo,
        "undone": undone,
    }
    return _lines(source, outcome, data, age), data


def _lists(named: Any) -> dict[str, list[list[str]]]:
    """[ID, name] by kind."""
    return {str(kind): [[str(part) for part in one] for one in items] for kind, items in (named or {}).items()}


def _reached(outcome: Outcome) -> set[str]:
    """Hosts whose manager is reachable at the end."""
    return {node.host for node in outcome.nodes or () if node.reachable}


def _undone(wanted: Wanted, outcome: Outcome, hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What this run was to do and did not: it ends with an error."""
    there = {node.host for node in outcome.nodes or () if node.state == "ready"}
    undone = [f"{host} did not come back ({item['error'].rstrip('.')}). ansible-playbook quorum.swarm.provision"
              for host, item in hosts.items() if item["way"] == "failed" and host not in there]
    if outcome.nodes is not None:
        missing = [node.host for node in wanted.managers
                   if node.host not in _reached(outcome) and node.host not in outcome.lost]
        if missing:
            undone.append(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} no manager yet. "
                          "ansible-playbook quorum.swarm.health")
    return undone


def _todo(wanted: Wanted, outcome: Outcome) -> list[str]:
    """What is left to an operator, though all was done that this run was to do."""
    todo = []
    lost = [*outcome.lost]
    if lost:
        one = len(lost) == 1
        it = "it" if one else "them"
        todo.append(f"{', '.join(lost)} {'is' if one else 'are'} in the inventory, and not in the swarm. Before "
                    f"anything else is run: bring {it} back and run this restore again, which moves the old state "
                    f"there aside, or take {it} out of the inventory.")
    if outcome.nodes is not None:
        voters = len(_reached(outcome))
        if lost and voters < len(wanted.managers) + len(set(lost) - {node.host for node in wanted.nodes}):
            todo.append(f"The swarm has {voters} manager{'s' * (voters != 1)}, which is less than it is meant to have.")
    return todo


def _lines(source: Source, outcome: Outcome, data: Mapping[str, Any], age: timedelta | None) -> list[str]:
    """For a person."""
    told = source.manifest
    old = f", {health.span(age)} old" if age is not None else ""
    head = {NOTHING: "was restored before", RESUME: "restored, going on with a run that was broken off"}
    lines = [
        f"{head.get(outcome.what, 'restored')}: swarm {told.swarm_id} on {outcome.host}, from the state of "
        f"{told.host}{old}",
        f"  archive  {source.path}",
        "  objects  " + ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in data["objects"].items()
                                  if count),
    ]
    for title, named in (("missing", data["missing"]), ("more", data["extra"])):
        lines += [f"  {title:<7}  {kind}: " + ", ".join(one[1] or one[0] for one in items)
                  for kind, items in named.items()]
    if data["aside"]:
        lines.append(f"  aside    what lay on {outcome.host} before: {data['aside']}")
    if outcome.restored.get("relocked"):
        lines.append(f"  note     {outcome.restored['relocked']}")
    if data["unlock_key_changed"]:
        lines.append("  key      the unlock key was changed, and is kept on the controller with the one before it")
    if data["hosts"]:
        lines += ["", "how the hosts came back:", *returning.lines_of(data["hosts"])]
    if data["phases"]:
        lines += ["", "  ".join(f"{name} {seconds:.1f} s" for name, seconds in data["phases"].items())
                  + f"; {data['seconds']:.0f} s in all"]
    if data["engine_phases"]:
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in data["engine_phases"].items())
        lines.append(f"on {outcome.host}: {phases}")
    if outcome.backup:
        lines.append(f"a new backup: {outcome.backup}")
    if data["to_do"]:
        lines += ["", "to do:", *(f"  {line}" for line in data["to_do"])]
    return lines
