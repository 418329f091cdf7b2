# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage in a manager's state directory: does the reader see it, and if not, does the engine mind?

Each mutation (one changed byte, one file cut short, one file taken from elsewhere) is first given to the reader. What
the reader finds nothing wrong with goes to a real engine, which has to start from it with the same objects. What
neither the reader sees nor the engine survives is counted apart: only the checksums in a backup's manifest catch it,
and where that may be is written down here (ONLY_A_CHECKSUM); anywhere else it fails the point.

Touches the lab `mutations`.
"""
from __future__ import annotations

import base64
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.raft import layout, state
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError

from tests.lab import Lab, LabError, Node
from tests.material import make

TITLE = ("One damaged file in a manager's state directory (engine 26.1, autolocked, with a snapshot). A mutation is "
         "*seen* where the reader reports it, *harmless* where it does not and a real engine starts from it with the "
         "same objects, and *silent* where only a recorded checksum can catch it.")
COLUMNS = ("mutations", "seen", "harmless", "silent", "of these, by example")

KEY, CERTIFICATE, ROOTS = layout.NODE_KEY, layout.NODE_CERTIFICATE, layout.ROOT_CERTIFICATES
LOG, SNAPSHOT, OLD_SNAPSHOT = "log", "newest snapshot", "older snapshot"
ENGINE, MANAGERS, TASKS = layout.ENGINE_SETTINGS, layout.KNOWN_MANAGERS, "worker/tasks.db"
FILES = (KEY, CERTIFICATE, ROOTS, LOG, SNAPSHOT, OLD_SNAPSHOT, ENGINE, MANAGERS, TASKS)
# How many bytes are changed, how many cuts are made. Everything the reader does not read costs an engine's start each.
FLIPS = {KEY: 150, CERTIFICATE: 100, ROOTS: 100, LOG: 500, SNAPSHOT: 150, OLD_SNAPSHOT: 50, ENGINE: 25, MANAGERS: 25,
         TASKS: 15}
CUTS = {KEY: 30, CERTIFICATE: 20, ROOTS: 20, LOG: 60, SNAPSHOT: 30, OLD_SNAPSHOT: 10, ENGINE: 10, MANAGERS: 10,
        TASKS: 5}
# A log that ends between two records is a whole log, only shorter. An address that became another address is one.
# tasks.db is not the swarm's, but this node's own list of tasks: without it the engine starts, and makes a new one.
ONLY_A_CHECKSUM = {f"{LOG} ended early", f"{ENGINE} flipped", f"{TASKS} flipped", f"{TASKS} cut"}

_KINDS = ("flipped", "cut", "swapped")
_ENDED = "ended early"  # between two records
_BASE = "/var/lib/docker/swarm.base"
_SEGMENT_BYTES = 64_000_000


@dataclass
class Shared:
    """What all points share.

    Attributes:
        node: the manager, of a swarm of one: its engine starts without waiting for others.
        files: its state directory; of the log without the zeros behind it.
        path: the path of each of FILES.
        others: the same file of another swarm, or an older version of it.
        truth: the objects, as the API listed them.
    """

    node: Node
    unlock_key: str
    files: dict[str, bytes]
    path: dict[str, str]
    others: dict[str, dict[str, bytes]]
    truth: dict[str, object]


def points() -> list[str]:
    """One point for each kind of damage to each file."""
    return [f"{file} {kind}" for file in FILES for kind in _KINDS] + [f"{LOG} {_ENDED}"]


@contextmanager
def session() -> Iterator[Shared]:
    """A swarm of one, autolocked, with objects and two snapshots; and a second swarm, to take files from."""
    lab = Lab.up("mutations", managers=2, workers=0)
    try:
        node, stranger = lab.managers
        for one in (node, stranger):
            one.run(f"docker swarm init --advertise-addr {one.addr} --availability drain --autolock "
                    "--snapshot-interval 8 --max-snapshots 1")
        unlock_key, foreign_key = (one.run("docker swarm unlock-key -q").stdout.strip() for one in (node, stranger))
        node.run("docker network create -d overlay net && docker config create old /etc/hostname && "
                 "docker secret create password /etc/hostname && docker node update --label-add a=b $(hostname) && "
                 "docker service create -d --no-resolve-image --name web --network net --secret password lab/web:1")
        _churn(node, 30)
        _churn(stranger, 30)
        older, foreign = _read(node, unlock_key), _read(stranger, foreign_key)
        node.run("docker config create new /etc/hostname")
        _churn(node, 11)
        truth = _objects(node)
        files = _read(node, unlock_key)
        path, before, there = ({file: file for file in FILES} | _paths(where)
                               for where in (files, older, foreign))
        others = {file: {name: source[at[file]] for name, source, at in (
            ("of another swarm", foreign, there), ("of its own past", older, before))
            if source[at[file]] != files[path[file]]} for file in FILES}
        shared = Shared(node, unlock_key, files, path, others, truth)
        if (problem := _engine(shared, path[KEY], files[KEY])) is not None:
            raise LabError(f"The engine does not even start from the undamaged state: {problem}")
        yield shared
    finally:
        lab.down()


def run(shared: Shared, point: str) -> list[object]:
    """All mutations of one kind of one file."""
    kind = next(kind for kind in (*_KINDS, _ENDED) if point.endswith(f" {kind}"))
    file = point.removesuffix(f" {kind}")
    path = shared.path[file]
    tried = seen = harmless = 0
    silent: list[str] = []
    example = ""
    for name, content in _mutations(shared, file, kind, random.Random(point)):
        tried += 1
        found = _reader(shared, path, content)
        if found:
            seen += 1
            example = f"{name}: {found}"
        elif (problem := _engine(shared, path, content)) is None:
            harmless += 1
        else:
            silent.append(f"{name}: {problem}")
    if silent and point not in ONLY_A_CHECKSUM:
        raise AssertionError(f"neither seen nor harmless: {'; '.join(silent)}")
    return [tried, seen, harmless, len(silent), silent[0] if silent else example]


def _mutations(shared: Shared, file: str, kind: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Damaged versions of a file, with what was done."""
    good = shared.files[shared.path[file]]
    if kind == "flipped":
        for at in sorted(chance.sample(range(len(good)), min(FLIPS[file], len(good)))):
            bit = 1 << chance.randrange(8)
            yield f"byte {at} ^ {bit:#04x}", good[:at] + bytes([good[at] ^ bit]) + good[at + 1:]
    elif kind == "cut":
        for length in sorted({0, len(good) - 1, *(chance.randrange(len(good)) for _ in range(CUTS[file] - 2))}):
            yield f"cut at {length}", good[:length]
    elif kind == "swapped":
        yield from shared.others[file].items()
    else:
        ends = _record_ends(good)
        for at in sorted(chance.sample(ends[-40:-1], 8)):
            yield f"ends at {at}", good[:at]


