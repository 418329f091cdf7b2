# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which archive the playbook ``drill`` brings up, and on which host; and afterwards, what came of it.

Runs on the controller alone: over the names in ``swarm_backup_dir``, and what ``swarm_drill`` returned on the hosts.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import drill, inventory
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller

ABLE, DRILLED = "__swarm_drill_able", "__swarm_drilled"
"""The variables in which a host registered whether a drill can run there, and what came of one."""


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return the archive and the hosts to ask, or the host, or print the report."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": ["order", "host", "report"], "required": True},
            "archive": {"type": "str", "default": ""},
            "host": {"type": "str", "default": ""},
            "hosts": {"type": "list", "elements": "str", "default": []},
        })
        wanted = controller.wanted_of(task_vars)
        if args["stage"] == "order":
            return {"changed": False, "archive": _archive(args["archive"], wanted),
                    "controller_dir": wanted.controller_dir, "hosts": _candidates(args["host"], task_vars)}
        if args["stage"] == "host":
            asked = {host: controller.plain(task_vars["hostvars"][host].get(ABLE) or {}) for host in args["hosts"]}
            host, words = drill.choose({host: _why(answer) for host, answer in asked.items()}, bool(args["host"]))
            if words:
                raise AnsibleActionFail(words)
            console.say(f"Drill of {args['archive']} on {host}.")
            return {"changed": False, "host": host}
        result = controller.plain(task_vars["hostvars"][args["host"]].get(DRILLED) or {})
        if "phases" in result:
            lines = drill.told(result, args["archive"], args["host"], datetime.now(timezone.utc))
            for line in ["", *lines, ""]:
                console.say(line)
        return {"changed": False}


def _archive(given, wanted):
    """The path of the archive.

    :raises AnsibleActionFail: there is none.
    """
    if given:
        # As the operator types it: relative to where ansible-playbook was started.
        path = os.path.abspath(os.path.expanduser(given))
        if not os.path.isfile(path):
            raise AnsibleActionFail(f"swarm_drill_archive: there is no file {path}.")
        return path
    if not wanted.backup_dir:
        raise AnsibleActionFail("Neither swarm_backup_dir nor swarm_controller_dir is set: it is not known where the "
                                "archives are. -e swarm_drill_archive=FILE names one.")
    newest = drill.newest(backups.names(wanted.backup_dir), wanted.swarm_id)
    if newest is None:
        raise AnsibleActionFail(f"{wanted.backup_dir} holds no archive"
                                f"{f' of swarm {wanted.swarm_id}' if wanted.swarm_id else ''}. "
                                "ansible-playbook quorum.swarm.backup takes one, -e swarm_drill_archive=FILE names "
                                "another.")
    return os.path.join(wanted.backup_dir, newest.file)


def _candidates(given, task_vars):
    """The hosts to ask whether a drill can run there.

    :raises AnsibleActionFail: there is none.
    """
    if given:
        if given not in task_vars["hostvars"]:
            raise AnsibleActionFail(f"swarm_drill_host is {given!r}, which is no host of the inventory.")
        return [given]
    groups = controller.groups_of(task_vars)
    found = drill.candidates(groups[inventory.WORKERS], groups[inventory.MANAGERS], groups[inventory.ABSENT])
    if not found:
        raise AnsibleActionFail("The inventory has neither workers nor managers. -e swarm_drill_host=HOST names "
                                "a host.")
    return found


def _why(answer):
    """Why no drill can run on a host that was asked; empty: one can."""
    if answer.get("able"):
        return ""
    if answer.get("why"):
        return answer["why"]
    return controller.why(str(answer.get("msg") or "it was not asked"))
