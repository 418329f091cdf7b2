# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of a lab's hosts and of their swarm, asked on the hosts themselves with Docker's own tools.

Only looks. Nothing of the collection is used here: it is what the tests judge.
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import testinfra
from testinfra.host import Host
from tests.lab.console import LabError
from tests.lab.lab import Lab
from tests.lab.node import RUNNING

OURS = "quorum.swarm/"
"""The prefix of the labels that are the collection's own bookkeeping."""


def host(lab: Lab, name: str) -> Host:
    """The testinfra host of a lab's node, over ssh as the operator has it."""
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(lab.ssh_config))


@dataclass(frozen=True)
class Member:
    """One node as the swarm lists it."""

    id: str
    hostname: str
    role: str
    availability: str
    state: str
    reachability: str
    """Of a manager; empty: a worker."""
    leader: bool
    addr: str
    """Of a manager: where the others reach it, with the port; empty: a worker."""
    labels: dict[str, str]

    @property
    def others_labels(self) -> dict[str, str]:
        """All labels but the collection's bookkeeping."""
        return {name: value for name, value in self.labels.items() if not name.startswith(OURS)}


def members(manager: Host) -> list[Member]:
    """All nodes that the swarm lists."""
    listed = json.loads(manager.check_output("docker node ls -q | xargs docker node inspect"))
    return [
        Member(
            raw["ID"],
            raw["Description"]["Hostname"],
            raw["Spec"]["Role"],
            raw["Spec"]["Availability"],
            raw["Status"]["State"],
            raw.get("ManagerStatus", {}).get("Reachability", ""),
            raw.get("ManagerStatus", {}).get("Leader", False),
            raw.get("ManagerStatus", {}).get("Addr", ""),
            raw["Spec"].get("Labels") or {},
        )
        for raw in listed
    ]


def by_hostname(manager: Host) -> dict[str, Member]:
    """All nodes that the swarm lists, by hostname. Fails where two share one.

    Around an election the engine notes a worker's hostname on a manager, for seconds and sometimes for longer
    (docs/engine-behaviour.md): nodes that share one are asked for again, and then told by the name noted on them.
    """
    deadline = time.monotonic() + 20
    while True:
        listed = members(manager)
        if len({node.hostname for node in listed}) == len(listed):
            break
        if time.monotonic() > deadline:
            listed = [replace(node, hostname=node.labels.get(f"{OURS}host", node.hostname)) for node in listed]
            break
        time.sleep(1)
    names = sorted(node.hostname for node in listed)
    assert len(set(names)) == len(names), f"hostnames are listed twice: {names}"
    return {node.hostname: node for node in listed}


def assert_swarm(
    lab: Lab, managers: Iterable[str], workers: Iterable[str], zones: dict[str, str] | None = None
) -> None:
    """The swarm is exactly this: members, roles, availability, zones, states, addresses; and no lease is left."""
    managers, workers = list(managers), list(workers)
    by_manager = host(lab, managers[0])
    all_ready(by_manager)
    found = by_hostname(by_manager)
    zones = zones or {}
    assert {name: node.role for name, node in found.items()} == {
        **dict.fromkeys(managers, "manager"),
        **dict.fromkeys(workers, "worker"),
    }
    for name, node in found.items():
        is_manager = name in managers
        assert node.state == "ready", node
        assert node.availability == ("drain" if is_manager and workers else "active"), node
        assert node.reachability == ("reachable" if is_manager else ""), node
        assert node.addr == (f"{lab.node(name).addr}:2377" if is_manager else ""), node
        zone = zones.get(name, lab.node(name).zone)
        assert node.labels.get("zone") == zone, node
        assert node.labels["quorum.swarm/host"] == name, node
    assert sum(node.leader for node in found.values()) == 1
    assert "quorum.swarm/lease" not in (swarm(by_manager)["Spec"].get("Labels") or {})


def swarm(manager: Host) -> dict[str, Any]:
    """The swarm object (docker info, .Swarm.Cluster); it has no secrets in it."""
    return dict(membership(manager)["Cluster"])


def membership(node: Host) -> dict[str, Any]:
    """What the engine of a host says of its own membership (docker info, .Swarm)."""
    return dict(json.loads(node.check_output("docker info --format '{{json .Swarm}}'")))


def tasks(manager: Host, service: str) -> list[dict[str, Any]]:
    """All tasks of a service that the swarm still keeps, ended ones included."""
    ids = manager.check_output(f"docker service ps -q --no-trunc {service}").split()
    return list(json.loads(manager.check_output(f"docker inspect --type task {' '.join(ids)}"))) if ids else []


