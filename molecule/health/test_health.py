# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `health` says of one swarm that goes from bad to worse: none, healthy, damaged, without quorum, locked.

The lab is never reset: each test begins with what the one before left, so they only run together and in this order.
Whatever the state, `check` holds what is always true of a run.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.lab.node import RUNNING
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run, Running
from tests.testinfra.swarms import assert_unchanged, by_hostname, eventually, host, members, membership, settled, tasks

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]
LIMIT = 60
"""Seconds that a check may take, whatever does not answer."""
SEVERITIES = ["critical", "warning", "info"]
SECRET = re.compile(r"SWMTKN-1-[0-9a-z]{20,}|SWMKEY-1-[A-Za-z0-9+/]{20,}|PRIVATE KEY-----")

Found = set[tuple[str, str, str]]
"""Findings: identifier, severity, and the host, empty for what concerns the swarm as a whole."""


@dataclass(frozen=True)
class Checked:
    """One run of `health`, and the report that it wrote."""

    run: Run
    report: dict[str, Any]

    @property
    def found(self) -> Found:
        return {(item["id"], item["severity"], item["host"]) for item in self.report["findings"]}

    def fact(self, finding: str) -> str:
        """What was seen, in the words of the one finding of this kind."""
        (fact,) = [item["fact"] for item in self.report["findings"] if item["id"] == finding]
        return str(fact)


@pytest.fixture(scope="module")
def inventory(inventories: Inventories, folder: Path) -> Path:
    """The swarm that all this is about. It locks itself, and its key is kept."""
    return inventories.write(MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(folder / "controller"))


@pytest.fixture(scope="module")
def with_spare(inventories: Inventories, folder: Path) -> Path:
    """The same, with one more worker."""
    return inventories.write(
        MANAGERS, [*WORKERS, "s1"], swarm_autolock=True, swarm_controller_dir=str(folder / "controller")
    )


@pytest.fixture
def check(operator: Operator, folder: Path) -> Callable[..., Checked]:
    """Runs `health` once, and asserts what holds in every state."""

    def run_health(
        inventory: Path, fail_on: str = "critical", meanwhile: Callable[[Running], object] = Running.wait
    ) -> Checked:
        path = folder / "health.json"
        path.write_text("{}")
        path.chmod(0o644)
        # As talkative as it gets, because nothing secret may be seen then, either.
        running = operator.start("health", inventory, "-vvv", swarm_health_json=str(path), swarm_health_fail_on=fail_on)
        meanwhile(running)
        run = running.wait()
        assert run.seconds <= LIMIT, run.report
        assert not run.changed, run.report
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text()
        assert not SECRET.search(run.output), "a secret was printed"
        assert not SECRET.search(text), "a secret is in the report"
        report = json.loads(text)
        grave = SEVERITIES[: {"never": 0, "critical": 1, "warning": 2}[fail_on]]
        reasons = {item["id"] for item in report["findings"] if item["severity"] in grave}
        assert run.ok == (not reasons), run.report
        for finding in reasons:
            assert finding in run.failures, run.report
        for item in report["findings"]:
            assert f"{item['id']}: " in run.output, run.report
        return Checked(run, report)

    return run_health


def docker(lab: Lab, command: str, node: str = "m1", stdin: str | None = None) -> str:
    """Somebody types a docker command."""
    return lab.node(node).run(f"docker {command}", stdin=stdin).stdout.strip()


