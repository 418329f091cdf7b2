# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run of ``provision`` has to do, decided from what is wanted and what was seen.

Pure. ``to_ask`` says which hosts have to be asked beyond the managers; ``decide`` refuses, or returns all phases of the
run as data. The playbook has no opinion of its own: each phase is a play over the hosts that stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    address,
    engines,
    expel,
    inventory,
    lease,
    lifetime,
    pinning,
    placement,
    plan,
    reach,
    remains,
    settings,
    spares,
    twins,
    unread,
    ways,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Removal, Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.probe import PORTS
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import (
    NEXT_PLAYBOOK,
    UNASKED,
    Judgement,
    belongs,
    in_trouble,
    is_foreign,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, Swarm, View, address_of


@dataclass(frozen=True)
class Join:
    """One host that becomes a member; the first of a new swarm makes it."""

    host: str
    advertise_addr: str
    availability: str
    listen_addr: str = ""
    data_path_addr: str = ""


@dataclass(frozen=True)
class Decision:
    """All that a run will do, in its order, and what it cannot do."""

    refusals: tuple[Finding, ...] = ()
    """Nothing is changed while there is one."""
    notes: tuple[Finding, ...] = ()
    """Said, and gone on with."""
    unsettled: tuple[Finding, ...] = ()
    """What this run leaves undone: it does the rest, and ends as a failure that says so."""
    steps: tuple[Step, ...] = ()
    """The whole plan as an operator reads it."""
    discards: Mapping[str, str] = field(default_factory=dict)
    """Hosts whose state is moved aside by the operator's word, first of all, and the swarm that it is of."""
    returned: tuple[str, ...] = ()
    """Hosts whose state of before is moved aside, before anything else is changed."""
    engines: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Nodes that become managers in this run, and whose Docker is started anew before: spares, and who joined through a
    manager that is none any more."""
    init: Join | None = None
    joins: tuple[Join, ...] = ()
    orders: tuple[Order, ...] = ()
    removals: tuple[Removal, ...] = ()
    leaves: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    pins: tuple[pinning.Pin, ...] = ()
    """Managers that are told their address, one after the other."""
    keep_key: bool = False
    """Whether the swarm's unlock key is to be kept on the controller."""
    actor: str = ""
    """The manager from which the topology is changed."""
    closer: str = ""
    """The manager that finishes what the actor could not: removals, and the actor's own demotion. Empty: not needed."""
    hands_over: bool = False
    """Whether the closer has to demote the actor before hosts leave."""
    remote_addrs: tuple[str, ...] = ()
    known_nodes: tuple[str, ...] = ()
    into: ways.Ways = field(default_factory=lambda: ways.Ways({}))
    """The ways into hosts that become managers, which are tried before anything is changed."""

    @property
    def places_nodes(self) -> bool:
        """Whether the topology has to be changed."""
        return any(step.kind in plan.KINDS for step in self.steps) or self.init is not None

    @property
    def settles(self) -> bool:
        """Whether the swarm itself is to be set, or its unlock key to be kept."""
        return bool(self.settings) or self.keep_key

    @property
    def lingers(self) -> bool:
        """Whether there is something to do under the lease when every node is in its place."""
        return self.settles or bool(self.pins)

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)


def known(judgement: Judgement, facts: Mapping[str, HostFacts]) -> dict[str, Node]:
    """Hosts that the swarm itself knows, finds ready and names: they need not be asked.

    A host that was asked all the same and says that it is another node, or none, is not known: an entry reads ready for
    a while after its node has left.
    """
    if judgement.view is None:
        return {}
    found: dict[str, list[Node]] = {}
    for node in judgement.view.nodes:
        if node.host:
            found.setdefault(node.host, []).append(node)
    return {host: nodes[0] for host, nodes in found.items()
            if len(nodes) == 1 and nodes[0].state == "ready" and not _denies(facts.get(host), nodes[0])}


def _denies(facts: HostFacts | None, node: Node) -> bool:
    """Whether the host itself says that it is not this node."""
    return facts is not None and facts.answered and facts.engine.answers and facts.membership.node_id != node.id


def to_ask(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], engine_check: bool = False
) -> list[str]:
    """The hosts that have to be asked themselves, in the order of the inventory."""
    if not wanted.managers:
        return [node.host for node in wanted.nodes]
    if judgement.verdict not in ("absent", "healthy", "degraded"):
        # The probe needs no SDK: where that is all that was missing, it tells that there is no swarm yet.
        blind = judgement.verdict == "unknown" and any(item.problem == "no_sdk" for item in facts.values())
        return [node.host for node in wanted.nodes] if blind else []
    sure = {} if engine_check else known(judgement, facts)
    return [node.host for node in wanted.nodes if node.host not in sure]


def to_read(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], asked: Sequence[str]
) -> list[str]:
    """Of these hosts, those that have to say what lies on their disks: all that may become members in this run.

    A first run costs that, and a host that joins. The managers of the inventory have said it already.
    """
    members = known(judgement, facts)
    return [host for host in asked if host not in members
            and not (host in facts and (facts[host].state.root_dir or facts[host].state.unread))]


LOOKS = 3
"""How often the managers are asked at most before it is acted: once, where nobody else is at work."""


def changer(
    facts: Mapping[str, HostFacts], owner: str, now: float, dead: Callable[[str], bool]
) -> tuple[str, lease.Lease] | None:
    """The host that told of another run which is changing the swarm, and the lease of that run; None: nobody is.

    :param owner: of this run's own lease.
    :param dead: whether the owner of a lease is known to have ended.
    """
    for host, item in facts.items():
        held = lease.read(item.swarm.labels) if item.answered and item.swarm is not None else None
        if held is not None and held.owner != owner and held.expires > now and not dead(held.owner):
            return host, held
    return None


