# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completes the orders of ``swarm_topology`` with what the hosts that joined in this run say they are.

Then runs the module on the manager. Without registered joins it is the plain module.
"""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

JOINED = ("__swarm_joined", "__swarm_begun")


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returns."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        missing = []
        nodes = []
        for order in args.get("nodes") or []:
            node_id, tried = _joined(task_vars["hostvars"].get(order["host"], {}))
            if tried and not node_id and order["role"] == "manager":
                missing.append(order["host"])
            nodes.append({**order, "node_id": order.get("node_id") or node_id})
        if missing:
            raise AnsibleActionFail(
                f"{', '.join(missing)} shall be a manager and did not join (see above): no manager is made while one "
                f"is missing. Put that right and run again.")
        args["nodes"] = nodes
        return self._execute_module(module_args=args, task_vars=task_vars)


def _joined(variables):
    """The node ID that a host got in this run, and whether it tried to get one."""
    for name in JOINED:
        result = variables.get(name)
        if result and not result.get("skipped") and "known_nodes" not in result:
            return str(result.get("node_id") or ""), True
    return "", False
