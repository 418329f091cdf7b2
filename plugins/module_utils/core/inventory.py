# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory contract: from groups and host variables to what is wanted, and what is refused.

Pure. A refusal is a finding that carries the variable which lets it pass; the caller only has to ask ``refused``.
The rules count the voters that would result, nodes that the inventory does not list included.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import address, coerce, names, quorum, settings, zones
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    LABEL_MANAGED,
    LABEL_PREFIX,
    LABEL_ZONE,
    Address,
    Node,
)

MANAGERS, WORKERS, ABSENT = "swarm_managers", "swarm_workers", "swarm_absent"
GROUPS = (MANAGERS, WORKERS, ABSENT)
BACKUP_MAX_AGE = 7 * 86400
"""Seconds: nightly backups may have failed for some days, a weekly one is on time."""
DRILL_MAX_AGE = 30 * 86400

SETTINGS = {
    "swarm_autolock": "autolock",
    "swarm_cert_expiry": "cert_expiry",
    "swarm_task_history_limit": "task_history_limit",
    "swarm_snapshot_interval": "snapshot_interval",
    "swarm_keep_old_snapshots": "keep_old_snapshots",
    "swarm_log_entries_for_slow_followers": "log_entries_for_slow_followers",
    "swarm_dispatcher_heartbeat": "dispatcher_heartbeat",
}
"""Inventory variables that are settings of the swarm itself, and their names in ``swarm_settings``."""

ALLOWANCES = (
    "swarm_allow_address_drift",
    "swarm_allow_address_not_on_host",
    "swarm_allow_address_pool_overlap",
    "swarm_allow_blocked_ports",
    "swarm_allow_cloned_hosts",
    "swarm_allow_deadly_zone",
    "swarm_allow_duplicate_advertise_addr",
    "swarm_allow_duplicate_hostnames",
    "swarm_allow_dynamic_address",
    "swarm_allow_ephemeral_controller",
    "swarm_allow_even_managers",
    "swarm_allow_expelled",
    "swarm_allow_homeless_services",
    "swarm_allow_host_in_two_groups",
    "swarm_allow_ipv6_overlay",
    "swarm_allow_limit",
    "swarm_allow_live_restore",
    "swarm_allow_manager_without_zone",
    "swarm_allow_mixed_encryption",
    "swarm_allow_nftables",
    "swarm_allow_no_manager",
    "swarm_allow_old_engine",
    "swarm_allow_older_engine",
    "swarm_allow_other_schedule",
    "swarm_allow_quorum_pause",
    "swarm_allow_restore_foreign",
    "swarm_allow_restore_new_workers",
    "swarm_allow_restore_running",
    "swarm_allow_single_manager",
    "swarm_allow_too_few_zones",
    "swarm_allow_two_managers",
    "swarm_allow_unfinished_restore",
    "swarm_allow_unlisted_managers",
    "swarm_allow_unread_state",
)
"""One variable for each refusal, all false by default."""
COUNTING = frozenset(("swarm_allow_deadly_zone", "swarm_allow_even_managers", "swarm_allow_single_manager",
                      "swarm_allow_too_few_zones", "swarm_allow_two_managers"))
"""Those of the rules about the number of managers and their zones."""


@dataclass(frozen=True)
class WantedNode:
    """One host of the inventory, as it shall be in the swarm."""

    host: str
    role: str
    zone: str = ""
    availability: str = "active"
    labels: Mapping[str, str] = field(default_factory=dict)
    """The operator's labels and the zone; the bookkeeping labels come with ``node_labels``."""
    advertise_addr: str = ""
    advertise_cidr: str = ""
    advertise_interface: str = ""
    ansible_host: str = ""
    listen_addr: str = ""
    data_path_addr: str = ""
    spare: bool = False
    """Whether it is a worker that may be promoted while managers are lost (core/spares.py)."""

    @property
    def node_labels(self) -> dict[str, str]:
        """All labels that the collection keeps on the node."""
        return {**self.labels, LABEL_HOST: self.host, LABEL_MANAGED: ",".join(sorted(self.labels))}


