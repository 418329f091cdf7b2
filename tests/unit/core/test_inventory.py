# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory contract: what is read, every refusal with its words, and the one variable that lets each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory
from ansible_collections.quorum.swarm.plugins.module_utils.core.coerce import BadValue
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import (
    ABSENT,
    ALLOWANCES,
    MANAGERS,
    WORKERS,
    WantedNode,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import LABEL_HOST, LABEL_MANAGED, Address
from hypothesis import given
from hypothesis import strategies as st

from .scene import Scene

ZONES = "abcabcabc"


def managers(zones: str) -> dict[str, str]:
    """As many managers as there are letters, each in that zone; ``-`` for none."""
    return {f"m{number}": f"manager {zone}".replace(" -", "") for number, zone in enumerate(zones, 1)}


def swarm(zones: str, *others: str) -> dict[str, str]:
    """The swarm of these managers, the first one leading; others as ``entry: words``."""
    found = {host: words + (" leader" if host == "m1" else "") for host, words in managers(zones).items()}
    return {**found, **dict(other.split(": ", 1) for other in others)}


W = {"w1": "worker"}
SW = "w1: worker"

REFUSALS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # name: the scene, the refusal, words of its message, the variable that relaxes it
    "four managers": (
        {"inventory": managers("abca") | W}, "even_managers",
        "4 managers are an even number: they tolerate 1, as many as 3 do, and a split in halves stops them "
        "(majority 3). Make it 3 or 5.", "swarm_allow_even_managers"),
    "six managers": (
        {"inventory": managers("abcabc") | W}, "even_managers", "6 managers are an even number: they tolerate 2",
        "swarm_allow_even_managers"),
    "two managers": (
        {"inventory": managers("ab") | W}, "two_managers",
        "Two managers: the loss of either loses the quorum (majority 2 of 2, tolerance 0), which is worse than one.",
        "swarm_allow_two_managers"),
    "one manager": (
        {"inventory": managers("a") | W}, "single_manager",
        "One manager: its loss loses the swarm (majority 1 of 1, tolerance 0).", "swarm_allow_single_manager"),
    "going down to one manager": (
        {"inventory": {"m1": "manager a", "m2": "worker", "m3": "absent"} | W, "swarm": swarm("abc", SW)},
        "single_manager", "One manager: its loss loses the swarm", "swarm_allow_single_manager"),
    "two zones": (
        {"inventory": managers("aabbb") | W}, "too_few_zones",
        "5 managers are in 2 zone(s) (a, b); 3 are wanted. Spread them 2-2-1.", "swarm_allow_too_few_zones"),
    "a deadly zone": (
        {"inventory": managers("aaabc") | W}, "deadly_zone",
        "Zone a holds 3 of 5 managers: its loss leaves 2, and a majority is 3. Spread them 2-2-1.",
        "swarm_allow_deadly_zone"),
    "a manager without a zone": (
        {"inventory": managers("abc-a") | W}, "manager_without_zone",
        "m4 is a manager without swarm_zone. Name its failure zone.", "swarm_allow_manager_without_zone"),
    "two hosts with one declared address": (
        {"inventory": managers("abc") | W, "vars": {"m1": {"swarm_advertise_addr": "192.0.2.11"},
                                                    "m2": {"swarm_advertise_addr": "192.0.2.11"}}},
        "duplicate_advertise_addr", "m1 and m2 share the advertise address 192.0.2.11.",
        "swarm_allow_duplicate_advertise_addr"),
    "two hosts with one found address": (
        {"inventory": managers("abc") | W, "vars": {"m2": {"ansible_host": "192.0.2.11"}},
         "hosts": {"m2": "addr=192.0.2.11"}},
        "duplicate_advertise_addr", "m1 and m2 share the advertise address 192.0.2.11.",
        "swarm_allow_duplicate_advertise_addr"),
    "an address that is not on the host": (
        {"inventory": managers("abc") | W, "vars": {"m2": {"swarm_advertise_addr": "198.51.100.2"}}},
        "address_not_on_host",
        "m2 is to advertise 198.51.100.2, which is not one of its addresses (it has: 192.0.2.12). Correct "
        "swarm_advertise_addr", "swarm_allow_address_not_on_host"),
    "a pool that the hosts are in": (
        {"inventory": managers("abc") | W, "shared": {"swarm_default_addr_pool": "192.0.0.0/16"}},
        "address_pool_overlap", "The pool 192.0.0.0/16 overlaps 192.0.2.0/24, the network of m1, m2, m3, w1",
        "swarm_allow_address_pool_overlap"),
    "hosts in the network of the ingress mesh": (
        {"inventory": managers("abc") | W, "vars": {"m2": {"ansible_host": "10.0.0.12"}},
         "hosts": {"m2": "addr=10.0.0.12"}},
        "address_pool_overlap", "The pool 10.0.0.0/24 overlaps 10.0.0.0/24, the network of m2 (the engine's own "
        "choice for the ingress mesh)", "swarm_allow_address_pool_overlap"),
    "a leased address": (
        {"inventory": managers("abc") | W, "hosts": {"m2": "leased"}}, "dynamic_address",
        "m2 would advertise 192.0.2.12, which is leased (DHCP) on eth0", "swarm_allow_dynamic_address"),
    "no manager": ({"inventory": W}, "no_manager", "The group swarm_managers is empty. List 3, 5 or 7 hosts there.",
                   "swarm_allow_no_manager"),
    "a host in two groups": (
        {"inventory": managers("abc") | {"w1": "worker absent"}}, "host_in_two_groups",
        "w1 is in swarm_workers and swarm_absent. List it in one of them.", "swarm_allow_host_in_two_groups"),
    "an old engine": (
        {"inventory": managers("abc") | W, "hosts": {"w1": "version=19.03.15"}}, "engine_too_old",
        "w1 runs Docker 19.03.15; 20.10 is the oldest that is supported. Upgrade its engine.",
        "swarm_allow_old_engine"),
    "an engine that cuts encrypted networks": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc"), "hosts": {"w1": "version=29.1.3"},
         "encrypted": ["secure"]},
        "encrypted_overlay_mix", "w1 runs Docker 29.1.3, the swarm 26.1.5, and between these the encrypted networks "
        "secure pass no traffic. Give it another engine than 28.2.2, 29.0.0 to 29.2.0.",
        "swarm_allow_mixed_encryption"),
    "an engine behind nftables": (
        {"inventory": managers("abc") | W, "hosts": {"w1": "firewall=nftables"}}, "firewall_nftables",
        "Docker on w1 uses firewall-backend nftables, and the engine refuses to be in a swarm with it.",
        "swarm_allow_nftables"),
    "an old engine with an IPv6 address": (
        {"inventory": managers("abc") | W, "vars": {"m2": {"swarm_advertise_addr": "FD00::0:12"}},
         "hosts": {"m2": "version=20.10.24 addr=fd00::12"}}, "ipv6_overlay",
        "m2 would send container traffic from fd00::12, and Docker 20.10.24 sends no overlay traffic over IPv6",
        "swarm_allow_ipv6_overlay"),
    "a very old engine": (
        {"inventory": managers("abc") | W, "hosts": {"w1": "version=1.13.1"}}, "engine_too_old",
        "w1 runs Docker 1.13.1", "swarm_allow_old_engine"),
    "a homeless service": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc", SW) | {"m3": "manager c active"},
         "services": [{"name": "web", "constraints": ["node.labels.zone == c"]}]},
        "homeless_service", "Service web would have no node left that may run it (constraints: node.labels.zone == c).",
        "swarm_allow_homeless_services"),
    "a limit for each node": (
        {"inventory": managers("abc") | {"w1": "worker", "w2": "absent"},
         "swarm": swarm("abc", "w1: worker", "w2: worker"),
         "services": [{"name": "db", "replicas": 2, "max_replicas": 1, "constraints": ["node.role == worker"]}]},
        "service_without_room", "Service db would have room for 1 of its 2 tasks, and has room for 2 now (at most 1 on "
        "a node, node.role == worker).", "swarm_allow_homeless_services"),
    "one hostname twice": (
        {"inventory": managers("abc") | W, "hosts": {"m1": "hostname=debian", "m2": "hostname=debian"}},
        "duplicate_hostname", "m1 and m2 call themselves debian: docker node commands could not tell them apart.",
        "swarm_allow_duplicate_hostnames"),
    "one engine ID twice": (
        {"inventory": managers("abc") | W, "hosts": {"m1": "engine=E1", "w1": "engine=E1"}},
        "cloned_hosts", "m1 and w1 have one engine ID (E1): they are clones of one machine. On all of them but one: "
        "stop Docker", "swarm_allow_cloned_hosts"),
    "one node ID twice": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc"), "hosts": {"w1": "node=id-m3"}},
        "cloned_hosts", "m3 and w1 have one node ID (id-m3)", "swarm_allow_cloned_hosts"),
    "live-restore": (
        {"inventory": managers("abc") | W, "hosts": {"m1": "live-restore"}}, "live_restore",
        "m1 has live-restore enabled, and swarm mode does not work with it.", "swarm_allow_live_restore"),
    "filtered ports": (
        {"inventory": managers("abc") | W, "hosts": {"w1": "blocked=192.0.2.11:2377/tcp"}}, "blocked_ports",
        "w1 cannot reach 192.0.2.11:2377/tcp: something filters it.", "swarm_allow_blocked_ports"),
    "an unlisted manager": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc", SW, "x1: manager b unnoted", "x2: manager a unnoted")},
        "unlisted_manager", "x1 (id-x1) is a manager that the inventory does not list, and a voter.",
        "swarm_allow_unlisted_managers"),
    "an unlisted manager makes the voters even": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc", SW, "x1: manager b unnoted")},
        "even_managers", "4 managers are an even number", "swarm_allow_even_managers"),
    "an address that drifted": (
        {"inventory": managers("abc") | W, "swarm": swarm("abc", SW), "hosts": {"m3": "addr=198.51.100.3"},
         "vars": {"m3": {"swarm_advertise_addr": "198.51.100.3"}}},
        "address_drift", "m3 is advertised at 192.0.2.13, and the inventory wants 198.51.100.3: a manager's raft "
        "address is fixed when it joins. To leave it there: swarm_advertise_addr: 192.0.2.13 for m3. To move it: "
        "ansible-playbook quorum.swarm.readdress -e swarm_node=m3",
        "swarm_allow_address_drift"),
    "a host that is to be taken out is silent": (
        {"inventory": managers("abc") | {"w1": "absent"}, "swarm": swarm("abc", SW), "hosts": {"w1": "silent"}},
        "absent_host_silent", "w1 is to be taken out and does not answer: it cannot leave by itself.", "swarm_force"),
}
ELSEWHERE = {
    "swarm_allow_ephemeral_controller",
    "swarm_allow_expelled", "swarm_allow_limit", "swarm_allow_older_engine", "swarm_allow_other_schedule",
    "swarm_allow_quorum_pause",
    "swarm_allow_restore_foreign", "swarm_allow_restore_new_workers", "swarm_allow_restore_running",
    "swarm_allow_unfinished_restore",
    "swarm_allow_unread_state",
}  # fmt: skip
"""Held by the guard of the playbooks, by the schedule of backups, by the engine role where it restarts Docker, by
restore, and by the memory of expel."""


