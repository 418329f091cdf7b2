# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a swarm on hosts that are odd (`tests/lab/odd.py`): provision, health, backup, drill, heal, recover.

Three managers and a worker, with autolock. In most worlds the hosts were odd before the swarm was, and all has to
work: provision twice; health; a backup, and its drill; Docker stopped on a manager, or its power cut, and heal; the
power of two managers cut, and recover; the two powered on again, and provision. In the others the hosts of a healthy
swarm become odd, and what a playbook cannot do there it has to say, with nothing changed.

The checker: one swarm with its ID and all objects; every node the one that it was, until it is given up; all managers
of the inventory reachable in the end; new tasks read the secret and the config, and reach each other; no key lies in
clear; no container of the worker ever ended.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.shard_recover import told_briefly, typed
from tests.lab import odd
from tests.lab.lab import Lab
from tests.lab.node import RUNNING
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "Each playbook on hosts that are odd."
COLUMNS = ("provision", "health", "backup", "drill", "heal", "recover", "two managers back")

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1"]
ILL, LEFT = "m2", "m2"
"""The manager that falls ill; the one that is left when the other two are lost."""
LOST = ["m1", "m3"]
LIMIT = 1200
"""Seconds after which a playbook counts as hung: the machine may be busy."""
PREFIX = os.environ.get("QS_WORLDS_LAB", "worlds")
"""How its labs are called."""

PLAIN, MIXED = "plain", "mixed"
MIXTURE = {
    "m1": ["sudo", "second-address"],
    "m2": ["no-socket", "no-client"],
    "m3": ["data-root-env", "other-python"],
    "w1": ["sudo-password", "docker-folder", "no-pipelining"],
}
"""No two hosts alike: the point that `make test` runs."""
BORN = (PLAIN, MIXED, "data-root-env", "no-socket", "masked-socket", "not-enabled", "no-client",
        "other-python", "docker-folder", "sudo", "sudo-password", "no-pipelining", "second-address",
        "loopback-address", "ipv6", "other-port", "userns-remap")  # fmt: skip
"""Worlds in which all has to work."""
STRUCK: dict[str, tuple[list[str], str]] = {
    "user": ([*MANAGERS, *WORKERS], r"\broot\b"),
    "bare-python": (["m3"], r"python3-docker|SDK"),
    "full-tmp": (["m3"], r"full|[Nn]o space left|room"),
    "readonly-tmp": (["m3"], r"[Rr]ead-only|cannot be written|not writable"),
}
"""Worlds that come over a healthy swarm: where, and what has to be said there (a regular expression)."""
CENTRAL = ("data-root-env", "no-socket", "no-client", "sudo", "not-enabled")
"""Worlds that are tried on every engine."""
SUITES = {"trixie": (*BORN, *STRUCK), "bookworm": CENTRAL, "forky": CENTRAL}


@dataclass
class Shared:
    """What all points use. One lab at a time."""

    operator: Operator
    folder: Path
    labs: dict[str, Lab] = field(default_factory=dict)
    prefix: str = PREFIX

    def lab(self, suite: str, odd_as: Mapping[str, Iterable[str]] | Iterable[str]) -> Lab:
        """The lab of an engine, with nodes that are odd and have no swarm."""
        if suite not in self.labs:
            self.end()
        lab = self.labs[suite] = Lab.up(f"{self.prefix}-{suite}", managers=3, workers=1, suite=suite, odd=odd_as)
        lab.reset()
        return lab

    def end(self) -> None:
        """Take down what is up."""
        while self.labs:
            self.labs.popitem()[1].down()


