#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_plan
short_description: Decide what one run of provision does
version_added: 0.1.0
description:
  - Reads what was registered on the hosts, fails where something is refused, prints the plan and returns its phases.
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
  engine_check:
    description: Whether the engines of members are to be checked, too.
    type: bool
    default: false
  look:
    description:
      - How often the managers have been asked. Where what they said may be of the moment only, and they have not been
        asked three times, nothing is decided, and RV(doubt) says so.
    type: int
    default: 1
  engine_config:
    description: What the role C(engine) is to merge into C(daemon.json).
    type: dict
    default: {}
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Decide
  quorum.swarm.swarm_plan:
  register: plan
"""

RETURN = r"""
steps:
  description: The whole plan.
  type: list
  elements: dict
  returned: success
doubt:
  description: Whether the managers have to be asked again before anything can be decided.
  type: bool
  returned: success
look:
  description: The number of the look that this follows from.
  type: int
  returned: success
awaits:
  description:
    - In doubt, the manager that told of another run which is changing the swarm, empty where none did. Otherwise the
      manager from which the swarm is changed.
  type: str
  returned: success
phases:
  description: The hosts of each play. In check mode only C(would) has any.
  type: dict
  returned: success
unsettled:
  description: What the run leaves undone, as it looks before it acts.
  type: list
  elements: dict
  returned: success
"""
