# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`recover` of swarms whose certificates have ended: of all nodes, of the managers alone, of a majority; with a damaged
log; with certificates that begin tomorrow; and broken off at each phase that this adds.

Three managers, two workers; w1 has a label, w2 is paused, and a service is bound to w1's node. The certificates are
made with an authority of the test's own, and ended an hour ago. The operator types what the refusal says.

The checker: the same swarm ID, services, secrets and configs; the survivor is the node that it was, and so is every
host whose certificate was valid; the others are new nodes with their labels; three reachable managers and one leader;
new tasks read the secret and the config, and reach each other; nobody was given up, and the join tokens are as before;
no key lies in clear; the report names the service that is bound; and the next run changes nothing.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.illness import Authority, damage_log
from tests.faults.shard_recover import told_briefly
from tests.lab.lab import Lab
from tests.lab.workload import IMAGE
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "`recover` of a swarm whose certificates have ended."
COLUMNS = ("came of it", "from", "recovered after", "new nodes")

SUITES = {"trixie": "26.1", "bookworm": "20.10", "forky": "28.5"}
MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
EVERYBODY = (*MANAGERS, *WORKERS)
LIMIT = 600
"""Seconds after which a recovery counts as hung."""
DAMAGED, EARLY = "the log of one damaged", "not valid yet"

FORCE = "recover : Make the swarm of this manager alone"
NOTE = "recover : Remember what the old node is"
NAME = "recover : Name the hosts that become new nodes"
REMOVE = "recover : Remove entries that are nobody's any more"


@dataclass(frozen=True)
class Case:
    """One point."""

    suite: str
    locked: bool
    ended: tuple[str, ...] = EVERYBODY
    besides: str = ""
    task: str = ""
    """At which task the first run is killed; empty: at none."""
    delay: float = 0.5

    @property
    def name(self) -> str:
        """For the table."""
        who = "all" if self.ended == EVERYBODY else ", ".join(self.ended)
        killed = f", killed at {self.task} + {self.delay:.1f} s" * bool(self.task)
        besides = f", {self.besides}" * bool(self.besides)
        return f"{self.suite}: {who}, {'autolock' if self.locked else 'no autolock'}{besides}{killed}"


CASES = (
    Case("bookworm", True), Case("forky", True), Case("trixie", True),
    Case("trixie", False, task=NOTE), Case("trixie", False, besides=EARLY),
    Case("trixie", True, tuple(MANAGERS)), Case("trixie", False, ("m1", "m2")),
    Case("trixie", False, besides=DAMAGED),
    Case("trixie", True, task=FORCE, delay=8.0), Case("trixie", False, task=REMOVE), Case("trixie", False, task=NAME),
    Case("trixie", True, task="rejoin : Move the state of the old node aside", delay=1.5),
    Case("trixie", False, task="rejoin : Take the old nodes out"),
    Case("trixie", False, task="rejoin : Join", delay=1.0), Case("trixie", False, task="rejoin : Place", delay=1.0),
    Case("trixie", False, task="rejoin : Note that the host is a node again", delay=0.1),
    Case("bookworm", False), Case("forky", False),
)  # fmt: skip


@dataclass
class Shared:
    """What all points use: one lab at a time."""

    operator: Operator
    folder: Path
    prefix: str = "certs"
    labs: dict[str, Lab] | None = None

    def lab(self, suite: str) -> Lab:
        """The lab of an engine, with nothing in it."""
        labs = self.labs = self.labs or {}
        if suite not in labs:
            self.end()
            labs[suite] = Lab.up(f"{self.prefix}-{suite}", managers=3, workers=2, suite=suite)
        labs[suite].reset()
        return labs[suite]

    def end(self) -> None:
        """Take down what is up."""
        while self.labs:
            self.labs.popitem()[1].down()


