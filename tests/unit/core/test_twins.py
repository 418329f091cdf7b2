# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two hosts with one identity is the member of the swarm, and which is the clone."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import twins
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Address,
    Engine,
    HostFacts,
    Membership,
    Node,
)

MANAGER = Node("n3", "m3", "manager", state="ready", manager_addr="192.0.2.13:2377", labels={"quorum.swarm/host": "m3"})
WORKER = Node("n3", "w1", "worker", state="ready", addr="192.0.2.13")


def host(name: str, *addresses: str, engine: str = "E", node: str = "n3", hostname: str = "m3") -> HostFacts:
    return HostFacts(
        name, hostname, engine=Engine(True, True, "26.1.5", engine),
        membership=Membership("active" if node else "inactive", node_id=node),
        addresses=tuple(Address(item, 24, "eth0", False) for item in addresses))  # fmt: skip


def test_hosts_of_their_own_are_no_twins() -> None:
    assert twins.find([host("m2", "192.0.2.12", engine="E2", node="n2"), host("m3", "192.0.2.13")], [MANAGER]) == []


@pytest.mark.parametrize("node", [MANAGER, WORKER])
def test_the_member_is_where_the_swarm_reaches_the_node(node: Node) -> None:
    found = twins.find([host("m3", "192.0.2.13"), host("w9", "192.0.2.19")], [node])
    assert {(one.kind, one.member) for one in found} == {("engine", "m3"), ("node", "m3")}
    assert found[0].fact.endswith("m3 is the member of the swarm.")
    assert found[0].remedy.startswith("On w9, and not on m3: stop Docker, move ")


def test_a_clone_that_is_in_no_swarm() -> None:
    (found,) = twins.find([host("m3", "192.0.2.13"), host("w9", "192.0.2.19", node="")], [MANAGER])
    assert (found.kind, found.member) == ("engine", "m3")


def test_before_there_is_a_swarm_one_of_them_may_stay() -> None:
    (found,) = twins.find([host("m3", "192.0.2.13", node=""), host("w9", "192.0.2.19", node="")], [])
    assert found.remedy.startswith("On all of them but one: stop Docker")


@pytest.mark.parametrize("nodes", [[], [Node("n3", "m3", "manager", manager_addr="192.0.2.99:2377")]])
def test_where_it_is_not_known_who_is_the_member_nobody_is_named(nodes: list[Node]) -> None:
    for found in twins.find([host("m3", "192.0.2.13"), host("w9", "192.0.2.19")], nodes):
        assert (found.member, found.belongs) == ("", True)
        assert found.remedy.startswith("Which of them is the member is not known here.")


def test_one_that_was_not_asked_is_the_member_by_the_swarms_word() -> None:
    (found,) = twins.find([host("w9", "192.0.2.19")], [MANAGER], {"n3": ["m3"]})
    assert (found.kind, found.hosts, found.member) == ("node", ("m3", "w9"), "m3")


def test_one_machine_under_two_names_loses_nothing() -> None:
    """A host that was given the address of a lost one answers for both."""
    both = ("192.0.2.12", "192.0.2.13")
    for found in twins.find([host("m2", *both), host("m3", *both)], [MANAGER]):
        assert found.same
        assert found.known_as == "m3"
        assert "one machine under 2 names of the inventory" in found.fact
        assert "aside" not in found.remedy
        assert found.remedy.endswith("The swarm knows it as m3.")
