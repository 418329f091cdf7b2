#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_backup_info
short_description: Prove a backup archive, and say what is in it
version_added: 0.1.0
description:
  - Opens an archive that C(swarm_backup) made, compares each file with its checksum, reads the raft log as an engine
    would, and compares what it finds with what the archive says of itself. Nothing is started, and nothing is unpacked
    to a disk.
  - Where the keys of the manager can be opened, they are proven to belong to its certificate and that to the CA of the
    swarm, and the objects are read out of the encrypted log. An autolocked archive needs its unlock key for that.
  - Keys, tokens and what is in secrets and configs are never returned.
  - It runs on the host on which the archive lies, and needs neither an engine nor the Docker SDK there. PyNaCl and
    cryptography are needed for what is encrypted; without them RV(facts.unopened) says so.
  - It fails in one sentence for an archive that no swarm can be restored from.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: N/A
    details:
      - It changes nothing.
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  path:
    description: The archive.
    type: path
  folder:
    description:
      - A folder of archives. All of them are proven. Files that are not named like an archive are left out.
      - Where neither this nor O(path) is given, it is C(swarm_backup_dir) of the inventory.
    type: path
  unlock_key:
    description:
      - The unlock key of an autolocked swarm, C(SWMKEY-1-...), as it was when the archive was made.
    type: str
  unlock_key_file:
    description:
      - A file on the controller that holds the unlock key, such as one in C(swarm_controller_dir), or what
        C(docker swarm unlock-key) printed. Where it holds several keys, each is tried.
    type: path
  keys_in:
    description:
      - A folder on the controller in which unlock keys are kept. Where no key is given by O(unlock_key) or
        O(unlock_key_file), every kept key of the archive's swarm is tried, the most likely first.
      - It is C(swarm_controller_dir) of the inventory by default. An empty one stands for no folder.
    type: str
  kept_keys:
    description:
      - Unlock keys by the ID of the swarm. The action plugin fills it from O(keys_in).
    type: dict
  files:
    description: Whether the files of the state directory are listed, with size, checksum and mode.
    type: bool
    default: false
  show:
    description: Whether what was found is printed, for a person to read.
    type: bool
    default: false
seealso:
  - module: quorum.swarm.swarm_info
notes:
  - A task with an unlock key in its arguments is not logged by the host. Give the key by O(unlock_key_file) or
    O(keys_in) all the same, so that it stands in no playbook.
"""

EXAMPLES = r"""
- name: Prove an archive on the controller, with the unlock key that is kept there
  quorum.swarm.swarm_backup_info:
    path: /srv/swarm/backups/pmjb8gupv0wgswvvi6iykx4x7_m2_20261122T030000Z.tar.gz
    keys_in: /srv/swarm
    show: true
  delegate_to: localhost
  register: backup

- name: Accept only what was read whole
  ansible.builtin.assert:
    that: backup.facts.contents_proven

- name: Prove all archives of a folder
  quorum.swarm.swarm_backup_info:
    folder: /srv/swarm/backups
    keys_in: /srv/swarm
  delegate_to: localhost
