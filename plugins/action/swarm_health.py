# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge and report: from what the hosts registered to a table, findings and JSON.

Runs on the controller. Reads registered variables and the keyring, prints, and writes the report file; nothing else.
The decisions are in core/verdict.py and core/health.py, the text in core/report.py.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action.swarm_judge import last_recovery
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    health,
    inventory,
    remains,
    report,
    split,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller, controller_dir

FIRST, LATE, AGAIN = "__swarm_health_facts", "__swarm_health_late", "__swarm_health_again"
"""The variables under which hosts registered their answer; where they were asked last; where they were asked again."""
OPTIONS: dict[str, Any] = {
    "stage": {"type": "str", "choices": ["order", "report"], "default": "report"},
    "fail_on": {"type": "str", "choices": list(health.FAIL_ON), "default": "critical"},
    "json_path": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        variables = task_vars or {}
        wanted = controller.wanted_of(variables)
        first = {**_answers(variables, wanted, FIRST), **_asked(_answers(variables, wanted, LATE))}
        if options["stage"] == "order":
            judgement = verdict.judge(_managers(wanted, first), wanted.swarm_id, datetime.now(timezone.utc))
            return {
                **result,
                "changed": False,
                "doubted": health.doubted(judgement, wanted, first),
                "last": health.ask_last(judgement, wanted, first),
            }
        again = _asked(_answers(variables, wanted, AGAIN))
        facts = {**first, **again}
        now = datetime.now(timezone.utc)
        judgement = split.told(_managers(wanted, facts), wanted.swarm_id, last_recovery(wanted, facts.values()), now)
        judgement = health.full(judgement, wanted, facts)
        key = _unlock_key(judgement, wanted)
        backup = _backup(judgement, wanted, facts, now)
        findings = health.examine(judgement, wanted, facts, now, key, settled=bool(again), backup=backup,
                                  short_life=controller_dir.short_life(wanted.controller_dir))
        document = health.document(judgement, wanted, facts, findings, now, backup)
        for line in ["", *report.swarm(judgement, wanted, facts, backup), "", *report.findings(findings), ""]:
            console.say(line)
        if options["json_path"]:
            _write(options["json_path"], json.dumps(document, indent=2, sort_keys=True) + "\n")
        grave = health.fails(findings, options["fail_on"])
        return {
            **result,
            "changed": False,
            "verdict": judgement.verdict,
            "reason": judgement.reason,
            "quorum": document["quorum"],
            "backup": document["backup"],
            "drill": document["drill"],
            "findings": document["findings"],
            "failure": health.failure(judgement, grave, options["fail_on"]),
        }


def _managers(wanted: inventory.Wanted, facts: Mapping[str, HostFacts]) -> list[HostFacts]:
    return [facts[node.host] for node in wanted.managers]


def _answers(variables: Mapping[str, Any], wanted: inventory.Wanted, name: str) -> dict[str, HostFacts]:
    """What every host of the inventory registered, whatever became of its task."""
    # Raw: what hosts said is data and never a template, and a hundred answers are not worth searching for one.
    raw_get = variables["hostvars"].raw_get
    return {node.host: answer(node.host, controller.plain(raw_get(node.host).get(name))) for node in wanted.nodes}


def _asked(answers: Mapping[str, HostFacts]) -> dict[str, HostFacts]:
    return {host: item for host, item in answers.items() if item.why_not != health.NOT_ASKED}


def answer(host: str, registered: Mapping[str, Any] | None) -> HostFacts:
    """The facts of one host from what it registered: an answer, or a task that was skipped, cut off or failed."""
    if not registered or registered.get("skipped"):
        return HostFacts.silent(host, health.NOT_ASKED)
    if registered.get("facts"):
        return HostFacts.of(host, registered["facts"])
    return controller.unanswered(host, registered)


def _unlock_key(judgement: verdict.Judgement, wanted: inventory.Wanted) -> str:
    """Whether the unlock key is kept on the controller, as far as the swarm asks for one.

    A locked swarm does not tell its ID: any key may then be its key.
    """
    view = judgement.view
    if view is not None and not view.swarm.autolock:
        return "not_needed"
    if view is None and judgement.verdict != "locked":
        return "unchecked"
    if not wanted.controller_dir:
        return "missing"
    swarm_id = view.swarm.id if view is not None else wanted.swarm_id
    try:
        rings = controller_dir.all_keyrings(wanted.controller_dir)
    except AnsibleActionFail:
        return "missing"
    kept = [ring.digest for name, ring in rings.items() if swarm_id in ("", name) and ring.digest]
    if not kept:
        return "missing"
    if view is None or not view.swarm.unlock_key_digest:
        return "unchecked"
    return "kept" if view.swarm.unlock_key_digest in kept else "wrong"


def _backup(
    judgement: verdict.Judgement, wanted: inventory.Wanted, facts: Mapping[str, HostFacts], now: datetime
) -> health.Backup | None:
    """What is kept of this swarm. Where no manager tells its ID, the inventory may, or a node's disk; else there is
    nothing to say."""
    swarm_id = judgement.view.swarm.id if judgement.view is not None else wanted.swarm_id
    seen = remains.swarm_ids(facts.values())
    if not swarm_id and len(seen) == 1:
        swarm_id = seen[0]
    if not swarm_id:
        return None
    if not wanted.backup_dir:
        return health.Backup("")
    try:
        name = backups.newest(wanted.backup_dir, swarm_id)
    except AnsibleActionFail as error:
        return health.Backup(wanted.backup_dir, problem=str(error))
    if name is None:
        return health.Backup(wanted.backup_dir)
    backup = health.Backup(wanted.backup_dir, name.file, name.host, now - name.taken_at, swarm_id=swarm_id)
    if not wanted.controller_dir:
        return backup
    try:
        last = controller_dir.last_drill(wanted.controller_dir, swarm_id)
    except AnsibleActionFail as error:
        return replace(backup, drill_problem=str(error))
    drilled = health.Drilled(now - last.moment, last.host, last.seconds) if last is not None else None
    return replace(backup, drilled=drilled, recorded=True)


def _write(path: str, text: str) -> None:
    """Replace the file in one step, readable for its owner only.

    :raises AnsibleActionFail: when the path is relative or cannot be written.
    """
    if not os.path.isabs(path):
        raise AnsibleActionFail(f"swarm_health_json is {path!r}, which is not absolute. Give an absolute path.")
    folder = os.path.dirname(path)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".swarm-health-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise AnsibleActionFail(f"The report cannot be written to {path}: {error.strerror}.") from error