def in_doubt(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], decision: Decision, look: int, changed: bool
) -> bool:
    """Whether what was seen may be of the moment only, so that the managers are asked again before it is acted upon.

    Another run that changes the swarm is waited for, unless all is as it shall be already: what is seen in the middle
    of its work is judged wrongly, and what is decided then is of yesterday when it is done. Where no manager can read a
    swarm, one may be in the making: its first manager reads for a moment as half joined, as the worker of an unknown
    swarm, or as a manager without a leader; or hosts that were asked after the managers are members already.

    :param look: the number of this look, from 1.
    :param changed: whether another run is changing the swarm.
    """
    if look >= LOOKS:
        return False
    if changed:
        return not _all_done(wanted, judgement, decision)
    if look > 1:
        return False
    if judgement.verdict == "absent":
        return any(item.answered and (belongs(item) or remains.of(item) is not None) for item in facts.values())
    return judgement.verdict in ("foreign", "no_quorum", "split")


def _all_done(wanted: Wanted, judgement: Judgement, decision: Decision) -> bool:
    """Whether nothing is left to do, and nothing that another run has begun is left to come true."""
    nodes = judgement.view.nodes if judgement.view else ()
    reachable = {node.host for node in nodes if node.reachable}
    return (not (decision.refusals or decision.unsettled or decision.changes)
            and all(want.host in reachable for want in wanted.managers))


def port_targets(addrs: Sequence[str]) -> list[str]:
    """What a host that joins must reach: the managers' ports for membership and gossip."""
    return [f"{addr}:{port}" for addr in addrs for port in PORTS]


def decide(
    wanted: Wanted,
    judgement: Judgement,
    facts: Mapping[str, HostFacts],
    engine_config: bool = False,
    engine_check: bool = False,
    kept_key_digest: str = "",
    gone: Collection[str] = (),
    short_life: str = "",
    archives: Mapping[str, remains.Kept] | None = None,
) -> Decision:
    """All phases of one run.

    :param facts: by host, of every host that was asked.
    :param engine_config: whether ``engine_daemon_config`` wants anything of the engines.
    :param engine_check: whether the engines of members are to be checked too (``swarm_engine_check``).
    :param kept_key_digest: of the unlock key that the controller keeps; empty: it keeps none.
    :param gone: hosts of managers that were given up in the last recovery. While the swarm does not list them, nothing
        that they know is missed.
    :param short_life: why ``swarm_controller_dir`` does not outlast this run; empty: nothing says so.
    :param archives: the youngest that is kept, by cluster ID.
    """
    word = remains.discards(wanted, facts)
    if word.refusals:
        return Decision(refusals=word.refusals)
    facts = word.facts

    def planned(hosts: Sequence[str]) -> Decision:
        return _decide(spares.standing_in(wanted, hosts), judgement, facts, engine_config, engine_check,
                       kept_key_digest, gone, short_life, archives or {})

    chosen, serving = _spares(wanted, judgement, facts)
    decision = planned(chosen)
    new = [host for host in chosen if host not in serving]
    notes: list[Finding] = []
    if new and any(item.id == "homeless_service" for item in decision.refusals):
        # A service that runs on workers only needs them more than the swarm needs another manager.
        chosen = tuple(host for host in chosen if host in serving)
        notes = [Finding("spare_stays_worker", "info",
                         f"{', '.join(new)} could stand in for lost managers, and {'is' if len(new) == 1 else 'are'} "
                         f"not promoted: {decision.refusals[0].fact}", "Keep other workers that fit.")]
        decision = planned(chosen)
    if decision.refusals:
        return decision
    discarded = tuple(Step("discard", host, "", f"moves the state of swarm {swarm_id} aside (swarm_discard_state)")
                      for host, swarm_id in word.hosts.items())
    restarts = _restarts(decision, chosen, judgement, facts)
    at = next((index for index, step in enumerate(decision.steps) if step.kind in ("update", "promote")), 0)
    return replace(decision, notes=(*decision.notes, *notes, *_standing_in(wanted, chosen, serving, decision)),
                   discards=word.hosts,
                   steps=(*discarded, *decision.steps[:at], *restarts, *decision.steps[at:]),
                   stand_ins={step.host: step.node_id for step in restarts},
                   into=_ways(wanted, decision, judgement.view))


def _ways(wanted: Wanted, decision: Decision, view: View | None) -> ways.Ways:
    """The ways into hosts that become managers in this run, or were promoted before and have not arrived."""
    if view is None:
        # Two runs may be about to make the swarm, and no lease keeps them apart yet: one that listens on 2377 would
        # take the port from the engine of the other. What is blocked is then said by the run that promotes.
        return ways.Ways({})
    nodes = view.nodes
    matched = plan.match(nodes, decision.orders)
    places = {join.host: join.advertise_addr for join in decision.joins}
    becoming = [step.host for step in decision.steps if step.kind == "promote"]
    becoming += [order.host for order in decision.orders if order.role == "manager" and order.host in matched
                 and matched[order.host].is_manager and not matched[order.host].voter]
    targets = {}
    for host in becoming:
        addr = places.get(host) or (matched[host].addr if host in matched else "")
        want = wanted.node(host)
        if addr:
            targets[host] = ways.endpoint(addr, want.listen_addr if want is not None else "")
    managers = [host for host, node in matched.items() if node.reachable]
    return ways.Ways(targets, tuple(dict.fromkeys([*managers, *targets])) if targets else ())


