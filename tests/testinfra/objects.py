# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things to keep in a swarm, made and listed with Docker's own tools: services, secrets, configs, networks."""

from __future__ import annotations

from tests.lab.lab import Lab
from tests.lab.workload import IMAGE

SECRET = "the-secret-that-nobody-may-see"
"""The payload of the secret that `populate` makes."""
CONFIG = "colour = blue\n"
"""That of the config."""


def populate(lab: Lab, manager: str = "m1") -> None:
    """A workload on every worker, and a service that reads a secret and a config over an overlay network."""
    lab.workload_up(manager)
    node = lab.node(manager)
    node.run("docker secret create password -", stdin=SECRET)
    node.run("docker config create settings -", stdin=CONFIG)
    node.run("docker network create --driver overlay --label kept=yes net-a")
    node.run(
        "docker service create --quiet --detach --name reader --label tier=back --replicas 2 --no-resolve-image "
        "--endpoint-mode dnsrr --network net-a --secret password --config settings "
        f"{IMAGE} /bin/busybox sleep 1000000"
    )


def listed(lab: Lab, manager: str = "m1") -> dict[str, set[tuple[str, str]]]:
    """(ID, name) by kind, as Docker's command line lists them; a node's name is not always its own, and left out."""
    asked = {
        "node": "docker node ls --format '{{.ID}} -'",
        "service": "docker service ls --quiet | xargs -r docker service inspect --format '{{.ID}} {{.Spec.Name}}'",
        "network": "docker network ls --no-trunc --filter scope=swarm --format '{{.ID}} {{.Name}}'",
        "secret": "docker secret ls --format '{{.ID}} {{.Name}}'",
        "config": "docker config ls --format '{{.ID}} {{.Name}}'",
    }
    found: dict[str, set[tuple[str, str]]] = {}
    for kind, command in asked.items():
        rows = [line.split() for line in lab.node(manager).run(command).stdout.splitlines()]
        found[kind] = {(row[0], row[1]) for row in rows}
    return found
