# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of archives, and which of them may go: never the one just proven, another swarm's, or a foreign file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention
from ansible_collections.quorum.swarm.plugins.module_utils.core.retention import Name
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def name(days: float = 0, host: str = "m2", swarm: str = "s1") -> str:
    return Name(swarm, host, NOW - timedelta(days=days)).file


@pytest.mark.parametrize(
    ("host", "file"),
    [
        ("m2", "s1_m2_20261122T030000Z.tar.gz"),
        ("m2.example.net", "s1_m2.example.net_20261122T030000Z.tar.gz"),
        ("my_host", "s1_my-host_20261122T030000Z.tar.gz"),
        ("../x y/ü", "s1_..-x-y-_20261122T030000Z.tar.gz"),
    ],
)
def test_a_name_is_a_file_name_and_read_back(host: str, file: str) -> None:
    made = Name("s1", host, NOW)
    assert made.file == file
    found = retention.parse(file)
    assert found is not None
    assert (found.swarm_id, found.taken_at, found.file) == ("s1", NOW, file)


@pytest.mark.parametrize(
    "file",
    [
        "",
        "notes.txt",
        ".new-abc",
        ".s1_m2_20261122T030000Z.tar.gz",
        "s1_m2_20261122T030000Z.tar.gz.part",
        "s1_m2_20261122T030000Z.tar",
        "s1_m2_20261322T030000Z.tar.gz",
        "s1_m2_20261122T030000.tar.gz",
        "s1__20261122T030000Z.tar.gz",
        "S1_m2_20261122T030000Z.tar.gz",
        "s1_my_host_20261122T030000Z.tar.gz",
        "s1_m2_00261122T030000Z.tar.gz",
        "s1_m2_２０２６1122T030000Z.tar.gz",
        "s1_m2_20261122T030000Z.tar.gz\n",
        "sub/s1_m2_20261122T030000Z.tar.gz",
    ],
)
def test_a_foreign_file_has_no_name(file: str) -> None:
    assert retention.parse(file) is None


@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9]{1,3}_[a-z._-]{1,3}_[0-9]{8}T[0-9]{6}Z\.tar\.gz\n?"))
def test_what_is_read_is_what_would_be_written(file: str) -> None:
    found = retention.parse(file)
    assert found is None or found.file == file


def test_of_swarm_is_the_newest_first() -> None:
    files = [name(3), name(1), name(2), name(1, "m3"), name(0, swarm="s2"), "notes.txt"]
    assert [one.file for one in retention.of_swarm(files, "s1")] == [name(1, "m3"), name(1), name(2), name(3)]


DAILY = [name(day) for day in range(5)]


@pytest.mark.parametrize(
    ("keep", "days", "gone"),
    [
        (0, 0, []),
        (5, 0, []),
        (3, 0, [name(4), name(3)]),
        (1, 0, [name(4), name(3), name(2), name(1)]),
        (0, 2, [name(4), name(3)]),
        (0, 0.5, [name(4), name(3), name(2), name(1)]),
        (4, 2, [name(4), name(3)]),
        (2, 3, [name(4), name(3), name(2)]),
        (0, 1e12, []),
    ],
)
def test_expired(keep: int, days: float, gone: list[str]) -> None:
    assert retention.expired(DAILY, "s1", name(0), keep, days, NOW) == gone


def test_the_one_just_proven_stays_however_old_it_looks() -> None:
    """A clock that went wrong, or archives from the future: what was proven now is the only one known to be good."""
    assert retention.expired([name(-9), name(-8), name(100)], "s1", name(100), 1, 1, NOW) == [name(-8)]


FILES = st.lists(
    st.builds(
        name,
        st.integers(-5, 40),
        st.sampled_from(["m1", "m2", "m_3"]),
        st.sampled_from(["s1", "s2"]),
    )
    | st.sampled_from(["notes.txt", ".new-x", "s1_m_9_20261122T030000Z.tar.gz", name() + ".asc"]),
    unique=True,
    max_size=12,
)


@given(FILES, st.integers(0, 5), st.integers(0, 30), st.integers(0, 11))
def test_what_is_never_removed(files: list[str], keep: int, days: int, which: int) -> None:
    proven = (files or [name()])[which % (len(files) or 1)]
    gone = retention.expired(files, "s1", proven, keep, days, NOW)
    assert proven not in gone
    assert set(gone) <= {one for one in files if one.startswith("s1_") and retention.parse(one)}
    assert len(set(gone)) == len(gone)
    for host in ("m1", "m2", "m-3"):
        own = [one.file for one in retention.of_swarm(files, "s1") if one.host == host]
        kept = [one for one in own if one not in gone]
        if keep:
            assert len(kept) <= keep + 1
        if not days:
            # Nothing but the count: the newest of each manager stay.
            assert set(own[: keep or None]) <= set(kept)
