#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_settings
short_description: Set a swarm's own settings, and rotate its tokens and keys
version_added: 0.1.0
description:
  - Runs on one manager that finds a leader.
  - Only what is declared is changed. The engine replaces all settings with each update, so they are read, changed and
    written back as a whole, and read again where somebody else was faster.
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
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: full
    details:
      - Settings are shown. Tokens and keys never are.
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: partial
    details:
      - A rotation is done each time it is asked for.
options:
  autolock:
    description:
      - Whether managers lock themselves when they restart, and wait for the unlock key.
      - Keep the key before a manager restarts. Without it the manager's state cannot be opened by anyone.
    type: bool
  cert_expiry:
    description:
      - How long a node's certificate is valid. A number of seconds, or a duration such as V(2160h). An hour at least.
    type: str
  task_history_limit:
    description: How many old tasks of each slot of a service are kept.
    type: int
  snapshot_interval:
    description: How many raft log entries are written between two snapshots.
    type: int
  keep_old_snapshots:
    description: How many snapshots are kept beside the current one.
    type: int
  log_entries_for_slow_followers:
    description: How many raft log entries are kept behind a snapshot, for managers that lag.
    type: int
  dispatcher_heartbeat:
    description: How often nodes report to the managers. A number of seconds, or a duration such as V(5s).
    type: str
  rotate_worker_token:
    description: Make the token for joining as a worker worthless, and make a new one.
    type: bool
    default: false
  rotate_manager_token:
    description: Make the token for joining as a manager worthless, and make a new one.
    type: bool
    default: false
  rotate_unlock_key:
    description:
      - Make a new unlock key. The swarm must be autolocked.
      - A manager that is off meanwhile still needs the old key when it comes back, so keep it.
    type: bool
    default: false
  rotate_ca:
    description:
      - Make a new root certificate, and wait until every node has a certificate of it.
      - A node that is down keeps the rotation from ending. A rotation that is under way is waited for, not begun again.
    type: bool
    default: false
  keep_unlock_key_in:
    description:
      - A folder on the controller (C(swarm_controller_dir)). Where the swarm is autolocked, its unlock key is kept
        in it, 0600, and the key from before beside it. That the folder can be written to is proven first.
        The task needs C(no_log=true).
    type: str
  return_unlock_key:
    description:
      - Return the unlock key as RV(unlock_key).
      - Refused where the task does not set C(no_log=true), which keeps the key out of Ansible's output.
    type: bool
    default: false
  timeout:
    description: Seconds to wait until new keys and certificates are everywhere.
    type: int
    default: 120
seealso:
  - module: quorum.swarm.swarm_unlock
"""

EXAMPLES = r"""
- name: Take snapshots more often, and leave everything else as it is
  quorum.swarm.swarm_settings:
    snapshot_interval: 5000
  become: true

- name: Lock the managers, and keep the key
  quorum.swarm.swarm_settings:
    autolock: true
    return_unlock_key: true
  register: locked
  no_log: true
  become: true

- name: A new root certificate
  quorum.swarm.swarm_settings:
    rotate_ca: true
  become: true
"""

RETURN = r"""
settings:
  description: The settings as they are now, or in check mode as they would be. Durations in seconds.
  returned: success
  type: dict
  sample:
    autolock: false
    cert_expiry: 7776000
    dispatcher_heartbeat: 5
    keep_old_snapshots: 0
    log_entries_for_slow_followers: 500
    snapshot_interval: 10000
    task_history_limit: 5
unlock_key:
  description: The unlock key, empty where the swarm is not autolocked. A secret.
  returned: with O(return_unlock_key=true), outside check mode
  type: str
swarm_id:
  description: The ID of the swarm that the key is of.
  returned: with O(return_unlock_key=true), outside check mode
  type: str
unlock_key_kept:
  description: Whether the kept key was missing or another one, and was written.
  returned: with O(keep_unlock_key_in), where the swarm is autolocked
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import settings
from ansible_collections.quorum.swarm.plugins.module_utils.core.settings import BadSetting, declared
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ELECTION, ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    switch = {"type": "bool", "default": False, "no_log": False}
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "autolock": {"type": "bool"},
            "cert_expiry": {"type": "str"},
            "task_history_limit": {"type": "int"},
            "snapshot_interval": {"type": "int"},
            "keep_old_snapshots": {"type": "int"},
            "log_entries_for_slow_followers": {"type": "int"},
            "dispatcher_heartbeat": {"type": "str"},
            "rotate_worker_token": switch,
            "rotate_manager_token": switch,
            "rotate_unlock_key": switch,
            "rotate_ca": switch,
            "return_unlock_key": switch,
            # The action plugin keeps the key on the controller; the module never sees the folder.
            "keep_unlock_key_in": {"type": "str", "no_log": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["return_unlock_key"] and not module.no_log:
        module.fail_json(msg="return_unlock_key=true returns a secret: set no_log: true at the task.")
    try:
        wanted = settings.Wanted(
            settings=declared(params),
            worker_token=params["rotate_worker_token"],
            manager_token=params["rotate_manager_token"],
            unlock_key=params["rotate_unlock_key"],
            ca=params["rotate_ca"],
            seconds=params["timeout"],
        )
        engine = Engine.of_params(params, election=ELECTION)
        done = settings.apply(engine, wanted, module.check_mode)
        result = {"changed": done.changed, "settings": done.after}
        if params["return_unlock_key"] and not module.check_mode:
            result["unlock_key"] = engine.unlock_key()
            result["swarm_id"] = engine.swarm()["ID"]
    except (EngineError, settings.NotDone, BadSetting) as error:
        module.fail_json(msg=str(error))
    module.exit_json(diff={"before": done.before, "after": done.after}, **result)


if __name__ == "__main__":
    main()
