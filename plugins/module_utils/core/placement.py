# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes may run a service, as the scheduler decides it, and which services a change would leave without any.

Pure. Source: swarmkit, ``manager/scheduler/filter.go`` (ready, constraint and platform filters) and
``manager/constraint/constraint.go``.

What is not counted, because the view does not carry it: reservations of CPU and memory, plugins, host ports, volumes
and the limit of replicas per node. These can only make fewer nodes eligible, so a service that is homeless here is
homeless for the scheduler too; the scheduler's own words for the rest stand in ``Task.error``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node, Service

NODE_LABEL = "node.labels."
ENGINE_LABEL = "engine.labels."
OPERATORS = ("==", "!=")
KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE)
VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE)
SAME_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Constraint:
    """One placement constraint, ``key == value`` or ``key != value``."""

    key: str
    equal: bool
    value: str

    def holds(self, text: str) -> bool:
        """Whether ``text`` satisfies it; upper and lower case are the same."""
        return (self.value.lower() == text.lower()) == self.equal


def parse(expressions: Iterable[str]) -> list[Constraint] | None:
    """The constraints of a service.

    ``None`` where one cannot be read: the scheduler then ignores all of them. ``==`` is looked for before ``!=``, so
    that ``a!=b==c`` is unreadable, as it is for the engine.
    """
    found = []
    for expression in expressions:
        operator = next((item for item in OPERATORS if item in expression), None)
        if operator is None:
            return None
        key, value = (part.strip() for part in expression.split(operator, 1))
        if not KEY.fullmatch(key) or not VALUE.fullmatch(value):
            return None
        found.append(Constraint(key, operator == "==", value))
    return found


def _address(text: str) -> IPAddress | None:
    """An address, IPv4 inside IPv6 unwrapped as Go does it; ``None`` where the text is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _address_holds(constraint: Constraint, node: Node) -> bool:
    """``node.ip``: one address, or a subnet in CIDR form; anything else fits no node."""
    own = _address(node.addr)
    wanted = _address(constraint.value)
    if wanted is not None:
        return (own == wanted) == constraint.equal
    if "/" not in constraint.value:
        return False
    try:
        subnet = ipaddress.ip_network(constraint.value, strict=False)
    except ValueError:
        return False
    return (own is not None and own in subnet) == constraint.equal


def _label(labels: Mapping[str, str], name: str) -> str:
    """A label's value; a label that is not there reads as an empty text. Names of labels are case-sensitive."""
    return labels.get(name, "")


def satisfies(node: Node, constraint: Constraint) -> bool:
    """Whether the node satisfies one constraint. A key that the scheduler does not know fits no node."""
    key = constraint.key.lower()
    plain = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.role": node.role,
        "node.platform.os": node.os,
        "node.platform.arch": node.arch,
    }
    if key in plain:
        return constraint.holds(plain[key])
    if key == "node.ip":
        return _address_holds(constraint, node)
    if key.startswith(NODE_LABEL) and len(key) > len(NODE_LABEL):
        return constraint.holds(_label(node.labels, constraint.key[len(NODE_LABEL) :]))
    if key.startswith(ENGINE_LABEL) and len(key) > len(ENGINE_LABEL):
        return constraint.holds(_label(node.engine_labels, constraint.key[len(ENGINE_LABEL) :]))
    return False


def _architecture(name: str) -> str:
    return SAME_ARCHITECTURE.get(name, name)


def fits_platform(node: Node, platforms: Sequence[tuple[str, str]]) -> bool:
    """Whether the node runs one of the (os, architecture) pairs; no pairs: any node. An empty part fits anything."""
    return not platforms or any(
        os in ("", node.os) and _architecture(arch) in ("", _architecture(node.arch)) for os, arch in platforms
    )


def takes_tasks(node: Node) -> bool:
    """Whether the scheduler gives new tasks to this node at all: ready and active. A paused node only keeps its own."""
    return node.state == "ready" and node.availability == "active"


def allows(service: Service, node: Node) -> bool:
    """Whether constraints and platforms let the service run on the node, whatever state the node is in."""
    constraints = parse(service.constraints) or []
    return fits_platform(node, service.platforms) and all(satisfies(node, item) for item in constraints)


def eligible(service: Service, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that may be given new tasks of the service, in the order given."""
    return [node for node in nodes if takes_tasks(node) and allows(service, node)]


def wants_tasks(service: Service) -> bool:
    """Whether the service is meant to run all the time, somewhere.

    Jobs are not: one that has ended needs no node any more, and the service alone does not tell.
    """
    return service.mode == "global" or (service.mode == "replicated" and service.replicas > 0)


def homeless(services: Iterable[Service], nodes: Iterable[Node]) -> list[Service]:
    """The services which are meant to run and which no node may run."""
    known = list(nodes)
    return [service for service in services if wants_tasks(service) and not eligible(service, known)]


def made_homeless(services: Iterable[Service], before: Iterable[Node], after: Iterable[Node]) -> list[Service]:
    """The services that a change of nodes would leave without any: one was eligible before, none is after.

    What had no node before is not blamed on the change.
    """
    known = list(before)
    return [service for service in homeless(services, after) if eligible(service, known)]
