# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once, a lease that somebody left behind, and runs that were killed: the swarm ends as it is wanted."""

from __future__ import annotations

import json
import time

import pytest

from tests.lab.lab import Lab
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_swarm, assert_unchanged, by_hostname, host, settled

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]
LABEL = "quorum.swarm/lease"

_SET_LABEL = """
import docker, json, sys
client = docker.APIClient()
swarm = client.inspect_swarm()
spec = swarm["Spec"]
spec["Labels"] = {**(spec.get("Labels") or {}), sys.argv[1]: sys.argv[2]}
client.update_swarm(swarm["Version"]["Index"], swarm_spec=spec)
"""


def leave_lease(lab: Lab, owner: str, *, seconds: float) -> None:
    """Somebody holds the swarm's lease for so many seconds from now."""
    lease = json.dumps({"owner": owner, "purpose": "provision", "expires": time.time() + seconds})
    lab.node("m1").run(["python3", "-c", _SET_LABEL, LABEL, lease])


@pytest.mark.parametrize(
    ("there", "apart"), [([], 0), ([], 0.7), (MANAGERS[:3], 0)], ids=["made", "made-one-behind-the-other", "grown"]
)
def test_two_runs_that_start_together_make_one_swarm(
    lab: Lab, operator: Operator, inventories: Inventories, there: list[str], apart: float
) -> None:
    """From no swarm, or from one of three managers; so many seconds apart."""
    lab.reset()
    if there:
        operator.provision(inventories.write(there, WORKERS))
    first = operator.start("provision", lab.inventory)
    time.sleep(apart)
    second = operator.start("provision", lab.inventory)
    for run in (first.wait(), second.wait()):
        assert run.ok, run.report
    assert_swarm(lab, MANAGERS, WORKERS)
    assert not operator.provision(lab.inventory).changed


def test_a_lease_is_respected_until_it_expires(lab: Lab, operator: Operator) -> None:
    operator.provision(lab.inventory)
    lab.node("m1").run("docker node update --availability drain w1")
    leave_lease(lab, "ops@bastion", seconds=3600)
    before = settled(lab)
    run = operator.run("provision", lab.inventory, swarm_lease_wait=2)
    assert not run.ok, run.report
    assert "ops@bastion is changing this swarm (provision)" in run.failures, run.report
    assert_unchanged(lab, before)

    leave_lease(lab, "ops@bastion", seconds=-60)
    run = operator.provision(lab.inventory)
    assert "the lease of ops@bastion on this swarm was taken over" in run.output, run.report
    assert_swarm(lab, MANAGERS, WORKERS)


@pytest.mark.parametrize(
    ("task", "delay"),
    [("Make the swarm", 0.5), ("Join", 0.7), ("Place", 0.7), ("Place", 2.5)],
)
def test_the_next_run_finishes_what_a_killed_one_began(lab: Lab, operator: Operator, task: str, delay: float) -> None:
    lab.reset()
    killed = operator.start("provision", lab.inventory)
    killed.wait_for(lambda output: f"TASK [quorum.swarm.cluster : {task}]" in output)
    # On a fast machine the swarm is whole before the delay has passed: killed when it hands over at the latest.
    late = time.monotonic() + delay
    killed.wait_for(lambda output: "PLAY [Hand over]" in output or time.monotonic() > late)
    assert killed.alive, "it ended before it could be killed"
    killed.kill()
    # The lease of a run that is known to be dead is not waited for: there is no time to.
    operator.provision(lab.inventory, swarm_lease_wait=0)
    assert_swarm(lab, MANAGERS, WORKERS)
    assert {node.hostname for node in by_hostname(host(lab, "m1")).values()} == {*MANAGERS, *WORKERS}
    assert not operator.provision(lab.inventory).changed
