# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways into hosts that become managers: where they will be, and what the tries say."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import ways
from ansible_collections.quorum.swarm.plugins.module_utils.core.ways import Ways

WAYS = Ways({"m4": "198.51.100.14:2377", "m5": "198.51.100.15:2377"}, ("m1", "m2", "m3", "m4", "m5"))
LISTENS = {"m4": {"word": "a", "busy": False}, "m5": {"word": "b", "busy": False}}
FREE: dict[str, dict[str, object]] = {host: {"blocked": []} for host in WAYS.triers}


@pytest.mark.parametrize(
    ("addr", "listen", "place"),
    [
        ("198.51.100.14", "", "198.51.100.14:2377"),
        ("198.51.100.14", "0.0.0.0:2378", "198.51.100.14:2378"),
        ("198.51.100.14", "eth0", "198.51.100.14:2377"),
        ("2001:db8::14", "", "[2001:db8::14]:2377"),
        ("2001:db8::14", "[::]:2378", "[2001:db8::14]:2378"),
    ],
)
def test_where_a_manager_will_be(addr: str, listen: str, place: str) -> None:
    assert ways.endpoint(addr, listen) == place


def test_free_ways_are_not_spoken_of() -> None:
    assert ways.judge(WAYS, LISTENS, FREE) == []


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        (("m1", "m2", "m3", "m5"), "none of the managers reaches it at 198.51.100.14:2377/tcp"),
        (("m3",), "m3 does not reach it"),
        (("m2", "m3"), "m2, m3 do not reach it"),
    ],
)
def test_a_blocked_way_is_refused_by_name_and_direction(blocked: tuple[str, ...], words: str) -> None:
    tried = {host: {"blocked": ["m4"] if host in blocked else []} for host in WAYS.triers}
    (finding,) = ways.judge(WAYS, LISTENS, tried)
    assert (finding.id, finding.severity, finding.host) == ("blocked_ports", "critical", "m4")
    assert words in finding.fact
    assert finding.relaxed_by == "swarm_allow_blocked_ports"
    assert "Open 2377/tcp into m4" in finding.remedy


def test_somebody_else_at_the_port_is_said() -> None:
    tried = {host: {"blocked": ["m4"]} for host in WAYS.triers}
    (finding,) = ways.judge(WAYS, {**LISTENS, "m4": {"word": "", "busy": True}}, tried)
    assert "another program" in finding.fact


@pytest.mark.parametrize(
    ("listened", "tried"),
    [
        pytest.param({"m5": LISTENS["m5"]}, FREE, id="the host does not answer"),
        pytest.param(LISTENS, {"m4": {"blocked": []}}, id="nobody could try"),
    ],
)
def test_what_could_not_be_tried_is_unknown_and_not_blocked(
    listened: dict[str, dict[str, object]], tried: dict[str, dict[str, object]]
) -> None:
    found = [item for item in ways.judge(WAYS, listened, tried) if item.host == "m4"]
    assert [(item.id, item.severity) for item in found] == [("way_untried", "warning")]


def test_a_trier_that_did_not_answer_says_nothing() -> None:
    tried: dict[str, dict[str, object]] = {"m1": {"blocked": []}, "m3": {"blocked": ["m4"]}}
    (finding,) = ways.judge(WAYS, LISTENS, tried)
    assert "m3 does not reach it" in finding.fact
