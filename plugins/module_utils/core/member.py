# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one host is, relative to the swarm that it is meant to belong to.

Pure. The engine says only "active" or "pending"; whether that means a member of *this* swarm, of another one, or a join
that never finished, is told from the node IDs that the swarm lists and from the node's own certificate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node

DEFAULT_PORT = 2377

NONE = "none"
"""In no swarm."""
LEFTOVER = "leftover"
"""In no swarm as far as the engine goes, but the state of one lies there, which a new membership would destroy: a
manager's raft log, or the certificate of a node that this swarm does not list."""
MEMBER = "member"
"""A working member of this swarm."""
BROKEN = "broken"
"""A node that this swarm lists, and that cannot take part."""
LOCKED = "locked"
"""A locked manager, of whichever swarm."""
HALF_JOINED = "half_joined"
"""A join that did not get as far as a certificate: it belongs to nobody yet."""
REMOVED = "removed"
"""A worker that follows this swarm's managers, which do not list it any more."""
FOREIGN = "foreign"
"""A node of another swarm."""


@dataclass(frozen=True)
class Certificate:
    """What the node's own certificate says of it."""

    node: str
    swarm: str
    manager: bool


def with_port(address: str) -> str:
    """``address:port`` of a manager; port 2377 where none is given. IPv6 addresses with a port are in brackets."""
    if address.startswith("["):
        return address if "]:" in address else f"{address}:{DEFAULT_PORT}"
    if address.count(":") > 1:
        return f"[{address}]:{DEFAULT_PORT}"
    return address if ":" in address else f"{address}:{DEFAULT_PORT}"


def place(
    membership: Membership,
    certificate: Certificate | None,
    raft_log: bool,
    known_nodes: Collection[str],
    managers: Iterable[str],
) -> str:
    """One of the words above.

    :param certificate: the node's own, None where it has none.
    :param raft_log: whether a manager's raft log lies in the state directory.
    :param known_nodes: the node IDs that this swarm lists.
    :param managers: the addresses of this swarm's managers.
    """
    if membership.state in ("", "inactive"):
        stranger = certificate is not None and certificate.node not in known_nodes
        return LEFTOVER if raft_log or stranger else NONE
    if membership.state == "locked":
        return LOCKED
    node_id = membership.node_id or (certificate.node if certificate else "")
    if node_id and node_id in known_nodes:
        return MEMBER if membership.state == "active" else BROKEN
    is_manager = raft_log or membership.control or bool(certificate and certificate.manager)
    if is_manager:
        return FOREIGN
    if certificate is None and membership.state != "active":
        return HALF_JOINED
    followed = {with_port(address) for _id, address in membership.remote_managers}
    return REMOVED if followed & {with_port(address) for address in managers} else FOREIGN


def may_be_made(membership: Membership, has_state: bool) -> bool:
    """Whether a swarm may be in the making on this host at this moment: how it reads then, and not only then.

    :param has_state: whether a certificate or a raft log lies on the disk.

    First there are a certificate and a raft log, then the first manager is pending, then a worker in its own eyes,
    then a manager that finds no leader; all within seconds.
    """
    if membership.state == "active":
        return not membership.control or bool(membership.error)
    return membership.state == "pending" or (has_state and membership.state in ("", "inactive"))


def taken_out(membership: Membership, certificate: Certificate | None, known_nodes: Collection[str]) -> bool:
    """Whether the swarm that lists ``known_nodes`` does not list this node any more.

    A locked manager does not name its node, so its certificate is asked; where neither does, nothing is known: False.
    """
    node_id = membership.node_id or (certificate.node if certificate else "")
    return bool(node_id and known_nodes) and node_id not in known_nodes


def why_no_leave(nodes: Sequence[Node], own_id: str) -> str:
    """Why this manager may not leave its swarm by force, one sentence; empty where it may.

    A manager that leaves by force remains a voter, and an unreachable one: to the quorum it is a manager that was
    switched off. The only manager may leave; that ends the swarm, which is what was asked for.
    """
    voters = [node for node in nodes if node.voter]
    reachable = [node for node in voters if node.reachable]
    if [node.id for node in voters] == [own_id]:
        return ""
    own_is_reachable = any(node.id == own_id for node in reachable)
    if quorum.survives_stop(len(voters), len(reachable), 1 if own_is_reachable else 0):
        return ""
    left = len(reachable) - (1 if own_is_reachable else 0)
    return (
        f"{left} of {len(voters)} managers would be reachable, and {quorum.majority(len(voters))} are needed: "
        "the swarm would lose its quorum."
    )
