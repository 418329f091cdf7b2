#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_pin
short_description: Tell a manager's engine the address that the swarm knows it by
version_added: 0.1.0
description:
  - A manager that joined without an advertise address has none in its engine's settings, and the engine looks for one
    at each start. This stops Docker, writes the address that the raft has for this manager into C(docker-state.json),
    and starts Docker. The node stays the one that it was.
  - It refuses to stop Docker where that could cost the quorum, from the engine's own answer at that moment, and to pin
    an address that is none of the host's.
  - A guard on the host, outside of the connection, starts Docker and unlocks the manager if the module dies or hangs.
  - The settings of before are kept below C(/var/lib/quorum.swarm/aside), and put back where the manager does not come
    back as it was.
  - The playbook C(quorum.swarm.provision) runs this on one manager after the other, with C(swarm_pin_addresses=true).
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
  - quorum.swarm.lease
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - Everything that can be refused is refused in check mode, too.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  address:
    description: The address and port by which the swarm knows this manager (C(ManagerStatus.Addr)).
    type: str
    required: true
  allow_quorum_pause:
    description: Whether a swarm of one or two managers may lose its quorum while Docker is stopped.
    type: bool
    default: false
  longest_stop:
    description: Seconds after which the guard starts Docker, whatever becomes of the module.
    type: float
    default: 120
  timeout:
    description: Seconds for the manager to be back in its swarm.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Pin the address of a manager that joined without one
  quorum.swarm.swarm_pin:
    address: 198.51.100.12:2377
  become: true
"""

RETURN = r"""
kept:
  description: The folder with the settings of before. Empty where nothing was changed.
  type: str
  returned: success
  sample: /var/lib/quorum.swarm/aside/20261129T130000Z-pin
downtime:
  description: Seconds from the stop until the engine answered again.
  type: float
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import pinning
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import LEASE_OPTIONS, Holder


def main():
    """One run on one manager."""
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            **LEASE_OPTIONS,
            "address": {"type": "str", "required": True},
            "allow_quorum_pause": {"type": "bool", "default": False},
            "longest_stop": {"type": "float", "default": 120.0},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        engine = Engine.of_params(params)
        holder = Holder(engine, params["lease_owner"] or "", params["lease_purpose"])
        request = pinning.Request(params["address"], params["allow_quorum_pause"], params["longest_stop"],
                                  params["timeout"])
        result = pinning.pin(engine, request, holder, module.check_mode)
        if params["lease_release"] and not module.check_mode:
            holder.release()
    except (EngineError, lease.Held, pinning.Refused) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
