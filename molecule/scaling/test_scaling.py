# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The swarm follows the inventory, up and down, and no request fails on a node that stays.

A web server runs on every worker (a global service on a host port), and is asked five times a second while playbooks
run. Each test says from which swarm it begins; the ones that follow each other fit, so that this costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.workload import SERVICE
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_swarm, assert_unchanged, by_hostname, eventually, host, look, members, tasks

PERIOD, PATIENCE = 0.2, 5.0
"""Seconds: how often the workload is asked on each node, and how long an answer may take. A closed port is told at
once, so the patience hides no outage; and a busy machine is none."""

Given = Callable[..., Path]


@pytest.fixture
def given(lab: Lab, operator: Operator, inventories: Inventories) -> Given:
    """Bring the swarm to where a test begins, with the workload on every worker."""

    def make(managers: list[str], workers: list[str], **zones: str) -> Path:
        names = {node.name for node in lab.nodes}
        there = _members(lab)
        gone = sorted((names & there) - {*managers, *workers})
        wanted = inventories.write(managers, workers, gone, hosts=in_zones(**zones))
        operator.provision(wanted)
        lab.workload_up(managers[0])
        return wanted

    return make


def in_zones(**zones: str) -> dict[str, dict[str, str]]:
    """Host variables for inventories."""
    return {name: {"swarm_zone": zone} for name, zone in zones.items()}


def _members(lab: Lab) -> set[str]:
    for node in lab.nodes:
        if node.run("docker node ls", check=False).returncode == 0:
            return {member.hostname for member in members(host(lab, node.name))}
    return set()


@contextmanager
def served(lab: Lab, nodes: Iterable[str]) -> Iterator[None]:
    """While this runs no request to these nodes fails."""
    with lab.probe(list(nodes), period=PERIOD, timeout=PATIENCE) as probe:
        yield
    assert probe.requests > 5
    assert probe.failures == []


def leader(lab: Lab, asked: str) -> str:
    return next(node.hostname for node in members(host(lab, asked)) if node.leader)


def test_three_managers_become_five_then_seven_then_three(
    lab: Lab, operator: Operator, inventories: Inventories, given: Given
) -> None:
    given(["m1", "m2", "m3"], ["w1", "w2"])
    assert_swarm(lab, ["m1", "m2", "m3"], ["w1", "w2"])

    five = ["m1", "m2", "m3", "m4", "m5"]
    with served(lab, ["w1", "w2"]):
        operator.provision(inventories.write(five, ["w1", "w2"]))
    assert_swarm(lab, five, ["w1", "w2"])

    seven, zones = [*five, "w2", "s1"], {"w2": "c", "s1": "a"}
    with served(lab, ["w1"]):
        wanted = inventories.write(seven, ["w1"], hosts=in_zones(**zones))
        operator.provision(wanted)
    assert_swarm(lab, seven, ["w1"], zones)
    assert not operator.provision(wanted).changed

    found = by_hostname(host(lab, "m1"))
    all_tasks = tasks(host(lab, "m1"), SERVICE)
    ran_on = {task["NodeID"] for task in all_tasks}
    assert ran_on >= {found["w1"].id, found["w2"].id}
    # Not one task, of all that ever were, had a manager to run on; w2 had its own while it was a worker.
    assert ran_on.isdisjoint(found[name].id for name in seven if name != "w2")
    assert {task["DesiredState"] for task in all_tasks if task["NodeID"] == found["w2"].id} == {"shutdown"}

    with served(lab, ["w1"]):
        run = operator.provision(inventories.write(["m1", "m2", "m3"], ["w1", "m4"], absent=["m5", "w2", "s1"]))
    assert sorted(run.planned("demote")) == ["m4", "m5", "s1", "w2"]
    assert_swarm(lab, ["m1", "m2", "m3"], ["w1", "m4"])
    for name in ("m5", "w2", "s1"):
        assert lab.node(name).run("docker info --format '{{.Swarm.LocalNodeState}}'").stdout.strip() == "inactive"
    eventually(lambda: by_hostname(host(lab, "m1"))["m4"].id in {t["NodeID"] for t in tasks(host(lab, "m1"), SERVICE)},
               "m4 has tasks, now that it is a worker")  # fmt: skip


def test_the_leader_is_replaced(lab: Lab, operator: Operator, inventories: Inventories, given: Given) -> None:
    given(["m1", "m2", "m3"], ["w1", "m4"])
    old = leader(lab, "m1")
    stay = [name for name in ("m1", "m2", "m3") if name != old]
    zone = str(lab.node(old).zone)
    with served(lab, ["w1", "m4"]):
        run = operator.provision(inventories.write([*stay, "m5"], ["w1", "m4"], absent=[old], hosts=in_zones(m5=zone)))
    kinds = [(kind, name) for kind, name, _ in run.plan]
    assert kinds.index(("promote", "m5")) < kinds.index(("demote", old))
    assert_swarm(lab, [*stay, "m5"], ["w1", "m4"], {"m5": zone})


