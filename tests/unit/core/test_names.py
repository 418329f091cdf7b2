# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Ansible takes apart, held against Ansible's own inventory; and names that look misspelt."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.quorum.swarm.plugins.module_utils.core import names
from hypothesis import example, given
from hypothesis import strategies as st

OTHERS = ("m1", "m2", "web")


def resolved(name: str) -> list[str]:
    """The hosts that `hosts: [name]` runs on, where the inventory has this host and others."""
    inventory = InventoryManager(loader=DataLoader(), sources=None)
    inventory.add_group("swarm_managers")
    for host in (*OTHERS, name):
        inventory.add_host(host, "swarm_managers")
    return [host.name for host in inventory.get_hosts([name])]


@given(st.text("mw12,: ![]*?~&@.-_fd%\t", min_size=1, max_size=6))
@example("fd00::3")
@example("m1,m2")
@example("m1:!m2")
@example("m1 m2")
@example("~web")
@example("m[1:2]")
@example("swarm_managers")
@example("all")
def test_a_name_without_a_problem_is_itself(name: str) -> None:
    if not names.problem(name, ("swarm_managers",)):
        assert resolved(name) == [name]


@pytest.mark.parametrize("name", ["m1", "web-7.example.net", "198.18.0.1", "fd00::3", "FD00:18:0::12", "m_1"])
def test_a_usual_name_has_no_problem(name: str) -> None:
    assert names.problem(name, ("swarm_managers",)) == ""
    assert resolved(name) == [name]


@pytest.mark.parametrize(
    ("name", "says"),
    [("m1,m2", "a comma or a space"), ("m1 m2", "a comma or a space"), ("m*", "a pattern"), ("!m1", "a pattern"),
     ("~m", "a pattern"), ("m[1]", "a pattern"), ("m1:m2", "a colon"), ("swarm_managers", "name of a group"),
     ("all", "name of a group"), ("", "a comma or a space")],
)  # fmt: skip
def test_a_name_that_is_taken_apart(name: str, says: str) -> None:
    assert says in names.problem(name, ("swarm_managers",))


KNOWN = ("swarm_zone", "swarm_id", "swarm_recover_lost", "swarm_restore_lost", "swarm_allow_limit")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("swarm_zome", "swarm_zone"),
        ("swarm_zne", "swarm_zone"),
        ("swarm_ozne", "swarm_zone"),
        ("swarm_recover_lsot", "swarm_recover_lost"),
        ("swarm_recover_losts", "swarm_recover_lost"),
        ("swarm_alow_limits", "swarm_allow_limit"),
        ("swarm_zone", ""),
        ("swarm_rack", ""),
        ("swarm_mine", ""),
    ],
)
def test_the_nearest_name(name: str, near: str) -> None:
    assert names.nearest(name, KNOWN) == near


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_a_distance_is_symmetric(one: str, other: str) -> None:
    assert names._distance(one, other, 2) == names._distance(other, one, 2)
    assert (names._distance(one, other, 2) == 0) == (one == other)
