#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_would
short_description: Report as a change what the plan would do on a host
version_added: 0.1.0
description:
  - Used in check mode. The host is not contacted.
  - Internal to the playbooks of this collection. It runs on the controller alone.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: full
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
options:
  text:
    description: The host's part of the plan.
    type: str
    required: true
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Show what would be changed
  quorum.swarm.swarm_would:
    text: "promote: m2 shall be a manager"
"""

RETURN = r"""
changed:
  description: Always true.
  type: bool
  returned: always
  sample: true
"""
