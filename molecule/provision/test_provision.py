# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What provisioning left: exactly the wanted swarm, seen from each of its hosts; and a third run has nothing to do."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from tests.lab.lab import Lab
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_swarm, assert_unchanged, eventually, look, membership

testinfra_hosts = ["ansible://swarm_managers", "ansible://swarm_workers"]


@pytest.fixture
def is_manager(host: Host, lab: Lab) -> bool:
    """Whether the inventory has this host among the managers."""
    return host.check_output("uname -n") in [node.name for node in lab.managers]


def test_the_swarm_is_the_wanted_one(lab: Lab) -> None:
    assert_swarm(lab, [node.name for node in lab.managers], [node.name for node in lab.workers])


def test_the_host_is_an_active_member(host: Host, is_manager: bool) -> None:
    own = membership(host)
    assert own["LocalNodeState"] == "active"
    assert own["ControlAvailable"] is is_manager
    assert own["Error"] == ""


def test_a_manager_is_advertised_at_its_static_address(host: Host, lab: Lab, is_manager: bool) -> None:
    if is_manager:
        assert membership(host)["NodeAddr"] == lab.node(host.check_output("uname -n")).addr

    def knows_all() -> bool:
        peers = sorted(peer["Addr"] for peer in membership(host)["RemoteManagers"])
        return peers == [f"{node.addr}:2377" for node in lab.managers]

    # A node is told of new managers a moment after they are.
    eventually(knows_all, "it knows all managers")


def test_nothing_is_left_on_the_host(host: Host) -> None:
    assert host.run("ls -A /root/.ansible/tmp /tmp | grep -i ansible").stdout == ""
    assert not host.file("/var/lib/quorum.swarm").exists


def test_a_spare_host_is_left_alone(lab: Lab) -> None:
    assert {node.run("docker info --format '{{.Swarm.LocalNodeState}}'").stdout.strip() for node in lab.spares} == {
        "inactive"
    }


def test_a_run_that_has_nothing_to_do_says_so(lab: Lab, operator: Operator) -> None:
    before = look(lab)
    for arguments in ([], ["--check", "--diff"]):
        run = operator.provision(lab.inventory, *arguments)
        assert not run.changed, run.report
        assert run.plan == [], run.report
    assert_unchanged(lab, before)


def test_a_converged_run_asks_no_worker(lab: Lab, operator: Operator) -> None:
    run = operator.provision(lab.inventory)
    assert not {node.name for node in lab.workers} & set(run.recap), run.report
