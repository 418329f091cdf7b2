#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_evidence
short_description: Look whether managers that are believed to be down are there after all
version_added: 0.1.0
description:
  - Runs on any host that is in the same network as the managers.
  - Greets their raft addresses, and looks for connections of this host to them by which something came lately.
  - That nothing is seen is no proof. That something is seen is one.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
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
  managers:
    description: Raft address, C(host:port), by name of the manager.
    type: dict
    required: true
seealso:
  - module: quorum.swarm.swarm_recover
"""

EXAMPLES = r"""
- name: Look for managers that were given up
  quorum.swarm.swarm_evidence:
    managers:
      m1: 198.51.100.11:2377
  register: evidence
"""

RETURN = r"""
listening:
  description: The managers that answered a greeting.
  returned: success
  type: list
  elements: str
connected:
  description: Those that something came from over a connection of this host in the last 20 seconds.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import evidence


def main() -> None:
    module = AnsibleModule(argument_spec={"managers": {"type": "dict", "required": True}}, supports_check_mode=True)
    module.exit_json(**evidence.look({str(name): str(address) for name, address in module.params["managers"].items()}))


if __name__ == "__main__":
    main()
