# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates against clocks: nodes of a lab share the machine's clock, so skew is read here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import validity
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, LocalState

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


def at(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat()


def facts(begins: float | None, ends: float | None, clock: float | None = None, expires: str = "") -> HostFacts:
    """A certificate with this validity, and a clock, all in days from now."""
    def told(days: float | None) -> str:
        return "" if days is None else at(days)

    return HostFacts("m1", state=LocalState(not_before=told(begins), not_after=told(ends), clock=told(clock)),
                     certificate_expires=expires)


@pytest.mark.parametrize(
    ("item", "out", "by_clock_alone", "says"),
    [
        (facts(-1, 1), "", False, "until 2026-11-30 08:00 UTC"),
        (facts(None, None), "", False, ""),
        (facts(-9, -1), validity.ENDED, False, "until 2026-11-28 08:00 UTC"),
        (facts(-9, -1, 0), validity.ENDED, False, "until 2026-11-28 08:00 UTC"),
        (facts(1, 9), validity.EARLY, False, "from 2026-11-30 08:00 UTC on"),
        (facts(None, None, None, at(-1)), validity.ENDED, False, "until 2026-11-28 08:00 UTC"),
        (facts(-1, 1, 400), validity.ENDED, True, "until 2026-11-30 08:00 UTC, and its clock says 2028-01-03 08:00"),
        (facts(-1, 1, -20), validity.EARLY, True, "from 2026-11-28 08:00 UTC on, and its clock says 2026-11-09 08:00"),
        (facts(-9, -1, -2), "", False, "until 2026-11-28 08:00 UTC, and its clock says 2026-11-27 08:00"),
    ],
)
def test_the_hosts_own_clock_counts(item: HostFacts, out: str, by_clock_alone: bool, says: str) -> None:
    assert (validity.out(item, NOW), validity.by_clock_alone(item, NOW)) == (out, by_clock_alone)
    assert validity.words(item, NOW) == says


def test_without_any_clock_nothing_is_said_to_have_ended() -> None:
    assert validity.out(facts(-9, -1)) == ""
    assert validity.out(facts(-9, -1, 0)) == validity.ENDED
    assert not validity.by_clock_alone(facts(-1, 1, 400), None)


@pytest.mark.parametrize(("minutes", "differs"), [(0, False), (4, False), (-4, False), (6, True), (-6, True)])
def test_skew(minutes: int, differs: bool) -> None:
    found = validity.skew(facts(None, None, minutes / 1440), NOW)
    assert bool(found) is differs
    assert validity.skew(facts(None, None), NOW) == timedelta(0)


@pytest.mark.parametrize(("text", "known"), [("", False), ("soon", False), ("2026-11-29T08:00:00Z", True),
                                             ("2026-11-29T08:00:00", True)])
def test_times(text: str, known: bool) -> None:
    assert validity.parse_time(text) == (NOW if known else None)
