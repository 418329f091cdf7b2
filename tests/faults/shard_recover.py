# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`recover` of swarms that lost their majority, the leader with it: how many, in which way, with and without autolock;
survivors that differ or are damaged; managers that are believed dead and live; and the dead that come back.

The swarms of five have an address pool, a subnet size and a data path port of their own. Four seconds before the loss a
config is created and a label of a service changed. The operator types what the refusal says, word for word. What nobody
can ask over ssh is so from the loss to the end of the recovery. The workers run the old swarm's tasks all the time, and
are asked over HTTP.

The checker after each: one swarm with its ID, settings, pool, port and all objects, the last config and label included;
one leader; survivors and workers are the nodes they were, all reachable and ready; new tasks read the secret and the
config, and reach each other over the overlay network; the kept unlock key is right, no key lies in clear; no failed
request; and the second run changes nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.illness import damage_log
from tests.lab.lab import Lab
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "`recover` of a swarm that has lost its majority, and the leader with it."
COLUMNS = ("lost", "came of it", "recovered from", "whole after", "failed requests", "then")

SUITES = {"trixie": "26.1", "bookworm": "20.10", "forky": "28.5"}
SIZES = {"trixie": 7, "bookworm": 5, "forky": 5}
WORKERS = ["w1", "w2"]
LIMIT = 480
"""Seconds after which a recovery counts as hung: each play waits for hosts that do not answer."""

OFF = "powered off"
KILLED = "Docker killed and hosts out of reach"
STOPPED = "Docker killed on hosts that answer"
WIPED = "disks replaced"
CUT_OFF = "cut off with a majority of their own"
FROZEN = "frozen"

MAJORITY = "back as a majority"
ONE = "one of them back"
DURING = "back during the recovery"
BEFORE = "back before the recovery"
BEHIND = "one survivor's log behind"
DAMAGED = "the fresher survivor's log damaged"
SURE = "known to be off"
UNSEEN = "a live one out of reach of ssh alone"

CASES = (
    # suite, managers, lost, how, locked, what happens besides
    ("trixie", 5, 3, OFF, True, MAJORITY),
    ("trixie", 3, 2, KILLED, False, ""),
    ("trixie", 5, 3, CUT_OFF, True, MAJORITY),
    ("trixie", 5, 3, OFF, False, BEHIND),
    ("trixie", 5, 3, FROZEN, True, MAJORITY),
    ("trixie", 5, 3, OFF, True, UNSEEN),
    ("trixie", 5, 3, OFF, True, DAMAGED),
    ("trixie", 5, 3, STOPPED, True, ""),
    ("trixie", 5, 3, OFF, True, DURING),
    ("trixie", 5, 3, OFF, False, BEFORE),
    ("trixie", 5, 3, OFF, False, SURE),
    ("trixie", 5, 3, OFF, False, ONE),
    ("trixie", 7, 4, CUT_OFF, False, ""),
    ("trixie", 7, 4, OFF, True, ""),
    ("trixie", 5, 3, WIPED, True, ""),
    ("trixie", 3, 2, CUT_OFF, True, MAJORITY),
    ("trixie", 3, 2, FROZEN, False, MAJORITY),
    ("trixie", 3, 2, OFF, True, DURING),
    ("trixie", 5, 3, KILLED, True, ""),
    ("trixie", 7, 4, FROZEN, True, ""),
    ("trixie", 7, 4, KILLED, False, ""),
    ("trixie", 3, 2, STOPPED, False, ""),
    ("trixie", 5, 3, OFF, True, BEHIND),
    ("trixie", 5, 3, OFF, True, BEFORE),
    ("bookworm", 5, 3, OFF, True, MAJORITY),
    ("bookworm", 3, 2, KILLED, False, ""),
    ("forky", 5, 3, OFF, True, MAJORITY),
    ("forky", 3, 2, KILLED, False, ""),
)


