# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run of ``provision`` without a playbook: a few words of YAML in, the verdict and all decisions as text out.

The steps are those of the playbook: the inventory is examined, the managers (and who is to be taken out) are asked,
judged, then the hosts that the swarm does not know, and then it is decided. A scene reads

    inventory:            # host: group, zone of a manager
      m1: manager a
      w3: absent
    vars: {w1: {swarm_labels: {disk: ssd}}}
    shared: {swarm_force: true}
    swarm:                # entry: role, then what is not usual of it; w1~old is an old entry of w1
      m1: manager a leader
      w1~old: worker down
    services: [{name: web, constraints: [node.role == worker]}]
    hosts:                # what is not usual of a host: it answers, and is the entry of its name, or in no swarm
      w3: silent

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, provision, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.coerce import BadValue
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding, by_weight
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import ABSENT, MANAGERS, WORKERS, Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.provision import Decision
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Service,
    Swarm,
)

from .world import labels_of

GROUP_OF = {"manager": MANAGERS, "worker": WORKERS, "absent": ABSENT}
SWARM = "swarm1"
LIBRARIES = ("docker", "nacl", "cryptography")


def _on_disk(host: str, said: Mapping[str, str]) -> LocalState:
    """Nothing of a swarm, or, as ``log=ID`` and ``certificate=ID`` say, the state of a node of that one."""
    empty = LocalState("/var/lib/docker")
    if "unread" in said:
        return LocalState(unread=said["unread"])
    for word, role in (("log", "manager"), ("certificate", "worker")):
        if word in said:
            return replace(empty, swarm_id=said[word], node_id=f"old-{host}", role=role, raft_log=word == "log",
                           written="2026-11-22T08:00:00+00:00")
    return empty


