# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of the swarm is set, what is not declared is left alone; the unlock key is kept, and unlocks.

The tests build on each other: the swarm is autolocked by the first.
"""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_swarm, assert_unchanged, eventually, host, look, members, membership, swarm

MANAGERS = ["m1", "m2", "m3", "m4", "m5"]
WORKERS = ["w1", "w2"]


@pytest.fixture(scope="module")
def keys(folder: Path) -> Path:
    """The controller's folder, which does not exist before the first run that needs it."""
    return folder / "controller"


def spec(lab: Lab) -> dict[str, Any]:
    return dict(swarm(host(lab, "m1"))["Spec"])


def kept(lab: Lab, keys: Path) -> dict[str, Any]:
    """The file in which the keys of this swarm are kept."""
    path = keys / "unlock-keys" / f"{swarm(host(lab, 'm1'))['ID']}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.stat().st_mode & 0o777 == 0o700
    return dict(json.loads(path.read_text()))


def unlock_key(lab: Lab) -> str:
    return lab.node("m1").run("docker swarm unlock-key --quiet").stdout.strip()


def are_back(lab: Lab) -> bool:
    """Whether the leader has heard of all nodes again."""
    return all(node.state == "ready" and node.reachability in ("", "reachable") for node in members(host(lab, "m1")))


def test_autolock_is_turned_on_and_the_key_is_kept(lab: Lab, operator: Operator, keys: Path) -> None:
    variables = {"swarm_autolock": True, "swarm_controller_dir": str(keys)}
    before = look(lab)
    shown = operator.provision(lab.inventory, "--check", "--diff", **variables)
    assert shown.planned("settings"), shown.report
    assert not keys.exists()
    assert_unchanged(lab, before)
    operator.provision(lab.inventory, **variables)
    assert spec(lab)["EncryptionConfig"]["AutoLockManagers"] is True
    assert kept(lab, keys)["current"] == unlock_key(lab)
    assert not operator.provision(lab.inventory, **variables).changed


@pytest.mark.parametrize(
    ("variable", "value", "path", "seen"),
    [
        ("swarm_task_history_limit", 3, ("Orchestration", "TaskHistoryRetentionLimit"), 3),
        ("swarm_cert_expiry", "1440h", ("CAConfig", "NodeCertExpiry"), 1440 * 3600 * 10**9),
        ("swarm_snapshot_interval", 5000, ("Raft", "SnapshotInterval"), 5000),
        ("swarm_keep_old_snapshots", 2, ("Raft", "KeepOldSnapshots"), 2),
        ("swarm_dispatcher_heartbeat", "7s", ("Dispatcher", "HeartbeatPeriod"), 7 * 10**9),
    ],
)
def test_a_setting_changes_and_no_other_does(
    lab: Lab, operator: Operator, variable: str, value: object, path: tuple[str, str], seen: int
) -> None:
    wanted = copy.deepcopy(spec(lab))
    assert wanted["EncryptionConfig"]["AutoLockManagers"] is True
    assert wanted[path[0]][path[1]] != seen
    wanted[path[0]][path[1]] = seen
    run = operator.provision(lab.inventory, **{variable: value})
    assert run.planned("settings") == [""]
    assert spec(lab) == wanted


def test_the_kept_key_is_compared_on_every_run(lab: Lab, operator: Operator, keys: Path) -> None:
    variables = {"swarm_autolock": True, "swarm_controller_dir": str(keys)}
    old = unlock_key(lab)
    lab.node("m1").run("docker swarm unlock-key --rotate --quiet")
    new = unlock_key(lab)
    run = operator.provision(lab.inventory, **variables)
    assert "the kept unlock key is not the swarm's" in run.output, run.report
    assert kept(lab, keys)["current"] == new
    assert kept(lab, keys)["former"] == [old]
    assert not operator.provision(lab.inventory, **variables).changed


def test_all_managers_restart_and_are_unlocked(lab: Lab, operator: Operator, keys: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: lab.node(name).run("systemctl restart docker"), MANAGERS))
    for name in MANAGERS:
        eventually(lambda name=name: membership(host(lab, name))["LocalNodeState"] == "locked", f"{name} is locked")
    before = look(lab)
    refused = operator.run("provision", lab.inventory)
    assert not refused.ok, refused.report
    assert "ansible-playbook quorum.swarm.unlock" in refused.failures, refused.report
    no_key = operator.run("unlock", lab.inventory, swarm_controller_dir=str(keys.parent / "nothing"))
    assert not no_key.ok, no_key.report
    assert "No unlock key is kept" in no_key.failures, no_key.report
    assert_unchanged(lab, before)

    run = operator.run("unlock", lab.inventory, swarm_controller_dir=str(keys))
    assert run.ok, run.report
    assert set(run.changed) == set(MANAGERS), run.report
    # A new leader hears of its nodes one after the other, workers and managers; until then it calls them unknown.
    eventually(lambda: are_back(lab), "all nodes are ready and all managers reachable")
    assert_swarm(lab, MANAGERS, WORKERS)
    again = operator.run("unlock", lab.inventory, swarm_controller_dir=str(keys))
    assert again.ok, again.report
    assert not again.changed, again.report


def test_autolock_is_turned_off(lab: Lab, operator: Operator, keys: Path) -> None:
    wanted = copy.deepcopy(spec(lab))
    wanted["EncryptionConfig"]["AutoLockManagers"] = False
    operator.provision(lab.inventory, swarm_autolock="no", swarm_controller_dir=str(keys))
    assert spec(lab) == wanted
