# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Oddities by name: which nodes get which, what is refused, and what scripts and the inventory make of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from . import odd, plan
from .console import LabError
from .lab import Lab

ADDR = "198.18.7.12"
NODES = ("m1", "m2", "w1")
TABLE = Path(__file__).with_name("README.md")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], {"m1": (), "m2": (), "w1": ()}),
        (["no-client"], dict.fromkeys(NODES, ("no-client",))),
        (["m2=no-client,user"], {"m1": (), "m2": ("no-client", "user"), "w1": ()}),
        (["user", "m2=no-client"], {"m1": ("user",), "m2": ("no-client", "user"), "w1": ("user",)}),
        (["user,no-client"], dict.fromkeys(NODES, ("no-client", "user"))),
        (["w1="], {"m1": (), "m2": (), "w1": ()}),
    ],
)
def test_words_of_the_command_line(words: list[str], found: dict[str, tuple[str, ...]]) -> None:
    assert odd.parse(words, NODES) == found


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["green"], "there is no oddity green: choose from data-root-env, "),
        (["m9=user"], "there is no node m9: there are m1, m2, w1"),
        (["user", "m1=sudo"], "a node cannot be both user and sudo: each makes the user"),
        (["other-python,bare-python"], "a node cannot be both .*: each makes /opt/python"),
        (["no-socket", "masked-socket"], "a node cannot be both no-socket and masked-socket: each makes Docker's unit"),
    ],
)
def test_what_cannot_be(words: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        odd.parse(words, NODES)


@pytest.mark.parametrize("name", odd.ODDITIES)
def test_scripts_are_shell(name: str) -> None:
    for script in (odd.made_script([name], ADDR), odd.boot_script([name], ADDR)):
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        assert script == "" or script.startswith("set -e\nADDR=198.18.7.12\nNET=198.18.7\nB=18\nC=7\nD=12\n")


@pytest.mark.parametrize("name", odd.ODDITIES)
def test_each_does_something_and_is_documented(name: str) -> None:
    one = odd.ODDITIES[name]
    assert one.made or one.boot or one.variables
    assert f"| `{name}` | {one.text} |\n" in TABLE.read_text()


def test_the_inventory_says_how_to_reach_an_odd_node() -> None:
    node = plan.NodePlan("m2", plan.MANAGERS, "b", ADDR, ("sudo-password", "ipv6"))
    text = plan.inventory("x", [node], Path("/lab/key"), Path("/lab/cm"))
    assert (
        "          ansible_host: 198.18.7.12\n          swarm_zone: b\n"
        '          ansible_user: "ops"\n          ansible_become_password: "sudo-of-the-lab"\n'
        '          swarm_advertise_addr: "fd00:18:7::12"\n'
    ) in text


def test_a_user_without_root_is_said_as_a_boolean() -> None:
    assert json.loads(json.dumps(odd.variables(["user"], ADDR)))["ansible_become"] is False


def test_packages_that_the_image_lacks() -> None:
    assert odd.packages(["sudo", "no-client"]) == ("sudo",)
    assert odd.packages(["no-client"]) == ()


def test_a_folder_without_an_engine_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is no folder with an engine: it has no file dockerd"):
        Lab.up("none", engine=tmp_path)
