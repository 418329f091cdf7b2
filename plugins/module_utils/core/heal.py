# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of a swarm with a quorum take no part in it, what may bring each of them back, and how a host becomes a
new node of its swarm.

Pure. The ladder is the administration guide's: the daemon, the host, a replacement. No rung is planned that could cost
the quorum: every demotion and removal is planned by core/plan.py, and planned there anew when it is done. Nothing is
made anew of a raft log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    expel,
    inventory,
    plan,
    quorum,
    reach,
    restart,
    spares,
    unread,
    validity,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Removal
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import NEXT_PLAYBOOK, Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    LABEL_MANAGED,
    HostFacts,
    Node,
    View,
)

DAEMON, REBOOT, REJOIN, REPLACE = RUNGS = ("daemon", "reboot", "rejoin", "replace")
"""Docker is started, restarted or unlocked; the host is rebooted; it becomes a new node; another takes its place."""

FULL = 8 << 20
"""Fewer free bytes count as a full disk."""
NEW_NODE, NEW_MANAGER = 32 << 20, 192 << 20
"""Free bytes that a new node needs: the engine allocates two log segments of 64 MB, and the old ones are kept."""


@dataclass(frozen=True)
class Sick:
    """One node that takes no part, and the rungs that are left for it."""

    host: str
    node_id: str
    """Of its entry; empty: the swarm has none."""
    manager: bool
    what: str
    """One sentence: what was seen."""
    rungs: tuple[str, ...] = ()
    remedy: str = ""
    """What is left to an operator where there is no rung."""
    may_restart: bool = False
    """Whether a Docker that runs there may be restarted: the quorum does not rest on it."""
    keep: bool = False
    """Whether its host is alive, and only cannot run a module: its entry stays, whoever stands in for it."""

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return {**asdict(self), "rungs": list(self.rungs)}


@dataclass(frozen=True)
class Found:
    """What there is to heal."""

    sick: tuple[Sick, ...] = ()
    notes: tuple[Finding, ...] = ()
    surplus: tuple[str, ...] = ()
    """Spares that are managers still, though those that they stand in for are back."""


@dataclass(frozen=True)
class Rejoin:
    """How one host becomes a new node."""

    host: str
    node_ids: tuple[str, ...]
    """The nodes that it was."""
    role: str
    availability: str
    labels: Mapping[str, str] = field(default_factory=dict)
    leave: bool = False
    """Whether it works, so that it leaves by itself; else its state is moved aside."""
    joined: str = ""
    """The new node that it is already, in a run that goes on with one that was broken off."""
    advertise_addr: str = ""
    listen_addr: str = ""
    data_path_addr: str = ""

    def order(self) -> Order:
        """What it shall be in the swarm."""
        return Order(self.host, self.role, self.availability, dict(self.labels), self.joined)