class Scene:
    """One case: what the inventory says, what the swarm is, and what each host would answer."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.case = case
        unknown = set(case) - {"inventory", "vars", "shared", "swarm", "services", "spec", "hosts", "swarm_id",
                               "encrypted"}
        if unknown:
            raise ValueError(f"no part of a scene: {unknown}")
        self.groups: dict[str, list[str]] = {name: [] for name in inventory.GROUPS}
        self.hostvars: dict[str, dict[str, Any]] = {}
        entries = case.get("swarm") or {}
        hosts = [*(case.get("inventory") or {}), *(entry.split("~")[0] for entry in entries)]
        self.addr = {host: f"192.0.2.{11 + index}" for index, host in enumerate(dict.fromkeys(hosts))}
        for host, words in (case.get("inventory") or {}).items():
            own: dict[str, Any] = {"ansible_host": self.addr[host]}
            for word in words.split():
                if word in GROUP_OF:
                    self.groups[GROUP_OF[word]].append(host)
                else:
                    own["swarm_zone"] = word
            self.hostvars[host] = {**own, **(case.get("vars") or {}).get(host, {})}
        self.shared = dict(case.get("shared") or {})
        self.swarm = Swarm(case.get("swarm_id", SWARM), 1, case.get("spec") or {}, ("10.0.0.0/8",), 24, 4789,
                           encrypted_networks=tuple(case.get("encrypted") or ()))
        self.nodes = tuple(self._node(entry, words or "") for entry, words in entries.items())
        self.services = tuple(Service.of({"id": f"id-{item['name']}", "replicas": 1, **item})
                              for item in case.get("services") or ())
        self.odd = {host: str(words).split() for host, words in (case.get("hosts") or {}).items()}

    def __repr__(self) -> str:
        return f"Scene({dict(self.case)!r})"

    def _node(self, entry: str, text: str) -> Node:
        host = entry.split("~")[0]
        words = text.split()
        is_manager = "manager" in words
        down = "down" in words
        node = Node(
            f"id-{entry}", host, "manager" if is_manager else "worker",
            next((word for word in words if word in ("active", "pause", "drain")), "drain" if is_manager else "active"),
            "down" if down else "ready", addr=self.addr[host], voter=is_manager, leader="leader" in words,
            reachability="" if not is_manager else "unreachable" if down or "unreachable" in words else "reachable",
            manager_addr=f"{self.addr[host]}:2377" if is_manager else "", engine_version="26.1.5", os="linux",
            arch="x86_64")
        if "joining" in words:
            node = replace(node, voter=False, reachability="", manager_addr="")
        own = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("+"))
        own.update(("zone", word) for word in words if word in ("a", "b", "c", "d"))
        foreign = dict(word[1:].split("=", 1) for word in words if word.startswith("+"))
        return replace(node, labels={**foreign, **({} if "unnoted" in words else labels_of(host, **own))})

    def facts(self, host: str, probed: bool = False) -> HostFacts:
        """What this host answers when it is asked, by the module or by the probe."""
        words = self.odd.get(host, [])
        said = dict(word.split("=", 1) for word in words if "=" in word)
        if "silent" in words:
            return HostFacts.silent(host, "timed out")
        node = next((item for item in self.nodes if item.id == said.get("node", f"id-{host}")), None)
        item = HostFacts(
            host, said.get("hostname", host),
            engine=Engine(True, True, said.get("version", "26.1.5"), said.get("engine", f"engine-{host}"), host,
                          live_restore="live-restore" in words, firewall=said.get("firewall", "")),
            membership=Membership("inactive"), problem="not_member", state=_on_disk(host, said),
            libraries=tuple(said["libs"].split(",")) if "libs" in said else LIBRARIES,
            addresses=(Address(said.get("addr", self.addr[host]), 24, "eth0", "leased" in words),),
            blocked=tuple(said["blocked"].split(",")) if "blocked" in said else ())
        if "no-engine" in words:
            return replace(item, engine=Engine(), membership=Membership(), problem="no_engine", libraries=())
        if "stopped" in words:
            return replace(item, engine=Engine(True), membership=Membership(), problem="no_engine")
        if "locked" in words:
            return replace(item, membership=Membership("locked"), problem="locked")
        if "half" in words:
            return replace(item, membership=Membership("pending", remote_managers=(("", "192.0.2.9:2377"),)),
                           problem="error")
        if "foreign" in words:
            return replace(item, membership=Membership("active", f"other-{host}"), problem="not_manager",
                           state=replace(item.state, swarm_id="swarm2", node_id=f"other-{host}", role="worker"))
        if "lost" in words:
            return replace(item, membership=Membership("pending", f"other-{host}", error="no leader", control=True),
                           problem="no_leader")
        if "removed" in words:
            followed = tuple((item.id, item.manager_addr) for item in self.nodes if item.voter)
            return replace(item, membership=Membership("active", f"former-{host}", remote_managers=followed),
                           problem="not_manager")
        if "no-sdk" in words and not probed:
            return replace(item, engine=Engine(True), membership=Membership(), problem="no_sdk", libraries=())
        if "no-sdk" in words:
            item = replace(item, libraries=LIBRARIES[1:])
        if node is None or "out" in words:
            return item
        item = replace(item, problem="not_manager", membership=Membership(
            "active", node.id, control=node.voter, joined_through=said.get("through", ""),
            advertises=None if "settings-unread" in words else "" if "unpinned" in words else node.manager_addr))
        if node.voter and node.reachable:
            return replace(item, problem="", swarm=self.swarm, nodes=self.nodes, services=self.services)
        return item

    def wanted(self) -> Wanted:
        """What the inventory wants.

        :raises BadValue: where it cannot be read.
        """
        return inventory.read(self.groups, self.hostvars, self.shared)

    def judge(self, wanted: Wanted, probed: Sequence[str] = ()) -> tuple[Judgement, dict[str, HostFacts]]:
        """As the action plugins ``swarm_judge`` and, after the probe, ``swarm_plan`` do it."""
        first = [*(want.host for want in wanted.managers), *self.groups[ABSENT]]
        facts = {host: self.facts(host, host in probed) for host in first}
        tellers = [facts[want.host] for want in wanted.managers]
        tellers += [facts[host] for host in self.groups[ABSENT] if facts[host].membership.control]
        return verdict.judge(tellers, wanted.swarm_id), facts

    def decide(self, wanted: Wanted) -> tuple[Judgement, Decision, list[str]]:
        """The verdict, the decision, and the hosts that were asked for it."""
        judgement, facts = self.judge(wanted)
        ask = provision.to_ask(wanted, judgement, facts)
        judgement, facts = self.judge(wanted, ask)
        facts.update({host: self.facts(host, True) if host in ask else HostFacts.silent(host, "it was not asked")
                      for host in provision.to_ask(wanted, judgement, facts)})
        return judgement, provision.decide(wanted, judgement, facts), ask

    def text(self) -> str:
        """The whole run as an operator would read it, and the phases that follow from it."""
        try:
            wanted = self.wanted()
        except BadValue as error:
            return f"bad value: {error}\n"
        examined = inventory.refused(inventory.examine(self.groups, wanted), wanted.allowed)
        if examined:
            return "".join(_line("refused", item) for item in by_weight(examined))
        judgement, decision, ask = self.decide(wanted)
        lines = [f"{judgement.verdict}: {judgement.reason}\n"]
        lines += [_line("found", item) for item in judgement.findings]
        lines += [f"asked: {' '.join(ask)}\n"] if ask else []
        lines += [_line("refused", item) for item in by_weight(decision.refusals)]
        lines += [_line("note", item) for item in decision.notes]
        lines += [f"  {step.kind:<8}{step.host:<4}{step.why}".rstrip() + "\n" for step in decision.steps]
        lines += [_line("unsettled", item) for item in decision.unsettled]
        if decision.changes:
            acts = f"acts: {decision.init.host if decision.init else decision.actor}"
            acts += ", hands over" if decision.hands_over else ""
            lines.append(acts + (f", finishes: {decision.closer}" if decision.closer else "") + "\n")
        elif not decision.refusals:
            lines.append("nothing to do\n")
        return "".join(lines)


def _line(kind: str, item: Finding) -> str:
    return f"{kind} ({item.id}): {item.sentence()}\n"
