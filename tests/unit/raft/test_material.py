# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth test: states of real engines of all three versions, against what their API said. See tests/material."""
from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import keys, state
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    LockedStateError,
    RaftStateError,
    WrongKeyError,
)

from tests import material
from tests.material.make import CASES, SUITES
from tests.material.truth import compare

ENGINES = {"bookworm": "20.10.", "trixie": "26.1.", "forky": "28.5."}
OTHER_KEY = keys.UNLOCK_KEY_PREFIX + "A" * 43
CAPTURES = material.captures()


def of(case: str) -> list[material.Capture]:
    return [capture for capture in CAPTURES if capture.name.endswith(f"-{case}")]


def read(capture: material.Capture) -> state.State:
    return state.read_state(capture.files)


def test_every_case_of_every_engine_is_there() -> None:
    assert [c.name for c in CAPTURES] == sorted(f"{suite}-{case}" for suite in SUITES for case in CASES)
    for capture in CAPTURES:
        assert capture.engine.startswith(ENGINES[capture.name.split("-")[0]])


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.name)
def test_the_reader_lists_what_the_api_listed(capture: material.Capture) -> None:
    assert compare(capture, capture.files) == []
    assert capture.truth["service"]
    assert capture.truth["secret"]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.name)
def test_without_a_key(capture: material.Capture) -> None:
    """Who wrote it, how far it goes and whether it is locked stands there in clear."""
    found = read(capture)
    assert found.certificate.swarm == capture.truth["cluster"][0][0]
    assert state.raft_address(found) == capture.truth["managers"][found.certificate.node]
    assert found.node_key.locked == (capture.unlock_key is not None)
    # After a stop in order everything is committed, and the log ends where it ends.
    assert found.position.commit == found.position.last_index == found.log.last_index
    assert {manager.node_id for manager in found.known_managers} <= set(capture.truth["managers"])


@pytest.mark.parametrize("capture", [c for c in CAPTURES if c.unlock_key], ids=lambda c: c.name)
def test_keys_are_proven_right_or_wrong(capture: material.Capture) -> None:
    found = read(capture)
    assert found.node_key.kek_version > 0
    state.prove_keys(found, capture.unlock_key)
    for opening in (state.prove_keys, state.open_contents):
        with pytest.raises(WrongKeyError):
            opening(found, OTHER_KEY)
        with pytest.raises(LockedStateError):
            opening(found)


@pytest.mark.parametrize("capture", of("plain"), ids=lambda c: c.name)
def test_plain(capture: material.Capture) -> None:
    found = read(capture)
    assert found.snapshot is None
    assert found.log.entries[0].index == 1


@pytest.mark.parametrize("capture", of("snapshot"), ids=lambda c: c.name)
def test_snapshot(capture: material.Capture) -> None:
    found = read(capture)
    assert found.snapshot is not None
    voters = set(found.snapshot.conf_state.voters)
    assert voters == {member.raft_id for member in state.open_contents(found).members}
    # etcd 3.3, in 20.10, does not repeat the members in the log's mark.
    in_log = found.log.start.conf_state
    assert (in_log is None) == capture.name.startswith("bookworm")
    assert in_log is None or set(in_log.voters) == voters


@pytest.mark.parametrize("capture", of("rotating"), ids=lambda c: c.name)
def test_rotating(capture: material.Capture) -> None:
    """In the middle of a change of data keys: old and new entries, and neither key opens all."""
    found = read(capture)
    both = keys.open_data_keys(found.node_key, capture.unlock_key, "key")
    assert len(both) == 2
    opened_by = []
    for entry in found.log.entries:
        for at, key in enumerate(both):
            try:
                keys.unseal(entry.data, [key], "entry")
            except WrongKeyError:
                continue
            opened_by.append(at)
    assert opened_by == sorted(opened_by)
    assert set(opened_by) == {0, 1}


@pytest.mark.parametrize("capture", of("received"), ids=lambda c: c.name)
def test_received(capture: material.Capture) -> None:
    """A manager that was sent a snapshot by the leader: its log has never held what was before."""
    found = read(capture)
    assert found.snapshot is not None
    assert found.log.marks[0].index == 0
    files = {path: content for path, content in capture.files.items() if not path.endswith(".snap")}
    with pytest.raises(RaftStateError, match=r"follows entry|is committed"):
        state.read_state(files)


@pytest.mark.parametrize("capture", of("promoted"), ids=lambda c: c.name)
def test_promoted(capture: material.Capture) -> None:
    """A manager that was told no address: the membership has it, the log's metadata and docker-state.json do not."""
    found = read(capture)
    assert found.damage == ()
    assert found.settings is not None
    assert (found.settings.local_addr, found.settings.advertise_addr) == ("", "")
    assert found.log.owner.address == "0.0.0.0:2377"
    wanted = capture.truth["managers"][found.certificate.node]
    assert state.raft_address(found, state.open_contents(found, capture.unlock_key)) == wanted
    alone = dataclasses.replace(found, known_managers=())
    assert state.raft_address(alone, state.open_contents(found, capture.unlock_key)) == wanted
    assert state.raft_address(alone) == ""


@pytest.mark.parametrize("capture", of("second-segment"), ids=lambda c: c.name)
def test_second_segment(capture: material.Capture) -> None:
    """What is left when the first segment was cleared away: its checksums continue those of a file that is gone."""
    found = read(capture)
    assert found.log.segments[0].sequence > 0
    assert found.log.segments[0].first_index > 1


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.name)
def test_no_payload_is_returned(capture: material.Capture) -> None:
    """What is in the secret `password` and in the config `settings`, see make.Maker.swarm."""
    shown = repr(state.open_contents(read(capture), capture.unlock_key))
    assert [payload for payload in ("hunter2", "listen=1") if payload in shown or repr(payload.encode()) in shown] == []
    assert "password" in shown
    assert "settings" in shown
