#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_guard
short_description: Refuse a wrong inventory before any host is asked
version_added: 0.1.0
description:
  - Reads the groups C(swarm_managers), C(swarm_workers) and C(swarm_absent) and their variables, and fails with one
    sentence for each thing that is wrong with them, the variable named that allows it.
  - Refuses C(--limit), because plays on the controller would be skipped.
  - At the end of a playbook (O(scope=end)) fails where a phase was planned for a host and left no result there.
  - Internal to the playbooks of this collection. It runs on the controller alone.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: N/A
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
options:
  playbook:
    description: The playbook that begins or ends, without C(quorum.swarm).
    type: str
    required: true
  scope:
    description:
      - V(change) holds the inventory against all rules. V(look) only refuses what would make the answer wrong.
      - V(end) looks whether every phase that was planned has left a result.
    type: str
    choices: [change, look, end]
    default: change
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Refuse a wrong inventory before any host is asked
  quorum.swarm.swarm_guard:
    playbook: provision
  register: __swarm_guard_provision
  run_once: true
"""

RETURN = r"""
changed:
  description: Never true. What is wrong is a failure, with one sentence for each thing.
  type: bool
  returned: always
  sample: false
begun:
  description:
    - Whether the playbook goes on. It does not where it was imported, and C(--limit) leaves no host of the swarm.
  type: bool
  returned: when O(scope) is not V(end)
  sample: true
compromised:
  description: The hosts that no play contacts.
  type: list
  elements: str
  returned: when O(scope) is not V(end)
  sample: []
"""