def test_a_manager_moves_to_another_zone_and_nothing_else_happens(
    lab: Lab, operator: Operator, inventories: Inventories, given: Given
) -> None:
    given(["m1", "m2", "m3"], ["w1", "m4"])
    before = members(host(lab, "m1"))
    with served(lab, ["w1", "m4"]):
        run = operator.provision(inventories.write(["m1", "m2", "m3"], ["w1", "m4"], hosts=in_zones(m3="d")))
    assert run.plan == [("update", "m3", "label zone=d")]
    assert_swarm(lab, ["m1", "m2", "m3"], ["w1", "m4"], {"m3": "d"})
    after = members(host(lab, "m1"))
    assert [(node.id, node.leader) for node in after] == [(node.id, node.leader) for node in before]


def test_workers_come_and_go(lab: Lab, operator: Operator, inventories: Inventories, given: Given) -> None:
    given(["m1", "m2", "m3"], ["w1", "m4"])
    with served(lab, ["w1"]):
        operator.provision(
            inventories.write(["m1", "m2", "m3"], ["w1", "w2", "s1"], absent=["m4"], hosts=in_zones(s1="c"))
        )
    assert_swarm(lab, ["m1", "m2", "m3"], ["w1", "w2", "s1"], {"s1": "c"})
    with served(lab, ["w1"]):
        gone = inventories.write(["m1", "m2", "m3"], ["w1"], absent=["w2", "s1", "m4"])
        operator.provision(gone)
    assert_swarm(lab, ["m1", "m2", "m3"], ["w1"])
    assert not operator.provision(gone).changed


def test_hosts_that_the_inventory_forgot(lab: Lab, operator: Operator, inventories: Inventories, given: Given) -> None:
    given(["m1", "m2", "m3"], ["w1", "w2"])
    before = look(lab)
    run = operator.provision(inventories.write(["m1", "m2", "m3"], ["w1"]))
    assert "w2" in run.output
    assert "is a worker that the inventory does not list" in run.output, run.report
    refused = operator.run("provision", inventories.write(["m1", "m2"], ["w1", "w2"]), swarm_allow_two_managers=True)
    assert not refused.ok, refused.report
    assert "m3" in refused.failures
    assert "is a manager that the inventory does not list" in refused.failures
    assert "swarm_allow_unlisted_managers" in refused.failures
    assert_unchanged(lab, before)


def test_hosts_that_are_gone_for_good(lab: Lab, operator: Operator, inventories: Inventories, given: Given) -> None:
    given(["m1", "m2", "m3"], ["w1", "w2"])
    lab.node("m3").kill()
    lab.node("w2").kill()
    try:
        wanted = inventories.write(["m1", "m2", "m4"], ["w1"], absent=["m3", "w2"], hosts=in_zones(m4="c"))
        eventually(lambda: {n.hostname for n in members(host(lab, "m1")) if n.state == "down"} == {"m3", "w2"}, "down")
        eventually(lambda: by_hostname(host(lab, "m1"))["m3"].reachability == "unreachable", "m3 is unreachable")
        before = look(lab)
        refused = operator.run("provision", wanted)
        assert not refused.ok, refused.report
        for name in ("m3", "w2"):
            assert f"{name} is to be taken out and does not answer" in refused.failures, refused.report
        assert "swarm_force=true" in refused.failures
        assert_unchanged(lab, before)
        with served(lab, ["w1"]):
            operator.provision(wanted, swarm_force=True)
        assert_swarm(lab, ["m1", "m2", "m4"], ["w1"], {"m4": "c"})
    finally:
        lab.reset(["m3", "w2"])


def test_what_would_cost_the_quorum_is_refused(
    lab: Lab, operator: Operator, inventories: Inventories, given: Given
) -> None:
    given(["m1", "m2", "m4"], ["w1"], m4="c")
    lab.node("m4").kill()
    try:
        eventually(lambda: by_hostname(host(lab, "m1"))["m4"].reachability == "unreachable", "m4 is unreachable")
        before = look(lab)
        wanted = inventories.write(["m1"], ["w1"], absent=["m2"])
        allowances = {"swarm_allow_unlisted_managers": True, "swarm_allow_two_managers": True}
        run = operator.run("provision", wanted, swarm_allow_single_manager=True, **allowances)
        assert not run.ok, run.report
        assert "no majority" in run.failures, run.report
        assert_unchanged(lab, before)
        # Whatever a playbook believes: the modules refuse by themselves.
        for module, options in (
            ("swarm_topology", {"absent": [{"host": "m2"}], "allow": ["swarm_allow_two_managers"]}),
            ("swarm_member", {"state": "absent", "force": True}),
        ):
            operator.module("m2" if module == "swarm_member" else "m1", wanted, module, **options)
            assert {n.hostname for n in members(host(lab, "m1")) if n.role == "manager"} == {"m1", "m2", "m4"}
    finally:
        lab.reset()
