#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_rejoin
short_description: Empty a host of its membership in a swarm, so that it joins anew
version_added: 0.1.0
description:
  - Runs on the host that is to become a new node of the swarm that it is, or was, a node of.
  - Before anything of the old node goes, its role, availability and labels are noted on the host. A run that was broken
    off is gone on with by the next one, and what was noted first counts.
  - A state that may be damaged is moved aside whole, below C(/var/lib/quorum.swarm/aside). It is never deleted, and
    nothing of it is used again. Where Docker does not start without it either, it is put back.
  - Joining is M(quorum.swarm.swarm_member)'s part, and the swarm's entries are that of M(quorum.swarm.swarm_topology).
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  state:
    description:
      - V(noted) remembers what the node is. Refused on a node of another swarm, and where no manager answers from here.
      - V(cleaned) makes the host a member of no swarm. With O(leave=true) a node that works leaves by itself; else the
        state is moved aside. A manager that works is refused.
      - V(finished) says that the host is a node again.
    type: str
    choices: [noted, cleaned, finished]
    required: true
  swarm_id:
    description: The cluster ID of the swarm.
    type: str
    required: true
  node_ids:
    description: With O(state=noted), the nodes that the host was, and gives up.
    type: list
    elements: str
    default: []
  role:
    description: With O(state=noted), the role that the new node is to have.
    type: str
    choices: [manager, worker]
    default: worker
  availability:
    description: With O(state=noted), the availability that it is to have.
    type: str
    choices: [active, pause, drain]
    default: active
  labels:
    description: With O(state=noted), the labels that it is to have.
    type: dict
    default: {}
  managers:
    description: With O(state=noted), raft addresses of managers, C(address:port). One has to answer from this host.
    type: list
    elements: str
    default: []
  leave:
    description: With O(state=cleaned), whether the node is to leave by itself.
    type: bool
    default: false
  known_nodes:
    description: With O(state=cleaned), the IDs of all nodes that the swarm lists.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for each stop and start of Docker.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_member
  - module: quorum.swarm.swarm_topology
"""

EXAMPLES = r"""
- name: Remember what this node is
  quorum.swarm.swarm_rejoin:
    state: noted
    swarm_id: qcoiu94fyiowb48mi4meij7n0
    node_ids: [8nq3bswc9c9jbq5wdlrzhn3sx]
    availability: active
    labels: {disk: ssd}
    managers: ["192.0.2.11:2377"]
  become: true

- name: Empty it
  quorum.swarm.swarm_rejoin:
    state: cleaned
    swarm_id: qcoiu94fyiowb48mi4meij7n0
  become: true
"""

RETURN = r"""
journal:
  description: What was noted, by this run or by the one that it goes on with.
  returned: with O(state=noted)
  type: dict
way:
  description: How it was emptied. V(left), V(moved) aside, or V(none) where there was nothing of a swarm.
  returned: with O(state=cleaned)
  type: str
  sample: moved
aside:
  description: Where what was moved aside lies now.
  returned: with O(state=cleaned)
  type: str
  sample: /var/lib/quorum.swarm/aside/20261125T234000Z-rejoin/swarm
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import rejoining
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.membership import Refused


def act(module: AnsibleModule) -> dict[str, Any]:
    """Do what the options say."""
    params, check = module.params, module.check_mode
    engine = Engine.of_params(params)
    if params["state"] == "noted":
        return rejoining.note(engine, rejoining.entry_of(params), params["managers"], check)
    if params["state"] == "cleaned":
        return rejoining.clean(engine, params["swarm_id"], params["leave"], params["known_nodes"], params["timeout"],
                               check)
    return rejoining.finish(params["swarm_id"], check)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["noted", "cleaned", "finished"], "required": True},
            "swarm_id": {"type": "str", "required": True},
            "node_ids": {"type": "list", "elements": "str", "default": []},
            "role": {"type": "str", "choices": ["manager", "worker"], "default": "worker"},
            "availability": {"type": "str", "choices": ["active", "pause", "drain"], "default": "active"},
            "labels": {"type": "dict", "default": {}},
            "managers": {"type": "list", "elements": "str", "default": []},
            "leave": {"type": "bool", "default": False},
            "known_nodes": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    try:
        result = act(module)
    except (EngineError, Refused, rejoining.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
