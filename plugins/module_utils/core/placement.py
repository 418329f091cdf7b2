# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes may run a service, as the scheduler decides it, and which services a change would leave without any.

Pure. Source: swarmkit, ``manager/scheduler/filter.go`` (ready, resource, constraint, platform, host port and maximum
replicas filters) and ``manager/constraint/constraint.go``.

What is not counted, because the view does not carry it: plugins, volumes and generic resources. These can only make
fewer nodes eligible, so a service that is homeless here is homeless for the scheduler too; the scheduler's own words
for the rest stand in ``Task.error``.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


def pinned_to(expressions: Iterable[str]) -> list[str]:
    """The node IDs to which constraints bind a service. A new node of the same host has another ID."""
    return [one.value for one in parse(expressions) or () if one.key.lower() == "node.id" and one.equal]


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


def kept_from(service: Service, before: Iterable[Node], after: Iterable[Node]) -> list[Node]:
    """The nodes that could run the service before, and that only their new availability keeps from it."""
    able = {node.id for node in eligible(service, before)}
    return [node for node in after if node.id in able and allows(service, node) and not takes_tasks(node)
            and node.state == "ready"]


@dataclass
class _Room:
    """What is left on one node while services are placed on it."""

    node: Node
    cpu: int
    memory: int
    ports: set[tuple[int, str]] = field(default_factory=set)
    tasks: Counter[str] = field(default_factory=Counter)

    def takes(self, service: Service) -> bool:
        """Whether one more task of the service fits. What a node has is not known before it has joined: then it fits.
        """
        return ((not self.node.cpu or service.cpu <= self.cpu)
                and (not self.node.memory or service.memory <= self.memory)
                and not self.ports & set(service.host_ports)
                and (not service.max_replicas or self.tasks[service.id] < service.max_replicas))

    def take(self, service: Service) -> None:
        """Place one task."""
        self.cpu -= service.cpu
        self.memory -= service.memory
        self.ports |= set(service.host_ports)
        self.tasks[service.id] += 1


def placed(services: Iterable[Service], nodes: Iterable[Node]) -> dict[str, int]:
    """How many tasks of each replicated service find a place, by its ID, where all of them are placed anew.

    Global services come first, then those that reserve most; each task goes where the service has fewest, then where
    most memory is left, as the scheduler spreads.
    """
    rooms = [_Room(node, node.cpu, node.memory) for node in nodes if takes_tasks(node)]
    running = [service for service in services if wants_tasks(service)]
    found: dict[str, int] = {}
    for service in sorted(running, key=lambda one: (one.mode != "global", -one.memory, -one.cpu, one.id)):
        fitting = [room for room in rooms if allows(service, room.node)]
        if service.mode == "global":
            for room in fitting:
                if room.takes(service):
                    room.take(service)
            continue
        found[service.id] = 0
        if not (service.cpu or service.memory or service.host_ports or service.max_replicas):
            found[service.id] = service.replicas if fitting else 0
            continue
        for _task in range(service.replicas):
            able = [room for room in fitting if room.takes(service)]
            if not able:
                break
            min(able, key=lambda room: (room.tasks[service.id], -room.memory, room.node.id)).take(service)
            found[service.id] += 1
    return found


def made_short(
    services: Sequence[Service], before: Sequence[Node], after: Sequence[Node]
) -> list[tuple[Service, int, int]]:
    """The services that a change of nodes would leave without room for all the replicas that have a place now: the
    service, how many have one before, and how many after. Those without any node that may run them are left out.

    What was not whole before is not blamed on the change: only places that are lost count.
    """
    had, has = placed(services, before), placed(services, after)
    return [(service, had[service.id], has[service.id]) for service in services
            if has.get(service.id, 0) < had.get(service.id, 0) and eligible(service, after)]


def asks(service: Service) -> str:
    """What limits the places of a service, for a person."""
    parts = [f"at most {service.max_replicas} on a node"] if service.max_replicas else []
    parts += [f"port {port}/{protocol} of its node" for port, protocol in service.host_ports]
    parts += [f"{service.cpu / 1e9:g} CPUs reserved"] if service.cpu else []
    parts += [f"{service.memory / (1 << 20):g} MiB reserved"] if service.memory else []
    return ", ".join([*parts, *service.constraints])
