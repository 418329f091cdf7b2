#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_health
short_description: Judge a swarm by what its hosts said, and report
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on the hosts of the inventory, and prints a table by zone and
    findings with their severity and remedy.
  - It runs on the controller and asks no host. The playbook C(quorum.swarm.health) asks the hosts, then runs it.
  - What the hosts said is read from the variables that they registered, C(__swarm_health_facts) or, where they were
    asked last, C(__swarm_health_late), and C(__swarm_health_again) where managers were asked a second time. A host
    without any was not asked.
  - It does not fail because of a finding. RV(failure) says whether the caller should.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
    details:
      - The report at O(json_path) is written in check mode, too. It is what the caller asks for, not a state of a host.
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
      - V(order) prints nothing and returns who is to be asked last and who again, from what the managers said.
      - V(report) judges, prints and returns everything.
    type: str
    choices: [order, report]
    default: report
  fail_on:
    description:
      - The least severity that makes RV(failure).
    type: str
    choices: [critical, warning, never]
    default: critical
  json_path:
    description:
      - An absolute path on the controller for the report as JSON. It is replaced at once, with mode 0600. Nothing is
        written where it is empty.
    type: str
    default: ''
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Ask all hosts of the inventory
  hosts: swarm_managers:swarm_workers
  gather_facts: false
  ignore_unreachable: true
  tasks:
    - name: Ask
      quorum.swarm.swarm_info:
        gather: [nodes, swarm, services, tasks]
      become: true
      register: __swarm_health_facts

- name: Report
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Report
      quorum.swarm.swarm_health:
        fail_on: warning
        json_path: /var/lib/monitoring/swarm.json
      register: health

    - name: Fail where there is a warning
      ansible.builtin.fail:
        msg: "{{ health.failure }}"
      when: health.failure | length > 0
"""

RETURN = r"""
verdict:
  description: V(absent), V(healthy), V(degraded), V(no_quorum), V(locked), V(split), V(foreign) or V(unknown).
  returned: O(stage=report)
  type: str
  sample: healthy
reason:
  description: The verdict in one sentence, with the numbers.
  returned: O(stage=report)
  type: str
quorum:
  description: The numbers of the quorum. Null where no manager could tell the swarm.
  returned: O(stage=report)
  type: dict
  sample: {voters: 5, reachable: 5, majority: 3, tolerates: 2, worst_zone: a, left: 3}
backup:
  description:
    - The newest proven backup of this swarm in C(swarm_backup_dir), and how old it is. Null where there is none, or
      where it is not known which swarm it is.
  returned: O(stage=report)
  type: dict
  sample:
    file: /srv/swarm/backups/pmjb8gupv0wgswvvi6iykx4x7_m2_20261122T030000Z.tar.gz
    age_seconds: 18000
drill:
  description:
    - The last good drill of this swarm, as M(quorum.swarm.swarm_drill) recorded it in C(swarm_controller_dir), where it
      ran, how long ago, and how long it took. Null where there was none.
  returned: O(stage=report)
  type: dict
  sample: {host: w1, age_seconds: 172800, seconds: 9.8}
findings:
  description: The findings, the gravest first.
  returned: O(stage=report)
  type: list
  elements: dict
  contains:
    id:
      description: What kind of finding it is. Identifiers are stable.
      type: str
      sample: manager_unreachable
    severity:
      description: V(critical), V(warning) or V(info).
      type: str
    fact:
      description: What was seen.
      type: str
    remedy:
      description: What to do or type next.
      type: str
    host:
      description: The host that it is about, where it is about one.
      type: str
failure:
  description: Why the check fails by O(fail_on), in one sentence. Empty where it does not.
  returned: O(stage=report)
  type: str
doubted:
  description:
    - Managers whose answer is to be read again, more than 20 s later. The leader calls managers reachable which did not
      answer, and without them there is no majority.
  returned: O(stage=order)
  type: list
  elements: str
last:
  description: Workers that the swarm calls down, to be asked after the others.
  returned: O(stage=order)
  type: list
  elements: str
"""
