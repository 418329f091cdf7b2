#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_topology
short_description: Roles, availability, labels and removals of all nodes, in one guarded call
version_added: 0.1.0
description:
  - Runs on one manager and puts every node of the swarm in its place, one safe step after the other, waiting until
    each is true. Promotions come before demotions, the leader is demoted last, and after every step a majority of the
    voters is reachable.
  - The steps are planned anew from the engine's own answer before each one. A step that would cost the quorum is not
    done, whatever the caller believed; RV(held) says why, with the numbers.
  - It never demotes the node that it runs on. Another manager has to do that.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
  - quorum.swarm.lease
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: full
  idempotent:
    description: Run again with the same arguments, it changes nothing and says so.
    support: full
options:
  nodes:
    description:
      - What each host shall be. Hosts that the swarm does not know are passed over; nodes that are not named are left
        alone.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The inventory name of the host.
        type: str
        required: true
      node_id:
        description: The node that the host is. Left out, it is the live node that carries the host's name as a label.
        type: str
        default: ''
      role:
        description: The wanted role.
        type: str
        choices: [manager, worker]
        required: true
      availability:
        description: The wanted availability.
        type: str
        choices: [active, pause, drain]
        required: true
      labels:
        description:
          - All labels that are kept on the node. Labels that the collection set before, and that are not here, are
            dropped. Labels of others are left alone.
        type: dict
        default: {}
  absent:
    description: Hosts that shall be no members any more.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The inventory name of the host.
        type: str
        required: true
      node_id:
        description: The node that the host is. Left out, it is the one that carries the host's name as a label.
        type: str
        default: ''
      live:
        description: Whether the host answers, so that it leaves by itself (RV(leaves)) before its entry is removed.
        type: bool
        default: true
      left:
        description: Whether the host has left. Its entry is removed at once, although it reads ready for a while.
        type: bool
        default: false
      entry:
        description:
          - Whether just the entry O(absent[].node_id) is meant, whatever else carries the host's name.
          - It is removed by force, also where too few wanted managers are reachable, and only where it is neither a
            member of the raft nor ready. So each manager of before reads after a new cluster was forced.
        type: bool
        default: false
  allow:
    description:
      - Names of the counting rules that are relaxed, such as V(swarm_allow_single_manager).
    type: list
    elements: str
    default: []
  force:
    description: Whether to go on when tasks of a node that is taken out do not all run elsewhere in time.
    type: bool
    default: false
  timeout:
    description: Seconds that any one step may take to come true.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_member
"""

EXAMPLES = r"""
- name: Make m2 a drained manager in zone b
  quorum.swarm.swarm_topology:
    nodes:
      - host: m2
        node_id: "{{ hostvars.m2.joined.node_id }}"
        role: manager
        availability: drain
        labels:
          zone: b
          quorum.swarm/host: m2
          quorum.swarm/labels: zone
  become: true

- name: Take an entry out whose host is gone for good
  quorum.swarm.swarm_topology:
    absent:
      - host: w3
        live: false
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in this order.
  type: list
  elements: dict
  returned: always
  sample:
    - {kind: promote, host: m2, node_id: 8nq3bswc9c9jbq5wdlrzhn3sx, why: m2 shall be a manager}
leaves:
  description: The hosts that have to leave by themselves before their entries can be removed.
  type: list
  elements: str
  returned: always
  sample: [w3]
held:
  description: Why something that is wanted was not done.
  type: list
  elements: dict
  returned: always
  sample: []
facts:
  description: What this manager says afterwards, as M(quorum.swarm.swarm_info) returns it.
  type: dict
  returned: success
lease_taken_over:
  description: Who held an expired lease on the swarm that this run replaced; empty otherwise.
  type: str
  returned: always
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Order, Removal
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import LEASE_OPTIONS, Holder
from ansible_collections.quorum.swarm.plugins.module_utils.topology import Outcome, Stuck, Topology


def main():
    """One run on one manager."""
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            **LEASE_OPTIONS,
            "nodes": {"type": "list", "elements": "dict", "default": [], "options": {
                "host": {"type": "str", "required": True},
                "node_id": {"type": "str", "default": ""},
                "role": {"type": "str", "choices": ["manager", "worker"], "required": True},
                "availability": {"type": "str", "choices": ["active", "pause", "drain"], "required": True},
                "labels": {"type": "dict", "default": {}},
            }},
            "absent": {"type": "list", "elements": "dict", "default": [], "options": {
                "host": {"type": "str", "required": True},
                "node_id": {"type": "str", "default": ""},
                "live": {"type": "bool", "default": True},
                "left": {"type": "bool", "default": False},
                "entry": {"type": "bool", "default": False},
            }},
            "allow": {"type": "list", "elements": "str", "default": []},
            "force": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    outcome = Outcome()
    try:
        engine = Engine.of_params(params, election=ELECTION)
        here = engine.membership()["node_id"]
        holder = Holder(engine, params["lease_owner"] or "", params["lease_purpose"])
        topology = Topology(
            engine,
            [Order(item["host"], item["role"], item["availability"],
                   {str(name): str(value) for name, value in item["labels"].items()}, item["node_id"])
             for item in params["nodes"]],
            [Removal(item["host"], item["node_id"], item["live"], item["left"], item["entry"])
             for item in params["absent"]],
            holder, frozenset(params["allow"]), params["timeout"], params["force"])
        if module.check_mode:
            whole = topology.planned(here)
            outcome = Outcome(list(whole.steps), [s for s in whole.steps if s.kind == "leave"], whole.held,
                              topology.nodes())
        else:
            topology.settle(here, outcome)
            if params["lease_release"]:
                holder.release()
    except (Stuck, lease.Held, EngineError) as error:
        module.fail_json(msg=str(error), steps=[step.as_dict() for step in outcome.done],
                         held=[item.as_dict() for item in outcome.held])
    module.exit_json(
        changed=bool(outcome.done),
        steps=[step.as_dict() for step in outcome.done],
        leaves=[step.host for step in outcome.leaves],
        held=[item.as_dict() for item in outcome.held],
        facts=topology.facts({**params, "gather": ["nodes", "swarm"]}),
        lease_taken_over=holder.taken_over.owner if holder.taken_over else "",
        diff={"prepared": "".join(f"{step.kind} {step.host}: {step.why}\n" for step in outcome.done)},
    )


if __name__ == "__main__":
    main()
