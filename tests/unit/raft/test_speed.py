# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large state takes no more than linear time, nor much memory. The figures: `python -m tests.bench.reader`.

In seconds of the processor, because two cores are shared with whatever else runs.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, state, wal
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import Contents

from tests import material
from tests.material import large

from . import forge

MB = 1_000_000


@cache
def grown(size: int, segment: int = large.SEGMENT) -> dict[str, bytes]:
    return large.grown(capture(), size, segment)


def capture() -> material.Capture:
    return next(one for one in material.captures() if one.name == "trixie-plain")


def whole(files: dict[str, bytes]) -> Contents:
    """Everything that a backup is proven by."""
    read = state.read_state(files)
    state.prove_keys(read)
    return state.open_contents(read)


def seconds(files: dict[str, bytes]) -> float:
    """The least of two: something else may use the same caches at one of these moments."""
    took = []
    for _ in range(2):
        before = time.process_time()
        whole(files)
        took.append(time.process_time() - before)
    return min(took)


def test_a_grown_state_is_a_state() -> None:
    """It holds what the real one holds, over one segment and over many."""
    few, many = grown(MB), grown(MB, 100_000)
    read = state.read_state(many)
    assert read.damage == ()
    assert len(read.log.segments) >= 10
    assert state.read_state(few).log.entries == read.log.entries
    assert sum(segment.used for segment in read.log.segments) >= MB
    kinds = {item.kind for item in whole(few).objects}
    assert kinds >= {"cluster", "node", "service", "network", "secret", "config"}
    assert whole(few) == whole(many)


def test_a_state_of_5_mb_reads_in_two_seconds() -> None:
    assert seconds(grown(5 * MB)) < 2


@pytest.mark.parametrize("segment", [large.SEGMENT, 100_000])
def test_time_is_linear(segment: int) -> None:
    """Eight times as much takes eight times as long; what is quadratic takes 64 times."""
    assert seconds(grown(4 * MB, segment)) < 16 * max(seconds(grown(MB // 2, segment)), 0.02)


def test_the_log_is_not_copied() -> None:
    """What is read is looked at where it lies."""
    files = grown(MB)
    whole(files)  # the libraries are there now
    tracemalloc.start()
    read = state.read_state(files)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read.log.entries
    assert most < MB


def framed(records: int, kind: int, content: Callable[[int], bytes]) -> dict[str, bytes]:
    """A log of an owner and this many records."""
    log = forge.Wal().cut(0).save((forge.SNAPSHOT, forge.mark(0, 0)))
    out, crc = [log.files[log.name]], log.crc
    for number in range(records):
        data = content(number)
        crc = crc32c.update(crc, data)
        out.append(forge.frame(forge.message((1, kind), (2, crc), (3, data))))
    return {log.name: b"".join(out)}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        # Each drops the one before; one of many drops all before it; marks alone; one field said again and again.
        (forge.ENTRY, lambda number: forge.entry(2, 1)),
        (forge.ENTRY, lambda number: forge.entry(2, 1 + number % 1000)),
        (forge.SNAPSHOT, lambda number: forge.mark(2, number + 1)),
        (forge.SNAPSHOT, lambda number: forge.mark(2, number + 1, tuple(range(30)))),
        (forge.STATE, lambda number: forge.state(2, 0)),
    ],
)
def test_odd_logs_take_linear_time_too(kind: int, content: Callable[[int], bytes]) -> None:
    def took(records: int) -> float:
        files = framed(records, kind, content)
        before = time.process_time()
        with suppress(RaftStateError):
            wal.read_log(files)
        return time.process_time() - before

    assert min(took(16_000) for _ in "12") < 16 * max(min(took(2_000) for _ in "12"), 0.005)