def _restarts(
    decision: Decision, chosen: Collection[str], judgement: Judgement, facts: Mapping[str, HostFacts]
) -> list[Step]:
    """The nodes whose Docker is started anew before they are promoted.

    An engine that has run since it joined asks the manager that it joined through for the raft, which may be one of the
    lost, or long gone: with autolock it would be a locked manager then. Managers of the inventory were asked through
    whom they joined. Spares were not, and stand in where managers were lost.
    """
    living = {node.manager_addr for node in judgement.view.reachable} if judgement.view is not None else set()
    steps = []
    for step in decision.steps:
        item = facts.get(step.host)
        # A manager may have been named by a name; then nobody knows whether that one lives.
        through = item.membership.joined_through if item is not None and item.answered else ""
        if step.kind != "promote" or step.node_id.startswith("new:"):
            continue
        if step.host in chosen:
            steps.append(Step("restart", step.host, step.node_id,
                              "Docker, so that it asks a living manager for the raft"))
        elif through and through not in living:
            steps.append(Step("restart", step.host, step.node_id,
                              f"Docker, so that it asks a living manager for the raft: it joined through {through}"))
    return steps


def _spares(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The spares that shall be managers after this run, and those that are now.

    Only where an operator has given managers up are more of them promoted: else a manager that restarts would be
    replaced. Those that are stay, until the managers of the inventory are there.
    """
    if judgement.view is None or not wanted.spares:
        return (), ()
    matched = _orders(wanted, judgement.view.nodes, facts)[1]

    def comes(host: str) -> bool:
        node, item = matched.get(host), facts.get(host)
        if node is None:
            return item is not None and item.answered
        return node.reachable if node.is_manager else node.state == "ready"

    present = [want.host for want in wanted.managers if comes(want.host)]
    serving = tuple(want.host for want in wanted.spares
                    if want.host in matched and matched[want.host].is_manager)
    able = [want.host for want in wanted.spares if want.host in serving
            or (wanted.given_up_managers and comes(want.host))]
    return spares.choose(wanted, present, able, serving), serving


def _standing_in(
    wanted: Wanted, chosen: Sequence[str], serving: Sequence[str], decision: Decision
) -> list[Finding]:
    """What is to be said of spares: who stands in for whom, and who goes back."""
    found = []
    missing = [want.host for want in spares.listed(wanted)
               if not any(order.host == want.host and order.node_id for order in decision.orders)
               and all(join.host != want.host for join in decision.joins)]
    for host in chosen:
        verb = "stays" if host in serving else "becomes"
        found.append(Finding("spare_stands_in", "info",
                             f"{host} {verb} a manager (swarm_spare_manager) as long as managers of the inventory are "
                             f"missing{': ' + ', '.join(missing) if missing else ''}.",
                             "It goes back to a worker in the first provisioning that finds them.", host))
    found += [Finding("spare_goes_back", "info",
                      f"{host} goes back to a worker: it is not needed as a manager any more.", "", host)
              for host in serving if host not in chosen]
    return found


def _decide(
    wanted: Wanted,
    judgement: Judgement,
    facts: Mapping[str, HostFacts],
    engine_config: bool,
    engine_check: bool,
    kept_key_digest: str,
    gone: Collection[str],
    short_life: str,
    archives: Mapping[str, remains.Kept],
) -> Decision:
    """The same with every spare in the role that it has for this run."""
    if not wanted.managers:
        # Allowed by name (swarm_allow_no_manager): hosts are made ready for a swarm, and none is made.
        engines = _engines(wanted, facts, [_join(want, "") for want in wanted.nodes], engine_config, engine_check)
        return Decision(steps=tuple(Step("engine", host, "", why) for host, why in engines.items()),
                        engines=tuple(engines))
    if judgement.verdict not in ("absent", "healthy", "degraded"):
        follow = NEXT_PLAYBOOK.get(judgement.verdict)
        remedy = judgement.remedy or (f"ansible-playbook {follow}" if follow else _no_playbook(judgement.verdict))
        return Decision(refusals=(Finding(judgement.verdict, "critical", judgement.reason, remedy),))
    view = judgement.view
    nodes: tuple[Node, ...] = view.nodes if view else ()
    refusals = list(_host_refusals(wanted, judgement, facts, nodes))
    if view is None:
        refusals += remains.gate(wanted, facts, archives)
    notes: list[Finding] = []
    unsettled: list[Finding] = []

    orders, matched = _orders(wanted, nodes, facts)
    addr_of: dict[str, str] = {}
    for want in wanted.nodes:
        item = facts.get(want.host)
        if item is None or not item.answered:
            continue
        addr, problems = inventory.advertise(want, item.addresses, _raft_address(matched.get(want.host)))
        addr_of[want.host] = addr
        refusals.extend(problems)
    refusals.extend(_duplicate_addrs(addr_of, wanted))
    refusals.extend(_drifted_addrs(wanted, matched, addr_of))
    removals, absent_problems = _removals(wanted, nodes, facts)
    refusals.extend(absent_problems)
    refusals.extend(_voters(wanted, nodes, matched, removals))
    notes.extend(_unlisted_workers(wanted, nodes, matched, removals))
    if view is not None:
        notes.extend(_fixed_at_init(wanted, view.swarm))
    else:
        refusals.extend(_pools(wanted, facts))
    if short_life and wanted.settings.get("autolock") and not (view is not None and view.swarm.autolock):
        refusals.append(lifetime.refusal("swarm_controller_dir", wanted.controller_dir, short_life,
                                         "the unlock key that is about to be made would be lost with it"))

    notes.extend(unread.not_at_boot(facts.values()))
    unsettled.extend(_not_ready(wanted, matched, facts))
    if view is not None:
        unsettled.extend(_compromised(wanted, view))
    silent_managers = [want.host for want in wanted.managers
                       if want.host in facts and not facts[want.host].answered
                       and not (want.host in gone and want.host not in matched)]
    joins = _joins(wanted, matched, facts, addr_of, notes, unsettled)
    if silent_managers and view is not None:
        # For a manager that does not answer no membership is changed: what is seen of the rest may be half the truth.
        unsettled.extend(
            Finding("host_unable", "warning", f"{reach.seen(facts[host])}: no membership is changed.",
                    "Mend that, and run again.", host) if facts[host].reached else
            Finding("host_silent", "warning",
                    f"{host} does not answer ({facts[host].why_not}): no membership is changed.",
                    "Bring the host back. If it is gone for good, list it under swarm_absent.", host)
            for host in silent_managers)
        joins, removals = [], []
        haunted = {host for host, _entry in plan.ghosts(nodes, orders, matched)}
        orders = [replace(order, role=matched[order.host].role) for order in orders
                  if order.host in matched and order.host not in haunted]

    coming = [join.host for join in joins]
    refusals.extend(_engines_that_cut(wanted, nodes, view, facts, coming, addr_of))
    refusals.extend(_broken_libraries(wanted, facts, coming))
    notes.extend(_defects(facts, coming))
    if view is not None:
        refusals.extend(expel.barred(view.swarm.labels, [join.host for join in joins], wanted.allowed))
        newcomers = [join.host for join in joins if join.host not in judgement.returned]
        refusals.extend(remains.before_joins(wanted, facts, newcomers, view.swarm.id))
    refusals = inventory.refused(refusals, wanted.allowed)
    if refusals:
        return Decision(refusals=tuple(refusals), notes=tuple(notes))

    orphans = [host for host in _orphans(wanted, nodes, facts) if host not in judgement.returned]
    init = joins.pop(0) if view is None and joins else None
    state = nodes
    steps: list[Step] = []
    steps.extend(Step("clean", host, node_id, "the swarm was recovered without it: its state of before is moved aside")
                 for host, node_id in judgement.returned.items())
    engines = _engines(wanted, facts, [*([init] if init else []), *joins], engine_config, engine_check)
    steps.extend(Step("engine", host, "", why) for host, why in engines.items())
    if init:
        steps.append(Step("init", init.host, "", f"makes the swarm, advertised at {init.advertise_addr}"))
        state = (Node(f"new:{init.host}", init.host, "manager", init.availability, voter=True, leader=True,
                      reachability="reachable"),)
    for join in joins:
        step = plan.join(_order_of(orders, join.host))
        step = replace(step, why=step.why + (f", advertised at {join.advertise_addr}" if join.advertise_addr else ""))
        steps.append(step)
        # The join itself sets no labels: the topology does, and the plan shows it once.
        state = plan.apply(state, replace(step, set_labels={}))
    simulated = [replace(order, node_id=order.node_id or (f"new:{order.host}" if order.host not in matched else ""))
                 for order in orders]

    actor, closer = _actor(wanted, judgement, facts, matched, init)
    here = facts[actor].membership.node_id if actor in facts else ""
    first = plan.whole(state, simulated, removals, here)
    full = plan.whole(state, simulated, removals)
    steps.extend(full.steps)
    unsettled.extend(item for item in full.held if item.id != "not_ready")  # said above, with what the host says
    hands_over = any(item.id == "acts_here" for item in first.held)
    needs_closer = hands_over or any(step.kind == "leave" for step in full.steps)
    leaves = [*orphans, *(step.host for step in full.steps if step.kind == "leave")]
    steps.extend(Step("leave", host, "", "the swarm took its entry out, and it still runs as a member")
                 for host in orphans)

    if view is not None:
        after: tuple[Node, ...] = state
        for step in full.steps:
            after = plan.apply(after, step)
        # A host that joins is taken to be of the leader's platform: the engine tells only when it has joined.
        leader = view.leader or nodes[0]
        after = tuple(replace(node, os=node.os or leader.os, arch=node.arch or leader.arch) for node in after)
        homeless = inventory.refused(
            [Finding("homeless_service", "critical",
                     f"Service {service.name} would have no node left that may run it "
                     f"(constraints: {', '.join(service.constraints) or 'none'}).",
                     _home(placement.kept_from(service, nodes, after)), "", "swarm_allow_homeless_services")
             for service in placement.made_homeless(view.services, nodes, after)]
            + [Finding("service_without_room", "critical",
                       f"Service {service.name} would have room for {has} of its {service.replicas} tasks, and has "
                       f"room for {had} now ({placement.asks(service)}).",
                       "Add a node that fits, scale it down, or change what it asks for.", "",
                       "swarm_allow_homeless_services")
               for service, had, has in ([] if wanted.force else placement.made_short(view.services, nodes, after))],
            wanted.allowed)
        if homeless:
            return Decision(refusals=tuple(homeless), notes=tuple(notes))

    changed_settings = _changed_settings(view.swarm.spec if view else {}, wanted.settings)
    keep_key = bool(wanted.settings.get("autolock")) and bool(changed_settings)
    if _lacks_key(wanted, view, kept_key_digest):
        keep_key = True
        changed_settings.append("the kept unlock key is not the swarm's: keep the swarm's, and the old one beside it"
                                if kept_key_digest else "keep the swarm's unlock key")
    steps.extend(Step("settings", "", "", text) for text in changed_settings)
    pinned = pinning.plan(wanted, view, matched, facts)
    if pinned.refusals:
        return Decision(refusals=pinned.refusals, notes=tuple(notes))
    unsettled.extend(pinned.unsettled)
    steps.extend(Step("pin", one.host, one.node_id, pinning.why(one)) for one in pinned.pins)
    return Decision(
        (), tuple(notes), tuple(unsettled), tuple(steps), {}, tuple(judgement.returned), tuple(engines), {}, init,
        tuple(joins), tuple(orders), tuple(removals), tuple(leaves),
        dict(wanted.settings) if changed_settings else {}, pinned.pins, keep_key, actor,
        closer if needs_closer else "", hands_over,
        _remote_addrs(nodes, init), tuple(node.id for node in nodes),
    )


def _lacks_key(wanted: Wanted, view: View | None, kept_key_digest: str) -> bool:
    """Whether managers lock themselves with a key that the controller does not keep, whoever locked the swarm.

    Not where it is to be unlocked for good, and not where nothing is kept at all (swarm_controller_dir).
    """
    if view is None or not view.swarm.autolock or wanted.settings.get("autolock") is False:
        return False
    return bool(wanted.controller_dir) and view.swarm.unlock_key_digest != kept_key_digest


def _home(nodes: Sequence[Node]) -> str:
    """What keeps a node for a service; ``nodes``: those that it loses by their availability alone."""
    if not nodes:
        return "Change its constraints, or keep a node that fits."
    names = ", ".join(sorted(node.host or node.hostname for node in nodes))
    why = "; managers are drained by default where there are workers" * any(one.role == "manager" for one in nodes)
    return (f"This run would drain {names}, where it may run{why}: set swarm_availability: active for the hosts that "
            "are to keep it, or change its constraints.")


def _changed_settings(spec: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Declared settings that the swarm does not have, one line each; an empty spec has none."""
    has, wants = settings.read(spec), settings.declared(wanted)
    shown_has, shown_wants = settings.shown(has), settings.shown(wants)
    return [f"{name}: {shown_has[name] if has[name] is not None else 'not set'} → {shown_wants[name]}"
            for name in sorted(wants) if wants[name] != (has[name] if name != "autolock" else bool(has[name]))]


def _no_playbook(verdict: str) -> str:
    if verdict == "foreign":
        return "Correct the inventory (groups, swarm_id): nothing is changed in a swarm that it does not describe."
    return "Nothing is made anew while a manager may still belong to a swarm: bring those hosts back first."


def _order_of(orders: Sequence[Order], host: str) -> Order:
    return next(order for order in orders if order.host == host)


def _host_refusals(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], nodes: Sequence[Node]
) -> list[Finding]:
    """What the hosts themselves give reason to refuse."""
    found = [item for item in judgement.findings if item.id in ("foreign_host", "manager_locked")]
    told = {item.host for item in found}
    by_hostname: dict[str, list[str]] = {}
    by_node: dict[str, list[str]] = {}
    for node in nodes:
        # What the swarm knows of hosts that need not be asked counts as well: a clone is seen when it is added.
        if node.host and node.state == "ready" and wanted.node(node.host) is not None and node.host not in facts:
            by_hostname.setdefault(node.hostname, []).append(node.host)
            by_node.setdefault(node.id, []).append(node.host)
    for host in sorted(facts):
        item = facts[host]
        if not item.answered or wanted.node(host) is None:
            continue
        if item.hostname:
            by_hostname.setdefault(item.hostname, []).append(host)
        if engines.is_older(item.engine.version, engines.OLDEST):
            found.append(Finding("engine_too_old", "critical",
                                 f"{host} runs Docker {item.engine.version}; 20.10 is the oldest that is supported.",
                                 "Upgrade its engine.", host, "swarm_allow_old_engine"))
        if item.engine.live_restore:
            found.append(Finding("live_restore", "critical",
                                 f"{host} has live-restore enabled, and swarm mode does not work with it.",
                                 "Take live-restore out of its daemon.json.", host, "swarm_allow_live_restore"))
        if item.blocked:
            found.append(Finding("blocked_ports", "critical",
                                 f"{host} cannot reach {', '.join(item.blocked)}: something filters it.",
                                 "Open 2377/tcp, 7946/tcp and udp, and 4789/udp between the nodes.", host,
                                 "swarm_allow_blocked_ports"))
        if host in told or host in judgement.returned:
            continue
        if judgement.view is not None and is_foreign(item, judgement.view):
            found.append(Finding("foreign_host", "critical",
                                 f"{host} belongs to another swarm (its node {item.membership.node_id} is not one of "
                                 f"swarm {judgement.view.swarm.id}).",
                                 ELSEWHERE, host))
    for hostname, hosts in sorted(by_hostname.items()):
        if len(hosts) > 1:
            found.append(Finding("duplicate_hostname", "critical",
                                 f"{' and '.join(hosts)} call themselves {hostname}: docker node commands could not "
                                 f"tell them apart.", "Give each its own hostname.", "",
                                 "swarm_allow_duplicate_hostnames"))
    told_of = [facts[host] for host in sorted(facts) if facts[host].answered and wanted.node(host) is not None]
    found += [Finding("cloned_hosts", "critical", one.fact, one.remedy, "", "swarm_allow_cloned_hosts")
              for one in twins.find(told_of, nodes, by_node)]
    return found


