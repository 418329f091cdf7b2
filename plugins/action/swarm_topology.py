# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completes the orders of ``swarm_topology`` with what hosts did in this run: the node that one joined as, who left.

Then runs the module on the manager. Without such results it is the plain module.
"""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

JOINED = ("__swarm_joined", "__swarm_begun")
LEFT = "__swarm_left"


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
        args["absent"] = [
            item if item.get("entry") else  # it is named for an entry, not for a host
            {**item, "left": bool(item.get("left")) or _left(task_vars["hostvars"].get(item["host"], {}))}
            for item in args.get("absent") or []]
        return self._execute_module(module_args=args, task_vars=task_vars)


def _joined(variables):
    """The node ID that a host got in this run, and whether it tried to get one."""
    for name in JOINED:
        result = variables.get(name)
        if result and not result.get("skipped") and "known_nodes" not in result:
            return str(result.get("node_id") or ""), True
    return "", False


def _left(variables):
    """Whether this host left in this run."""
    result = variables.get(LEFT)
    return bool(result) and not (result.get("failed") or result.get("unreachable") or result.get("skipped"))
