# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How swarms are lost, and whether a restored one works: asked with Docker's own tools, on the hosts themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.lab.workload import IMAGE
from tests.testinfra import objects
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import by_hostname, eventually, host, membership, swarm

STATE = "/var/lib/docker/swarm"
ASIDE = "/var/lib/quorum.swarm/aside"
TRIAL = "trial"
"""The service by which a swarm is tried."""
POOL, SUBNET, PORT = "10.55.0.0/16", 26, 4790
SETTINGS = {"swarm_default_addr_pool": [POOL], "swarm_subnet_size": SUBNET, "swarm_data_path_port": PORT,
            "swarm_task_history_limit": 3, "swarm_cert_expiry": "720h"}  # fmt: skip
"""Of a swarm that has what Docker's own commands lose."""


@dataclass(frozen=True)
class Lost:
    """A swarm of which there is a backup, and what it was."""

    lab: Lab
    inventory: Path
    controller: Path
    managers: list[str]
    workers: list[str]
    archive: Path
    objects: dict[str, set[tuple[str, str]]]
    swarm: dict[str, Any]
    nodes: dict[str, str]
    """Node ID by hostname."""

    @classmethod
    def of(
        cls, operator: Operator, lab: Lab, inventory: Path, controller: Path, managers: list[str], workers: list[str],
        archived: str,
    ) -> Lost:
        """Provision it, put things into it, and take a backup of one manager."""
        operator.provision(inventory)
        objects.populate(lab, managers[0])
        listed = objects.listed(lab, managers[0])
        was = swarm(host(lab, managers[0]))
        nodes = {name: node.id for name, node in by_hostname(host(lab, managers[0])).items()}
        run = operator.run("backup", inventory, swarm_backup_hosts=[archived])
        assert run.ok, run.report
        (archive,) = (controller / "backups").glob(f"{was['ID']}_*.tar.gz")
        return cls(lab, inventory, controller, managers, workers, archive, listed, was, nodes)

    def restore(self, operator: Operator, *arguments: str, **variables: object) -> Run:
        """Run `restore` of the archive."""
        wanted = {"swarm_restore_archive": str(self.archive), **variables}
        return operator.run("restore", self.inventory, *arguments, **wanted)

    def assert_back(self, manager: str) -> None:
        """It is the swarm that it was: ID, settings, pool, port, objects, keys; and it works."""
        now = swarm(host(self.lab, manager))
        for field in ("ID", "DefaultAddrPool", "SubnetSize", "DataPathPort"):
            assert now[field] == self.swarm[field], field
        for field in ("Orchestration", "Raft", "Dispatcher", "CAConfig", "EncryptionConfig"):
            assert now["Spec"][field] == self.swarm["Spec"][field], field
        found = objects.listed(self.lab, manager)
        for kind, things in self.objects.items():
            assert kind == "node" or found[kind] == things, kind
        assert_works(self.lab, manager, self.workers)
        if now["Spec"]["EncryptionConfig"]["AutoLockManagers"]:
            assert_keys(self.lab, manager, self.managers, self.controller)


def wipe(lab: Lab, names: Iterable[str]) -> None:
    """These hosts lose all that they know of a swarm, and Docker runs again: a disk that was replaced."""
    for name in names:
        lab.node(name).run(f"systemctl stop docker.socket docker; rm -rf {STATE} /var/lib/quorum.swarm; "
                           "systemctl reset-failed docker.socket docker; systemctl start docker")  # fmt: skip


def stop(lab: Lab, names: Iterable[str]) -> None:
    """Docker stands still on these hosts, and what it knows lies there."""
    for name in names:
        lab.node(name).run("systemctl stop docker.socket docker")


def containers(lab: Lab, names: Iterable[str]) -> dict[str, set[str]]:
    """The running task containers of each host."""
    listed = "docker ps --quiet --no-trunc --filter label=com.docker.swarm.task.id"
    return {name: set(lab.node(name).run(listed).stdout.split()) for name in names}


def assert_works(lab: Lab, manager: str, workers: Iterable[str]) -> None:
    """New tasks run on every worker, read the swarm's secret and config, and reach each other over its network."""
    workers = list(workers)
    node = lab.node(manager)
    made = node.run(
        f"docker service create --quiet --detach --name {TRIAL} --mode global --constraint node.role==worker "
        "--no-resolve-image --endpoint-mode dnsrr --network net-a --secret password --config settings "
        f"{IMAGE} /bin/busybox sleep 1000000"
    ).stdout.strip()
    try:
        found: dict[str, str] = {}

        def running() -> bool:
            for name in workers:
                # By its ID: the task of an earlier trial may take ten seconds to end.
                ask = f"docker ps --quiet --no-trunc --filter label=com.docker.swarm.service.id={made}"
                found[name] = lab.node(name).run(ask).stdout.strip()
            return all(found.values())

        eventually(running, f"tasks of {TRIAL} on {', '.join(workers)}")
        wanted = {
            hashlib.sha256(text.encode()).hexdigest() for text in (objects.SECRET, objects.CONFIG)
        }
        addresses = {}
        for name, container in found.items():
            sums = lab.node(name).run(f"docker exec {container} /bin/busybox sha256sum /run/secrets/password /settings")
            assert {line.split()[0] for line in sums.stdout.splitlines()} == wanted, sums.stdout
            networks = lab.node(name).run("docker inspect --format '{{json .NetworkSettings.Networks}}' " + container)
            addresses[name] = json.loads(networks.stdout)["net-a"]["IPAddress"]
        for name, container in found.items():
            for other, address in addresses.items():
                ping = f"docker exec {container} /bin/busybox ping -c 1 -W 2 {address}"
                if other != name:
                    eventually(lambda name=name, ping=ping: lab.node(name).run(ping, check=False).returncode == 0,  # type: ignore[misc]
                               f"{name} reaches {other} over net-a", seconds=30)
    finally:
        node.run(f"docker service rm {TRIAL}")


def assert_keys(lab: Lab, manager: str, managers: Iterable[str], controller: Path) -> None:
    """The kept unlock key is the swarm's, and no manager has a key in clear on its disk."""
    swarm_id = membership(host(lab, manager))["Cluster"]["ID"]
    kept = json.loads((controller / "unlock-keys" / f"{swarm_id}.json").read_text())["current"]
    assert lab.node(manager).run("docker swarm unlock-key --quiet").stdout.strip() == kept
    for name in managers:
        assert clear_keys(lab, name) == [], name


def clear_keys(lab: Lab, name: str) -> list[str]:
    """Files in which a manager of a swarm that locks itself has a private key in clear. What was moved aside may be of
    another swarm, and is as it was.
    """
    places = f"{STATE} {STATE}/../.quorum.swarm-new /var/lib/quorum.swarm"
    found = f"grep -rl -e '-BEGIN PRIVATE KEY' --exclude-dir=aside {places}"
    return lab.node(name).run(found, check=False).stdout.split()


def report(controller: Path) -> dict[str, Any]:
    """The report of the last restore."""
    path = max((controller / "reports").glob("restore-*.json"), key=lambda one: one.name)
    assert path.stat().st_mode & 0o777 == 0o600
    return dict(json.loads(path.read_text()))