def _broken_libraries(wanted: Wanted, facts: Mapping[str, HostFacts], coming: Sequence[str]) -> list[Finding]:
    """Python libraries of hosts that join which are there and fail: no package that is installed would help.

    :param coming: hosts that join, or make the swarm.
    """
    found = []
    for host in coming:
        item, python = facts[host], facts[host].python
        for name in sorted(set(python.broken) & _needed(wanted.node(host))):
            found.append(Finding(
                "library_broken", "critical",
                f"{host}: {python.path} ({python.version}) cannot import {name}: {python.broken[name].rstrip('.')}.",
                f"Upgrade or remove that copy of {name}: it comes before the one of the system's packages. Or set "
                "ansible_python_interpreter to a Python that imports it.", item.host))
    return found


def _needed(want: WantedNode | None) -> set[str]:
    """The Python libraries that modules need on a host."""
    opens = want is not None and (want.role == "manager" or want.spare)
    return {"docker"} | ({"nacl", "cryptography"} if opens else set())


def _defects(facts: Mapping[str, HostFacts], coming: Sequence[str]) -> list[Finding]:
    """What is known to be broken in the engines of hosts that join."""
    return engines.findings({host: facts[host].engine.version for host in coming})


def _engines_that_cut(
    wanted: Wanted, nodes: Sequence[Node], view: View | None, facts: Mapping[str, HostFacts],
    coming: Sequence[str], addr_of: Mapping[str, str],
) -> list[Finding]:
    """Engines whose join would itself cut something, or cannot work.

    :param coming: hosts that join, or make the swarm.
    """
    found = []
    encrypted = view.swarm.encrypted_networks if view is not None else ()
    there = [node.engine_version for node in nodes if node.state == "ready"]
    for host in coming:
        engine = facts[host].engine
        if encrypted and engine.version and not engines.encrypts_apart(there) and engines.encrypts_apart(
                [*there, engine.version]):
            found.append(Finding(
                "encrypted_overlay_mix", "critical",
                f"{host} runs Docker {engine.version}, the swarm {', '.join(sorted(set(there)))}, and between these "
                f"the encrypted networks {', '.join(encrypted)} pass no traffic.",
                f"Give it another engine than {engines.ENCRYPTION.versions}.", host, "swarm_allow_mixed_encryption"))
        if engine.firewall == "nftables" and not engine.swarm_nftables:
            found.append(Finding(
                "firewall_nftables", "critical",
                f"Docker on {host} uses firewall-backend nftables, and the engine refuses to be in a swarm with it.",
                "Set firewall-backend to iptables in its daemon.json; or, from Docker 29.6 on, its feature "
                "swarm-nftables to true.", host, "swarm_allow_nftables"))
        want = wanted.node(host)
        data_path = (want.data_path_addr if want is not None else "") or addr_of.get(host, "")
        if ":" in data_path and engines.is_older(engine.version, engines.IPV6_OVERLAY):
            found.append(Finding(
                "ipv6_overlay", "critical",
                f"{host} would send container traffic from {data_path}, and Docker {engine.version} sends no overlay "
                "traffic over IPv6: containers on different nodes would never reach each other.",
                "Upgrade its engine to 25.0 or later, or set swarm_data_path_addr to an IPv4 address.", host,
                "swarm_allow_ipv6_overlay"))
    return found


