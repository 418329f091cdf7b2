# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How compromised nodes are taken out of a swarm without a word from themselves, and what they knew is made worthless.

Pure. What was begun stands in a label of the swarm object, so that whoever runs next, from wherever, finishes it: the
removal first, then the rotations. The rotations and the note that they were done are one change of that object, so
that neither is there without the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_PREFIX, Node, address_of

LABEL = LABEL_PREFIX + "expelled"
KEPT = 16
"""How many finished removals are remembered; unfinished ones always are."""
REMOVE, ROTATE, CA = TODO = ("remove", "rotate", "ca")
"""What is to do for a node, in this order: its entry; the join tokens and the unlock key; the root certificate."""
ALLOW = "swarm_allow_expelled"
COMMAND = "ansible-playbook quorum.swarm.expel"


@dataclass(frozen=True)
class Entry:
    """One node that is, or was, taken out as compromised."""

    id: str
    """Of the node; empty: the swarm had no entry of the host any more."""
    host: str = ""
    """What the operator called it: its inventory name, or its ID."""
    manager: bool = False
    at: int = 0
    """When it was begun, in seconds since the epoch."""
    todo: tuple[str, ...] = ()
    root: str = ""
    """What the root certificate was right before it was changed (``fingerprint``)."""
    secrets: tuple[str, ...] = ()
    """The IDs of the secrets that its tasks had. Not listed of a manager, which has all that were there."""
    configs: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """The IDs of the services whose tasks it had."""

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return self.host or self.id

    @property
    def key(self) -> str:
        """What the operator's word has to name: the node's ID, or where there is none what they called it."""
        return self.id or self.host

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Entry:
        """From a mapping of its fields."""
        texts = {name: tuple(str(item) for item in data.get(name) or ())
                 for name in ("todo", "secrets", "configs", "services")}
        return cls(str(data.get("id") or ""), str(data.get("host") or ""), bool(data.get("manager")),
                   int(data.get("at") or 0), root=str(data.get("root") or ""), **texts)

    def as_dict(self) -> dict[str, Any]:
        """As a label and JSON have it: only what is set."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self).items() if value}


def read(labels: Mapping[str, str]) -> tuple[Entry, ...]:
    """The removals that the swarm object remembers; none where the label cannot be read."""
    try:
        return tuple(Entry.of(item) for item in json.loads(labels.get(LABEL) or "[]"))
    except (ValueError, TypeError, AttributeError):
        return ()


def written(labels: Mapping[str, str], entries: Sequence[Entry]) -> dict[str, str]:
    """The labels with these removals in them; the oldest that are finished are forgotten."""
    finished = [entry for entry in entries if not entry.todo]
    forgotten = sorted(finished, key=lambda entry: entry.at)[: max(0, len(finished) - KEPT)]
    kept = [entry.as_dict() for entry in entries if entry not in forgotten]
    return {**labels, LABEL: json.dumps(kept, sort_keys=True, separators=(",", ":"))}


def noted(before: Sequence[Entry], new: Sequence[Entry]) -> tuple[Entry, ...]:
    """What is remembered, with those in it that this run begins. One of the same key is begun anew."""
    keys = {entry.key for entry in new}
    return (*(entry for entry in before if entry.key not in keys), *new)


def todo_of(manager: bool, listed: bool, ca: bool | None) -> tuple[str, ...]:
    """What is to do for one node.

    :param ca: whether the root certificate is changed; None: where it was a manager, or nobody knows what it was.
    """
    wants_ca = manager or not listed if ca is None else ca
    return (*((REMOVE,) if listed else ()), ROTATE, *((CA,) if wants_ca else ()))


def fingerprint(root: str) -> str:
    """A short name of a root certificate."""
    return hashlib.sha256(root.encode()).hexdigest()[:16]


# --- who is meant -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What one of the operator's names stands for."""

    name: str
    nodes: tuple[Node, ...] = ()
    """Its entries; more than one where it had former lives."""
    done: tuple[Entry, ...] = ()
    """What is remembered of it."""

    @property
    def over(self) -> bool:
        """Whether it is gone, and was taken out as compromised."""
        return not self.nodes and any(not entry.todo for entry in self.done)


