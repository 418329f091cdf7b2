#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_probe
short_description: What a host is, asked without Python
version_added: 0.1.0
description:
  - Runs one shell script over the connection. It needs neither Python nor the Docker SDK on the host, writes no file
    and changes nothing.
  - The engine is asked over its own socket, by C(curl), Python 3, Perl or C(nc), whatever the user's environment,
    shell and client configuration say, and only where systemd says that it runs. Where none of them is there,
    C(problem) of RV(facts) is V(unknown), which says nothing of the engine.
  - Internal to the playbooks of this collection. It runs on the controller, and its script on the host.
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
  targets:
    description: What the host has to reach, as C(address:port).
    type: list
    elements: str
    default: []
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Probe
  quorum.swarm.swarm_probe:
    targets: ["198.51.100.11:2377"]
  register: probed
"""

RETURN = r"""
facts:
  description: The facts of M(quorum.swarm.swarm_info), as far as they can be had so, and the filtered targets.
  type: dict
  returned: success
"""
