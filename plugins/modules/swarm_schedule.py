#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_schedule
short_description: Have systemd on the controller run the backup
version_added: 0.1.0
description:
  - Writes a timer and a service of systemd on the controller, which run the playbook C(quorum.swarm.backup) with the
    inventory, the ansible-playbook and the configuration of the run that asks for it, or removes them.
  - As root they are units of the system, as another user units of that user.
  - Files that were given on the command line are carried into the unit (inventories, variables as C(-e @FILE),
    passwords by C(--vault-password-file) and its kind). What could not be repeated at night is refused. No secret is in
    a unit.
  - Everything that would be refused is refused before anything is changed.
  - Internal to the playbook C(quorum.swarm.schedule_backup). It runs on the controller alone.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Will return details on what has changed, when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
options:
  state:
    description: Whether there is a schedule.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The name of the units without their ending. Several inventories on one controller need several.
      - A unit of this name that belongs to another inventory, or to somebody else, is refused.
    type: str
    default: quorum-swarm-backup
  calendar:
    description: When, as an event of C(systemd.time(7)). It is tried with C(systemd-analyze calendar) first.
    type: str
    default: '*-*-* 02:30:00'
  randomized_delay:
    description: How much later it may become, at random, as a time span of C(systemd.time(7)).
    type: str
    default: 15min
  arguments:
    description:
      - More words of the command line, such as C(--forks) and V(10).
      - What looks like a secret is refused, and what would make the run another one than a backup.
    type: list
    elements: str
    default: []
seealso:
  - module: quorum.swarm.swarm_guard
"""

EXAMPLES = r"""
- name: Have a backup made every night
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Schedule it
      quorum.swarm.swarm_schedule:
        calendar: '*-*-* 03:00:00'
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [write /etc/systemd/system/quorum-swarm-backup.timer, let systemd read its units anew]
"""
