# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says that it has changed, where it is stopped; and that each task that changes something is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.quorum.swarm.plugins.module_utils.core import deeds

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "quorum.swarm."
# Modules that look, decide, or keep what a run is about: leases, plans, drills, reports, timers of the controller.
NO_DEEDS = {
    "swarm_await", "swarm_backup_info", "swarm_backup_order", "swarm_drill", "swarm_drill_order",
    "swarm_evidence", "swarm_expel_order", "swarm_guard", "swarm_heal_order", "swarm_health", "swarm_info",
    "swarm_judge", "swarm_lease", "swarm_plan", "swarm_probe", "swarm_reach", "swarm_recover_order",
    "swarm_report", "swarm_restart", "swarm_restore_order", "swarm_schedule", "swarm_would",
}  # fmt: skip
# Registered under a name of their own, because they change nothing: by their names.
LOOKS = {"__swarm_recover_path", "__swarm_backup_brought"}


def hosts(told: Mapping[str, Mapping[str, Any]]) -> deeds.Look:
    return lambda host, name: told.get(host, {}).get(name, {})


def tasks(found: Any) -> Iterator[dict[str, Any]]:
    for item in found or ():
        yield item
        for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"):
            yield from tasks(item.get(part))


def test_every_task_that_changes_something_is_counted() -> None:
    uncounted = []
    for path in [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")]:
        for task in tasks(yaml.safe_load(path.read_text())):
            modules = [key for key in task if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in NO_DEEDS]
            if modules and task.get("register") not in {*deeds.DEEDS, *LOOKS}:
                uncounted.append(f"{path.relative_to(ROOT)}: {task.get('name')} (register: {task.get('register')})")
    assert uncounted == [], "register their results under a name of deeds.DEEDS"


@pytest.mark.parametrize("name", ["provision.yml", "backup.yml", "restart.yml", "phases/look.yml"])
def test_an_imported_playbook_does_not_end_the_run_that_imports_it(name: str) -> None:
    """Its failures are ignored then, and what comes after one is closed by the filter phase."""
    plays = [play for play in yaml.safe_load((ROOT / "playbooks" / name).read_text()) if "hosts" in play]
    imported = "{{ __swarm_parent is defined }}"
    assert [play["name"] for play in plays if play.get("ignore_errors") != imported] == []
    assert [play["name"] for play in plays if play.get("ignore_unreachable") not in (imported, True)] == []


def test_every_name_is_registered_somewhere() -> None:
    registered = set()
    for path in [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")]:
        registered |= {task.get("register") for task in tasks(yaml.safe_load(path.read_text()))}
    courses = {name for course in deeds.COURSES.values()
               for names in (course.stages, (course.memory,), course.report, *course.phases.values())
               for name in names}
    assert set(deeds.DEEDS) | courses <= registered


def test_only_the_run_says_that_nothing_was_changed() -> None:
    """A module knows of its own step, and a stage of its own playbook; the run may have changed everything before."""
    code = [path for path in ROOT.glob("plugins/**/*.py") if path.parent.name != "modules"]
    said = [f"{path.relative_to(ROOT)}: {line.strip()}" for path in code
            for line in path.read_text().splitlines()
            if "othing was changed" in line and path.name != "deeds.py"
            and not line.strip().startswith((":raises", '"""'))]
    assert said == ["plugins/action/swarm_expel_order.py: "
                    '*(f"  {line}" for line in result["done"] or ["nothing was changed"]), "",']


def test_nothing_was_changed() -> None:
    assert deeds.so_far(["m1", "m2"], hosts({"m1": {"__swarm_joined": {"changed": False}}})) == ""
    assert deeds.refusal("No.", "") == "Refused, and nothing was changed. No."


def test_what_was_changed_is_told_by_deed_with_its_hosts() -> None:
    look = hosts({
        "m1": {"__swarm_restored": {"changed": True}, "__swarm_begun": {"changed": True}},
        "m2": {"__swarm_joined": {"changed": True}},
        "m3": {"__swarm_joined": {"changed": True}, "__swarm_begun": {"changed": True, "node_id": "n3"}},
    })
    done = deeds.so_far(["m1", "m2", "m3"], look)
    assert done == ("m1: the swarm was brought up from the archive; m2: it joined the swarm; "
                    "m3: the swarm was made, it joined the swarm")
    assert deeds.refusal("No.", done) == (
        f"Refused. Before that, this run has changed: {done}. Nothing else was changed. No.")


@pytest.mark.parametrize(
    ("message", "told"),
    [("It broke.", "m1: the restore failed"), (f"{deeds.UNCHANGED}: no room.", "")],
)
def test_what_failed_may_have_changed_something(message: str, told: str) -> None:
    look = hosts({"m1": {"__swarm_restored": {"failed": True, "msg": message}}})
    assert deeds.so_far(["m1"], look) == told


PLAN = {"phases": {"joins": ["w1", "w2"], "actor": ["m1"]}}
BAD = {"failed": True, "msg": "Task failed: It broke."}


@pytest.mark.parametrize(
    ("told", "stopped", "failures"),
    [
        ({}, False, []),
        ({"localhost": {"__swarm_plan": PLAN}}, False, []),
        ({"localhost": {"__swarm_guard_provision": BAD}}, True, ["provision: It broke."]),
        ({"localhost": {"__swarm_plan": BAD}}, True, ["provision: It broke."]),
        ({"localhost": {"__swarm_plan": {"failed": True, "msg": deeds.refusal("It is bad.", "m1: it joined")}}}, True,
         ["provision: It is bad."]),
        ({"localhost": {"__swarm_plan": PLAN}, "w1": {"__swarm_joined": BAD}}, False, ["provision: w1: It broke."]),
        ({"localhost": {"__swarm_plan": PLAN}, "w1": {"__swarm_joined": BAD}, "w2": {"__swarm_joined": BAD}}, True,
         ["provision: w1: It broke.", "provision: w2: It broke."]),
        ({"localhost": {"__swarm_plan": PLAN}, "m1": {"__swarm_placed": {"unreachable": True, "msg": "gone"}}}, True,
         ["provision: m1: gone."]),
        ({"localhost": {"__swarm_plan": PLAN, "__swarm_reported": BAD}}, False, ["provision: It broke."]),
    ],
)  # fmt: skip
def test_where_an_imported_playbook_is_stopped(
    told: dict[str, Any], stopped: bool, failures: list[str]
) -> None:
    assert deeds.stopped("provision", hosts(told)) is stopped
    assert deeds.failures("provision", hosts(told)) == failures


def test_one_host_stops_a_backup() -> None:
    told: dict[str, Any] = {"localhost": {"__swarm_backup_order": {"hosts": ["m2", "m3"]}}, "m2": {}}
    told["m2"]["__swarm_backup_taken"] = BAD
    assert deeds.stopped("backup", hosts(told))
