# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: how long it takes to make a swarm, and to find that it is as it should be. `make bench`.

This collection against (a) a playbook for the modules of community.docker and (b) parallel ssh with the plain command
line, on the same nodes of one lab, in turns.
"""

from __future__ import annotations

from tests.collection import importable

importable()
