#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_unlock
short_description: Unlock a locked manager
version_added: 0.1.0
description:
  - Runs on the manager that is locked, and waits until it takes part in the swarm again.
  - On a host that is not locked it changes nothing.
  - Where a majority is still locked, the manager is unlocked and then waits for the others. That is a warning. Unlock
    all of them in one task, so that they do not wait for each other in turn.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - Whether the key is right is not tried.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: full
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  unlock_key:
    description:
      - The unlock key, C(SWMKEY-1-...).
      - A manager that was off while the key was rotated needs the key from before.
      - Required unless O(keys_in) is given.
    type: str
  keys_in:
    description:
      - A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)). Every kept key is tried, the
        most likely first. A wrong key does no harm.
    type: str
  timeout:
    description: Seconds to wait until the manager takes part in the swarm.
    type: int
    default: 60
seealso:
  - module: quorum.swarm.swarm_settings
"""

EXAMPLES = r"""
- name: Unlock every manager that is locked
  quorum.swarm.swarm_unlock:
    unlock_key: "{{ lookup('ansible.builtin.file', '/srv/swarm/unlock-key') }}"
  become: true
"""

RETURN = r"""
node_id:
  description: The ID of this node, empty where it is in no swarm.
  returned: success
  type: str
  sample: q6qmbwz1wtrs6lbdsn4e21yfg
node_addr:
  description: The address that this node announces.
  returned: success
  type: str
  sample: 198.51.100.11
state:
  description: The engine's word for this node. V(pending) where it is unlocked and finds no leader yet.
  returned: success
  type: str
  sample: active
swarm_id:
  description: The ID of the swarm that this node belongs to.
  returned: success
  type: str
  sample: u3kmoh1o4l31e0jvcsm6xnfzd
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import membership
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "unlock_key": {"type": "str", "no_log": True},
            # The action plugin reads the folder on the controller, and hands one key at a time to the module.
            "keys_in": {"type": "str", "no_log": False},
            "timeout": {"type": "int", "default": 60},
        },
        required_one_of=[("unlock_key", "keys_in")],
        supports_check_mode=True,
    )
    params = module.params
    try:
        done = membership.unlock(
            Engine.of_params(params), params["unlock_key"], params["timeout"], module.check_mode
        )
    except (EngineError, membership.Refused) as error:
        module.fail_json(msg=str(error), wrong_key=isinstance(error, membership.WrongKey))
    for warning in done.warnings:
        module.warn(warning)
    module.exit_json(
        changed=done.changed, diff={"before": {"state": done.before}, "after": {"state": done.after}}, **done.facts()
    )


if __name__ == "__main__":
    main()
