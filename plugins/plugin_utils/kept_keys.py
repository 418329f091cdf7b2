# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What action plugins share that hand the kept unlock keys of a swarm to a module on a host.

Reads ``swarm_controller_dir``. The keys go to the module by its standard input, and to nowhere else.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir


class WithKeptKeys(ActionBase):
    """Takes ``keys_in`` and ``swarm_id``, and gives the module ``unlock_keys``, the most likely first."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        keys_in = args.pop("keys_in", None)
        keys = controller_dir.kept_keys_of(keys_in)(str(args.get("swarm_id") or "")) if args.get("swarm_id") else []
        return self._execute_module(module_args={**args, "unlock_keys": keys}, task_vars=task_vars)
