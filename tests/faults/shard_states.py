# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managers that Docker's own commands made, in all the ways in which they come to be.

Three managers and a worker. A point makes the swarm so that one manager came to be in its way, and looks at that one:
its state, read cold, says what the API says, with the address that the swarm knows; `health` names it where it was told
no address; it is backed up, the archive is proven and drilled; then the other two are lost, and the swarm is recovered
from it as the node that it was.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.shard_recover import told_briefly
from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.material import Capture
from tests.material.make import settle, take, truth
from tests.material.truth import compare
from tests.testinfra import swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "Managers made by Docker's own commands: read, backed up, drilled, and the swarm recovered from one."
COLUMNS = ("docker-state.json", "in the swarm", "health", "backup", "drill", "recovered after")

LAB = "states"
MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1"]
LIMIT = 600
"""Seconds after which a run counts as hung."""
STATE = "/var/lib/docker/swarm"

MADE = {
    "swarm init": "",
    "swarm init, by interface": "--advertise-addr eth0",
    "swarm init, another port": "--advertise-addr {addr}:4567 --listen-addr 0.0.0.0:4567",
    "swarm init, listen address": "--listen-addr {addr}:2377",
}
"""How m1 made the swarm, which is the one that is looked at then."""
JOINED = {
    "swarm join": "",
    "swarm join, by interface": "--advertise-addr eth0",
    "swarm join, another port": "--listen-addr 0.0.0.0:5678",
    "swarm join, address and port": "--advertise-addr {addr}:5678 --listen-addr 0.0.0.0:5678",
    "swarm join, listen address": "--listen-addr {addr}:2377",
    "swarm join, listen interface": "--listen-addr eth0:2377",
    "swarm join, data path address": "--data-path-addr {addr}",
    "swarm join, data path interface": "--data-path-addr eth0",
}
"""How m2 joined as a manager."""
PROMOTED, AGAIN, API = "promoted worker", "demoted and promoted again", "by the API, as community.docker does"
WAYS = (*MADE, *JOINED, PROMOTED, AGAIN, API)
CENTRAL = ("swarm join", PROMOTED, AGAIN, API, "swarm join, another port", "swarm init")

CASES = (
    *(("trixie", way, locked) for way in WAYS for locked in (True, False)),
    *((suite, way, True) for suite in ("bookworm", "forky") for way in WAYS),
    *((suite, way, False) for suite in ("bookworm", "forky") for way in CENTRAL),
)

# What community.docker's docker_swarm with state=join sends, by the same library.
_API_JOIN = """
import docker, sys
docker.APIClient().join_swarm(remote_addrs=[sys.argv[1]], join_token=sys.argv[2], listen_addr="0.0.0.0:2377",
                              advertise_addr=None)
"""


@dataclass
class Shared:
    """One lab at a time."""

    operator: Operator
    folder: Path
    lab: Lab | None = field(default=None)
    suite: str = ""

    def of(self, suite: str) -> Lab:
        """A lab of this engine, without a swarm."""
        if self.suite != suite or self.lab is None:
            self.end()
            self.lab, self.suite = Lab.up(f"{LAB}-{suite}", managers=3, workers=1, suite=suite), suite
        for node in self.lab.nodes:
            node.start()
        self.lab.reset()
        return self.lab

    def end(self) -> None:
        """Take down what is up."""
        if self.lab is not None:
            self.lab.down()
        self.lab = None


def points() -> list[str]:
    """Every case."""
    return [f"{suite}: {way}, {'autolock' if locked else 'no autolock'}" for suite, way, locked in CASES]


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
    """Make the swarm, look at the manager, and have it bring the swarm back."""
    suite, way, locked = CASES[points().index(point)]
    with told_briefly():
        lab = shared.of(suite)
        folder = Path(tempfile.mkdtemp(dir=shared.folder))
        return _run(lab, shared.operator, folder, way, locked)