@dataclass(frozen=True)
class Wanted:
    """The swarm that the inventory describes."""

    nodes: tuple[WantedNode, ...]
    absent: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    default_addr_pool: tuple[str, ...] = ()
    subnet_size: int = 0
    data_path_port: int = 0
    swarm_id: str = ""
    force: bool = False
    pin_addresses: bool = False
    """Whether managers whose engine was told no address are told the one that their raft has."""
    controller_dir: str = ""
    backup_dir: str = ""
    """Where archives are kept on the controller; below ``controller_dir`` unless it is said."""
    backup_max_age: int = BACKUP_MAX_AGE
    """Seconds after which the newest backup is too old; 0: never."""
    drill_max_age: int = DRILL_MAX_AGE
    """Seconds after which the last good drill is too old; 0: never."""
    allowed: frozenset[str] = frozenset()
    """The ``swarm_allow_…`` variables that are true."""
    discard: Mapping[str, str] = field(default_factory=dict)
    """Cluster ID by host: states on disks that are moved aside by the operator's word (core/remains.py)."""
    given_up: tuple[str, ...] = ()
    """Hosts that are down by the operator's word, for this run: none of ``nodes``, and their entries are removed."""
    compromised: tuple[str, ...] = ()
    """Those of ``absent`` that are compromised: no task may run on them, and ``expel`` takes them out."""
    given_up_managers: tuple[WantedNode, ...] = ()
    """Those of them that the inventory wants as managers."""

    def node(self, host: str) -> WantedNode | None:
        """The wanted node of this host, or None."""
        for node in self.nodes:
            if node.host == host:
                return node
        return None

    @property
    def managers(self) -> list[WantedNode]:
        """The wanted managers, in the order of the inventory."""
        return [node for node in self.nodes if node.role == "manager"]

    @property
    def workers(self) -> list[WantedNode]:
        """The wanted workers, in the order of the inventory."""
        return [node for node in self.nodes if node.role == "worker"]

    @property
    def spares(self) -> list[WantedNode]:
        """The hosts that may stand in for a lost manager, in the order of the inventory."""
        return [node for node in self.nodes if node.spare]


def refused(findings: Iterable[Finding], allowed: frozenset[str]) -> list[Finding]:
    """Those that nothing relaxes."""
    return [item for item in findings if not item.relaxed_by or item.relaxed_by not in allowed]