def refusals(case: dict[str, Any], **shared: Any) -> list[Finding]:
    """All that is refused of a scene, before and after the hosts are asked."""
    scene = Scene({**case, "shared": {**case.get("shared", {}), **shared}})
    wanted = scene.wanted()
    examined = inventory.refused(inventory.examine(scene.groups, wanted), wanted.allowed)
    return examined or list(scene.decide(wanted)[1].refusals)


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    case, identifier, words, allow = REFUSALS[name]
    found = [item for item in refusals(case) if item.id == identifier]
    assert found, refusals(case)
    assert words in found[0].sentence()
    assert found[0].sentence().endswith(f"(-e {allow}=true overrides this.)")
    assert found[0].severity == "critical"


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("yes", ["true", "yes", True])
def test_one_variable_lets_it_pass(name: str, yes: object) -> None:
    case, identifier, _words, allow = REFUSALS[name]
    assert identifier not in {item.id for item in refusals(case, **{allow: yes})}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_false_variable_lets_nothing_pass(name: str) -> None:
    case, identifier, _words, _allow = REFUSALS[name]
    no = dict.fromkeys((*ALLOWANCES, "swarm_force"), "false")
    assert identifier in {item.id for item in refusals(case, **no)}


def test_every_allowance_relaxes_a_refusal() -> None:
    assert {allow for _case, _id, _words, allow in REFUSALS.values()} | ELSEWHERE == {*ALLOWANCES, "swarm_force"}


