# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what the swarm is to what it shall be, one safe step after the other.

Pure. The same function plans on the controller, where the whole plan is shown, and inside ``swarm_topology``, which
asks for the next steps anew after each one that it has done. The rules:

* after every step a majority of the voters is reachable, and never are two managers down at once;
* unreachable voters that are to go, go first: they only weigh; then promotions, each waited for; then the demotions of
  living managers, one at a time, the leader last; zones are kept as balanced as they can be on the way;
* a node is drained and idle before it becomes a manager, and a manager becomes a worker before it takes tasks;
* where the quorum would not hold, nothing is planned and ``held`` says why, with the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_HOST, LABEL_MANAGED, Node

HELD = ("no_quorum", "waits_for_managers", "waits_for_promotions", "would_lose_quorum", "acts_here", "not_ready",
        "promotion_pending")
"""Identifiers of what holds a plan back. Each may be over by the time that the steps are done."""
KINDS = ("join", "update", "promote", "demote", "leave", "remove")


@dataclass(frozen=True)
class Order:
    """What one host of the inventory shall be in the swarm."""

    host: str
    role: str
    availability: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """All labels that the collection keeps on the node, its bookkeeping included."""
    node_id: str = ""
    """The node that the host says it is; empty: the one that carries the host's name."""


@dataclass(frozen=True)
class Removal:
    """One host that shall be no member any more."""

    host: str
    node_id: str = ""
    live: bool = True
    """Whether the host answers, so that it can leave by itself."""
    left: bool = False
    """Whether it has left: its entry still reads ready for a while, and nothing is lost with it."""
    entry: bool = False
    """Whether just this entry is meant, whatever else carries its name: one that nothing speaks for any more."""


@dataclass(frozen=True)
class Step:
    """One change of the swarm."""

    kind: str
    host: str
    node_id: str
    why: str
    availability: str = ""
    """For ``update`` and ``join``: the availability afterwards; empty: as it is."""
    set_labels: Mapping[str, str] = field(default_factory=dict)
    drop_labels: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON: only what is set."""
        data: dict[str, Any] = {"kind": self.kind, "host": self.host, "node_id": self.node_id, "why": self.why}
        if self.availability:
            data["availability"] = self.availability
        if self.set_labels:
            data["set_labels"] = dict(self.set_labels)
        if self.drop_labels:
            data["drop_labels"] = list(self.drop_labels)
        return data


@dataclass(frozen=True)
class Plan:
    """The steps in their order, and why it ends short of what is wanted, where it does."""

    steps: tuple[Step, ...] = ()
    held: tuple[Finding, ...] = ()


def match(nodes: Sequence[Node], orders: Sequence[Order | Removal]) -> dict[str, Node]:
    """The node of each host: the one that the host says it is, else the live one that carries its name.

    Where several entries carry the name, a ready one is preferred, then a reachable voter, then the newest version.
    No node is two hosts: what a host says of itself counts before a name, and the first before a clone.
    """
    by_id = {node.id: node for node in nodes}
    by_host = _by(nodes, lambda node: node.host)
    result: dict[str, Node] = {}
    for order in orders:
        node = by_id.pop(order.node_id, None) if order.node_id else None
        if node is not None:
            result[order.host] = node
    for order in orders:
        named = [node for node in by_host.get(order.host, ()) if node.id in by_id]
        if named and not order.node_id:
            result[order.host] = max(named, key=lambda n: (n.state == "ready", n.reachable, n.version))
            del by_id[result[order.host].id]
    return result


def _by(nodes: Iterable[Node], key: Callable[[Node], str]) -> dict[str, list[Node]]:
    """Nodes by a name of theirs: a swarm may list thousands, and each host is looked up."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        found.setdefault(key(node), []).append(node)
    return found


def ghosts(
    nodes: Sequence[Node], orders: Sequence[Order | Removal], matched: Mapping[str, Node]
) -> list[tuple[str, Node]]:
    """Entries of a host's former lives: down, with the name of a host that is another node now.

    Right after a new leader was elected the living are ``unknown`` for a moment: only ``down`` tells of a former life.
    But where the host itself said which node it is, any other entry with its name is one, though it may read ready for
    a while after its node has left. Of a host that is to be taken out, every entry goes.
    """
    live = {node.id for node in matched.values()}
    loose = [node for node in nodes if node.id not in live]
    by_host = _by((node for node in loose if node.host), lambda node: node.host)
    by_hostname = _by((node for node in loose if not node.host), lambda node: node.hostname)
    found = []
    for order in orders:
        own = matched.get(order.host)
        if own is None or (isinstance(order, Order) and own.state != "ready"):
            continue
        found += [(order.host, node) for node in by_host.get(order.host, ())
                  if order.node_id or (node.state == "down" and not node.reachable)]
        found += [(order.host, node) for node in by_hostname.get(own.hostname, ())
                  if node.state == "down" and not node.reachable and node.shares_name_and_place(own)]
    return found


