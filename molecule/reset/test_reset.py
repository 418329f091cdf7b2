# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a reset a node has a running engine, and nothing of a swarm."""

from __future__ import annotations

import json

from testinfra.host import Host

testinfra_hosts = ["ansible://swarm_managers", "ansible://swarm_workers"]


def test_engine_runs_without_a_swarm(host: Host) -> None:
    swarm = json.loads(host.check_output("docker info --format '{{json .Swarm}}'"))
    assert swarm["LocalNodeState"] == "inactive"


def test_no_state_is_left(host: Host) -> None:
    assert not host.file("/var/lib/docker/swarm/state.json").exists
    assert not host.file("/var/lib/quorum.swarm").exists