def test_a_development_setup_needs_one_variable() -> None:
    case = {"inventory": {"m1": "manager"}}
    assert [item.id for item in refusals(case)] == ["single_manager"]
    scene = Scene({**case, "shared": {"swarm_allow_single_manager": "true"}})
    _judgement, decision, _asked = scene.decide(scene.wanted())
    assert not decision.refusals
    assert not decision.unsettled
    assert decision.init is not None
    assert decision.init.availability == "active"


def test_a_host_that_is_taken_out_may_have_the_hostname_of_its_successor() -> None:
    case = {"inventory": managers("abc") | {"m9": "absent"}, "hosts": {"m9": "hostname=m3 engine=E", "m3": "engine=E"}}
    assert refusals(case) == []


@pytest.mark.parametrize("zones", ["abc", "aabbc", "abcabca", "abcabcabc"])
def test_the_guides_spreads_pass(zones: str) -> None:
    assert refusals({"inventory": managers(zones) | W}) == []


@given(st.text(alphabet="abc", min_size=3, max_size=9))
def test_a_spread_passes_if_every_zone_may_fail(placed: str) -> None:
    dies = any(2 * sum(other != zone for other in placed) <= len(placed) for zone in placed)
    ids = {item.id for item in inventory.count_voters(list(placed))}
    assert ("deadly_zone" in ids) is dies
    assert ("even_managers" in ids) is (len(placed) % 2 == 0)
    assert ("too_few_zones" in ids) is (len(set(placed)) < 3)


