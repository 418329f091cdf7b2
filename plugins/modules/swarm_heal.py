#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_heal
short_description: Start, restart or unlock an engine that takes no part in its swarm
version_added: 0.1.0
description:
  - Runs on a host whose node is down, or whose manager is not reachable.
  - Starts a Docker that stands still, or that systemd starts in vain again and again; restarts one that runs, where
    O(restart=true); unlocks a manager that is locked.
  - A manager that works is not restarted, whatever O(restart) says.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - It finds the unlock keys. Where the host cannot run a module, it starts Docker by the shell, if Docker stands
        still and the host was a node of this swarm.
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
      - An engine that runs is restarted each time, with O(restart=true), unless it is that of a manager that works.
options:
  swarm_id:
    description: The cluster ID of the swarm. A host with the state of another one is left alone.
    type: str
    required: true
  restart:
    description: Whether a Docker that runs may be restarted. The containers of the host stop then.
    type: bool
    default: false
  keys_in:
    description: A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  unlock_keys:
    description: Unlock keys to try on a manager that is locked. The action plugin passes those that it finds.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for Docker to start, and for a manager to be back after it was unlocked.
    type: float
    default: 60.0
seealso:
  - module: quorum.swarm.swarm_await
  - module: quorum.swarm.swarm_unlock
"""

EXAMPLES = r"""
- name: Bring this manager back
  quorum.swarm.swarm_heal:
    swarm_id: qcoiu94fyiowb48mi4meij7n0
    restart: true
    keys_in: /srv/swarm
  become: true
  no_log: true
"""

RETURN = r"""
did:
  description: What was done, in this order, of V(start), V(restart) and V(unlock).
  returned: success
  type: list
  elements: str
  sample: [start, unlock]
state:
  description: The engine's word for this node, such as V(active) or V(inactive).
  returned: success
  type: str
  sample: active
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import healing
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "swarm_id": {"type": "str", "required": True},
            "restart": {"type": "bool", "default": False},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        result = healing.bring_back(Engine.of_params(params), params["restart"], params["swarm_id"],
                                    params["unlock_keys"], params["timeout"], module.check_mode)
    except (EngineError, healing.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
