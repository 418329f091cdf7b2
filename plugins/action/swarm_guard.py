# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard at the head of every playbook: refuses a wrong inventory before any host is asked.

Runs on the controller alone.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Refuse, or return nothing."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({"scope": {
            "type": "str", "choices": ["change", "look"], "default": "change"}})
        wanted = controller.wanted_of(task_vars)
        problems = []
        limit = task_vars.get("ansible_limit")
        if limit:
            problems.append(Finding(
                "limit", "critical",
                f"--limit {limit} is given: the plays on the controller would be skipped, and the swarm would be "
                f"judged by a part of it.",
                "Leave --limit out: hosts that need nothing cost nothing. Where it is allowed, it has to name "
                "localhost.", "", "swarm_allow_limit"))
        if args["scope"] == "change":
            problems.extend(inventory.examine(controller.groups_of(task_vars), wanted))
        controller.refuse(inventory.refused(problems, wanted.allowed))
        if args["scope"] == "change" and wanted.settings.get("autolock") and not self._task.check_mode:
            controller_dir.prepare(wanted.controller_dir)
        return {"changed": False}
