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
    assert not datapath.broken(WELL)
    assert datapath.expected(WELL) == {"ingress": sorted(ADDRESS.values()), "net": [ADDRESS["w1"], ADDRESS["w2"]]}


HALVES = [path("m4", "m4 m5"), path("m5", "m4 m5"), path("w1", "w1 w2", "w1 w2"), path("w2", "w1 w2", "w1 w2")]


@pytest.mark.parametrize(
    ("changed", "deaf", "parts", "blocked"),
    [
        ({"w1": path("w1", ALL, "w1 w2", listens=False)}, ["w1"], [], {}),
        ({"w1": path("w1", "w1", "w1"), "m4": path("m4", "m4 m5 w2"), "m5": path("m5", "m4 m5 w2"),
          "w2": path("w2", "m4 m5 w2", "w2")}, [], [["m4", "m5", "w2"], ["w1"]], {}),
        ({"w1": path("w1", "m4 m5 w1", "w1"), "w2": path("w2", "m4 m5 w2", "w2")}, [], [],
         {"w1": ["w2"], "w2": ["w1"]}),
        ({"m4": path("m4", "m4 m5 w2")}, [], [], {"m4": ["w1"]}),
        ({item.host: item for item in HALVES}, [], [["m4", "m5"], ["w1", "w2"]], {}),
        # In ingress they find each other, in the other network they do not.
        ({"w1": path("w1", ALL, "w1")}, [], [], {"w1": ["w2"]}),
    ],
)  # fmt: skip
def test_what_is_broken(
    changed: dict[str, datapath.Path], deaf: list[str], parts: list[list[str]], blocked: dict[str, list[str]]
) -> None:
    found = datapath.broken([changed.get(item.host, item) for item in WELL])
    assert list(found.deaf) == deaf
    assert [list(part) for part in found.parts] == parts
    assert {host: list(missing) for host, missing in found.blocked.items()} == blocked
    assert bool(datapath.findings(found))


def test_one_alone_in_the_world_is_well() -> None:
    assert not datapath.broken([path("w1", "w1")])


@pytest.mark.parametrize(("managers", "restarted"), [(1, ["w1"]), (2, ["w1"]), (3, ["m4", "w1"])])
def test_a_manager_is_restarted_only_where_the_others_are_a_majority(managers: int, restarted: list[str]) -> None:
    names = ("m4", "m5", "w2")[:managers]
    paths = [path(name, ALL, listens=name not in ("m4", "w1"), manager=name in names) for name in HOSTS]
    assert sorted(datapath.to_restart(paths, datapath.broken(paths), False)) == restarted


@pytest.mark.parametrize(("workers", "restarted"), [(False, []), (True, ["w1", "w2"])])
def test_workers_that_lost_the_managers_are_an_operators_to_restart(workers: bool, restarted: list[str]) -> None:
    """A part with more managers is the one that others join; never is a manager restarted for that."""
    found = datapath.broken(HALVES)
    assert sorted(datapath.to_restart(HALVES, found, workers)) == restarted
    (item,) = datapath.findings(found)
    assert (item.id, item.severity) == ("data_path_split", "warning")
    assert "(m4, m5 | w1, w2)" in item.fact
    assert "-e swarm_recover_restart_workers=true" in item.remedy
    assert "a restart did not help" in datapath.findings(found, ["w1"])[0].remedy


def test_what_is_told() -> None:
    found = datapath.broken([path("w1", ALL, listens=False), path("w2", ALL)])
    (item,) = datapath.findings(found)
    assert (item.id, item.severity, item.host) == ("data_path_closed", "critical", "w1")
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
def test_every_host_is_in_one_part(known: list[set[str]]) -> None:
    """Who finds a host, or is found by it, is in its part; who knows all is blocked from nobody."""
    paths = [path(name, " ".join({name, *others})) for name, others in zip(HOSTS, known, strict=True)]
    found = datapath.broken(paths)
    parts = [set(part) for part in found.parts] or [set(HOSTS)]
    assert sorted(host for part in parts for host in part) == sorted(HOSTS)
    for one in paths:
        seen = {name for name in HOSTS if ADDRESS[name] in one.networks["ingress"]}
        assert any(seen <= part for part in parts)
        assert seen != set(HOSTS) or one.host not in found.blocked
