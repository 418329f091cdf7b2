# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies of a swarm on the disks of hosts, and whether a swarm may be made where it lies.

Pure. A new membership destroys what an engine finds in its state directory. So a swarm is made only where every host
that could hold a state has said that it holds none, and a host joins only where it has said so itself. Where a state
is, an operator's word (``swarm_discard_state``) has it moved aside.

A state is a node's certificate or a manager's log. An engine leaves an empty folder when it leaves a swarm, and two
small files while a join goes on [26.1]: neither is a state.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.quorum.swarm.plugins.module_utils.core import reach, unread, validity
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import UNASKED, belongs, half_joined
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Engine,
    HostFacts,
    LocalState,
    Membership,
    address_of,
)

NOT_ASKED = "its disk was not read"


@dataclass(frozen=True)
class Remains:
    """The state of a swarm on one host's disk."""

    host: str
    path: str
    swarm_id: str = ""
    """Empty: no certificate says it."""
    node_id: str = ""
    role: str = ""
    raft_log: bool = False
    written: str = ""
    """When the log, or else the certificate, was last written, ISO 8601 UTC; empty: not known."""
    runs: bool = False
    """Whether the engine is a member with it, or tries to be."""

    @property
    def words(self) -> str:
        """Path, swarm, node and age, as a clause."""
        what = "a manager's log" if self.raft_log else "a node's certificate"
        whose = f"swarm {self.swarm_id}, node {self.node_id}" if self.swarm_id else "no certificate names its swarm"
        moment = validity.parse_time(self.written)
        when = f", last written {moment:%Y-%m-%d %H:%M} UTC" if moment is not None else ""
        return f"{what} lies in {self.path} ({whose}{when})"


@dataclass(frozen=True)
class Kept:
    """The youngest archive of a swarm on the controller."""

    path: str
    host: str
    """The manager that it was taken of."""


def of(item: HostFacts) -> Remains | None:
    """What lies on this host's disk; None where it said that there is nothing, or said nothing (``why_unknown``)."""
    state = item.state
    if not (state.swarm_id or state.raft_log):
        return None
    return Remains(item.host, f"{state.root_dir}/swarm", state.swarm_id, state.node_id, state.role, state.raft_log,
                   state.written, item.membership.state not in ("", "inactive"))


def why_unknown(item: HostFacts) -> str:
    """Why it is not known whether a state lies on this host's disk, one clause; empty: it is known."""
    if not item.answered:
        return item.why_not or NOT_ASKED
    return item.state.unread or ("" if item.state.root_dir else NOT_ASKED)


# -- the operator's word ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Discards:
    """What ``swarm_discard_state`` comes to."""

    facts: Mapping[str, HostFacts]
    """As they are when it is done."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Cluster ID by host: what is moved aside."""
    refusals: tuple[Finding, ...] = ()


def discards(wanted: Wanted, facts: Mapping[str, HostFacts], whole: bool = True) -> Discards:
    """Follow the operator's word, or refuse it.

    :param whole: whether all hosts were asked that had to be; without that, only what is seen can refuse.
    """
    hosts: dict[str, str] = {}
    refusals: list[Finding] = []
    for host, swarm_id in sorted(wanted.discard.items()):
        item = facts.get(host)
        if item is None:
            if whole:
                refusals.append(_refused(host, f"{host} was not asked"))
            continue
        found = of(item)
        if found is None and not why_unknown(item):
            if item.engine.installed and not item.engine.answers:
                hosts[host] = swarm_id  # moved aside by a run that was broken off before it started Docker again
            continue
        if found is not None and found.swarm_id != swarm_id and _is_member(item, facts):
            continue  # it was discarded before, and the host has joined since
        why = _why_kept(wanted, facts, item, found, swarm_id)
        if why:
            refusals.append(_refused(host, why))
        else:
            hosts[host] = swarm_id
    after = {host: _emptied(item) if host in hosts else item for host, item in facts.items()}
    return Discards(after, hosts, tuple(refusals))


