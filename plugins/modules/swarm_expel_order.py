#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_expel_order
short_description: What the playbook expel does and from where, and what came of it
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on the managers that are not compromised, finds the nodes that the
    operator means, refuses what would cost the quorum or was not confirmed, and names the manager that acts. Afterwards
    it prints what came of it, which secrets and configs are to be made anew, and keeps that in C(swarm_controller_dir).
  - Internal to the playbook C(quorum.swarm.expel). It runs on the controller, and asks no host.
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
      - V(start) reads what the operator said, and says which managers are asked.
      - V(decide) refuses, or names the nodes that go and the manager that takes them out.
      - V(report) prints and keeps the report, and fails with what is left.
    type: str
    choices: [start, decide, report]
    required: true
  node:
    description: With O(stage=start), who is taken out, by inventory names or node IDs, with commas.
    type: str
    default: ''
  confirm:
    description: With O(stage=start), the IDs of the nodes, with commas, as the operator's word.
    type: str
    default: ''
  rotate_ca:
    description: With O(stage=start), whether the root certificate is made anew. Empty means where a manager goes.
    type: str
    default: ''
seealso:
  - module: quorum.swarm.swarm_expel
"""

EXAMPLES = r"""
- name: Decide who goes
  quorum.swarm.swarm_expel_order:
    stage: decide
  register: __swarm_expel_decided
"""

RETURN = r"""
actor:
  description: The manager that takes them out, in a list of one.
  type: list
  elements: str
  returned: with O(stage=decide)
report:
  description: The path of the report on the controller; empty where none is kept.
  type: str
  returned: with O(stage=report)
"""