@dataclass
class Shared:
    """What all points use. One lab at a time: that of an engine comes up with its first point."""

    operator: Operator
    folder: Path
    labs: dict[str, Lab] = field(default_factory=dict)
    five: bool = False
    """Whether no more managers than five are needed."""
    prefix: str = "rec"
    """How its labs are called: a shard has its own, so that two of them can run side by side."""

    def lab(self, suite: str) -> Lab:
        """The lab of an engine, with nothing in it."""
        if suite not in self.labs:
            self.end()
            count = 5 if self.five else SIZES[suite]
            self.labs[suite] = Lab.up(f"{self.prefix}-{suite}", managers=count, workers=2, suite=suite)
        lab = self.labs[suite]
        for node in lab.managers:
            if node.state() == "running":
                reachable(lab, [node.name])
        lab.reset()
        return lab

    def end(self) -> None:
        """Take down what is up."""
        while self.labs:
            self.labs.popitem()[1].down()


@dataclass
class Scene:
    """A swarm that is about to lose its majority, and what it was."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path
    managers: list[str]
    locked: bool
    nodes: dict[str, str]
    """Node ID by hostname."""
    swarm: dict[str, Any]
    leader: str
    lost: list[str] = field(default_factory=list)
    objects: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    off: list[str] = field(default_factory=list)
    """Of the frozen, those that were powered off, because a refusal said so."""

    @classmethod
    def of(
        cls, operator: Operator, lab: Lab, folder: Path, count: int, lost: int, locked: bool, **variables: Any
    ) -> Scene:
        """Provision it, and put things into it."""
        folder.mkdir()
        managers = [f"m{number}" for number in range(1, count + 1)]
        controller = folder / "controller"
        wanted: dict[str, Any] = {"swarm_controller_dir": str(controller), "ansible_timeout": 5, **variables}
        if count == 5:
            wanted |= restored.SETTINGS
        if locked:
            wanted["swarm_autolock"] = True
        inventory = Inventories(lab, folder).write(managers, WORKERS, **wanted)
        operator.provision(inventory)
        objects.populate(lab, managers[0])
        found = swarms.by_hostname(swarms.host(lab, managers[0]))
        leader = next(name for name, node in found.items() if node.leader)
        return cls(lab, operator, inventory, controller, managers, locked,
                   {name: node.id for name, node in found.items()}, swarms.swarm(swarms.host(lab, managers[0])),
                   leader, sorted([leader, *[name for name in managers if name != leader][: lost - 1]]))  # fmt: skip

    @property
    def left(self) -> list[str]:
        """The managers that survive."""
        return [name for name in self.managers if name not in self.lost]

    def write_last(self) -> None:
        """The last change before the loss, four seconds of it: a config, and a label of a service."""
        node = self.lab.node(self.leader)
        node.run("docker config create last -", stdin="written last\n")
        node.run("docker service update --quiet --detach --label-add last=yes reader")
        time.sleep(4)
        self.objects = objects.listed(self.lab, self.leader)

    def recover(self, *arguments: str, **variables: Any) -> Run:
        """Run `recover`."""
        done = self.operator.start("recover", self.inventory, *arguments, **variables).wait(seconds=LIMIT)
        print(f"recover {' '.join(arguments)} {variables or ''}: status {done.status}, {done.seconds:.1f} s")
        return done

    def refused(self, *, started: Iterable[str] = ()) -> dict[str, Any]:
        """Run it without a word, which is refused; returns what the refusal wants to be typed.

        :param started: where Docker stands still, so that it is started before.
        """
        run = self.recover()
        assert not run.ok, run.report
        assert sorted(run.changed) == sorted(started), run.report
        return typed(run.failures)

    def assert_recovered(self, given_up: Iterable[str], managers: Iterable[str] = ()) -> None:
        """It is the swarm that it was, without those that were given up.

        :param managers: those that it has; default: the survivors.
        """
        managers = list(managers) or [name for name in self.managers if name not in set(given_up)]
        manager = host_of(managers)
        by_manager = swarms.host(self.lab, manager)
        swarms.eventually(lambda: self._all_ready(manager), "all nodes are ready and reachable", seconds=60)
        found = swarms.by_hostname(by_manager)
        kept = {name: self.nodes[name] for name in (*self.left, *WORKERS)}
        assert {name: node.id for name, node in found.items() if name in kept} == kept
        assert sorted(found) == sorted([*managers, *WORKERS]), sorted(found)
        assert sorted(name for name, node in found.items() if node.role == "manager") == sorted(managers)
        assert sum(node.leader for node in found.values()) == 1
        now = swarms.swarm(by_manager)
        for name in ("ID", "DefaultAddrPool", "SubnetSize", "DataPathPort"):
            assert now[name] == self.swarm[name], name
        for name in ("Orchestration", "Raft", "Dispatcher", "CAConfig", "EncryptionConfig"):
            said = {key: value for key, value in now["Spec"][name].items() if key != "ForceRotate"}
            was = {key: value for key, value in self.swarm["Spec"][name].items() if key != "ForceRotate"}
            assert said == was, name
        listed = objects.listed(self.lab, manager)
        for kind in ("service", "network", "secret", "config"):
            assert listed[kind] == self.objects[kind], kind
        label = self.lab.node(manager).run("docker service inspect --format '{{.Spec.Labels.last}}' reader").stdout
        assert label.strip() == "yes", "the label that was changed last is lost"
        restored.assert_works(self.lab, manager, WORKERS)
        if self.locked:
            restored.assert_keys(self.lab, manager, managers, self.controller)

    def end(self) -> None:
        """Let ssh reach all hosts again; what else is broken, the lab's reset mends."""
        for node in self.lab.managers:
            if node.state() == "running":
                reachable(self.lab, [node.name])

    def _all_ready(self, manager: str) -> bool:
        listed = swarms.members(swarms.host(self.lab, manager))
        return all(node.state == "ready" and node.reachability in ("", "reachable") for node in listed)

    def report(self) -> dict[str, Any]:
        """What the last recovery kept as its report."""
        path = max((self.controller / "reports").glob("recover-*.json"), key=lambda one: one.name)
        assert path.stat().st_mode & 0o777 == 0o600
        return dict(json.loads(path.read_text()))