def _orders(
    wanted: Wanted, nodes: Sequence[Node], facts: Mapping[str, HostFacts]
) -> tuple[list[Order], dict[str, Node]]:
    """One order a wanted host, bound to the node that the host says it is where the swarm lists that one."""
    listed = {node.id for node in nodes}
    orders = []
    for want in wanted.nodes:
        item = facts.get(want.host)
        own = item.membership.node_id if item is not None and item.answered else ""
        orders.append(Order(want.host, want.role, want.availability, want.node_labels, own if own in listed else ""))
    matched = plan.match(nodes, orders)
    for want in wanted.nodes:
        item = facts.get(want.host)
        # An entry that carries the name of a host which answers that it is no such node is a ghost, not the host.
        # An engine that names no node while it is in trouble does not say so: a promotion that does not come true reads
        # so every now and then.
        if (item is not None and item.answered and item.engine.answers and item.membership.node_id not in listed
                and not in_trouble(item)):
            matched.pop(want.host, None)
    return orders, matched


def _duplicate_addrs(addr_of: Mapping[str, str], wanted: Wanted) -> list[Finding]:
    hosts_of: dict[str, list[str]] = {}
    for host, addr in addr_of.items():
        if addr:
            hosts_of.setdefault(addr, []).append(host)
    declared = {node.host for node in wanted.nodes if node.advertise_addr}
    return [Finding("duplicate_advertise_addr", "critical",
                    f"{' and '.join(sorted(hosts))} share the advertise address {addr}.",
                    "Give each its own swarm_advertise_addr.", "", "swarm_allow_duplicate_advertise_addr")
            for addr, hosts in sorted(hosts_of.items()) if len(hosts) > 1 and not declared.issuperset(hosts)]