def _is_member(item: HostFacts, facts: Mapping[str, HostFacts]) -> bool:
    """Whether a manager lists this host's node."""
    return bool(item.membership.node_id) and any(
        node.id == item.membership.node_id for other in facts.values() for node in other.nodes)


def _why_kept(
    wanted: Wanted, facts: Mapping[str, HostFacts], item: HostFacts, found: Remains | None, swarm_id: str
) -> str:
    """Why this host's state is not moved aside, one sentence without its end; empty: it may be."""
    if found is None:
        return f"what lies on the disk of {item.host} could not be read ({why_unknown(item)})"
    if not found.swarm_id:
        return (f"on it {found.words}, so that nobody can tell whether it is of {swarm_id}; look at it, and move it "
                "aside by hand while Docker is stopped")
    if found.swarm_id != swarm_id:
        return f"the state on {item.host} is of swarm {found.swarm_id}, not of {swarm_id}"
    if swarm_id == wanted.swarm_id:
        return f"{swarm_id} is the swarm of this inventory (swarm_id)"
    elsewhere = _lives_on(swarm_id, facts, {host for host, named in wanted.discard.items() if named == swarm_id})
    if elsewhere:
        return f"swarm {swarm_id} lives on {', '.join(elsewhere)}"
    strangers = _managers_beyond(item, facts)
    if found.runs and strangers:
        return (f"{item.host} is in state {item.membership.state} in swarm {swarm_id}, and its managers at "
                f"{', '.join(strangers)} are no hosts of this inventory and were not asked")
    return ""


def _lives_on(swarm_id: str, facts: Mapping[str, HostFacts], named: Collection[str]) -> list[str]:
    """Where else this swarm is: hosts that read it, or whose disk has it, and nodes that it lists, ready."""
    found = set()
    for host, item in facts.items():
        reads = item.swarm is not None and item.swarm.id == swarm_id
        if host not in named and (reads or item.state.swarm_id == swarm_id):
            found.add(host)
        if reads:
            ids = {facts[one].membership.node_id for one in named if one in facts}
            found.update(node.host or node.hostname for node in item.nodes
                         if node.state == "ready" and node.id not in ids)
    return sorted(found)


def _managers_beyond(item: HostFacts, facts: Mapping[str, HostFacts]) -> list[str]:
    """Addresses of managers that this member follows and that are none of the inventory's hosts."""
    ours = {one.address for other in facts.values() for one in other.addresses}
    return sorted({address_of(addr) for _node, addr in item.membership.remote_managers} - ours)


def _emptied(item: HostFacts) -> HostFacts:
    """The host when its state is aside: an engine in no swarm."""
    engine = replace(item.engine, installed=True, answers=True, error="") if item.engine.installed else Engine()
    return replace(
        item, engine=engine, membership=Membership("inactive"), problem="not_member" if engine.installed else
        "no_engine", detail="", swarm=None, nodes=(), services=(), tasks=(), certificate_expires="",
        state=LocalState(item.state.root_dir, free=item.state.free, room=item.state.room, clock=item.state.clock))


def _refused(host: str, why: str) -> Finding:
    return Finding("discard_refused", "critical", f"swarm_discard_state names {host}, and {why}.",
                   "Correct swarm_discard_state: it takes a host and the cluster ID of the state on its disk.", host)


# -- before a swarm is made, or a host joins -------------------------------------------------------------------------