def targets(
    names: Sequence[str], nodes: Sequence[Node], remembered: Sequence[Entry], wanted: Wanted, known: Collection[str]
) -> tuple[list[Target], list[Finding]]:
    """What the operator's names stand for: hosts, by the name that is noted on their nodes; or node IDs.

    Never hostnames: around an election the engine notes a worker's on a manager.

    :param known: all hosts of the inventory.
    """
    found, refusals = [], []
    for name in names:
        own = tuple(node for node in nodes if name in (node.id, node.host))
        done = tuple(entry for entry in remembered if name in (entry.id, entry.host))
        if not own and not done and name not in known:
            refusals.append(Finding(
                "expel_unknown_node", "critical",
                f"{name} is neither a host of the inventory nor the ID of a node.",
                f"The nodes are {_listed(nodes)}. {COMMAND} -e swarm_node=HOST-OR-ID"))
            continue
        unnamed = [node for node in nodes if not node.host]
        if not own and not done and unnamed:
            refusals.append(Finding(
                "expel_unnamed_node", "critical",
                f"No node carries the name {name}, and there are nodes that carry no host's name: {_listed(unnamed)}.",
                f"If it is one of them, name it by its ID: {COMMAND} -e swarm_node=ID. If it is none: provision names "
                f"the hosts of the inventory."))
            continue
        found.append(Target(name, own, done))
    return found, refusals


def _listed(nodes: Iterable[Node]) -> str:
    return ", ".join(f"{node.id} ({node.host or node.hostname})" for node in nodes)


def elsewhere(target: Target, addresses: Mapping[str, str]) -> list[Finding]:
    """Nodes that carry a host's name and are at another address than the inventory says: a label can be forged.

    :param addresses: of the hosts of the inventory, where it says one.
    """
    said = addresses.get(target.name, "")
    return [Finding("expel_other_address", "warning",
                    f"{target.name} is {said} in the inventory, and node {node.id}, which carries its name, is at "
                    f"{address_of(node.manager_addr) or node.addr}.",
                    "Make sure that it is the one you mean before you confirm its ID.", target.name)
            for node in target.nodes
            if said and said not in (node.addr, address_of(node.manager_addr)) and (node.addr or node.manager_addr)]


def entries_of(found: Sequence[Target], now: int, ca: bool | None) -> list[Entry]:
    """What this run begins: every entry of those named; the rotations alone where nothing is known of one."""
    new = []
    for target in found:
        new += [Entry(node.id, node.host or target.name, node.is_manager, now, todo_of(node.is_manager, True, ca))
                for node in target.nodes]
        if not target.nodes and not target.done:
            new.append(Entry("", target.name, False, now, todo_of(False, False, ca)))
    return new


# --- whether it may be ------------------------------------------------------------------------------------------------


def order(nodes: Sequence[Node], ids: Collection[str]) -> list[Node]:
    """Those nodes in the order in which they go: workers, then voters that are away, then managers, the leader last."""
    return sorted((node for node in nodes if node.id in ids),
                  key=lambda node: (node.is_manager, node.reachable, node.leader, node.host, node.id))


def refuse(nodes: Sequence[Node], ids: Collection[str]) -> list[Finding]:
    """Why these nodes cannot be taken out; empty where a majority is reachable after each of them."""
    voters = [node for node in nodes if node.voter]
    total, reachable = len(voters), sum(node.reachable for node in voters)
    away = [node.host or node.id for node in voters if not node.reachable and node.id not in ids]
    if not quorum.has_quorum(total, reachable):
        return [Finding("expel_no_quorum", "critical",
                        f"{reachable} of {total} voters are reachable, and a majority is {quorum.majority(total)}: "
                        "nothing can be changed.", "ansible-playbook quorum.swarm.recover")]
    for node in order(nodes, ids):
        if not node.voter:
            continue
        name = node.host or node.hostname
        if total == 1:
            return [Finding("expel_last_manager", "critical",
                            f"{name} is the last manager: without it there is no swarm.",
                            "Make another one first: list it under swarm_managers, ansible-playbook "
                            "quorum.swarm.provision. Or restore a backup on a clean host: ansible-playbook "
                            "quorum.swarm.restore", node.host)]
        if not quorum.survives_removal(total, reachable, node.reachable):
            return [Finding("expel_would_lose_quorum", "critical",
                            f"Without {name}, {reachable - node.reachable} of {total - 1} voters would be reachable, "
                            f"and a majority is {quorum.majority(total - 1)} (away: {', '.join(away) or 'none'}).",
                            "Bring those back first, or put spares in their place: ansible-playbook quorum.swarm.heal. "
                            "If that cannot wait, power all of them off: ansible-playbook quorum.swarm.recover gives "
                            "them up together.")]
        total, reachable = total - 1, reachable - node.reachable
    return []


