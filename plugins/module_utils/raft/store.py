# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a swarm, from a snapshot and the log entries after it. Pure: bytes in, facts out.

Kind, ID, name, labels, version: enough to say what is there and what would be lost. The payload of secrets and
configs is opened with everything else, because it is in the same record, but it is never kept and never returned.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.quorum.swarm.plugins.module_utils.raft import wire
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    UnsupportedStateError,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.keys import unseal
from ansible_collections.quorum.swarm.plugins.module_utils.raft.snapshot import Snapshot
from ansible_collections.quorum.swarm.plugins.module_utils.raft.wal import CONF_CHANGE, Entry, Log, Member, parse_member

# Field numbers of the kinds: in swarmkit's StoreAction (log), and in its StoreSnapshot, where they differ.
_IN_ACTION = {2: "node", 3: "service", 4: "task", 5: "network", 6: "cluster", 7: "secret", 8: "resource",
              9: "extension", 10: "config", 11: "volume"}
_IN_SNAPSHOT = {1: "node", 2: "service", 3: "network", 4: "task", 5: "cluster", 6: "secret", 7: "resource",
                8: "extension", 9: "config", 10: "volume"}
_ANNOTATED = ("resource", "extension")  # annotations in field 3 itself; all others have a spec there
_ACTIONS = {1: "create", 2: "update", 3: "remove"}
_AVAILABILITY = {0: "active", 1: "pause", 2: "drain"}
_ADD, _REMOVE, _UPDATE = 0, 1, 2
_EMPTY = memoryview(b"")


@dataclass(frozen=True)
class StoredObject:
    """One object of the swarm.

    Attributes:
        kind: node, service, network, secret, config, task, volume, cluster, resource or extension.
        id: its ID.
        name: its name; of a node its hostname; of a task SERVICE.SLOT, of a global service's task SERVICE.NODE-ID.
        version: `Version.Index`, which the engine raises with each change.
        labels: the labels of its spec.
    """

    kind: str
    id: str
    name: str
    version: int
    labels: dict[str, str]


@dataclass(frozen=True)
class StoredNode(StoredObject):
    """A node: `manager` is the role it has, `wants_manager` the one it is to have."""

    manager: bool
    wants_manager: bool
    availability: str


@dataclass(frozen=True)
class StoredService(StoredObject):
    """A service, and where its tasks may run: constraints as they were written, such as `node.id==ID`."""

    constraints: tuple[str, ...]


@dataclass(frozen=True)
class StoredCluster(StoredObject):
    """The swarm itself: what a restore must give back to it.

    Attributes:
        autolock: whether managers lock themselves.
        default_addr_pool: the address pools of new overlay networks; empty for the engine's own.
        subnet_size: prefix length of new networks; 0 for the engine's own.
        data_path_port: UDP port of overlay networks; 0 for the engine's own.
        force_rotate: how often a new root certificate was asked for; whoever forces the swarm anew has to say it again.
    """

    autolock: bool
    default_addr_pool: tuple[str, ...]
    subnet_size: int
    data_path_port: int
    force_rotate: int


@dataclass(frozen=True)
class Change:
    """What one action of a log entry does to one object. `action` is create, update or remove."""

    term: int
    index: int
    action: str
    object: StoredObject


@dataclass(frozen=True)
class Contents:
    """What a manager knows.

    Attributes:
        objects: all objects, as of the commit index, by kind and then ID.
        members: the managers in raft, by raft ID, as of the commit index.
        removed: raft IDs that may never come back.
        uncommitted: the changes above the commit index: what forcing a new cluster from here throws away.
    """

    objects: tuple[StoredObject, ...]
    members: tuple[Member, ...]
    removed: tuple[int, ...]
    uncommitted: tuple[Change, ...]

    def of_kind(self, kind: str) -> tuple[StoredObject, ...]:
        """The objects of one kind."""
        return tuple(item for item in self.objects if item.kind == kind)


@dataclass
class _Store:
    """The contents while they are being put together."""

    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    removed: dict[int, None] = field(default_factory=dict)

    def remove_member(self, raft_id: int) -> None:
        """Take a manager out of raft, for good."""
        self.members.pop(raft_id, None)
        self.removed[raft_id] = None


