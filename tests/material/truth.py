# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth test: does the reader list what the engine's API listed? Used when a capture is made, and by the tests."""
from __future__ import annotations

from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.raft import state

from tests.material import Capture

# The API does not list swarmkit's own networks for the host's bridge and host networks.
_PREDEFINED = "com.docker.swarm.predefined"
# Their versions go on while an engine stops: a manager notes that its own node and tasks are going.
_RESTLESS = ("node", "task")


def listed(read: state.State, unlock_key: str | None) -> dict[str, Any]:
    """What the reader finds, in the form of Capture.truth."""
    contents = state.open_contents(read, unlock_key)
    found: dict[str, Any] = {
        kind: sorted([item.id, item.name, item.version] for item in contents.of_kind(kind)
                     if _PREDEFINED not in item.labels)
        for kind in ("cluster", "node", "service", "task", "network", "secret", "config", "volume")
    }
    found["managers"] = {member.node_id: member.address for member in contents.members}
    return found


def compare(capture: Capture, files: dict[str, bytes]) -> list[str]:
    """The differences between a state directory and the truth, in words; none is good."""
    read = state.read_state(files)
    state.prove_keys(read, capture.unlock_key)
    problems = [f"damage: {path}: {what}" for path, what in read.damage]
    found = listed(read, capture.unlock_key)
    for kind, expected in capture.truth.items():
        got = found[kind]
        if kind in _RESTLESS:
            expected, got = ([item[:2] for item in items] for items in (expected, got))
        elif kind == "network":
            got = [[*item[:2], None] for item in got]
        if got != expected:
            problems.append(f"{kind}: the API says {expected}, the reader {got}")
    return problems
