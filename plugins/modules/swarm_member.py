#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_member
short_description: Make a host a member of a swarm, or of none
version_added: 0.1.0
description:
  - Runs on the host whose membership changes.
  - It tells a member of this swarm from a node of another one, and from a join that never finished. A half-done join is
    taken back and done again. A foreign node is refused, and named.
  - A manager does not leave as long as it is a manager. With O(force=true) it leaves where the engine's own list of
    nodes and a write to the swarm prove that the others keep their quorum, or where it is the only manager.
  - A host on which a manager's raft log lies although the engine is in no swarm is refused. That is what an unfinished
    recovery looks like, and a new membership would destroy it.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
    details:
      - What would be refused is refused in check mode too.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: full
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  state:
    description:
      - V(initialized) makes the host the first manager of a new swarm. On a manager of a working swarm it changes
        nothing, whichever swarm that is.
      - V(joined) makes it a member of the swarm that O(known_nodes) and O(remote_addrs) describe.
      - V(absent) makes it leave.
    type: str
    choices: [initialized, joined, absent]
    required: true
  advertise_addr:
    description:
      - The address that other nodes reach this one at. Required with O(state=initialized).
      - It is fixed when a manager joins, so it must be static. A worker's address may be left to be detected.
    type: str
    default: ""
  listen_addr:
    description: Where a manager listens.
    type: str
    default: 0.0.0.0:2377
  data_path_addr:
    description: The address for the containers' traffic. By default O(advertise_addr).
    type: str
    default: ""
  data_path_port:
    description:
      - The UDP port of the containers' traffic. Only with O(state=initialized), and fixed from then on. 0 means 4789.
    type: int
    default: 0
  default_addr_pool:
    description: Where overlay networks get their subnets from. Only with O(state=initialized), and fixed from then on.
    type: list
    elements: str
    default: []
  subnet_size:
    description: The prefix length of these subnets.
    type: int
    default: 24
  availability:
    description: The availability of a new member. V(drain) keeps it from ever receiving a task.
    type: str
    choices: [active, pause, drain]
    default: active
  labels:
    description: Labels of the swarm itself, set when it is made. Only with O(state=initialized).
    type: dict
    default: {}
  lease_owner:
    description:
      - Who makes the swarm, and holds its lease from the first moment on, as M(quorum.swarm.swarm_lease) takes it. Only
        with O(state=initialized); without it nobody does.
    type: str
    default: ""
  lease_purpose:
    description: What for, shown to whoever is kept waiting.
    type: str
    default: ""
  join_token:
    description: The token to join with. Required with O(state=joined).
    type: str
  remote_addrs:
    description:
      - Addresses of managers, with or without a port. Required with O(state=joined).
      - They are tried in this order, those that do not answer from this host left out.
    type: list
    elements: str
  known_nodes:
    description:
      - The IDs of all nodes that the swarm lists. Required with O(state=joined).
      - A host whose node ID is among them is a member. Any other node belongs elsewhere.
      - With O(state=absent), a host whose node ID is not among them was taken out of the swarm. It is no voter any
        more, so it leaves although it may think itself a manager.
    type: list
    elements: str
  swarm_id:
    description:
      - With O(state=absent), the ID of the swarm to leave. A node of another one is refused, and named.
      - Without it, the host leaves whichever swarm it is in.
    type: str
    default: ""
  return_worker_token:
    description:
      - Return the worker token as RV(worker_token). The host must be a manager that finds a leader.
      - Refused where the task does not set C(no_log=true), which keeps the token out of Ansible's output.
    type: bool
    default: false
  force:
    description: With O(state=absent), also where the host is a manager, as described above.
    type: bool
    default: false
  timeout:
    description: Seconds to wait until the host is what it should be.
    type: int
    default: 60
seealso:
  - module: quorum.swarm.swarm_info
  - module: quorum.swarm.swarm_unlock
"""

EXAMPLES = r"""
- name: Make a swarm
  quorum.swarm.swarm_member:
    state: initialized
    advertise_addr: 198.51.100.11
    availability: drain
  become: true

- name: Join it
  quorum.swarm.swarm_member:
    state: joined
    join_token: "{{ worker_token }}"
    remote_addrs: ["198.51.100.11:2377", "198.51.100.12:2377"]
    known_nodes: "{{ seen.facts.nodes | map(attribute='id') }}"
    availability: drain
    advertise_addr: 198.51.100.13
  become: true

- name: Leave it
  quorum.swarm.swarm_member:
    state: absent
  become: true
"""

RETURN = r"""
node_id:
  description: The ID of this node. Empty where it is in no swarm, and in check mode.
  returned: success
  type: str
  sample: q6qmbwz1wtrs6lbdsn4e21yfg
node_addr:
  description: The address that this node announces.
  returned: success
  type: str
  sample: 198.51.100.11
state:
  description: The engine's word for this node, such as V(active) or V(inactive).
  returned: success
  type: str
  sample: active
swarm_id:
  description: The ID of the swarm that this node belongs to.
  returned: success
  type: str
  sample: u3kmoh1o4l31e0jvcsm6xnfzd
worker_token:
  description: The token to join as a worker. A secret.
  returned: with O(return_worker_token=true), outside check mode
  type: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import membership
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def act(module: AnsibleModule, engine: Engine) -> membership.Outcome:
    """Do what the options say."""
    params, check = module.params, module.check_mode
    if params["state"] == "absent":
        known_nodes, swarm_id = params["known_nodes"], params["swarm_id"]
        return membership.leave(engine, params["force"], params["timeout"], check, known_nodes, swarm_id)
    if params["state"] == "joined":
        return membership.join(engine, membership.Join.of_params(params), check)
    return membership.initialize(engine, membership.init_body(params, time.time()), params["timeout"], check)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["initialized", "joined", "absent"], "required": True},
            "advertise_addr": {"type": "str", "default": ""},
            "listen_addr": {"type": "str", "default": "0.0.0.0:2377"},
            "data_path_addr": {"type": "str", "default": ""},
            "data_path_port": {"type": "int", "default": 0},
            "default_addr_pool": {"type": "list", "elements": "str", "default": []},
            "subnet_size": {"type": "int", "default": 24},
            "availability": {"type": "str", "choices": ["active", "pause", "drain"], "default": "active"},
            "labels": {"type": "dict", "default": {}},
            "lease_owner": {"type": "str", "default": ""},
            "lease_purpose": {"type": "str", "default": ""},
            "join_token": {"type": "str", "no_log": True},
            "remote_addrs": {"type": "list", "elements": "str"},
            "known_nodes": {"type": "list", "elements": "str"},
            "swarm_id": {"type": "str", "default": ""},
            "return_worker_token": {"type": "bool", "default": False, "no_log": False},
            "force": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[
            ("state", "initialized", ("advertise_addr",)),
            ("state", "joined", ("join_token", "remote_addrs", "known_nodes")),
        ],
        supports_check_mode=True,
    )
    if module.params["return_worker_token"] and not module.no_log:
        module.fail_json(msg="return_worker_token=true returns a secret: set no_log: true at the task.")
    try:
        engine = Engine.of_params(module.params)
        done = act(module, engine)
        result = {"changed": done.changed, **done.facts()}
        if module.params["return_worker_token"] and not module.check_mode:
            result["worker_token"] = engine.join_tokens()["Worker"]
    except (EngineError, membership.Refused) as error:
        module.fail_json(msg=str(error))
    for warning in done.warnings:
        module.warn(warning)
    module.exit_json(diff={"before": {"state": done.before}, "after": {"state": done.after}}, **result)


if __name__ == "__main__":
    main()