# -- reading --------------------------------------------------------------------------------------------------------


def read(groups: dict[str, Sequence[str]], hosts: dict[str, dict[str, Any]] | None = None, **shared: Any) -> Any:
    return inventory.read(groups, hosts or {}, shared)


def test_absent_counts_before_manager_and_worker() -> None:
    wanted = read({MANAGERS: ["a", "b"], WORKERS: ["b", "c", "d"], ABSENT: ["a", "d"]})
    assert [(node.host, node.role) for node in wanted.nodes] == [("b", "manager"), ("c", "worker")]
    assert wanted.absent == ("a", "d")


@pytest.mark.parametrize(
    ("workers", "own", "availability"),
    [(["w1"], {}, "drain"), ([], {}, "active"), (["w1"], {"swarm_availability": "active"}, "active"),
     ([], {"swarm_availability": "pause"}, "pause")],
)
def test_managers_are_drained_as_long_as_there_are_workers(
    workers: list[str], own: dict[str, str], availability: str
) -> None:
    wanted = read({MANAGERS: ["m1"], WORKERS: workers}, {"m1": own})
    assert [node.availability for node in wanted.nodes] == [availability] + ["active"] * len(workers)


def test_every_variable_of_a_host_is_read() -> None:
    own = {"swarm_zone": "a", "swarm_availability": "pause", "swarm_labels": {"disk": "ssd"},
           "swarm_advertise_addr": "192.0.2.1", "swarm_advertise_cidr": "192.0.2.0/24",
           "swarm_advertise_interface": "eth0", "swarm_listen_addr": "0.0.0.0:2378",
           "swarm_data_path_addr": "192.0.2.2", "ansible_host": "w1.example", "swarm_spare_manager": "yes"}
    node = read({WORKERS: ["w1"]}, {"w1": own}).nodes[0]
    assert node == WantedNode("w1", "worker", "a", "pause", {"disk": "ssd", "zone": "a"}, "192.0.2.1", "192.0.2.0/24",
                              "eth0", "w1.example", "0.0.0.0:2378", "192.0.2.2", True)
    assert read({WORKERS: ["w1"]}).nodes[0] == WantedNode("w1", "worker", ansible_host="w1")


