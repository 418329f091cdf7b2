#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_lease
short_description: One operator changes the swarm at a time
version_added: 0.1.0
description:
  - Takes, extends or releases the lease on the swarm object, a label that is changed by compare-and-swap on the
    object's version. It ends by itself after three minutes unless it is extended.
  - An expired lease is taken over, and RV(taken_over) says whose it was. No guard of the quorum relies on the lease.
  - On request it returns what a host needs to join as a worker.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - It knows whether the owner is a run on this controller that is dead, and does not wait for its lease.
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: none
  idempotent:
    description: Run again with the same arguments, it changes nothing and says so.
    support: full
    details:
      - Taking and releasing a lease is bookkeeping, not a change of the swarm, and never reported as one.
options:
  state:
    description:
      - Whether the lease shall be held or given back.
      - With V(free) nothing is taken; it only waits until nobody else holds it.
    type: str
    choices: [held, released, free]
    default: held
  owner:
    description: Who changes the swarm.
    type: str
    required: true
  purpose:
    description: What for, shown to whoever is kept waiting.
    type: str
    default: ''
  wait:
    description: Seconds to wait for another owner's lease to end.
    type: float
    default: 0.0
  take_over:
    description: An owner that is known to be dead. Its lease does not count.
    type: str
    default: ''
  if_held:
    description:
      - What to do when another owner still holds the lease after O(wait) seconds. With V(tell) that is no failure, and
        RV(held_by) says who it is.
    type: str
    choices: [fail, tell]
    default: fail
  return_worker_token:
    description: Whether to return the token with which workers join. Register the task with C(no_log).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Change the swarm alone
  quorum.swarm.swarm_lease:
    owner: alice@bastion
    purpose: provision
    wait: 200
  become: true

- name: Let others change it again
  quorum.swarm.swarm_lease:
    owner: alice@bastion
    state: released
  become: true
"""

RETURN = r"""
taken_over:
  description: Whose expired lease this one replaced; empty otherwise.
  type: str
  returned: always
  sample: ""
held_by:
  description: Who holds the lease. The task has failed then, unless O(if_held=tell).
  type: str
  returned: when it is held by another owner
  sample: ops@bastion
known_nodes:
  description: The IDs of all nodes of the swarm. Empty where the lease could not be taken.
  type: list
  elements: str
  returned: with O(state=held)
  sample: [8nq3bswc9c9jbq5wdlrzhn3sx]
worker_token:
  description: The token with which workers join. A secret.
  type: str
  returned: when O(return_worker_token=true)
  sample: SWMTKN-1-...
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder


def main():
    """One run on one manager."""
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["held", "released", "free"], "default": "held"},
            "owner": {"type": "str", "required": True},
            "purpose": {"type": "str", "default": ""},
            "wait": {"type": "float", "default": 0.0},
            "take_over": {"type": "str", "default": ""},
            "if_held": {"type": "str", "choices": ["fail", "tell"], "default": "fail"},
            "return_worker_token": {"type": "bool", "default": False, "no_log": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    result: dict[str, object] = {}
    try:
        engine = Engine.of_params(params, election=ELECTION)
        holder = Holder(engine, params["owner"], params["purpose"], params["wait"], params["take_over"])
        if not module.check_mode:
            act = {"held": holder.hold, "released": holder.release, "free": holder.wait_free}
            act[params["state"]]()
        if params["state"] == "held":
            result["known_nodes"] = [raw["ID"] for raw in engine.nodes()]
            if params["return_worker_token"]:
                result["worker_token"] = engine.join_tokens()["Worker"]
    except lease.Held as error:
        if params["if_held"] == "tell":
            module.exit_json(changed=False, taken_over="", known_nodes=[], held_by=error.lease.owner)
        module.fail_json(msg=str(error), held_by=error.lease.owner)
    except EngineError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, taken_over=holder.taken_over.owner if holder.taken_over else "", **result)


if __name__ == "__main__":
    main()
