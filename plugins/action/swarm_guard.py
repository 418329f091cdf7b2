# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard at the head of every playbook: refuses a wrong inventory before any host is asked. And at the end of one:
fails where a phase was planned and left no result.

Runs on the controller alone.
"""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import deeds, inventory, phases, variables
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir, selection


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Refuse, or return whether the playbook begins, and which hosts it never contacts."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "playbook": {"type": "str", "choices": sorted(phases.PLAYBOOKS), "required": True},
            "scope": {"type": "str", "choices": ["change", "look", "end"], "default": "change"},
        })
        if args["scope"] == "end":
            return self._end(args["playbook"], task_vars)
        self._refuse_values(task_vars)
        wanted = controller.wanted_of(task_vars)
        problems = []
        limit = selection.limit()
        if limit:
            meant = self._meant(task_vars)
            if meant == NOTHING:
                return {"changed": False, "begun": False, "compromised": []}
            if meant == PART:
                problems.append(phases.limited(limit))
        groups = controller.groups_of(task_vars)
        problems.extend(inventory.unplayable(groups, list(task_vars.get("groups") or {})))
        problems.extend(inventory.examine(groups, wanted) if args["scope"] == "change" else inventory.folders(wanted))
        controller.refuse(inventory.refused(problems, wanted.allowed), task_vars)
        if args["scope"] == "change" and wanted.settings.get("autolock") and not self._task.check_mode:
            controller_dir.prepare(wanted.controller_dir)
        return {"changed": False, "begun": True, "compromised": list(wanted.compromised)}

    @staticmethod
    def _refuse_values(task_vars):
        """Fail with every variable that cannot be read, or looks misspelt."""
        told, unreadable = controller.told_of(task_vars)
        compromised = [host for host, values in told.items() if variables.is_true(values.get("swarm_compromised"))]
        said = variables.check(told, unreadable, [str(host) for host in task_vars["hostvars"]], compromised)
        if said:
            raise controller.refused(task_vars, " | ".join(said))

    @staticmethod
    def _meant(task_vars):
        """Whether --limit leaves all of the swarm's hosts, a part of them, or, where a playbook of the operator imports
        this one, none: then it is not meant.
        """
        groups = {str(name): [str(host) for host in hosts] for name, hosts in (task_vars.get("groups") or {}).items()}
        swarm = {host for name in inventory.GROUPS for host in groups.get(name, ())}
        left = selection.within_limit(groups)
        if selection.is_direct():
            return PART
        if not swarm & left:
            return NOTHING
        return WHOLE if swarm <= left else PART

    @staticmethod
    def _end(playbook, task_vars):
        """Fail with what was planned and left no result."""
        hostvars = task_vars["hostvars"]
        if playbook in deeds.COURSES and deeds.stopped(playbook, controller.registered(hostvars)):
            return {"changed": False}  # the report has told it, and fails
        memory = hostvars["localhost"]
        groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
        try:
            findings = phases.missing(playbook, memory, groups, hostvars)
        except phases.Unplayable as error:
            raise AnsibleActionFail(str(error)) from None
        if findings:
            raise AnsibleActionFail(" | ".join(item.sentence() for item in findings))
        return {"changed": False}


NOTHING, PART, WHOLE = "nothing", "part", "whole"