def _record_ends(log: bytes) -> list[int]:
    """Where the records of a log end."""
    ends, at = [], 0
    while at + 8 <= len(log) and (length := int.from_bytes(log[at:at + 7], "little")):
        at += 8 + length + -length % 8
        ends.append(at)
    return ends


def _reader(shared: Shared, path: str, content: bytes) -> str:
    """What the reader says of the damage; empty where it sees none."""
    try:
        read = state.read_state(shared.files | {path: content})
        state.prove_keys(read, shared.unlock_key)
        state.open_contents(read, shared.unlock_key)
    except RaftStateError as error:
        return str(error)
    return "; ".join(": ".join(item) for item in read.damage)


def _engine(shared: Shared, path: str, content: bytes) -> str | None:
    """Start the engine from the damaged directory. None: it has the same objects. Else what is wrong."""
    node = shared.node
    script = f"""
import base64, os, subprocess, zlib
path = {make.STATE + "/" + path!r}
subprocess.run("systemctl stop docker.socket docker; systemctl reset-failed docker; rm -rf {make.STATE};"
               "cp -a --sparse=always {_BASE} {make.STATE}", shell=True, check=True)
content = zlib.decompress(base64.b64decode({base64.b64encode(zlib.compress(content)).decode()!r}))
with open(path, "r+b") as file:
    file.truncate(0)
    file.write(content)
    if path.endswith(".wal") and {len(content) >= len(shared.files[path])}:
        file.truncate({_SEGMENT_BYTES})
subprocess.run("systemctl start docker.socket docker", shell=True, check=True)
"""
    try:
        node.run(["python3", "-"], stdin=script, timeout=120)
        node.run(["docker", "swarm", "unlock"], stdin=shared.unlock_key + "\n", timeout=30, check=False)
        found = _objects(node)
    except (LabError, ValueError, KeyError) as error:
        return str(error).strip().splitlines()[-1][:200]
    return None if found == shared.truth else "other objects than before"


def _objects(node: Node) -> dict[str, object]:
    """The objects that the API lists, without the versions, which go on when an engine starts."""
    listed = make.truth(make.settle(node))
    return {kind: [item[:2] for item in items] if isinstance(items, list) else items for kind, items in listed.items()}


def _churn(node: Node, times: int) -> None:
    """Write many entries."""
    node.run(["python3", "-", str(times), "8", ""], stdin=make.CHURN, timeout=300)


def _read(node: Node, unlock_key: str) -> dict[str, bytes]:
    """Stop the engine in order, take the directory, keep a copy of it on the node, and start the engine again."""
    node.run("systemctl stop docker.socket docker.service")
    files = make.take(node, everything=True)
    node.run(f"rm -rf {_BASE}; cp -a --sparse=always {make.STATE} {_BASE}")
    node.run("systemctl start docker.socket docker.service")
    node.run(["docker", "swarm", "unlock"], stdin=unlock_key + "\n")
    return files


def _paths(files: dict[str, bytes]) -> dict[str, str]:
    """The paths of the files that are not called the same everywhere."""
    snapshots = sorted((path for path in files if path.endswith(".snap")), reverse=True)
    return {
        LOG: max(path for path in files if path.endswith(".wal")),
        SNAPSHOT: snapshots[0],
        OLD_SNAPSHOT: snapshots[1],
    }
