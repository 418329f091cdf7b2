# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the captures of this folder anew: `python3 -m tests.material.make [SUITE ...]`, from the checkout's root.

For each suite it brings up a lab of its own (three managers), builds a swarm, and takes a manager's state directory at
telling moments, each time with the engine stopped in order and with the API's answers from just before. It takes about
three minutes a suite, and it reads every capture back and compares it with the truth before it keeps it.

Touches the lab `material-SUITE` and this folder.
"""
from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.lab import Lab, Node
from tests.material import Capture, store
from tests.material.truth import compare

SUITES = ("bookworm", "trixie", "forky")
CASES = ("plain", "snapshot", "rotating", "locked", "received", "rekeyed", "promoted", "second-segment")
STATE = "/var/lib/docker/swarm"

# Runs on a node: the API's answers, as one JSON object.
_ASK = """
import http.client, json, socket, sys
class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/docker.sock")
def ask(method, path, body=None):
    local = Local("localhost", timeout=60)
    local.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    answer = local.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {text}")
    return json.loads(text) if text.strip() else None
"""
_TRUTH = _ASK + """
print(json.dumps({path: ask("GET", "/" + path) for path in (
    "version", "swarm", "nodes", "services", "tasks", "networks", "secrets", "configs", "volumes")}))
"""
# Runs on a node: relabels a manager many times. argv: how often, how many bytes, a file whose existence ends it.
CHURN = _ASK + """
import os
times, size, until = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def relabel(turn):
    node = ask("GET", "/nodes/" + ask("GET", "/info")["Swarm"]["NodeID"])
    node["Spec"].setdefault("Labels", {})["churn"] = (str(turn) + "x" * size)[:size]
    try:
        ask("POST", f"/nodes/{node['ID']}/update?version={node['Version']['Index']}", node["Spec"])
    except SystemExit as refusal:
        if "out of sequence" not in str(refusal):
            raise
        relabel(turn)
for turn in range(times):
    relabel(turn)
    if until and any(name.startswith(until) for name in os.listdir("/var/lib/docker/swarm/raft/wal-v3-encrypted")):
        break
"""
# Runs on a node: the state directory without the zeros behind the log, as JSON of base64. argv: "everything" for what
# holds no raft state too, of the preallocated next segment only the beginning.
_CAPTURE = """
import base64, json, os, sys
files = {}
for folder, _, names in os.walk("/var/lib/docker/swarm"):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".wal"):
            with open(path, "rb") as file:
                content = file.read().rstrip(b"\\0")
            content += bytes(512)  # a record may end in zeros of its own
        elif name.endswith((".tmp", ".db")) and "everything" not in sys.argv:
            continue
        else:
            with open(path, "rb") as file:
                content = file.read(4096 if name.endswith(".tmp") else -1)
        files[os.path.relpath(path, "/var/lib/docker/swarm")] = base64.b64encode(content).decode()
print(json.dumps(files))
"""


def truth(answers: dict[str, Any]) -> dict[str, Any]:
    """What the API says, in the reader's words: [ID, name, version] by kind, and the managers' addresses by node ID.

    The API gives no version for networks.
    """
    nodes = {node["ID"]: node for node in answers["nodes"]}
    services = {service["ID"]: service["Spec"]["Name"] for service in answers["services"]}

    def listed(items: list[dict[str, Any]], name: Callable[[dict[str, Any]], str]) -> list[list[Any]]:
        return sorted([item["ID"], name(item), item["Version"]["Index"]] for item in items)

    volumes = [volume["ClusterVolume"] | {"Name": volume["Name"]}
               for volume in answers["volumes"]["Volumes"] or () if "ClusterVolume" in volume]
    return {
        "cluster": listed([answers["swarm"]], lambda item: item["Spec"]["Name"]),
        "node": listed(answers["nodes"], lambda item: item["Description"]["Hostname"]),
        "service": listed(answers["services"], lambda item: item["Spec"]["Name"]),
        "task": listed(answers["tasks"], lambda item: (
            f"{services.get(item['ServiceID'], '?')}.{item.get('Slot') or item['NodeID']}")),
        "network": sorted([item["Id"], item["Name"], None] for item in answers["networks"] if item["Scope"] == "swarm"),
        "secret": listed(answers["secrets"], lambda item: item["Spec"]["Name"]),
        "config": listed(answers["configs"], lambda item: item["Spec"]["Name"]),
        "volume": listed(volumes, lambda item: item["Name"]),
        "managers": {identifier: node["ManagerStatus"]["Addr"] for identifier, node in nodes.items()
                     if "ManagerStatus" in node},
    }


def ask(node: Node) -> dict[str, Any]:
    """All answers of a manager's API that a capture is compared with."""
    return dict(json.loads(node.run(["python3", "-"], stdin=_TRUTH).stdout))


