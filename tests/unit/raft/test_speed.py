# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large state takes no more than linear time, nor much memory. The figures: `python -m tests.bench.reader`.

In seconds of the processor, because two cores are shared with whatever else runs.
"""

from __future__ import annotations

import time
import tracemalloc
from functools import cache

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import Contents

from tests import material
from tests.material import large

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