def read_contents(log: Log, snapshot: Snapshot | None, data_keys: Sequence[bytes]) -> Contents:
    """Open a snapshot and the log after it, and put together what the engine would know.

    Args:
        log: the log, read from this snapshot on.
        snapshot: the newest snapshot, None where there is none.
        data_keys: as `keys.open_data_keys` gives them.

    Raises:
        WrongKeyError: a record is not sealed with these keys.
        CorruptStateError, UnsupportedStateError: what is sealed is not what swarmkit writes.
        MissingLibraryError: PyNaCl (in FIPS mode: cryptography) is not installed.
    """
    newest_first = tuple(reversed(data_keys))
    store = _Store()
    if snapshot is not None:
        _load_snapshot(store, memoryview(unseal(snapshot.data, newest_first, snapshot.name)), snapshot.name)
    uncommitted: list[Change] = []
    for entry in log.entries:
        where = f"entry {entry.index}"
        content = memoryview(unseal(entry.data, newest_first, where))
        committed = entry.index <= log.hard_state.commit
        if entry.type == CONF_CHANGE:
            if committed:
                _change_members(store, content, where)
            continue
        changes = _changes(entry, content, where)
        if committed:
            _apply(store, changes)
        else:
            uncommitted += changes
    return Contents(
        objects=tuple(store.objects[key] for key in sorted(store.objects)),
        members=tuple(store.members[raft_id] for raft_id in sorted(store.members)),
        removed=tuple(sorted(store.removed)),
        uncommitted=tuple(uncommitted),
    )


def _load_snapshot(store: _Store, view: memoryview, where: str) -> None:
    """Fill the store from an api.Snapshot."""
    for number, _wire_type, value in wire.fields(view, where):
        if number == 1 and value != 0:
            raise UnsupportedStateError(where, f"a snapshot of version {value}")
        if number == 2:
            for inner, _inner_type, part in wire.fields(wire.as_message(value, where), where):
                if inner == 1:
                    member = parse_member(wire.as_message(part, where), where)
                    store.members[member.raft_id] = member
                elif inner == 2:
                    store.removed.update(dict.fromkeys(wire.numbers(_inner_type, part, where)))
        elif number == 3:
            for inner, _inner_type, part in wire.fields(wire.as_message(value, where), where):
                if inner in _IN_SNAPSHOT:
                    item = _object(_IN_SNAPSHOT[inner], wire.as_message(part, where), where)
                    store.objects[item.kind, item.id] = item


def _change_members(store: _Store, view: memoryview, where: str) -> None:
    """Apply a raftpb.ConfChange."""
    found = wire.record(view, {1: wire.VARINT, 2: wire.VARINT, 3: wire.VARINT, 4: wire.BYTES}, frozenset({2, 3}), where)
    kind, raft_id = wire.as_number(found[2], where), wire.as_number(found[3], where)
    if kind == _REMOVE:
        store.remove_member(raft_id)
    elif kind in (_ADD, _UPDATE):
        member = parse_member(wire.as_message(found.get(4, _EMPTY), where), where)
        if member.raft_id != raft_id:
            raise CorruptStateError(where, "a change of membership names two members")
        store.members[raft_id] = member
    else:
        raise UnsupportedStateError(where, f"a change of membership of the unknown type {kind}")


def _changes(entry: Entry, view: memoryview, where: str) -> list[Change]:
    """The actions of an InternalRaftRequest."""
    changes = []
    for number, _wire_type, value in wire.fields(view, where):
        if number != 2:
            continue
        action, item = 0, None
        for inner, _inner_type, part in wire.fields(wire.as_message(value, where), where):
            if inner == 1:
                action = wire.as_number(part, where)
            elif inner in _IN_ACTION:
                item = _object(_IN_ACTION[inner], wire.as_message(part, where), where)
        if action not in _ACTIONS or item is None:
            raise UnsupportedStateError(where, f"action {action} on an object that is not known")
        changes.append(Change(entry.term, entry.index, _ACTIONS[action], item))
    return changes


