#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_heal_order
short_description: What the playbooks heal and rejoin do on which hosts, and what came of it
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on the hosts, finds the nodes that take no part in their swarm, says
    what is tried for each of them, in which order; who becomes a new node; and which spare takes whose place. Refuses
    what could cost the quorum. Afterwards it prints what came of it, and keeps that in C(swarm_controller_dir).
  - Internal to the playbooks C(quorum.swarm.heal) and C(quorum.swarm.rejoin). It runs on the controller, and asks no
    host.
  - What hosts said and did is read from the variables that the playbooks registered.
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
      - It changes nothing but its own report.
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
options:
  stage:
    description:
      - V(start) reads what the operator said.
      - V(judge) finds the nodes that take no part, and says for which of them Docker or the host is started anew next.
      - V(acted) says for whom it went well, so that the swarm is to be waited for.
      - V(plan) decides who becomes a new node and who takes whose place, or refuses.
      - V(emptied) says, when hosts were emptied, what a manager does about them.
      - V(made) says who gets a place in the swarm, of those that joined and of the spares.
      - V(report) prints and keeps the report, and fails with what is left.
    type: str
    choices: [start, judge, acted, plan, emptied, made, report]
    required: true
  playbook:
    description: With O(stage=start), whose run this is.
    type: str
    choices: [heal, rejoin, recover]
    default: heal
  node:
    description: With O(stage=start) of C(rejoin), the host that becomes a new node.
    type: str
    default: ''
  nodes:
    description: With O(stage=start) of C(recover), the hosts that become new nodes.
    type: list
    elements: str
    default: []
  reboot:
    description: With O(stage=start), whether hosts may be rebooted.
    type: raw
    default: false
seealso:
  - module: quorum.swarm.swarm_heal
  - module: quorum.swarm.swarm_rejoin
"""

EXAMPLES = r"""
- name: Find the nodes that take no part
  quorum.swarm.swarm_heal_order:
    stage: judge
  register: __swarm_heal_judged
"""

RETURN = r"""
sick:
  description: The nodes that take no part, and the rungs that are left for each.
  type: list
  elements: dict
  returned: with O(stage=judge)
report:
  description: The path of the report on the controller; empty where none is kept.
  type: str
  returned: with O(stage=report)
"""
