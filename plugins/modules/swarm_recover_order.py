#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_recover_order
short_description: What a recovery does on which hosts, and what came of it
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on all hosts, says whether the swarm has lost its quorum, who can be
    brought back, who would have to be given up, and from which survivor the swarm is brought back then. Refuses every
    doubt. Afterwards it prints what came of it, and keeps that in C(swarm_controller_dir).
  - Internal to the playbook C(quorum.swarm.recover). It runs on the controller and asks no host.
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
      - V(preflight) reads what the operator said.
      - V(wait) lets so much time pass that a stale leader has fallen silent.
      - V(judge) says whether the quorum is lost, or that the managers have to be asked again.
      - V(brought) says whether the quorum is back, and refuses where nobody need be given up.
      - V(confirm) refuses where the lost are alive, or nobody has confirmed that they are given up.
      - V(choose) ranks the survivors, and names the one that is taken.
      - V(members) says, when the swarm is up, how every other host comes back, and which entries are nobody's.
      - V(failed) ends a run that forced nothing.
      - V(followed) says what did not come back as it was, and whether a backup is due.
      - V(provisioned) notes the time.
      - V(paths) says which nodes do not find the containers of others, whether they are asked again, and where Docker
        is to be started anew.
      - V(report) prints and keeps the report.
    type: str
    choices:
      [preflight, wait, judge, brought, confirm, choose, members, failed, followed, provisioned, paths, report]
    required: true
  confirm:
    description: With O(stage=preflight), the ID of the swarm, as the operator's word.
    type: str
    default: ''
  lost:
    description: With O(stage=preflight), the managers that the operator gives up.
    type: list
    elements: str
    default: []
  survivor:
    description: With O(stage=preflight), the survivor that the operator wants to be taken.
    type: str
    default: ''
  powered_off:
    description: With O(stage=preflight), whether the lost are powered off for certain.
    type: raw
    default: false
  restart_workers:
    description: With O(stage=preflight), whether Docker is to be started anew on workers whose overlay networks have
      lost the managers.
    type: raw
    default: false
seealso:
  - module: quorum.swarm.swarm_recover
"""

EXAMPLES = r"""
- name: Judge whether the quorum is lost
  quorum.swarm.swarm_recover_order:
    stage: judge
  register: judged
"""

RETURN = r"""
at:
  description: The time, in seconds since 1970.
  returned: success
  type: float
what:
  description: V(nothing), V(rest) where it was recovered before, V(resume) where a run was broken off, or V(recover).
  returned: with O(stage=judge), O(stage=brought), O(stage=choose) and O(stage=members)
  type: str
again:
  description: Whether the managers have to be asked once more.
  returned: with O(stage=judge)
  type: bool
bring:
  description: Survivors whose Docker is started, or that are unlocked.
  returned: with O(stage=judge)
  type: list
  elements: str
evidence:
  description: Hosts that look for the lost managers.
  returned: with O(stage=brought)
  type: list
  elements: str
survey:
  description: Survivors whose Docker is stopped to read their state.
  returned: with O(stage=confirm)
  type: list
  elements: str
force:
  description: The survivor that is made the swarm's only manager.
  returned: with O(stage=choose)
  type: list
  elements: str
ghosts:
  description: Entries of the swarm that are nobody's any more.
  returned: with O(stage=members) and O(stage=followed)
  type: list
  elements: dict
follow:
  description: By host, what M(quorum.swarm.swarm_follow) is told.
  returned: with O(stage=members)
  type: dict
back:
  description: Survivors whose Docker is started again, because nothing was forced.
  returned: with O(stage=members)
  type: list
  elements: str
problem:
  description: Why nothing was forced. Empty where something was.
  returned: with O(stage=members)
  type: str
backup:
  description: Whether no backup was taken since the recovery.
  returned: with O(stage=followed)
  type: bool
report:
  description: Where the report is kept on the controller. Empty where it is not.
  returned: with O(stage=report)
  type: str
"""
