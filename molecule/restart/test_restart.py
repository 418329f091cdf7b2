# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new daemon.json on members waits; `restart` goes from host to host, takes back what does not start, and refuses.

Three managers and a worker, all of which serve the workload. Each test begins with what the one before left, so they
only run together and in this order.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import by_hostname, eventually, host

MANAGERS = ["m1", "m2", "m3"]
WORKERS = ["w1"]
EVERYWHERE = {"labels": ["rack=7"]}
FILE = "/etc/docker/daemon.json"
NOTE = "/var/lib/quorum.swarm/pending-restart"
PERIOD, PATIENCE = 0.2, 5.0
"""Seconds: how often the workload is asked on each node, and how long an answer may take. A closed port is told at
once, so the patience hides no outage; and a busy machine is none."""


@pytest.fixture(scope="module")
def inventory(inventories: Inventories) -> Path:
    """Managers take tasks here, so that the workload tells of each node whether it is down."""
    return inventories.write(MANAGERS, WORKERS, hosts={name: {"swarm_availability": "active"} for name in MANAGERS})


def started(lab: Lab) -> dict[str, int]:
    """When Docker was started on each node: microseconds of the one clock that all of them share."""
    show = "systemctl show docker.service --property ExecMainStartTimestampMonotonic --value"
    return {name: int(lab.node(name).run(show).stdout) for name in [*MANAGERS, *WORKERS]}


def config(lab: Lab, name: str) -> dict[str, object]:
    """What daemon.json says on a node; nothing where there is none."""
    return dict(json.loads(lab.node(name).run(f"cat {FILE} 2>/dev/null || echo '{{}}'").stdout))


def labels(lab: Lab, name: str) -> list[str]:
    """The engine labels that the running Docker of a node was started with."""
    return list(json.loads(lab.node(name).run("docker info --format '{{json .Labels}}'").stdout) or [])


def pending(lab: Lab) -> list[str]:
    """The nodes on which a restart is noted as pending."""
    nodes = [*MANAGERS, *WORKERS]
    return [name for name in nodes if lab.node(name).run(["test", "-e", NOTE], check=False).returncode == 0]


def leader_of(lab: Lab) -> str:
    """The hostname of the swarm's leader."""
    return next(node.hostname for node in by_hostname(host(lab, "m1")).values() if node.leader)


def health(operator: Operator, inventory: Path, folder: Path) -> tuple[Run, set[tuple[str, str]]]:
    """What `health` finds: identifiers with their hosts; what is meant here (tasks on managers, no backup) is not."""
    path = folder / "health.json"
    run = operator.run("health", inventory, swarm_health_json=str(path))
    meant = ("manager_runs_tasks", "manager_runs_unlimited", "backup_missing", "backup_not_set_up")
    findings = json.loads(path.read_text())["findings"]
    return run, {(item["id"], item["host"]) for item in findings if item["id"] not in meant}


def test_on_members_the_file_is_written_and_docker_goes_on(
    lab: Lab, operator: Operator, inventory: Path, folder: Path
) -> None:
    operator.provision(inventory)
    assert [node.name for node in lab.workload_up()] == [*MANAGERS, *WORKERS]
    before = started(lab)
    with lab.probe(period=PERIOD, timeout=PATIENCE) as probe:
        run = operator.provision(inventory, swarm_engine_check=True, engine_daemon_config=EVERYWHERE)
    assert set(run.changed) == {*MANAGERS, *WORKERS}
    assert probe.requests
    assert not probe.failures
    assert started(lab) == before
    for name in before:
        assert config(lab, name)["labels"] == EVERYWHERE["labels"]
        assert labels(lab, name) == []
    _run, found = health(operator, inventory, folder)
    assert found == {("pending_restart", name) for name in before}


def test_the_restart_goes_from_host_to_host_and_is_done_once(
    lab: Lab, operator: Operator, inventory: Path, folder: Path
) -> None:
    before, leader = started(lab), leader_of(lab)
    shown = operator.run("restart", inventory, "--check")
    assert shown.ok, shown.report
    assert set(shown.changed) == {*MANAGERS, *WORKERS}
    assert started(lab) == before

    with lab.probe(period=PERIOD, timeout=PATIENCE) as probe:
        run = operator.run("restart", inventory)
    assert run.ok, run.report
    after = started(lab)
    order = sorted(after, key=lambda name: after[name])
    assert all(after[name] > before[name] for name in after)
    assert (order[0], order[-1]) == ("w1", leader)
    # Each of them was down, which proves that an outage is seen at all; and no two of them at one time.
    assert {outage.node for outage in probe.outages} == set(before)
    for one, other in itertools.combinations(probe.outages, 2):
        apart = one.start + one.seconds <= other.start or other.start + other.seconds <= one.start
        assert one.node == other.node or apart, (one, other)
    assert {name: labels(lab, name) for name in after} == dict.fromkeys(after, EVERYWHERE["labels"])
    assert pending(lab) == []
    _run, found = health(operator, inventory, folder)
    assert found == set()

    again = operator.run("restart", inventory)
    assert again.ok, again.report
    assert not again.changed
    assert "No restart of Docker is pending." in again.output
    assert started(lab) == after


def test_what_docker_does_not_start_with_is_taken_back_and_no_other_host_is_restarted(
    lab: Lab, operator: Operator, inventories: Inventories, inventory: Path
) -> None:
    active = {"swarm_availability": "active"}
    wanted = inventories.write(
        MANAGERS,
        WORKERS,
        hosts={
            **{name: {**active, "engine_daemon_config": {"labels": ["rack=8"]}} for name in MANAGERS},
            # The engine calls this file valid, and does not start with it.
            "w1": {"engine_daemon_config": {"storage-driver": "btrfs"}},
        },
    )
    before, old = started(lab), config(lab, "w1")
    operator.provision(wanted, swarm_engine_check=True)
    assert config(lab, "w1")["storage-driver"] == "btrfs"
    assert pending(lab) == [*MANAGERS, *WORKERS]
    run = operator.run("restart", inventory)
    assert not run.ok, run.report
    assert f"Docker did not start with the new {FILE}" in run.failures, run.report
    assert "btrfs" in run.failures, run.report
    assert "The old file is back, and Docker runs with it." in run.failures, run.report
    assert config(lab, "w1") == old
    assert labels(lab, "w1") == EVERYWHERE["labels"]
    eventually(lambda: by_hostname(host(lab, "m1"))["w1"].state == "ready", "w1 is back in its swarm")
    after = started(lab)
    assert {name for name in after if after[name] != before[name]} == {"w1"}
    assert pending(lab) == MANAGERS


def test_while_another_manager_stands_still_no_manager_is_restarted(
    lab: Lab, operator: Operator, inventory: Path
) -> None:
    before, leader = started(lab), leader_of(lab)
    frozen = next(name for name in MANAGERS if name != leader)
    lab.node(frozen).freeze()
    try:
        run = operator.run("restart", inventory)
    finally:
        lab.node(frozen).thaw()
    assert not run.ok, run.report
    assert f"of 3 managers {frozen} cannot be reached, and two are never down at once" in run.failures, run.report
    assert started(lab) == before
    assert pending(lab) == MANAGERS