@dataclass
class Scene:
    """A swarm in its world."""

    operator: Operator
    lab: Lab
    world: str
    folder: Path
    inventory: Path = Path()
    swarm_id: str = ""
    nodes: dict[str, str] = field(default_factory=dict)
    """Node ID by hostname."""
    objects: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    tasks: set[str] = field(default_factory=set)
    """The containers of the worker's tasks."""

    @property
    def controller(self) -> Path:
        """The folder that the controller keeps."""
        return self.folder / "controller"

    def written(self, **hosts: Any) -> Path:
        """An inventory of all nodes, as the lab has them."""
        return Inventories(self.lab, self.folder).write(
            MANAGERS, WORKERS, hosts=hosts, swarm_controller_dir=str(self.controller), ansible_timeout=30,
            swarm_autolock=True,
        )  # fmt: skip

    def run(self, verb: str, *arguments: str, **variables: Any) -> Run:
        """One playbook, whatever comes of it."""
        done = self.operator.start(verb, self.inventory, *arguments, **variables).wait(seconds=LIMIT)
        print(f"{self.world}: {verb} {variables or ''}: status {done.status}, {done.seconds:.0f} s")
        assert "SWMKEY-1-" not in done.output
        assert "Traceback (most recent call last)" not in done.output, done.report
        return done

    def well(self, verb: str, *arguments: str, **variables: Any) -> Run:
        """One playbook that has to end well."""
        done = self.run(verb, *arguments, **variables)
        assert done.ok, done.report
        return done

    def remember(self) -> None:
        """Put things into the swarm, and note what it is."""
        with clients(self.lab):
            objects.populate(self.lab, "m1")
            self.swarm_id = str(swarms.swarm(swarms.host(self.lab, "m1"))["ID"])
            self.nodes = {name: node.id for name, node in swarms.by_hostname(swarms.host(self.lab, "m1")).items()}
            self.objects = objects.listed(self.lab, "m1")
            swarms.eventually(lambda: restored.containers(self.lab, WORKERS)["w1"], "the worker has tasks", seconds=90)
            time.sleep(3)
            self.tasks = restored.containers(self.lab, WORKERS)["w1"]

    def check(self, managers: list[str], kept: list[str]) -> None:
        """The checker.

        :param managers: those that there are.
        :param kept: nodes that are the ones that they were.
        """
        with clients(self.lab):
            asked = managers[0]
            by_manager = swarms.host(self.lab, asked)
            swarms.eventually(
                lambda: all(node.state == "ready" and node.reachability in ("", "reachable")
                            for node in swarms.members(by_manager)), "all nodes are ready", seconds=120)  # fmt: skip
            found = swarms.by_hostname(by_manager)
            roles = {name: node.role for name, node in found.items()}
            assert roles == {**dict.fromkeys(managers, "manager"), **dict.fromkeys(WORKERS, "worker")}, roles
            assert {name: found[name].id for name in kept} == {name: self.nodes[name] for name in kept}
            assert swarms.swarm(by_manager)["ID"] == self.swarm_id
            for kind, things in objects.listed(self.lab, asked).items():
                assert kind == "node" or things == self.objects[kind], kind
            assert self.tasks <= restored.containers(self.lab, WORKERS)["w1"], "a task of the worker ended"
            restored.assert_works(self.lab, asked, WORKERS)
            restored.assert_keys(self.lab, asked, [], self.controller)
            for name in managers:
                root = self.lab.node(name).run("docker info --format '{{.DockerRootDir}}'").stdout.strip()
                clear = f"grep -rl -e '-BEGIN PRIVATE KEY' --exclude-dir=aside {root}/swarm /var/lib/quorum.swarm"
                assert self.lab.node(name).run(clear, check=False).stdout == "", name


@contextmanager
def clients(lab: Lab) -> Iterator[None]:
    """While this lasts, nodes that have no command `docker` have one: the checker's, not the collection's."""
    def each(script: str) -> None:
        for node in lab.nodes:
            if node.state() == RUNNING:
                node.run(f"[ ! -e /usr/bin/docker.off ] || {script}")

    each("ln -sf docker.off /usr/bin/docker")
    try:
        yield
    finally:
        each("rm -f /usr/bin/docker")


def points() -> list[str]:
    """Every world, on every engine that it is tried on."""
    return [f"{suite}: {world}" for suite, worlds in SUITES.items() for world in worlds]


@contextmanager
def session() -> Iterator[Shared]:
    """A lab of its own, one engine at a time."""
    with tempfile.TemporaryDirectory() as name:
        shared = Shared(Operator(Path(name)), Path(name))
        try:
            yield shared
        finally:
            shared.end()


def run(shared: Shared, point: str) -> list[str]:
    """One world."""
    suite, _, world = point.partition(": ")
    folder = shared.folder / f"{suite}-{world}-{time.monotonic_ns()}"
    folder.mkdir()
    alike = [world] if world in BORN and world != PLAIN else []
    born: Mapping[str, Iterable[str]] | Iterable[str] = MIXTURE if world == MIXED else alike
    with told_briefly():
        scene = Scene(shared.operator, shared.lab(suite, born), world, folder)
        return _struck(scene) if world in STRUCK else _born(scene)


