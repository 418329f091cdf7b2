# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole state directory (/var/lib/docker/swarm), given as file contents by relative path. Pure: bytes in, facts out.

    state = read_state(files)                  # no key, no library
    proven = prove_keys(state, unlock_key)     # the key is the right one, the certificate is the swarm's
    contents = open_contents(state, unlock_key)

Damage that the engine would live with (an old snapshot, a segment that it does not need) does not keep a survivor's
state from being read; it is listed. A backup is good only if the list is empty.
"""
from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.raft.certificate import (
    Certificate,
    node_certificate,
    parse_certificates,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    RaftStateError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.keys import (
    NodeKey,
    OpenedKey,
    open_data_keys,
    open_node_key,
    parse_node_key,
    prove_chain,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import (
    ENGINE_SETTINGS,
    KNOWN_MANAGERS,
    LOG_FOLDER,
    NODE_CERTIFICATE,
    NODE_KEY,
    ROOT_CERTIFICATES,
    SNAPSHOT_FOLDER,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.snapshot import (
    Snapshot,
    read_snapshot,
    snapshot_names,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.store import Contents, read_contents
from ansible_collections.quorum.swarm.plugins.module_utils.raft.wal import (
    Log,
    Mark,
    read_log,
)

_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")
_DIGITS = 20  # of the longest number in the engine's JSON files


@dataclass(frozen=True)
class Position:
    """How far a manager's log goes. The greater one knows more: commit first, then the last entry."""

    commit: int
    last_term: int
    last_index: int

    def rank(self) -> tuple[int, int, int]:
        """To compare managers by. The term of the hard state is not part of it: an isolated manager inflates that."""
        return self.commit, self.last_term, self.last_index


@dataclass(frozen=True)
class KnownManager:
    """A manager that this node would contact when it starts.

    Attributes:
        node_id: empty where this node knows only the address: until its first session it is what its join was told.
        address: HOST:PORT.
    """

    node_id: str
    address: str


@dataclass(frozen=True)
class EngineSettings:
    """What docker-state.json says: how this host takes part in the swarm. Texts as the engine wrote them.

    Attributes:
        local_addr, advertise_addr: empty after `docker swarm join` without `--advertise-addr`. The engine looks for an
            address at each start then, and the raft membership has the one that the leader saw (`raft_address`).
        listen_addr: empty where an engine wrote none.
        data_path_addr: empty where the swarm's traffic uses the advertised address.
    """

    local_addr: str
    listen_addr: str
    advertise_addr: str
    data_path_addr: str
    join_in_progress: bool


@dataclass(frozen=True)
class State:
    """A manager's state directory.

    Attributes:
        node_key, certificates (the node's own first), roots: the folder certificates/.
        log: from the newest usable snapshot on.
        snapshot: that snapshot; None where there is none.
        known_managers: state.json; empty where it is damaged, or was moved away.
        settings: docker-state.json; None where it is damaged, or was moved away.
        damage: (file, what is wrong with it) for what the engine could do without.
    """

    node_key: NodeKey
    certificates: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    log: Log
    snapshot: Snapshot | None
    known_managers: tuple[KnownManager, ...]
    settings: EngineSettings | None
    damage: tuple[tuple[str, str], ...] = field(default=())

    @property
    def certificate(self) -> Certificate:
        """The node's own certificate."""
        return self.certificates[0]

    @property
    def position(self) -> Position:
        """How far the log goes."""
        return Position(self.log.hard_state.commit, self.log.last_term, self.log.last_index)