def _raft_address(node: Node | None) -> str:
    """The address by which the raft knows this node; empty where it is no member of the raft."""
    return address_of(node.manager_addr) if node is not None and node.voter else ""


def _drifted_addrs(wanted: Wanted, matched: Mapping[str, Node], addr_of: Mapping[str, str]) -> list[Finding]:
    found = []
    for want in wanted.managers:
        node = matched.get(want.host)
        addr = addr_of.get(want.host, "")
        if node is None or not node.voter or not addr:
            continue
        has = _raft_address(node)
        if has and has != addr:
            found.append(Finding("address_drift", "critical",
                                 f"{want.host} is advertised at {has}, and the inventory wants {addr}: a manager's "
                                 f"raft address is fixed when it joins.",
                                 f"To leave it there: swarm_advertise_addr: {has} for {want.host}. To move it: "
                                 f"ansible-playbook quorum.swarm.readdress -e swarm_node={want.host}", want.host,
                                 "swarm_allow_address_drift"))
    return found


def _removals(
    wanted: Wanted, nodes: Sequence[Node], facts: Mapping[str, HostFacts]
) -> tuple[list[Removal], list[Finding]]:
    """Hosts of swarm_absent, and those given up, that the swarm still lists."""
    removals, problems = [], []
    listed = {node.id for node in nodes}
    for host in wanted.absent:
        if host in wanted.compromised:
            continue  # it would be asked to leave; expel takes it out, and changes what it knew
        item = facts.get(host)
        speaks = item is not None and item.answered and item.engine.answers
        own = item.membership.node_id if item is not None and speaks else ""
        entry = plan.match(nodes, [Removal(host, own if own in listed else "")]).get(host)
        if entry is None:
            continue
        removal = Removal(host, entry.id, bool(speaks), bool(speaks) and own != entry.id)
        if not removal.live and not wanted.force:
            problems.append(Finding("absent_host_silent", "critical",
                                    f"{host} is to be taken out and does not answer: it cannot leave by itself.",
                                    "If it is gone for good: -e swarm_force=true.", host, "swarm_force"))
        removals.append(removal)
    for host in wanted.given_up:
        entry = plan.match(nodes, [Removal(host)]).get(host)
        if entry is not None:
            removals.append(Removal(host, entry.id, live=False))
    if wanted.force:
        problems = []
    return removals, problems


