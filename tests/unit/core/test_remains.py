# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of members of a swarm that no manager of the inventory reads; the gate before an init is in golden/."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.quorum.swarm.plugins.module_utils.core import remains
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Engine, HostFacts, LocalState, Membership

WANTED = Wanted((WantedNode("m1", "manager"), WantedNode("w1", "worker")))
MANAGER = HostFacts(
    "w1", "w1", engine=Engine(True, True), membership=Membership("active", "n1", control=True),
    state=LocalState(swarm_id="other", node_id="n1", role="manager", raft_log=True))


def remedy(item: HostFacts) -> str:
    return remains._without_managers("other", [item], {"w1": item}, WANTED, {}).remedy


def test_a_manager_of_another_swarm_that_works_is_the_inventorys_mistake() -> None:
    assert "correct the inventory" in remedy(MANAGER)
    assert "recover" not in remedy(MANAGER)


def test_a_manager_without_a_leader_has_the_log_that_brings_it_back() -> None:
    said = remedy(replace(MANAGER, membership=replace(MANAGER.membership, error="The swarm does not have a leader.")))
    assert said == "w1 has its log: ansible-playbook quorum.swarm.recover -e swarm_id=other"
