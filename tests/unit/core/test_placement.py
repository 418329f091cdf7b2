# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement by tables, after swarmkit's own tests (manager/constraint/constraint_test.go, manager/scheduler)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import placement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node, Service
from hypothesis import given
from hypothesis import strategies as st

NODE = Node(
    id="abc123",
    hostname="m1.example",
    role="manager",
    addr="192.0.2.11",
    labels={"zone": "a", "Disk": "SSD", "empty": ""},
    engine_labels={"gpu": "yes"},
    os="linux",
    arch="x86_64",
)


def service(*constraints: str, **others: object) -> Service:
    return Service(**{"id": "s1", "name": "web", "replicas": 1, "constraints": constraints, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("constraint", "runs"),
    [
        ("node.role == manager", True),
        ("node.role==MANAGER", True),
        ("node.role != manager", False),
        ("node.role == worker", False),
        ("NODE.ROLE == manager", True),
        ("node.id == abc123", True),
        ("node.id != abc123", False),
        ("node.id == abc", False),
        ("node.hostname == M1.Example", True),
        ("node.hostname == m1", False),
        ("node.platform.os == Linux", True),
        ("node.platform.os == windows", False),
        ("node.platform.arch == x86_64", True),
        ("node.platform.arch == amd64", False),  # only the platforms of an image know that these are one
        ("node.labels.zone == a", True),
        ("node.labels.zone == A", True),
        ("node.labels.zone != b", True),
        ("node.labels.Disk == ssd", True),
        ("node.labels.disk == ssd", False),  # names are case-sensitive
        ("node.labels.disk != ssd", True),  # a label that is not there is an empty text
        ("node.labels.none == a", False),
        ("node.labels.none != a", True),
        ("Node.Labels.zone == a", True),
        ("engine.labels.gpu == yes", True),
        ("engine.labels.gpu == no", False),
        ("engine.labels.none != yes", True),
        ("node.labels. == a", False),
        ("engine.labels. != a", False),
        ("node.shoe == a", False),
        ("node.shoe != a", False),  # an unknown key fits nothing, whatever the operator
        ("node.ip == 192.0.2.11", True),
        ("node.ip != 192.0.2.11", False),
        ("node.ip == 192.0.2.12", False),
        ("node.ip == ::ffff:192.0.2.11", True),
        ("node.ip == 192.0.2.0/24", True),
        ("node.ip != 192.0.2.0/24", False),
        ("node.ip == 192.0.2.99/24", True),  # host bits are ignored
        ("node.ip != 198.51.100.0/24", True),
        ("node.ip == 192.0.2", False),
        ("node.ip != 192.0.2", False),  # malformed: fits nothing
        ("node.ip == 192.0.2.0/33", False),
        ("node.ip != 192.0.2.0/33", False),
        # What cannot be read switches the filter off: the service runs anywhere.
        ("node.role", True),
        ("node.role = worker", True),
        ("n == worker", True),
        ("node.role == wor@ker", True),
        ("node.role != manager == worker", True),
        ("node.role ==", True),
    ],
)
def test_constraint(constraint: str, runs: bool) -> None:
    assert (placement.eligible(service(constraint), [NODE]) == [NODE]) is runs


def test_all_constraints_must_hold() -> None:
    assert placement.eligible(service("node.role == manager", "node.labels.zone == a"), [NODE]) == [NODE]
    assert placement.eligible(service("node.role == manager", "node.labels.zone == b"), [NODE]) == []


def test_one_unreadable_constraint_switches_all_off() -> None:
    assert placement.eligible(service("node.role == worker", "nonsense"), [NODE]) == [NODE]


def test_a_node_without_an_address_is_in_no_subnet() -> None:
    bare = Node(id="x", hostname="x")
    assert placement.eligible(service("node.ip == 192.0.2.0/24"), [bare]) == []
    assert placement.eligible(service("node.ip != 192.0.2.0/24"), [bare]) == [bare]


@pytest.mark.parametrize(
    ("platforms", "runs"),
    [
        ((), True),
        ((("linux", "amd64"),), True),
        ((("linux", "x86_64"),), True),
        ((("linux", "arm64"),), False),
        ((("linux", "aarch64"), ("linux", "amd64")), True),
        ((("windows", "amd64"),), False),
        ((("", "amd64"),), True),
        ((("linux", ""),), True),
    ],
)
def test_platform(platforms: tuple[tuple[str, str], ...], runs: bool) -> None:
    assert (placement.eligible(service(platforms=platforms), [NODE]) == [NODE]) is runs


@pytest.mark.parametrize(
    ("state", "availability", "runs"),
    [
        ("ready", "active", True),
        ("ready", "pause", False),
        ("ready", "drain", False),
        ("down", "active", False),
        ("unknown", "active", False),
        ("disconnected", "active", False),
    ],
)
def test_only_ready_and_active_nodes_take_tasks(state: str, availability: str, runs: bool) -> None:
    node = Node(id="x", hostname="x", state=state, availability=availability)
    assert (placement.eligible(service(), [node]) == [node]) is runs


@pytest.mark.parametrize(
    ("mode", "replicas", "wants"),
    [
        ("replicated", 1, True),
        ("replicated", 0, False),
        ("global", 0, True),
        ("replicated-job", 1, False),
        ("global-job", 0, False),
    ],
)
def test_only_what_is_meant_to_run_is_homeless(mode: str, replicas: int, wants: bool) -> None:
    one = service(mode=mode, replicas=replicas)
    assert placement.homeless([one], []) == ([one] if wants else [])


def test_draining_the_last_node_that_fits_makes_homeless() -> None:
    fits = service("node.labels.zone == a")
    never = service("node.labels.zone == nowhere", id="s2")
    anywhere = service(id="s3")
    worker = Node(id="w", hostname="w", labels={"zone": "b"})
    drained = Node(id=NODE.id, hostname=NODE.hostname, labels=NODE.labels, availability="drain")
    assert placement.made_homeless([fits, never, anywhere], [NODE, worker], [drained, worker]) == [fits]
    assert placement.made_homeless([fits], [drained, worker], [NODE, worker]) == []
    assert placement.kept_from(fits, [NODE, worker], [drained, worker]) == [drained]
    assert placement.kept_from(anywhere, [NODE, worker], [drained, worker]) == [drained]
    assert placement.kept_from(fits, [drained, worker], [drained, worker]) == [], "it could not run there before"
    demoted = replace(drained, labels={"zone": "b"})
    assert placement.kept_from(fits, [NODE, worker], [demoted, worker]) == [], "its label keeps it, too"


NODES = st.builds(
    Node,
    id=st.text("abc", min_size=1, max_size=2),
    hostname=st.just("h"),
    role=st.sampled_from(["manager", "worker"]),
    availability=st.sampled_from(["active", "drain", "pause"]),
    state=st.sampled_from(["ready", "down"]),
    addr=st.sampled_from(["", "192.0.2.1", "2001:db8::1"]),
)


@given(st.lists(st.text(max_size=30), max_size=3), st.lists(NODES, max_size=4))
def test_any_text_as_constraint_is_survived_and_nothing_unready_is_eligible(
    texts: list[str], nodes: list[Node]
) -> None:
    one = service(*texts)
    for node in placement.eligible(one, nodes):
        assert node.state == "ready"
        assert node.availability == "active"
    assert placement.made_homeless([one], nodes, nodes) == []


# -- room ------------------------------------------------------------------------------------------------------------

GIB = 1 << 30
WORKERS = [Node(f"w{n}", f"w{n}", cpu=2 * 10**9, memory=4 * GIB) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("asked", "three", "two"),
    [
        ({"replicas": 3, "max_replicas": 1}, 3, 2),
        ({"replicas": 2, "max_replicas": 1}, 2, 2),
        ({"replicas": 4, "max_replicas": 2}, 4, 4),
        ({"replicas": 3, "host_ports": ((80, "tcp"),)}, 3, 2),
        ({"replicas": 9}, 9, 9),
        ({"replicas": 3, "memory": 3 * GIB}, 3, 2),
        ({"replicas": 3, "memory": 2 * GIB}, 3, 3),
        ({"replicas": 9, "cpu": 10**9}, 6, 4),
    ],
)
def test_room_for_replicas(asked: dict[str, object], three: int, two: int) -> None:
    one = service(**asked)
    assert placement.placed([one], WORKERS) == {"s1": three}
    assert placement.placed([one], WORKERS[:2]) == {"s1": two}
    short = placement.made_short([one], WORKERS, WORKERS[:2])
    assert short == ([(one, three, two)] if two < three else [])


def test_services_take_room_from_each_other() -> None:
    first, second = service(replicas=2, memory=3 * GIB), service(id="s2", name="db", replicas=2, memory=2 * GIB)
    agent = service(id="s3", name="agent", mode="global", replicas=0, host_ports=((80, "tcp"),))
    web = service(id="s4", name="edge", replicas=1, host_ports=((80, "tcp"),))
    assert placement.placed([first, second, agent, web], WORKERS) == {"s1": 2, "s2": 2, "s4": 0}
    assert placement.placed([first, second], WORKERS[:2]) == {"s1": 2, "s2": 0}


def test_what_was_not_whole_before_is_not_blamed_on_the_change() -> None:
    one = service(replicas=5, max_replicas=1)
    assert placement.made_short([one], WORKERS, WORKERS) == []
    assert placement.made_short([one], WORKERS, [*WORKERS[:2], Node("new:w4", "w4")]) == []


def test_what_a_node_that_has_not_joined_has_is_not_known() -> None:
    assert placement.placed([service(replicas=7, memory=8 * GIB)], [Node("new:w4", "w4")]) == {"s1": 7}


@given(
    st.lists(st.builds(Service, id=st.sampled_from("abcd"), name=st.just("x"), replicas=st.integers(0, 5),
                       max_replicas=st.integers(0, 2), memory=st.integers(0, 3),
                       host_ports=st.sampled_from(((), ((80, "tcp"),)))), max_size=4, unique_by=lambda one: one.id),
    st.lists(st.integers(0, 6), max_size=4),
)
def test_no_node_is_given_more_than_it_has(services: list[Service], memory: list[int]) -> None:
    nodes = [Node(f"n{index}", f"n{index}", memory=size) for index, size in enumerate(memory)]
    found = placement.placed(services, nodes)
    for one in services:
        assert found[one.id] <= one.replicas if one.replicas else found.get(one.id, 0) == 0
        if one.max_replicas or one.host_ports:
            assert found.get(one.id, 0) <= len(nodes) * (1 if one.host_ports else one.max_replicas)
    if all(size for size in memory):
        assert sum(found.get(one.id, 0) * one.memory for one in services) <= sum(memory)
