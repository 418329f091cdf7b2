# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of the inventory that have one identity: one machine under two names, or a machine and its clones; and which of
them is the member of the swarm.

Pure. What the swarm lists tells the member from its clone: the address by which it knows the node is the member's.
Where that tells nothing, it is said, and nothing is to be moved away: the wrong one may be the only manager.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, address_of

_FRESH = ("stop Docker, move /var/lib/docker/engine-id (or /etc/docker/key.json) and the swarm folder aside, "
          "start Docker.")


@dataclass(frozen=True)
class Twins:
    """Hosts that have one engine ID, or one node ID."""

    kind: str
    """``engine`` or ``node``."""
    identifier: str
    hosts: tuple[str, ...]
    same: bool = False
    """Whether they are one machine."""
    member: str = ""
    """The one that is the member of the swarm; empty: none of them is, or it is not known."""
    known_as: str = ""
    """For one machine: the name under which the swarm lists it; empty: under none of them."""
    belongs: bool = False
    """Whether any of them is, or may be, a member of the swarm."""

    @property
    def fact(self) -> str:
        """What is wrong, one sentence."""
        names = " and ".join(self.hosts)
        if self.same:
            return (f"{names} are one machine under {len(self.hosts)} names of the inventory (one {self.kind} ID, "
                    f"{self.identifier}, one hostname and the same addresses).")
        which = f" {self.member} is the member of the swarm." if self.member else ""
        return f"{names} have one {self.kind} ID ({self.identifier}): they are clones of one machine.{which}"

    @property
    def remedy(self) -> str:
        """What to do about it, and to which of them."""
        if self.same:
            keep = f" The swarm knows it as {self.known_as}." if self.known_as else ""
            return f"Take all of these names but one out of the inventory, or correct their ansible_host.{keep}"
        if self.member:
            clones = ", ".join(host for host in self.hosts if host != self.member)
            return f"On {clones}, and not on {self.member}: {_FRESH}"
        if self.belongs:
            return (f"Which of them is the member is not known here. Compare the address in docker node inspect with "
                    f"theirs, and leave that one alone. On the others: {_FRESH}")
        return f"On all of them but one: {_FRESH}"


def find(facts: Sequence[HostFacts], nodes: Sequence[Node], others: Mapping[str, Sequence[str]] | None = None
         ) -> list[Twins]:
    """The hosts that have one identity, by their engine IDs and by their node IDs.

    :param facts: of the hosts that answered.
    :param nodes: of the swarm; empty: there is none, or it cannot be read.
    :param others: hosts that were not asked, by the node ID that the swarm lists for them.
    """
    by_engine: dict[str, list[str]] = {}
    by_node = {node_id: list(hosts) for node_id, hosts in (others or {}).items()}
    for item in facts:
        if item.engine.id:
            by_engine.setdefault(item.engine.id, []).append(item.host)
        if item.membership.node_id:
            by_node.setdefault(item.membership.node_id, []).append(item.host)
    told = {item.host: item for item in facts}
    found = [_twins(kind, identifier, hosts, told, nodes)
             for kind, by_id in (("engine", by_engine), ("node", by_node))
             for identifier, hosts in sorted(by_id.items()) if len(hosts) > 1]
    # One machine has one node ID as well: said once.
    machines = {one.hosts for one in found if one.same and one.kind == "engine"}
    return [one for one in found if one.kind == "engine" or one.hosts not in machines]


def _twins(
    kind: str, identifier: str, hosts: Sequence[str], facts: Mapping[str, HostFacts], nodes: Sequence[Node]
) -> Twins:
    seen = [facts[host] for host in hosts if host in facts]
    places = [frozenset(one.address for one in item.addresses) for item in seen]
    same = (len(seen) == len(hosts) and bool(places[0]) and len(set(places)) == 1
            and len({item.hostname for item in seen}) == 1)
    listed = {node.id: node for node in nodes}
    own = [(item, listed[item.membership.node_id]) for item in seen if item.membership.node_id in listed]
    if same:
        known_as = next((node.host for _item, node in own if node.host in hosts), "")
        return Twins(kind, identifier, tuple(hosts), True, known_as=known_as, belongs=bool(own))
    there = [item.host for item, node in own if _is_at(item, node)]
    # One that was not asked is there by the swarm's own word.
    there += [node.host for node in nodes if node.host in hosts and node.host not in facts]
    belongs = bool(own) or any(item.membership.state not in ("", "inactive") for item in seen) or len(seen) < len(hosts)
    return Twins(kind, identifier, tuple(hosts), member=there[0] if len(there) == 1 else "", belongs=belongs)


def _is_at(item: HostFacts, node: Node) -> bool:
    """Whether the swarm reaches this node at an address of this host."""
    known = address_of(node.manager_addr) if node.manager_addr else node.addr
    return known in {one.address for one in item.addresses}
