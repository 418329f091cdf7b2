# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's key file, opened: the same keys in clear, as an engine without autolock writes them."""
from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import keys, state
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import NODE_KEY

from tests import material

from . import manager

CAPTURES = material.captures()
LOCKED = [capture for capture in CAPTURES if capture.unlock_key]
PLAIN = [capture for capture in CAPTURES if not capture.unlock_key]


def opened_of(files: dict[str, bytes], unlock_key: str | None) -> tuple[state.State, keys.OpenedKey, bytes]:
    """The state, its opened key, and the file that is made of it."""
    found = state.read_state(files)
    opened = state.prove_keys(found, unlock_key)
    return found, opened, keys.opened_file(found.node_key, opened)


@pytest.mark.parametrize("capture", LOCKED, ids=lambda c: c.name)
def test_a_locked_key_is_the_same_key_in_clear(capture: material.Capture) -> None:
    found, opened, text = opened_of(capture.files, capture.unlock_key)
    assert found.node_key.kek_version > 0
    read = keys.parse_node_key(text, NODE_KEY)
    assert (read.locked, read.kek_version) == (False, 0), "with the old number the manager dies when it locks itself"
    assert read.needs_rotation == found.node_key.needs_rotation
    assert (read.pending_data_key is None) == (found.node_key.pending_data_key is None)
    again = keys.open_node_key(read, found.certificate, None, NODE_KEY)
    assert again == opened
    assert again.data_keys == keys.open_data_keys(found.node_key, capture.unlock_key, NODE_KEY)
    # An engine that starts from it reads all that it wrote.
    placed = state.read_state({**capture.files, NODE_KEY: text})
    state.prove_keys(placed)
    assert state.open_contents(placed) == state.open_contents(found, capture.unlock_key)


@pytest.mark.parametrize("capture", PLAIN, ids=lambda c: c.name)
def test_a_key_in_clear_stays_what_it_is_but_for_its_version(capture: material.Capture) -> None:
    """Byte for byte what the engine wrote: so the locked ones are written as an engine writes them, too."""
    found, _opened, text = opened_of(capture.files, None)
    version = f"kek-version: {found.node_key.kek_version}\n".encode()
    assert text == capture.files[NODE_KEY].replace(version, b"kek-version: 0\n")
    assert capture.files[NODE_KEY].count(version) == 1


@pytest.mark.parametrize("pending", [None, manager.NEW_DEK])
@pytest.mark.parametrize("rotation", [False, True])
@pytest.mark.parametrize("locked", [False, True])
def test_all_headers(locked: bool, rotation: bool, pending: bytes | None) -> None:
    files = manager.Manager(manager.key_file(locked, pending=pending, version=7, rotation=rotation)).write(b"").files()
    _found, opened, text = opened_of(files, manager.UNLOCK_KEY if locked else None)
    read = keys.parse_node_key(text, NODE_KEY)
    assert (read.locked, read.kek_version, read.needs_rotation) == (False, 0, rotation)
    assert opened.data_keys == (manager.DEK, *([pending] if pending else []))
    assert keys.open_data_keys(read, None, NODE_KEY) == opened.data_keys
    assert text == manager.key_file(pending=pending, rotation=rotation)


def test_there_is_a_capture_for_each_of_it() -> None:
    assert {found.node_key.pending_data_key is not None for capture in LOCKED
            for found in [state.read_state(capture.files)]} == {False, True}  # fmt: skip
    assert any(state.read_state(capture.files).node_key.kek_version for capture in PLAIN)