def _apply(store: _Store, changes: Sequence[Change]) -> None:
    """Do what committed actions say."""
    for change in changes:
        key = (change.object.kind, change.object.id)
        if change.action == "remove":
            store.objects.pop(key, None)
        else:
            store.objects[key] = change.object


def _object(kind: str, view: memoryview, where: str) -> StoredObject:
    """The facts of one object."""
    found = _fields(view, where)
    identifier = wire.as_text(found.get(1, _EMPTY), where)
    version = _number(_inside(_message(found, 2, where), 1, where), 1, where)
    spec = _message(found, 3, where)
    if kind == "task":
        name, labels = _task_name(found, where)
        return StoredObject(kind, identifier, name, version, labels)
    parts = _fields(spec, where) if kind not in _ANNOTATED else {}
    name, labels = _annotations(_message(parts, 1, where) if kind not in _ANNOTATED else spec, where)
    if kind == "node":
        return StoredNode(
            kind, identifier, _string(_message(found, 4, where), 1, where), version, labels,
            manager=wire.as_number(found.get(9, 0), where) == 1,
            wants_manager=wire.as_number(parts.get(2, 0), where) == 1,
            availability=_AVAILABILITY.get(wire.as_number(parts.get(4, 0), where), ""),
        )
    if kind == "service":
        placement = _inside(_message(parts, 2, where), 5, where)  # ServiceSpec.task, TaskSpec.placement
        return StoredService(kind, identifier, name, version, labels, constraints=tuple(
            wire.as_text(value, where) for number, _type, value in wire.fields(placement, where) if number == 1))
    if kind == "cluster":
        return StoredCluster(
            kind, identifier, name, version, labels,
            autolock=_number(_message(parts, 8, where), 1, where) == 1,
            default_addr_pool=tuple(wire.as_text(value, where)
                                    for number, _type, value in wire.fields(view, where) if number == 11),
            subnet_size=wire.as_number(found.get(12, 0), where),
            data_path_port=wire.as_number(found.get(13, 0), where),
            force_rotate=_number(_message(parts, 6, where), 5, where),  # ClusterSpec.ca_config, CAConfig.force_rotate
        )
    return StoredObject(kind, identifier, name, version, labels)


def _task_name(found: Mapping[int, wire.Value], where: str) -> tuple[str, dict[str, str]]:
    """Name and labels of a task, which are its service's."""
    own, _own_labels = _annotations(_message(found, 7, where), where)
    service, labels = _annotations(_message(found, 8, where), where)
    slot = wire.as_number(found.get(5, 0), where)
    return own or f"{service}.{slot or wire.as_text(found.get(6, _EMPTY), where)}", labels


def _annotations(view: memoryview, where: str) -> tuple[str, dict[str, str]]:
    """Name and labels."""
    name: wire.Value = _EMPTY
    labels = {}
    for number, _wire_type, value in wire.fields(view, where):
        if number == 1:
            name = value
        elif number == 2:
            pair = _fields(wire.as_message(value, where), where)
            labels[wire.as_text(pair.get(1, _EMPTY), where)] = wire.as_text(pair.get(2, _EMPTY), where)
    return wire.as_text(name, where), labels


def _fields(view: memoryview, where: str) -> dict[int, wire.Value]:
    """The fields of a message; of a repeated one the last."""
    return {number: value for number, _wire_type, value in wire.fields(view, where)}


def _message(found: Mapping[int, wire.Value], number: int, where: str) -> memoryview:
    """A message among the fields of another one, empty where it is absent."""
    return wire.as_message(found.get(number, _EMPTY), where)


def _inside(view: memoryview, number: int, where: str) -> memoryview:
    """A message inside a message, empty where it is absent."""
    return _message(_fields(view, where), number, where)


def _number(view: memoryview, number: int, where: str) -> int:
    """A number in a message, 0 where it is absent."""
    return wire.as_number(_fields(view, where).get(number, 0), where)


def _string(view: memoryview, number: int, where: str) -> str:
    """A text in a message, empty where it is absent."""
    return wire.as_text(_fields(view, where).get(number, _EMPTY), where)
