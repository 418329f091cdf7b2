# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which workers stand in for lost managers: a table, and what is true of any inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, quorum, spares, zones
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import MANAGERS, WORKERS, Wanted
from hypothesis import given
from hypothesis import strategies as st


def wanted_of(managers: str, spare: str = "", workers: int = 1, given_up: tuple[str, ...] = ()) -> Wanted:
    """Managers m1, m2, … and spares s1, s2, … in the zones that the letters name, and workers."""
    groups: dict[str, list[str]] = {MANAGERS: [], WORKERS: [f"w{number + 1}" for number in range(workers)]}
    own: dict[str, dict[str, Any]] = {}
    for number, zone in enumerate(managers, 1):
        groups[MANAGERS].append(f"m{number}")
        own[f"m{number}"] = {"swarm_zone": zone}
    for number, zone in enumerate(spare, 1):
        groups[WORKERS].append(f"s{number}")
        own[f"s{number}"] = {"swarm_zone": zone, "swarm_spare_manager": "true"}
    return inventory.read(groups, own, {"swarm_given_up": list(given_up)} if given_up else {})


@pytest.mark.parametrize(
    ("managers", "present", "spare", "serving", "taken"),
    [
        ("abcab", "m1 m2 m3 m4 m5", "abc", "", ""),
        ("abcab", "m4 m5", "abc", "", "s1 s2 s3"),  # all three, in the zones that lost them
        ("abcab", "m4 m5", "cc", "", "s1"),  # four would be even
        ("abcab", "m4 m5", "c", "", "s1"),
        ("abcab", "m4 m5", "", "", ""),
        ("abcab", "m1 m2 m4 m5", "bc", "", "s2"),  # c lost one
        ("abcab", "m1 m2 m4 m5", "ab", "", "s1"),  # no zone that lost one: the emptiest, the first of equals
        ("abcab", "m1 m2 m3", "a", "", ""),  # four are worth no more than three
        ("abcab", "m4 m5", "bbb", "", "s1 s2 s3"),  # no number is safe: the largest
        ("abc", "m1", "bc", "", "s1 s2"),
        ("abc", "m1 m2", "bc", "s1", "s2"),  # the zone that lost one, though another serves
        ("abc", "m1 m2", "cc", "s2", "s2"),  # who serves stays
        ("abc", "m1 m2 m3", "cc", "s2", ""),
        ("abc", "m1 m2", "a", "", "s1"),  # no safe number: better than two
        ("aaa", "m1", "aa", "", "s1 s2"),
        ("a", "", "a", "", "s1"),
        ("abcab", "m4 m5", "cbb", "", "s1"),  # five would have three in b
    ],
)  # fmt: skip
def test_who_stands_in(managers: str, present: str, spare: str, serving: str, taken: str) -> None:
    wanted = wanted_of(managers, spare)
    able = [node.host for node in wanted.spares]
    assert sorted(spares.choose(wanted, present.split(), able, serving.split())) == taken.split()


def test_only_who_is_able() -> None:
    assert spares.choose(wanted_of("abc", "bc"), ["m1", "m2"], ["s1"]) == ("s1",)


def test_managers_that_are_given_up_are_missed() -> None:
    wanted = wanted_of("abcab", "abc", given_up=("m1", "m2", "m3"))
    assert [node.host for node in wanted.managers] == ["m4", "m5"]
    assert [node.host for node in spares.listed(wanted)] == ["m4", "m5", "m1", "m2", "m3"]
    assert sorted(spares.choose(wanted, ["m4", "m5"], ["s1", "s2", "s3"])) == ["s1", "s2", "s3"]


def test_who_stands_in_is_drained_while_others_work() -> None:
    now = spares.standing_in(wanted_of("abc", "ab"), ["s1"])
    assert {node.host: (node.role, node.availability) for node in now.nodes if node.host[0] != "m"} == {
        "w1": ("worker", "active"), "s1": ("manager", "drain"), "s2": ("worker", "active")}  # fmt: skip
    assert spares.listed(now) == spares.listed(wanted_of("abc", "ab"))
    alone = spares.standing_in(wanted_of("abc", "a", workers=0), ["s1"])
    spare = alone.node("s1")
    assert spare is not None
    assert (spare.role, spare.availability) == ("manager", "active")


@given(st.text("abc", min_size=1, max_size=7), st.text("abcd", max_size=6), st.data())
def test_never_too_many_and_the_same_again(managers: str, spare: str, data: st.DataObject) -> None:
    wanted = wanted_of(managers, spare)
    present = data.draw(st.sets(st.sampled_from([node.host for node in wanted.managers])))
    able = data.draw(st.sets(st.sampled_from([node.host for node in wanted.spares]))) if spare else set()
    chosen = spares.choose(wanted, present, able)
    assert set(chosen) <= able
    assert len(set(chosen)) == len(chosen)
    total = len(present) + len(chosen)
    assert not chosen or total == len(managers) or (total % 2 == 1 and total < len(managers))
    assert quorum.tolerance(total) >= quorum.tolerance(len(present))
    again = spares.choose(wanted, present, able, chosen)
    assert sorted(again) == sorted(chosen)
    if len(present) < len(managers) and len(present) % 2 == 0 and able:
        assert chosen
    zone_of = {node.host: node.zone for node in wanted.nodes}
    placed = [zone_of[host] for host in (*present, *chosen)]
    if len(placed) > 2 and zones.deadly_zone(managers) is None and zones.deadly_zone(placed):
        # Nothing better was to be had: every odd number of these in this order is worse.
        assert len(chosen) == max((number for number in range(1, len(able) + 1)
                                   if len(present) + number <= len(managers)
                                   and ((len(present) + number) % 2 or len(present) + number == len(managers))),
                                  default=0)  # fmt: skip
