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
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, health, inventory, report, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts

FIRST, AGAIN = "__swarm_health_facts", "__swarm_health_again"
"""The variables under which hosts registered their first answer, and their second where there was one."""
OPTIONS: dict[str, Any] = {
    "stage": {"type": "str", "choices": ["doubt", "report"], "default": "report"},
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
        wanted = _wanted(variables)
        first = _answers(variables, wanted, FIRST)
        if options["stage"] == "doubt":
            judgement = verdict.judge(_managers(wanted, first), wanted.swarm_id)
            return {**result, "changed": False, "doubted": health.doubted(judgement, wanted, first)}
        again = {
            host: item for host, item in _answers(variables, wanted, AGAIN).items() if item.why_not != health.NOT_ASKED
        }
        facts = {**first, **again}
        judgement = verdict.judge(_managers(wanted, facts), wanted.swarm_id)
        now = datetime.now(timezone.utc)
        key = _unlock_key(judgement, wanted)
        findings = health.examine(judgement, wanted, facts, now, key, settled=bool(again))
        document = health.document(judgement, wanted, facts, findings, now)
        display = Display()
        for line in ["", *report.swarm(judgement, wanted, facts), "", *report.findings(findings), ""]:
            display.display(line)
        if options["json_path"]:
            _write(options["json_path"], json.dumps(document, indent=2, sort_keys=True) + "\n")
        grave = health.fails(findings, options["fail_on"])
        return {
            **result,
            "changed": False,
            "verdict": judgement.verdict,
            "reason": judgement.reason,
            "quorum": document["quorum"],
            "findings": document["findings"],
            "failure": health.failure(judgement, grave, options["fail_on"]),
        }


def _wanted(variables: Mapping[str, Any]) -> inventory.Wanted:
    """What the inventory describes. The swarm's own variables are those that its first manager sees."""
    groups, hostvars = variables["groups"], variables["hostvars"]
    shared: dict[str, Any] = {}
    for host in [*groups.get(inventory.MANAGERS, ()), *groups.get(inventory.WORKERS, ())][:1]:
        shared = {name: hostvars[host][name] for name in hostvars[host] if name.startswith("swarm_")}
    try:
        return inventory.read(groups, hostvars, shared)
    except coerce.BadValue as error:
        raise AnsibleActionFail(str(error)) from error


def _managers(wanted: inventory.Wanted, facts: Mapping[str, HostFacts]) -> list[HostFacts]:
    return [facts[node.host] for node in wanted.managers]


def _answers(variables: Mapping[str, Any], wanted: inventory.Wanted, name: str) -> dict[str, HostFacts]:
    """What every host of the inventory registered, whatever became of its task."""
    # Raw: what hosts said is data and never a template, and a hundred answers are not worth searching for one.
    raw_get = variables["hostvars"].raw_get
    return {node.host: answer(node.host, raw_get(node.host).get(name)) for node in wanted.nodes}


def answer(host: str, registered: Mapping[str, Any] | None) -> HostFacts:
    """The facts of one host from what it registered: an answer, or a task that was skipped, cut off or failed."""
    if not registered or registered.get("skipped"):
        return HostFacts.silent(host, health.NOT_ASKED)
    if registered.get("facts"):
        return HostFacts.of(host, registered["facts"])
    if registered.get("timedout"):
        return HostFacts.silent(host, f"no answer within {registered['timedout']['period']} s")
    return HostFacts.silent(host, why(str(registered.get("msg") or registered.get("module_stderr") or "")))


def why(message: str) -> str:
    """What an operator needs of Ansible's message for a host that did not answer: SSH's own words where it has some."""
    words = " ".join(message.split()).rstrip(".")
    _frame, ssh, said = words.rpartition("ssh: ")
    return ssh + said if ssh else words.removeprefix("Task failed: ") or "no reason was given"


def _unlock_key(judgement: verdict.Judgement, wanted: inventory.Wanted) -> str:
    """Whether the unlock key is kept on the controller, as far as the swarm asks for one."""
    view = judgement.view
    if view is not None and not view.swarm.autolock:
        return "not_needed"
    swarm_id = view.swarm.id if view is not None else wanted.swarm_id
    if not swarm_id:
        return "unchecked"
    if not wanted.controller_dir:
        return "missing"
    kept = os.path.isfile(os.path.join(wanted.controller_dir, "unlock-keys", f"{swarm_id}.json"))
    return "unchecked" if kept else "missing"


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
