# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order engines are restarted, whether this one may be stopped for a moment, and whether it has come back.

Pure. ``swarm_engine`` asks the latter two at the moment of acting, with the engine's own fresh answer: whatever a
playbook thought before, a restart that would cost the quorum is refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Membership, Node

ALLOW = "swarm_allow_quorum_pause"
"""The variable that lets a swarm of one or two managers lose its quorum while Docker restarts."""


def is_member(state: str) -> bool:
    """Whether the engine's ``LocalNodeState`` means a member. Only ``inactive`` is none; what is not known counts."""
    return state != "inactive"


def refusal(
    membership: Membership, nodes: Sequence[Node], silent: Collection[str] = (), autolock: bool = False,
    allow_pause: bool = False,
) -> str:
    """Why the engine of this member may not be stopped now, or empty.

    :param membership: what the engine says of itself.
    :param nodes: the swarm as this manager just read it; not looked at on a worker.
    :param silent: IDs of voters that did not answer a connection to their raft address just now. The swarm's own word
        may be 20 s old: a manager that died meanwhile is still listed as reachable.
    :param autolock: whether managers lock themselves when they restart.
    :param allow_pause: in a swarm of one or two managers the quorum is lost while one restarts; this lets it pass.
    """
    if membership.state != "active":
        return (f"its engine says that it is {membership.state or 'of unknown state'} in the swarm, not active. "
                f"ansible-playbook quorum.swarm.health says what is wrong.")
    if not membership.control:
        return ""
    if membership.error:
        return f"the swarm has no quorum ({membership.error}). ansible-playbook quorum.swarm.recover"
    changing = sorted(_name(node) for node in nodes if node.voter != (node.role == "manager"))
    if changing:
        return f"{', '.join(changing)} is between worker and manager at this moment. Run again when that is done."
    voters = [node for node in nodes if node.voter]
    if membership.node_id not in {node.id for node in voters}:
        return f"it calls itself a manager, but the swarm lists no voter {membership.node_id}."
    missing = sorted(_name(node) for node in voters
                     if node.id != membership.node_id and (not node.reachable or node.id in silent))
    if missing:
        return (f"of {len(voters)} managers {', '.join(missing)} cannot be reached, and two are never down at once. "
                f"ansible-playbook quorum.swarm.health says what is wrong.")
    if quorum.survives_stop(len(voters), len(voters)):
        return ""
    if autolock:
        return (f"it is one of {len(voters)} in an autolocked swarm, and nobody could be asked for the unlock key "
                f"meanwhile. Restart it by hand, with the key ready: systemctl restart docker && docker swarm unlock")
    if allow_pause:
        return ""
    return (f"a majority of {len(voters)} is {quorum.majority(len(voters))}: while this manager restarts, the swarm "
            f"has no quorum. Containers on other nodes keep running, but nothing can be changed meanwhile. "
            f"(-e {ALLOW}=true overrides this.)")


def is_back(membership: Membership, nodes: Sequence[Node]) -> bool:
    """Whether a restarted member is back: a worker that the swarm heard from, or a voter that the leader reaches.

    A worker's engine says ``active`` only when its session with a manager stands; ``GET /nodes`` of a manager is
    answered by the leader.
    """
    if membership.state != "active" or membership.error:
        return False
    if not membership.control:
        return True
    return any(node.id == membership.node_id and node.reachable and node.state == "ready" for node in nodes)


def _name(node: Node) -> str:
    return node.host or node.hostname or node.id


@dataclass(frozen=True)
class Order:
    """Whose engine is restarted, one host after the other."""

    workers: tuple[str, ...] = ()
    """First: what goes wrong with a worker goes wrong with no voter."""
    managers: tuple[str, ...] = ()
    """The leader last: the swarm looks for a new one only once."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """For each of them, the manager that is asked meanwhile: another one, where there is one."""
    silent: tuple[HostFacts, ...] = ()
    """Hosts that did not answer, of which nothing is known."""


def order(facts: Sequence[HostFacts]) -> Order:
    """The hosts on which a restart is pending, in the order of the inventory, workers first and the leader last.

    :param facts: what every host of the inventory said.
    """
    waiting = [item for item in facts if item.answered and item.pending_restart]
    tellers = [item for item in facts if item.answered and item.nodes]
    leaders = {node.id for item in tellers for node in item.nodes if node.leader}
    managers = sorted((item for item in waiting if item.membership.control),
                      key=lambda item: item.membership.node_id in leaders)
    asked = {}
    for item in waiting:
        others = [teller.host for teller in tellers if teller.host != item.host]
        asked[item.host] = (others or [item.host])[0]
    return Order(
        tuple(item.host for item in waiting if not item.membership.control),
        tuple(item.host for item in managers),
        asked,
        tuple(item for item in facts if not item.answered),
    )
