# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of ``provision``: says what is true now, and fails where something is left undone.

Runs on the controller alone. After a run that changed nothing, the first observation is the truth; otherwise the
manager that acted last has looked again.
"""

from __future__ import annotations

from dataclasses import replace

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action.swarm_judge import judge
from ansible_collections.quorum.swarm.plugins.module_utils.core import health, provision, report, settings, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import HELD
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Membership
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Print the table; fail with what this run could not settle."""
        super().run(tmp, task_vars)
        self.validate_argument_spec({})
        wanted = controller.wanted_of(task_vars)
        judgement, facts = judge(task_vars, wanted)
        plan = controller.plain(task_vars["hostvars"]["localhost"].get("__swarm_plan") or {})
        held = None
        if self._task.check_mode:
            # What holds the planner back may come true while it acts; the rest would be left undone.
            left = [Finding(**item) for item in plan.get("unsettled") or []]
            return {"changed": False, **controller.ended(item.sentence() for item in left if item.id not in HELD)}
        for host in (plan.get("closer"), plan.get("actor")):
            placed = controller.plain(task_vars["hostvars"][host].get("__swarm_placed")) if host else None
            if placed and placed.get("facts"):
                # What the hosts said of their membership before is past; their addresses are not.
                before = {**facts, **controller.facts_of(task_vars, plan["asked"])}
                facts = {name: replace(item, membership=Membership()) for name, item in before.items()}
                facts[host] = HostFacts.of(host, placed["facts"])
                judgement = verdict.judge([facts[host]], wanted.swarm_id)
                held = [Finding(**item) for item in placed["held"]]
                break
        judgement = health.full(self._with_settings(judgement, plan, task_vars), wanted, facts)
        for owner in self._taken_over(plan, task_vars):
            console.say(f"note: the lease of {owner} on this swarm was taken over: it had expired, or its run is "
                        f"known to be dead.")
        for line in ["", *report.swarm(judgement, wanted, facts), ""]:
            console.say(line)
        planned = [Finding(**item) for item in plan.get("unsettled") or []]
        undone = provision.left_over(planned, held, judgement.view)
        if undone:
            return {"changed": False, "failed": True, "msg": " | ".join(item.sentence() for item in undone)}
        return {"changed": False, "verdict": judgement.verdict}

    @staticmethod
    def _with_settings(judgement, plan, task_vars):
        """The picture with the settings that were set after it was taken."""
        host = plan.get("releaser") or plan.get("closer") or plan.get("actor")
        done = controller.plain(task_vars["hostvars"][host].get("__swarm_set")) if host else None
        if judgement.view is None or not done or "settings" not in done:
            return judgement
        spec = settings.merged(judgement.view.swarm.spec, settings.declared(done["settings"]))
        return replace(judgement, view=replace(judgement.view, swarm=replace(judgement.view.swarm, spec=spec)))

    @staticmethod
    def _taken_over(plan, task_vars):
        """Whose lease this run replaced. The task that takes it has no_log, so it is told here."""
        owners = set()
        for host in filter(None, (plan.get("actor"), plan.get("closer"))):
            variables = task_vars["hostvars"][host]
            for name, key in (("__swarm_begun", "taken_over"), ("__swarm_placed", "lease_taken_over")):
                result = variables.get(name) or {}
                owners.add(str(result.get(key) or ""))
        return sorted(owners - {""})
