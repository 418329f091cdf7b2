# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of kills says that it kills a recovery at each of its tasks: so it has each of them, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.faults import shard_certificates, shard_recover_kills

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "Check the request": "an import; what it imports is in the matrix",
    "Would change": "check mode only",
    "End here": "the task that fails where nothing was forced: there is nothing after it",
}
"""Tasks that a recovery which goes through does not run."""


def names(path: Path) -> list[str]:
    """The names of all tasks in a file of tasks or of plays, those of blocks included."""
    return [name for item in yaml.safe_load(path.read_text()) for name in _named(item)]


def _named(item: dict[str, Any]) -> list[str]:
    inner = [one for part in ("tasks", "block", "rescue", "always") for one in item.get(part, ())]
    return [name for one in inner for name in _named(one)] if inner else [item["name"]]


def test_a_recovery_is_killed_at_each_task_of_its_role() -> None:
    killed = {task.removeprefix("recover : ") for _suite, _kind, task, _delay in shard_recover_kills.CASES
              if task.startswith("recover : ")}  # fmt: skip
    killed |= {case.task.removeprefix("recover : ") for case in shard_certificates.CASES
               if case.task.startswith("recover : ")}  # fmt: skip
    there = {name for path in ROOT.glob("roles/recover/tasks/*.yml") for name in names(path)}
    assert killed == there - set(ELSEWHERE)
    assert set(ELSEWHERE) < there


def test_it_is_killed_at_each_task_of_the_playbook_that_restarts_workers() -> None:
    killed = {task for _suite, _kind, task, _delay in shard_recover_kills.CASES if " : " not in task}
    # What imports others, and what stands after all.
    others = {"Restart this worker", "Restart this manager", "Fail where a phase left no result"}
    assert killed == set(names(ROOT / "playbooks" / "restart.yml")) - others


def test_what_it_is_killed_at_of_other_roles_is_there() -> None:
    there = {f"{path.parts[-3]} : {name}" for path in ROOT.glob("roles/*/tasks/*.yml") for name in names(path)}
    tasks = [task for _suite, _kind, task, _delay in shard_recover_kills.CASES]
    tasks += [case.task for case in shard_certificates.CASES]
    assert {task for task in tasks if " : " in task} <= there
