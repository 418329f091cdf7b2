# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and networks as values, so that two spellings of one address are one address.

Pure. ``FD00:18:0::12`` and ``fd00:18::12`` are the same host: facts and variables are brought into the canonical
spelling (RFC 5952) once, where they are read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

LARGEST_SUBNET_PREFIX = 29
"""The engine refuses longer prefixes for the networks that it makes (moby, daemon/cluster, ``--default-addr-pool-mask-
length``): four addresses of each are its own."""
DEFAULT_SUBNET_PREFIX = 24


def canonical(text: str) -> str:
    """The one spelling of an IP address, without brackets; anything else as it is."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return text


def endpoint(text: str) -> str:
    """``address:port`` in the one spelling, IPv6 in brackets; anything else as it is."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.startswith("[")):
        return text
    plain = canonical(host)
    return f"[{plain}]:{port}" if ":" in plain else f"{plain}:{port}"


def network(text: str) -> Network | None:
    """The network that a CIDR names, host bits dropped; None where it names none."""
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def overlapping(networks: Sequence[Network]) -> list[tuple[Network, Network]]:
    """The pairs that share addresses, in their order."""
    return [(one, other) for index, one in enumerate(networks) for other in networks[index + 1:]
            if one.version == other.version and one.overlaps(other)]


def pool_problems(pools: Sequence[str], subnet_size: int) -> list[str]:
    """What the engine would refuse, or drop, of the pools and their subnet size: sentences without their full stops.

    :param subnet_size: prefix length of the networks made from the pools; 0: the engine's default.
    """
    if not pools:
        return [f"swarm_subnet_size is {subnet_size}, and swarm_default_addr_pool is not set: without a pool the "
                "engine drops it"] if subnet_size else []
    problems, read = [], []
    size = subnet_size or DEFAULT_SUBNET_PREFIX
    if size > LARGEST_SUBNET_PREFIX:
        problems.append(f"swarm_subnet_size is {size}, and the engine makes no networks smaller than "
                        f"/{LARGEST_SUBNET_PREFIX}")
    for text in pools:
        pool = network(text)
        if pool is None or pool.version != 4:
            problems.append(f"swarm_default_addr_pool has {text!r}, which is no IPv4 network such as 10.20.0.0/16")
            continue
        read.append(pool)
        if size < pool.prefixlen:
            said = "" if subnet_size else " (the engine's default, since swarm_subnet_size is not set)"
            problems.append(f"Networks of /{size}{said} do not fit into the pool {text}")
    problems += [f"The pools {one} and {other} overlap" for one, other in overlapping(read)]
    return problems


def hosts_in_pools(pools: Sequence[str], hosts: Mapping[str, Iterable[tuple[str, int]]]) -> list[str]:
    """Where a pool overlaps a network that a host is in: sentences without their full stops.

    :param hosts: (address, prefix length) by host.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for text in pools:
        pool = network(text)
        for host in sorted(hosts) if pool is not None else ():
            for one, prefix in hosts[host]:
                net = network(f"{one}/{prefix}")
                if net is not None and pool is not None and net.version == pool.version and net.overlaps(pool):
                    found.setdefault((text, str(net)), []).append(host)
    return [f"The pool {pool} overlaps {net}, the network of {', '.join(names)}"
            for (pool, net), names in found.items()]
