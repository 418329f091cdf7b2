# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_follow`` on a host with the unlock keys that are kept of the swarm."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        keys_in = args.pop("keys_in", None)
        keys = controller_dir.kept_keys_of(keys_in)(str(args.get("swarm_id") or "")) if args.get("swarm_id") else []
        return self._execute_module(module_args={**args, "unlock_keys": keys}, task_vars=task_vars)
