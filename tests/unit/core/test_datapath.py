# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nodes find each other's containers, from what each of them knows. On engines: molecule/recover."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import datapath
from hypothesis import given
from hypothesis import strategies as st

HOSTS = ("m4", "m5", "w1", "w2")
ADDRESS = {name: f"198.51.100.{number}" for number, name in enumerate(HOSTS, 1)}
MANAGERS = ("m4", "m5")


def path(host: str, ingress: str, net: str = "", listens: bool = True, manager: bool | None = None) -> datapath.Path:
    """What a host says: the hosts that it knows in `ingress`, and in `net`."""
    networks = {"ingress": frozenset(ADDRESS[name] for name in ingress.split())}
    if net:
        networks["net"] = frozenset(ADDRESS[name] for name in net.split())
    return datapath.Path(host, ADDRESS[host], listens, networks, host in MANAGERS if manager is None else manager)


ALL = "m4 m5 w1 w2"
WELL = [path("m4", ALL), path("m5", ALL), path("w1", ALL, "w1 w2"), path("w2", ALL, "w1 w2")]


def test_all_is_well() -> None:
    assert datapath.broken(WELL) == []
    assert datapath.expected(WELL) == {"ingress": sorted(ADDRESS.values()), "net": [ADDRESS["w1"], ADDRESS["w2"]]}


@pytest.mark.parametrize(
    ("changed", "facts", "alone"),
    [
        ({"w1": path("w1", ALL, "w1 w2", listens=False)}, ["w1 does not listen on 7946/tcp"], ["w1"]),
        # It hears nobody, and the others have lost it: it is the one.
        ({"w1": path("w1", "w1", "w1"), "m4": path("m4", "m4 m5 w2"), "m5": path("m5", "m4 m5 w2"),
          "w2": path("w2", "m4 m5 w2", "w2")}, ["w1 does not find m4, m5, w2 in ingress, net"], ["w1"]),
        # One pair does not hear each other: something between them, and no engine's fault.
        ({"w1": path("w1", "m4 m5 w1", "w1"), "w2": path("w2", "m4 m5 w2", "w2")},
         ["w1 does not find w2 in ingress, net", "w2 does not find w1 in ingress, net"], []),
        ({"m4": path("m4", "m4 m5 w2")}, ["m4 does not find w1 in ingress"], []),
        # Two halves.
        ({"m4": path("m4", "m4 m5"), "m5": path("m5", "m4 m5"), "w1": path("w1", "w1 w2", "w1 w2"),
          "w2": path("w2", "w1 w2", "w1 w2")},
         ["m4 does not find w1, w2 in ingress", "m5 does not find w1, w2 in ingress",
          "w1 does not find m4, m5 in ingress", "w2 does not find m4, m5 in ingress"], []),
    ],
)  # fmt: skip
def test_who_is_broken(changed: dict[str, datapath.Path], facts: list[str], alone: list[str]) -> None:
    found = datapath.broken([changed.get(item.host, item) for item in WELL])
    assert [item.fact.partition(":")[0].partition(", by which")[0] for item in found] == facts
    assert [item.host for item in found if item.alone] == alone


def test_the_only_two_are_both_alone() -> None:
    found = datapath.broken([path("w1", "w1"), path("w2", "w2")])
    assert [(item.host, item.alone) for item in found] == [("w1", True), ("w2", True)]


def test_one_alone_in_the_world_is_well() -> None:
    assert datapath.broken([path("w1", "w1")]) == []


@pytest.mark.parametrize(("managers", "restarted"), [(1, ["w1"]), (2, ["w1"]), (3, ["m4", "w1"])])
def test_a_manager_is_restarted_only_where_the_others_are_a_majority(managers: int, restarted: list[str]) -> None:
    names = ("m4", "m5", "w2")[:managers]
    paths = [path(name, ALL, listens=name not in ("m4", "w1"), manager=name in names) for name in HOSTS]
    assert sorted(datapath.to_restart(paths, datapath.broken(paths))) == restarted


def test_what_is_told() -> None:
    found = datapath.broken([path("w1", ALL, listens=False), path("w2", ALL)])
    (item,) = datapath.findings(found)
    assert (item.id, item.severity, item.host) == ("data_path", "critical", "w1")
    assert "systemctl restart docker" in item.remedy
    assert "a restart did not help" in datapath.findings(found, ["w1"])[0].remedy


@pytest.mark.parametrize("result", [{}, {"failed": True}, {"unreachable": True, "address": "x"}, {"skipped": True},
                                    {"address": "", "networks": {}}])  # fmt: skip
def test_who_cannot_be_asked_is_left_out(result: dict[str, Any]) -> None:
    assert datapath.Path.of("w1", result) is None


def test_what_a_host_returned() -> None:
    result = {"address": "a", "manager": True, "listens": True, "networks": {"net": ["a", "b"]}}
    assert datapath.Path.of("w1", result) == datapath.Path("w1", "a", True, {"net": frozenset("ab")}, True)


@given(st.lists(st.sets(st.sampled_from(HOSTS)), min_size=4, max_size=4))
def test_who_knows_all_is_never_broken(known: list[set[str]]) -> None:
    paths = [path(name, " ".join({name, *others})) for name, others in zip(HOSTS, known, strict=True)]
    whole = {item.host for item in paths if len(item.networks["ingress"]) == len(HOSTS)}
    assert not whole & {item.host for item in datapath.broken(paths)}
