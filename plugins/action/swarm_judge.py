# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges what the managers said, and says which hosts have to be asked themselves.

Runs on the controller alone, over results that are registered on the hosts.
"""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, provision, remains, split
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return the verdict, the hosts to ask, and what they have to reach."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({"engine_check": {"type": "bool", "default": False}})
        wanted = controller.wanted_of(task_vars)
        judgement, facts = judge(task_vars, wanted)
        addrs = []
        for want in wanted.managers:
            item = facts.get(want.host)
            addr = ""
            if item is not None and item.answered:
                addr = inventory.advertise(want, item.addresses, item.raft_address)[0]
            if addr:
                addrs.append(addr)
        ask = provision.to_ask(wanted, judgement, facts, args["engine_check"])
        return {
            "changed": False,
            "verdict": judgement.verdict,
            "reason": judgement.reason,
            "ask": ask,
            "disks": provision.to_read(wanted, judgement, facts, ask),
            "targets": provision.port_targets(addrs),
            "locked": [host for host, item in facts.items() if item.membership.state == "locked"],
        }


def judge(task_vars, wanted):
    """The verdict over the managers of the inventory, and what was seen of every host that was asked first.

    Hosts that are to be taken out speak too where they are managers: of a swarm whose managers are all new in the
    inventory, they are the only ones who know it.
    """
    groups = controller.groups_of(task_vars)
    facts = controller.facts_of(task_vars, [want.host for want in wanted.managers] + groups[inventory.ABSENT])
    after = remains.discards(wanted, facts, whole=False).facts
    tellers = [after[want.host] for want in wanted.managers]
    tellers += [after[host] for host in groups[inventory.ABSENT] if after[host].membership.control]
    recovery = last_recovery(wanted, facts.values())
    return split.judge(tellers, wanted.swarm_id, recovery, datetime.now(timezone.utc)), facts


def last_recovery(wanted, facts):
    """What the controller keeps of the last recovery of the swarm that these hosts are of."""
    ids = {item.swarm.id for item in facts if item.swarm is not None}
    if len(ids) != 1 or not wanted.controller_dir:
        return None
    return controller_dir.last_recovery(wanted.controller_dir, ids.pop())
