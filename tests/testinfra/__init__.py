# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios in molecule/ share: run playbooks as an operator does, write inventories, look at the swarm.

Touches nothing by itself. Tests change the lab by playbooks, and break it by tests.lab.
"""
