#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_await
short_description: Wait on a manager until nodes take part in the swarm again
version_added: 0.1.0
description:
  - Waits until the swarm finds each of these nodes ready, and reaches those that are managers, or until the time has
    passed. That the time has passed is no failure, and is told in RV(missing).
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
  - quorum.swarm.lease
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: N/A
    details:
      - It changes nothing but the lease, which is extended.
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  nodes:
    description: The nodes that are waited for.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The inventory name.
        type: str
        required: true
      node_id:
        description: The node's ID.
        type: str
        required: true
      manager:
        description: Whether it has to be a reachable manager.
        type: bool
        default: false
  timeout:
    description: Seconds for all of them together.
    type: float
    default: 60.0
seealso:
  - module: quorum.swarm.swarm_heal
"""

EXAMPLES = r"""
- name: Wait until m2 is back
  quorum.swarm.swarm_await:
    nodes: [{host: m2, node_id: 8nq3bswc9c9jbq5wdlrzhn3sx, manager: true}]
  become: true
"""

RETURN = r"""
back:
  description: The hosts whose nodes are there.
  returned: success
  type: list
  elements: str
  sample: [m2]
missing:
  description: Those whose nodes are not.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import healing
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import LEASE_OPTIONS, Holder


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            **LEASE_OPTIONS,
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": {
                "host": {"type": "str", "required": True},
                "node_id": {"type": "str", "required": True},
                "manager": {"type": "bool", "default": False},
            }},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    awaited = [healing.Awaited(item["host"], item["node_id"], item["manager"]) for item in params["nodes"]]
    try:
        engine = Engine.of_params(params, election=ELECTION)
        owner = "" if module.check_mode else params["lease_owner"] or ""
        holder = Holder(engine, owner, params["lease_purpose"])
        result = healing.await_nodes(engine, holder, awaited, 0 if module.check_mode else params["timeout"])
        if params["lease_release"]:
            holder.release()
    except (EngineError, lease.Held) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
