# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world to plan in: random clusters, a nemesis that breaks them between steps, a checker of what may never happen.

The three are separate, and none of them uses ``plan.apply`` or ``quorum``: the world moves by its own simple rules, and
majorities are counted here again, so that a mistake in the core cannot hide itself. A planner is any function with the
signature of ``plan.next_steps``: the tests of the tests hand in broken ones. Touches nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from ansible_collections.quorum.swarm.plugins.module_utils.core import plan
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Plan, Removal, Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_HOST, LABEL_MANAGED, Node
from hypothesis import strategies as st

Planner = Callable[[Sequence[Node], Sequence[Order], Sequence[Removal], str], Plan]

ZONES = ("a", "b", "c")


class Broken(AssertionError):
    """An invariant did not hold. The text names it first."""


# -- clusters -------------------------------------------------------------------------------------------------------


def labels_of(host: str, **labels: str) -> dict[str, str]:
    """All labels that the collection keeps on the node of ``host``."""
    return {**labels, LABEL_HOST: host, LABEL_MANAGED: ",".join(sorted(labels))}


def manager(host: str, zone: str = "", leader: bool = False, up: bool = True, **others: object) -> Node:
    """A voter, drained, that carries its name."""
    labels = labels_of(host, **({"zone": zone} if zone else {}))
    return replace(
        Node(f"id-{host}", host, "manager", "drain", "ready" if up else "down", labels=labels, voter=True,
             leader=leader, reachability="reachable" if up else "unreachable", manager_addr=f"{host}:2377"),
        **others)  # type: ignore[arg-type]


def worker(host: str, zone: str = "", up: bool = True, **others: object) -> Node:
    """An active worker that carries its name."""
    labels = labels_of(host, **({"zone": zone} if zone else {}))
    return replace(Node(f"id-{host}", host, "worker", "active", "ready" if up else "down", labels=labels),
                   **others)  # type: ignore[arg-type]


def order(host: str, role: str, zone: str = "", availability: str = "", **labels: str) -> Order:
    """What ``host`` shall be; managers drained, workers active."""
    if zone:
        labels["zone"] = zone
    return Order(host, role, availability or ("drain" if role == "manager" else "active"), labels_of(host, **labels))


@dataclass(frozen=True)
class Cluster:
    """What is, and what is wanted of it."""

    nodes: tuple[Node, ...]
    orders: tuple[Order, ...]
    removals: tuple[Removal, ...] = ()


def count(nodes: Sequence[Node]) -> tuple[int, int]:
    """(voters, reachable voters). A node that is wanted as a manager counts: it may become a voter at any moment."""
    voters = [node for node in nodes if node.voter or node.role == "manager"]
    return len(voters), sum(node.voter and node.reachability == "reachable" for node in voters)


def majority_is_reachable(nodes: Sequence[Node]) -> bool:
    """The rule of the raft paper, counted by hand."""
    voters, reachable = count(nodes)
    return voters > 0 and 2 * reachable > voters


