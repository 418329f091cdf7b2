# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The question to one host that needs neither Python nor files there: a shell script over the connection as it is.

What it asks and how the answer reads stands in core/probe.py. It changes nothing, so it runs in check mode as well.
"""

from __future__ import annotations

from ansible_collections.quorum.swarm.plugins.plugin_utils.shell import ByShell


class ActionModule(ByShell):
    """See the module of this name for its documentation."""

    def run(self, tmp=None, task_vars=None):
        """Return the host's facts as ``swarm_info`` would, as far as they can be had."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            {"targets": {"type": "list", "elements": "str", "default": []}})
        facts = self.ask_by_shell(task_vars, args["targets"])
        if facts is None:
            return {"failed": True, "reached": True, "why_not": "no shell answers there", "probed": {},
                    "msg": f"{task_vars['inventory_hostname']} is reached, and no shell answers there."}
        return {"changed": False, "facts": facts}
