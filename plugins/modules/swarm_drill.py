#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_drill
short_description: A restore in isolation, to see that a backup comes back
version_added: 0.1.0
description:
  - Sends a backup archive to a host that has an engine installed, brings it up there as a swarm of one in an engine of
    its own, compares what the swarm has with what the archive says, and removes every trace of it.
  - The engine of the drill has a network of its own with nothing in it but the loopback, and cannot write to the host's
    file system but for one folder. It can meet no other host, and neither the host's engine nor its containers, which
    are not touched. A drill works by the same steps as M(quorum.swarm.swarm_restore).
  - Autolocked archives are opened with an unlock key, as for a restore.
  - Should the module die, the engine of the drill ends at once, and what it had on the disk is removed.
requirements:
  - on the host, an engine, systemd, iproute2, and the Python libraries docker, PyNaCl and cryptography
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
    details:
      - The archive is read and proven on the controller, and nothing is sent.
  diff_mode:
    description: Will return details on what has changed, when in diff mode.
    support: N/A
    details:
      - It leaves nothing that it has changed.
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
options:
  state:
    description:
      - V(able) says whether a drill can run on this host.
      - V(drilled) runs one. The task needs C(no_log).
      - V(receive) takes one piece of the archive; with V(drilled), the module does that by itself.
    type: str
    choices: [able, drilled, receive]
    default: drilled
  archive:
    description: With O(state=drilled), the path of an archive on the controller.
    type: path
  sha256:
    description: The archive's checksum. With O(state=drilled), the module knows it by itself.
    type: str
    default: ''
  keys_in:
    description:
      - With O(state=drilled), a folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  key_file:
    description: With O(state=drilled), a file on the controller with the unlock key. Then no other is tried.
    type: str
  record_in:
    description:
      - With O(state=drilled), a folder on the controller in which a good drill is recorded (C(swarm_controller_dir)).
    type: str
  unlock_keys:
    description: Unlock keys that may open the archive. The module reads them from O(keys_in) and O(key_file) by itself.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that a drill may take on the host. Then it is ended, whatever it does.
    type: float
    default: 300.0
  name:
    description: With O(state=receive), the name of the file.
    type: str
  offset:
    description: With O(state=receive), where the piece begins, in bytes.
    type: int
    default: 0
  content:
    description: With O(state=receive), the piece, base64.
    type: str
seealso:
  - module: quorum.swarm.swarm_restore
  - module: quorum.swarm.swarm_backup_info
"""

EXAMPLES = r"""
- name: See that the backup comes back
  quorum.swarm.swarm_drill:
    archive: /srv/swarm/backups/oafgmt32zxukj6ocgpaonmota_m2_20261125T031500Z.tar.gz
    keys_in: /srv/swarm
  become: true
  no_log: true
  register: drilled
"""

RETURN = r"""
able:
  description: Whether a drill can run on this host.
  returned: with O(state=able)
  type: bool
why:
  description: Why not; empty where one can.
  returned: with O(state=able)
  type: str
swarm_id:
  description: The cluster ID. It is the archive's.
  returned: with O(state=drilled)
  type: str
node_id:
  description: The ID of the archived manager.
  returned: with O(state=drilled)
  type: str
archived_host:
  description: The inventory name of the archived manager.
  returned: with O(state=drilled)
  type: str
taken_at:
  description: When the backup was taken, ISO 8601, UTC.
  returned: with O(state=drilled)
  type: str
archived_version:
  description: The version of the engine that the backup was taken from.
  returned: with O(state=drilled)
  type: str
version:
  description: The version of the engine that brought it up.
  returned: with O(state=drilled)
  type: str
autolock:
  description: Whether the swarm is autolocked.
  returned: with O(state=drilled)
  type: bool
objects:
  description: How many objects of each kind the swarm had.
  returned: with O(state=drilled)
  type: dict
missing:
  description: Objects of the archive's manifest that the swarm did not have, (ID, name) by kind.
  returned: with O(state=drilled)
  type: dict
extra:
  description: Objects that the swarm had beyond the manifest, (ID, name) by kind.
  returned: with O(state=drilled)
  type: dict
containers:
  description: How many containers the engine of the drill made. It is 0.
  returned: with O(state=drilled)
  type: int
phases:
  description: Seconds that each phase took.
  returned: with O(state=drilled)
  type: dict
  sample: {bring: 0.9, read: 0.2, isolate: 0.3, place: 0.1, start: 1.4, force: 0.6, restart: 2.5, return: 0.4,
           compare: 0.1, clean: 0.5}
seconds:
  description: Seconds that the whole drill took.
  returned: with O(state=drilled)
  type: float
recorded:
  description: Where the good drill was recorded on the controller; empty where it was not.
  returned: with O(state=drilled)
  type: str
path:
  description: The file, when its last piece has come.
  returned: with O(state=receive)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import drill, receiving, restore, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **receiving.OPTIONS,
            "state": {"type": "str", "choices": ["able", "drilled", "receive"], "default": "drilled"},
            "archive": {"type": "path"},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "key_file": {"type": "str", "no_log": False},
            "record_in": {"type": "str"},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "timeout": {"type": "float", "default": 300.0},
        },
        required_if=[("state", "drilled", ("archive",)), ("state", "receive", ("name", "content"))],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["state"] == "able":
            result = drill.able()
        elif params["state"] == "receive":
            result = receiving.receive(params["name"], params["offset"], params["content"], params["sha256"])
        else:
            result = drill.drill(restore.Request(params["archive"], params["sha256"], tuple(params["unlock_keys"]),
                                                 timeout=params["timeout"]))
    except (EngineError, stopped.Refused, receiving.NotReceived) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