"""

RETURN = r"""
facts:
  description: What the archive is, and what was proven of it.
  returned: success, with O(path)
  type: dict
  contains:
    path:
      description: The archive.
      type: str
    size:
      description: Its size in bytes.
      type: int
    sha256:
      description: Its checksum.
      type: str
    age_seconds:
      description: How long ago the state was taken. Null where the archive does not say when.
      type: int
    taken_at:
      description: When the engine had stopped, ISO 8601, UTC.
      type: str
    swarm_id:
      description: The swarm.
      type: str
    host:
      description: The inventory name of the manager.
      type: str
    hostname:
      description: What the manager called itself.
      type: str
    zone:
      description: Its failure zone.
      type: str
    node_id:
      description: Its node ID.
      type: str
    engine_version:
      description: The version of its engine.
      type: str
    raft_addr:
      description: The address by which the other managers know it. A restored swarm keeps it.
      type: str
    raft_id:
      description: Its raft ID, hexadecimal.
      type: str
    term:
      description: The raft term of the last entry.
      type: int
    index:
      description: The raft index of the last entry.
      type: int
    commit:
      description: The raft commit index.
      type: int
    managers:
      description: The raft address by node ID of every manager.
      type: dict
    listen_addr:
      description: Where it listened.
      type: str
    advertise_addr:
      description: What it advertised.
      type: str
    data_path_addr:
      description: Its address of container traffic.
      type: str
    data_path_port:
      description: The UDP port of container traffic; 0 for the engine's own.
      type: int
    default_addr_pool:
      description: The networks out of which overlay networks are made.
      type: list
      elements: str
    subnet_size:
      description: The size of each of these; 0 for the engine's own.
      type: int
    autolock:
      description: Whether the state needs an unlock key.
      type: bool
    kek_version:
      description: Which unlock key it needs.
      type: int
    downtime:
      description: Seconds until the engine answered again, and until the manager was reachable again.
      type: dict
    file_count:
      description: How many files the state has.
      type: int
    state_size:
      description: Their size in bytes.
      type: int
    files:
      description: The files by path, with O(files=true).
      type: dict
    format:
      description: The version of the archive's layout.
      type: int
    certificate:
      description: From when and until when the certificate of the node is valid, and whether it is now.
      type: dict
      sample: {not_before: "2026-11-22T05:13:00+00:00", not_after: "2027-02-20T06:13:00+00:00", valid: true}
    keys_proven:
      description: Whether the keys were opened, and belong to a certificate that the swarm's CA issued.
      type: bool
    contents_proven:
      description: Whether every entry of the log and the snapshot were opened and read.
      type: bool
    unopened:
      description: Why not; empty where they were.
      type: str
      sample: it is autolocked, and no unlock key was given
    objects:
      description:
        - IDs and names by kind, out of the log where RV(facts.contents_proven), else as the archive lists them.
      type: dict
      sample: {secret: [{id: x455sisf6ii6nos930kwmm7zu, name: password}]}
    tasks:
      description: How many tasks there are. Null where the contents were not opened.
      type: int
    members:
      description: The managers in raft, out of the log. Null where the contents were not opened.
      type: list
      elements: dict
    uncommitted:
      description: The changes above the commit index, which a restore throws away. Null where they were not opened.
      type: list
      elements: dict
archives:
  description:
    - With O(folder), what RV(facts) holds of each archive, the newest first, with C(file), its name, and C(problem),
      why no swarm can be restored from it. It is returned with a failure, too, unless O(show=true).
  returned: with O(folder)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import backup_info
from ansible_collections.quorum.swarm.plugins.module_utils.archive import BadArchive


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path"},
            "folder": {"type": "path"},
            "unlock_key": {"type": "str", "no_log": True},
            "kept_keys": {"type": "dict", "no_log": True},
            "files": {"type": "bool", "default": False},
            # Of the action plugin, on the controller.
            "unlock_key_file": {"type": "path", "no_log": False},
            "keys_in": {"type": "str", "no_log": False},
            "show": {"type": "bool", "default": False},
        },
        required_one_of=[("path", "folder")],
        mutually_exclusive=[("path", "folder"), ("unlock_key", "unlock_key_file")],
        supports_check_mode=True,
    )
    params = module.params
    keys = params["unlock_key"].split() if params["unlock_key"] else []
    kept = params["kept_keys"] or {}
    try:
        if params["path"]:
            module.exit_json(changed=False, facts=backup_info.describe(params["path"], keys, kept, params["files"]))
        rows = backup_info.describe_all(params["folder"], keys, kept, params["files"])
    except BadArchive as error:
        module.fail_json(msg=str(error))
    failure = backup_info.failure(rows, params["folder"])
    if failure:
        module.fail_json(msg=failure, archives=rows)
    module.exit_json(changed=False, archives=rows)


if __name__ == "__main__":
    main()