def label_changes(node: Node, labels: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Labels to set, and labels to drop because the collection set them once and nobody wants them now."""
    to_set = {name: value for name, value in labels.items() if node.labels.get(name) != value}
    wanted = set(labels) | {LABEL_HOST, LABEL_MANAGED}
    to_drop = tuple(sorted(name for name in node.managed_labels if name not in wanted and name in node.labels))
    return to_set, to_drop


def promotable(voters: int, reachable: int, promised: int = 0) -> int:
    """How many more promotions may be begun: were all that are under way to die on arrival, a majority would remain.

    At least one where none is under way, because one voter can become three only through two.

    :param voters: the members of the raft.
    :param promised: nodes that are wanted as managers and are no members of the raft. They do not vote, and may at any
        moment.
    """
    more = 0 if promised else 1
    while quorum.has_quorum(voters + promised + more + 1, reachable):
        more += 1
    return more


def next_steps(
    nodes: Sequence[Node], orders: Sequence[Order], removals: Sequence[Removal] = (), here: str = ""
) -> Plan:
    """The next steps that may be done from this state without looking again; empty when nothing is left.

    :param nodes: the swarm as it is now.
    :param here: the ID of the node from which the steps are done. It is never demoted: another manager has to do that,
        and ``held`` says so with the identifier ``acts_here``.
    """
    removals, entries = [one for one in removals if not one.entry], [one for one in removals if one.entry]
    nobodys = _entries(nodes, entries)
    if nobodys:
        return Plan(tuple(nobodys))
    if entries and not (orders or removals):
        return Plan()
    voters = [node for node in nodes if node.voter]
    promised = [node for node in nodes if node.is_manager and not node.voter]
    reachable = [node for node in nodes if node.reachable]
    if not quorum.has_quorum(len(voters), len(reachable)):
        return Plan((), (_held("no_quorum", f"{len(reachable)} of {len(voters)} voters are reachable, and a majority "
                                            f"is {quorum.majority(max(1, len(voters)))}: nothing may be changed",
                               "ansible-playbook quorum.swarm.recover"),))
    out = {removal.host for removal in removals}
    orders = [order for order in orders if order.host not in out]
    hosts = match(nodes, [*orders, *removals])
    matched = {order.host: hosts[order.host] for order in orders if order.host in hosts}
    leaving = {host: node for host, node in hosts.items() if host in out}

    updates = _updates(orders, matched, removals, leaving)
    if updates:
        return Plan(tuple(updates))

    held = [_pending(order.host, matched[order.host]) for order in orders
            if order.role == "manager" and matched.get(order.host) in promised]
    waiting = [order.host for order in orders if order.role == "manager"
               and not (order.host in matched and matched[order.host].reachable)]

    # Without the dead fewer are a majority, so that the next promotion may fail without harm.
    dead = _demotion(nodes, orders, matched, removals, leaving, waiting, here, held, alive=False)
    if dead:
        return Plan((dead,))

    promotions = [(order, matched[order.host]) for order in orders
                  if order.role == "manager" and order.host in matched and matched[order.host].role != "manager"]
    ready = [(order, node) for order, node in promotions if node.state == "ready"]
    begun = promotable(len(voters), len(reachable), len(promised))
    if ready and begun:
        batch = _emptiest_zone_first(ready, [*voters, *promised])[:begun]
        return Plan(tuple(Step("promote", order.host, node.id, f"{order.host} shall be a manager")
                          for order, node in batch), tuple(held))
    held += [_held("waits_for_promotions", f"{order.host} shall be a manager, and is not promoted before "
                   f"{' and '.join(sorted(_name(other) for other in promised))} is one", "", order.host)
             for order, _node in ready]
    held += [_held("not_ready", f"{order.host} shall be a manager, and its node is {node.state}",
                   f"Bring Docker on {order.host} back, and run again.")
             for order, node in promotions if node.state != "ready"]

    # A wanted manager that is not there is no reason to keep entries of the dead, nor to keep workers.
    living = _demotion(nodes, orders, matched, removals, leaving, waiting, here, held, alive=True)
    if living:
        return Plan((living,), tuple(held))

    gone = _removals(orders, nodes, matched, removals, leaving)
    return Plan(tuple(gone), tuple(held))


def _entries(nodes: Sequence[Node], entries: Sequence[Removal]) -> list[Step]:
    """Entries that are nobody's, as long as they are neither a raft member nor ready.

    They are no voters, whatever role they are wanted to have: so they may go before a majority of those is there, and
    have to. After a new cluster was forced, each manager of before is such an entry, and would count as a dead voter.
    """
    members = [node for node in nodes if node.voter]
    if not quorum.has_quorum(len(members), sum(node.reachable for node in members)):
        return []
    listed = {node.id: node for node in nodes if not node.voter and node.state != "ready"}
    return [Step("remove", one.host, one.node_id, "nobody's entry any more")
            for one in entries if one.node_id in listed]


def _emptiest_zone_first(ready: Sequence[tuple[Order, Node]], voters: Sequence[Node]) -> list[tuple[Order, Node]]:
    """Promotions in such an order that the zones stay as balanced as they can be, wherever it ends."""
    counts = Counter(node.zone for node in voters)
    left, ordered = list(ready), []
    while left:
        pair = min(left, key=lambda item: counts[item[1].zone])
        counts[pair[1].zone] += 1
        left.remove(pair)
        ordered.append(pair)
    return ordered


def _updates(
    orders: Sequence[Order], matched: Mapping[str, Node], removals: Sequence[Removal], leaving: Mapping[str, Node]
) -> list[Step]:
    """Labels and availability that may be set now, all independent of each other."""
    steps = []
    for order in orders:
        node = matched.get(order.host)
        if node is None:
            continue
        to_set, to_drop = label_changes(node, order.labels)
        availability = order.availability if node.availability != order.availability else ""
        if order.role == "worker" and node.is_manager:
            availability = ""  # it takes tasks when it is no manager any more, not before
        if not (to_set or to_drop or availability):
            continue
        parts = []
        if availability:
            parts.append(f"availability {node.availability} → {availability}")
        parts += [f"label {name}={value}" for name, value in sorted(to_set.items())
                  if name not in (LABEL_HOST, LABEL_MANAGED)]
        parts += [f"label {name} dropped" for name in to_drop]
        steps.append(Step("update", order.host, node.id, ", ".join(parts) or "note the inventory name on the node",
                          availability, to_set, to_drop))
    for removal in removals:
        node = leaving.get(removal.host)
        if node is not None and node.availability != "drain":
            steps.append(Step("update", removal.host, node.id, f"availability {node.availability} → drain",
                              "drain"))
    return steps


def _demotion(
    nodes: Sequence[Node], orders: Sequence[Order], matched: Mapping[str, Node], removals: Sequence[Removal],
    leaving: Mapping[str, Node], waiting: Sequence[str], here: str, held: list[Finding], alive: bool,
) -> Step | None:
    """The next of the living, or of the unreachable, managers that stops being one, if the quorum allows it."""
    # Who is promoted may vote at any moment, and nobody knows whether it stays.
    voters = [node for node in nodes if node.is_manager]
    reachable = [node for node in nodes if node.reachable]
    candidates: list[tuple[str, Node, str]] = []
    candidates += [(host, node, "an entry of its former life")
                   for host, node in ghosts(nodes, [*orders, *removals], {**matched, **leaving}) if node.is_manager]
    candidates += [(removal.host, leaving[removal.host], f"{removal.host} is to be taken out") for removal in removals
                   if removal.host in leaving and leaving[removal.host].is_manager]
    candidates += [(order.host, matched[order.host], f"{order.host} shall be a worker") for order in orders
                   if order.role == "worker" and order.host in matched and matched[order.host].is_manager]
    candidates = [item for item in candidates if item[1].reachable == alive]
    placed = Counter(node.zone for node in voters)
    candidates.sort(key=lambda item: (item[1].leader, item[1].id == here, -placed[item[1].zone]))
    for host, node, why in candidates:
        if node.reachable and waiting:
            held.append(_held("waits_for_managers", f"{host} stays a manager until {' and '.join(sorted(waiting))} "
                                                    f"can be reached as such", ""))
            continue
        # Who is unreachable only weighs: the majority is the easier to reach without it.
        if node.reachable and not quorum.survives_removal(len(voters), len(reachable), True):
            held.append(_held("would_lose_quorum", f"{host} stays a manager: without it "
                                                   f"{len(reachable) - 1} of {len(voters) - 1} voters "
                                                   f"would be reachable, which is no majority",
                              "Bring the unreachable managers back first: ansible-playbook quorum.swarm.heal"))
            continue
        if node.id == here and here:
            held.append(_held("acts_here", f"{host} is the manager that acts; another one has to demote it", ""))
            continue
        if not node.voter and node.state != "ready":
            # No member of the raft: the engine refuses to demote it and lets it be removed (docs/engine-behaviour.md).
            return Step("remove", host, node.id, why)
        if not node.voter:
            held.append(_pending(host, node))
            continue
        return Step("demote", host, node.id, why)
    return None


def _removals(
    orders: Sequence[Order], nodes: Sequence[Node], matched: Mapping[str, Node], removals: Sequence[Removal],
    leaving: Mapping[str, Node],
) -> list[Step]:
    """Entries that nothing speaks for any more; hosts that still run leave by themselves first."""
    steps = [Step("remove", host, node.id, "an entry of its former life")
             for host, node in ghosts(nodes, [*orders, *removals], {**matched, **leaving}) if not node.is_manager]
    for removal in removals:
        node = leaving.get(removal.host)
        if node is None or node.is_manager:
            continue
        # A live host is told to leave whatever its entry reads: right after an election it may read unknown or down.
        kind = "leave" if removal.live and not removal.left else "remove"
        steps.append(Step(kind, removal.host, node.id, f"{removal.host} is to be taken out"))
    return steps


def _held(identifier: str, fact: str, remedy: str, host: str = "") -> Finding:
    return Finding(identifier, "warning", fact + ".", remedy, host)


def _pending(host: str, node: Node) -> Finding:
    """A promotion that has not come true: the engine neither takes the node into the raft nor lets it be demoted."""
    return _held("promotion_pending", f"{host} was promoted and is no member of the raft ({node.state}): it does not "
                 f"vote", f"Start Docker on {host}, and let every manager reach it on port 2377/tcp: its engine tries "
                 f"again by itself, each half minute. Then run this again.", host)


def _name(node: Node) -> str:
    return node.host or node.hostname or node.id


def apply(nodes: Sequence[Node], step: Step) -> tuple[Node, ...]:
    """The state after a step that succeeded. Used to show whole plans, and by the proofs."""
    if step.kind == "join":
        return (*nodes, Node(step.node_id, step.host, "worker", step.availability or "active",
                             labels=dict(step.set_labels)))
    if step.kind == "remove":
        return tuple(node for node in nodes if node.id != step.node_id)
    changed: list[Node] = []
    for node in nodes:
        if node.id != step.node_id:
            changed.append(node)
        elif step.kind == "update":
            labels = {name: value for name, value in node.labels.items() if name not in step.drop_labels}
            changed.append(replace(node, labels={**labels, **step.set_labels},
                                   availability=step.availability or node.availability))
        elif step.kind == "promote":
            changed.append(replace(node, role="manager", voter=True, reachability="reachable"))
        elif step.kind == "demote":
            changed.append(replace(node, role="worker", voter=False, reachability="", leader=False, manager_addr=""))
        elif step.kind == "leave":
            changed.append(replace(node, state="down"))
        else:
            raise ValueError(f"no such step: {step.kind}")
    if not any(node.leader for node in changed):
        for index, node in enumerate(changed):
            if node.reachable:
                changed[index] = replace(node, leader=True)
                break
    return tuple(changed)


def whole(nodes: Sequence[Node], orders: Sequence[Order], removals: Sequence[Removal] = (), here: str = "") -> Plan:
    """All steps until nothing is left to do, and what holds the rest back."""
    steps: list[Step] = []
    state = tuple(nodes)
    for _unused in range(20 * (len(nodes) + len(orders) + len(removals) + 1)):
        plan = next_steps(state, orders, removals, here)
        if not plan.steps:
            return Plan(tuple(steps), plan.held)
        for step in plan.steps:
            steps.append(step)
            state = apply(state, step)
            if step.kind == "leave":
                removals = [replace(item, left=item.left or item.host == step.host) for item in removals]
    raise AssertionError("the planner does not come to an end")


def join(order: Order, node_id: str = "") -> Step:
    """The step that makes a host a member: always as a worker, with its availability from the first moment."""
    return Step("join", order.host, node_id or f"new:{order.host}",
                "joins as a worker" + (", drained" if order.availability == "drain" else ""), order.availability,
                dict(order.labels))