def read_state(files: Mapping[str, bytes]) -> State:
    """Read everything that stands in clear in a manager's state directory.

    Args:
        files: content by path relative to the directory.

    Raises:
        RaftStateError: one of its kinds: an engine would not start from these files, or they are of different nodes.
    """
    node_key = parse_node_key(_needed(files, NODE_KEY), NODE_KEY)
    certificates = parse_certificates(_needed(files, NODE_CERTIFICATE), NODE_CERTIFICATE)
    own = node_certificate(files[NODE_CERTIFICATE], NODE_CERTIFICATE)
    roots = parse_certificates(_needed(files, ROOT_CERTIFICATES), ROOT_CERTIFICATES)
    damage: list[tuple[str, str]] = []
    snapshot = _newest_snapshot(_inside(files, SNAPSHOT_FOLDER), damage)
    log = _log(_inside(files, LOG_FOLDER), snapshot, damage)
    if log.owner.node_id != own.node:
        raise CorruptStateError(LOG_FOLDER, f"the log of node {log.owner.node_id}, the certificate of {own.node}")
    if log.torn or log.residue:
        damage.append((LOG_FOLDER + log.segments[-1].name, log.torn or f"{log.residue} bytes behind the last record"))
    known: tuple[KnownManager, ...] = ()
    settings: EngineSettings | None = None
    try:
        known = _known_managers(files)
    except CorruptStateError as error:
        damage.append((error.where, error.fact))
    try:
        settings = _settings(files)
    except CorruptStateError as error:
        damage.append((error.where, error.fact))
    return State(node_key, certificates, roots, log, snapshot, known, settings, tuple(damage))


def prove_keys(state: State, unlock_key: str | None = None) -> OpenedKey:
    """Prove that the key file opens (with this unlock key, where it is locked), that it belongs to the certificate,
    and that the certificate was issued by the swarm's CA.

    Raises:
        RaftStateError: LockedStateError, WrongKeyError, CorruptStateError or MissingLibraryError.
    """
    opened = open_node_key(state.node_key, state.certificate, unlock_key, NODE_KEY)
    prove_chain(state.certificates, state.roots, NODE_CERTIFICATE)
    return opened


def open_contents(state: State, unlock_key: str | None = None) -> Contents:
    """Open snapshot and log, and list what is in them.

    Raises:
        RaftStateError: LockedStateError, WrongKeyError, CorruptStateError or MissingLibraryError.
    """
    return read_contents(state.log, state.snapshot, open_data_keys(state.node_key, unlock_key, NODE_KEY))


def raft_address(state: State, contents: Contents | None = None) -> str:
    """ADDRESS:PORT by which the other managers know this one; empty: nothing here says it.

    The raft membership counts: it has the address that the leader saw. The metadata of the log has what the engine was
    told when it became a manager, 0.0.0.0 where it was told nothing. Where nothing can be opened, state.json has it.

    Args:
        contents: what `open_contents` returned; None where nothing could be opened.
    """
    owner = state.log.owner
    for member in contents.members if contents is not None else ():
        if member.raft_id == owner.raft_id and is_specified(member.address):
            return member.address
    if is_specified(owner.address):
        return owner.address
    return next((one.address for one in state.known_managers
                 if one.node_id == owner.node_id and is_specified(one.address)), "")


def is_specified(endpoint: str) -> bool:
    """Whether ADDRESS:PORT names a host, unlike 0.0.0.0:2377, [::]:2377 and an empty text."""
    host = endpoint.rpartition(":")[0].strip("[]")
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_unspecified
    except ValueError:
        return bool(host)


def _needed(files: Mapping[str, bytes], path: str) -> bytes:
    if path not in files:
        raise IncompleteStateError(path, "the file is missing")
    return files[path]


