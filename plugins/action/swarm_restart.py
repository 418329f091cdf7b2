# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts the playbook ``restart`` restarts Docker on, in which order; and afterwards, what is true.

Runs on the controller alone, over what ``swarm_info`` returned on the hosts.
"""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, lease, report, restart, verdict
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return the order, or print the report."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({"stage": {
            "type": "str", "choices": ["order", "report"], "required": True}})
        wanted = controller.wanted_of(task_vars)
        groups = controller.groups_of(task_vars)
        facts = controller.facts_of(task_vars, groups[inventory.MANAGERS] + groups[inventory.WORKERS])
        judgement = verdict.judge([facts[host] for host in groups[inventory.MANAGERS]], wanted.swarm_id)
        order = restart.order(list(facts.values()))
        say = console.say
        silent = [f"{item.host} could not be asked: {item.why_not}" for item in order.silent]
        if args["stage"] == "report":
            for line in ["", *report.swarm(judgement, wanted, facts), "", *silent]:
                say(line)
            return {"changed": False, "verdict": judgement.verdict}
        hosts = [*order.workers, *order.managers]
        for line in [*(f"{host}: {facts[host].pending_restart}" for host in hosts), *silent]:
            say(line)
        if not hosts:
            say("No restart of Docker is pending.")
        elif not judgement.readable:
            raise AnsibleActionFail(f"Docker is not restarted anywhere, because the swarm is {judgement.verdict}: "
                                    f"{judgement.reason} ansible-playbook quorum.swarm.health says more.")
        held = lease.read(judgement.view.swarm.labels) if judgement.view else None
        return {
            "changed": False,
            "workers": list(order.workers),
            "managers": list(order.managers),
            "asked": dict(order.asked),
            "closer": order.asked[hosts[-1]] if hosts else "",
            "owner": controller.owner(),
            "take_over": held.owner if held is not None and controller.is_dead(held.owner) else "",
        }
