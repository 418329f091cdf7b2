# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology says when it is done, over a scripted engine. What it does is planned in core/plan.py, and tried on
real engines by the scenarios."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Removal
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.topology import Outcome, Topology

from tests.unit.modules.conftest import Host
from tests.unit.modules.scripted import Script


def entry(node_id: str, state: str, **more: Any) -> dict[str, Any]:
    """A node as the engine lists it."""
    return {"ID": node_id, "Version": {"Index": 4}, "Status": {"State": state}, "Description": {"Hostname": node_id},
            "Spec": {"Role": "manager", "Availability": "drain", "Labels": {}}, **more}  # fmt: skip


OWN = entry("m1", "ready", ManagerStatus={"Leader": True, "Reachability": "reachable", "Addr": "198.51.100.11:2377"})
AWAY, GONE = entry("m2", "unknown"), entry("m3", "unknown")


@pytest.fixture
def forced(script: Script, here: Host) -> Script:
    """A manager that was made the only one: another is to come back, a third was given up."""
    here.is_at("active", ControlAvailable=True, NodeID="m1", NodeAddr="198.51.100.11")
    script.say("GET /swarm", (200, {"ID": "s1", "Version": {"Index": 9}, "Spec": {}}))
    return script


def topology(script: Script, **wanted: Any) -> Topology:
    engine = Engine(script.host)
    return Topology(engine, wanted.get("orders", ()), wanted.get("removals", ()), Holder(engine, ""),
                    frozenset({"swarm_allow_two_managers"}), timeout=1.0)  # fmt: skip


def params(script: Script) -> dict[str, Any]:
    return {"docker_host": script.host, "api_timeout": 5.0, "gather": ("nodes", "swarm")}


def test_who_removes_an_entry_does_not_wait_for_those_that_come_back_after_it(forced: Script) -> None:
    forced.say("GET /nodes", (200, [OWN, AWAY, GONE]), (200, [OWN, AWAY, GONE]), (200, [OWN, AWAY]))
    forced.say("DELETE /nodes/m3", (200, None))
    removes = topology(forced, removals=[Removal("m3, entry m3", "m3", live=False, entry=True)])
    outcome = Outcome()
    removes.settle("m1", outcome)
    assert [(step.kind, step.node_id) for step in outcome.done] == [("remove", "m3")]
    before = len(forced.said("GET /nodes"))
    facts = removes.facts(params(forced))
    assert [node["id"] for node in facts["nodes"]] == ["m1", "m2"]
    assert len(forced.said("GET /nodes")) == before + 1


def test_who_puts_a_node_in_its_place_waits_until_it_is_there(forced: Script) -> None:
    back = {**AWAY, "Status": {"State": "ready"}, "ManagerStatus": {"Reachability": "reachable", "Addr": "m2:2377"}}
    forced.say("GET /nodes", (200, [OWN, AWAY]), (200, [OWN, back]))
    facts = topology(forced, orders=[Order("m2", "manager", "drain", {}, "m2")]).facts(params(forced))
    assert [node["state"] for node in facts["nodes"]] == ["ready", "ready"]
