#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_judge
short_description: One verdict over what the managers said
version_added: 0.1.0
description:
  - Reads the results of M(quorum.swarm.swarm_info) that are registered as C(__swarm_seen) on the managers.
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
    description: Whether hosts that are members already are to be asked, too.
    type: bool
    default: false
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Judge
  quorum.swarm.swarm_judge:
  register: judged
"""

RETURN = r"""
verdict:
  description: The verdict.
  type: str
  returned: success
  sample: healthy
reason:
  description: The verdict's reason, with the numbers.
  type: str
  returned: success
ask:
  description: The hosts that have to be asked themselves.
  type: list
  elements: str
  returned: success
targets:
  description: What these hosts have to reach, as C(address:port).
  type: list
  elements: str
  returned: success
locked:
  description: The managers that are locked.
  type: list
  elements: str
  returned: success
"""