def _born(scene: Scene) -> list[str]:
    """A world in which all has to work."""
    lab = scene.lab
    scene.inventory = scene.written()
    cells = [_seconds(scene.well("provision"))]
    scene.remember()
    again = scene.well("provision")
    assert not again.changed, again.report
    cells.append(_said(scene.well("health")))
    cells.append(_seconds(scene.well("backup")))
    cells.append(_seconds(scene.well("drill")))
    scene.check(MANAGERS, [*MANAGERS, *WORKERS])
    if scene.world == "not-enabled":
        lab.node(ILL).kill()
        time.sleep(20)
        lab.node(ILL).start()
    else:
        lab.node(ILL).run("systemctl stop docker.socket; systemctl stop docker.service", check=False)
        time.sleep(20)
    cells.append(_seconds(scene.well("heal")))
    scene.check(MANAGERS, [*MANAGERS, *WORKERS])
    for name in LOST:
        lab.node(name).kill()
    time.sleep(20)
    refused = scene.run("recover")
    assert not refused.ok, refused.report
    words = typed(refused.failures)
    assert words == {"swarm_recover_confirm": scene.swarm_id, "swarm_recover_lost": LOST}, words
    cells.append(_seconds(scene.well("recover", **words)))
    scene.check([LEFT], [LEFT, *WORKERS])
    for name in LOST:
        lab.node(name).start()
    if scene.world == "not-enabled":
        scene.well("heal")
    cells.append(_seconds(scene.well("provision")))
    scene.check(MANAGERS, [LEFT, *WORKERS])
    last = scene.well("provision")
    assert not last.changed, last.report
    return cells


def _struck(scene: Scene) -> list[str]:
    """A world that comes over a healthy swarm: each playbook says what it cannot do, and changes nothing there."""
    lab, world = scene.lab, scene.world
    where, words = STRUCK[world]
    scene.inventory = scene.written()
    scene.well("provision")
    scene.remember()
    for name in where:
        node = lab.node(name)
        for script in (odd.made_script([world], node.addr), odd.boot_script([world], node.addr)):
            if script:
                node.run(["sh", "-s"], stdin=script)
    scene.inventory = scene.written(**{name: odd.variables([world], lab.node(name).addr) for name in where})
    before = swarms.settled(lab)
    cells = []
    steps: list[tuple[str, dict[str, Any]]] = [
        ("provision", {}), ("health", {}), ("backup", {"swarm_backup_hosts": ["m3"]}), ("drill", {}), ("heal", {})]
    for verb, variables in steps:
        done = scene.run(verb, **variables)
        assert not done.ok or not done.changed, done.report
        cells.append(_told(done, words))
    swarms.assert_unchanged(lab, before)
    scene.check(MANAGERS, [*MANAGERS, *WORKERS])
    # A host that cannot run a module lives. Whatever a recovery proposes, it is not among the lost.
    for name in LOST[:1]:
        lab.node(name).kill()
    lab.node("m3").run("systemctl stop docker.socket docker")
    time.sleep(20)
    done = scene.run("recover")
    proposed = re.search(r"swarm_recover_lost[^\n]{0,80}\bm3\b", done.output)
    assert not proposed, done.report
    cells.append(_told(done, words) if not done.ok else f"brought back, {done.seconds:.0f} s")
    return [*cells, ""]


def _seconds(run: Run) -> str:
    return f"{run.seconds:.0f} s"


def _said(run: Run) -> str:
    """The findings that health names, else that there are none."""
    found = dict.fromkeys(re.findall(r"^  ([a-z]+(?:_[a-z]+)+): ", run.output, re.MULTILINE))
    return ", ".join(found) or "well"


def _told(run: Run, words: str) -> str:
    """A playbook that could not, and said why; or that could do without."""
    if run.ok:
        return f"well, {run.seconds:.0f} s"
    assert re.search(words, run.failures) or re.search(words, run.output.partition("PLAY RECAP")[0]), run.report
    return f"told, {run.seconds:.0f} s"
