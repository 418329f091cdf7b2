# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a swarm on hosts of which no two are alike. Each oddity by itself: tests/faults/shard_worlds.py."""

from __future__ import annotations

from pathlib import Path

from tests.faults import shard_worlds
from tests.testinfra.playbooks import Operator


def test_no_two_hosts_alike(operator: Operator, folder: Path, lab_name: str) -> None:
    shared = shard_worlds.Shared(operator, folder, prefix=f"{lab_name}-odd")
    try:
        shard_worlds.run(shared, f"trixie: {shard_worlds.MIXED}")
    finally:
        shared.end()
