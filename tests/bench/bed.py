# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the contenders run: the nodes of one lab, some or all of them, brought back to the same start for everyone.

Touches the lab `bench` and .cache/bench.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab import Lab, LabError, Node
from tests.lab.console import execute, in_parallel
from tests.lab.machine import control_folder, private_key
from tests.lab.plan import NodePlan, inventory, ssh_config

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
MANAGERS = 5


class BenchError(Exception):
    """A run that does not count, or a contender that cannot run; its text says why."""


class Bed:
    """The first `size` nodes of a lab, five of them managers, as an inventory that all contenders read."""

    def __init__(self, lab: Lab, size: int) -> None:
        self.lab = lab
        self.size = size
        self.nodes: list[Node] = lab.managers[:MANAGERS] + lab.workers[: size - MANAGERS]
        self.folder = CACHE / f"nodes-{size}"
        self.inventory = self.folder / "inventory.yml"
        self.ssh_config = self.folder / "ssh_config"
        self.hosts = self.folder / "hosts"
        self.folder.mkdir(parents=True, exist_ok=True)
        plans = [NodePlan(node.name, node.group, node.zone, node.addr) for node in self.nodes]
        self.inventory.write_text(inventory(lab.name, plans, private_key(), control_folder()))
        self.ssh_config.write_text(ssh_config(plans, private_key(), control_folder()))
        self.hosts.write_text(
            "".join(f"{name} {node.addr} {role} {node.zone}\n" for name, (node, role) in self._roles().items())
        )

    def _roles(self) -> dict[str, tuple[Node, str]]:
        return {node.name: (node, "manager" if at < MANAGERS else "worker") for at, node in enumerate(self.nodes)}

    def hang_up(self) -> None:
        """Close the kept ssh connections: a run begins like an operator's, without any."""
        in_parallel(
            self.nodes,
            lambda node: execute(["ssh", "-F", str(self.ssh_config), "-O", "exit", node.name], check=False, timeout=30),
        )

    def check(self) -> None:
        """Raise BenchError unless the nodes are the swarm that was asked for: roles, zones, availability, all ready."""
        try:
            listed = self.nodes[0].run("docker node ls --quiet | xargs docker node inspect", timeout=60)
        except LabError as error:
            raise BenchError(f"no swarm: {error}") from error
        seen = {}
        for node in json.loads(listed.stdout):
            labels, manager = node["Spec"].get("Labels") or {}, node.get("ManagerStatus") or {}
            name, state = node["Description"]["Hostname"], node["Status"]["State"]
            seen[name] = (
                manager.get("Reachability", "worker"),
                manager.get("Addr"),
                node["Spec"]["Availability"],
                labels.get("zone"),
                state,
            )
        wanted = {
            name: ("reachable", f"{node.addr}:2377", "drain", node.zone, "ready")
            if role == "manager"
            else ("worker", None, "active", node.zone, "ready")
            for name, (node, role) in self._roles().items()
        }
        if seen != wanted:
            wrong = [
                f"{name} is {seen.get(name)}, not {wanted.get(name)}"
                for name in sorted(seen.keys() | wanted)
                if seen.get(name) != wanted.get(name)
            ]
            raise BenchError(f"not the swarm that was asked for: {'; '.join(wrong)}")
