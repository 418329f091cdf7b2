# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What action plugins share that hand the kept unlock keys of a swarm to a module on a host.

Reads ``swarm_controller_dir``. The keys go to the module by its standard input, and to nowhere else.
"""

from __future__ import annotations

from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir
from ansible_collections.quorum.swarm.plugins.plugin_utils.shell import ByShell


class WithKeptKeys(ByShell):
    """Takes ``keys_in`` and ``swarm_id``, and gives the module ``unlock_keys``, the most likely first."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned."""
        super().run(tmp, task_vars)
        return self._execute_module(module_args=self.with_keys(), task_vars=task_vars)

    def with_keys(self):
        """What the module is given."""
        args = dict(self._task.args)
        keys_in = args.pop("keys_in", None)
        keys = controller_dir.kept_keys_of(keys_in)(str(args.get("swarm_id") or "")) if args.get("swarm_id") else []
        return {**args, "unlock_keys": keys}


class StartsDocker(WithKeptKeys):
    """The same for modules that start Docker: where the host is reached and cannot run a module, its shell does that.

    Guarded: only a Docker that stands still, of a host that was a node of this swarm (``core/reach.py``).
    """

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned, or what the shell did in its place."""
        super(WithKeptKeys, self).run(tmp, task_vars)
        args = self.with_keys()
        told, message = self.try_module(task_vars, module_args=args)
        if not message:
            return told
        if not self.only_starts(args):
            return self.unable(message, task_vars)
        return self.start_by_shell(message, task_vars, str(args.get("swarm_id") or ""), int(args.get("timeout") or 60))

    def only_starts(self, args):
        """Whether starting Docker is what is asked for."""
        return True