def _compromised(wanted: Wanted, view: View) -> list[Finding]:
    """Nodes that expel has to take out, or that it has begun with: provisioning leaves them alone."""
    names = [host for host in wanted.compromised if any(node.host == host for node in view.nodes)]
    found = [Finding("compromised_member", "warning",
                     f"{host} is compromised (swarm_compromised), and still a node; provision leaves it alone.",
                     f"{expel.COMMAND} takes it out, and changes what it knew.", host) for host in names]
    left = expel.unfinished(expel.read(view.swarm.labels), view.nodes)
    return found + [replace(item, severity="warning") for item in left if item.host not in names]


def _not_ready(wanted: Wanted, matched: Mapping[str, Node], facts: Mapping[str, HostFacts]) -> list[Finding]:
    """Nodes that are what they shall be and do not work: nothing that provisioning could mend."""
    found = []
    for want in wanted.nodes:
        node = matched.get(want.host)
        item = facts.get(want.host)
        # For seconds after an election the living read unknown; who does not come back reads down after that.
        if node is None or (node.state in ("ready", "unknown") and (not node.voter or node.reachable)):
            continue
        if want.role == "manager" and item is not None and not item.answered:
            continue  # said once, with what follows from it
        seen = f"unreachable as a manager ({node.state})" if node.voter else node.state
        why = ""
        if item is not None and item.reached:
            why = f"; {reach.seen(item)}"
        elif item is not None and not item.answered:
            why = f"; the host does not answer ({item.why_not})"
        elif item is not None and item.problem in UNASKED:
            why = f"; its engine was not asked: {item.detail.rstrip('.')}"
        elif item is not None and not item.engine.answers:
            why = "; Docker does not answer there"
        found.append(Finding("not_ready", "warning", f"{want.host} is {seen}{why}.",
                             "Bring it back (ansible-playbook quorum.swarm.heal). If it is gone for good, list it "
                             "under swarm_absent.",
                             want.host))
    return found


def _orphans(wanted: Wanted, nodes: Sequence[Node], facts: Mapping[str, HostFacts]) -> list[str]:
    """Hosts of swarm_absent that run as members of this very swarm, which does not list them any more.

    That they are of this swarm is told by the managers that they know.
    """
    listed = {node.id for node in nodes}
    return [host for host in wanted.absent
            for item in [facts.get(host)]
            if item is not None and item.answered and belongs(item) and item.membership.node_id not in listed
            and any(peer in listed for peer, _addr in item.membership.remote_managers)]


def _voters(
    wanted: Wanted, nodes: Sequence[Node], matched: Mapping[str, Node], removals: Sequence[Removal]
) -> list[Finding]:
    """The counting rules over the voters that would result, managers that the inventory does not list included."""
    strangers = [node for node in _strangers(wanted, nodes, matched, removals) if node.is_manager]
    found = [Finding("unlisted_manager", "critical",
                     f"{node.hostname} ({node.id}) is a manager that the inventory does not list, and a voter.",
                     "List it under swarm_managers or swarm_workers, or under swarm_absent to take it out.",
                     node.hostname, "swarm_allow_unlisted_managers") for node in strangers]
    if strangers:
        found.extend(inventory.count_voters([want.zone for want in wanted.managers]
                                            + [node.zone for node in strangers]))
    return found


def _strangers(
    wanted: Wanted, nodes: Sequence[Node], matched: Mapping[str, Node], removals: Sequence[Removal]
) -> list[Node]:
    """Nodes that no host of the inventory is, and that no host of it once was."""
    ours = {node.id for node in matched.values()} | {node.id for node in plan.match(nodes, removals).values()}
    names = {want.host for want in wanted.nodes} | set(wanted.absent) | set(wanted.given_up)
    hostnames = {node.hostname for node in matched.values()}
    return [node for node in nodes if node.id not in ours and node.host not in names
            and not (not node.host and node.hostname in hostnames and node.state != "ready")]


def _unlisted_workers(
    wanted: Wanted, nodes: Sequence[Node], matched: Mapping[str, Node], removals: Sequence[Removal]
) -> list[Finding]:
    return [Finding("unlisted_worker", "info",
                    f"{node.hostname} ({node.id}) is a worker that the inventory does not list; it is left alone.",
                    "List it under swarm_workers, or under swarm_absent to take it out.", node.hostname)
            for node in _strangers(wanted, nodes, matched, removals) if not node.is_manager]


INGRESS = "10.0.0.0/24"
"""The network of the ingress mesh where no pool is set (docs/engine-behaviour.md)."""


