#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_restore
short_description: Bring a swarm back from a proven archive, as a swarm of one manager
version_added: 0.1.0
description:
  - Runs on the host that has the archived manager's address. It stops Docker, moves what lies in the swarm's state
    directory aside, puts the archived state in its place, forces a new swarm of this one manager with all objects of
    the archive, restarts Docker once, and changes the unlock key where the swarm is autolocked.
  - The settings, the address pool and the ports of the swarm stay what they were, and so does autolock. By Docker's own
    commands an autolocked swarm cannot be restored at all, and an address pool is lost.
  - Nothing is deleted. What was there lies below C(/var/lib/quorum.swarm/aside) on the host afterwards.
  - Each step is noted on the disk first. Broken off at any point, the module begins anew or goes on when it runs again;
    where it fails, it puts back what was there as long as no new swarm was made.
  - While it works, the key of an autolocked node lies in clear on the disk for a few seconds. That is why the unlock
    key is changed afterwards. Keep the new one with M(quorum.swarm.swarm_settings).
  - The playbook C(quorum.swarm.restore) decides whether it may be done, runs this, and brings back the other nodes.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - It brings the archive to the host, and finds the unlock keys.
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: partial
    details:
      - It always says that it would change something, because the archive is not brought to the host.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  state:
    description:
      - V(restored) brings the swarm back.
      - V(settled) waits until O(node_ids) are back, and then has the swarm wait no longer than before for nodes that do
        not report. V(restored) has it wait longer, so that the tasks of a worker that takes its time are not started
        anew.
      - V(receive) writes one piece of the archive to the host, which V(restored) uses.
    type: str
    choices: [restored, settled, receive]
    default: restored
  archive:
    description: The archive on the controller. Required with O(state=restored).
    type: path
  sha256:
    description:
      - The archive's checksum, by which a run that was broken off is known again. The default is to compute it.
      - With O(state=receive), it comes with the last piece.
    type: str
    default: ''
  keys_in:
    description: A folder on the controller in which unlock keys are kept (C(swarm_controller_dir)).
    type: str
  key_file:
    description: A file on the controller that holds the unlock key, such as the output of C(docker swarm unlock-key).
    type: str
  unlock_keys:
    description: Unlock keys to try. The action plugin passes those that it finds.
    type: list
    elements: str
    default: []
  allow_running:
    description:
      - Whether to replace a manager of the same swarm that runs on this host. What it knows and the archive does not is
        moved aside with it.
    type: bool
    default: false
  allow_foreign:
    description: Whether to take the host out of another swarm that it is a member of.
    type: bool
    default: false
  node_ids:
    description: With O(state=settled), the nodes that are waited for.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds for each stop and start of Docker, and for the swarm to have a leader; with O(state=settled), for the
        nodes to be back.
    type: float
    default: 120.0
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
  - module: quorum.swarm.swarm_backup
  - module: quorum.swarm.swarm_backup_info
"""

EXAMPLES = r"""
- name: Bring the swarm back on the host that has the address of the archived manager
  quorum.swarm.swarm_restore:
    archive: /srv/swarm/backups/x8k2_m2_20261120T031500Z.tar.gz
    sha256: "{{ described.archives[0].sha256 }}"
    keys_in: /srv/swarm
  become: true
  no_log: true
  register: restored

- name: Keep the new unlock key
  quorum.swarm.swarm_settings:
    keep_unlock_key_in: /srv/swarm
  become: true
  no_log: true
  when: restored.autolock
"""

RETURN = r"""
swarm_id:
  description: The cluster ID. It is the archive's.
  returned: with state=restored
  type: str
node_id:
  description: The ID of this manager. It is the archive's.
  returned: with state=restored
  type: str
nodes:
  description: All nodes as the swarm lists them now, those that have not come back yet included.
  returned: with state=restored
  type: list
  elements: dict
missing:
  description: Objects of the archive's manifest that the swarm does not have, (ID, name) by kind.
  returned: with state=restored
  type: dict
extra:
  description: Objects that the swarm has beyond the manifest, (ID, name) by kind.
  returned: with state=restored
  type: dict
aside:
  description: Where the state that was on the host lies now. Empty where there was none.
  returned: with state=restored
  type: str
  sample: /var/lib/quorum.swarm/aside/20261125T031500Z-restore/swarm
phases:
  description: Seconds that each phase took. Empty where nothing was to be done.
  returned: with state=restored
  type: dict
  sample: {stop: 1.2, aside: 0.01, place: 0.2, start: 1.4, force: 0.6, restart: 2.5, return: 0.4, rotate: 0.3}
rotated:
  description: Whether the unlock key is another one than that of the archive.
  returned: with state=restored
  type: bool
relocked:
  description: A sentence where an earlier run was broken off and had left the node's key in clear. Empty otherwise.
  returned: with state=restored
  type: str
autolock:
  description: Whether the swarm is autolocked.
  returned: with state=restored
  type: bool
missing_nodes:
  description: The nodes that are not back when the time has passed.
  returned: with state=settled
  type: list
  elements: str
path:
  description: The file, when its last piece has come.
  returned: with state=receive
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import receiving, restore
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    ELECTION,
    ENGINE_OPTIONS,
    Engine,
    EngineError,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENGINE_OPTIONS,
            **receiving.OPTIONS,
            "state": {"type": "str", "choices": ["restored", "settled", "receive"], "default": "restored"},
            "archive": {"type": "path"},
            # The action plugin works on the controller; the module never sees its folders.
            "keys_in": {"type": "str", "no_log": False},
            "key_file": {"type": "str", "no_log": False},
            "unlock_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "allow_running": {"type": "bool", "default": False},
            "allow_foreign": {"type": "bool", "default": False},
            "node_ids": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 120.0},
        },
        required_if=[("state", "restored", ("archive",)), ("state", "receive", ("name", "content"))],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["state"] == "receive":
            result = receiving.receive(params["name"], params["offset"], params["content"], params["sha256"])
        elif params["state"] == "settled":
            result = restore.settle(Engine.of_params(params, election=ELECTION), params["node_ids"], params["timeout"],
                                    module.check_mode)
        else:
            request = restore.Request(params["archive"], params["sha256"], tuple(params["unlock_keys"]),
                                      params["allow_running"], params["allow_foreign"], params["timeout"])
            result = restore.restore(Engine.of_params(params, election=ELECTION), request, module.check_mode)
    except (EngineError, restore.Refused, receiving.NotReceived) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
