# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Managers whose engine was told no address, and which of them can be told the one that their raft has.

Pure. `docker swarm join` without `--advertise-addr` leaves the address open: the leader notes the one that it sees, and
the engine looks for one of its own at each start. Docker's administration guide wants a fixed one for managers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum, restart
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, View, address_of

VARIABLE = "swarm_pin_addresses"


@dataclass(frozen=True)
class Pin:
    """A manager that is told its address."""

    host: str
    node_id: str
    address: str
    """Its raft address, ``host:port``."""
    containers: int = 0
    """How many stop with Docker."""


@dataclass(frozen=True)
class Plan:
    """Who is pinned, one after the other, the leader last."""

    pins: tuple[Pin, ...] = ()
    refusals: tuple[Finding, ...] = ()
    unsettled: tuple[Finding, ...] = ()


def unpinned(nodes: Mapping[str, Node], facts: Mapping[str, HostFacts]) -> list[str]:
    """The hosts of managers whose settings name no address. Not those whose settings could not be read.

    :param nodes: the swarm's node of each host.
    """
    found = []
    for host, node in nodes.items():
        item = facts.get(host)
        if (item is not None and item.answered and node.voter and item.membership.node_id == node.id
                and item.membership.advertises == ""):
            found.append(host)
    return found


def plan(wanted: Wanted, view: View | None, nodes: Mapping[str, Node], facts: Mapping[str, HostFacts]) -> Plan:
    """What ``swarm_pin_addresses`` asks for.

    :param nodes: the swarm's node of each host.
    """
    listed = [node.host for node in wanted.managers]
    hosts = [host for host in listed if host in unpinned(nodes, facts)]
    if view is None or not wanted.pin_addresses or not hosts:
        return Plan()
    hosts.sort(key=lambda host: nodes[host].leader)
    away = sorted(node.host or node.hostname for node in view.voters if not node.reachable)
    if away:
        return Plan(unsettled=(Finding(
            "pin_waits", "warning",
            f"{', '.join(hosts)}: the address is not pinned, because {', '.join(away)} cannot be reached, and two "
            "managers are never down at once.", "ansible-playbook quorum.swarm.heal, then run this again."),))
    able = [host for host in hosts if address_of(nodes[host].manager_addr) in _own(facts[host])]
    unsettled = tuple(_elsewhere(host, nodes[host], facts[host]) for host in hosts if host not in able)
    if able and not quorum.survives_stop(len(view.voters), len(view.reachable)) and restart.ALLOW not in wanted.allowed:
        voters = len(view.voters)
        return Plan(refusals=(Finding(
            "pin_would_lose_quorum", "critical",
            f"{voters} manager{'s' * (voters != 1)}: to pin an address stops Docker on one, and a majority of {voters} "
            f"is {quorum.majority(voters)}. Containers on other nodes keep running, but nothing can be changed "
            "meanwhile.", "Have three managers, or allow the pause.", "", restart.ALLOW),))
    return Plan(tuple(Pin(host, nodes[host].id, nodes[host].manager_addr, facts[host].engine.containers_running)
                      for host in able), (), unsettled)


def why(pin: Pin) -> str:
    """What an operator reads in the plan."""
    stops = f" and {pin.containers} container{'s' * (pin.containers != 1)} there" if pin.containers else ""
    return (f"{pin.address} is written into its engine's settings, which name no address: Docker{stops} "
            f"stop{'s' * (not stops)} for some seconds")


def _own(facts: HostFacts) -> list[str]:
    return [one.address for one in facts.addresses]


def _elsewhere(host: str, node: Node, facts: HostFacts) -> Finding:
    return Finding(
        "pin_not_on_host", "warning",
        f"{host}: the address is not pinned, because the swarm knows it by {node.manager_addr}, which is none of its "
        f"addresses ({', '.join(_own(facts)) or 'none'}).",
        f"ansible-playbook quorum.swarm.rejoin -e swarm_node={host} makes it a node with an address of its own.",
        host)