def _inside(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files in one folder, by name."""
    return {path[len(folder):]: content for path, content in files.items() if path.startswith(folder)}


def _newest_snapshot(files: Mapping[str, bytes], damage: list[tuple[str, str]]) -> Snapshot | None:
    """The snapshot that the engine would start from: the newest that can be read. All are checked."""
    newest = None
    for name in snapshot_names(files):
        try:
            snapshot = read_snapshot(name, files[name])
        except RaftStateError as error:
            damage.append((SNAPSHOT_FOLDER + name, error.fact))
        else:
            newest = newest or snapshot
    return newest


def _log(files: Mapping[str, bytes], snapshot: Snapshot | None, damage: list[tuple[str, str]]) -> Log:
    """The log from this snapshot on. Damage in segments that are older than it does not matter to the engine."""
    start = Mark(snapshot.term, snapshot.index) if snapshot else Mark(0, 0)
    try:
        return read_log(files, start)
    except RaftStateError as error:
        log = read_log(files, start, needed_only=True)
        damage.append((LOG_FOLDER, str(error)))
        return log


def _known_managers(files: Mapping[str, bytes]) -> tuple[KnownManager, ...]:
    """Read state.json. The engine leaves out what is empty in it."""
    content = _json(files[KNOWN_MANAGERS], KNOWN_MANAGERS) if KNOWN_MANAGERS in files else []
    if not isinstance(content, list):
        raise CorruptStateError(KNOWN_MANAGERS, "not a list of managers")
    return tuple(KnownManager(_text(entry, "node_id", KNOWN_MANAGERS), _remote(entry, "addr", KNOWN_MANAGERS))
                 for entry in content)


def _settings(files: Mapping[str, bytes]) -> EngineSettings | None:
    """Read docker-state.json."""
    if ENGINE_SETTINGS not in files:
        return None
    content = _json(files[ENGINE_SETTINGS], ENGINE_SETTINGS)
    listen_addr = _endpoint(content, "ListenAddr", ENGINE_SETTINGS)
    if not listen_addr:
        raise CorruptStateError(ENGINE_SETTINGS, "ListenAddr is empty, which the engine always writes")
    return EngineSettings(
        local_addr=_text(content, "LocalAddr", ENGINE_SETTINGS),
        listen_addr=listen_addr,
        advertise_addr=_endpoint(content, "AdvertiseAddr", ENGINE_SETTINGS),
        data_path_addr=_text(content, "DataPathAddr", ENGINE_SETTINGS),
        join_in_progress=content.get("JoinInProgress") is True,
    )


def _endpoint(content: Any, key: str, path: str) -> str:
    """An ADDRESS:PORT in a JSON object, or nothing. The engine resolves names of interfaces before it writes them
    there.
    """
    text = _text(content, key, path)
    if text and not _is_endpoint(text, names=False):
        raise CorruptStateError(path, f"{key} is not an address and a port")
    return text


def _remote(content: Any, key: str, path: str) -> str:
    """The HOST:PORT of another manager. Before a node's first session it is what `docker swarm join` was told: a name,
    perhaps.
    """
    text = _text(content, key, path)
    if not _is_endpoint(text, names=True):
        raise CorruptStateError(path, f"{key} is not a host and a port")
    return text


def _is_endpoint(text: str, names: bool) -> bool:
    """Whether this is ADDRESS:PORT; with names: or NAME:PORT."""
    host, _colon, port = text.rpartition(":")
    if not _PORT.fullmatch(port) or int(port) > 65535:
        return False
    try:
        return host.startswith("[") == (ipaddress.ip_address(host.strip("[]")).version == 6)
    except ValueError:
        return names and _NAME.fullmatch(host) is not None


def _text(content: Any, key: str, path: str) -> str:
    """A text in a JSON object; empty where the engine left it out."""
    value = content.get(key, "") if isinstance(content, dict) else None
    if not isinstance(value, str):
        raise CorruptStateError(path, f"{key} is not a text")
    return value


def _number(text: str) -> int:
    """A JSON number. Long ones are refused: reading them takes more than linear time."""
    if len(text) > _DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _json(data: bytes, path: str) -> Any:
    """The content of a JSON file of the engine."""
    try:
        return json.loads(data.decode("utf-8"), parse_int=_number)
    except (ValueError, RecursionError):
        raise CorruptStateError(path, "not JSON") from None