def read(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]
) -> Wanted:
    """What the inventory wants.

    :param groups: host names by group.
    :param hostvars: the ``swarm_…`` and ``ansible_host`` variables by host.
    :param shared: the variables of the swarm as a whole.
    :raises BadValue: for a variable that cannot be read; the sentence names it and the host.
    """
    given_up = coerce.texts("swarm_given_up", shared.get("swarm_given_up"))
    absent = [host for host in groups.get(ABSENT, ()) if host not in given_up]
    out = {*absent, *given_up}
    managers = [host for host in groups.get(MANAGERS, ()) if host not in out]
    workers = [host for host in groups.get(WORKERS, ()) if host not in out and host not in managers]
    compromised = [host for name in GROUPS for host in groups.get(name, ())
                   if coerce.boolean(f"{host}: swarm_compromised", hostvars.get(host, {}).get("swarm_compromised"))]
    for host in compromised:
        if host not in groups.get(ABSENT, ()):
            group = MANAGERS if host in groups.get(MANAGERS, ()) else WORKERS
            raise coerce.BadValue(f"{host}: swarm_compromised is true, and {host} is in {group}; it is for hosts of "
                                  f"{ABSENT}.")
    nodes = [_node(host, "manager", bool(workers), hostvars.get(host, {})) for host in managers]
    nodes += [_node(host, "worker", True, hostvars.get(host, {})) for host in workers]
    lost = [_node(host, "manager", bool(workers), hostvars.get(host, {})) for host in groups.get(MANAGERS, ())
            if host in given_up and host not in groups.get(ABSENT, ())]
    allowed = frozenset(name for name, value in shared.items()
                        if name in ALLOWANCES and coerce.boolean(name, value))
    if shared.get("swarm_given_up") is not None:
        # A restore brings back what it can, which may be fewer than were wanted: that is said there, and stops nothing.
        allowed |= COUNTING
    declared = {SETTINGS[name]: shared[name] for name in SETTINGS if shared.get(name) is not None}
    for name, low in (("task_history_limit", 0), ("snapshot_interval", 1), ("keep_old_snapshots", 0),
                      ("log_entries_for_slow_followers", 0)):
        if name in declared:
            declared[name] = coerce.integer("swarm_" + name, declared[name], low)
    if "autolock" in declared:
        declared["autolock"] = coerce.boolean("swarm_autolock", declared["autolock"])
    try:
        settings.declared(declared)
    except settings.BadSetting as error:
        raise coerce.BadValue(f"swarm_{error}") from None
    max_age, drill_max_age = shared.get("swarm_backup_max_age"), shared.get("swarm_drill_max_age")
    return Wanted(
        tuple(nodes), tuple(absent), declared,
        default_addr_pool=_pools(shared.get("swarm_default_addr_pool")),
        subnet_size=coerce.integer("swarm_subnet_size", shared.get("swarm_subnet_size") or 0),
        data_path_port=coerce.integer("swarm_data_path_port", shared.get("swarm_data_path_port") or 0),
        swarm_id=str(shared.get("swarm_id") or ""),
        force=coerce.boolean("swarm_force", shared.get("swarm_force")),
        pin_addresses=coerce.boolean("swarm_pin_addresses", shared.get("swarm_pin_addresses")),
        controller_dir=(controller_dir := str(shared.get("swarm_controller_dir") or "")),
        backup_dir=str(shared.get("swarm_backup_dir") or (controller_dir and f"{controller_dir}/backups")),
        backup_max_age=BACKUP_MAX_AGE if max_age in (None, "") else coerce.duration("swarm_backup_max_age", max_age),
        drill_max_age=(DRILL_MAX_AGE if drill_max_age in (None, "")
                       else coerce.duration("swarm_drill_max_age", drill_max_age)),
        allowed=allowed,
        discard=_discard(groups, shared.get("swarm_discard_state")),
        given_up=tuple(given_up),
        compromised=tuple(compromised),
        given_up_managers=tuple(lost),
    )


def _discard(groups: Mapping[str, Sequence[str]], value: Any) -> dict[str, str]:
    """Cluster ID by host.

    :raises BadValue: for anything else, and for a host that the inventory does not have.
    """
    name = "swarm_discard_state"
    told = coerce.labels(name, value)
    listed = {host for group in GROUPS for host in groups.get(group, ())}
    for host, swarm_id in told.items():
        if host not in listed or not swarm_id:
            raise coerce.BadValue(f"{name} is {value!r}; it takes hosts of the inventory, each with the cluster ID of "
                                  "the state on its disk.")
    return told


def _pools(value: Any) -> tuple[str, ...]:
    """The default address pools, each a network.

    :raises BadValue: for one that is none.
    """
    pools = tuple(coerce.texts("swarm_default_addr_pool", value))
    for text in pools:
        pool = address.network(text)
        if pool is None or pool.version != 4:
            raise coerce.BadValue(f"swarm_default_addr_pool has {text!r}; it takes IPv4 networks such as 10.20.0.0/16.")
    return pools


