# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schedule of backups on the controller: looks, asks core/schedule.py what is to be done, does it, looks again.

Runs on the controller alone. Touches two unit files of its own and the controller's systemd, by
plugin_utils/systemd.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, inventory, schedule
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import Caller, Request, Step, Unit
from ansible_collections.quorum.swarm.plugins.plugin_utils import caller, console, controller
from ansible_collections.quorum.swarm.plugins.plugin_utils.systemd import Systemd

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "default": "present"},
    "name": {"type": "str", "default": Request.name},
    "calendar": {"type": "str", "default": Request.calendar},
    "randomized_delay": {"type": "str", "default": Request.delay},
    "arguments": {"type": "raw", "default": []},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(OPTIONS)
        variables = task_vars or {}
        wanted = controller.wanted_of(variables)
        # Who sets them for the managers alone means the swarm all the same.
        told = controller.shared_of(variables, schedule.OWN_VARIABLES)
        options = {option: given[option] if told[name] is None else told[name]
                   for name, option in schedule.OWN_VARIABLES.items()}
        try:
            asked = schedule.request(options)
        except coerce.BadValue as error:
            raise AnsibleActionFail(str(error)) from None
        called = caller.caller()
        systemd = Systemd()
        no_systemd = systemd.why_not()
        units = () if no_systemd else (systemd.unit(asked.service), systemd.unit(asked.timer))
        findings = schedule.examine(
            asked, called,
            managers=len(wanted.managers),
            place=wanted.backup_dir,
            no_systemd=no_systemd,
            calendar="" if no_systemd or asked.state == "absent" else systemd.calendar_problem(asked.calendar),
            units=units,
        )
        controller.refuse(inventory.refused(findings, wanted.allowed), task_vars)

        steps = schedule.plan(asked, called, *units)
        if not self._task.check_mode:
            for step in steps:
                systemd.do(step)
        if self._task.check_mode and steps:
            minded: list[str] = []
            for line in ("", f"Would be done: {'; '.join(schedule.said(step) for step in steps)}."):
                console.say(line)
        else:
            lines, minded = self._now(asked, called, systemd)
            for line in ["", *lines]:
                console.say(line)
        return {**result, "changed": bool(steps), "steps": [schedule.said(step) for step in steps],
                "diff": _diff(steps, units), "warnings": minded}

    def _now(self, asked: Request, called: Caller, systemd: Systemd) -> tuple[list[str], list[str]]:
        """What is true now, and what to mind. Fails where it is not what was asked for."""
        timer = systemd.unit(asked.timer)
        if (asked.state == "present") != (timer.active and timer.enabled):
            raise AnsibleActionFail(f"{asked.timer} is not as it was asked for (active: {timer.active}, enabled: "
                                    f"{timer.enabled}). Somebody else may be changing it: run this again.")
        return schedule.report(
            asked, called,
            upcoming=systemd.show(asked.timer).get("NextElapseUSecRealtime", ""),
            last=systemd.show(asked.service) if asked.state == "present" else {},
            lingers=systemd.lingers(), user=systemd.user, environment=os.environ,
        )


def _diff(steps: list[Step], units: tuple[Unit, ...]) -> list[Mapping[str, str]]:
    """The files before and after, and what systemd is told."""
    before = {unit.path: unit.text or "" for unit in units}
    found: list[Mapping[str, str]] = [
        {"before": before.get(step.what, ""), "after": step.text, "before_header": step.what, "after_header": step.what}
        for step in steps if step.kind in ("write", "remove") and (step.text or before.get(step.what))
    ]
    others = [schedule.said(step) for step in steps if step.kind not in ("write", "remove")]
    return [*found, {"prepared": "".join(f"+{line}\n" for line in others)}] if others else found