def elect(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Exactly one leader among the reachable voters, the old one where it can be."""
    able = [node for node in nodes if node.voter and node.reachability == "reachable"]
    leader = next((node.id for node in able if node.leader), able[0].id if able else "")
    return tuple(replace(node, leader=node.id == leader) for node in nodes)


@st.composite
def clusters(draw: st.DrawFn, calm: bool = False, hosts: int = 9) -> Cluster:
    """A swarm with a quorum, and any wishes of it. ``calm``: every node is up, and there are no ghosts."""
    nodes: list[Node] = []
    orders: list[Order] = []
    removals: list[Removal] = []
    names = [f"h{number}" for number in range(1, draw(st.integers(1, hosts)) + 1)]
    for host in names:
        is_now = draw(st.sampled_from(("manager", "manager", "worker", "stranger", "nothing")))
        wanted = draw(st.sampled_from(("manager", "manager", "worker", "absent", "unlisted")))
        up = calm or draw(st.integers(0, 4)) > 0
        zone = draw(st.sampled_from(ZONES))
        if is_now == "manager":
            # Where nothing was noted on it, a host that answers says which node it is.
            nodes.append(manager(host, draw(st.sampled_from(("", zone))), up=up,
                                 availability=draw(st.sampled_from(("active", "drain")))))
        elif is_now == "worker":
            nodes.append(worker(host, up=up, availability=draw(st.sampled_from(("active", "pause", "drain")))))
        elif is_now == "stranger":
            nodes.append(worker(host, labels={"mine": "1"}))
        if not calm and draw(st.integers(0, 5)) == 0:
            dead_manager = draw(st.booleans())
            ghost = (manager if dead_manager else worker)(host, zone, up=False, id=f"ghost-{host}")
            nodes.append(replace(ghost, voter=dead_manager and draw(st.booleans())))
        own = f"id-{host}" if is_now != "nothing" and draw(st.booleans() if is_now != "stranger" else st.just(True)) \
            else ""
        if wanted in ("manager", "worker"):
            extra = draw(st.sampled_from(({}, {}, {"disk": "ssd"}, {"old": "no"})))
            orders.append(replace(order(host, wanted, zone, draw(st.sampled_from(("", "", "active"))), **extra),
                                  node_id=own))
        elif wanted == "absent" and is_now != "nothing":
            removals.append(Removal(host, own, up))
    if not any(node.voter and not node.id.startswith("ghost-") for node in nodes):
        nodes.append(manager("h0", "a"))
    state = list(nodes)
    for index, node in enumerate(state):  # a start without a quorum is no start: bring back what is missing
        if majority_is_reachable(state):
            break
        if node.voter and not node.id.startswith("ghost-"):
            state[index] = replace(node, state="ready", reachability="reachable")
        elif node.role == "manager":
            state[index] = replace(node, role="worker", voter=False, reachability="")
    drawn_leader = draw(st.integers(0, 8))
    able = [node.id for node in state if node.voter and node.reachability == "reachable"]
    leader = able[drawn_leader % len(able)]
    return Cluster(tuple(replace(node, leader=node.id == leader) for node in state), tuple(orders), tuple(removals))


# -- the engine, and its nemesis ------------------------------------------------------------------------------------


def engine(nodes: Sequence[Node], step: Step, dead_on_arrival: bool = False) -> tuple[Node, ...]:
    """What a swarm makes of one step; a step that it would refuse is a broken plan."""
    node = next((item for item in nodes if item.id == step.node_id), None)
    if node is None:
        raise Broken(f"known: {step} is about a node that the swarm does not list")
    if step.kind == "update":
        labels = {**{k: v for k, v in node.labels.items() if k not in step.drop_labels}, **step.set_labels}
        after = replace(node, labels=labels, availability=step.availability or node.availability)
    elif step.kind == "promote":
        if node.state != "ready":
            raise Broken(f"ready: {step.host} is promoted and {node.state}")
        after = replace(node, role="manager", voter=True, state="down" if dead_on_arrival else "ready",
                        reachability="unreachable" if dead_on_arrival else "reachable")
    elif step.kind == "demote":
        if not node.voter and node.state != "ready":
            raise Broken(f"raft: {step.host} is demoted and no member of the raft")
        after = replace(node, role="worker", voter=False, reachability="", leader=False)
    elif step.kind == "leave":
        if node.voter or node.role == "manager":
            raise Broken(f"leave: {step.host} leaves as a manager")
        after = replace(node, state="down")
    elif step.kind == "remove":
        if node.voter and node.reachability == "reachable":
            raise Broken(f"remove: {step.host} is removed and a reachable manager")
        return elect([item for item in nodes if item.id != step.node_id])
    else:
        raise Broken(f"kind: {step.kind}")
    return elect([after if item.id == step.node_id else item for item in nodes])


def strike(nodes: Sequence[Node], random: Random) -> tuple[Node, ...]:
    """Power losses and returns, as many as leave a majority: what costs the quorum is not the planner's doing."""
    state = tuple(nodes)
    for node in nodes:
        if random.random() > 0.25:
            continue
        up = node.state != "ready"
        changed = replace(node, state="ready" if up else "down",
                          reachability=("reachable" if up else "unreachable") if node.voter else "")
        after = tuple(changed if item.id == node.id else item for item in state)
        if not node.id.startswith("ghost-") and majority_is_reachable(after):
            state = after
    return elect(state)


def heal(nodes: Sequence[Node], gone: Sequence[str]) -> tuple[Node, ...]:
    """Everybody is back but ghosts and those that are gone for good; what is wanted as a manager becomes one."""
    back = []
    for node in nodes:
        if not node.id.startswith("ghost-") and node.id not in gone:
            is_manager = node.voter or node.role == "manager"
            node = replace(node, state="ready", voter=is_manager, reachability="reachable" if is_manager else "")
        back.append(node)
    return elect(back)


# -- the checker ----------------------------------------------------------------------------------------------------


@dataclass
class Trace:
    """One run: what was done, and how it ended."""

    steps: list[Step] = field(default_factory=list)
    states: list[tuple[Node, ...]] = field(default_factory=list)
    held: tuple[str, ...] = ()

    @property
    def end(self) -> tuple[Node, ...]:
        """The state after the last step."""
        return self.states[-1]


def check_batch(cluster: Cluster, nodes: Sequence[Node], batch: Sequence[Step], here: str) -> None:
    """What must hold of steps that are begun together in this state, whichever of them succeeds."""
    voters, reachable = count(nodes)
    if not majority_is_reachable(nodes):
        raise Broken("blind: steps are planned without a quorum")
    by_id = {node.id: node for node in nodes}
    wanted = {item.host: item for item in cluster.orders}
    ends = [by_id[step.node_id] for step in batch if step.kind in ("demote", "remove")
            and (by_id[step.node_id].voter or by_id[step.node_id].role == "manager")]
    if ends and len(batch) > 1:
        raise Broken(f"one at a time: a voter goes in a batch of {len(batch)}")
    promotions = [by_id[step.node_id] for step in batch if step.kind == "promote"]
    if promotions and len(promotions) != len(batch):
        raise Broken("phases: promotions are mixed with other steps")
    if len(promotions) > 1 and 2 * reachable <= voters + len(promotions):
        raise Broken(f"arrival: {len(promotions)} promotions at once, and {reachable} of {voters} hold the quorum")
    for node in promotions:
        asked = next(item for item in cluster.orders if node.id in (item.node_id, f"id-{item.host}"))
        if node.availability != asked.availability or any(
                node.labels.get(name) != value for name, value in asked.labels.items()):
            raise Broken(f"drained first: {asked.host} is promoted before its availability and labels are set")
    for step in batch:
        node = by_id[step.node_id]
        is_manager = node.voter or node.role == "manager"
        if step.kind == "demote" and step.node_id == here:
            raise Broken(f"own branch: {step.host} demotes itself")
        if step.kind == "update" and is_manager and step.availability == "active" \
                and step.host in wanted and wanted[step.host].role == "worker":
            raise Broken(f"tasks on a manager: {step.host} is made active before it is a worker")
    for node in ends:
        if not node.reachable:
            continue
        missing = [item.host for item in cluster.orders if item.role == "manager" and not any(
            other.voter and other.reachability == "reachable" and other.id in (item.node_id, f"id-{item.host}")
            for other in nodes)]
        if missing:
            raise Broken(f"promote first: {node.id} is demoted while {missing} are no reachable managers")
        others = [other for other in _to_go(cluster, nodes) if other.id not in (node.id, here) and other.reachable]
        if node.leader and others:
            raise Broken(f"leader last: the leader {node.id} is demoted before {[other.id for other in others]}")


def _to_go(cluster: Cluster, nodes: Sequence[Node]) -> list[Node]:
    """Managers that shall be none."""
    ids = {item.node_id or f"id-{item.host}" for item in cluster.orders if item.role == "worker"}
    ids |= {item.node_id or f"id-{item.host}" for item in cluster.removals}
    return [node for node in nodes if node.id in ids and (node.voter or node.role == "manager")]


def run(
    planner: Planner, cluster: Cluster, here: str = "", random: Random | None = None, rounds: int = 200
) -> Trace:
    """Let the planner work until it plans nothing more, with a nemesis between its batches where ``random`` is given.

    The nemesis tires after 12 rounds; then all that can come back is back. Raises ``Broken`` at the first violation.
    """
    trace = Trace(states=[tuple(cluster.nodes)])
    nodes = tuple(cluster.nodes)
    gone = {item.node_id or f"id-{item.host}" for item in cluster.removals if not item.live}
    left: set[str] = set()
    demoted = False
    for number in range(rounds):
        if random is not None and number == 12:
            nodes = heal(nodes, [*gone, *left])
        trouble = random is not None and number < 12
        # The next run asks a host that has left, and hears so.
        removals = tuple(replace(item, left=bool(left & {item.node_id, f"id-{item.host}"}))
                         for item in cluster.removals)
        planned = planner(nodes, cluster.orders, removals, here)
        trace.held = tuple(item.id for item in planned.held)
        if not planned.steps:
            if trouble:
                nodes = strike(nodes, random) if random else nodes
                continue
            return trace
        check_batch(cluster, nodes, planned.steps, here)
        batch = list(planned.steps)
        if trouble and random is not None:
            random.shuffle(batch)
            batch = batch[:random.randint(0, len(batch))]  # the run was killed here
        for step in batch:
            before = next(node for node in nodes if node.id == step.node_id)
            dies = trouble and random is not None and step.kind == "promote" and random.random() < 0.2
            after = engine(nodes, step, dead_on_arrival=dies)
            if dies and not majority_is_reachable(after):
                after = engine(nodes, step)  # the last one of two that die at once: no planner can help that
            if step.kind == "leave":
                left.add(step.node_id)
            if step.kind == "promote" and demoted and not trouble and random is None:
                raise Broken(f"promote first: {step.host} is promoted after a demotion")
            demoted = demoted or (step.kind == "demote" and before.reachable)
            nodes = after
            trace.steps.append(step)
            trace.states.append(nodes)
            if not majority_is_reachable(nodes):
                voters, reachable = count(nodes)
                raise Broken(f"quorum: {step.kind} {step.host} leaves {reachable} of {voters}")
        if trouble and random is not None:
            nodes = strike(nodes, random)
    raise Broken("end: the planner does not come to an end")


def check_end(cluster: Cluster, trace: Trace, here: str = "") -> None:
    """What is wanted is true, or the plan says what holds it back."""
    unmet = list(shortfalls(cluster, trace.end))
    if unmet and not trace.held:
        raise Broken(f"end: nothing is planned and nothing is held, and yet {'; '.join(unmet)}")
    if here == "" and "acts_here" in trace.held:
        raise Broken("end: it waits for another manager to act, and nobody acts")


def shortfalls(cluster: Cluster, nodes: Sequence[Node]) -> list[str]:
    """In which ways the state is not what is wanted, hosts that are in no swarm left out."""
    by_id = {node.id: node for node in nodes}
    found = []
    for item in cluster.orders:
        node = by_id.get(item.node_id or f"id-{item.host}")
        if node is None:
            continue
        if node.role != item.role or (item.role == "manager") != node.voter:
            found.append(f"{item.host} is {node.role} (voter: {node.voter}) and shall be {item.role}")
        if node.availability != item.availability:
            found.append(f"{item.host} is {node.availability} and shall be {item.availability}")
        wrong = {name: value for name, value in item.labels.items() if node.labels.get(name) != value}
        if wrong:
            found.append(f"{item.host} lacks {wrong}")
    for removal in cluster.removals:
        if (removal.node_id or f"id-{removal.host}") in by_id:
            found.append(f"{removal.host} is still listed")
    live = {item.host for item in cluster.orders if f"id-{item.host}" in by_id}
    out = {removal.host for removal in cluster.removals if f"id-{removal.host}" in {item.id for item in cluster.nodes}}
    found += [f"{node.id} is a ghost" for node in nodes if node.id.startswith("ghost-") and node.id[6:] in out]
    found += [f"{node.id} is a ghost" for node in nodes if node.id.startswith("ghost-") and node.id[6:] in live
              and by_id[f"id-{node.id[6:]}"].state == "ready"]
    return found


def zone_counts(nodes: Sequence[Node]) -> list[int]:
    """Voters by zone, over all zones."""
    counts = Counter(node.labels.get("zone", "") for node in nodes if node.voter or node.role == "manager")
    return [counts.get(zone, 0) for zone in ZONES]


CORE: Planner = plan.next_steps
