# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A swarm that provisioning must not touch as it is: each run says why, and which playbook does it. Nothing changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.workload import IMAGE
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_unchanged, by_hostname, eventually, host, look, settled, swarm

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]


@pytest.fixture(scope="module")
def wanted(lab: Lab, operator: Operator, inventories: Inventories) -> Path:
    """The inventory of a swarm that stands."""
    path = inventories.write(MANAGERS, WORKERS)
    operator.provision(path)
    return path


def leaderless(lab: Lab, name: str) -> bool:
    return lab.node(name).run("docker node ls", check=False).returncode != 0


def test_another_swarm_than_the_inventory_is_about(lab: Lab, operator: Operator, wanted: Path) -> None:
    before = look(lab)
    run = operator.run("provision", wanted, swarm_id="0123456789abcdefghijklmno")
    assert not run.ok, run.report
    assert swarm(host(lab, "m1"))["ID"] in run.failures, run.report
    assert "0123456789abcdefghijklmno" in run.failures, run.report
    assert_unchanged(lab, before)


def test_a_service_that_would_be_homeless(lab: Lab, operator: Operator, inventories: Inventories, wanted: Path) -> None:
    lab.node("m1").run(
        f"docker service create --detach --quiet --no-resolve-image --name picky --constraint node.hostname==w2 {IMAGE}"
    )
    try:
        before = look(lab)
        for different in (
            inventories.write(MANAGERS, ["w1"], absent=["w2"]),
            inventories.write(MANAGERS, WORKERS, hosts={"w2": {"swarm_availability": "drain"}}),
        ):
            run = operator.run("provision", different)
            assert not run.ok, run.report
            assert "Service picky would have no node left" in run.failures, run.report
            assert "node.hostname==w2" in run.failures, run.report
            assert "-e swarm_allow_homeless_services=true" in run.failures, run.report
            assert_unchanged(lab, before)
    finally:
        lab.node("m1").run("docker service rm picky")


def test_a_swarm_without_a_quorum(lab: Lab, operator: Operator, wanted: Path) -> None:
    lab.split(["m1"], ["m2", "m3"])
    lab.split(["m2"], ["m3"])
    try:
        with ThreadPoolExecutor() as pool:
            eventually(lambda: all(pool.map(lambda name: leaderless(lab, name), MANAGERS)), "nobody has a leader")
        before = look(lab)
        run = operator.run("provision", wanted)
        assert not run.ok, run.report
        assert "finds no leader" in run.failures, run.report
        assert "ansible-playbook quorum.swarm.recover" in run.failures, run.report
        assert not run.changed
        assert_unchanged(lab, before)
    finally:
        lab.heal()
    # Managers that were cut off from each other dial anew after ever longer waits, and then vote.
    eventually(lambda: not leaderless(lab, "m1"), "there is a leader again", seconds=180)
    eventually(lambda: all(n.state == "ready" for n in by_hostname(host(lab, "m1")).values()), "all nodes are ready")


def test_a_swarm_that_has_split(lab: Lab, operator: Operator, wanted: Path) -> None:
    lab.split(["m1"], ["m2", "m3", "w1", "w2"])
    try:
        lab.node("m1").run(f"docker swarm init --force-new-cluster --advertise-addr {lab.node('m1').addr}")
        eventually(lambda: not leaderless(lab, "m2"), "the others have a leader")
        before = settled(lab)
        run = operator.run("provision", wanted)
        assert not run.ok, run.report
        assert "Two swarms share the ID" in run.failures, run.report
        assert not run.changed
        assert_unchanged(lab, before)
    finally:
        lab.reset()
