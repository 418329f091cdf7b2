# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds README.md against the code: its playbooks, variables, inventories, and every refusal with its message.

Each refusal is provoked in the core, and the row of the README has to say what the core says. Which refusals there are
is read from the source, so that a new one cannot be forgotten here. Reads files and calls ansible tools; touches nothing.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    coerce,
    inventory,
    member,
    plan,
    provision,
    restart,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    Address,
    Engine,
    HostFacts,
    Membership,
    Node,
    Service,
    Swarm,
)
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "plugins" / "module_utils" / "core"
README = (ROOT / "README.md").read_text()
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"), "ANSIBLE_NOCOLOR": "1"}
BIN = Path(sys.executable).parent

# Findings of the planner that no run ends with: the playbook hands over to another manager instead.
NEVER_SHOWN = {"acts_here"}


# -- an inventory, what its hosts say, and what is refused -----------------------------------------------------------

HOSTS = {
    "m1": {"ansible_host": "192.0.2.11", "swarm_zone": "a"},
    "m2": {"ansible_host": "192.0.2.12", "swarm_zone": "b"},
    "m3": {"ansible_host": "192.0.2.13", "swarm_zone": "c"},
    "m4": {"ansible_host": "192.0.2.14", "swarm_zone": "a"},
    "m5": {"ansible_host": "192.0.2.15", "swarm_zone": "b"},
    "w1": {"ansible_host": "192.0.2.31"},
    "w2": {"ansible_host": "192.0.2.32"},
}


@dataclass(frozen=True)
class World:
    """An inventory and what was seen of its hosts."""

    managers: Sequence[str] = ("m1", "m2", "m3")
    workers: Sequence[str] = ("w1",)
    absent: Sequence[str] = ()
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs from ``HOSTS``."""
    shared: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs from a host with an engine and no swarm."""
    nodes: Sequence[Node] = ()
    """The swarm, as m1 tells it; empty: there is none."""
    services: Sequence[Service] = ()

    @property
    def groups(self) -> dict[str, list[str]]:
        return {"swarm_managers": [*self.managers], "swarm_workers": [*self.workers], "swarm_absent": [*self.absent]}

    def wanted(self) -> inventory.Wanted:
        names = [*self.managers, *self.workers, *self.absent]
        return inventory.read(self.groups, {name: {**HOSTS[name], **self.hosts.get(name, {})} for name in names},
                              self.shared)

    def facts(self) -> dict[str, HostFacts]:
        found = {}
        for name in [*self.managers, *self.workers, *self.absent]:
            engine = Engine(True, True, "26.1.5", f"engine-{name}")
            own = next((node for node in self.nodes if node.host == name), None)
            place = Membership("active", own.id, control=own.voter) if own else Membership("inactive")
            item = HostFacts(name, name, engine=engine, membership=place,
                             addresses=(Address(str(HOSTS[name]["ansible_host"]), 24, "eth0"),))
            if name == "m1" and self.nodes:
                item = replace(item, swarm=Swarm("swarm-1"), nodes=tuple(self.nodes), services=tuple(self.services))
            found[name] = replace(item, **dict(self.seen.get(name, {})))
        return found

    def examined(self) -> list[Finding]:
        """What the inventory alone gives reason to refuse."""
        return inventory.examine(self.groups, self.wanted())

    def decided(self) -> provision.Decision:
        """What a run of ``provision`` makes of it."""
        wanted, facts = self.wanted(), self.facts()
        judgement = verdict.judge([facts[name] for name in self.managers], wanted.swarm_id)
        return provision.decide(wanted, judgement, facts)


def voter(name: str, **others: Any) -> Node:
    data: dict[str, Any] = {"role": "manager", "availability": "drain", "labels": labels(name), "voter": True,
                            "reachability": "reachable", "manager_addr": f"{HOSTS[name]['ansible_host']}:2377"}
    return Node(f"node-{name}", name, **{**data, **others})


def worker(name: str, **others: Any) -> Node:
    return Node(f"node-{name}", name, **{"labels": labels(name), **others})


def labels(name: str) -> dict[str, str]:
    zone = HOSTS[name].get("swarm_zone")
    return {LABEL_HOST: name, **({"zone": str(zone)} if zone else {})}


SWARM = (voter("m1", leader=True), voter("m2"), voter("m3"), worker("w1"))
SILENT = {"answered": False, "why_not": "ssh: connect to host 192.0.2.13 port 22: Connection timed out"}
GONE = {"m3": SILENT}