def points() -> list[str]:
    """Every case, the most telling first."""
    return [f"{suite}: {lost} of {count} {how}, {'autolock' if locked else 'no autolock'}{', ' * bool(then)}{then}"
            for suite, count, lost, how, locked, then in CASES]


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
    """Make the swarm, lose its majority, and bring it back."""
    number = points().index(point)
    suite, count, lost, how, locked, then = CASES[number]
    folder = shared.folder / f"point-{number}-{time.monotonic_ns()}"
    with told_briefly():
        scene = Scene.of(shared.operator, shared.lab(suite), folder, count, lost, locked)
        try:
            return _run(scene, how, then)
        finally:
            scene.end()


@contextmanager
def told_briefly() -> Iterator[None]:
    """An error stands in a table: what the playbooks printed goes to the output alone."""
    try:
        yield
    except AssertionError as error:
        print(error)
        raise AssertionError(_brief(str(error))) from error


def _run(scene: Scene, how: str, then: str) -> list[str]:
    """One point, once its swarm is there."""
    lab, behind = scene.lab, scene.left[-1]
    if then in (BEHIND, DAMAGED):
        lab.split([behind], [name for name in (*scene.managers, *WORKERS) if name != behind])
        time.sleep(1)
    scene.write_last()
    tasks = restored.containers(lab, WORKERS)
    with lab.probe(WORKERS, period=0.1) as probe:
        lose(scene, how)
        if then in (BEHIND, DAMAGED):
            lab.heal()
        if then == DAMAGED:
            damage_log(lab, next(name for name in scene.left if name != behind))
        if then == UNSEEN:
            return _unseen(scene, probe)
        if how == STOPPED:
            return _brought_back(scene, scene.recover(), probe)
        if then == DAMAGED:
            return _damaged(scene, behind, probe)
        words = _frozen(scene) if how == FROZEN else scene.refused()
        assert words == {"swarm_recover_confirm": scene.swarm["ID"], "swarm_recover_lost": scene.lost}, words
        if then == BEFORE:
            power_on(lab, scene.lost)
            return _brought_back(scene, scene.recover(**words), probe)
        if then == SURE:
            words["swarm_recover_powered_off"] = True
        done = _returning_meanwhile(scene, words) if then == DURING else scene.recover(**words)
    assert done.ok, done.report
    assert "SWMKEY-1-" not in done.output
    assert not probe.failures, probe.failures[:3]
    assert restored.containers(lab, WORKERS) == tasks, "tasks of the workers did not run on"
    told = scene.report()
    root = swarms.swarm(swarms.host(lab, scene.left[0]))["TLSInfo"]["TrustRoot"]
    assert (root == scene.swarm["TLSInfo"]["TrustRoot"]) == (then == SURE), "the root certificate"
    assert told["given_up"] == scene.lost, told["given_up"]
    if then == BEHIND:
        assert told["host"] != behind, f"{behind} is behind, and was taken"
    came = [name for name in scene.managers if name in told["hosts"] and told["hosts"][name]["identity"] == "new"]
    back = came if how == WIPED else []
    scene.assert_recovered(scene.lost, [*scene.left, *back])
    if then != DURING:  # those that came back meanwhile are taken in by a second run
        again = scene.recover()
        assert again.ok, again.report
        assert not again.changed, again.report
    with lab.probe(WORKERS, period=0.1) as later:
        after = _afterwards(scene, how, then)
    assert not later.failures, later.failures[:3]
    came_of_it = f"refused: {', '.join(scene.off)} not down; powered off, recovered" if scene.off else "recovered"
    return [", ".join(scene.lost), came_of_it, told["host"], f"{done.seconds:.0f} s",
            f"0 of {probe.requests + later.requests}", after]


