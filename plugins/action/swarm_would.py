# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode's word for one host: reports as a change, with its diff, what the plan would do there.

Runs on the controller alone; the host is not contacted.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return a change and its diff."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({"text": {"type": "str", "required": True}})
        return {"changed": True, "diff": {"before": "", "after": args["text"],
                                          "before_header": "as it is", "after_header": "planned"}}
