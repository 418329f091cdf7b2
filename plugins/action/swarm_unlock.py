# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_unlock`` on a locked manager with the keys that the controller keeps, the most likely first.

A locked manager does not say which swarm it belongs to, and one that was off while the key was rotated still has the
key before: so every kept key is tried, one after the other. A wrong key does no harm.
"""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned for the key that fits."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        folder = args.pop("keys_in", None)
        if not folder:
            return self._execute_module(module_args=args, task_vars=task_vars)
        keys = [key for ring in controller_dir.all_keyrings(folder).values() for key in ring.all]
        if not keys:
            raise AnsibleActionFail(f"No unlock key is kept in {folder}: this manager cannot be unlocked from here. "
                                    f"Pass the key with unlock_key.")
        result = {}
        for key in keys:
            result = self._execute_module(module_args={**args, "unlock_key": key}, task_vars=task_vars)
            if not result.get("wrong_key"):
                return result
        result["msg"] = f"None of the {len(keys)} unlock keys kept in {folder} fits this manager."
        return result