def _frozen(scene: Scene) -> dict[str, Any]:
    """A frozen host's kernel still answers for it: where a worker was connected to it, it is not taken for dead, and
    the operator powers it off, as the refusal says. Returns what is to be typed then.
    """
    done = scene.recover()
    while "is not down" in done.failures:
        assert not done.changed, done.report
        alive = sorted(set(re.findall(r"(m\d) is not down", done.failures)) - set(scene.off))
        assert alive, done.report
        scene.off.extend(alive)
        each(alive, lambda name: scene.lab.node(name).kill())
        done = scene.recover()
    return typed(done.failures)


def _returning_meanwhile(scene: Scene, words: dict[str, Any]) -> Run:
    """The dead come back, all of them, when the new swarm is about to be forced."""
    running = scene.operator.start("recover", scene.inventory, **words)
    running.wait_for(lambda output: "TASK [quorum.swarm.recover : Make the swarm of this manager alone]" in output)
    power_on(scene.lab, scene.lost)
    return running.wait(seconds=LIMIT)


def _afterwards(scene: Scene, how: str, then: str) -> str:
    """The dead come back. The recovered swarm is unharmed, they stay out, and the next run takes them in."""
    if then not in (MAJORITY, ONE, DURING):
        return ""
    back = scene.lost[:1] if then == ONE else scene.lost
    if then != DURING:
        bring(scene, how, back)
    said = "no leader among them"
    if then != ONE and not scene.locked:
        swarms.eventually(lambda: _finds_leader(scene, back), "they find a leader among themselves", seconds=60)
        said = "two swarms, split"
    elif then != ONE:
        # They are locked where they were off; a frozen or cut off one never was.
        unlock(scene, back if how == OFF else scene.off)
        swarms.eventually(lambda: _finds_leader(scene, back), "they find a leader among themselves", seconds=60)
        said = "two swarms, split"
    time.sleep(20)  # an engine that has its entry still would be a manager by now, and workers have looked around
    scene.assert_recovered(scene.lost)
    for name in WORKERS:
        peers = {one["NodeID"] for one in swarms.membership(swarms.host(scene.lab, name))["RemoteManagers"]}
        assert peers <= {scene.nodes[one] for one in scene.left}, f"{name} knows {peers}"
    health = scene.operator.run("health", scene.inventory)
    if said.endswith("split"):
        assert not health.ok, health.report
        assert "split" in health.output, health.report
    taken = scene.recover()
    assert taken.ok, taken.report
    scene.assert_recovered([name for name in scene.lost if name not in back])
    again = scene.recover()
    assert again.ok, again.report
    assert not again.changed, again.report
    return f"{said}; taken in after {taken.seconds:.0f} s"


