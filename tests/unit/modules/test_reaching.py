# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening for a moment, and the tries, on sockets of this machine; firewalls are for the scenarios."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import reaching


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A free port; whatever listens there ends with the test."""
    monkeypatch.setattr(reaching, "WORD", str(tmp_path / "run" / "reach"))
    monkeypatch.setattr(reaching, "FREE_AFTER", 1.0)
    monkeypatch.setattr(reaching, "ANSWERS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"127.0.0.1:{port}"
    reaching.stop()


def _is_free(place: str) -> bool:
    host, _sign, port = place.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_who_gets_through_hears_the_word(place: str) -> None:
    told = reaching.listen(place)
    assert not told["busy"]
    assert reaching.attempt({"m4": {"place": place, "word": told["word"]}}) == {"changed": False, "blocked": []}
    reaching.stop()
    assert _is_free(place)


def test_nothing_there_is_blocked(place: str) -> None:
    assert reaching.attempt({"m4": {"place": place, "word": "word"}})["blocked"] == ["m4"]


def test_another_word_is_blocked(place: str) -> None:
    reaching.listen(place)
    assert reaching.attempt({"m4": {"place": place, "word": "another"}})["blocked"] == ["m4"]


def test_a_port_that_accepts_and_says_nothing_is_blocked(place: str) -> None:
    """So does a firewall that answers in a host's name, and a kernel in that of a program that hangs."""
    host, _sign, port = place.rpartition(":")
    with socket.create_server((host, int(port))):
        told = reaching.listen(place)
        assert told["busy"]
        assert reaching.attempt({"m4": {"place": place, "word": ""}})["blocked"] == ["m4"]


def test_a_second_run_takes_the_port_over_from_one_that_was_killed(place: str) -> None:
    first = reaching.listen(place)
    second = reaching.listen(place)
    assert not second["busy"]
    assert second["word"] != first["word"]
    assert reaching.attempt({"m4": {"place": place, "word": second["word"]}})["blocked"] == []


def test_it_ends_by_itself(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "LIVES", 0.5)
    reaching.listen(place)
    end = time.monotonic() + 10
    while not _is_free(place):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_address_of_somebody_else_is_listened_to_on_all(place: str) -> None:
    """Behind a translation the host does not have the address by which others reach it."""
    port = place.rpartition(":")[2]
    told = reaching.listen(f"192.0.2.1:{port}")
    assert reaching.attempt({"m4": {"place": place, "word": told["word"]}})["blocked"] == []
