#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_drill_order
short_description: The archive and the host of a drill
version_added: 0.1.0
description:
  - Says which archive is brought up in a drill and on which host, and refuses where there is none. Afterwards it prints
    what came of it.
  - It runs on the controller and asks no host. The playbook C(quorum.swarm.drill) asks the hosts, and has
    M(quorum.swarm.swarm_drill) run the drill.
  - What the hosts said is read from the variables that they registered, C(__swarm_drill_able) and C(__swarm_drilled).
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
      - V(order) finds the archive, and returns the hosts to ask.
      - V(host) returns the first of them on which a drill can run.
      - V(report) prints what came of it.
    type: str
    choices: [order, host, report]
    required: true
  archive:
    description:
      - The path of an archive on the controller.
      - Where it is empty, O(stage=order) takes the newest of C(swarm_backup_dir).
    type: str
    default: ''
  host:
    description: The host that the operator names; with O(stage=report), the host on which the drill ran.
    type: str
    default: ''
  hosts:
    description: With O(stage=host), the hosts that were asked.
    type: list
    elements: str
    default: []
seealso:
  - module: quorum.swarm.swarm_drill
"""

EXAMPLES = r"""
- name: Find the archive
  quorum.swarm.swarm_drill_order:
    stage: order
  register: order
"""

RETURN = r"""
archive:
  description: The path of the archive on the controller.
  returned: with O(stage=order)
  type: str
hosts:
  description: Hosts to ask whether a drill can run there, the best first.
  returned: with O(stage=order)
  type: list
  elements: str
controller_dir:
  description: Where unlock keys are kept on the controller; empty where none are.
  returned: with O(stage=order)
  type: str
host:
  description: The host of the drill.
  returned: with O(stage=host)
  type: str
"""
