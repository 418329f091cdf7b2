# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module that talks to a Docker engine. Documentation only."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The socket of the host's own engine.
      - Anything but a C(unix://) address is refused, and the environment variable E(DOCKER_HOST) is not read. What
        these modules do to a host must never happen to another host's engine.
    type: str
    default: unix:///var/run/docker.sock
  api_timeout:
    description:
      - Seconds that one call to the engine may take.
      - An engine that finds no leader gives up after 20 seconds. The default leaves it the time to say so.
    type: float
    default: 22.0
requirements:
  - The Docker SDK for Python, 5.0.3 or later (Debian and Ubuntu package it as C(python3-docker)).
  - The right to open the engine's socket, which O(ignore:become=true) gives.
notes:
  - Join tokens, unlock keys and private keys are removed from every message.
"""
