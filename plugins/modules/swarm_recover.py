#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_recover
short_description: Make a surviving manager the only one of its swarm, autolocked or not
version_added: 0.1.0
description:
  - Runs on the survivor that was chosen, after M(quorum.swarm.swarm_survey) copied its state aside.
  - The state is made a swarm of one manager, with the same cluster ID, objects, address pool, ports and settings. It
    locks itself again where it was locked, and the unlock key is changed.
  - B(It gives up every other manager.) Where those are alive and a majority, there are two swarms of one ID. The
    playbook C(quorum.swarm.recover) looks for that before.
  - It waits longer than usual for nodes that do not report, so that workers have the time to find this manager among
    those that are dead, and their tasks run on. O(state=fenced) ends that.
  - When it is broken off, it is gone on with by the next run. When it fails, the host is as it was found.
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
    support: full
options:
  state:
    description:
      - V(recovered) makes the swarm.
      - V(fenced), afterwards, makes the join tokens worthless that the given-up managers know, and with O(rotate_ca)
        their certificates. Each is done once. It waits for O(node_ids) before.
    type: str
    choices: [recovered, fenced]
    default: recovered
  swarm_id:
    description: The cluster ID of the swarm.
    type: str
    required: true
  source:
    description:
      - The folder of the copied state, RV(quorum.swarm.swarm_survey#module:aside).
      - Empty where a recovery that was broken off goes on.
    type: str
    default: ''
  keys_in:
    description: A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  unlock_keys:
    description: Unlock keys to try. The action plugin passes those that it finds.
    type: list
    elements: str
    default: []
  node_ids:
    description: With O(state=fenced), the nodes that are waited for before.
    type: list
    elements: str
    default: []
  given_up:
    description:
      - With O(state=recovered), whether any manager is given up. Where none is, there is nobody to be fenced, and the
        host remembers that.
    type: bool
    default: true
  rotate_ca:
    description:
      - With O(state=fenced), make a new root certificate, and wait until every node has a certificate of it.
      - A node that is down keeps the rotation from ending; RV(problem) names it.
    type: bool
    default: false
  timeout:
    description: Seconds for each stop and start of Docker, for the swarm to have a leader, and for new certificates.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_survey
  - module: quorum.swarm.swarm_follow
"""

EXAMPLES = r"""
- name: Make this manager the swarm's only one
  quorum.swarm.swarm_recover:
    swarm_id: u3kmoh1o4l31e0jvcsm6xnfzd
    source: "{{ surveyed.aside }}"
    keys_in: /srv/swarm
  become: true
  no_log: true
  register: recovered

- name: Keep the new unlock key
  quorum.swarm.swarm_settings:
    keep_unlock_key_in: /srv/swarm
  become: true
  no_log: true
  when: recovered.autolock
"""

RETURN = r"""
swarm_id:
  description: The cluster ID.
  returned: with O(state=recovered)
  type: str
node_id:
  description: The ID of this manager, which is what it was.
  returned: with O(state=recovered)
  type: str
nodes:
  description: All nodes as the swarm lists them now, those that were given up included.
  returned: with O(state=recovered)
  type: list
  elements: dict
aside:
  description: Where the state of before lies now.
  returned: with O(state=recovered)
  type: str
phases:
  description: Seconds that each phase took. Empty where nothing was to be done.
  returned: with O(state=recovered)
  type: dict
rotated:
  description: Whether the unlock key is another one than before.
  returned: with O(state=recovered)
  type: bool
relocked:
  description: A sentence where an earlier run was broken off and had left the node's key in clear. Empty otherwise.
  returned: with O(state=recovered)
  type: str
autolock:
  description: Whether the swarm is autolocked.
  returned: with O(state=recovered)
  type: bool
fenced:
  description: How far the fence is. V(tokens) the join tokens are new, V(sure) they are and the root certificate was
    not asked for, V(begun) the root certificate is on its way, V(ca) it is on every node, V(nobody) nothing was changed
    because nobody was given up.
  returned: with O(state=fenced)
  type: str
problem:
  description: Which nodes keep the new root certificate from being everywhere. Empty where none does.
  returned: with O(state=fenced)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import recovering
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["recovered", "fenced"], "default": "recovered"},
            "swarm_id": {"type": "str", "required": True},
            "source": {"type": "str", "default": ""},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "node_ids": {"type": "list", "elements": "str", "default": []},
            "given_up": {"type": "bool", "default": True},
            "rotate_ca": {"type": "bool", "default": False, "no_log": False},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    engine = Engine.of_params(params, election=ELECTION)
    request = recovering.Request(params["swarm_id"], params["source"], tuple(params["unlock_keys"]), params["timeout"],
                                 params["given_up"])
    try:
        if params["state"] == "fenced":
            result = recovering.fence(engine, params["node_ids"], params["rotate_ca"], params["timeout"],
                                      module.check_mode)
        else:
            result = recovering.recover(engine, request, module.check_mode)
    except (EngineError, recovering.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