def unconfirmed(new: Sequence[Entry], confirm: Collection[str], names: Sequence[str]) -> list[Finding]:
    """Why the operator's word is not enough, with the command that is."""
    keys = sorted({entry.key for entry in new})
    if sorted(set(confirm)) == keys or not keys:
        return []
    said = f"swarm_expel_confirm names {', '.join(sorted(confirm))}" if confirm else "swarm_expel_confirm is not set"
    listed = ", ".join(f"{entry.name} is {entry.id}" if entry.id else f"{entry.name} has no node"
                       for entry in sorted(new, key=lambda entry: entry.key))
    return [Finding("expel_unconfirmed", "critical",
                    f"It cannot be undone, and {said}; it has to name exactly: {listed}.",
                    f"{COMMAND} -e swarm_node={','.join(names)} -e swarm_expel_confirm={','.join(keys)}")]


# --- what comes next --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One thing to do: ``demote`` or ``remove`` a node, ``rotate``, or ``wait`` for the root certificate."""

    kind: str
    node: Node | None = None
    ca: bool = False
    """With ``rotate``: the root certificate, too."""


def next_step(nodes: Sequence[Node], entries: Sequence[Entry]) -> Step | None:
    """What is done next; None when nothing is left."""
    pending = [entry for entry in entries if entry.todo]
    ids = {entry.id for entry in pending if REMOVE in entry.todo}
    for node in order(nodes, ids):
        return Step("demote" if node.voter else "remove", node)
    if any(ROTATE in entry.todo for entry in pending):
        return Step("rotate", ca=any(CA in entry.todo for entry in pending if ROTATE in entry.todo))
    return Step("wait") if pending else None


def rotated(entries: Sequence[Entry], listed: Collection[str], root: str) -> tuple[Entry, ...]:
    """The entries after the rotations, of those whose nodes are gone.

    :param listed: IDs of the nodes that are there.
    :param root: the root certificate of before.
    """
    return tuple(replace(entry, todo=tuple(what for what in entry.todo if what == CA), root=fingerprint(root))
                 if ROTATE in entry.todo and entry.id not in listed else entry for entry in entries)


def certified(entries: Sequence[Entry], rotating: bool, root: str) -> tuple[Entry, ...]:
    """The entries, those finished for which the new root certificate is everywhere."""
    if rotating:
        return tuple(entries)
    return tuple(replace(entry, todo=()) if entry.todo == (CA,) and entry.root != fingerprint(root) else entry
                 for entry in entries)


# --- what it knew -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thing:
    """A secret, a config or a service, by name. Never its content."""

    id: str
    name: str
    created: str = ""
    """As the engine writes it."""
    used_by: tuple[str, ...] = ()
    """The services that use it now."""


