# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workload whose availability can be measured: a small web server, once on each node that may have tasks.

Touches only the nodes' engines: imports an image, creates and removes one global service on a host port.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .console import LabError, in_parallel, say, wait_until
from .node import RUNNING, Node
from .probe import ask

if TYPE_CHECKING:
    from .lab import Lab

PORT = 8080
SERVICE = "lab-web"
IMAGE = "lab/web:1"


class Workload:
    """The workload of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def up(self, manager: str | None = None) -> list[Node]:
        """Start the service unless it is there, wait until every active node serves it, and return those nodes."""
        chosen = self._manager(manager)
        in_parallel([node for node in self._lab.nodes if node.state() == RUNNING], _import_image)
        if chosen.run(["docker", "service", "inspect", SERVICE], check=False).returncode != 0:
            chosen.run(
                [
                    "docker", "service", "create", "--detach", "--quiet",
                    "--name", SERVICE,
                    "--mode", "global",
                    "--publish", f"mode=host,target={PORT},published={PORT}",
                    # No registry to ask, no IPVS to route a virtual address, and busybox as PID 1 heeds no SIGTERM.
                    "--no-resolve-image",
                    "--endpoint-mode", "dnsrr",
                    "--stop-signal", "SIGKILL",
                    IMAGE, "/bin/busybox", "httpd", "-f", "-p", str(PORT), "-h", "/www",
                ]
            )  # fmt: skip
        nodes = self._active(chosen)
        for node in nodes:
            wait_until(lambda node=node: _serves(node), seconds=60, failure=f"{node.name} does not serve {SERVICE}.")  # type: ignore[misc]
        say(f"{self._lab.name}: workload on {', '.join(node.name for node in nodes) or 'no node'}, port {PORT}")
        return nodes

    def down(self, manager: str | None = None) -> None:
        """Remove the service if it is there, and wait until no node serves it any more."""
        self._manager(manager).run(["docker", "service", "rm", SERVICE], check=False)
        running = [node for node in self._lab.nodes if node.state() == RUNNING]
        for node in running:
            wait_until(lambda node=node: not _serves(node), seconds=30, failure=f"{node.name} still serves {SERVICE}.")  # type: ignore[misc]

    def nodes(self) -> list[Node]:
        """The nodes that the swarm wants to serve it, by a manager's word. Raises LabError if there is no manager."""
        return self._active(self._manager(None))

    def _manager(self, wanted: str | None) -> Node:
        candidates = self._lab.nodes if wanted is None else [self._lab.node(wanted)]
        for node in candidates:
            # `docker info` says "manager" without a quorum too; a list of nodes is an answer of a leader.
            if node.state() == RUNNING and node.run(["docker", "node", "ls"], check=False).returncode == 0:
                return node
        raise LabError(f"{wanted or self._lab.name}: no manager of a swarm with a quorum answers.")

    def _active(self, manager: Node) -> list[Node]:
        lines = manager.run(["docker", "node", "ls", "--format", "{{json .}}"]).stdout.splitlines()
        listed = [json.loads(line) for line in lines]
        serving = {one["Hostname"] for one in listed if one["Availability"] == "Active" and one["Status"] == "Ready"}
        return [node for node in self._lab.nodes if node.name in serving]


def _import_image(node: Node) -> None:
    if node.run(["docker", "image", "inspect", IMAGE], check=False).returncode != 0:
        node.run(["docker", "import", "/usr/local/share/lab/workload.tar", IMAGE])


def _serves(node: Node) -> bool:
    return ask(f"http://{node.addr}:{PORT}/", timeout=1) is None