def _brought_back(scene: Scene, done: Run, probe: Any) -> list[str]:
    """The quorum came back without anybody given up."""
    assert done.ok, done.report
    assert "SWMKEY-1-" not in done.output
    assert not list((scene.controller / "reports").glob("recover-*.json")), "there is a report of a recovery"
    scene.assert_recovered([])
    assert swarms.swarm(swarms.host(scene.lab, scene.left[0]))["TLSInfo"] == scene.swarm["TLSInfo"]
    again = scene.recover()
    assert again.ok, again.report
    assert not again.changed, again.report
    assert not probe.failures, probe.failures[:3]
    return [", ".join(scene.lost), "quorum brought back", "", f"{done.seconds:.0f} s", f"0 of {probe.requests}", ""]


def _unseen(scene: Scene, probe: Any) -> list[str]:
    """One more manager lives, and only ssh does not reach it: it is not given up."""
    hidden = scene.left[-1]
    out_of_reach(scene.lab, [hidden])
    words = {"swarm_recover_confirm": scene.swarm["ID"], "swarm_recover_lost": sorted([*scene.lost, hidden])}
    before = started(scene.lab, scene.left)
    done = scene.recover(**words)
    assert not done.ok, done.report
    assert not done.changed, done.report
    assert f"{hidden} is not down" in done.failures, done.report
    assert started(scene.lab, scene.left) == before, "a daemon was stopped"
    assert not probe.failures, probe.failures[:3]
    return [", ".join(scene.lost), f"refused: {hidden} is not down", "", f"{done.seconds:.0f} s",
            f"0 of {probe.requests}", ""]


def _damaged(scene: Scene, behind: str, probe: Any) -> list[str]:
    """Nothing damaged is taken silently; a survivor is, when it is named."""
    damaged = next(name for name in scene.left if name != behind)
    words = scene.refused(started=[damaged])
    done = scene.recover(**words)
    assert not done.ok, done.report
    # What is left of it is read as far as it goes, or not at all.
    unusable = f"{damaged}: cannot be used" in done.failures
    assert unusable or f"{damaged}: commit" in done.failures, done.report
    stands = [name for name in scene.left if "ActiveState=active" not in started(scene.lab, [name])[0]]
    assert stands == [], f"Docker was not started again on {stands}"
    words = typed(done.failures)
    assert words["swarm_recover_survivor"] == behind, words
    done = scene.recover(**words)
    assert done.ok, done.report
    told = scene.report()
    assert told["host"] == behind, told["host"]
    assert damaged in done.output
    assert not probe.failures, probe.failures[:3]
    # What the one that is behind never had is lost, and only that.
    scene.objects["config"] = {one for one in scene.objects["config"] if one[1] != "last"}
    scene.lab.node(behind).run("docker service update --quiet --detach --label-add last=yes reader")
    scene.assert_recovered(scene.lost)
    again = scene.recover()
    assert again.ok, again.report
    assert not again.changed, again.report
    return [", ".join(scene.lost), f"refused: {damaged} {'unreadable' if unusable else 'damaged'}", told["host"],
            f"{done.seconds:.0f} s", f"0 of {probe.requests}", ""]


# -- how managers are lost, and how they come back --------------------------------------------------------------------


def lose(scene: Scene, how: str) -> None:
    """All of `scene.lost`, at once."""
    lab, lost = scene.lab, scene.lost
    # Masked meanwhile, so that systemd does not start again what was killed.
    kill = ("systemctl mask --runtime --quiet docker.socket docker; systemctl kill --signal=KILL docker; "
            "systemctl stop docker.socket docker; systemctl unmask --runtime --quiet docker.socket docker")  # fmt: skip
    if how == OFF:
        each(lost, lambda name: lab.node(name).kill())
    elif how == FROZEN:
        each(lost, lambda name: lab.node(name).freeze())
    elif how in (KILLED, STOPPED):
        each(lost, lambda name: lab.node(name).run(kill))
        if how == KILLED:
            out_of_reach(lab, lost)
    elif how == CUT_OFF:
        out_of_reach(lab, lost)
        lab.split(lost, [*scene.left, *WORKERS])
    elif how == WIPED:
        each(lost, lambda name: restored.wipe(lab, [name]))


