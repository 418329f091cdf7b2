# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark says of its numbers: medians, ratios, targets, and no word about what was not measured."""

from __future__ import annotations

import pytest

from tests.bench import report
from tests.bench.__main__ import turns
from tests.bench.page import replaced
from tests.bench.report import Run

TITLES = {"ours": "quorum.swarm", "peer": "(a) community.docker", "ssh": "(b) parallel ssh"}


def runs(contender: str, size: int, phase: str, *took: float, modules: int = 1) -> list[Run]:
    return [Run(contender, size, phase, seconds, modules, 2 * modules) for seconds in took]


def test_a_ratio_is_one_of_medians():
    measured = runs("ours", 21, "first", 6, 5, 100) + runs("peer", 21, "first", 12, 1, 13)
    assert report.ratio(measured, ("ours", 21, "first"), ("peer", 21, "first")) == 0.5


@pytest.mark.parametrize(("ours", "reached"), [(2.0, True), (2.01, False)])
def test_a_target_is_reached_up_to_its_limit(ours, reached):
    measured = runs("ours", 21, "converged", ours) + runs("peer", 21, "converged", 10)
    [(target, value, verdict)] = report.verdicts(measured)
    assert (target.limit, value, verdict) == (0.2, ours / 10, reached)


def test_what_was_not_measured_has_no_verdict():
    assert report.verdicts(runs("ours", 7, "converged", 1)) == []


def test_the_tables_show_median_range_ratio_and_counts():
    measured = [
        *runs("ours", 21, "first", 4, 5, 9, modules=27),
        *runs("peer", 21, "first", 10, modules=42),
        *runs("ssh", 21, "first", 2),
    ]
    lines = report.tables(measured, TITLES).splitlines()
    assert "| 21 | quorum.swarm | 5.0 s | 4.0–9.0 s | 0.50 | 27 | 54 |" in lines
    assert "| 21 | (b) parallel ssh | 2.0 s | 2.0–2.0 s | 0.20 | – | – |" in lines
    assert "| first run, 21 nodes: against (a) | 0.50 | 0.6 | reached |" in lines


def test_counts_that_differ_between_runs_are_shown_as_a_range():
    measured = runs("ours", 7, "first", 1, modules=13) + runs("ours", 7, "first", 1, modules=12)
    assert "| 7 | quorum.swarm | 1.0 s | 1.0–1.0 s | – | 12–13 | 24–26 |" in report.tables(measured, TITLES)


def test_everyone_begins_in_turn():
    assert [turns(repeat)[0].key for repeat in range(4)] == ["ours", "peer", "ssh", "ours"]
    assert {contender.key for contender in turns(2)} == set(TITLES)


def test_a_part_of_the_page_is_replaced_and_the_others_stay():
    page = "# Benchmarks\n"
    for name, text in (("one", "first"), ("two", "second"), ("one", r"\1 third")):
        page = replaced(page, name, text)
    assert page == (
        "# Benchmarks\n\n<!-- one: begin -->\n\n\\1 third\n\n<!-- one: end -->\n\n"
        "<!-- two: begin -->\n\nsecond\n\n<!-- two: end -->\n"
    )