def make(lab: Lab, way: str, locked: bool) -> Node:
    """The swarm; the manager that came to be in this way."""
    m1, m2, m3 = (lab.node(name) for name in MANAGERS)
    how = MADE.get(way, f"--advertise-addr {m1.addr}").format(addr=m1.addr)
    m1.run(f"docker swarm init {how}{' --autolock' if locked else ''}")
    remote = f"{m1.addr}:{4567 if '4567' in how else 2377}"
    tokens = {role: m1.run(f"docker swarm join-token -q {role}").stdout.strip() for role in ("manager", "worker")}
    join = f"docker swarm join --token {tokens['manager']}"
    if way in (PROMOTED, AGAIN):
        m2.run(f"docker swarm join --token {tokens['worker']} {remote}")
        m1.run("docker node promote m2")
        _is_manager(m2)
    elif way == API:
        m2.run(["python3", "-", remote, tokens["manager"]], stdin=_API_JOIN)
    else:
        m2.run(f"{join} {JOINED.get(way, '').format(addr=m2.addr)} {remote}")
    if way == AGAIN:
        m1.run("docker node demote m2")
        m2.run("until ! docker node ls; do sleep 0.5; done; sleep 3")
        m1.run("docker node promote m2")
        _is_manager(m2)
    m3.run(f"{join} --advertise-addr {m3.addr} {remote}")
    lab.node("w1").run(f"docker swarm join --token {tokens['worker']} {remote}")
    m1.run("echo -n hunter2 | docker secret create password -")
    return m1 if way in MADE else m2


def _is_manager(node: Node) -> None:
    node.run("until docker node ls; do sleep 0.5; done")


def read(lab: Lab, node: Node, locked: bool) -> tuple[dict[str, str], str]:
    """Compare the state of a manager, taken cold, with what another one says. What docker-state.json has, and the
    address that the swarm has.
    """
    key = node.run("docker swarm unlock-key -q").stdout.strip() if locked else None
    if key:
        node.run(f"until grep -q ENCRYPTED {STATE}/certificates/swarm-node.key; do sleep 0.3; done")
    answers = settle(lab.node("m3"), 120)
    node.run("systemctl stop docker.socket docker.service")
    files = take(node)
    node.run("systemctl start docker.socket docker.service")
    if key:
        node.run(["docker", "swarm", "unlock"], stdin=key + "\n")
    capture = Capture(node.name, answers["version"]["Version"], key, truth(answers))
    assert compare(capture, files) == []
    own = next(item["ID"] for item in answers["nodes"] if item["Description"]["Hostname"] == node.name)
    settings = json.loads(files["docker-state.json"])
    said = {name: settings[name] for name in ("AdvertiseAddr", "ListenAddr", "DataPathAddr")}
    return said, capture.truth["managers"][own]


def _run(lab: Lab, operator: Operator, folder: Path, way: str, locked: bool) -> list[str]:
    node = make(lab, way, locked)
    settings, address = read(lab, node, locked)
    others = [name for name in MANAGERS if name != node.name]
    inventory = Inventories(lab, folder).write(
        MANAGERS, WORKERS, swarm_controller_dir=str(folder / "controller"), swarm_availability="active",
        ansible_timeout=10)  # fmt: skip

    def do(verb: str, **variables: object) -> Run:
        done = operator.start(verb, inventory, **variables).wait(seconds=LIMIT)
        assert done.ok, done.report
        assert "SWMKEY-1-" not in done.output
        return done

    swarms.eventually(lambda: _whole(lab, node.name), "the swarm is whole", seconds=120)
    do("provision")
    do("health", swarm_health_json=str(folder / "health.json"))
    ids = {item["id"] for item in json.loads((folder / "health.json").read_text())["findings"]}
    loose = settings["AdvertiseAddr"] == ""
    assert not loose or "address_not_pinned" in ids
    taken = do("backup", swarm_backup_hosts=[node.name])
    do("verify_backup")
    drilled = do("drill")
    nodes = swarms.by_hostname(swarms.host(lab, node.name))
    swarm_id = swarms.swarm(swarms.host(lab, node.name))["ID"]
    for name in others:
        lab.node(name).kill()
    back = do("recover", swarm_recover_confirm=swarm_id, swarm_recover_lost=others, swarm_recover_powered_off=True)
    found = swarms.by_hostname(swarms.host(lab, node.name))[node.name]
    assert (found.id, found.leader, found.addr) == (nodes[node.name].id, True, address)
    assert "password" in node.run("docker secret ls").stdout
    told = ", ".join(f"{name} {value or 'empty'}" for name, value in settings.items())
    return [told, address, "not pinned" if loose else "pinned", f"{taken.seconds:.0f} s", f"{drilled.seconds:.0f} s",
            f"{back.seconds:.0f} s"]  # fmt: skip


def _whole(lab: Lab, asked: str) -> bool:
    found = swarms.by_hostname(swarms.host(lab, asked))
    reached = {name for name, node in found.items() if node.reachability == "reachable"}
    return reached == set(MANAGERS) and all(node.state == "ready" for node in found.values())