def test_every_variable_of_the_swarm_is_read() -> None:
    wanted = read({}, swarm_default_addr_pool="10.1.0.0/16", swarm_subnet_size="26", swarm_data_path_port="4790",
                  swarm_id="s", swarm_controller_dir="/srv/s", swarm_cert_expiry="2160h",
                  swarm_dispatcher_heartbeat="9s", swarm_log_entries_for_slow_followers="500",
                  swarm_snapshot_interval="1", swarm_autolock="yes")
    assert (wanted.default_addr_pool, wanted.subnet_size, wanted.data_path_port) == (("10.1.0.0/16",), 26, 4790)
    assert (wanted.swarm_id, wanted.controller_dir) == ("s", "/srv/s")
    assert wanted.settings == {"autolock": True, "cert_expiry": "2160h", "dispatcher_heartbeat": "9s",
                               "log_entries_for_slow_followers": 500, "snapshot_interval": 1}


def test_labels_and_what_is_kept_of_them() -> None:
    node = read({WORKERS: ["w1"]}, {"w1": {"swarm_zone": "a", "swarm_labels": {"disk": "ssd", "n": 3}}}).nodes[0]
    assert node.labels == {"disk": "ssd", "n": "3", "zone": "a"}
    assert node.node_labels == {**node.labels, LABEL_HOST: "w1", LABEL_MANAGED: "disk,n,zone"}


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"swarm_availability": "drained"}, "w1: swarm_availability is 'drained'; it takes active, pause or drain."),
        ({"swarm_advertise_addr": "192.0.2.1:2377"}, "w1: swarm_advertise_addr is '192.0.2.1:2377'; it takes one IP"),
        ({"swarm_advertise_addr": "eth0"}, "w1: swarm_advertise_addr is 'eth0'"),
        ({"swarm_advertise_cidr": "192.0.2.0/33"}, "w1: swarm_advertise_cidr is '192.0.2.0/33'"),
        ({"swarm_labels": ["a"]}, "w1: swarm_labels is"),
        ({"swarm_zone": False}, "w1: swarm_zone is False; it takes a name. Write it in quotes."),
        ({"swarm_labels": {"a,b": "c"}}, "w1: swarm_labels has the name 'a,b'; a name is not empty and has no comma."),
        ({"swarm_labels": {"": "c"}}, "w1: swarm_labels has the name ''"),
        ({"swarm_labels": {"quorum.swarm/host": "w2"}}, "labels under quorum.swarm/ are the collection's own"),
    ],
)
def test_a_host_variable_that_cannot_be_read(own: dict[str, Any], says: str) -> None:
    with pytest.raises(BadValue) as caught:
        read({WORKERS: ["w1"]}, {"w1": own})
    assert says in str(caught.value)


def test_zone_zero_is_a_zone() -> None:
    node = read({MANAGERS: ["m1"]}, {"m1": {"swarm_zone": 0}}).nodes[0]
    assert (node.zone, node.labels) == ("0", {"zone": "0"})


def test_an_address_counts_in_any_spelling() -> None:
    own = {"swarm_advertise_addr": "FD00:18:0::12"}
    node = read({MANAGERS: ["m1"]}, {"m1": own}).nodes[0]
    has = [Address.of({"address": "fd00:18:0:0::12", "prefix": 64, "interface": "eth0"})]
    assert inventory.advertise(node, has) == ("fd00:18::12", [])
    assert inventory.advertise(read({MANAGERS: ["FD00:18:0::12"]}).nodes[0], has) == ("fd00:18::12", [])


FLOATING = [Address("192.0.2.12", 24, "eth0"), Address("192.0.2.200", 32, "eth0"), Address("fd00::12", 64, "eth0")]