def _node(host: str, role: str, inventory_has_workers: bool, data: Mapping[str, Any]) -> WantedNode:
    """One wanted node from its host variables."""
    zone = coerce.word(f"{host}: swarm_zone", data.get("swarm_zone"))
    labels = coerce.labels(f"{host}: swarm_labels", data.get("swarm_labels"))
    bad = sorted(name for name in labels if name.startswith(LABEL_PREFIX))
    if bad:
        raise coerce.BadValue(f"{host}: swarm_labels has {', '.join(bad)}; labels under {LABEL_PREFIX} are the "
                              f"collection's own.")
    odd = sorted(name for name in labels if not name or "," in name)
    if odd:
        raise coerce.BadValue(f"{host}: swarm_labels has the name {odd[0]!r}; a name is not empty and has no comma.")
    if zone:
        labels = {**labels, LABEL_ZONE: zone}
    default = "drain" if role == "manager" and inventory_has_workers else "active"
    availability = str(data.get("swarm_availability") or default)
    if availability not in ("active", "pause", "drain"):
        raise coerce.BadValue(f"{host}: swarm_availability is {availability!r}; it takes active, pause or drain.")
    addr = str(data.get("swarm_advertise_addr") or "")
    if addr:
        try:
            addr = str(ipaddress.ip_address(addr))
        except ValueError:
            raise coerce.BadValue(f"{host}: swarm_advertise_addr is {addr!r}; it takes one IP address, without a "
                                  f"port.") from None
    cidr = str(data.get("swarm_advertise_cidr") or "")
    if cidr:
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise coerce.BadValue(f"{host}: swarm_advertise_cidr is {cidr!r}; it takes a network such as "
                                  f"192.0.2.0/24.") from None
    spare = coerce.boolean(f"{host}: swarm_spare_manager", data.get("swarm_spare_manager"))
    if spare and role == "manager":
        raise coerce.BadValue(f"{host}: swarm_spare_manager is true, and {host} is in {MANAGERS}; it is for hosts of "
                              f"{WORKERS}.")
    return WantedNode(
        host, role, zone, availability, labels, addr, cidr, str(data.get("swarm_advertise_interface") or ""),
        address.canonical(str(data.get("ansible_host") or host)), str(data.get("swarm_listen_addr") or ""),
        str(data.get("swarm_data_path_addr") or ""), spare,
    )


def unplayable(groups: Mapping[str, Sequence[str]], all_groups: Iterable[str]) -> list[Finding]:
    """Hosts whose names Ansible takes apart: a play for such a host runs on others.

    :param all_groups: the names of all groups of the inventory.
    """
    known = set(all_groups)
    hosts = dict.fromkeys(host for group in GROUPS for host in groups.get(group, ()))
    return [Finding("unplayable_name", "critical", f"{problem}.",
                    "Give the host another name in the inventory, and its address in ansible_host.")
            for host in hosts for problem in [names.problem(host, known)] if problem]


def examine(groups: Mapping[str, Sequence[str]], wanted: Wanted) -> list[Finding]:
    """Everything that can be said against the inventory before any host is asked."""
    findings: list[Finding] = []
    place: dict[str, list[str]] = {}
    for group in GROUPS:
        for host in groups.get(group, ()):
            place.setdefault(host, []).append(group)
    for host, its in sorted(place.items()):
        if len(its) > 1:
            findings.append(Finding("host_in_two_groups", "critical", f"{host} is in {' and '.join(its)}.",
                                    "List it in one of them.", host, "swarm_allow_host_in_two_groups"))
    if not wanted.managers:
        findings.append(Finding("no_manager", "critical", f"The group {MANAGERS} is empty.",
                                "List 3, 5 or 7 hosts there.", "", "swarm_allow_no_manager"))
        return findings
    single = len(wanted.managers) == 1
    for node in wanted.managers:
        if not node.zone and not single:
            findings.append(Finding("manager_without_zone", "critical", f"{node.host} is a manager without swarm_zone.",
                                    "Name its failure zone.", node.host, "swarm_allow_manager_without_zone"))
    findings += [Finding("manager_without_zone", "critical",
                         f"{node.host} may become a manager (swarm_spare_manager) and has no swarm_zone.",
                         "Name its failure zone.", node.host, "swarm_allow_manager_without_zone")
                 for node in wanted.spares if not node.zone]
    by_addr: dict[str, list[str]] = {}
    for node in wanted.nodes:
        if node.advertise_addr:
            by_addr.setdefault(node.advertise_addr, []).append(node.host)
    for addr, hosts in sorted(by_addr.items()):
        if len(hosts) > 1:
            findings.append(Finding("duplicate_advertise_addr", "critical",
                                    f"{' and '.join(hosts)} share the advertise address {addr}.",
                                    "Give each its own swarm_advertise_addr.", "",
                                    "swarm_allow_duplicate_advertise_addr"))
    findings.extend(count_voters([node.zone for node in wanted.managers]))
    findings.extend(folders(wanted))
    return findings