def finds(lab: Lab, name: str, names: Iterable[str]) -> set[str]:
    """Those of these hosts that a node finds in the ingress network, itself included."""
    peers = json.loads(lab.node(name).run("docker network inspect ingress --format '{{json .Peers}}'").stdout)
    addresses = {lab.node(one).addr: one for one in names}
    return {addresses[peer["IP"]] for peer in peers}


_LOOK = r"""
{ command -v docker && docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.NodeID}} {{.Swarm.NodeAddr}}'; } 2>&1
systemctl show docker.service --property MainPID,ExecMainStartTimestampMonotonic 2>&1
if timeout 10 docker node ls >/dev/null 2>&1; then
  docker node ls --quiet | sort | xargs docker node inspect --format '{{.ID}} {{json .Spec}}'
  docker info --format '{{.Swarm.Cluster.ID}} {{.Swarm.Cluster.Version.Index}} {{json .Swarm.Cluster.Spec}}'
  docker service ls --quiet | xargs -r docker service inspect --format '{{.ID}} {{.Version.Index}}'
fi
openssl x509 -noout -subject -in /var/lib/docker/swarm/certificates/swarm-node.crt 2>/dev/null
sha256sum /var/lib/dpkg/status
find /etc /root /home /opt /srv /usr/local /var/lib/quorum.swarm /var/lib/docker/swarm/docker-state.json \
  /var/lib/docker/swarm/certificates -printf '%p %y %m %s %T@ %l\n' 2>/dev/null | sort
"""


Look = dict[str, list[str]]
"""What hosts are like, by host: engine, membership, packages, files."""


def look(lab: Lab, names: Iterable[str] = ()) -> Look:
    """What hosts (default: all that run) are like now, for `assert_unchanged` afterwards."""
    nodes = [lab.node(name) for name in names] or [node for node in lab.nodes if node.state() == RUNNING]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda node: node.run(_LOOK).stdout.splitlines(), nodes))
    return {node.name: text for node, text in zip(nodes, texts, strict=True)}


def settled(lab: Lab) -> Look:
    """What hosts are like when their engines have done what they do by themselves, such as renewing certificates."""
    before = look(lab)
    while True:
        time.sleep(4)
        now = look(lab)
        if now == before and _as_wanted(now):
            return now
        before = now


def _as_wanted(found: Look) -> bool:
    """Whether every node has the certificate of the role that it is wanted to have. On a busy machine that may take a
    while after a promotion or a demotion, in which nothing else is seen to change.
    """
    text = "\n".join(line for lines in found.values() for line in lines)
    wanted = dict(re.findall(r'^(\w{25}) .*"Role":"(\w+)"', text, re.MULTILINE))
    held = re.findall(r"OU ?= ?swarm-(\w+), ?CN ?= ?(\w{25})", text)
    return all(wanted.get(node, role) == role for role, node in held)


def assert_unchanged(lab: Lab, before: Look) -> None:
    """The hosts are exactly what they were."""
    after = look(lab, before)
    differences = {
        name: [line for line in difflib.ndiff(before[name], after[name]) if line[0] in "-+"]
        for name in before
        if after[name] != before[name]
    }
    assert differences == {}


def eventually(condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
    """Wait until the condition holds, and return what it returned. Fails the test when the time has passed.

    A host that could not be asked does not meet it yet: while a leader is elected, no manager lists the nodes.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            value, seen = condition(), ""
        except (AssertionError, LabError) as error:
            value, seen = None, f": {error}"
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}{seen}"
        time.sleep(0.5)


def all_known(manager: Host) -> list[Member]:
    """All nodes that the swarm lists, when it knows how they are: for seconds after an election it does not."""

    def known() -> list[Member]:
        listed = members(manager)
        return listed if all(node.state != "unknown" for node in listed) else []

    return list(eventually(known, "the leader knows how its nodes are", seconds=30))


def all_ready(manager: Host) -> None:
    """Wait until the swarm lists all nodes as ready. Where an election met a busy machine, the new leader may call a
    node down that is not, for some time (docs/engine-behaviour.md).
    """

    def ready() -> bool:
        others = [(node.hostname, node.state) for node in members(manager) if node.state != "ready"]
        assert not others, f"not ready: {others}"
        return True

    eventually(ready, "all nodes are ready")