@pytest.mark.parametrize(
    ("own", "raft", "expected"),
    [
        ({"swarm_advertise_cidr": "192.0.2.0/24"}, "192.0.2.12", "192.0.2.12"),
        ({"swarm_advertise_cidr": "192.0.2.0/24"}, "192.0.2.200", "192.0.2.200"),
        ({"swarm_advertise_cidr": "192.0.2.0/24"}, "", "ambiguous_address"),
        ({"swarm_advertise_cidr": "192.0.2.0/24"}, "198.51.100.9", "ambiguous_address"),
        ({"swarm_advertise_interface": "eth0"}, "fd00::12", "fd00::12"),
        ({"ansible_host": "192.0.2.12"}, "192.0.2.200", "192.0.2.200"),
        ({"ansible_host": "192.0.2.12"}, "198.51.100.9", "192.0.2.12"),
        ({"ansible_host": "m1.example.net"}, "192.0.2.12", "192.0.2.12"),
        ({"swarm_advertise_addr": "192.0.2.12"}, "192.0.2.200", "192.0.2.12"),
    ],
)
def test_what_is_left_open_is_what_the_raft_has(own: dict[str, Any], raft: str, expected: str) -> None:
    node = read({MANAGERS: ["m1"]}, {"m1": own}).nodes[0]
    addr, problems = inventory.advertise(node, FLOATING, raft)
    assert expected in (addr, *(item.id for item in problems))


def test_an_interface_with_both_families_gives_its_ipv4_address() -> None:
    node = read({MANAGERS: ["m1"]}, {"m1": {"swarm_advertise_interface": "eth0"}}).nodes[0]
    assert inventory.advertise(node, [FLOATING[2], FLOATING[0]]) == ("192.0.2.12", [])


def test_a_spare_is_a_worker_with_a_zone_and_a_static_address() -> None:
    with pytest.raises(BadValue, match="m1: swarm_spare_manager is true, and m1 is in swarm_managers"):
        read({MANAGERS: ["m1"]}, {"m1": {"swarm_spare_manager": True}})
    groups: dict[str, Sequence[str]] = {MANAGERS: ["m1"], WORKERS: ["w1"]}
    wanted = read(groups, {"w1": {"swarm_spare_manager": True}}, swarm_allow_single_manager=True)
    left = inventory.refused(inventory.examine(groups, wanted), wanted.allowed)
    assert [(item.id, item.host) for item in left] == [("manager_without_zone", "w1")]
    spare, leased = wanted.spares[0], [Address("192.0.2.9", 24, "eth0", True)]
    assert [item.id for item in inventory.advertise(spare, leased)[1]] == ["no_advertise_addr"]
    assert [item.id for item in inventory.advertise(replace(spare, advertise_addr="192.0.2.9"), leased)[1]] == [
        "dynamic_address"]  # fmt: skip


@pytest.mark.parametrize(
    ("shared", "says"),
    [
        ({"swarm_force": "perhaps"}, "swarm_force is 'perhaps'"),
        ({"swarm_allow_two_managers": "perhaps"}, "swarm_allow_two_managers is 'perhaps'"),
        ({"swarm_autolock": "perhaps"}, "swarm_autolock is 'perhaps'"),
        ({"swarm_subnet_size": "x"}, "swarm_subnet_size is 'x'"),
        ({"swarm_task_history_limit": "-1"}, "swarm_task_history_limit is -1; it takes at least 0"),
        ({"swarm_snapshot_interval": 0}, "swarm_snapshot_interval is 0; it takes at least 1"),
        ({"swarm_default_addr_pool": 10}, "swarm_default_addr_pool is 10"),
        ({"swarm_default_addr_pool": "10.55.0.0/33"}, "swarm_default_addr_pool has '10.55.0.0/33'; it takes IPv4"),
        ({"swarm_default_addr_pool": ["10.55.0.0/16", "fd00::/48"]}, "swarm_default_addr_pool has 'fd00::/48'"),
    ],
)
def test_a_shared_variable_that_cannot_be_read(shared: dict[str, Any], says: str) -> None:
    with pytest.raises(BadValue) as caught:
        read({}, **shared)
    assert says in str(caught.value)


