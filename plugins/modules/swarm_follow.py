#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_follow
short_description: Bring a host back to a swarm that was restored
version_added: 0.1.0
description:
  - Runs on a host that was in the swarm before, or that has another swarm's leftovers.
  - A worker that knows the restored manager's address comes back by itself, and its containers run on. One that does
    not is told the address while its Docker stands still, and comes back as the node that it was. So does a manager,
    whose raft log is moved aside first.
  - Everything else (a node that the swarm does not list, another swarm's state, a certificate that has ended) is moved
    aside whole, below C(/var/lib/quorum.swarm/aside). The host is in no swarm then, and C(quorum.swarm.provision) makes
    it a new node.
  - It is to be called when it is certain that the old swarm does not run any more.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - It finds the unlock keys.
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: partial
    details:
      - A manager is told each time, because a log of the swarm that it has is not told from an old one of the same ID.
        The playbooks call it only for managers that are no voters yet.
options:
  swarm_id:
    description: The cluster ID of the swarm.
    type: str
    required: true
  node_ids:
    description: The IDs of the nodes that the swarm lists, and that may come back as they were.
    type: list
    elements: str
    default: []
  managers:
    description: Node ID and raft address of each of the swarm's managers.
    type: list
    elements: list
    default: []
  keep:
    description: Whether a node may come back as the node that it was. With V(false) the host becomes a new one.
    type: bool
    default: true
  restart:
    description:
      - Whether Docker is started anew on a worker that came back by itself. A worker that is to become a manager needs
        that. Its engine would ask the manager through which it joined once, which may be dead; with autolock it is
        locked after that.
    type: bool
    default: false
  containers:
    description: The IDs of the task containers that ran on the host before, to tell how many of them run on.
    type: list
    elements: str
    default: []
  keys_in:
    description: A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  unlock_keys:
    description: Unlock keys to try on a manager that locks itself. The action plugin passes those that it finds.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for each stop and start of Docker, and for the node to be back.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_restore
  - module: quorum.swarm.swarm_member
"""

EXAMPLES = r"""
- name: Bring this host back to the restored swarm
  quorum.swarm.swarm_follow:
    swarm_id: "{{ hostvars.m1.restored.swarm_id }}"
    node_ids: "{{ hostvars.m1.restored.nodes | map(attribute='id') | list }}"
    managers: [["{{ hostvars.m1.restored.node_id }}", "10.0.0.11:2377"]]
    keys_in: /srv/swarm
  become: true
  no_log: true
"""

RETURN = r"""
way:
  description:
    - How it comes back. V(none) there was nothing of a swarm here; V(reconnected) it came back by itself; V(pointed) it
      was told the address, and is the node that it was; V(cleaned) what was here was moved aside.
  returned: success
  type: str
aside:
  description: Where what was moved aside lies now.
  returned: success
  type: str
node_id:
  description: The ID of this node. Empty where it is in no swarm.
  returned: success
  type: str
kept:
  description: How many of O(containers) still run.
  returned: success
  type: int
interrupted:
  description: How many of them do not.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import following
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "swarm_id": {"type": "str", "required": True},
            "node_ids": {"type": "list", "elements": "str", "default": []},
            "managers": {"type": "list", "elements": "list", "default": []},
            "keep": {"type": "bool", "default": True},
            "restart": {"type": "bool", "default": False},
            "containers": {"type": "list", "elements": "str", "default": []},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    request = following.Request(
        params["swarm_id"], tuple(params["node_ids"]),
        tuple((str(node), str(address)) for node, address in params["managers"]), params["keep"], params["restart"],
        tuple(params["containers"]), tuple(params["unlock_keys"]), params["timeout"])
    try:
        result = following.follow_swarm(Engine.of_params(params), request, module.check_mode)
    except (EngineError, following.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
