# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From bare hosts to a swarm, and the same on Docker 20.10 and 28.5 as on 26.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra.playbooks import Operator
from tests.testinfra.swarms import assert_swarm, assert_unchanged, host, look

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1"]


@contextmanager
def up(name: str, *, suite: str, bare: bool) -> Iterator[Lab]:
    """A lab for one test."""
    lab = Lab.up(name, managers=3, workers=1, suite=suite, bare=bare)
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def bare(lab_name: str) -> Iterator[Lab]:
    """Hosts without an engine."""
    with up(f"{lab_name}-bare", suite="trixie", bare=True) as lab:
        yield lab


@pytest.fixture(params=[("bookworm", "20.10."), ("forky", "28.5.")], ids=lambda param: param[0])
def other(lab_name: str, request: pytest.FixtureRequest) -> Iterator[tuple[Lab, str]]:
    """Hosts with another engine, and its version."""
    suite, version = request.param
    with up(f"{lab_name}-{suite}", suite=suite, bare=False) as lab:
        yield lab, version


def test_bare_hosts_become_a_swarm(bare: Lab, operator: Operator) -> None:
    before = look(bare)
    assert all("docker" not in "".join(lines[:1]) for lines in before.values())
    shown = operator.provision(bare.inventory, "--check", "--diff")
    assert shown.planned("engine") == [*MANAGERS, *WORKERS]
    assert shown.planned("init") == ["m1"]
    assert shown.planned("join") == ["m2", "m3", "w1"]
    assert shown.planned("promote") == ["m2", "m3"]
    assert set(shown.changed) == {*MANAGERS, *WORKERS}
    assert_unchanged(bare, before)

    done = operator.provision(bare.inventory)
    assert done.plan == shown.plan
    assert_swarm(bare, MANAGERS, WORKERS)
    for name in (*MANAGERS, *WORKERS):
        node = host(bare, name)
        assert node.service("docker").is_running
        assert node.service("docker").is_enabled
    for name in MANAGERS:
        assert host(bare, name).run("python3 -c 'import docker, nacl, cryptography'").rc == 0
    again = operator.provision(bare.inventory)
    assert not again.changed, again
    assert again.plan == []


def test_other_engines(other: tuple[Lab, str], operator: Operator, tmp_path: Path) -> None:
    lab, version = other
    assert host(lab, "m1").check_output("docker version --format '{{.Server.Version}}'").startswith(version)
    operator.provision(lab.inventory)
    assert_swarm(lab, MANAGERS, WORKERS)
    again = operator.provision(lab.inventory)
    assert not again.changed, again
    assert again.plan == []
    autolock = {"swarm_autolock": True, "swarm_controller_dir": str(tmp_path / "controller")}
    operator.provision(lab.inventory, **autolock)
    assert not operator.provision(lab.inventory, **autolock).changed

    report = tmp_path / "health.json"
    health = operator.run("health", lab.inventory, swarm_health_json=str(report))
    assert health.ok, health
    assert json.loads(report.read_text())["verdict"] == "healthy"