@dataclass
class Scene:
    """A swarm whose certificates are about to end, and what it was."""

    lab: Lab
    operator: Operator
    inventory: Path
    locked: bool
    nodes: dict[str, str]
    """Node ID by hostname."""
    swarm: dict[str, Any]
    objects: dict[str, set[tuple[str, str]]]
    tokens: str
    controller: Path

    @classmethod
    def of(cls, operator: Operator, lab: Lab, folder: Path, locked: bool) -> Scene:
        """Provision it, and put things into it."""
        folder.mkdir()
        controller = folder / "controller"
        wanted: dict[str, Any] = {"swarm_controller_dir": str(controller), "ansible_timeout": 5}
        if locked:
            wanted["swarm_autolock"] = True
        inventory = Inventories(lab, folder).write(MANAGERS, WORKERS, **wanted)
        operator.provision(inventory)
        objects.populate(lab, "m1")
        manager = lab.node("m1")
        manager.run("docker node update --label-add own=yes w1 && docker node update --label-add rack=7 m2")
        nodes = {name: node.id for name, node in swarms.by_hostname(swarms.host(lab, "m1")).items()}
        manager.run(f"docker service create --quiet --detach --no-resolve-image --name bound --constraint "
                    f"node.id=={nodes['w1']} {IMAGE} /bin/busybox sleep 1000000")
        return cls(lab, operator, inventory, locked, nodes, swarms.swarm(swarms.host(lab, "m1")),
                   objects.listed(lab, "m1"), tokens(lab, "m1"), controller)

    def end_certificates(self, names: tuple[str, ...], early: bool) -> None:
        """They end on these hosts; the engines of the others are started anew, too."""
        authority = Authority(self.lab, "m1", self.nodes)
        self.tokens = tokens(self.lab, "m1")  # with a new root certificate they are others
        restored.stop(self.lab, EVERYBODY)
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda name: authority.expire(name, self.nodes[name], early), names))
            others = [self.lab.node(name) for name in EVERYBODY if name not in names]
            list(pool.map(lambda node: node.run("systemctl start docker", check=False, timeout=90), others))

    def recover(self, *arguments: str, **variables: Any) -> Run:
        """Run `recover`."""
        done = self.operator.start("recover", self.inventory, *arguments, **variables).wait(seconds=LIMIT)
        print(f"recover {' '.join(arguments)} {variables or ''}: status {done.status}, {done.seconds:.1f} s")
        return done

    def assert_back(self, anew: set[str]) -> None:
        """It is the swarm that it was, and exactly these hosts are other nodes than before."""
        manager = swarms.host(self.lab, "m1")
        swarms.all_ready(manager)
        found = swarms.by_hostname(manager)
        assert sorted(found) == sorted(EVERYBODY)
        assert {name for name, node in found.items() if node.id != self.nodes[name]} == anew
        assert [name for name, node in sorted(found.items()) if node.reachability == "reachable"] == MANAGERS
        assert sum(node.leader for node in found.values()) == 1
        assert (found["w1"].labels.get("own"), found["m2"].labels.get("rack")) == ("yes", "7")
        assert swarms.swarm(manager)["ID"] == self.swarm["ID"]
        listed = objects.listed(self.lab, "m1")
        for kind in ("service", "network", "secret", "config"):
            assert listed[kind] == self.objects[kind], kind
        restored.assert_works(self.lab, "m1", WORKERS)
        if self.locked:
            restored.assert_keys(self.lab, "m1", MANAGERS, self.controller)


def tokens(lab: Lab, manager: str) -> str:
    """Both join tokens."""
    return lab.node(manager).run("docker swarm join-token -q worker; docker swarm join-token -q manager").stdout


def typed(run: Run) -> dict[str, str]:
    """The word that a refusal wants to be typed."""
    found = re.findall(r"-e (swarm_recover_\w+)=(\w+)", run.failures)
    assert found, run.report
    return dict(found)


def points() -> list[str]:
    """Every case, the most telling first."""
    return [case.name for case in CASES]


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
    """Make the swarm, end its certificates, and bring it back."""
    case = CASES[points().index(point)]
    with told_briefly():
        folder = shared.folder / f"point-{time.monotonic_ns()}"
        scene = Scene.of(shared.operator, shared.lab(case.suite), folder, case.locked)
        scene.end_certificates(case.ended, case.besides == EARLY)
        return _run(scene, case)


def _run(scene: Scene, case: Case) -> list[str]:
    """One point, once its certificates have ended."""
    if case.besides == DAMAGED:
        damage_log(scene.lab, "m1")
        scene.lab.node("m1").run("systemctl start docker", check=False, timeout=90)
    said = scene.recover()
    assert not said.ok, said.report
    assert not said.changed, said.report
    if case.besides == EARLY:
        assert "recover_not_yet_valid" in said.failures or "not valid yet" in said.failures, said.report
        return ["refused: they are not valid yet", "", "", ""]
    words = typed(said)
    assert words["swarm_recover_confirm"] == scene.swarm["ID"]
    if case.task:
        _kill(scene, case, words)
    done = scene.recover(**words)
    if case.besides == DAMAGED:
        # Its log cannot be read, so that nobody knows how far it went: the refusal names the best of the others.
        assert not done.ok, done.report
        done = scene.recover(**typed(done))
    assert done.ok, done.report
    assert "SWMKEY-1-" not in done.output
    came = re.search(r"^(?:recovered|recovered before).*: swarm \w+ on (\w+)$", done.output, re.MULTILINE)
    assert came is not None, done.report
    anew = set(case.ended) - {came[1]}
    if "w1" in case.ended:
        assert f"bound is bound to node {scene.nodes['w1']}" in done.output, done.report
    scene.assert_back(anew)
    assert tokens(scene.lab, "m1") == scene.tokens, "nobody was given up, and the tokens are new"
    again = scene.recover()
    assert again.ok, again.report
    assert not again.changed, again.report
    return ["recovered", came[1], f"{done.seconds:.0f} s", ", ".join(sorted(anew))]


def _kill(scene: Scene, case: Case, words: dict[str, str]) -> None:
    """Break a run off at its task."""
    headline = f"TASK [quorum.swarm.{case.task}]"
    running = scene.operator.start("recover", scene.inventory, **words)
    running.wait_for(lambda output: headline in output or "PLAY RECAP" in output, seconds=LIMIT)
    time.sleep(case.delay)
    running.kill()
    assert headline in running.output, f"there is no task {case.task} any more:\n{running.output}"
