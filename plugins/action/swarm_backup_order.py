# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of which managers the playbook ``backup`` takes a backup; and afterwards, what came of it.

Runs on the controller alone, over what ``swarm_info`` and ``swarm_backup`` returned on the managers.
"""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    backup,
    inventory,
    provision,
    report,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller, controller_dir

TAKEN, BROUGHT = "__swarm_backup_taken", "__swarm_backup_brought"
"""The variables in which a manager registered what ``swarm_backup`` returned."""


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return the managers, or print the report."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": ["preflight", "order", "report"], "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "look": {"type": "int", "default": 1},
        })
        wanted = controller.wanted_of(task_vars)
        if args["stage"] == "preflight":
            controller_dir.refuse_short_life(wanted, task_vars, keys=False)
            backups.prepare(wanted.backup_dir)
            return {"changed": False}
        managers = controller.groups_of(task_vars)[inventory.MANAGERS]
        facts = controller.facts_of(task_vars, managers)
        judgement = verdict.judge([facts[host] for host in managers], wanted.swarm_id)
        say = console.say
        if args["stage"] == "report":
            for line in ["", *report.swarm(judgement, wanted, facts), "", *_archives(task_vars, managers), ""]:
                say(line)
            return {"changed": False, "verdict": judgement.verdict}
        choice = backup.choose(wanted, judgement, facts, args["hosts"])
        other = provision.changer(facts, controller.owner(), time.time(), lambda _owner: False)
        if other is not None and args["look"] == 1 and backup.may_pass(choice):
            _host, held = other
            say(f"note: {held.owner} is changing this swarm ({held.purpose}), or was killed doing so. The managers are "
                "asked again when they have come back.")
            return {"changed": False, "doubt": True, "hosts": []}
        controller.refuse(choice.refusals, task_vars)
        for note in choice.notes:
            say(f"{note.severity}: {note.sentence()}")
        say(f"Backup of {', '.join(choice.hosts)}, to {wanted.backup_dir}.")
        return {"changed": False, "doubt": False, "hosts": list(choice.hosts), "folder": wanted.backup_dir,
                "controller_dir": wanted.controller_dir, "owner": controller.owner()}


def _archives(task_vars, managers):
    """What each manager's backup came to, in a few lines."""
    lines = []
    for host in managers:
        variables = task_vars["hostvars"][host]
        taken, brought = (controller.plain(variables.get(name) or {}) for name in (TAKEN, BROUGHT))
        if brought.get("archive"):
            lines += backup.told(host, taken, brought)
    return lines
