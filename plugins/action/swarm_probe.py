# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cheap question to one host: a shell script over the connection as it is, no Python and no module needed.

What it asks and how the answer reads stands in core/probe.py. It changes nothing, so it runs in check mode as well.
"""

from __future__ import annotations

from dataclasses import asdict

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return the host's facts as ``swarm_info`` would, as far as they can be had."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            {"targets": {"type": "list", "elements": "str", "default": []}})
        # The script travels as the remote command itself: nothing is written to the host.
        result = self._low_level_execute_command(probe.script(args["targets"]), executable="/bin/sh")
        facts = probe.read(str(task_vars["inventory_hostname"]), result.get("stdout", ""))
        told = asdict(facts)
        if result.get("rc") or not facts.hostname:
            return {"failed": True, "msg": f"the host could not be asked: {result.get('stderr', '').strip()[:200]}"}
        return {"changed": False, "facts": told}