def test_words_of_the_command_line_are_read_once() -> None:
    wanted = read({}, swarm_force="false", swarm_allow_two_managers="false", swarm_allow_even_managers="yes",
                  swarm_autolock="false", swarm_task_history_limit="0", swarm_keep_old_snapshots=0, swarm_id="x")
    assert not wanted.force
    assert wanted.allowed == {"swarm_allow_even_managers"}
    assert wanted.settings == {"autolock": False, "task_history_limit": 0, "keep_old_snapshots": 0}


@pytest.mark.parametrize(
    ("shared", "found"),
    [
        ({"swarm_autolock": True}, ["autolock_without_controller_dir"]),
        ({"swarm_autolock": True, "swarm_controller_dir": "keys"}, ["controller_dir_relative"]),
        ({"swarm_autolock": True, "swarm_controller_dir": "/srv/keys"}, []),
        ({"swarm_autolock": False}, []),
    ],
)
def test_autolock_needs_a_place_for_the_key(shared: dict[str, Any], found: list[str]) -> None:
    assert [item.id for item in refusals({"inventory": managers("abc") | W, "shared": shared})] == found


# -- addresses ------------------------------------------------------------------------------------------------------

HAS = (Address("192.0.2.11", 24, "eth0"), Address("198.51.100.11", 24, "eth1"), Address("198.51.100.12", 24, "eth1"),
       Address("203.0.113.5", 24, "eth2", dynamic=True), Address("2001:db8::5", 64, "eth0"),
       Address("fe80::1", 64, "eth3"))
MANAGER = WantedNode("m1", "manager", ansible_host="m1.example")


@pytest.mark.parametrize(
    ("changes", "addr", "problem"),
    [
        ({"advertise_addr": "192.0.2.11"}, "192.0.2.11", ""),
        ({"advertise_addr": "192.0.2.99"}, "192.0.2.99", "address_not_on_host"),
        ({"advertise_addr": "203.0.113.5"}, "203.0.113.5", "dynamic_address"),
        ({"advertise_cidr": "192.0.2.0/24"}, "192.0.2.11", ""),
        ({"advertise_cidr": "192.0.2.7/24"}, "192.0.2.11", ""),
        ({"advertise_cidr": "2001:db8::/32"}, "2001:db8::5", ""),
        ({"advertise_cidr": "198.51.100.0/24"}, "", "ambiguous_address"),
        ({"advertise_cidr": "198.51.100.0/24", "advertise_interface": "eth0"}, "", "ambiguous_address"),
        ({"advertise_cidr": "192.0.2.0/24", "advertise_interface": "eth0"}, "192.0.2.11", ""),
        ({"advertise_interface": "eth2"}, "203.0.113.5", "dynamic_address"),
        ({"advertise_interface": "eth3"}, "", "ambiguous_address"),  # a link-local address is none to advertise
        ({"ansible_host": "192.0.2.11"}, "192.0.2.11", ""),
        ({"ansible_host": "203.0.113.5"}, "203.0.113.5", "dynamic_address"),
        ({}, "", "no_advertise_addr"),
        # A worker's address is its own affair, unless one is set.
        ({"role": "worker"}, "", ""),
        ({"role": "worker", "advertise_addr": "203.0.113.5"}, "203.0.113.5", ""),
        ({"role": "worker", "advertise_addr": "192.0.2.99"}, "192.0.2.99", "address_not_on_host"),
    ],
)
def test_the_advertised_address(changes: dict[str, str], addr: str, problem: str) -> None:
    found, problems = inventory.advertise(replace(MANAGER, **changes), HAS)  # type: ignore[arg-type]
    assert (found, [item.id for item in problems]) == (addr, [problem] if problem else [])
    if problem in ("ambiguous_address", "no_advertise_addr", "address_not_on_host"):
        assert "192.0.2.11, 198.51.100.11, 198.51.100.12, 203.0.113.5 (leased)" in problems[0].sentence()