def gate(
    wanted: Wanted, facts: Mapping[str, HostFacts], archives: Mapping[str, Kept] | None = None
) -> list[Finding]:
    """Why no swarm may be made: hosts that hold a state of one, or that did not say that they hold none.

    :param facts: of every host of the inventory but the compromised ones, which nobody asks.
    :param archives: by cluster ID.
    """
    found: list[Finding] = []
    required = [node.host for node in wanted.nodes]
    required += [host for host in wanted.absent if host not in wanted.compromised]
    running: dict[str, list[HostFacts]] = {}
    for host in sorted(required):
        item = facts.get(host) or HostFacts.silent(host, NOT_ASKED)
        lies = of(item)
        if not item.answered:
            found += _silent(wanted, item)
        elif item.state.unread:
            found.append(_unread(item, "none is made anew"))
        elif item.engine.installed and item.problem in UNASKED:
            found.append(Finding("engine_unknown", "critical",
                                 f"{host} has Docker, which could not be asked and may belong to a swarm: "
                                 f"{item.detail.rstrip('.')}. None is made anew.",
                                 "Mend that, and run again.", host))
        elif item.engine.installed and not item.engine.answers:
            fact = f"{lies.words}: none is made anew" if lies is not None else (
                "may belong to a swarm: none is made anew")
            found.append(Finding("engine_silent", "critical",
                                 f"{host} has Docker, which does not answer, and {fact}.",
                                 "Start it.", host))
        elif lies is not None and lies.runs:
            running.setdefault(lies.swarm_id, []).append(item)
        elif lies is not None:
            found.append(state_found(wanted, facts, lies))
        elif belongs(item) and not half_joined(item):
            running.setdefault("", []).append(item)
        elif why_unknown(item):
            found.append(_unread(item, "none is made anew"))
    for swarm_id, members in sorted(running.items()):
        found.append(_without_managers(swarm_id, members, facts, wanted, archives or {}))
    return found


def before_joins(wanted: Wanted, facts: Mapping[str, HostFacts], hosts: Iterable[str], own: str) -> list[Finding]:
    """The same for hosts that are to join a swarm that lives, where nobody is a member now.

    :param own: the ID of that swarm.
    """
    found = []
    for host in hosts:
        item = facts.get(host)
        if item is None or not item.answered:
            continue
        lies = of(item)
        if item.state.unread:
            found.append(_unread(item, "a new membership would destroy what lies there"))
        elif lies is not None and not lies.runs and (lies.raft_log or lies.swarm_id != own):
            found.append(state_found(wanted, facts, lies, own))
    return found


def _unread(item: HostFacts, effect: str) -> Finding:
    """The refusal for a host that could not say what lies on its disk."""
    if item.state.unread:
        return unread.finding(item, remedies=f"Until then {effect}.")
    return Finding("state_unread", "critical",
                   f"{item.host} cannot say whether the state of a swarm lies on its disk ({why_unknown(item)}): "
                   f"{effect}.", "Make it readable: Docker running, or become: true and Python on the host.", item.host)


def _silent(wanted: Wanted, item: HostFacts) -> list[Finding]:
    """A host that did not answer. One that the connection reaches lives, and is not gone by anybody's word."""
    listed = wanted.node(item.host) is not None
    if item.reached:
        return [Finding("host_unable", "critical",
                        f"{reach.seen(item)}: it may hold the state of a swarm, and none is made anew.",
                        "Mend that, and run again.", item.host)]
    if not listed and wanted.force:
        return []
    return [Finding("host_silent", "critical",
                    f"{item.host} does not answer ({item.why_not}), and may belong to a swarm: none is made anew.",
                    "Bring the host back: nobody else knows what it holds.", item.host,
                    "" if listed else "swarm_force")]


