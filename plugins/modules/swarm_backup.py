#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_backup
short_description: Take a proven, cold backup of a swarm from one of its managers
version_added: 0.1.0
description:
  - Runs on a manager. It stops Docker, copies the swarm's state directory, starts Docker, and waits until the leader
    reaches the manager again. Only then is the copy read as an engine would read it, compared with what the swarm said
    right before and right after, and packed into an archive.
  - It refuses to stop Docker where that could cost the quorum, from the engine's own answer at that moment.
  - A guard on the host, outside of the connection, starts Docker and unlocks the manager if the module dies or hangs.
  - An autolocked manager is unlocked with the swarm's own unlock key, which is asked for before the stop and kept in
    memory. The key is never in the archive. The archive does hold the manager's private key, so that who has an
    archive of a swarm that is not autolocked has the swarm.
  - The playbook C(quorum.swarm.backup) chooses the manager, runs this, and brings the archive to the controller.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - With O(bring_to) it brings the archive to the controller and proves it there.
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
    support: none
    details:
      - Each run takes a backup.
options:
  state:
    description:
      - V(taken) takes a backup and leaves the archive on the host.
      - V(brought) brings an archive that was taken to the controller, and removes it from the host.
      - V(read) returns a piece of an archive, which V(brought) uses.
      - V(dropped) removes an archive from the host.
    type: str
    choices: [taken, brought, read, dropped]
    default: taken
  archive:
    description: The archive on the host, as RV(archive) named it. Required unless O(state=taken).
    type: str
  bring_to:
    description: With O(state=brought), the folder on the controller, absolute. It is made 0700, the archive in it 0600.
    type: str
  sha256:
    description: With O(state=brought), the checksum that RV(sha256) told.
    type: str
  keys_in:
    description:
      - With O(state=brought), a folder on the controller in which unlock keys are kept (C(swarm_controller_dir)). With
        one that fits, an archive of an autolocked swarm is opened and proven whole; without, as far as it is in clear.
    type: str
  keep:
    description:
      - With O(state=brought), how many archives of each manager of this swarm are kept in O(bring_to). The oldest go
        first, and the one that was just proven always stays. V(0) keeps all.
    type: int
    default: 0
  keep_days:
    description:
      - With O(state=brought), archives of this swarm that are older are removed, but never the one that was just
        proven. V(0) sets no limit.
    type: float
    default: 0.0
  offset:
    description: With O(state=read), where the piece begins, in bytes.
    type: int
    default: 0
  length:
    description: With O(state=read), how long the piece is at most, in bytes.
    type: int
    default: 4194304
  host:
    description: The inventory name of the manager, for the archive's name and manifest. The default is its hostname.
    type: str
    default: ''
  zone:
    description: The manager's failure zone, where the swarm does not know it.
    type: str
    default: ''
  allow_quorum_pause:
    description: Whether a swarm of one or two managers may be without a quorum while Docker is stopped.
    type: bool
    default: false
  longest_stop:
    description: Seconds that Docker may be stopped before the guard starts it.
    type: float
    default: 120.0
  timeout:
    description: Seconds for Docker to start, and once more for the manager to be reachable.
    type: float
    default: 120.0
  lease_owner:
    description:
      - Who holds the lease on the swarm object. Where it is empty, the module takes one and gives it back, so that two
        managers are never stopped at once.
    type: str
    default: ''
seealso:
  - module: quorum.swarm.swarm_backup_info
"""

EXAMPLES = r"""
- name: Take a backup
  quorum.swarm.swarm_backup:
    host: "{{ inventory_hostname }}"
  become: true
  register: taken

- name: Bring it here
  quorum.swarm.swarm_backup:
    state: brought
    archive: "{{ taken.archive }}"
    sha256: "{{ taken.sha256 }}"
    bring_to: /srv/swarm/backups
    keys_in: /srv/swarm
    keep: 14
  become: true
  no_log: true
"""

RETURN = r"""
archive:
  description: Where the archive lies, on the host or, with O(state=brought), on the controller.
  returned: with O(state=taken) and O(state=brought), outside check mode
  type: str
sha256:
  description: The archive's checksum.
  returned: with O(state=taken), outside check mode
  type: str
size:
  description: The archive's size in bytes.
  returned: with O(state=taken) and O(state=brought), outside check mode
  type: int
swarm_id:
  description: The swarm.
  returned: with O(state=taken), outside check mode
  type: str
node_id:
  description: The manager's node ID.
  returned: with O(state=taken), outside check mode
  type: str
taken_at:
  description: When Docker had stopped, ISO 8601, UTC.
  returned: with O(state=taken), outside check mode
  type: str
downtime:
  description:
    - Seconds from the begin of the stop, C(engine) until the engine ran again, C(manager) until the leader reached the
      manager again.
  returned: with O(state=taken), outside check mode
  type: dict
  sample: {"engine": 2.1, "manager": 3.9}
commit:
  description: The raft commit index of the state.
  returned: with O(state=taken), outside check mode
  type: int
objects:
  description: How many objects of each kind the archive holds.
  returned: with O(state=taken), outside check mode
  type: dict
proven:
  description: Whether the archive's contents were opened on the controller and compared with its manifest.
  returned: with O(state=brought), outside check mode
  type: bool
unopened:
  description: Why they were not; empty where they were.
  returned: with O(state=brought), outside check mode
  type: str
removed:
  description: Archives that had had their time and were removed.
  returned: with O(state=brought), outside check mode
  type: list
  elements: str
content:
  description: A piece of the archive, base64. A secret.
  returned: with O(state=read)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import backup
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            "state": {"type": "str", "choices": ["taken", "brought", "read", "dropped"], "default": "taken"},
            "archive": {"type": "str"},
            # The action plugin works on the controller; the module never sees its folders.
            "bring_to": {"type": "str"},
            "sha256": {"type": "str"},
            "keys_in": {"type": "str", "no_log": False},
            "keep": {"type": "int", "default": 0},
            "keep_days": {"type": "float", "default": 0.0},
            "offset": {"type": "int", "default": 0},
            "length": {"type": "int", "default": 4194304},
            "host": {"type": "str", "default": ""},
            "zone": {"type": "str", "default": ""},
            "allow_quorum_pause": {"type": "bool", "default": False},
            "longest_stop": {"type": "float", "default": 120.0},
            "timeout": {"type": "float", "default": 120.0},
            "lease_owner": {"type": "str", "default": ""},
        },
        required_if=[("state", "brought", ("archive", "bring_to", "sha256")), ("state", "read", ("archive",)),
                     ("state", "dropped", ("archive",))],
        supports_check_mode=True,
    )
    params = module.params
    if params["state"] == "read" and not module.no_log:
        module.fail_json(msg="state=read returns a secret: set no_log: true at the task.")
    try:
        if params["state"] == "read":
            result = backup.read(params["archive"], params["offset"], params["length"])
        elif params["state"] == "dropped":
            result = {"changed": False} if module.check_mode else backup.drop(params["archive"])
        else:
            engine = Engine.of_params(params)
            request = backup.Request(params["host"], params["zone"], params["allow_quorum_pause"],
                                     params["longest_stop"], params["timeout"])
            result = backup.take(engine, request, params["lease_owner"], module.check_mode)
    except (EngineError, lease.Held, backup.Refused) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
