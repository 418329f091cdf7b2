#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_report
short_description: Say what is true at the end of provision
version_added: 0.1.0
description:
  - Prints the swarm as a table by zone, and fails where the run left something undone.
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
options: {}
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Report
  quorum.swarm.swarm_report:
"""

RETURN = r"""
verdict:
  description: The verdict.
  type: str
  returned: success
  sample: healthy
"""
