#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_restart
short_description: The order in which engines are restarted
version_added: 0.1.0
description:
  - Reads what M(quorum.swarm.swarm_info) returned on the hosts of the inventory, and says on which of them a restart of
    Docker is pending, workers first and the leader last. Afterwards it prints what is true of the swarm.
  - It runs on the controller and asks no host. The playbook C(quorum.swarm.restart) asks the hosts, runs it, and has
    M(quorum.swarm.swarm_engine) restart one after the other.
  - What the hosts said is read from the variable that they registered, C(__swarm_seen).
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
      - V(order) returns the order, and fails where restarts are pending in a swarm that cannot be read.
      - V(report) prints the swarm as it is.
    type: str
    choices: [order, report]
    required: true
seealso:
  - module: quorum.swarm.swarm_engine
"""

EXAMPLES = r"""
- name: See on which hosts Docker waits to be restarted
  quorum.swarm.swarm_restart:
    stage: order
  register: order
"""

RETURN = r"""
workers:
  description: Hosts that are no managers, in their order.
  returned: with O(stage=order)
  type: list
  elements: str
managers:
  description: Managers in their order, the leader last.
  returned: with O(stage=order)
  type: list
  elements: str
asked:
  description: For each of these hosts, the manager that can be asked about it meanwhile.
  returned: with O(stage=order)
  type: dict
closer:
  description: The manager that gives the lease back in the end; empty where no restart is pending.
  returned: with O(stage=order)
  type: str
owner:
  description: Who this run is, for the lease.
  returned: with O(stage=order)
  type: str
take_over:
  description: The owner of a lease whose run is known to have ended; empty where there is none.
  returned: with O(stage=order)
  type: str
verdict:
  description: The verdict over the swarm.
  returned: with O(stage=report)
  type: str
"""
