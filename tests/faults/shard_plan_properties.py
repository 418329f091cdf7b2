# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of the pure core with 10,000 examples each: two seeds of 5,000, where `make test` tries 100.

Each point is one property with one seed, run by pytest in a process of its own. Touches nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TITLE = ("Random swarms, wishes and failures, planned and decided by the pure core, over random clusters with failures "
         "between the steps. Two seeds of 5,000 examples each; `make test` tries 100.")
COLUMNS = ("examples", "passed")
SEEDS = (1, 2)
PROPERTIES = {
    "test_plan_properties": (
        "test_a_calm_swarm_ends_as_it_is_wanted",
        "test_whatever_is_down_the_quorum_stays",
        "test_failures_between_the_steps",
        "test_the_whole_plan_is_what_is_done",
        "test_zones_stay_balanced_to_within_one",
        "test_without_a_quorum_nothing_is_planned",
    ),
    "test_provision": (
        "test_an_init_needs_every_host_to_be_free",
        "test_free_hosts_become_a_swarm",
        "test_a_refusal_stands_alone",
        "test_no_membership_is_changed_while_a_manager_is_silent",
        "test_a_second_run_has_nothing_to_do",
        "test_phases_follow_from_the_steps",
    ),
    "test_verdict": (
        "test_absent_needs_every_host_to_say_so",
        "test_one_host_is_enough_to_forbid_absent",
    ),
    "test_probe": ("test_any_text_can_be_read", "test_any_answer_can_be_read"),
}
COUNT = re.compile(r"(\d+) passing")
FEWER = 1000
"""A property may run out of different examples before 5,000; with fewer than this it proves too little."""


def points() -> Sequence[str]:
    """Property by property, seed by seed."""
    return [f"{file}::{test} {seed}" for file, tests in PROPERTIES.items() for test in tests for seed in SEEDS]


@contextmanager
def session() -> Iterator[None]:
    """The points share nothing."""
    yield


def run(_shared: None, point: str) -> Sequence[object]:
    """One property with one seed.

    :raises AssertionError: with the example that broke it.
    """
    name, seed = point.split(" ")
    file, test = name.split("::")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}",
         "--hypothesis-show-statistics", f"tests/unit/core/{file}.py::{test}"],
        cwd=ROOT, env={**os.environ, "HYPOTHESIS_PROFILE": "thorough"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError("; ".join(line[1:].strip() for line in done.stdout.splitlines()
                                       if line.startswith("E "))[:400] or done.stdout[-400:])
    examples = sum(int(number) for number in COUNT.findall(done.stdout))
    if examples < FEWER:
        raise AssertionError(f"only {examples} examples")
    return examples, "yes"