def folders(wanted: Wanted) -> list[Finding]:
    """What is wrong with the folders on the controller."""
    findings: list[Finding] = []
    if wanted.settings.get("autolock") and not wanted.controller_dir:
        findings.append(Finding("autolock_without_controller_dir", "critical",
                                "swarm_autolock is true and swarm_controller_dir is not set: the unlock key would "
                                "have no place to be kept.",
                                "Set swarm_controller_dir to an absolute path on the controller."))
    if wanted.controller_dir and not wanted.controller_dir.startswith("/"):
        findings.append(Finding("controller_dir_relative", "critical",
                                f"swarm_controller_dir is {wanted.controller_dir!r}, which is not absolute.",
                                "Give an absolute path: a relative one would land wherever the playbook is."))
    elif wanted.backup_dir and not wanted.backup_dir.startswith("/"):
        findings.append(Finding("backup_dir_relative", "critical",
                                f"swarm_backup_dir is {wanted.backup_dir!r}, which is not absolute.",
                                "Give an absolute path: a relative one would land wherever the playbook is."))
    return findings


def count_voters(zone_of_voters: Sequence[str]) -> list[Finding]:
    """What is wrong with this many voters in these zones."""
    findings: list[Finding] = []
    voters = len(zone_of_voters)
    if voters == 1:
        return [Finding("single_manager", "critical",
                        "One manager: its loss loses the swarm (majority 1 of 1, tolerance 0).",
                        "Three managers in three zones are the least that survive a loss.", "",
                        "swarm_allow_single_manager")]
    if voters == 2:
        findings.append(Finding("two_managers", "critical",
                                "Two managers: the loss of either loses the quorum (majority 2 of 2, tolerance 0), "
                                "which is worse than one.",
                                "Three managers are the least that survive a loss.", "", "swarm_allow_two_managers"))
    elif voters % 2 == 0:
        findings.append(Finding("even_managers", "critical",
                                f"{voters} managers are an even number: they tolerate {quorum.tolerance(voters)}, as "
                                f"many as {voters - 1} do, and a split in halves stops them (majority "
                                f"{quorum.majority(voters)}).",
                                f"Make it {voters - 1} or {voters + 1}.", "", "swarm_allow_even_managers"))
    named = sorted({zone for zone in zone_of_voters if zone})
    if voters >= 3 and len(named) < zones.WANTED_ZONES:
        findings.append(Finding("too_few_zones", "critical",
                                f"{voters} managers are in {len(named)} zone(s) ({', '.join(named) or 'none named'}); "
                                f"{zones.WANTED_ZONES} are wanted.",
                                f"Spread them {'-'.join(map(str, zones.spread(voters)))}.", "",
                                "swarm_allow_too_few_zones"))
    deadly = zones.deadly_zone([zone for zone in zone_of_voters if zone])
    if voters >= 3 and deadly and all(zone_of_voters):
        zone, lost = deadly
        findings.append(Finding("deadly_zone", "critical",
                                f"Zone {zone} holds {lost} of {voters} managers: its loss leaves {voters - lost}, and "
                                f"a majority is {quorum.majority(voters)}.",
                                f"Spread them {'-'.join(map(str, zones.spread(voters)))}.", "",
                                "swarm_allow_deadly_zone"))
    return findings


