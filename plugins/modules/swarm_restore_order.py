#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_restore_order
short_description: What a restore does on which hosts, and what came of it
version_added: 0.1.0
description:
  - Proves the archive on the controller, reads what M(quorum.swarm.swarm_info) returned on all hosts, refuses where a
    restore could make a second swarm or throw away what need not be lost, and says on which hosts what is to be done.
    Afterwards it prints what came of it, and keeps that in C(swarm_controller_dir).
  - Internal to the playbook C(quorum.swarm.restore). It runs on the controller and asks no host.
  - What hosts said and did is read from the variables that the playbook registered.
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
      - V(preflight) proves the archive and names the host that is restored.
      - V(order) refuses, or shows the plan and returns the hosts of each phase.
      - V(members) says, when the swarm is up, how every other host comes back, and which entries are nobody's.
      - V(followed) says what did not come back as it was, and whether a backup is due.
      - V(provisioned) notes the time.
      - V(report) prints and keeps the report.
    type: str
    choices: [preflight, order, members, followed, provisioned, report]
    required: true
  archive:
    description: With O(stage=preflight), the archive on the controller.
    type: str
  host:
    description: With O(stage=preflight), the host that is restored. The first manager where it is empty.
    type: str
    default: ''
  lost:
    description: With O(stage=preflight), hosts that are down by the operator's word.
    type: list
    elements: str
    default: []
  unlock_key_file:
    description: With O(stage=preflight), a file that holds the unlock key. The kept keys are tried as well.
    type: str
seealso:
  - module: quorum.swarm.swarm_restore
"""

EXAMPLES = r"""
- name: Prove the archive, and name the host that is restored
  quorum.swarm.swarm_restore_order:
    stage: preflight
    archive: /srv/swarm/backups/x8k2_m2_20261120T031500Z.tar.gz
  register: source
"""

RETURN = r"""
at:
  description: The time, in seconds since 1970.
  returned: success
  type: float
host:
  description: The host that is restored.
  returned: with O(stage=preflight) and O(stage=order)
  type: str
sha256:
  description: The archive's checksum.
  returned: with O(stage=preflight)
  type: str
manifest:
  description: What the archive says of itself, without its list of files. No secrets are in it.
  returned: with O(stage=preflight)
  type: dict
what:
  description: V(restore), V(resume) where an earlier run was broken off, V(nothing) where it is done already.
  returned: with O(stage=order)
  type: str
stop:
  description: Hosts whose state is moved aside before the swarm is brought up.
  returned: with O(stage=order)
  type: list
  elements: str
lost:
  description: Hosts that do not answer, and are down by the operator's word.
  returned: with O(stage=order)
  type: list
  elements: str
steps:
  description: The plan.
  returned: with O(stage=order)
  type: list
  elements: dict
phases:
  description: The hosts of each phase. In check mode nobody acts.
  returned: with O(stage=order)
  type: dict
ghosts:
  description: Entries of the swarm that are nobody's any more.
  returned: with O(stage=members) and O(stage=followed)
  type: list
  elements: dict
remover:
  description: The manager that removes them, where there are some.
  returned: with O(stage=members) and O(stage=followed)
  type: list
  elements: str
follow:
  description: By host, what M(quorum.swarm.swarm_follow) is told.
  returned: with O(stage=members)
  type: dict
backup:
  description: Whether no backup was taken since the restore.
  returned: with O(stage=followed)
  type: bool
report:
  description: Where the report is kept on the controller. Empty where it is not.
  returned: with O(stage=report)
  type: str
"""
