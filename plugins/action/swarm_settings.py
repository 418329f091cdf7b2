# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_settings`` on a manager, and keeps the unlock key on the controller.

The folder is proven writable before the module may turn autolock on. The engine makes the key in the very transaction
that turns autolock on, so it cannot be kept sooner: a run that is killed in between leaves a swarm whose key any
unlocked manager still tells, and the next run fetches and keeps it.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returns, without the key."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        folder = args.pop("keep_unlock_key_in", None)
        if not folder:
            return self._execute_module(module_args=args, task_vars=task_vars)
        if not self._task.check_mode:
            controller_dir.prepare(folder)
        # The module tells the key only to a task with no_log, which also keeps ssh from printing it at -vvv.
        result = self._execute_module(module_args={**args, "return_unlock_key": True}, task_vars=task_vars)
        key = str(result.pop("unlock_key", None) or "")
        if not key:
            return result
        kept = controller_dir.keep_key(folder, str(result["swarm_id"]), key)
        return {**result, "unlock_key_kept": kept, "changed": bool(result.get("changed")) or kept}