def advertise(node: WantedNode, addresses: Sequence[Address], raft: str = "") -> tuple[str, list[Finding]]:
    """The static address that this node is to advertise, and what is wrong with it.

    A worker's is only looked at where it is set: a dynamic address is fine for workers. A spare is looked at as a
    manager is: its raft address is the one that it joined with.

    :param raft: the address by which the raft knows this node; empty: it is no member of it. Where the inventory leaves
        a choice, it is what was chosen: an address that was added to the host since changes nothing.
    """
    by_text = {item.address: item for item in addresses}
    seen = ", ".join(f"{item.address}{' (leased)' if item.dynamic else ''}" for item in addresses) or "none"
    if node.advertise_addr:
        if node.advertise_addr not in by_text:
            return node.advertise_addr, [_not_on_host(node, node.advertise_addr, seen)]
        return node.advertise_addr, _leased(node, by_text[node.advertise_addr])
    if node.role == "worker" and not node.spare:
        return "", []
    if node.advertise_cidr or node.advertise_interface:
        found = _candidates(node, addresses)
        if raft in [item.address for item in found]:
            return raft, _leased(node, by_text[raft])
        # With both families Docker prefers IPv4 for --advertise-addr eth0 (moby, daemon/cluster/listen_addr.go).
        found = [item for item in found if ":" not in item.address] or found
        asked = " and ".join(part for part in (
            f"swarm_advertise_cidr {node.advertise_cidr}" if node.advertise_cidr else "",
            f"swarm_advertise_interface {node.advertise_interface}" if node.advertise_interface else "") if part)
        if len(found) != 1:
            return "", [Finding("ambiguous_address", "critical",
                                f"{node.host} has {len(found)} addresses for {asked}, and one is needed "
                                f"(it has: {seen}).",
                                "Set swarm_advertise_addr for this host.", node.host)]
        return found[0].address, _leased(node, found[0])
    if raft in by_text:
        return raft, _leased(node, by_text[raft])
    if node.ansible_host in by_text:
        return node.ansible_host, _leased(node, by_text[node.ansible_host])
    return "", [Finding("no_advertise_addr", "critical",
                        f"{node.host} has no swarm_advertise_addr, and its ansible_host ({node.ansible_host}) is not "
                        f"one of its addresses (it has: {seen}).",
                        "Set swarm_advertise_addr, swarm_advertise_cidr or swarm_advertise_interface.", node.host)]


def _candidates(node: WantedNode, addresses: Sequence[Address]) -> list[Address]:
    """The host's addresses that ``swarm_advertise_cidr`` and ``swarm_advertise_interface`` allow."""
    net = ipaddress.ip_network(node.advertise_cidr, strict=False) if node.advertise_cidr else None
    return [item for item in addresses
            if (net is None or ipaddress.ip_address(item.address) in net)
            and (not node.advertise_interface or item.interface == node.advertise_interface)
            and not ipaddress.ip_address(item.address).is_link_local]


def _not_on_host(node: WantedNode, addr: str, seen: str) -> Finding:
    return Finding("address_not_on_host", "critical",
                   f"{node.host} is to advertise {addr}, which is not one of its addresses (it has: {seen}).",
                   "Correct swarm_advertise_addr, or give the host that address.", node.host,
                   "swarm_allow_address_not_on_host")


def _leased(node: WantedNode, address: Address) -> list[Finding]:
    if not (node.role == "manager" or node.spare) or not address.dynamic:
        return []
    return [Finding("dynamic_address", "critical",
                    f"{node.host} would advertise {address.address}, which is leased (DHCP) on {address.interface}: "
                    f"a manager whose address changes is lost to the swarm.",
                    "Make it static. Cloud addresses often look leased although they are reserved for good: "
                    "where that is so, allow it.", node.host, "swarm_allow_dynamic_address")]


def unlisted(wanted: Wanted, nodes: Iterable[Node], host_of: Mapping[str, str]) -> list[Node]:
    """Nodes of the swarm that no host of the inventory is (``host_of``: inventory host by node ID)."""
    listed = {node.host for node in wanted.nodes} | set(wanted.absent) | set(wanted.given_up)
    return [node for node in nodes if host_of.get(node.id, "") not in listed]
