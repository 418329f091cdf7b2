# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a host comes back to a swarm that was restored or recovered, from what lies on its disk.

Pure. A node keeps its ID, and with it its labels and its availability, as long as that is safe: its certificate is the
swarm's and still valid, and the swarm lists the node.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership

NONE = "none"
"""Nothing of a swarm is here: it joins as a new node."""
RECONNECTED = "reconnected"
"""It runs and knows the manager: it comes back by itself, and its tasks run on."""
POINTED = "pointed"
"""It is told the manager's address while its engine stands still, and comes back as the node that it was."""
CLEANED = "cleaned"
"""What is here is moved aside: it joins as a new node."""


def way(
    membership: Membership,
    certificate: tuple[str, str, bool, datetime] | None,
    raft_log: bool,
    known_managers: Sequence[tuple[str, str]],
    swarm_id: str,
    node_ids: Collection[str],
    managers: Sequence[tuple[str, str]],
    now: datetime,
    keep: bool = True,
    restart: bool = False,
) -> str:
    """One of the words above.

    :param membership: what the engine says; the state is empty where it does not run.
    :param certificate: swarm, node, whether it is a manager's, and when it ends; None: there is none.
    :param raft_log: whether a manager's log lies here.
    :param known_managers: (node ID, raft address) of those that the node would contact.
    :param node_ids: the nodes that the swarm lists, and that may come back as they are.
    :param managers: (node ID, raft address) of the swarm's managers now.
    :param keep: False: it is cleaned in any case.
    :param restart: a worker that came back by itself is told all the same, so that its engine is started anew.
    """
    if certificate is None and not raft_log and membership.state in ("", "inactive"):
        return NONE
    if certificate is None or not keep:
        return CLEANED
    swarm, node, is_manager, ends = certificate
    if swarm != swarm_id or node not in node_ids or ends <= now:
        return CLEANED
    addresses = {address for _node, address in known_managers}
    runs = membership.state == "active" and not restart
    if not is_manager and not raft_log and runs and addresses & {one[1] for one in managers}:
        return RECONNECTED
    return POINTED
