# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with an engine and no swarm: what is refused there, and what check mode shows. Nothing may change any host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import Look, assert_unchanged, look

MANAGERS = ["m1", "m2", "m3"]
ALL = {"managers": MANAGERS, "workers": ["w1"]}


@pytest.fixture(scope="module")
def before(lab: Lab) -> Look:
    """What the hosts were like before anything was refused."""
    return look(lab)


@dataclass(frozen=True)
class Wrong:
    """An inventory, or a command, that is refused before any host is asked."""

    inventory: dict[str, Any]
    says: tuple[str, ...]
    """What the message has in it: who, the fact, the remedy."""
    allow: str = ""
    """The variable that lets it pass; empty: none does."""
    arguments: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)


def at(**zones: str) -> dict[str, dict[str, str]]:
    return {name: {"swarm_zone": zone} for name, zone in zones.items()}


WRONG = {
    "a limit": Wrong(ALL, ("--limit m1 is given", "Leave --limit out"), "swarm_allow_limit", ("--limit", "m1")),
    "no manager": Wrong({"workers": ["w1"]}, ("swarm_managers is empty", "List 3, 5 or 7"), "swarm_allow_no_manager"),
    "one manager": Wrong({"managers": ["m1"]}, ("One manager", "majority 1 of 1"), "swarm_allow_single_manager"),
    "two managers": Wrong(
        {"managers": ["m1", "m2"]}, ("Two managers", "majority 2 of 2", "tolerance 0"), "swarm_allow_two_managers"
    ),
    "four managers": Wrong(
        {"managers": ["m1", "m2", "m3", "m4"]},
        ("4 managers", "majority 3", "Make it 3 or 5"),
        "swarm_allow_even_managers",
    ),
    "one zone": Wrong(
        {**ALL, "hosts": at(m1="a", m2="a", m3="a")},
        ("3 managers are in 1 zone", "Zone a holds 3 of 3", "Spread them 1-1-1"),
        "swarm_allow_too_few_zones",
    ),
    "a zone whose loss is deadly": Wrong(
        {"managers": [*MANAGERS, "m4", "m5"], "hosts": at(m1="a", m2="b", m3="c", m4="a", m5="a")},
        ("Zone a holds 3 of 5 managers", "its loss leaves 2, and a majority is 3", "2-2-1"),
        "swarm_allow_deadly_zone",
    ),
    "no zone": Wrong(
        {**ALL, "without": ["swarm_zone"]},
        ("m1 is a manager without swarm_zone", "Name its failure zone"),
        "swarm_allow_manager_without_zone",
    ),
    "two groups": Wrong(
        {"managers": MANAGERS, "workers": ["m1"]},
        ("m1 is in swarm_managers and swarm_workers", "one of them"),
        "swarm_allow_host_in_two_groups",
    ),
    "one address for two": Wrong(
        {**ALL, "hosts": {"m1": {"swarm_advertise_addr": "198.18.0.1"}, "m2": {"swarm_advertise_addr": "198.18.0.1"}}},
        ("m1 and m2 share the advertise address 198.18.0.1", "Give each its own"),
        "swarm_allow_duplicate_advertise_addr",
    ),
    "autolock and nowhere to keep the key": Wrong(
        ALL, ("swarm_autolock", "swarm_controller_dir is not set"), variables={"swarm_autolock": True}
    ),
    "a folder for the key that is not absolute": Wrong(
        ALL, ("'keys'", "not absolute"), variables={"swarm_autolock": True, "swarm_controller_dir": "keys"}
    ),
    "a folder for the key that cannot be written": Wrong(
        ALL,
        ("/proc/keys-of-swarm", "cannot be written"),
        variables={"swarm_autolock": True, "swarm_controller_dir": "/proc/keys-of-swarm"},
    ),
    "an address with a port": Wrong(
        {**ALL, "hosts": {"m1": {"swarm_advertise_addr": "192.0.2.1:2377"}}},
        ("m1: swarm_advertise_addr", "one IP address"),
    ),
    "a network that is none": Wrong(
        {**ALL, "hosts": {"m1": {"swarm_advertise_cidr": "192.0.2.0/99"}}}, ("m1: swarm_advertise_cidr", "192.0.2.0/24")
    ),
    "an availability that is none": Wrong(
        {**ALL, "hosts": {"w1": {"swarm_availability": "maybe"}}}, ("w1: swarm_availability", "active, pause or drain")
    ),
    "a label of the collection's own": Wrong(
        {**ALL, "hosts": {"w1": {"swarm_labels": {"quorum.swarm/host": "x"}}}}, ("w1: swarm_labels", "collection's own")
    ),
    "an allowance that does not exist": Wrong(
        ALL,
        ("swarm_allow_everything: no such variable", "swarm_allow_single_manager"),
        variables={"swarm_allow_everything": 1},
    ),
    "one value that the hosts disagree about": Wrong(
        {**ALL, "hosts": {"m1": {"swarm_autolock": True}}},
        ("swarm_autolock is one value for the whole swarm", "m1", "m2"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.usefixtures("before")
def test_a_wrong_inventory_is_refused(name: str, operator: Operator, inventories: Inventories) -> None:
    wrong = WRONG[name]
    run = operator.run("provision", inventories.write(**wrong.inventory), *wrong.arguments, **wrong.variables)
    assert not run.ok, run.report
    for words in wrong.says:
        assert words in run.failures, run.report
    assert (f"-e {wrong.allow}=true" in run.failures) if wrong.allow else ("-e swarm_allow" not in run.failures), (
        run.report
    )
    assert not run.changed
    assert "PLAY [Observe]" not in run.output, "hosts were asked"


def test_nothing_of_this_changed_any_host(lab: Lab, before: Look) -> None:
    assert_unchanged(lab, before)


def test_what_is_allowed_by_name_is_not_refused(
    lab: Lab, operator: Operator, inventories: Inventories, before: Look
) -> None:
    wanted = inventories.write(["m1", "m2"], ["w1"], without=["swarm_zone"])
    variables = {"swarm_allow_two_managers": "yes", "swarm_allow_manager_without_zone": True}
    run = operator.provision(wanted, "--check", **variables)
    assert run.planned("join") == ["m2", "w1"]
    assert_unchanged(lab, before)


def test_check_mode_shows_the_whole_plan_and_changes_nothing(lab: Lab, operator: Operator, before: Look) -> None:
    run = operator.provision(lab.inventory, "--check", "--diff")
    managers, workers = [node.name for node in lab.managers], [node.name for node in lab.workers]
    assert run.planned("engine") == []
    assert run.planned("init") == managers[:1]
    assert run.planned("join") == [*managers[1:], *workers]
    assert run.planned("promote") == managers[1:]
    assert run.planned("update") == [*managers, *workers]
    assert set(run.changed) == {*managers, *workers}
    assert f"+init: makes the swarm, advertised at {lab.node('m1').addr}" in run.output
    assert_unchanged(lab, before)


@contextmanager
def leased(lab: Lab) -> Iterator[dict[str, Any]]:
    """The address of m2 looks like a DHCP lease."""
    lab.node("m2").lease()
    try:
        yield {}
    finally:
        lab.node("m2").run(
            f"ip address change {lab.node('m2').addr}/24 dev eth0 valid_lft forever preferred_lft forever"
        )


@contextmanager
def deaf(lab: Lab) -> Iterator[dict[str, Any]]:
    """A firewall on m1 keeps the others from its port."""
    rule = "INPUT --protocol tcp --dport 2377 --jump DROP"
    lab.node("m1").run(f"iptables -w -I {rule}")
    try:
        yield {}
    finally:
        lab.node("m1").run(f"iptables -w -D {rule}")


@contextmanager
def same_hostname(lab: Lab) -> Iterator[dict[str, Any]]:
    """Two hosts call themselves m1."""
    lab.node("m2").run("hostname m1")
    try:
        yield {}
    finally:
        lab.node("m2").run("hostname m2")


@contextmanager
def with_live_restore(lab: Lab) -> Iterator[dict[str, Any]]:
    """m2's engine has live-restore enabled."""
    lab.node("m2").run(
        "mkdir -p /etc/docker && echo '{\"live-restore\": true}' > /etc/docker/daemon.json && systemctl restart docker"
    )
    try:
        yield {}
    finally:
        lab.reset(["m2"])


@contextmanager
def no_ssh(lab: Lab, name: str) -> Iterator[dict[str, Any]]:
    """A host does not let anybody in."""
    lab.node(name).run("systemctl stop ssh.socket ssh.service; pkill -KILL sshd", check=False)
    try:
        yield {}
    finally:
        lab.node(name).run("systemctl start ssh.service")


@contextmanager
def no_engine(lab: Lab) -> Iterator[dict[str, Any]]:
    """m3's engine is stopped: nobody knows what it is a member of."""
    lab.node("m3").run("systemctl stop docker.socket docker.service")
    try:
        yield {}
    finally:
        lab.node("m3").run("systemctl start docker.socket docker.service")


@contextmanager
def other_swarm(lab: Lab) -> Iterator[dict[str, Any]]:
    """A worker of the inventory is a manager of a swarm of its own."""
    lab.node("w1").run(f"docker swarm init --advertise-addr {lab.node('w1').addr}")
    try:
        yield {}
    finally:
        lab.reset(["w1"])


@contextmanager
def listed_twice(lab: Lab) -> Iterator[dict[str, Any]]:
    """One machine has two names in the inventory."""
    yield {"workers": ["w1", "twin"], "hosts": {"twin": {"ansible_host": lab.node("w1").addr}}}


@contextmanager
def not_on_host(lab: Lab) -> Iterator[dict[str, Any]]:
    """m2 is to advertise an address that it does not have."""
    yield {"hosts": {"m2": {"swarm_advertise_addr": "192.0.2.2"}}}


@contextmanager
def named(lab: Lab) -> Iterator[dict[str, Any]]:
    """m2 is reached by a name, and nothing says which of its addresses to advertise."""
    yield {"hosts": {"m2": {"ansible_host": "m2", "ansible_ssh_common_args": f"-F {lab.ssh_config}"}}}


@contextmanager
def elsewhere(lab: Lab) -> Iterator[dict[str, Any]]:
    """No address of any manager is in the network that the inventory names."""
    yield {"swarm_advertise_cidr": "192.0.2.0/24"}


@pytest.mark.parametrize(
    ("arrange", "says", "allow"),
    [
        (leased, ("m2 would advertise", "leased (DHCP) on eth0", "Make it static"), "swarm_allow_dynamic_address"),
        (deaf, ("cannot reach", ":2377/tcp", "Open 2377/tcp"), "swarm_allow_blocked_ports"),
        (same_hostname, ("m1 and m2 call themselves m1", "its own hostname"), "swarm_allow_duplicate_hostnames"),
        (with_live_restore, ("m2 has live-restore enabled", "daemon.json"), "swarm_allow_live_restore"),
        (lambda lab: no_ssh(lab, "m3"), ("m3 cannot be reached", "may be a member"), ""),
        (lambda lab: no_ssh(lab, "w1"), ("w1 does not answer",), ""),
        (no_engine, ("Docker does not answer on m3", "may be a member"), ""),
        (other_swarm, ("w1 is a member of swarm", "none is made anew", "correct the inventory"), ""),
        (listed_twice, ("twin and w1 are one machine under 2 names",), "swarm_allow_cloned_hosts"),
        (not_on_host, ("m2 is to advertise 192.0.2.2", "it has: "), "swarm_allow_address_not_on_host"),
        (named, ("m2 has no swarm_advertise_addr", "Set swarm_advertise_addr"), ""),
        (elsewhere, ("m1 has 0 addresses for swarm_advertise_cidr 192.0.2.0/24", "Set swarm_advertise_addr"), ""),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("<>") or None,
)
def test_hosts_that_give_reason_to_refuse(
    arrange: Callable[..., Any],
    says: tuple[str, ...],
    allow: str,
    lab: Lab,
    operator: Operator,
    inventories: Inventories,
) -> None:
    with arrange(lab) as different:
        wanted: Path = inventories.write(**{**ALL, **different})
        before = look(lab)
        run = operator.run("provision", wanted)
        assert not run.ok, run.report
        for words in says:
            assert words in run.failures, run.report
        if allow:
            assert f"-e {allow}=true" in run.failures, run.report
        assert not run.changed
        assert_unchanged(lab, before)