@dataclass(frozen=True)
class Exposed:
    """What of all that a node could read is still there."""

    secrets: tuple[Thing, ...] = ()
    configs: tuple[Thing, ...] = ()
    services: tuple[Thing, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return {name: [{"id": thing.id, "name": thing.name, "used_by": list(thing.used_by)}
                       for thing in getattr(self, name)] for name in ("secrets", "configs", "services")}


@dataclass(frozen=True)
class Store:
    """What the swarm holds, and which node's tasks had what. From ``engine.store_facts``."""

    secrets: tuple[Thing, ...] = ()
    configs: tuple[Thing, ...] = ()
    services: tuple[Thing, ...] = ()
    had: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    """By node ID: IDs by kind, of the tasks that the swarm still lists for it."""


def with_exposure(entry: Entry, store: Store) -> Entry:
    """The entry with what the tasks of its node had; before they are gone. A manager has everything."""
    had = store.had.get(entry.id) or {}
    secrets, configs, services = (tuple(sorted(had.get(kind) or ())) for kind in ("secrets", "configs", "services"))
    if entry.manager:
        return replace(entry, services=services)
    return replace(entry, secrets=secrets, configs=configs, services=services)


def exposed(entry: Entry, store: Store) -> Exposed:
    """What this node could read, and what is there still: the operator's list, which gets shorter as things are made
    anew. Of a manager: all that was made before it was taken out. Of a node that nobody knew any more: the same.
    """
    def of(kind: str) -> tuple[Thing, ...]:
        there: tuple[Thing, ...] = getattr(store, kind)
        if entry.manager or not entry.id:
            return tuple(thing for thing in there if _seconds(thing.created) <= entry.at)
        return tuple(thing for thing in there if thing.id in getattr(entry, kind))

    services = tuple(thing for thing in store.services if thing.id in entry.services)
    return Exposed(of("secrets"), of("configs"), services)


def _seconds(stamp: str) -> float:
    """Seconds since the epoch, of the engine's words for a time; 0 where it cannot be read: it counts as old."""
    try:
        return datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0


# --- what is said -----------------------------------------------------------------------------------------------------


def plan_lines(entries: Sequence[Entry], nodes: Sequence[Node], autolock: bool) -> list[tuple[str, str, str]]:
    """The steps as an operator reads them: kind, host, why."""
    pending = [entry for entry in entries if entry.todo]
    by_id = {entry.id: entry for entry in pending if REMOVE in entry.todo}
    lines = []
    for node in order(nodes, by_id):
        name = by_id[node.id].name
        place = address_of(node.manager_addr) or node.addr or "unknown address"
        if node.is_manager:
            lines.append(("demote", name, f"node {node.id} at {place}, "
                          + ("the leader: another one is elected" if node.leader else "manager")))
        lines.append(("remove", name, f"node {node.id} at {place}: its certificate is refused from then on"))
    if any(ROTATE in entry.todo for entry in pending):
        lines.append(("rotate", "", "both join tokens" + (", the unlock key" if autolock else "")))
    if any(CA in entry.todo for entry in pending):
        lines.append(("rotate", "", "the root certificate: a manager knows its key"))
    return lines


def findings(
    nodes: Sequence[Node], entries: Sequence[Entry], wanted: Wanted
) -> list[Finding]:
    """What is to be looked after when they are gone: too few or too many voters, hosts that are still wanted."""
    found = []
    for item in inventory.count_voters([node.zone for node in nodes if node.is_manager]):
        remedy = (f"{item.remedy} List a clean host under swarm_managers, or promote a spare (swarm_spare_manager: "
                  "true): ansible-playbook quorum.swarm.provision")
        found.append(replace(item, severity="warning", remedy=remedy, relaxed_by=""))
    gone = {entry.host for entry in entries}
    for want in wanted.nodes:
        if want.host in gone:
            found.append(Finding("expelled_host_is_wanted", "warning",
                                 f"{want.host} is still a host that the inventory wants as a {want.role}: provision "
                                 "refuses to take it in.",
                                 "Move it to swarm_absent with swarm_compromised: true, until its disk is made anew.",
                                 want.host))
    return found


def barred(labels: Mapping[str, str], hosts: Collection[str], allowed: Collection[str]) -> list[Finding]:
    """Those of the hosts that were taken out as compromised, and are to be members again."""
    if ALLOW in allowed:
        return []
    gone = {entry.host for entry in read(labels)}
    return [Finding("expelled_host", "critical",
                    f"{host} was taken out of this swarm as compromised, and is to join it.",
                    "Make its disk anew first, or list it under swarm_absent with swarm_compromised: true.", host,
                    ALLOW) for host in hosts if host in gone]


def unfinished(entries: Sequence[Entry], nodes: Sequence[Node]) -> list[Finding]:
    """Removals that were begun and are not through."""
    words = {REMOVE: "it is still a node", ROTATE: "the join tokens it knew are still good",
             CA: "the root certificate whose key it knew is still trusted"}
    listed = {node.id for node in nodes}
    left = {entry.key: [what for what in entry.todo if what != REMOVE or entry.id in listed] or [ROTATE]
            for entry in entries if entry.todo}
    return [Finding("expel_unfinished", "critical",
                    f"{entry.name} was found compromised, and its removal is not through: {words[left[entry.key][0]]}.",
                    f"{COMMAND} goes on.", entry.host)
            for entry in entries if entry.todo]
