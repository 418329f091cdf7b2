#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_datapath
short_description: Ask a node whom it knows in its overlay networks
version_added: 0.1.0
description:
  - Returns whether the engine listens where overlay networks find their nodes, and by network the addresses of the
    nodes that it knows there.
  - With O(state=noted) it has Docker wait to be restarted, by the playbook C(quorum.swarm.restart).
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
    support: partial
    details:
      - O(state=noted) writes its note each time.
options:
  state:
    description:
      - V(looked) returns what the node knows.
      - V(noted) notes that Docker is to be restarted, and why.
    type: str
    choices: [looked, noted]
    default: looked
  expected:
    description: With O(state=looked), addresses by network. It looks again until the node knows all of them, in the
      networks that it takes part in.
    type: dict
    default: {}
  seconds:
    description: For how long it looks again.
    type: float
    default: 75.0
  reason:
    description: With O(state=noted), why Docker is to be restarted.
    type: str
    default: ''
seealso:
  - module: quorum.swarm.swarm_recover_order
"""

EXAMPLES = r"""
- name: Ask whom this node knows in its overlay networks
  quorum.swarm.swarm_datapath:
  become: true
  register: path
"""

RETURN = r"""
address:
  description: The address by which the other nodes know this one. Empty where it takes no part in a swarm.
  returned: with O(state=looked)
  type: str
manager:
  description: Whether this node is a manager.
  returned: with O(state=looked)
  type: bool
listens:
  description: Whether the engine listens on 7946/tcp.
  returned: with O(state=looked)
  type: bool
networks:
  description: By name of the network, the addresses of the nodes that this one knows there.
  returned: with O(state=looked)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import datapath
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["looked", "noted"], "default": "looked"},
            "expected": {"type": "dict", "default": {}},
            "seconds": {"type": "float", "default": 75.0},
            "reason": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["state"] == "noted":
            result = datapath.note(params["reason"], module.check_mode)
        else:
            result = datapath.look(Engine.of_params(params), params["expected"], params["seconds"])
    except EngineError as error:
        module.fail_json(msg=error.text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