def limit(tmp_path: Path) -> str:
    """What a run with --limit fails with; the guard is before anything that contacts a host."""
    names = ("m1", "m2", "m3")
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"swarm_managers": {"hosts": {n: HOSTS[n] for n in names}}}))
    done = subprocess.run([str(BIN / "ansible-playbook"), "-i", "inventory.yml", "quorum.swarm.provision", "--limit", "m1"],
                          cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fatal:")]
    return str(json.loads(line.split("=> ", 1)[1])["msg"])


INVENTORY_ALONE = {
    "autolock_without_controller_dir": World(shared={"swarm_autolock": True}),
    "controller_dir_relative": World(shared={"swarm_controller_dir": "keys"}),
    "deadly_zone": World(("m1", "m2", "m3", "m4", "m5"), hosts={"m5": {"swarm_zone": "a"}}),
    "duplicate_advertise_addr": World(hosts={name: {"swarm_advertise_addr": "192.0.2.11"} for name in ("m1", "m2")}),
    "even_managers": World(("m1", "m2", "m3", "m4")),
    "host_in_two_groups": World(workers=("m3",)),
    "manager_without_zone": World(hosts={"m2": {"swarm_zone": ""}}),
    "no_manager": World(()),
    "single_manager": World(("m1",)),
    "too_few_zones": World(hosts={"m3": {"swarm_zone": "b"}}),
    "two_managers": World(("m1", "m2")),
}

HOSTS_AND_SWARM = {
    "absent_host_silent": World(("m1", "m2", "m3"), (), ("w1",), nodes=SWARM, seen={"w1": SILENT}),
    "address_drift": World(nodes=(SWARM[0], voter("m2", manager_addr="192.0.2.99:2377"), *SWARM[2:])),
    "address_not_on_host": World(hosts={"m2": {"swarm_advertise_addr": "192.0.2.99"}}),
    "ambiguous_address": World(hosts={"m2": {"swarm_advertise_cidr": "198.51.100.0/24"}}),
    "blocked_ports": World(seen={"w1": {"blocked": ("192.0.2.11:2377/tcp",)}}),
    "cloned_hosts": World(seen={"w1": {"engine": Engine(True, True, "26.1.5", "engine-m3")}}),
    "duplicate_hostname": World(seen={"m2": {"hostname": "debian"}, "m3": {"hostname": "debian"}}),
    "dynamic_address": World(seen={"m2": {"addresses": (Address("192.0.2.12", 24, "eth0", True),)}}),
    "engine_silent": World(seen={"w1": {"engine": Engine(True)}}),
    "engine_too_old": World(seen={"w1": {"engine": Engine(True, True, "19.03.15", "engine-w1")}}),
    "foreign": World(shared={"swarm_id": "swarm-2"}, nodes=SWARM),
    "foreign_host": World(seen={"w1": {"membership": Membership("active", "node-x")}}, nodes=SWARM),
    "homeless_service": World(("m1", "m2", "m3"), ("w1",), hosts={"w1": {"swarm_availability": "drain"}}, nodes=SWARM,
                              services=(Service("s1", "db", replicas=1, constraints=("node.hostname == w1",)),)),
    "host_silent": World(seen={"w1": SILENT}),
    "live_restore": World(seen={"w1": {"engine": Engine(True, True, "26.1.5", "engine-w1", live_restore=True)}}),
    "locked": World(seen={name: {"membership": Membership("locked"), "problem": "locked"} for name in ("m1", "m2", "m3")}),
    "manager_locked": World(nodes=SWARM, seen={"m3": {"membership": Membership("locked"), "problem": "locked"}}),
    "no_advertise_addr": World(hosts={"m2": {"ansible_host": "m2.example.net"}}),
    "no_quorum": World(seen={"m1": {"membership": Membership("active", "node-m1", control=True), "problem": "no_leader"},
                             "m2": SILENT, "m3": SILENT}),
    "split": World(nodes=(SWARM[0], voter("m2", reachability="unreachable"), SWARM[2]),
                   seen={"m2": {"swarm": Swarm("swarm-1"), "nodes": (voter("m1", reachability="unreachable"),
                                                                     voter("m2", leader=True), voter("m3"))}}),
    "unknown": World(seen=GONE),
    "unlisted_manager": World(("m1", "m2", "m3"), (), nodes=(*SWARM[:3], voter("m4", labels={}, hostname="old4"))),
}

UNFINISHED = {
    "host_silent": World(nodes=SWARM[:3], seen={"w1": SILENT}),
    "not_ready": World(nodes=(*SWARM[:3], worker("w1", state="down")), seen={"w1": SILENT}),
    "waits_for_managers": World(("m1", "m2", "m4"), ("m3",), nodes=(*SWARM[:3], worker("m4", state="down")),
                                hosts={"m4": {"swarm_zone": "c"}},
                                shared={"swarm_allow_too_few_zones": True}, seen={"m4": SILENT}),
}


def refused(world: World) -> list[Finding]:
    return [*world.examined(), *world.decided().refusals]


def row(finding: Finding) -> tuple[str, str, str]:
    """As it stands in the README."""
    message = replace(finding, relaxed_by="").sentence()
    return f"`{finding.id}`", message, f"`{finding.relaxed_by}`" if finding.relaxed_by else "none"
