#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_backup_order
short_description: The managers of which a backup is taken
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on the managers of the inventory, refuses where stopping one could
    cost the quorum, and says of which managers a backup is taken. Afterwards it prints what came of it.
  - It runs on the controller and asks no host. The playbook C(quorum.swarm.backup) asks the managers, runs it, and has
    M(quorum.swarm.swarm_backup) take one backup after the other.
  - What the managers said is read from the variable that they registered, C(__swarm_seen).
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Will return details on what has changed, when in diff mode.
    support: N/A
    details:
      - It changes nothing.
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
options:
  stage:
    description:
      - V(preflight) proves that the folder for the archives can be written to, and asks no host.
      - V(order) refuses, or returns the managers.
      - V(report) prints where the archives are, and the swarm as it is.
    type: str
    choices: [preflight, order, report]
    required: true
  hosts:
    description: With O(stage=order), managers by their inventory names, or V(all). One is chosen where it is empty.
    type: list
    elements: str
    default: []
  look:
    description:
      - With O(stage=order), the number of this look. At the first one, what another run may have caused is not refused
        but returned as RV(doubt), so that the managers are asked again.
    type: int
    default: 1
seealso:
  - module: quorum.swarm.swarm_backup
"""

EXAMPLES = r"""
- name: Choose a manager that is not the leader
  quorum.swarm.swarm_backup_order:
    stage: order
  register: order
"""

RETURN = r"""
doubt:
  description: Whether the managers should be asked again before anything is refused.
  returned: with O(stage=order)
  type: bool
hosts:
  description: Managers of which a backup is taken, one after the other, the leader last.
  returned: with O(stage=order)
  type: list
  elements: str
folder:
  description: Where archives are kept on the controller.
  returned: with O(stage=order)
  type: str
controller_dir:
  description: Where unlock keys are kept on the controller; empty where none are.
  returned: with O(stage=order)
  type: str
owner:
  description: Who this run is, for the lease.
  returned: with O(stage=order)
  type: str
verdict:
  description: The verdict over the swarm.
  returned: with O(stage=report)
  type: str
"""