def state_found(wanted: Wanted, facts: Mapping[str, HostFacts], lies: Remains, own: str = "") -> Finding:
    """A state where the engine is in no swarm. Both ways on are the operator's: which one it is, nobody else knows."""
    fact = f"{lies.host} is in no swarm, and {lies.words}: a new membership would destroy it."
    if lies.swarm_id and lies.swarm_id == own:
        return Finding("state_found", "critical", fact, "It is of this very swarm. Where the swarm lists the host: "
                       f"ansible-playbook quorum.swarm.rejoin -e swarm_node={lies.host}", lies.host)
    live = ("keep it as it is; docs/runbook.md says how it is brought back by hand" if lies.raft_log else
            "bring back its managers")
    if lies.swarm_id and lies.swarm_id == wanted.swarm_id:
        return Finding("state_found", "critical", fact, f"It is of the swarm of this inventory (swarm_id): {live}",
                       lies.host)
    if not lies.swarm_id:
        return Finding("state_found", "critical", fact, "Look at it before anything else, and keep a copy: "
                       "nothing here takes it away.", lies.host)
    others = [host for host, item in facts.items() if item.state.swarm_id == lies.swarm_id]
    users = sorted(host for host in others if facts[host].membership.state not in ("", "inactive"))
    if users:
        return Finding("state_found", "critical", fact, f"{', '.join(users)} {'is' if len(users) == 1 else 'are'} in "
                       "that swarm: keep it until that one is as it shall be.", lies.host)
    return Finding("state_found", "critical", fact,
                   f"If that swarm is to live: {live}. If you know that it is not: {word(others, lies.swarm_id)} moves "
                   "the state aside, and deletes nothing.", lies.host)


def word(hosts: Sequence[str], swarm_id: str) -> str:
    """What an operator types to have this state moved aside."""
    return f"-e '{json.dumps({'swarm_discard_state': dict.fromkeys(sorted(hosts), swarm_id)})}'"


def _without_managers(
    swarm_id: str, members: Sequence[HostFacts], facts: Mapping[str, HostFacts], wanted: Wanted,
    archives: Mapping[str, Kept],
) -> Finding:
    """Members of a swarm that no manager of the inventory reads: they run, and nobody may take them out."""
    names = ", ".join(item.host for item in members)
    states = ", ".join(sorted({item.membership.state for item in members}))
    addrs = sorted({address_of(addr) for item in members for _node, addr in item.membership.remote_managers if addr})
    beyond = sorted({addr for item in members for addr in _managers_beyond(item, facts)})
    fact = (f"{names} {'is a member' if len(members) == 1 else 'are members'} of swarm {swarm_id or 'unknown'} "
            f"(state {states}), and no manager of this inventory is"
            f"{'; it follows ' if len(members) == 1 else '; they follow '}{', '.join(addrs) or 'nobody known'}: "
            "none is made anew.")
    logs = sorted(host for host, item in facts.items()
                  if swarm_id and item.state.swarm_id == swarm_id and item.state.raft_log)
    kept = archives.get(swarm_id)
    working = sorted(item.host for item in members if item.membership.control and not item.membership.error
                     and item.membership.state == "active")
    if working:
        remedy = (f"{', '.join(working)} is a manager of it, and it works: correct the inventory. List it under "
                  "swarm_managers where this inventory is about that swarm, else nowhere in it.")
    elif logs:
        remedy = f"{', '.join(logs)} has its log: ansible-playbook quorum.swarm.recover -e swarm_id={swarm_id}"
    elif kept is not None:
        remedy = (f"If its managers are lost, this brings it back (youngest archive kept, of {kept.host}), and these "
                  f"nodes stay: ansible-playbook quorum.swarm.restore -e swarm_restore_archive={kept.path}")
    elif beyond and swarm_id != wanted.swarm_id:
        remedy = f"Correct the inventory: {', '.join(beyond)} is none of its hosts, and may be a manager that lives."
    else:
        remedy = ("Bring its managers back. If they are lost, find an archive of it (none is kept here): "
                  "ansible-playbook quorum.swarm.restore -e swarm_restore_archive=FILE; these nodes stay.")
    return Finding("swarm_without_managers", "critical", fact, remedy)


def swarm_ids(facts: Iterable[HostFacts]) -> list[str]:
    """The cluster IDs that were seen on disks."""
    return sorted({item.state.swarm_id for item in facts if item.state.swarm_id})
