# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_info`` on a host; where the host is reached and cannot run a module, asks it by its shell.

Such a host is alive. It fails all the same, and its result says why, and what the shell could find out.
"""

from __future__ import annotations

from ansible_collections.quorum.swarm.plugins.plugin_utils import controller
from ansible_collections.quorum.swarm.plugins.plugin_utils.shell import ByShell


class ActionModule(ByShell):
    """See the module of this name for its documentation."""

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned, or what the shell said."""
        super().run(tmp, task_vars)
        told, message = self.try_module(task_vars)
        if "facts" in told:
            return told
        return self.unable(message or controller.words(told), task_vars)
