# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module that changes a swarm under a lease. Documentation only."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lease_owner:
    description:
      - Who changes the swarm. While another owner's lease lasts, nothing is changed. Left out, no lease is taken.
      - The lease keeps two operators from acting at once. No guard of the quorum relies on it.
    type: str
  lease_purpose:
    description: What the swarm is changed for, shown to whoever is kept waiting.
    type: str
    default: ''
  lease_release:
    description: Whether this is the owner's last change, after which the lease is given back.
    type: bool
    default: false
"""