def bring(scene: Scene, how: str, names: Iterable[str]) -> None:
    """What was lost is back, with what it knows, and ssh reaches it."""
    lab, names = scene.lab, list(names)
    if how == OFF:
        power_on(lab, names)
    elif how == FROZEN:
        each([name for name in names if name not in scene.off], lambda name: lab.node(name).thaw())
        power_on(lab, [name for name in names if name in scene.off])
        close_ssh(lab, names)
    elif how == CUT_OFF:
        lab.heal()
        reachable(lab, names)
    elif how == KILLED:
        reachable(lab, names)
        each(names, lambda name: lab.node(name).run("systemctl start docker", check=False))


def power_on(lab: Lab, names: Iterable[str]) -> None:
    """Hosts that were off boot, side by side."""
    each(names, lambda name: lab.node(name).start())


def unlock(scene: Scene, names: Iterable[str]) -> None:
    """With the key that was the swarm's before the loss, as somebody would who does not know of the recovery."""
    path = scene.controller / "unlock-keys" / f"{scene.swarm['ID']}.json"
    kept = json.loads(path.read_text())
    keys = sorted(set(re.findall(r"SWMKEY-1-[A-Za-z0-9+/]+", json.dumps(kept))))
    ask = "docker info --format '{{.Swarm.LocalNodeState}}'"

    def one(name: str) -> None:
        node = scene.lab.node(name)
        for key in keys:
            if node.run(ask, timeout=90).stdout.strip() == "locked":
                # Without a quorum it waits for the others, who are unlocked beside it.
                node.run("timeout 25 docker swarm unlock", check=False, stdin=key + "\n", timeout=60)

    each(names, one)


def out_of_reach(lab: Lab, names: Iterable[str]) -> None:
    """Nothing but ssh is kept from these hosts."""
    each(names, lambda name: lab.node(name).run("iptables -w -t mangle -A INPUT -p tcp --dport 22 -j DROP"))
    close_ssh(lab, names)


def reachable(lab: Lab, names: Iterable[str]) -> None:
    """The end of it."""
    each(names, lambda name: lab.node(name).run("iptables -w -t mangle -F INPUT"))


def close_ssh(lab: Lab, names: Iterable[str]) -> None:
    """End connections that ssh kept open to hosts that are not what they were."""
    for name in names:
        subprocess.run(["ssh", "-F", str(lab.ssh_config), "-O", "exit", name], check=False, capture_output=True)


def each(names: Iterable[str], what: Any) -> None:
    """Do it for all of them, side by side."""
    names = list(names)
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        list(pool.map(what, names))


# -- what is asked -----------------------------------------------------------------------------------------------------


def typed(failures: str) -> dict[str, Any]:
    """The options that a refusal wants to be typed."""
    found = re.search(r"-e swarm_recover_confirm=(\S+) -e '(\{.*?\})'(?: -e swarm_recover_survivor=(\w+))?", failures)
    assert found is not None, failures
    words: dict[str, Any] = {"swarm_recover_confirm": found[1], **json.loads(found[2])}
    return {**words, "swarm_recover_survivor": found[3]} if found[3] else words


def started(lab: Lab, names: Iterable[str]) -> list[str]:
    """When Docker was started on these hosts."""
    ask = "systemctl show docker --property=ExecMainStartTimestampMonotonic,ActiveState"
    return [lab.node(name).run(ask).stdout for name in names]


def host_of(names: Iterable[str]) -> str:
    """One that can be asked."""
    return next(iter(names))


def _finds_leader(scene: Scene, names: Iterable[str]) -> bool:
    """Whether one of them lists nodes: a swarm of their own."""
    return any(scene.lab.node(name).run("timeout 15 docker node ls", check=False).returncode == 0 for name in names)


def _brief(text: str) -> str:
    """A failure for a table: no paths, no page of output."""
    fatal = re.findall(r'"msg": "(.*?)"', text)
    first = text.splitlines()[0] if text else ""
    first = re.sub(r"/\S+/", "", first)
    return f"{first[:160]}{': ' if fatal else ''}{re.sub(r'/tmp/[^ ]*', '…', fatal[-1])[:240] if fatal else ''}"