@dataclass(frozen=True)
class Work:
    """Everything that is done by changing the members of the swarm."""

    rejoins: tuple[Rejoin, ...] = ()
    removals: tuple[Removal, ...] = ()
    orders: tuple[Order, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    """The spare by the host of the lost manager; empty: it is removed, because the swarm is safer without it."""
    steps: tuple[plan.Step, ...] = ()
    refusals: tuple[Finding, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.rejoins or self.removals or self.orders)


def unreadable(judgement: Judgement) -> list[Finding]:
    """Why this swarm is nothing to heal; empty where it has a quorum."""
    if judgement.readable:
        return []
    remedy = f"ansible-playbook {NEXT_PLAYBOOK.get(judgement.verdict, 'quorum.swarm.health')}"
    if judgement.verdict == "unknown":
        remedy = "ansible-playbook quorum.swarm.recover starts what stands still, and gives nobody up by itself."
    return [Finding(judgement.verdict, "critical", f"{judgement.verdict}: {judgement.reason}", remedy)]


def actor(view: View, facts: Mapping[str, HostFacts], without: Collection[str] = ()) -> str:
    """The manager from which the swarm is changed: one that reads it, the leader if it can be; empty: there is none."""
    able = []
    for host, item in facts.items():
        node = view.node(item.membership.node_id) if item.answered else None
        if host not in without and node is not None and node.reachable and not item.problem and item.nodes:
            able.append((not node.leader, host))
    return min(able)[1] if able else ""


# --- who takes no part ------------------------------------------------------------------------------------------------


def own_node(item: HostFacts | None) -> str:
    """The node that a host says it is, by its engine or by its certificate; empty: none, or it does not answer."""
    if item is None or not item.answered:
        return ""
    return item.membership.node_id or item.state.node_id


def _matched(wanted: Wanted, nodes: Sequence[Node], facts: Mapping[str, HostFacts]) -> dict[str, Node]:
    """The entry of each wanted host: the one that it says it is, else the one that carries its name."""
    listed = {node.id for node in nodes}
    orders = []
    for want in wanted.nodes:
        own = own_node(facts.get(want.host))
        orders.append(Order(want.host, want.role, want.availability, {}, own if own in listed else ""))
    return plan.match(nodes, orders)


def find(
    wanted: Wanted, view: View, facts: Mapping[str, HostFacts], now: datetime, reboot: bool = False,
    tried: Mapping[str, Collection[str]] | None = None,
) -> Found:
    """The nodes that take no part, managers first, in the order of the inventory.

    :param facts: of every host of the inventory, what lies on their disks included.
    :param reboot: whether hosts may be rebooted.
    :param tried: by host, the rungs that were tried already.
    """
    matched = _matched(wanted, view.nodes, facts)
    sick: list[Sick] = []
    notes: list[Finding] = []
    standing = [want.host for want in wanted.spares if want.host in matched and matched[want.host].reachable]
    out = [want.host for want in wanted.nodes if want.host not in matched]
    barred = {item.host: replace(item, severity="warning")
              for item in expel.barred(view.swarm.labels, out, wanted.allowed)}
    notes.extend(barred.values())
    for want in [*wanted.managers, *wanted.workers]:
        if want.host in barred:
            continue
        item = facts.get(want.host) or HostFacts.silent(want.host, "it was not asked")
        found = _look_at(want, item, matched.get(want.host), view, now)
        if isinstance(found, Finding):
            notes.append(found)
        elif found is not None and not found.node_id and REPLACE in found.rungs and standing:
            notes.append(Finding("stood_in_for", "info", f"{want.host} does not answer ({item.why_not}), and the swarm "
                                 f"does not list it: {standing.pop(0)} stands in for it.",
                                 f"When {want.host} is back: ansible-playbook quorum.swarm.heal", want.host))
        elif found is not None:
            rungs = tuple(rung for rung in found.rungs
                          if rung not in (tried or {}).get(want.host, ()) and (rung != REBOOT or reboot))
            sick.append(replace(found, rungs=rungs))
    ours = {node.id for node in matched.values()}
    names = {want.host for want in wanted.nodes} | set(wanted.absent)
    notes += [Finding("unlisted", "warning", f"{node.hostname} ({node.id}) is {_state(node)}, and no host of the "
                      "inventory: it is left alone.", "List it, or list it under swarm_absent to take it out.")
              for node in view.nodes if node.id not in ours and node.host not in names and not _works(node)]
    ill = {item.host for item in sick}
    chosen, serving = _stand_ins(wanted, matched, [], ill)
    surplus = tuple(host for host in serving if host not in chosen)
    return Found(tuple(sick), tuple(notes), surplus)


NOT_REACHED = "could not connect to prospective new cluster member"
"""What the engine of a promoted node is told by a leader that does not reach it (docs/engine-behaviour.md). Neither a
restart nor a new node would help, and the node's tasks would end with either."""


def _works(node: Node) -> bool:
    return node.state == "ready" and (node.reachable or not node.is_manager)


def _state(node: Node) -> str:
    return f"{node.state}, {node.reachability or 'no member of the raft'}" if node.is_manager else node.state


def _look_at(want: WantedNode, item: HostFacts, entry: Node | None, view: View, now: datetime) -> Sick | Finding | None:
    """What is wrong with one host; None: nothing."""
    host, own = want.host, own_node(item)
    manager = entry.is_manager if entry is not None else want.role == "manager"
    node_id = entry.id if entry is not None else ""
    listed = _state(entry) if entry is not None else "not listed"

    def sick(what: str, *rungs: str, remedy: str = "", may_restart: bool = False) -> Sick:
        return Sick(host, node_id, manager, what, rungs, remedy, may_restart)

    if item.reached:
        return _unable(want, item, entry, view, sick)
    if not item.answered:
        if entry is not None and _works(entry):
            return Finding("host_silent", "info", f"{host} does not answer ({item.why_not}), and its node works.", "",
                           host)
        what = f"{host} is {listed}, and does not answer ({item.why_not})"
        remedy = "Power it on. If it is gone for good, list it under swarm_absent."
        if manager:
            return sick(what, REPLACE, remedy=f"{remedy} A worker with swarm_spare_manager: true would take its place.")
        return sick(what, remedy=remedy) if entry is not None else None
    if item.state.unread and not item.membership.node_id:
        if entry is not None and _works(entry):
            return None
        rungs = (DAEMON, REBOOT) if entry is not None and item.engine.installed else ()
        return sick(f"{host} is {listed}, and what it holds on its disk is not known: {item.state.unread}", *rungs,
                    remedy=f"Nothing of it is moved. {unread.remedy(item)}", may_restart=_may_restart(entry, view))
    if item.state.swarm_id and item.state.swarm_id != view.swarm.id:
        return sick(f"{host} has the state of another swarm ({item.state.swarm_id})",
                    remedy=ELSEWHERE)
    if item.state.rejoin.get("swarm_id") == view.swarm.id:
        return sick(f"{host} has a rejoin that was broken off (begun {item.state.rejoin.get('started_at') or '?'})",
                    REJOIN)
    if not item.engine.installed:
        return sick(f"{host} is {listed}, and has no Docker",
                    remedy="ansible-playbook quorum.swarm.provision installs it.") if entry is not None else None
    if not own and entry is None:
        return Finding("not_a_member", "info", f"{host} is no member of the swarm, and was none.",
                       "ansible-playbook quorum.swarm.provision makes it one.", host)
    if not own and entry is not None and _works(entry) and item.problem == "no_sdk":
        return None
    room, needed = item.state.room, NEW_MANAGER if manager else NEW_NODE
    short = "" if room is None or room >= needed else f"{room >> 20} MiB are free in {item.state.root_dir}"
    fits = (REJOIN,) if not short and not item.state.unread else ()
    remedy = f"Make room on its disk, and run again: {short}, and a new node needs {needed >> 20}." if short else ""
    if item.state.unread:
        remedy = f"Its state is not known ({item.state.unread}), and not moved. {unread.remedy(item)}"
    if not own:
        return sick(f"{host} is {listed}, and has nothing of the swarm on its disk that can be read", *fits,
                    remedy=remedy)
    if own != node_id or entry is None:
        return sick(f"{host} is node {own}, which the swarm does not list", *fits, remedy=remedy)
    if validity.by_clock_alone(item, now) and not _works(entry):
        return sick(f"{host} is {listed}: its own clock alone calls its certificate invalid, which is valid "
                    f"{validity.words(item, now)}", remedy="Set the clock of the host right (timedatectl), and start "
                    "Docker there again: systemctl restart docker.")
    if validity.out(item, now) and not _works(entry):
        return sick(f"{host} is {listed}: its certificate is valid {validity.words(item, now)}", *fits, remedy=remedy)
    here = item.membership
    if _works(entry) and here.state != "locked":
        return None
    if entry.state == "unknown" and here.state == "active" and not here.error and not item.problem.startswith("no_"):
        return None  # for seconds after an election; who does not come back reads down after that
    if item.problem == "no_sdk":
        return sick(f"{host} is {listed}, and its engine was not asked: {item.detail.rstrip('.')}",
                    remedy="Mend that, and run again.")
    if entry in view.promised and NOT_REACHED in here.error:
        return sick(f"{host} was promoted, and the managers do not reach it: it is no member of the raft",
                    remedy=f"Open 2377/tcp into {host}, from every manager: its engine tries again by itself, each "
                           "half minute. ansible-playbook quorum.swarm.provision says which way is closed.")
    told = ("its manager is locked" if here.state == "locked" else
            f"Docker does not answer there ({item.detail.rstrip('.') or 'it stands still'})" if not item.engine.answers
            else f"Docker calls it {here.state}" + (f" ({here.error.rstrip('.')})" if here.error else ""))
    full = f"; its disk is full ({short})" if room is not None and room < FULL else ""
    # Started it may be all the same: as long as its log needs no new segment, a manager works without any room.
    return sick(f"{host} is {listed}: {told}{full}", DAEMON, REBOOT, *fits, remedy=remedy,
                may_restart=_may_restart(entry, view))


def _may_restart(entry: Node | None, view: View) -> bool:
    """Whether a Docker that runs there may be restarted: the quorum does not rest on it."""
    return entry is not None and (not entry.reachable or _spares_one(view))


def _unable(
    want: WantedNode, item: HostFacts, entry: Node | None, view: View, sick: Callable[..., Sick]
) -> Sick | Finding | None:
    """What is wrong with a host that is reached and cannot run a module: it is alive, so no entry of it is removed.

    A spare may stand in for it where the swarm itself does not reach it, and a shell cannot start its Docker.
    """
    what = reach.seen(item)
    if entry is None or _works(entry):
        return Finding("host_unable", "warning", what + (", and its node works." if entry is not None else "."),
                       "Mend that: nothing can be changed or looked at there.", item.host)
    remedy = (f"Mend that, and run again. If {item.host} is gone for good all the same, power it off: then it is "
              "silent.")
    rungs = [DAEMON] * reach.starts(item, view.swarm.id, entry.id) + [REPLACE] * _is_cut_off(want, entry)
    return replace(sick(f"{what}, and its node is {_state(entry)}", *rungs, remedy=remedy), keep=True,
                   manager=entry.is_manager or want.role == "manager")


def _is_cut_off(want: WantedNode, entry: Node) -> bool:
    """Whether the swarm itself does not reach this manager; or does not any more, since a run before demoted it."""
    if entry.voter:
        return not entry.reachable
    return want.role == "manager" and entry.role == "worker" and entry.state == "down"


def _spares_one(view: View) -> bool:
    """Whether all voters are reachable, and one of them may be down for a moment."""
    voters, reachable = len(view.voters), len(view.reachable)
    return voters == reachable and quorum.survives_stop(voters, reachable)


# --- replacing --------------------------------------------------------------------------------------------------------


def _stand_ins(
    wanted: Wanted, matched: Mapping[str, Node], coming: Collection[str], ill: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The spares that shall be managers, by the rule of core/spares.py, and those that are.

    :param coming: hosts that are managers again when this run is through.
    :param ill: hosts that do not count, because they take no part.
    """
    present = [want.host for want in spares.listed(wanted) if want.host in coming or (
        want.host not in ill and want.host in matched and matched[want.host].reachable)]
    able = [want.host for want in wanted.spares
            if want.host in matched and want.host not in ill and _works(matched[want.host])]
    serving = tuple(host for host in able if matched[host].is_manager)
    return spares.choose(wanted, present, able, serving), serving


def replacements(
    wanted: Wanted, view: View, lost: Sequence[Sick], busy: Collection[str], facts: Mapping[str, HostFacts],
    coming: Collection[str] = (),
) -> dict[str, str]:
    """The spare that takes the place of each lost manager, one of its zone where there is one.

    A manager for which no spare is left is not in it, unless the swarm is safer without its entry: dead voters are
    removed where more of the living may be lost afterwards. That reads as an empty name. An entry that is kept is not
    removed, and counts as a voter no more once a spare stands in for it.

    :param busy: hosts that take no part themselves.
    :param coming: hosts that are managers again when this run is through.
    """
    matched = _matched(wanted, view.nodes, facts)
    chosen, serving = _stand_ins(wanted, matched, coming, busy)
    free = [host for host in chosen if host not in serving]
    left = [item for item in lost if REPLACE in item.rungs or not item.keep]
    result: dict[str, str] = {}
    for spare in free if left else ():
        zone = _zone(wanted, spare)
        item = min(left, key=lambda one: _zone(wanted, one.host) != zone)
        left.remove(item)
        result[item.host] = spare
        if not left:
            break
    dead = [item for item in left if item.node_id and not item.keep]
    counting = {node.id for node in view.voters}
    voters = len(counting) - sum(1 for item in lost if item.host in result and item.node_id in counting) + len(result)
    reachable = len(view.reachable) + len(result)
    gain = {count: reachable - quorum.majority(voters - count) for count in range(len(dead) + 1) if voters > count}
    count = max(gain, key=lambda number: (gain[number], -number))
    result.update((item.host, "") for item in dead[:count])
    return result


def _zone(wanted: Wanted, host: str) -> str:
    want = wanted.node(host)
    return want.zone if want is not None else ""


# --- becoming a new node ----------------------------------------------------------------------------------------------


def rejoin(want: WantedNode, view: View, facts: Mapping[str, HostFacts], wanted: Wanted) -> Rejoin:
    """How this host becomes a new node: its role by the inventory, its availability and labels as they were.

    What was noted on the host before a run was broken off counts, because the entry may be drained, or gone, since.
    """
    item, node = facts[want.host], _matched(wanted, view.nodes, facts).get(want.host)
    own, noted = own_node(item), item.state.rejoin
    addr, _problems = inventory.advertise(want, item.addresses, item.raft_address)
    where = {"advertise_addr": addr, "listen_addr": want.listen_addr, "data_path_addr": want.data_path_addr}
    if noted.get("swarm_id") == view.swarm.id:
        olds = tuple(str(one) for one in noted.get("node_ids") or ())
        new = own if own and own not in olds and view.node(own) is not None else ""
        return Rejoin(want.host, olds, str(noted["role"]), str(noted["availability"]), dict(noted["labels"]),
                      leave=not new and _leaves(item, view), joined=new, **where)
    olds = tuple(dict.fromkeys([*([own] if own else []), *([node.id] if node is not None else []),
                                *(one.id for one in view.nodes if one.host == want.host)]))
    labels = dict(want.node_labels)
    if node is not None:
        managed = sorted({*want.labels, *(name for name in node.managed_labels if name in node.labels)})
        labels = {**node.labels, **labels, LABEL_HOST: want.host, LABEL_MANAGED: ",".join(managed)}
    stands_in = want.spare and node is not None and node.is_manager
    return Rejoin(want.host, olds, "manager" if stands_in else want.role,
                  node.availability if node is not None else want.availability, labels, leave=_leaves(item, view),
                  **where)


def _leaves(item: HostFacts, view: View) -> bool:
    """Whether the host is a node that works, and can leave by itself."""
    node = view.node(item.membership.node_id)
    return (node is not None and _works(node) and item.membership.state == "active" and not item.membership.error)


def _as_is(node: Node) -> dict[str, str]:
    """The labels of ours that a node has, so that an order for it changes none."""
    return {name: node.labels[name] for name in (*node.managed_labels, LABEL_HOST, LABEL_MANAGED)
            if name in node.labels}


def work(
    wanted: Wanted, view: View, facts: Mapping[str, HostFacts], hosts: Sequence[str], replaced: Mapping[str, str],
    here: str,
) -> Work:
    """All that changes the members: hosts that become new nodes, lost managers, spares that stand in or step back.

    :param hosts: those that become new nodes.
    :param replaced: as ``replacements`` returns it.
    :param here: the node ID of the manager from which it is done.
    """
    matched = _matched(wanted, view.nodes, facts)
    rejoins, refusals = [], []
    for host in hosts:
        want = wanted.node(host)
        if want is None:
            continue
        problems = inventory.advertise(want, facts[host].addresses, facts[host].raft_address)[1]
        refusals += [one for one in problems if one.severity == "critical"]
        rejoins.append(rejoin(want, view, facts, wanted))
    removals = []
    for one in rejoins:
        old = next((node_id for node_id in one.node_ids if view.node(node_id) is not None), "")
        if old and not one.joined:
            removals.append(Removal(one.host, old, live=one.leave))
    kept = [host for host in replaced if host in matched and host in reach.unable(facts)]
    removals += [Removal(host, matched[host].id, live=False) for host in replaced
                 if host in matched and host not in kept]
    others = [node for node in view.nodes if node.state == "ready" and node.availability == "active"
              and node.host not in replaced.values() and node.id not in {item.node_id for item in removals}]
    orders = [one.order() for one in rejoins]
    for spare in filter(None, replaced.values()):
        node = matched[spare]
        orders.append(Order(spare, "manager", "drain" if others else node.availability, _as_is(node), node.id))
    # Alive, and out of the swarm's reach: it stays the node that it is, and is no voter until it is back.
    orders += [Order(host, "worker", matched[host].availability, _as_is(matched[host]), matched[host].id)
               for host in kept]
    coming = [one.host for one in rejoins if one.role == "manager"]
    chosen, serving = _stand_ins(wanted, matched, coming, replaced)
    for spare in serving:
        if spare in chosen or spare in coming:
            continue
        want, node = wanted.node(spare), matched[spare]
        orders.append(Order(spare, "worker", want.availability if want else "active", _as_is(node), node.id))
    out = plan.whole(view.nodes, [], removals, here)
    first = [one for item in rejoins for one in _last_or_paused(item, view)]
    # What the planner does not do cannot be allowed either.
    refusals += first if not out.held or any(one.id == "last_manager" for one in first) else [
        _refused(item) for item in out.held]
    state = view.nodes
    for step in out.steps:
        state = plan.apply(state, step)
    steps = list(out.steps)
    simulated = []
    for order in orders:
        if not order.node_id:
            join = plan.join(order, "")
            steps.append(join)
            state = plan.apply(state, plan.Step("join", order.host, join.node_id, "", "drain"))
            order = Order(order.host, order.role, order.availability, order.labels, join.node_id)
        simulated.append(order)
    after = plan.whole(state, simulated, [], here)
    return Work(tuple(rejoins), tuple(removals), tuple(orders), dict(replaced), (*steps, *after.steps),
                tuple(inventory.refused(refusals, wanted.allowed)))


def _refused(held: Finding) -> Finding:
    """What holds the planner back, as a refusal."""
    return Finding(held.id, "critical", held.fact, held.remedy, held.host)


def _last_or_paused(item: Rejoin, view: View) -> list[Finding]:
    """Why a manager that works may not become a new node now."""
    node = next((one for node_id in item.node_ids for one in [view.node(node_id)] if one is not None), None)
    if node is None or not node.reachable or item.joined:
        return []
    voters, reachable = len(view.voters), len(view.reachable)
    if reachable == 1:
        return [Finding("last_manager", "critical",
                        f"{item.host} is the only manager that is reachable: the swarm would end with it.",
                        "Add managers first: ansible-playbook quorum.swarm.provision", item.host)]
    if voters != reachable:
        return [Finding("rejoin_beside_a_loss", "critical",
                        f"{item.host} is one of {voters} managers, of which {reachable} are reachable: without it "
                        f"{reachable - 1} of {voters - 1} would be, and a majority is {quorum.majority(voters - 1)}.",
                        "Bring the others back first: ansible-playbook quorum.swarm.heal", item.host, restart.ALLOW)]
    return []


# --- telling ----------------------------------------------------------------------------------------------------------

WORDS = {DAEMON: "start, restart or unlock Docker", REBOOT: "reboot the host",
         REJOIN: "move its state aside and join it as a new node", REPLACE: "a spare takes its place"}


def hopeless(item: Sick, replaced: Mapping[str, str]) -> bool:
    """Whether nothing of what this playbook can do is left for this node."""
    return not any(rung != REPLACE or item.host in replaced for rung in item.rungs)


def missing(wanted: Wanted, view: View, facts: Mapping[str, HostFacts], found: Found) -> list[Finding]:
    """Managers of the inventory that are none in the swarm, and that nobody stands in for: a run does not end well.

    ``heal`` brings back what takes no part; it makes nobody a member who was none. Who was expelled is none on purpose.
    """
    matched = _matched(wanted, view.nodes, facts)
    told = {item.host for item in found.sick}
    told |= {note.host for note in found.notes if note.id in ("stood_in_for", "expelled_host")}
    return [Finding("manager_missing", "warning",
                    f"{want.host} is to be a manager, and is {'a worker' if want.host in matched else 'no member'} of "
                    "the swarm.", "ansible-playbook quorum.swarm.provision", want.host)
            for want in wanted.managers if want.host not in told
            and not (want.host in matched and matched[want.host].is_manager)]


def ladder(item: Sick, replaced: Mapping[str, str]) -> list[str]:
    """What would be tried for this node, one line a rung."""
    lines = []
    for rung in item.rungs:
        if rung == REPLACE:
            if item.host not in replaced:
                continue
            spare = replaced[item.host]
            if item.keep:
                lines.append(f"{spare} stands in for it as a manager; its entry and its state stay")
                continue
            lines.append(f"{spare} takes its place as a manager, and its entry is removed" if spare else
                         "its entry is removed: more of the others may be lost then")
        else:
            lines.append(WORDS[rung])
    return lines if lines and not hopeless(item, replaced) else [
        f"nothing that this playbook can do. {item.remedy}".rstrip()]
