# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill came to, in words and records; which archive and which host it takes. Nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import drill
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
RESULT = {
    "swarm_id": "s1", "node_id": "n2", "archived_host": "m2", "taken_at": "2026-11-25T03:15:00+00:00",
    "archived_version": "26.1.5", "version": "26.1.5", "autolock": True,
    "objects": {"node": 5, "service": 2, "network": 1, "secret": 0}, "missing": {}, "extra": {}, "containers": 0,
    "phases": {"bring": 1.04, "isolate": 0.21, "compare": 0.02}, "seconds": 8.42,
}  # fmt: skip


def test_a_good_one_in_words() -> None:
    assert drill.wrong(RESULT) == ""
    assert drill.told({**RESULT, "recorded": "/c/reports/drill-s1.json"}, "/b/s1_m2.tar.gz", "w1", NOW) == [
        "Drill on w1: /b/s1_m2.tar.gz comes back.",
        "  the state of m2, 45 minutes old; swarm s1, autolocked",
        "  5 nodes, 2 services, 1 network: everything that the archive lists",
        "  in 8.4 s: bring 1.0, isolate 0.2",
        "  by Docker 26.1.5; no container was started, and nothing is left on w1",
        "  recorded in /c/reports/drill-s1.json",
    ]


def test_another_engine_another_object_and_a_clock_that_is_late() -> None:
    result = {**RESULT, "version": "20.10.24", "autolock": False, "extra": {"service": [["x", "new"]]}}
    lines = drill.told(result, "a", "w1", NOW - timedelta(days=2))
    assert lines[1] == "  the state of m2, 0 seconds old; swarm s1"
    assert "and 1 more that came or went while it was taken" in lines[2]
    assert lines[4].startswith("  by Docker 20.10.24; it was taken from 26.1.5; no container")
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"missing": {"secret": [["k", "password"]]}}, "lacks what the archive lists: secret password. Nothing is"),
        ({"missing": {"node": [["n9", ""]]}}, "lacks what the archive lists: node n9. Nothing"),
        ({"missing": {"node": [[f"n{i}", ""] for i in range(7)]}}, "node n4 and 2 more. Nothing"),
        ({"containers": 2}, "made 2 containers"),
    ],
)
def test_a_bad_one_in_words(result: dict[str, object], words: str) -> None:
    assert words in drill.wrong({**RESULT, **result})


def test_a_record_is_read_as_it_was_written() -> None:
    kept = drill.record(RESULT, "s1_m2.tar.gz", "w1", NOW)
    assert drill.load(kept.dump()) == kept
    assert kept.moment == NOW
    assert replace(kept, drilled_at="2026-11-25T04:00:00Z").moment == NOW
    assert replace(kept, drilled_at="2026-11-25T04:00:00").moment == NOW


@given(st.text() | st.sampled_from(["{}", "[]", "1", "null", '{"swarm_id": 1}']))
def test_what_is_no_record_is_called_so(text: str) -> None:
    with pytest.raises(drill.BadRecord):
        drill.load(text)


def test_a_record_without_a_time_is_none() -> None:
    with pytest.raises(drill.BadRecord):
        drill.load(replace(drill.record(RESULT, "a", "w1", NOW), drilled_at="yesterday").dump())


def test_the_newest_archive_of_the_swarm_that_is_meant() -> None:
    files = ["s1_m1_20261120T030000Z.tar.gz", "s1_m2_20261122T030000Z.tar.gz", "x_m3_20261122T040000Z.tar.gz", "notes"]
    assert [getattr(drill.newest(files, swarm), "file", None) for swarm in ("s1", "x", "", "other")] == [
        files[1], files[2], files[2], None]  # fmt: skip
    assert drill.newest([], "") is None


def test_workers_are_asked_first_and_never_all() -> None:
    workers, managers = [f"w{i}" for i in range(100)], ["m1", "m2", "m3", "m4", "m5"]
    assert drill.candidates(workers, managers, ["w0"]) == ["w1", "w2", "w3", "m1", "m2", "m3"]
    assert drill.candidates([], managers, ["m1"]) == ["m2", "m3", "m4"]
    assert drill.candidates(["m1"], ["m1"], []) == ["m1"]


@pytest.mark.parametrize(
    ("obstacles", "named", "host", "words"),
    [
        ({"w1": "it is down.", "w2": "", "m1": ""}, False, "w2", ""),
        ({"w1": ""}, True, "w1", ""),
        ({"w1": "it is down."}, True, "", "No drill is possible on w1: it is down. Name another host"),
        ({"w1": "no.", "m1": "neither"}, False, "", "on any of these hosts (w1: no; m1: neither). Name another"),
    ],
)
def test_the_first_host_that_can(obstacles: dict[str, str], named: bool, host: str, words: str) -> None:
    chosen, why = drill.choose(obstacles, named)
    assert chosen == host
    assert words in why
    assert bool(chosen) != bool(why)
