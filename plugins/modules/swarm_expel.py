#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_expel
short_description: Take compromised nodes out of the swarm, and make worthless what they knew
version_added: 0.1.0
description:
  - Runs on a manager that is not compromised. Managers are demoted, which is waited for, the leader last; then the
    entries are removed by force. From then on the swarm refuses their certificates.
  - Then both join tokens and, where the swarm is autolocked, the unlock key are made anew; where a manager was among
    them, the root certificate too, because a manager knows its key. That it is on every node is waited for.
  - Nothing is asked of the nodes that go, and they are not contacted. What runs on their hosts runs on there.
  - What was begun is noted in the label C(quorum.swarm/expelled) of the swarm object, before anything else. A run that
    is broken off is finished by the next one, with O(nodes) or without.
  - Each step that could cost the quorum is refused, whatever the caller believed.
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
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: partial
    details:
      - Where the node of a host is not known any more (O(nodes[].id) is empty), the rotations are done each time.
options:
  nodes:
    description: The nodes that are taken out, beside those that an earlier run has begun with.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The ID of the node. Empty where the swarm has no entry of the host any more.
        type: str
        default: ''
      host:
        description: What the operator calls it.
        type: str
        default: ''
      manager:
        description: Whether it is a manager.
        type: bool
        default: false
      rotate_ca:
        description: Whether the root certificate is made anew.
        type: bool
        default: false
  timeout:
    description: Seconds for each demotion, and for the new root certificate to be on every node.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_topology
  - module: quorum.swarm.swarm_settings
"""

EXAMPLES = r"""
- name: Take a compromised manager out
  quorum.swarm.swarm_expel:
    nodes:
      - id: 8nq3bswc9c9jbq5wdlrzhn3sx
        host: m4
        manager: true
        rotate_ca: true
  become: true

- name: Keep the new unlock key
  quorum.swarm.swarm_settings:
    keep_unlock_key_in: /srv/swarm
  become: true
  no_log: true
"""

RETURN = r"""
done:
  description: What was changed, in this order.
  returned: always
  type: list
  elements: str
  sample: ["demoted m4", "removed m4, node 8nq3bswc9c9jbq5wdlrzhn3sx", "changed both join tokens, the unlock key"]
entries:
  description:
    - The nodes that were taken out so, as the swarm object remembers them. C(todo) is what is left to do for each, and
      C(exposed) the secrets and configs that it could read and that are there still, by name.
  returned: success
  type: list
  elements: dict
problem:
  description: Which nodes keep the new root certificate from being everywhere. Empty where none does.
  returned: success
  type: str
facts:
  description: What this manager says afterwards, as M(quorum.swarm.swarm_info) returns it.
  returned: success
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import expelling
from ansible_collections.quorum.swarm.plugins.module_utils.core import expel, lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import LEASE_OPTIONS, Holder
from ansible_collections.quorum.swarm.plugins.module_utils.observe import observe_settled


def main():
    """One run on one manager."""
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            **LEASE_OPTIONS,
            "nodes": {"type": "list", "elements": "dict", "default": [], "options": {
                "id": {"type": "str", "default": ""},
                "host": {"type": "str", "default": ""},
                "manager": {"type": "bool", "default": False},
                "rotate_ca": {"type": "bool", "default": False, "no_log": False},
            }},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params, now = module.params, int(time.time())
    work = None
    try:
        engine = Engine.of_params(params, election=ELECTION)
        holder = Holder(engine, params["lease_owner"] or "", params["lease_purpose"])
        new = [expel.Entry(item["id"], item["host"], item["manager"], now,
                           expel.todo_of(item["manager"], bool(item["id"]), item["rotate_ca"]))
               for item in params["nodes"]]
        work = expelling.Expulsion(engine, new, holder, params["timeout"])
        result = work.run(module.check_mode)
        if params["lease_release"] and not module.check_mode:
            holder.release()
    except (expelling.Refused, lease.Held, EngineError) as error:
        module.fail_json(msg=str(error), done=work.done if work else [])
    module.exit_json(facts=observe_settled({**params, "gather": ["nodes", "swarm"]}, ELECTION), **result)


if __name__ == "__main__":
    main()