def state_of(lab: Lab, node: str) -> str:
    """What the engine of a node says of its own membership; empty where it does not answer."""
    done = lab.node(node).run("docker info --format '{{.Swarm.LocalNodeState}}'", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def on_each(nodes: list[str], action: Callable[[str], object]) -> None:
    """The same on several nodes, side by side."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(action, nodes))


def wait_for_all_managers(lab: Lab) -> None:
    """Until the leader reaches them all."""

    def reached() -> bool:
        listed = lab.node("m1").run("docker node ls --format '{{.ManagerStatus}}'", check=False, timeout=30)
        words = listed.stdout.split()
        return listed.returncode == 0 and words.count("Leader") == 1 and words.count("Reachable") == len(MANAGERS) - 1

    eventually(reached, "all managers are reachable", seconds=90)


# What is done to the swarm from one state to the next.


def nothing(_lab: Lab) -> None:
    """The state stays as it is."""


def kill_one_manager(lab: Lab) -> None:
    lab.node("m5").kill()
    eventually(lambda: by_hostname(host(lab, "m1"))["m5"].state == "down", "m5 is listed as down")


def start_it_locked(lab: Lab) -> None:
    lab.node("m5").start()
    eventually(lambda: state_of(lab, "m5") == "locked", "m5 is locked")


def leave_traces_of_many_hands(lab: Lab) -> None:
    """A leased address, a manager that takes tasks, a node that came again, a join to nobody, a service too large."""
    docker(lab, "swarm unlock", "m5", stdin=docker(lab, "swarm unlock-key --quiet"))
    lab.node("m3").lease()
    token = docker(lab, "swarm join-token --quiet worker")
    docker(lab, "swarm leave", "w2")
    docker(lab, f"swarm join --token {token} {lab.node('m1').addr}:2377", "w2")
    nobody = lab.node("m1").addr.rpartition(".")[0] + ".250"
    lab.node("s1").run(f"timeout 10 docker swarm join --token {token} {nobody}:2377", check=False)
    docker(lab, "node update --availability active m2")
    docker(lab, "service create --detach --quiet --no-resolve-image --name greedy --reserve-memory 100TB lab/web:1")
    manager, m2 = host(lab, "m1"), membership(host(lab, "m2"))["NodeID"]
    entries = "docker node ls --filter name=w2 --format '{{.Status}}'"
    eventually(lambda: sorted(manager.check_output(entries).split()) == ["Down", "Ready"], "w2 has left a ghost")
    eventually(
        lambda: (m2, "running") in {(task["NodeID"], task["Status"]["State"]) for task in tasks(manager, "lab-web")},
        "lab-web runs on m2",
    )
    wait_for_all_managers(lab)
    eventually(lambda: state_of(lab, "s1") in ("pending", "error"), "s1 has half joined")


def ask_for_a_node_that_is_not(lab: Lab) -> None:
    service = "--name archive --constraint node.labels.disk==tape lab/web:1"
    docker(lab, f"service create --detach --quiet --no-resolve-image {service}")


M5_GONE: Found = {("manager_unreachable", "warning", "m5"), ("zone_would_stop", "warning", "")}
TRACES: Found = {
    ("dynamic_address", "warning", "m3"),
    ("ghost", "warning", "w2"),
    ("half_joined", "warning", "s1"),
    ("manager_runs_tasks", "info", ""),
    ("manager_runs_unlimited", "warning", ""),
    ("service_waits", "warning", ""),
}


def test_without_a_swarm_it_is_absent(lab: Lab, inventory: Path, check: Callable[..., Checked]) -> None:
    checked = check(inventory)
    assert checked.report["verdict"] == "absent"
    assert checked.found == {("absent", "critical", "")}
    assert checked.report["nodes"] == []


def lay_a_backup(lab: Lab, folder: Path, days: float) -> Path:
    """An archive that lies in the controller's folder under its name: health opens none."""
    taken = datetime.now(UTC) - timedelta(days=days)
    name = f"{docker(lab, 'info --format {{.Swarm.Cluster.ID}}')}_m2_{taken:%Y%m%dT%H%M%SZ}.tar.gz"
    path = folder / "controller" / "backups" / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


def lay_a_drill(lab: Lab, folder: Path, days: float) -> None:
    """The record of a good drill."""
    swarm = docker(lab, "info --format {{.Swarm.Cluster.ID}}")
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    facts = {"swarm_id": swarm, "archive": "a", "host": "w1", "taken_at": then, "drilled_at": then, "seconds": 8.4,
             "phases": {}, "objects": {}, "version": "26.1.5"}  # fmt: skip
    path = folder / "controller" / "reports" / f"drill-{swarm}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(facts))


def test_without_a_backup_and_with_an_old_one_it_warns(
    lab: Lab, operator: Operator, inventory: Path, folder: Path, check: Callable[..., Checked]
) -> None:
    operator.provision(inventory)
    wait_for_all_managers(lab)
    assert check(inventory).found == {("backup_missing", "warning", "")}
    path = lay_a_backup(lab, folder, days=9)
    checked = check(inventory)
    assert checked.found == {("backup_old", "warning", ""), ("drill_never", "info", "")}
    assert checked.report["backup"]["file"] == str(path)
    assert "newest proven backup: of m2, 9 days old" in checked.run.output
    lay_a_backup(lab, folder, days=1)
    lay_a_drill(lab, folder, days=2)


def test_of_a_healthy_swarm_with_a_workload_nothing_is_found_and_nothing_is_touched(
    lab: Lab, inventory: Path, check: Callable[..., Checked]
) -> None:
    assert [node.name for node in lab.workload_up()] == WORKERS
    before = settled(lab)
    checked = check(inventory, "warning")
    assert checked.report["verdict"] == "healthy"
    assert checked.found == set()
    assert "No findings." in checked.run.output
    assert checked.report["quorum"] == {
        "voters": 5, "reachable": 5, "majority": 3, "tolerates": 2, "worst_zone": "a", "left": 3,
    }  # fmt: skip
    assert {node["host"]: node["state"] for node in checked.report["nodes"]} == dict.fromkeys(
        [*MANAGERS, *WORKERS], "ready"
    )
    assert_unchanged(lab, before)


@pytest.mark.parametrize(
    ("become", "fail_on", "expected"),
    [
        pytest.param(kill_one_manager, "critical", M5_GONE | {("host_silent", "warning", "m5")}, id="one-killed"),
        pytest.param(start_it_locked, "critical", M5_GONE | {("manager_locked", "critical", "m5")}, id="one-locked"),
        pytest.param(leave_traces_of_many_hands, "warning", TRACES, id="traces"),
        pytest.param(nothing, "critical", TRACES, id="traces-pass-where-only-the-critical-fails"),
        pytest.param(
            ask_for_a_node_that_is_not, "never", TRACES | {("service_homeless", "critical", "")}, id="homeless-service"
        ),
    ],
)
def test_with_a_quorum_exactly_what_is_wrong_is_found(
    lab: Lab,
    inventory: Path,
    with_spare: Path,
    check: Callable[..., Checked],
    become: Callable[[Lab], None],
    fail_on: str,
    expected: Found,
) -> None:
    become(lab)
    spare_is_wanted = ("half_joined", "warning", "s1") in expected
    checked = check(with_spare if spare_is_wanted else inventory, fail_on)
    assert checked.report["verdict"] == "degraded"
    assert checked.found == expected
    if spare_is_wanted:
        address = lab.node("m3").addr
        assert f"m3 by {address}, which is leased" in checked.fact("dynamic_address")
        assert checked.fact("manager_runs_unlimited").endswith("on the managers m2: lab-web.")
        assert "greedy" in checked.fact("service_waits")
        assert "insufficient resources" in checked.fact("service_waits")
        assert "former life of w2" in checked.fact("ghost")
    if fail_on == "never":
        assert "archive (node.labels.disk==tape)" in checked.fact("service_homeless")


def test_of_frozen_managers_nothing_is_guessed_and_nothing_is_waited_for(
    lab: Lab, inventory: Path, check: Callable[..., Checked]
) -> None:
    on_each(MANAGERS, lambda name: lab.node(name).freeze())
    try:
        checked = check(inventory)
    finally:
        on_each(MANAGERS, lambda name: lab.node(name).thaw())
    assert checked.report["verdict"] == "unknown"
    silent = {("host_silent", "warning", name) for name in MANAGERS}
    assert checked.found - {("host_not_asked", "info", "")} == {("unknown", "critical", ""), *silent}


def test_while_the_old_leader_still_answers_the_loss_of_the_majority_is_seen(
    lab: Lab, inventory: Path, check: Callable[..., Checked]
) -> None:
    def all_ready() -> bool:
        return docker(lab, "node ls --format '{{.Status}}'", "m1").split().count("Ready") == len(MANAGERS + WORKERS)

    wait_for_all_managers(lab)
    eventually(all_ready, "all nodes are ready again", seconds=90)  # some were frozen by the test before
    leader = next(node.hostname for node in members(host(lab, "m1")) if node.leader)
    killed = [name for name in MANAGERS if name != leader][:3]
    listed = []

    def lose_the_majority(run: Running) -> None:
        ask = "TASK [quorum.swarm.health : Ask the manager]"
        run.wait_for(lambda output: f"ok: [{leader}]" in output.partition(ask)[2])
        on_each(killed, lambda name: lab.node(name).kill())
        listed.extend(docker(lab, "node ls --format '{{.Hostname}} {{.Status}}'", leader).splitlines())

    # After a death the leader calls the dead reachable for some 3 s, and lists the swarm for some 15 s. To meet those
    # 3 s for certain, the dead are mute from the beginning, and die when the leader has given its first answer.
    on_each(
        killed, lambda name: lab.node(name).run("systemctl stop ssh.socket ssh.service; pkill -KILL sshd", check=False)
    )
    checked = check(inventory, meanwhile=lose_the_majority)
    # The trap: the swarm is listed, without an error, and all that died is ready.
    ready = [line for line in listed if line.endswith(" Ready")]
    assert len(ready) == len(MANAGERS + WORKERS), "\n".join(listed)
    assert "Pausing for" in checked.run.output, checked.run
    assert checked.report["verdict"] == "no_quorum"
    assert checked.found == {("no_quorum", "critical", ""), *(("host_silent", "warning", name) for name in killed)}


def test_when_all_managers_are_locked_it_names_the_playbook_that_unlocks_them(
    lab: Lab, inventory: Path, check: Callable[..., Checked]
) -> None:
    def restart(name: str) -> None:
        node = lab.node(name)
        if node.state() == RUNNING:
            node.run("systemctl restart docker")
        else:
            node.start()
        eventually(lambda: state_of(lab, name) == "locked", f"{name} is locked")

    on_each(MANAGERS, restart)
    checked = check(inventory)
    assert checked.report["verdict"] == "locked"
    assert checked.found == {("locked", "critical", "")}
    assert "ansible-playbook quorum.swarm.unlock" in checked.run.output