def _pools(wanted: Wanted, facts: Mapping[str, HostFacts]) -> list[Finding]:
    """What is wrong with the pools for overlay networks: they can be chosen only once, when the swarm is made."""
    found = [Finding("address_pool_invalid", "critical", f"{problem}.",
                     "Correct swarm_default_addr_pool and swarm_subnet_size: the engine fixes them for good.")
             for problem in address.pool_problems(wanted.default_addr_pool, wanted.subnet_size)]
    hosts = {host: [(one.address, one.prefix) for one in item.addresses] for host, item in facts.items()}
    overlaps = address.hosts_in_pools(wanted.default_addr_pool or (INGRESS,), hosts)
    said = "" if wanted.default_addr_pool else " (the engine's own choice for the ingress mesh)"
    return found + [Finding(
        "address_pool_overlap", "critical",
        f"{problem}{said}: containers in such a network could not reach those hosts.",
        "Set swarm_default_addr_pool to networks that no host is in: it is fixed when the swarm is made.", "",
        "swarm_allow_address_pool_overlap") for problem in overlaps]


def _fixed_at_init(wanted: Wanted, swarm: Swarm) -> list[Finding]:
    found = []
    for name, want, has in (
        ("swarm_default_addr_pool", sorted(wanted.default_addr_pool), sorted(swarm.default_addr_pool)),
        ("swarm_subnet_size", wanted.subnet_size, swarm.subnet_size),
        ("swarm_data_path_port", wanted.data_path_port, swarm.data_path_port),
    ):
        if want and has and want != has:
            found.append(Finding("fixed_at_init", "warning",
                                 f"{name} is {want} in the inventory and {has} in the swarm: the engine fixes it when "
                                 f"the swarm is made.", f"Make {name} say {has}."))
    return found


def _joins(
    wanted: Wanted, matched: Mapping[str, Node], facts: Mapping[str, HostFacts], addr_of: Mapping[str, str],
    notes: list[Finding], unsettled: list[Finding],
) -> list[Join]:
    """The hosts that are to become members, managers first, in the order of the inventory."""
    joins = []
    for want in [*wanted.managers, *wanted.workers]:
        if want.host in matched:
            continue
        item = facts.get(want.host)
        if item is None or not item.answered:
            why = item.why_not if item is not None else "it was not asked"
            says = reach.seen(item) if item is not None and item.reached else f"{want.host} does not answer ({why})"
            unsettled.append(Finding("host_silent", "warning", f"{says}: it cannot join.",
                                     "Bring the host back.", want.host))
            continue
        joins.append(_join(want, addr_of.get(want.host, "")))
    return joins


def _join(want: WantedNode, addr: str) -> Join:
    return Join(want.host, addr, want.availability, want.listen_addr, want.data_path_addr)


def _engines(
    wanted: Wanted, facts: Mapping[str, HostFacts], joins: Sequence[Join], engine_config: bool, engine_check: bool
) -> dict[str, str]:
    """Hosts on which the role ``engine`` has something to look at, and why."""
    joining = [join.host for join in joins]
    found = {}
    for want in wanted.nodes:
        item = facts.get(want.host)
        if item is None or not item.answered or not (engine_check or want.host in joining):
            continue
        missing = sorted(_needed(want) - set(item.libraries))
        if item.problem == "unknown":
            found[want.host] = "Docker could not be asked"
        elif not item.engine.installed:
            found[want.host] = "Docker is not installed"
        elif not item.engine.answers:
            found[want.host] = "Docker does not answer"
        elif missing:
            found[want.host] = f"Python lacks {', '.join(missing)}"
        elif engine_config or engine_check:
            found[want.host] = "daemon.json is compared"
    return found


def _actor(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], matched: Mapping[str, Node], init: Join | None
) -> tuple[str, str]:
    """The manager that acts and the one that finishes: reachable, if it can be one that stays, and the leader."""
    if init is not None:
        return init.host, init.host
    if judgement.view is None:
        return "", ""
    stays = {want.host for want in wanted.managers}
    able = []
    for host, item in facts.items():
        node = judgement.view.node(item.membership.node_id) if item.answered else None
        if node is not None and node.reachable and not item.problem:
            able.append((host not in stays, not node.leader, host))
    if not able:
        return judgement.view.told_by, judgement.view.told_by
    actor = min(able)[2]
    closer = actor if actor in stays else next((want.host for want in wanted.managers), actor)
    return actor, closer


def _remote_addrs(nodes: Sequence[Node], init: Join | None) -> tuple[str, ...]:
    """Where joining hosts are sent, the leader first: the engine asks only the first address that it is given."""
    if init is not None:
        addr = init.advertise_addr
        return (f"[{addr}]:2377" if ":" in addr else f"{addr}:2377",)
    return tuple(node.manager_addr for node in sorted(nodes, key=lambda n: (not n.leader, n.hostname))
                 if node.reachable and node.manager_addr)


def left_over(
    planned: Sequence[Finding], held: Sequence[Finding] | None, view: View | None
) -> list[Finding]:
    """What is undone at the end of a run.

    :param planned: ``Decision.unsettled``. What held the planner back then may have come true since.
    :param held: what held the topology back when it ended; ``None`` where nothing was to be done to it.
    :param view: the swarm at the end.
    """
    if held is None:
        return list(planned)
    rest = [item for item in planned if item.id not in plan.HELD or (item.id == "not_ready" and _still(item, view))]
    return rest + [item for item in held if item.id not in ("acts_here", "not_ready")]


def _still(finding: Finding, view: View | None) -> bool:
    """Whether the node of this host is still not what it should be."""
    nodes = [node for node in view.nodes if node.host == finding.host] if view is not None else []
    return not any(node.state == "ready" and (not node.voter or node.reachable) for node in nodes)
