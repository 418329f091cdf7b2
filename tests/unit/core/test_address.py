# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses in all their spellings, and pools as networks."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import address
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node, address_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1:2377", "192.0.2.1:2377"),
        ("[FD00:18:0::12]:2377", "[fd00:18::12]:2377"),
        ("m1.example.net:2377", "m1.example.net:2377"),
        ("fd00:18::12", "fd00:18::12"),
        ("", ""),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_endpoint(text: str, expected: str) -> None:
    assert address.endpoint(text) == expected


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_spelling_is_one_endpoint(one: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    shown = {str(one), one.exploded, one.exploded.upper()}
    ends = {address.endpoint(f"[{text}]:{port}" if ":" in text else f"{text}:{port}") for text in shown}
    assert len(ends) == 1
    assert address_of(ends.pop()) == address.canonical(one.exploded.upper()) == str(one)


def test_facts_are_brought_into_one_spelling() -> None:
    node = Node.of({"id": "a", "hostname": "m1", "manager_addr": "[FD00::0:1]:2377", "addr": "FD00::0:1"})
    assert (node.manager_addr, node.addr) == ("[fd00::1]:2377", "fd00::1")
    own = Membership.of({"remote_managers": [["a", "[FD00::0:1]:2377"]], "joined_through": "[FD00::0:1]:2377"})
    assert own.remote_managers[0][1] == own.joined_through == node.manager_addr


# Each as Docker 26.1.5 answered `docker swarm init` with these options: refused, or not.
POOLS = {
    (("10.55.0.0/16",), 30): "no networks smaller than /29",
    (("10.55.0.0/16",), 29): "",
    (("10.55.3.4/16",), 0): "",
    (("10.55.0.0/25",), 0): "do not fit into the pool 10.55.0.0/25",
    (("10.55.0.0/16",), 8): "do not fit into the pool 10.55.0.0/16",
    ((), 0): "",
}


@pytest.mark.parametrize("case", POOLS)
def test_what_the_engine_refuses_of_a_pool(case: tuple[tuple[str, ...], int]) -> None:
    said = " ".join(address.pool_problems(*case))
    assert (POOLS[case] in said) if POOLS[case] else not said


@pytest.mark.parametrize("pools", [("10.55.0.0/16", "10.55.128.0/17"), ("10.0.0.0/8", "10.55.0.0/16")])
def test_pools_that_overlap_are_accepted_by_the_engine_and_not_here(pools: tuple[str, ...]) -> None:
    assert ["overlap" in said for said in address.pool_problems(pools, 0)] == [True]


def test_a_size_without_a_pool_is_said_because_the_engine_drops_it() -> None:
    assert len(address.pool_problems((), 26)) == 1


def test_hosts_in_a_pool_are_named_together() -> None:
    hosts = {"m1": [("10.5.0.1", 24)], "m2": [("10.5.0.2", 24), ("192.0.2.7", 32)], "m3": [("fd00::1", 64)]}
    assert address.hosts_in_pools(("10.5.0.0/16",), hosts) == [
        "The pool 10.5.0.0/16 overlaps 10.5.0.0/24, the network of m1, m2"]
    assert address.hosts_in_pools(("10.6.0.0/16",), hosts) == []
