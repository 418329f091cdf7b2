# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifted is shown exactly and mended exactly; what must not be mended by guessing is refused.

Every test begins with the converged swarm of five managers and two workers.
"""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import (
    assert_swarm,
    assert_unchanged,
    by_hostname,
    eventually,
    host,
    look,
    members,
    membership,
    settled,
)

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]


@pytest.fixture(autouse=True)
def _converged(lab: Lab, operator: Operator) -> None:
    operator.provision(lab.inventory)


def docker(lab: Lab, command: str, node: str = "m1") -> str:
    """Somebody types a docker command."""
    return lab.node(node).run(f"docker {command}").stdout.strip()


def begin_join(lab: Lab, name: str, token: str, addr: str) -> None:
    """A join that gets no answer and is given up by whoever typed it: the engine stays half-way."""
    lab.node(name).run(f"timeout 10 docker swarm join --token {token} {addr}:2377", check=False)
    eventually(lambda: membership(host(lab, name))["LocalNodeState"] in ("pending", "error"), f"{name} has half joined")


def test_drift_is_shown_exactly_and_mended_exactly(lab: Lab, operator: Operator, inventories: Inventories) -> None:
    wanted = inventories.write(MANAGERS, WORKERS, hosts={"w1": {"swarm_labels": {"disk": "ssd", "tier": "gold"}}})
    operator.provision(wanted)
    assert {"disk": "ssd", "tier": "gold"}.items() <= by_hostname(host(lab, "m1"))["w1"].labels.items()

    docker(lab, "node update --availability active m2")
    docker(lab, "node update --label-add zone=nowhere m3")
    docker(lab, "node update --availability drain --label-add owner=ops w1")
    docker(lab, "node update --label-add owner=ops w2")
    docker(lab, "node demote m5")
    docker(lab, "node promote w2")
    wanted = inventories.write(MANAGERS, WORKERS, hosts={"w1": {"swarm_labels": {"disk": "ssd"}}})
    before = settled(lab)
    shown = operator.provision(wanted, "--check", "--diff")
    assert sorted(shown.plan) == [
        ("demote", "w2", "w2 shall be a worker"),
        ("promote", "m5", "m5 shall be a manager"),
        ("update", "m2", "availability active → drain"),
        ("update", "m3", "label zone=c"),
        ("update", "w1", "availability drain → active, label tier dropped"),
    ]
    assert set(shown.changed) == {"m2", "m3", "m5", "w1", "w2"}
    assert "+update: availability drain → active, label tier dropped" in shown.output
    assert_unchanged(lab, before)

    operator.provision(wanted)
    assert_swarm(lab, MANAGERS, WORKERS)
    found = by_hostname(host(lab, "m1"))
    assert found["w1"].others_labels == {"zone": "a", "disk": "ssd", "owner": "ops"}
    assert found["w2"].others_labels == {"zone": "b", "owner": "ops"}
    assert not operator.provision(wanted).changed


def test_a_host_that_left_comes_back_and_leaves_no_ghost(lab: Lab, operator: Operator) -> None:
    before = by_hostname(host(lab, "m1"))
    docker(lab, "swarm leave", "w1")
    docker(lab, "swarm leave --force", "m5")
    # A swarm takes a moment to notice; until then it calls them ready, and only the managers are asked themselves.
    eventually(lambda: by_hostname(host(lab, "m1"))["w1"].state == "down", "w1 is listed as down")
    run = operator.provision(lab.inventory)
    assert {"w1", "m5"} <= set(run.planned("join")), run.report
    assert_swarm(lab, MANAGERS, WORKERS)
    after = by_hostname(host(lab, "m1"))
    assert {name for name, node in after.items() if node.id != before[name].id} == {"w1", "m5"}
    assert not operator.provision(lab.inventory).changed


def test_a_join_that_stopped_half_way_is_finished(lab: Lab, operator: Operator) -> None:
    token = docker(lab, "swarm join-token --quiet worker")
    docker(lab, "swarm leave", "w2")
    docker(lab, "node rm --force w2")
    lab.split(["w2"], MANAGERS)
    begin_join(lab, "w2", token, lab.node("m1").addr)
    lab.heal()
    run = operator.provision(lab.inventory)
    assert_swarm(lab, MANAGERS, WORKERS)
    assert set(run.changed) <= {"w2", "m1"}


def test_a_host_of_another_swarm_is_refused(lab: Lab, operator: Operator, inventories: Inventories) -> None:
    docker(lab, f"swarm init --advertise-addr {lab.node('s1').addr}", "s1")
    try:
        before = look(lab)
        for wanted in (
            inventories.write(MANAGERS, [*WORKERS, "s1"]),
            inventories.write([*MANAGERS[:4], "s1"], WORKERS),
        ):
            run = operator.run("provision", wanted)
            assert not run.ok, run.report
            assert "s1 belongs to" in run.failures or "s1: swarm" in run.failures, run.report
            assert_unchanged(lab, before)
    finally:
        lab.reset(["s1"])


def test_a_worker_that_does_not_answer_is_reported_and_the_rest_goes_on(lab: Lab, operator: Operator) -> None:
    lab.node("w2").kill()
    try:
        docker(lab, "node update --availability drain w1")
        eventually(lambda: by_hostname(host(lab, "m1"))["w2"].state == "down", "w2 is listed as down")
        run = operator.run("provision", lab.inventory)
        assert by_hostname(host(lab, "m1"))["w1"].availability == "active", run.report
        assert "w2" in by_hostname(host(lab, "m1"))
        assert not run.ok, run.report
        assert "w2" in run.failures, run.report
    finally:
        lab.node("w2").start()
    eventually(lambda: by_hostname(host(lab, "m1"))["w2"].state == "ready", "w2 is back")
    assert not operator.provision(lab.inventory).changed


def test_while_a_manager_does_not_answer_no_membership_changes(
    lab: Lab, operator: Operator, inventories: Inventories
) -> None:
    docker(lab, "node update --availability drain w1")
    wanted = inventories.write(MANAGERS, ["w1", "s1"], absent=["w2"])
    before = {node.id for node in members(host(lab, "m1"))}
    m5 = lab.node("m5")
    m5.run("systemctl stop ssh.socket ssh.service; pkill -KILL sshd", check=False)
    try:
        run = operator.run("provision", wanted)
    finally:
        m5.run("systemctl start ssh.service")
    assert not run.ok, run.report
    assert "m5 does not answer" in run.failures, run.report
    assert "no membership is changed" in run.failures, run.report
    found = members(host(lab, "m1"))
    assert {node.id for node in found} == before
    assert [node.availability for node in found if node.hostname == "w1"] == ["active"], run.report
    assert [node.availability for node in found if node.hostname == "w2"] == ["active"], run.report


def test_another_address_for_a_manager_is_refused_with_the_playbook_that_does_it(
    lab: Lab, operator: Operator, inventories: Inventories
) -> None:
    other = lab.node("m2").addr.rpartition(".")[0] + ".212"
    lab.node("m2").run(f"ip address add {other}/24 dev eth0")
    try:
        before = look(lab)
        run = operator.run(
            "provision", inventories.write(MANAGERS, WORKERS, hosts={"m2": {"swarm_advertise_addr": other}})
        )
        assert not run.ok, run.report
        assert f"m2 is advertised at {lab.node('m2').addr}" in run.failures, run.report
        assert "ansible-playbook quorum.swarm.readdress -e swarm_node=m2" in run.failures, run.report
        assert_unchanged(lab, before)
    finally:
        lab.node("m2").run(f"ip address del {other}/24 dev eth0")
