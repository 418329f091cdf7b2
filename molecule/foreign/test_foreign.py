# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A swarm that Docker's own commands made, as its documentation shows them, is kept, backed up, pinned and recovered.

m1 made it, locked; m2 joined without an address; m3 joined as a worker without one and was promoted. The tests share
one swarm, and run in their order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import by_hostname, eventually, host, swarm

MANAGERS = ["m1", "m2", "m3"]
WORKERS = ["w1"]
SETTINGS = "/var/lib/docker/swarm/docker-state.json"


@pytest.fixture(scope="module")
def inventory(lab: Lab, inventories: Inventories, folder: Path) -> Path:
    """Make the swarm by hand, and describe its hosts."""
    m1 = lab.node("m1")
    m1.run(f"docker swarm init --advertise-addr {m1.addr} --autolock")
    manager, worker = (m1.run(f"docker swarm join-token -q {role}").stdout.strip() for role in ("manager", "worker"))
    lab.node("m2").run(f"docker swarm join --token {manager} {m1.addr}:2377")
    for name in ("m3", "w1"):
        lab.node(name).run(f"docker swarm join --token {worker} {m1.addr}:2377")
    m1.run("docker node promote m3")
    eventually(lambda: by_hostname(host(lab, "m1"))["m3"].reachability == "reachable", "m3 is a manager")
    lab.workload_up("m1")
    m1.run("echo -n hunter2 | docker secret create password - && docker service create -d --no-resolve-image "
           "--endpoint-mode dnsrr --name ingress --mode global --constraint node.role==manager lab/web:1 "
           "/bin/busybox sleep 100000")
    return inventories.write(MANAGERS, WORKERS, swarm_controller_dir=str(folder / "controller"), ansible_timeout=5)


ACTIVE: dict[str, Any] = {"swarm_availability": "active"}
"""As the operator of this swarm has it: a service runs on its managers."""


def told(lab: Lab, name: str) -> str:
    """The address that the engine of a node was told."""
    return str(json.loads(lab.node(name).run(f"cat {SETTINGS}").stdout)["AdvertiseAddr"])


def identities(lab: Lab) -> dict[str, tuple[str, str]]:
    """Node ID and raft address of each manager."""
    status = json.loads(lab.node("m1").run("docker node ls -q | xargs docker node inspect").stdout)
    return {node["Description"]["Hostname"]: (node["ID"], node["ManagerStatus"]["Addr"])
            for node in status if "ManagerStatus" in node}  # fmt: skip


def found(operator: Operator, inventory: Path, folder: Path) -> tuple[Run, set[str]]:
    """What `health` finds."""
    path = folder / "health.json"
    run = operator.run("health", inventory, swarm_health_json=str(path), **ACTIVE)
    return run, {item["id"] for item in json.loads(path.read_text())["findings"]}


def test_the_way_is_named_where_a_service_would_lose_its_nodes(operator: Operator, inventory: Path) -> None:
    run = operator.run("provision", inventory)
    assert not run.ok, run.report
    assert "This run would drain m1, m2, m3" in run.failures, run.report
    assert "set swarm_availability: active" in run.failures, run.report


def test_the_key_of_somebody_elses_lock_is_kept(
    lab: Lab, operator: Operator, inventory: Path, folder: Path
) -> None:
    run, ids = found(operator, inventory, folder)
    assert run.ok, run.report
    assert {"unlock_key_missing", "address_not_pinned"} <= ids, run.report
    run = operator.provision(inventory, **ACTIVE)
    assert "keep the swarm's unlock key" in run.output
    run = operator.run("provision", inventory, **ACTIVE)
    assert run.ok, run.report
    assert run.changed == {}
    kept = folder / "controller" / "unlock-keys" / f"{swarm(host(lab, 'm1'))['ID']}.json"
    key = lab.node("m1").run("docker swarm unlock-key -q").stdout.strip()
    assert key in kept.read_text()
    assert key not in run.output


@pytest.mark.parametrize("name", ["m2", "m3"])
def test_managers_that_were_told_no_address_are_backed_up(
    operator: Operator, inventory: Path, name: str
) -> None:
    run = operator.run("backup", inventory, swarm_backup_hosts=[name])
    assert run.ok, run.report
    assert f"{name}: " in run.output


def test_their_backup_comes_back(operator: Operator, inventory: Path) -> None:
    run = operator.run("drill", inventory)
    assert run.ok, run.report


def test_a_manager_is_pinned_and_stays_what_it_is(
    lab: Lab, operator: Operator, inventory: Path, folder: Path
) -> None:
    before = identities(lab)
    assert (told(lab, "m2"), told(lab, "m3")) == ("", "")
    run = operator.run("provision", inventory, "--check", swarm_pin_addresses=True, **ACTIVE)
    assert run.ok, run.report
    assert run.planned("pin") == ["m2", "m3"]
    assert (told(lab, "m2"), told(lab, "m3")) == ("", "")
    run = operator.provision(inventory, swarm_pin_addresses=True, **ACTIVE)
    assert {"m2", "m3"} <= set(run.changed)
    assert identities(lab) == before
    assert {name: told(lab, name) for name in before} == {name: addr for name, (_node, addr) in before.items()}
    run = operator.run("provision", inventory, swarm_pin_addresses=True, **ACTIVE)
    assert (run.ok, run.changed) == (True, {}), run.report
    run, ids = found(operator, inventory, folder)
    assert "address_not_pinned" not in ids, run.report


def test_one_of_them_brings_the_swarm_back(lab: Lab, operator: Operator, inventory: Path) -> None:
    """Told no address again: as it was before it was pinned."""
    m2 = lab.node("m2")
    m2.run(["python3", "-c", f"import json; path = {SETTINGS!r}; text = json.load(open(path)); "
            "text['AdvertiseAddr'] = ''; json.dump(text, open(path, 'w'))"])  # fmt: skip
    identity, address = identities(lab)["m2"]
    before = swarm(host(lab, "m1"))["ID"]
    for name in ("m1", "m3"):
        lab.node(name).kill()
    lost = {"swarm_recover_confirm": before, "swarm_recover_lost": ["m1", "m3"]}
    run = operator.start("recover", inventory, swarm_recover_powered_off=True, **lost, **ACTIVE).wait(seconds=600)
    assert run.ok, run.report
    node = by_hostname(host(lab, "m2"))["m2"]
    assert (swarm(host(lab, "m2"))["ID"], node.id, node.leader) == (before, identity, True)
    assert told(lab, "m2") == address
    assert "password" in m2.run("docker secret ls").stdout