def settle(node: Node, seconds: float = 60) -> dict[str, Any]:
    """Wait until the answers have not changed for three seconds, and return them."""
    end = time.monotonic() + seconds
    before = ask(node)
    quiet_since = time.monotonic()
    while time.monotonic() < end:
        time.sleep(1)
        now = ask(node)
        if truth(now) != truth(before):
            before, quiet_since = now, time.monotonic()
        elif time.monotonic() - quiet_since > 3:
            return now
    raise RuntimeError(f"{node.name}: the swarm does not come to rest")


def take(node: Node, everything: bool = False) -> dict[str, bytes]:
    """The state directory of a node whose engine is stopped; with everything: also the files without raft state."""
    words = ["python3", "-", *(["everything"] if everything else [])]
    files = json.loads(node.run(words, stdin=_CAPTURE, timeout=300).stdout)
    return {path: base64.b64decode(content) for path, content in files.items()}


class Maker:
    """Makes the captures of one suite."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.lab = Lab.up(f"material-{suite}", managers=3, workers=0, suite=suite)
        self.m1, self.m2, self.m3 = self.lab.managers
        self.unlock_key: str | None = None

    def run(self) -> None:
        """All cases, in an order in which each builds on what is there."""
        self.swarm()
        self.case("plain", self.m2)
        self.m1.run("docker swarm update --snapshot-interval 8 --max-snapshots 1")
        self.churn(self.m1, 20)
        self.case("snapshot", self.m1)
        self.rotating()
        self.case("locked", self.m1)
        self.received()
        self.rotate_unlock_key()
        self.case("rekeyed", self.m3)
        self.promoted()
        self.segments()

    def swarm(self) -> None:
        """A swarm with objects of every kind, some of them changed and removed again."""
        self.m1.run(f"docker swarm init --advertise-addr {self.m1.addr}")
        token = self.m1.run("docker swarm join-token -q manager").stdout.strip()
        for node in (self.m2, self.m3):
            node.run(f"docker swarm join --advertise-addr {node.addr} --token {token} {self.m1.addr}:2377")
        self.lab.workload_up("m1")
        self.m1.run(
            "docker network create -d overlay --label team=blue net-a && docker network create -d overlay net-b &&"
            "echo -n hunter2 | docker secret create --label team=blue password - &&"
            "echo -n listen=1 | docker config create settings - &&"
            "docker service create -d --no-resolve-image --endpoint-mode dnsrr --name web --network net-a --replicas 2 "
            "--secret password --config settings --label tier=front lab/web:1 /bin/busybox sleep 100000 &&"
            "docker service create -d --no-resolve-image --endpoint-mode dnsrr --name gone --replicas 1 lab/web:1 "
            "/bin/busybox sleep 100000 && docker service rm gone && docker network rm net-b &&"
            "docker node update --label-add rack=r1 m2")
        if self.suite != "bookworm":  # cluster volumes came with 23.0; no driver is there, so it stays pending
            self.m1.run("docker volume create --driver lab/csi --type mount --scope single --sharing none volume-a")

    def churn(self, node: Node, times: int, size: int = 8, until: str = "") -> None:
        """Write many entries."""
        node.run(["python3", "-", str(times), str(size), until], stdin=CHURN, timeout=600)

    def case(self, name: str, node: Node, kept: bool = True, before_start: Callable[[], object] = lambda: None) -> None:
        """Stop a manager in order, take its state, compare it with the API's answers, keep it, start the manager."""
        answers = settle(node)
        node.run("systemctl stop docker.socket docker.service")
        files = take(node)
        before_start()
        node.run("systemctl start docker.socket docker.service")
        if self.unlock_key:
            node.run(["docker", "swarm", "unlock"], stdin=self.unlock_key + "\n")
        self.keep(name, files, answers, kept)

    def keep(self, name: str, files: dict[str, bytes], answers: dict[str, Any], kept: bool = True) -> None:
        """Compare, and store."""
        capture = Capture(f"{self.suite}-{name}", answers["version"]["Version"], self.unlock_key, truth(answers))
        began = time.monotonic()
        problems = compare(capture, files)
        seconds = time.monotonic() - began
        size = store(capture, files) if kept and not problems else 0
        print(f"{capture.name}: {sum(map(len, files.values())):,} bytes read in {seconds:.2f} s, stored {size:,};"
              f" {'; '.join(problems) or 'as the API says'}", flush=True)
        if problems:
            raise RuntimeError(f"{capture.name} differs from what the API says")

    def rotating(self) -> None:
        """Autolock, and the engine of one manager stopped before its change of data keys is through.

        The change ends with a snapshot. Here none can be written, so the manager goes on with both keys.
        """
        snapshots = f"{STATE}/raft/snap-v3-encrypted"
        self.m3.run(f"mount --bind {snapshots} {snapshots} && mount -o remount,bind,ro {snapshots}")
        self.m1.run("docker swarm update --autolock=true")
        self.unlock_key = self.m1.run("docker swarm unlock-key -q").stdout.strip()
        self.m3.run(f"until grep -q raft-dek-pending {STATE}/certificates/swarm-node.key; do sleep 0.2; done")
        self.churn(self.m1, 12)
        self.case("rotating", self.m3, before_start=lambda: self.m3.run(f"umount {snapshots}"))
        self.m1.run(f"until grep -q ENCRYPTED {STATE}/certificates/swarm-node.key; do sleep 0.2; done")
        self.churn(self.m1, 15)

    def rotate_unlock_key(self) -> None:
        """Another unlock key, and wait until the manager that is captured next has it."""
        before = self.m3.run(f"grep kek-version {STATE}/certificates/swarm-node.key").stdout.strip()
        self.unlock_key = self.m1.run("docker swarm unlock-key --rotate -q").stdout.strip()
        self.m3.run(f"while grep -q '{before}' {STATE}/certificates/swarm-node.key; do sleep 0.2; done")

    def received(self) -> None:
        """A manager that joined when the leader no longer had the first entries: it was sent a snapshot."""
        self.m1.run("docker node demote m3 && sleep 1")
        self.m3.run("docker swarm leave --force")
        self.m1.run("until docker node ls | grep -q 'm3.*Down'; do sleep 0.5; done; docker node rm --force m3")
        self.churn(self.m1, 600)
        token = self.m1.run("docker swarm join-token -q manager").stdout.strip()
        self.m3.run(f"docker swarm join --advertise-addr {self.m3.addr} --token {token} {self.m1.addr}:2377")
        self.m3.run(f"until grep -q ENCRYPTED {STATE}/certificates/swarm-node.key; do sleep 0.2; done")
        self.case("received", self.m3)

    def promoted(self) -> None:
        """A worker that joined as Docker's documentation shows it, without an address, and was promoted, demoted and
        promoted again: its own files do not say where it is.
        """
        self.m1.run("docker node demote m2 && sleep 1")
        self.m2.run("docker swarm leave --force")
        self.m1.run("until docker node ls | grep -q 'm2.*Down'; do sleep 0.5; done; docker node rm --force m2")
        token = self.m1.run("docker swarm join-token -q worker").stdout.strip()
        self.m2.run(f"docker swarm join --token {token} {self.m1.addr}:2377")
        self.m1.run("docker node promote m2")
        self.m2.run("until docker node ls; do sleep 0.5; done")
        self.m1.run("docker node demote m2")
        self.m2.run("until ! docker node ls; do sleep 0.5; done; sleep 3")
        self.m1.run("docker node promote m2")
        self.m2.run("until docker node ls; do sleep 0.5; done")
        if self.unlock_key:
            self.m2.run(f"until grep -q ENCRYPTED {STATE}/certificates/swarm-node.key; do sleep 0.2; done")
        self.case("promoted", self.m2)

    def segments(self) -> None:
        """More than 64 MB of log: two segments (too large to be kept), then the first one cleared away."""
        self.m1.run("docker swarm update --snapshot-interval 100000")
        self.churn(self.m1, 200, 900_000, "0000000000000001-")
        self.churn(self.m1, 5)
        self.case("two-segments", self.m1, kept=False)
        self.m1.run("docker swarm update --snapshot-interval 5 --max-snapshots 0")
        self.churn(self.m1, 12)
        self.case("second-segment", self.m1)


def main(suites: list[str]) -> None:
    """Make the captures of these suites, all when none is named."""
    for suite in suites or SUITES:
        maker = Maker(suite)
        try:
            maker.run()
        finally:
            maker.lab.down()


if __name__ == "__main__":
    main(sys.argv[1:])
