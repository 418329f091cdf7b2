# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_lease`` on a manager; the lease of a run on this very controller that is dead is not waited for.

Whether a process lives is only known here. So the module is asked first without waiting; only where a living owner
holds the lease does it wait, where it shall.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returns."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        result = self._execute_module(module_args={**args, "wait": 0}, task_vars=task_vars)
        holder = str(result.get("held_by") or "")
        if not holder:
            return result
        if controller.is_dead(holder):
            args["take_over"] = holder
        elif not float(args.get("wait") or 0):
            return result
        else:
            console.say(f"note: {result.get('msg')} It is waited for.")
        return self._execute_module(module_args=args, task_vars=task_vars)
