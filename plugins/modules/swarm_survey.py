#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_survey
short_description: Read what a surviving manager's state is worth
version_added: 0.1.0
description:
  - Runs on a manager of a swarm that has lost its quorum.
  - Stops Docker, copies the state to a folder below C(/var/lib/quorum.swarm/aside), and reads from it how far the raft
    log goes, whether anything of it is damaged, and, where an unlock key opens it, the entries above the commit index,
    which are lost where a new cluster is forced from here.
  - B(Docker stays stopped.) The commit index is flushed by a stop in order only, so that there is no other way to know
    it. O(state=back) starts it again.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - It finds the unlock keys. With O(state=back), where the host cannot run a module, it starts Docker by the
        shell, if Docker stands still and the host was a manager of this swarm.
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - In check mode the state is read while Docker runs, which is a lower bound.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: partial
options:
  state:
    description:
      - V(surveyed) stops, copies and reads.
      - V(back) starts a Docker that stands still, unlocks a manager that is locked, and takes back a recovery that was
        broken off before it forced anything.
    type: str
    choices: [surveyed, back]
    default: surveyed
  swarm_id:
    description: The cluster ID of the swarm.
    type: str
    required: true
  keys_in:
    description: A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  unlock_keys:
    description: Unlock keys to try. The action plugin passes those that it finds.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for each stop and start of Docker.
    type: float
    default: 120.0
seealso:
  - module: quorum.swarm.swarm_recover
"""

EXAMPLES = r"""
- name: See how far this manager's log goes
  quorum.swarm.swarm_survey:
    swarm_id: u3kmoh1o4l31e0jvcsm6xnfzd
    keys_in: /srv/swarm
  become: true
  no_log: true

- name: Start its Docker again
  quorum.swarm.swarm_survey:
    state: back
    swarm_id: u3kmoh1o4l31e0jvcsm6xnfzd
    keys_in: /srv/swarm
  become: true
  no_log: true
"""

RETURN = r"""
aside:
  description: Where the copy of the state lies. Empty in check mode.
  returned: with O(state=surveyed)
  type: str
lower_bound:
  description: Whether it was read while Docker ran, so that it may go further.
  returned: with O(state=surveyed)
  type: bool
node_id:
  description: The node that the state is of.
  returned: with O(state=surveyed)
  type: str
commit:
  description: The commit index.
  returned: with O(state=surveyed)
  type: int
last_term:
  description: The term of the last entry.
  returned: with O(state=surveyed)
  type: int
last_index:
  description: The index of the last entry. What is above the commit index is lost where a new cluster is forced.
  returned: with O(state=surveyed)
  type: int
damage:
  description: What is wrong with the state that an engine could do without.
  returned: with O(state=surveyed)
  type: list
  elements: str
error:
  description: By what it is proven to be broken, so that no engine would start from it. Empty where one would.
  returned: with O(state=surveyed)
  type: str
unread:
  description: Why it could not be read, so that nobody knows what it is worth. Empty where it was read.
  returned: with O(state=surveyed)
  type: str
locked:
  description: Whether the node's key is locked.
  returned: with O(state=surveyed)
  type: bool
members:
  description: Node ID and raft address of the managers, as raft knows them. Empty where no key opens the state.
  returned: with O(state=surveyed)
  type: list
  elements: list
uncommitted:
  description: What the entries above the commit index do, by the names of the objects.
  returned: with O(state=surveyed)
  type: list
  elements: str
pinned:
  description: Service and node ID, where a constraint binds a service to one node. Empty where no key opens the state.
  returned: with O(state=surveyed)
  type: list
  elements: list
unopened:
  description: Why the content could not be opened. Empty where it was.
  returned: with O(state=surveyed)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import surveying
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["surveyed", "back"], "default": "surveyed"},
            "swarm_id": {"type": "str", "required": True},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    engine = Engine.of_params(params)
    try:
        if params["state"] == "back":
            result = surveying.back(engine, params["unlock_keys"], params["timeout"], module.check_mode)
        else:
            result = surveying.survey(engine, params["swarm_id"], params["unlock_keys"], params["timeout"],
                                      module.check_mode)
    except (EngineError, surveying.Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
