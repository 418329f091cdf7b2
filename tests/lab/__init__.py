# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's lab: real Docker engines on one machine, to build swarms of and to break.

Standard library only, since it runs before anything is installed. From a shell: `python3 -m tests.lab --help`.
From a test::

    from tests.lab import Lab

    lab = Lab.up("mine", managers=3, workers=1)
    with lab.probe(["w1"]) as probe:
        lab.node("m1").kill()
    assert not probe.failures
"""

from __future__ import annotations

from .console import LabError
from .lab import Lab
from .node import ABSENT, FROZEN, OFF, RUNNING, Node
from .probe import Failure, Outage, Probe

__all__ = ["ABSENT", "FROZEN", "OFF", "RUNNING", "Failure", "Lab", "LabError", "Node", "Outage", "Probe"]
