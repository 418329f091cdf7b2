# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes compromised nodes out and makes worthless what they knew: what ``swarm_expel`` does, on another manager.

Acts through the engine that it is handed. What comes next is asked of core/expel.py before each step, from the engine's
own answer. Nothing is asked of the nodes that go: they are not drained and not waited for.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import expel, settings
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError, node_facts, wait_until
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.settings import missing_root

TRIES = 3
"""How often the rotations are asked for where it is not known whether they were done."""
STEPS = 100
"""More than any number of nodes takes. What comes next is read from the swarm object, which others may change, too."""
STILL_MEMBER = "is a member of the raft cluster"
"""The engine's words where the leader's raft has not let go of a demoted manager yet."""


class Refused(Exception):
    """It may not be done, or did not come true. One sentence with what is true now."""


@dataclass
class Expulsion:
    """One run on one manager.

    :param entries: what this run begins; what earlier ones left is gone on with anyway.
    :param timeout: seconds for a demotion, and for the root certificate to be everywhere.
    """

    engine: Engine
    entries: Sequence[expel.Entry]
    holder: Holder
    timeout: float = 120.0
    done: list[str] = field(default_factory=list)
    """What was changed, for a person."""

    def run(self, check: bool) -> dict[str, Any]:
        """Do all that is left, or say what would be. Returns the module's result.

        :raises Refused: it would cost the quorum, or did not come true; ``done`` says how far it got.
        :raises core.lease.Held: somebody else is changing the swarm.
        :raises EngineError: the engine refused, or could not be asked.
        """
        store, nodes = self._store(), self.nodes()
        remembered = self._remembered()
        new = [expel.with_exposure(entry, store) for entry in self.entries]
        entries = expel.noted(remembered, new)
        problem = ""
        if any(entry.todo for entry in entries):
            self._guard(nodes, entries)
            if not check:
                self.holder.hold()
                if new:
                    self._note(new)
                problem = self._settle()
                entries = self._remembered()
        return {
            "changed": bool(self.done) or (check and any(entry.todo for entry in entries)),
            "done": list(self.done),
            "entries": [{**entry.as_dict(), "exposed": expel.exposed(entry, store).as_dict()} for entry in entries],
            "problem": problem,
        }

    # -- what is there

    def nodes(self) -> list[Node]:
        """The nodes as the swarm lists them now."""
        return [Node.of(node_facts(raw)) for raw in self.engine.nodes()]

    def _remembered(self) -> tuple[expel.Entry, ...]:
        return expel.read(self.engine.swarm()["Spec"].get("Labels") or {})

    def _store(self) -> expel.Store:
        """What the swarm holds, and what the tasks of each node had, those in the task history included."""
        had: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for task in self.engine.tasks():
            own = had[str(task.get("NodeID") or "")]
            own["services"].add(str(task.get("ServiceID") or ""))
            for kind, ids in _used(task.get("Spec") or {}).items():
                own[kind].update(ids)
        users: dict[str, set[str]] = defaultdict(set)
        services = self.engine.services()
        for raw in services:
            for ids in _used((raw.get("Spec") or {}).get("TaskTemplate") or {}).values():
                for one in ids:
                    users[one].add(raw["Spec"]["Name"])

        def things(rows: Sequence[Mapping[str, Any]]) -> tuple[expel.Thing, ...]:
            found = [expel.Thing(raw["ID"], raw["Spec"]["Name"], raw.get("CreatedAt") or "",
                                 tuple(sorted(users[raw["ID"]]))) for raw in rows]
            return tuple(sorted(found, key=lambda thing: thing.name))

        return expel.Store(things(self.engine.secrets()), things(self.engine.configs()), things(services), had)

    def _guard(self, nodes: Sequence[Node], entries: Sequence[expel.Entry]) -> None:
        """:raises Refused: it would cost the quorum, or this is one of the nodes that go."""
        ids = {entry.id for entry in entries if expel.REMOVE in entry.todo}
        problems = expel.refuse(nodes, ids)
        if problems:
            raise Refused("This step changed nothing. " + " ".join(item.sentence() for item in problems))
        if self.engine.membership()["node_id"] in ids:
            raise Refused("This step changed nothing: this is one of the nodes that are to go, and another manager has "
                          "to do that.")

    # -- what is done

    def _note(self, new: Sequence[expel.Entry]) -> None:
        """Before anything else: whoever runs next knows what was begun."""
        def mutate(spec: dict[str, Any]) -> dict[str, Any]:
            labels = spec.get("Labels") or {}
            return {**spec, "Labels": expel.written(labels, expel.noted(expel.read(labels), new))}

        self.engine.update_swarm(mutate)

    def _settle(self) -> str:
        """Step after step until nothing is left; what keeps the root certificate from being everywhere, if anything."""
        for _unused in range(STEPS):
            nodes = self.nodes()
            step = expel.next_step(nodes, self._remembered())
            if step is None:
                return ""
            self.holder.hold()
            if step.node is not None:
                self._guard(nodes, self._remembered())
                act = self._demote if step.kind == "demote" else self._remove
                act(step.node)
            elif step.kind == "rotate":
                self._rotate({node.id for node in nodes}, step.ca)
            else:
                return self._wait_for_root()
        raise Refused(f"After {STEPS} steps it is still not through: somebody else changes the label {expel.LABEL} of "
                      "the swarm object. End that, and run again.")

    def _demote(self, node: Node) -> None:
        """It gets nothing new from this moment on, and is no voter any more afterwards. Of itself nothing is wanted."""
        self.engine.update_node(node.id, lambda spec: {**spec, "Role": "worker", "Availability": "drain"})
        over, seen = wait_until(lambda: self._node(node.id), lambda now: now is None or not now.voter, self.timeout)
        if not over:
            raise Refused(f"{_name(node)} was demoted and is a voter still after {self.timeout:.0f} s "
                          f"({seen.reachability if seen else 'not listed'}{', the leader' if node.leader else ''}). "
                          + ("A leader has to let go of itself: cut it off from the other managers (TCP 2377), or "
                             "power it off, so that they elect another one; then run again." if node.leader else
                             "Run again to go on."))
        self.done.append(f"demoted {_name(node)}" + (", which was the leader" if node.leader else ""))

    def _remove(self, node: Node) -> None:
        """Its entry goes, and the swarm refuses its certificate from then on."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                self.engine.remove_node(node.id, force=True)
                break
            except EngineError as error:
                if error.status == 404:
                    break
                if STILL_MEMBER not in error.text or time.monotonic() > until:
                    raise
                time.sleep(0.5)
        self.done.append(f"removed {_name(node)}, node {node.id}")

    def _rotate(self, listed: Collection[str], ca: bool) -> None:
        """New tokens, a new unlock key, a new root certificate, and the note of it: in one change."""
        swarm = self.engine.swarm()
        autolock = settings.read(swarm["Spec"])["autolock"]
        root = (swarm.get("TLSInfo") or {}).get("TrustRoot") or ""

        def mutate(spec: dict[str, Any]) -> dict[str, Any]:
            labels = spec.get("Labels") or {}
            entries = expel.rotated(expel.read(labels), listed, root)
            # Also where one is under way: a manager knew that one's key, too.
            return {**settings.merged(spec, {}, ca), "Labels": expel.written(labels, entries)}

        for number in range(TRIES):
            try:
                self.engine.update_swarm(mutate, rotate_worker_token=True, rotate_manager_token=True,
                                         rotate_unlock_key=bool(autolock))
                break
            except EngineError:
                # Whether it was done, who lost the leader does not know; the note tells.
                if not any(expel.ROTATE in entry.todo for entry in self._remembered()):
                    break
                if number + 1 == TRIES:
                    raise
        self.done.append("changed both join tokens" + (", the unlock key" if autolock else ""))
        if ca:
            self.done.append("began to change the root certificate")

    def _wait_for_root(self) -> str:
        """Wait until the new root certificate is on every node, and note it; who keeps it from that, if it is not."""
        def ended() -> bool:
            swarm = self.engine.swarm()
            root = (swarm.get("TLSInfo") or {}).get("TrustRoot") or ""
            before = expel.read(swarm["Spec"].get("Labels") or {})
            rotating = bool(swarm.get("RootRotationInProgress"))
            return not any(entry.todo for entry in expel.certified(before, rotating, root))

        over, _unused = wait_until(ended, bool, self.timeout)
        swarm = self.engine.swarm()
        if not over:
            return missing_root(self.engine, swarm, self.timeout)
        root = (swarm.get("TLSInfo") or {}).get("TrustRoot") or ""

        def mutate(spec: dict[str, Any]) -> dict[str, Any]:
            labels = spec.get("Labels") or {}
            return {**spec, "Labels": expel.written(labels, expel.certified(expel.read(labels), False, root))}

        self.engine.update_swarm(mutate)
        self.done.append("the new root certificate is on every node")
        return ""

    def _node(self, node_id: str) -> Node | None:
        return next((node for node in self.nodes() if node.id == node_id), None)


def _name(node: Node) -> str:
    return node.host or node.hostname or node.id


def _used(template: Mapping[str, Any]) -> dict[str, set[str]]:
    """The IDs of the secrets and configs that a task, or a service, of this template has."""
    container = template.get("ContainerSpec") or {}
    credential = ((container.get("Privileges") or {}).get("CredentialSpec") or {}).get("Config") or ""
    configs = {str(item.get("ConfigID") or "") for item in container.get("Configs") or ()} | {str(credential)}
    return {"secrets": {str(item.get("SecretID") or "") for item in container.get("Secrets") or ()} - {""},
            "configs": configs - {""}}
