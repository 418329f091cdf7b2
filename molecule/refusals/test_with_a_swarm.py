# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A swarm that provisioning must not touch as it is: each run says why, and which playbook does it. Nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


PROMOTED: dict[str, Any] = {"managers": [*MANAGERS, *WORKERS], "hosts": {"w1": {"swarm_zone": "a"}}}
"""Two workers become managers."""
NEW: dict[str, Any] = {"managers": [*MANAGERS, "w2", "m4"], "workers": ["w1"]}
"""A worker becomes a manager, and a host without a swarm does."""


@contextmanager
def closed(lab: Lab, name: str, verdict: str, peer: str = "") -> Iterator[None]:
    """A firewall on a host closes port 2377, for all others or for one."""
    source = f"--source {lab.node(peer).addr} " if peer else ""
    rule = f"INPUT {source}--in-interface eth0 --protocol tcp --dport 2377 --jump {verdict}"
    lab.node(name).run(f"iptables -w -I {rule}")
    try:
        yield
    finally:
        lab.node(name).run(f"iptables -w -D {rule}")


@pytest.mark.parametrize(
    ("different", "name", "verdict", "peer"),
    [
        (PROMOTED, "w1", "DROP", ""),
        (PROMOTED, "w1", "REJECT --reject-with tcp-reset", ""),
        (PROMOTED, "w1", "REJECT", "m3"),
        (NEW, "m4", "REJECT", ""),
    ],
)
def test_a_host_that_the_managers_do_not_reach_becomes_none(
    different: dict[str, Any], name: str, verdict: str, peer: str, lab: Lab, operator: Operator,
    inventories: Inventories, wanted: Path,
) -> None:  # fmt: skip
    before = look(lab)
    with closed(lab, name, verdict, peer):
        for arguments in ((), ("--check",)):
            run = operator.run("provision", inventories.write(**different), *arguments)
            assert not run.ok, run.report
            assert f"{name} shall be a manager, and {peer or 'none of the managers'} " in run.failures, run.report
            assert f"{lab.node(name).addr}:2377/tcp" in run.failures, run.report
            assert "-e swarm_allow_blocked_ports=true" in run.failures, run.report
    assert_unchanged(lab, before)


def test_a_promotion_that_does_not_come_true_is_no_lost_voter(
    lab: Lab, operator: Operator, inventories: Inventories, wanted: Path
) -> None:
    """Docker's own command promotes a worker that the managers do not reach: the raft has three members, all there."""
    by_manager = host(lab, "m1")
    with closed(lab, "w1", "REJECT"):
        lab.node("m1").run("docker node promote w1")
        ask = "docker info --format '{{.Swarm.Error}}'"
        eventually(lambda: "can't initialize" in lab.node("w1").run(ask).stdout, "it is not taken into the raft")
        said = operator.run("health", inventories.write(**PROMOTED), swarm_health_fail_on="never")
        assert "3 voters, 3 reachable" in said.output, said.report
        assert "promotion_pending" in said.output, said.report
        assert "quorum_at_risk" not in said.output, said.report
        for _again in range(2):
            run = operator.run("provision", inventories.write(**PROMOTED))
            assert not run.ok, run.report
            assert "w1 shall be a manager, and none of the managers reaches it" in run.failures, run.report
    eventually(lambda: by_hostname(by_manager)["w1"].reachability == "reachable", "its engine tries again by itself",
               seconds=90)  # fmt: skip
    operator.provision(wanted)
    assert by_hostname(by_manager)["w1"].role == "worker"
    # Its certificate follows a few seconds later, and would be a change to the test after this one.
    role = "openssl x509 -noout -subject -in /var/lib/docker/swarm/certificates/swarm-node.crt"
    eventually(lambda: "swarm-worker" in lab.node("w1").run(role).stdout, "w1 has a worker's certificate")


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
