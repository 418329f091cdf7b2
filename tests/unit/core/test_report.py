# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of the report, as it stands on the screen, and that no value makes it too wide or crash."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import health, report, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import SEVERITIES, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Address,
    Engine,
    HostFacts,
    Membership,
    Node,
    Swarm,
    View,
)
from hypothesis import given
from hypothesis import strategies as st

WANTED = Wanted(
    (
        WantedNode("m1", "manager", "a"),
        WantedNode("m2", "manager", "b"),
        WantedNode("m3", "manager", "c"),
        WantedNode("w1", "worker", "a"),
        WantedNode("w2", "worker", "b"),
    )
)


def manager(name: str, zone: str, addr: str, **changes: object) -> Node:
    made = Node(
        f"id-{name}", name, "manager", "drain", addr=addr, labels={"zone": zone}, voter=True, reachability="reachable",
        manager_addr=addr + ":2377", engine_version="28.5.2",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def worker(name: str, zone: str, addr: str, **changes: object) -> Node:
    made = Node(f"id-{name}", name, addr=addr, labels={"zone": zone}, engine_version="28.5.2")
    return replace(made, **changes)  # type: ignore[arg-type]


NODES = (
    worker("w1", "a", "192.0.2.31"),
    manager("m3", "c", "192.0.2.13", leader=True),
    manager("m1", "a", "192.0.2.11"),
    manager("m2", "b", "192.0.2.12"),
    worker("w2", "b", "192.0.2.32"),
)


def told(nodes: tuple[Node, ...]) -> dict[str, HostFacts]:
    return {
        node.hostname: HostFacts(
            node.hostname,
            membership=Membership("active", node.id),
            engine=Engine(True, True, "28.5.2"),
            addresses=(Address(node.addr, 24, "eth0"),),
        )
        for node in nodes
    }


def judged(nodes: tuple[Node, ...], result: str = "healthy") -> Judgement:
    return Judgement(result, "why.", View(Swarm("swarm1"), nodes, told_by="m1"))


def shown(text: str) -> list[str]:
    return textwrap.dedent(text).strip("\n").split("\n")


def test_a_healthy_swarm() -> None:
    assert report.swarm(judged(NODES), WANTED, told(NODES)) == shown("""
        healthy: 3 voters, 3 reachable, majority 2, tolerates 1; losing zone a leaves 2 of 3
        swarm swarm1, led by m3, told by m1; 5 nodes, no autolock

        ZONE  HOST  ROLE     REACHED  AVAIL   STATE  ADDRESS     STATIC  ENGINE
        a     m1    manager  yes      drain   ready  192.0.2.11  yes     28.5.2
        a     w1    worker   -        active  ready  192.0.2.31  yes     28.5.2
        b     m2    manager  yes      drain   ready  192.0.2.12  yes     28.5.2
        b     w2    worker   -        active  ready  192.0.2.32  yes     28.5.2
        c     m3    leader   yes      drain   ready  192.0.2.13  yes     28.5.2
    """)


def test_what_is_wrong_stands_in_capitals() -> None:
    nodes = (
        manager("m1", "a", "192.0.2.11", leader=True, manager_addr="192.0.2.11:4242"),
        manager("m2", "b", "192.0.2.12", reachability="unreachable", state="down"),
        manager("m4", "", "192.0.2.14", role="worker"),
        worker("x9", "c", "192.0.2.99", role="manager"),
    )
    facts = told(nodes)
    facts["m1"] = replace(facts["m1"], addresses=(Address("192.0.2.11", 24, "eth0", dynamic=True),))
    facts["m4"] = replace(facts["m4"], addresses=(Address("192.0.2.77", 24, "eth0"),))
    del facts["x9"]
    assert report.swarm(judged(nodes, "degraded"), WANTED, facts) == shown("""
        degraded: 3 voters, 2 reachable, majority 2, tolerates 0; losing zone a leaves 1 of 3 (NO QUORUM)
        swarm swarm1, led by m1, told by m1; 4 nodes, no autolock

        ZONE  HOST  ROLE       REACHED  AVAIL   STATE      ADDRESS          STATIC   ENGINE
        a     m1    leader     yes      drain   ready      192.0.2.11:4242  LEASED   28.5.2
        a     w1    worker     -        -       NO MEMBER  -                -        -
        b     m2    manager    NO       drain   DOWN       192.0.2.12       yes      28.5.2
        b     w2    worker     -        -       NO MEMBER  -                -        -
        c     m3    manager    -        -       NO MEMBER  -                -        -
        c     x9*   PROMOTING  -        active  ready      192.0.2.99       ?        28.5.2
        -     m4*   DEMOTING   yes      drain   ready      192.0.2.14       NOT OWN  28.5.2
        * not in the inventory
    """)


def test_the_newest_backup_stands_in_the_head() -> None:
    kept = health.Backup("/b", "f", "m2", timedelta(hours=5))
    line = "newest proven backup: of m2, 5 hours old"
    assert report.swarm(judged(NODES), WANTED, told(NODES), kept)[2:4] == [line, ""]
    blind = report.swarm(Judgement("no_quorum", "m1: finds no leader."), WANTED, {}, kept)
    assert blind[1:3] == [line, ""]
    assert report.swarm(judged(NODES), WANTED, told(NODES), health.Backup("/b"))[2] == ""
    kept = replace(kept, drilled=health.Drilled(timedelta(days=3), "w1", 8.4))
    drilled = "last good drill: 3 days ago, on w1, in 8 s"
    assert report.swarm(judged(NODES), WANTED, told(NODES), kept)[2:5] == [line, drilled, ""]


def test_a_ghost_is_no_stranger() -> None:
    ghost = worker("w1", "a", "192.0.2.31", id="old", state="down")
    lines = report.swarm(judged((ghost, *NODES), "degraded"), WANTED, told(NODES))
    assert lines[5:7] == shown("""
        a     w1    worker   -        active  ready  192.0.2.31  yes     28.5.2
        a     w1    worker   -        active  GHOST  192.0.2.31  ?       28.5.2
    """)
    assert "* not in the inventory" not in lines


def test_without_a_view_the_hosts_speak() -> None:
    facts = told(NODES)
    words = "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers"
    facts["m1"] = replace(facts["m1"], problem="no_leader", membership=Membership("active", "id-m1", error=words))
    facts["m2"] = HostFacts.silent("m2", "ssh: connect to host 192.0.2.12 port 22: Connection timed out")
    facts["m3"] = HostFacts("m3", engine=Engine(True, error="docker.service is inactive (dead)."))
    facts["w1"] = HostFacts("w1")
    del facts["w2"]
    lines = report.swarm(Judgement("no_quorum", "m1: finds no leader."), WANTED, facts)
    assert lines == shown("""
        no_quorum: m1: finds no leader.

        ZONE  HOST  WANTED   ANSWERS  ENGINE  SWARM   SAYS
        a     m1    manager  yes      28.5.2  active  The swarm does not have a leader. It's possible that…
        a     w1    worker   yes      none    ?       -
        b     m2    manager  NO       ?       ?       ssh: connect to host 192.0.2.12 port 22: Connection t…
        b     w2    worker   NO       ?       ?       it was not asked, the time for asking was up
        c     m3    manager  yes      ?       ?       docker.service is inactive (dead).
    """)
    assert max(map(len, lines)) == report.WIDTH


def test_one_voter_is_one_voter() -> None:
    nodes = (manager("m1", "a", "192.0.2.11", leader=True),)
    lines = report.swarm(judged(nodes), replace(WANTED, nodes=WANTED.nodes[:1]), told(nodes))
    assert lines[0].startswith("healthy: 1 voter, 1 reachable, majority 1, tolerates 0")
    assert "1 node, " in lines[1]


def test_autolock_stands_in_the_second_line() -> None:
    judgement = judged(NODES)
    assert judgement.view is not None
    locking = replace(judgement.view, swarm=Swarm("s", spec={"EncryptionConfig": {"AutoLockManagers": True}}))
    assert "managers lock themselves" in report.swarm(replace(judgement, view=locking), WANTED, told(NODES))[1]


def test_an_inventory_without_hosts() -> None:
    judgement = verdict.judge([])
    assert report.swarm(judgement, Wanted(()), {}) == ["unknown: The inventory names no managers to ask."]


def test_findings_are_grouped_and_a_shared_remedy_is_told_once() -> None:
    found = [
        Finding("quorum_at_risk", "critical", "2 of 3 voters are reachable.", "Bring back m3."),
        Finding("host_silent", "warning", "m3 does not answer.", "Bring the host back."),
        Finding("host_silent", "warning", "w1 does not answer.", "Bring the host back."),
        Finding("host_silent", "warning", "w2 does not answer.", "Bring back this one."),
        Finding("lease_held", "info", " ".join(["word"] * 30)),
    ]
    assert report.findings(found) == shown("""
        CRITICAL (1)
          quorum_at_risk: 2 of 3 voters are reachable.
            -> Bring back m3.

        WARNING (3)
          host_silent: m3 does not answer.
          host_silent: w1 does not answer.
            -> Bring the host back.
          host_silent: w2 does not answer.
            -> Bring back this one.

        INFO (1)
          lease_held: word word word word word word word word word word word word word word word word word
            word word word word word word word word word word word word word
    """)


def test_no_findings_are_said() -> None:
    assert report.findings([]) == ["No findings."]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("one two", 10, ["one two"]),
        ("one two three", 10, ["one two", "  three"]),
        ("0123456789012 x", 10, ["0123456789012", "  x"]),
        ("a 0123456789012", 10, ["a", "  0123456789012"]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert report.wrap(text, width=width) == lines


def test_clip() -> None:
    assert report.clip("abcdef", 6) == "abcdef"
    assert report.clip("abcdefg", 6) == "abcde…"


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60)


@given(st.lists(st.tuples(*[WORDS] * 3), max_size=4), st.integers(0, 2))
def test_a_table_is_aligned_whatever_stands_in_it(rows: list[tuple[str, ...]], clipped: int) -> None:
    lines = report.table(("ONE", "TWO", "THREE"), rows, clipped, width=60)
    assert len(lines) == len(rows) + 1
    others = [index for index in range(3) if index != clipped]
    fixed = sum(max(len(row[index]) for row in [("ONE", "TWO", "THREE"), *rows]) for index in others) + 4
    assert max(map(len, lines)) <= max(60, fixed + report.NARROWEST)


@given(st.lists(st.builds(Finding, WORDS, st.sampled_from(SEVERITIES), WORDS, WORDS), max_size=5))
def test_findings_lose_no_word(found: list[Finding]) -> None:
    text = " ".join(report.findings(found)).split()
    for item in found:
        for word in item.fact.split():
            assert any(word in part for part in text)


def test_the_summary_counts_what_health_counts() -> None:
    judgement = judged(NODES)
    assert judgement.view is not None
    numbers = health.margin(judgement.view, {node.id: node.zone for node in NODES})
    line = report.headline(judgement, WANTED, told(NODES))
    assert f"losing zone {numbers.worst_zone} leaves {numbers.left} of 3" in line
