# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges the ways into hosts that become managers, by what the hosts of a run tried.

On the controller for ``judge``; all else is the module's.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, ways
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Refuse where a way is blocked; hand everything else to the module."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if not args.get("judge"):
            if args.get("targets"):
                args["targets"] = _with_words(task_vars, controller.plain(args["targets"]))
            return self._execute_module("quorum.swarm.swarm_reach", args, task_vars=task_vars)
        plan = controller.plain(task_vars["hostvars"]["localhost"].get("__swarm_plan") or {})
        into = ways.Ways(plan.get("ways") or {}, tuple(plan.get("triers") or ()))
        found = ways.judge(into, _told(task_vars, into.targets, "__swarm_listens"),
                           _told(task_vars, into.triers, "__swarm_tried"))
        allowed = frozenset(plan.get("allow") or ())
        refusals = [item for item in inventory.refused(found, allowed) if item.severity == "critical"]
        controller.refuse(refusals, task_vars)
        for item in found:
            console.say(f"warning: {item.sentence()}")
        return {"changed": False}


def _with_words(task_vars, targets):
    """Each target with the word that it hands out. Those that do not listen are left out, and so is this host."""
    listens = _told(task_vars, targets, "__swarm_listens")
    return {host: {"place": place, "word": listens[host]["word"]} if isinstance(place, str) else place
            for host, place in targets.items()
            if host != task_vars["inventory_hostname"] and (host in listens or not isinstance(place, str))}


def _told(task_vars, hosts, name):
    """What these hosts registered, by host; those that did not answer, or failed, are not in it."""
    found = {host: controller.plain(task_vars["hostvars"][host].get(name) or {}) for host in hosts}
    return {host: result for host, result in found.items()
            if result and not (result.get("unreachable") or result.get("failed") or result.get("skipped"))}
