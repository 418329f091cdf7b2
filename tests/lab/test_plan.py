# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a lab: addresses, zones, inventory, who hears whom. Touches nothing."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from . import plan

SUBNET = ipaddress.IPv4Network("198.18.7.0/24")
KEY, CONTROL = Path("/lab/key"), Path("/lab/cm")


def test_nodes_have_their_groups_zones_and_addresses() -> None:
    assert [(n.name, n.group, n.zone, n.addr) for n in plan.nodes(SUBNET, 4, 2, 1)] == [
        ("m1", "swarm_managers", "a", "198.18.7.11"),
        ("m2", "swarm_managers", "b", "198.18.7.12"),
        ("m3", "swarm_managers", "c", "198.18.7.13"),
        ("m4", "swarm_managers", "a", "198.18.7.14"),
        ("w1", "swarm_workers", "a", "198.18.7.31"),
        ("w2", "swarm_workers", "b", "198.18.7.32"),
        ("s1", "lab_spares", None, "198.18.7.51"),
    ]


@pytest.mark.parametrize("managers", [3, 5, 7, 9])
def test_no_zone_holds_so_many_managers_that_its_loss_costs_the_quorum(managers: int) -> None:
    zones = [node.zone for node in plan.nodes(SUBNET, managers, 0, 0)]
    assert managers - max(zones.count(zone) for zone in zones) >= managers // 2 + 1


def test_adding_nodes_moves_none() -> None:
    assert set(plan.nodes(SUBNET, 3, 1, 0)) < set(plan.nodes(SUBNET, 20, 20, 40))
    assert len({node.addr for node in plan.nodes(SUBNET, 20, 20, 40)}) == 80


@pytest.mark.parametrize("counts", [(21, 0, 0), (0, 21, 0), (0, 0, 41), (-1, 0, 0)])
def test_more_nodes_than_there_are_addresses_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a lab has room for"):
        plan.nodes(SUBNET, *counts)


def test_labs_have_subnets_of_their_own() -> None:
    used = [ipaddress.IPv4Network(text) for text in ("198.18.0.0/24", "172.17.0.0/16", "198.18.2.128/25")]
    assert str(plan.free_subnet(used)) == "198.18.1.0/24"
    assert str(plan.free_subnet([*used, plan.free_subnet(used)])) == "198.18.3.0/24"
    with pytest.raises(ValueError, match="no free /24"):
        plan.free_subnet([plan.POOL])


def test_inventory_text() -> None:
    text = plan.inventory("x", plan.nodes(SUBNET, 1, 0, 1), KEY, CONTROL)
    variables, _, groups = text.partition("  children:\n")
    assert '    ansible_ssh_private_key_file: "/lab/key"\n' in variables
    assert "-o ControlPersist=120s -o ControlPath=/lab/cm/%C" in variables
    assert groups == (
        "    swarm_managers:\n      hosts:\n        m1:\n          ansible_host: 198.18.7.11\n          swarm_zone: a\n"
        "    swarm_workers:\n      hosts: {}\n"
        "    lab_spares:\n      hosts:\n        s1:\n          ansible_host: 198.18.7.51\n"
    )


def test_ssh_config_names_the_nodes() -> None:
    text = plan.ssh_config(plan.nodes(SUBNET, 1, 0, 0), KEY, CONTROL)
    assert text.startswith("Host m1\n    HostName 198.18.7.11\n")
    assert "    IdentityFile /lab/key\n" in text


def test_who_does_not_hear_whom() -> None:
    splits = [(["m1", "m2"], ["m3"]), (["w1"], ["m1", "w1"])]
    assert plan.cut_peers(splits, "m1") == {"m3", "w1"}
    assert plan.cut_peers(splits, "m2") == {"m3"}
    assert plan.cut_peers(splits, "m3") == {"m1", "m2"}
    assert plan.cut_peers(splits, "w1") == {"m1"}
    assert plan.cut_peers(splits, "w2") == set()


@pytest.mark.parametrize(("name", "valid"), [("lab", True), ("a-1", True), ("-a", False), ("A", False), ("", False)])
def test_names_of_labs(name: str, valid: bool) -> None:
    assert plan.valid_name(name) is valid
