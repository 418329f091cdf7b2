# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts every node of the swarm in its place: what ``swarm_topology`` does.

Acts on the engine of the manager that it runs on. What to do next is planned in core/plan.py, from the engine's own
answer, before each single step: whatever a playbook believed, a step that would cost the quorum is not planned here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, plan
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Removal, Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    ELECTION,
    RUNNING_STATES,
    Engine,
    EngineError,
    node_facts,
    wait_until,
)
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.observe import observe_settled

DOWN_AFTER = 40.0
"""Seconds that a node which has left, or died, is given to be listed as down. About 15 s are usual."""
UNKNOWN_FOR = 20.0
"""Seconds that a node may be listed as unknown before it counts as not ready."""


class Stuck(Exception):
    """A step was done and did not come true in time, or may not be done. One sentence."""


@dataclass
class Outcome:
    """How far it got."""

    done: list[Step] = field(default_factory=list)
    leaves: list[Step] = field(default_factory=list)
    """Hosts that have to leave by themselves before the rest can be done."""
    held: tuple[Finding, ...] = ()
    nodes: tuple[Node, ...] = ()


@dataclass
class Topology:
    """One swarm, seen from one manager.

    :param allow: the ``swarm_allow_…`` variables that relax the counting rules.
    :param timeout: seconds for any one thing to come true.
    """

    engine: Engine
    orders: Sequence[Order]
    removals: Sequence[Removal]
    holder: Holder
    allow: frozenset[str] = frozenset()
    timeout: float = 120.0
    force: bool = False
    _ran: dict[str, int] = field(default_factory=dict, init=False)
    """Running tasks by service before the first step; empty: that is not known."""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes as the swarm lists them now."""
        return tuple(Node.of(node_facts(raw)) for raw in self.engine.nodes())

    def _known(self) -> tuple[Node, ...]:
        """The nodes, once the swarm knows how those in question are: for seconds after an election it does not."""
        def are_known(nodes: tuple[Node, ...]) -> bool:
            return not any(node.state == "unknown" for node in plan.match(nodes, self.orders).values())

        _unused, nodes = wait_until(self.nodes, are_known, UNKNOWN_FOR)
        return nodes

    def facts(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What this manager says afterwards, once that is not of the moment only.

        Where only entries went that were nobody's, that is not waited for: they go before the others come back, so that
        the swarm is in between for as long as those are away.

        :param params: as for observe.observe.
        """
        waits = self.orders or any(not removal.entry for removal in self.removals)
        return observe_settled(params, ELECTION if waits else 0.0)

    def planned(self, here: str) -> plan.Plan:
        """All that would be done, nothing of it done."""
        nodes = self.nodes()
        self._count_result(nodes)
        return plan.whole(nodes, self.orders, self.removals, here)

    def settle(self, here: str, outcome: Outcome) -> None:
        """Do step after step until nothing is left, or until only the hosts themselves can go on.

        :param here: the ID of the node that this runs on.
        :param outcome: filled as it goes, so that a failure can still tell what was done.
        :raises Stuck: when a step does not come true in time.
        :raises core.lease.Held: when somebody else is changing the swarm.
        :raises EngineError: when the engine refuses.
        """
        outcome.nodes = self._known()
        self._count_result(outcome.nodes)
        self._ran = self._running_of_services(outcome.nodes)
        while True:
            step_plan = plan.next_steps(outcome.nodes, self.orders, self.removals, here)
            outcome.held = step_plan.held
            steps = [step for step in step_plan.steps if step.kind != "leave"]
            outcome.leaves = [step for step in step_plan.steps if step.kind == "leave"]
            for step in outcome.leaves:
                self.holder.hold()
                self._wait_elsewhere(step.node_id, step.host)
            if not steps:
                return
            self.holder.hold()
            self._do(steps, outcome)
            outcome.nodes = self.nodes()

    def _count_result(self, before: Sequence[Node]) -> None:
        """Refuse what would end in a number or a spread of voters that nobody allowed, whoever does the last of it."""
        steps = plan.whole(before, self.orders, self.removals).steps
        if not any(step.kind in ("promote", "demote", "remove") for step in steps):
            return
        after = tuple(before)
        for step in steps:
            after = plan.apply(after, step)
        was = [node.zone for node in before if node.is_manager]
        now = [node.zone for node in after if node.is_manager]
        if sorted(was) == sorted(now):
            return
        # Zones that nobody labelled yet are not held against anybody: the rule needs a zone on every manager.
        problems = [item for item in inventory.refused(inventory.count_voters(now), self.allow)
                    if all(now) or item.id not in ("too_few_zones", "deadly_zone")]
        if problems:
            raise Stuck(" ".join(item.sentence() for item in problems))

    def _do(self, steps: Sequence[Step], outcome: Outcome) -> None:
        """Steps that are independent of each other: all begun, then all waited for."""
        for step in steps:
            if step.kind == "promote":
                self._wait_idle(step)
        staying = [removal for removal in self.removals if removal.live and not removal.left]
        hosts: list[Order | Removal] = [*self.orders, *staying]
        # One that is down already comes back when its host does; its entry stays.
        living = {node.id for node in plan.match(outcome.nodes, hosts).values()
                  if node.reachable or node.state != "down"}
        for step in steps:
            if step.kind == "update":
                self._update(step)
            elif step.kind == "promote":
                self._set_role(step.node_id, "manager")
            elif step.kind == "demote":
                if any(removal.host == step.host for removal in self.removals):
                    self._wait_elsewhere(step.node_id, step.host)
                self._set_role(step.node_id, "worker")
                self._wait_demoted(step, step.node_id in living)
            elif step.kind == "remove":
                self._remove(step)
            outcome.done.append(step)
        for step in steps:
            if step.kind == "promote":
                self._wait_promoted(step)

    def _update(self, step: Step) -> None:
        def mutate(spec: dict[str, Any]) -> dict[str, Any]:
            labels = dict(spec.get("Labels") or {})
            for name in step.drop_labels:
                labels.pop(name, None)
            labels.update(step.set_labels)
            spec["Labels"] = labels
            if step.availability:
                spec["Availability"] = step.availability
            return spec

        self.engine.update_node(step.node_id, mutate)

    def _set_role(self, node_id: str, role: str) -> None:
        self.engine.update_node(node_id, lambda spec: {**spec, "Role": role})

    def _remove(self, step: Step) -> None:
        """Take the entry out, when it is down or has had the time to be."""
        if not any(removal.host == step.host and removal.left for removal in self.removals):
            wait_until(lambda: self._node(step.node_id), lambda node: node is None or node.state != "ready", DOWN_AFTER)
        node = self._node(step.node_id)
        if node is None:
            return
        try:
            self.engine.remove_node(step.node_id, force=node.state != "down" or node.role == "manager")
        except EngineError as error:
            if error.status != 404:
                raise

    def _node(self, node_id: str) -> Node | None:
        return next((node for node in self.nodes() if node.id == node_id), None)

    def _wait_promoted(self, step: Step) -> None:
        done, node = wait_until(lambda: self._node(step.node_id), lambda n: n is not None and n.reachable, self.timeout)
        if not done:
            seen = f"{node.state}, {node.reachability or 'no member of the raft'}" if node else "not listed"
            raise Stuck(f"{step.host} was promoted and is no reachable manager after {self.timeout:.0f} s ({seen}). "
                        f"Look at the journal of docker.service on {step.host}; run again to go on.")

    def _wait_demoted(self, step: Step, living: bool) -> None:
        """Wait until the swarm does not count it any more, and, where the host lives on, until it is a worker again."""
        def over(node: Node | None) -> bool:
            return node is None or (not node.voter and (node.state == "ready" or not living))

        done, node = wait_until(lambda: self._node(step.node_id), over, self.timeout)
        if not done:
            seen = f"{node.state}, {node.reachability or 'no member of the raft'}" if node else "not listed"
            raise Stuck(f"{step.host} was demoted and is no ready worker after {self.timeout:.0f} s ({seen}). "
                        f"Run again to go on.")

    def _running_on(self, node_id: str) -> list[dict[str, Any]]:
        return [task for task in self.engine.tasks()
                if task.get("NodeID") == node_id and (task.get("Status") or {}).get("State") in RUNNING_STATES]

    def _wait_idle(self, step: Step) -> None:
        """A node that becomes a drained manager has to be free of tasks before it is one."""
        if not any(order.host == step.host and order.availability == "drain" for order in self.orders):
            return
        done, tasks = wait_until(lambda: self._running_on(step.node_id), lambda found: not found, self.timeout)
        if not done:
            raise Stuck(f"{step.host} is drained and still runs {len(tasks)} task(s) after {self.timeout:.0f} s: it is "
                        f"not promoted while it does. Look at what keeps them; run again to go on.")

    def _running_of_services(self, nodes: Sequence[Node]) -> dict[str, int]:
        """How many tasks of each service run before anything is drained: one that is not whole now blocks no removal.

        Where a node that goes is drained already, an earlier run did that, and nobody knows what ran before it.
        """
        going = plan.match(nodes, [removal for removal in self.removals if removal.live]).values()
        if not going or any(node.availability == "drain" and not node.is_manager for node in going):
            return {}
        found: dict[str, int] = {}
        for task in self.engine.tasks():
            if (task.get("Status") or {}).get("State") == "running":
                found[str(task.get("ServiceID"))] = found.get(str(task.get("ServiceID")), 0) + 1
        return found

    def _wait_elsewhere(self, node_id: str, host: str) -> None:
        """A node that is taken out has to be idle, and what ran on it has to run elsewhere."""
        def unsettled() -> list[str]:
            tasks = self.engine.tasks()
            running = [task for task in tasks if (task.get("Status") or {}).get("State") == "running"]
            names = {raw["ID"]: raw for raw in self.engine.services()}
            moved = {str(task.get("ServiceID")) for task in tasks if task.get("NodeID") == node_id}
            found = [f"{len(self._running_on(node_id))} task(s) still on {host}"] if self._running_on(node_id) else []
            for service_id in sorted(service for service in moved if service in names):
                spec = names[service_id].get("Spec") or {}
                wanted = ((spec.get("Mode") or {}).get("Replicated") or {}).get("Replicas") or 0
                wanted = min(wanted, self._ran.get(service_id, 0 if self._ran else wanted))
                has = sum(1 for task in running
                          if task.get("ServiceID") == service_id and task.get("NodeID") != node_id)
                if has < wanted:
                    found.append(f"{spec.get('Name')} runs {has} of {wanted}")
            return found

        done, left = wait_until(unsettled, lambda found: not found, self.timeout)
        if not done and not self.force:
            raise Stuck(f"{host} is drained, and after {self.timeout:.0f} s its tasks do not all run elsewhere: "
                        f"{'; '.join(left)}. Add room for them, or go on without with -e swarm_force=true.")
