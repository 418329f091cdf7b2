#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_discard
short_description: Move aside the state of a swarm that is given up
version_added: 0.1.0
description:
  - Moves the state of a swarm on this host's disk below C(/var/lib/quorum.swarm/aside). It deletes nothing.
  - The cluster ID must be given, and is read on the disk at the moment of acting. Anything else is refused.
  - An engine that is in no swarm goes on running. One that is a member, or tries to be, is stopped for it and started
    again; the containers of its tasks stop.
  - Whether the swarm lives elsewhere cannot be seen from one host. C(quorum.swarm.provision) looks at all of them, and
    calls this module only for hosts that C(swarm_discard_state) names.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: none
  idempotent:
    description: Run again with the same arguments, it changes nothing and says so.
    support: full
options:
  swarm_id:
    description: The cluster ID of the state.
    type: str
    required: true
  own_swarm_id:
    description: The cluster ID of the swarm that the inventory is about. Its state is never moved.
    type: str
    default: ""
  timeout:
    description: Seconds for each stop and start of Docker.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_info
  - module: quorum.swarm.swarm_member
"""

EXAMPLES = r"""
- name: Give up what an old swarm left on this host
  quorum.swarm.swarm_discard:
    swarm_id: u3kmoh1o4l31e0jvcsm6xnfzd
  become: true
"""

RETURN = r"""
aside:
  description: Where the state lies now. Empty where there was none.
  returned: success
  type: str
  sample: /var/lib/quorum.swarm/aside/20261122T000000-discard/swarm
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import discarding
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "swarm_id": {"type": "str", "required": True},
            "own_swarm_id": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    request = discarding.Request(params["swarm_id"], params["own_swarm_id"], params["timeout"])
    try:
        result = discarding.discard(Engine.of_params(params), request, module.check_mode)
    except (EngineError, discarding.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
