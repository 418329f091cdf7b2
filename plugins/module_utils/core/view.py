# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen: the facts of one host, and the one picture of the swarm that managers agree on.

Pure: these are values. ``engine.py`` makes them from the engine's answers, modules return them as plain dictionaries,
and the judging parts of the core read them back. A field that could not be known is empty, never invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from ansible_collections.quorum.swarm.plugins.module_utils.core.address import canonical, endpoint

LABEL_PREFIX = "quorum.swarm/"
LABEL_HOST = LABEL_PREFIX + "host"
"""The node label that holds the inventory name of the host, so that the swarm can be asked who is who."""
LABEL_MANAGED = LABEL_PREFIX + "labels"
"""The node label that holds the names of the labels which the collection set, comma separated and sorted."""
LABEL_ZONE = "zone"
"""The node label that holds the failure zone."""

T = TypeVar("T")


def _known(cls: type[T], data: Mapping[str, Any]) -> dict[str, Any]:
    """Only the keys that the dataclass has: facts of a newer collection on a node are not an error."""
    names = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    return {key: value for key, value in data.items() if key in names}


def address_of(manager_addr: str) -> str:
    """The address without its port, and without the brackets of IPv6, in its one spelling."""
    return canonical(manager_addr.rpartition(":")[0]) if manager_addr else ""


def _managers(pairs: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    """(node ID, raft address), the addresses in their one spelling."""
    return tuple((str(pair[0]), endpoint(str(pair[1]))) for pair in pairs)


@dataclass(frozen=True)
class Node:
    """One node as the swarm lists it (``GET /nodes``)."""

    id: str
    hostname: str
    role: str = "worker"
    """The role it is wanted to have (``Spec.Role``): ``manager`` or ``worker``."""
    availability: str = "active"
    state: str = "ready"
    """``ready``, ``down``, ``unknown`` or ``disconnected``."""
    message: str = ""
    addr: str = ""
    """``Status.Addr``: where the leader sees the node."""
    labels: Mapping[str, str] = field(default_factory=dict)
    engine_labels: Mapping[str, str] = field(default_factory=dict)
    voter: bool = False
    """Whether it is a member of the raft now (has a ``ManagerStatus``), whatever role it is wanted to have."""
    leader: bool = False
    reachability: str = ""
    """``reachable``, ``unreachable`` or ``unknown`` for a voter, else empty."""
    manager_addr: str = ""
    """A voter's raft address, ``host:port`` (``ManagerStatus.Addr``)."""
    engine_version: str = ""
    os: str = ""
    arch: str = ""
    cpu: int = 0
    """What the node has for tasks, in billionths of a processor; 0: not known."""
    memory: int = 0
    """What the node has for tasks, in bytes; 0: not known."""
    version: int = 0
    """The object's version, for compare-and-swap."""

    @property
    def host(self) -> str:
        """The inventory name that the collection noted on the node, or empty."""
        return self.labels.get(LABEL_HOST, "")

    @property
    def zone(self) -> str:
        """The failure zone that the node carries, or empty."""
        return self.labels.get(LABEL_ZONE, "")

    @property
    def is_manager(self) -> bool:
        """Whether it votes, or is wanted as a manager: then it votes as soon as it has arrived, and not before."""
        return self.voter or self.role == "manager"

    @property
    def reachable(self) -> bool:
        """Whether it is a voter that the leader reaches."""
        return self.voter and self.reachability == "reachable"

    def shares_name_and_place(self, other: Node) -> bool:
        """Whether it may be another life of the other's host: its hostname, and the other's address where it votes.

        The hostname alone proves nothing of a manager: around an election the engine may note a worker's on it.
        """
        place = address_of(self.manager_addr)
        return self.hostname == other.hostname and place in ("", other.addr, address_of(other.manager_addr))

    @property
    def managed_labels(self) -> tuple[str, ...]:
        """The names of the labels that the collection set on it, without its own bookkeeping."""
        return tuple(name for name in self.labels.get(LABEL_MANAGED, "").split(",") if name)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Node:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        return cls(**{**known, "addr": canonical(known.get("addr", "")),
                      "manager_addr": endpoint(known.get("manager_addr", ""))})

    def as_dict(self) -> dict[str, Any]:
        """As ``swarm_info`` returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Service:
    """One service, as far as placement needs it (``GET /services``)."""

    id: str
    name: str
    mode: str = "replicated"
    """``replicated``, ``global``, ``replicated-job`` or ``global-job``."""
    replicas: int = 0
    constraints: tuple[str, ...] = ()
    platforms: tuple[tuple[str, str], ...] = ()
    """(os, architecture) pairs that the image is for; empty: any."""
    limited_cpu: bool = False
    limited_memory: bool = False
    max_replicas: int = 0
    """Most replicas on one node (``--replicas-max-per-node``); 0: no limit."""
    host_ports: tuple[tuple[int, str], ...] = ()
    """(port, protocol) that a task takes on its node (``--publish mode=host``)."""
    cpu: int = 0
    """Reserved by each task, in billionths of a processor."""
    memory: int = 0
    """Reserved by each task, in bytes."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Service:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        known["constraints"] = tuple(known.get("constraints", ()))
        known["platforms"] = tuple((str(pair[0]), str(pair[1])) for pair in known.get("platforms", ()))
        known["host_ports"] = tuple((int(pair[0]), str(pair[1])) for pair in known.get("host_ports", ()))
        return cls(**known)

    def as_dict(self) -> dict[str, Any]:
        """As ``swarm_info`` returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """One task that is wanted to run or that runs (``GET /tasks``). ``node_id`` is empty while it is not scheduled."""

    id: str
    service_id: str = ""
    node_id: str = ""
    slot: int = 0
    state: str = ""
    desired_state: str = ""
    error: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Task:
        """From the dictionary that ``swarm_info`` returns."""
        return cls(**_known(cls, data))

    def as_dict(self) -> dict[str, Any]:
        """As ``swarm_info`` returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Address:
    """One address of a host (``ip -j addr``)."""

    address: str
    prefix: int = 0
    interface: str = ""
    dynamic: bool = False
    """Whether it is leased: marked ``dynamic``, or with a finite ``valid_life_time``."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Address:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        return cls(**{**known, "address": canonical(known["address"])})


@dataclass(frozen=True)
class Engine:
    """The Docker engine of one host."""

    installed: bool = False
    answers: bool = False
    version: str = ""
    id: str = ""
    """The engine's own ID. Two hosts with one ID are clones of one machine."""
    hostname: str = ""
    root_dir: str = ""
    live_restore: bool = False
    containers_running: int = 0
    error: str = ""
    firewall: str = ""
    """``FirewallBackend.Driver``: ``iptables``, ``iptables+firewalld`` or ``nftables``; empty: the engine does not say
    (API before 1.49)."""
    swarm_nftables: bool = False
    """Whether its configuration turns the feature ``swarm-nftables`` on."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Engine:
        """From the dictionary that ``swarm_info`` returns."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class Membership:
    """What the engine of one host says of its own place in a swarm (``GET /info``, ``Swarm``)."""

    state: str = ""
    """``inactive``, ``pending``, ``active``, ``error``, ``locked``; empty where the engine does not answer."""
    node_id: str = ""
    node_addr: str = ""
    control: bool = False
    """``ControlAvailable``: it is a manager. It says nothing about a quorum: judge by ``error``."""
    error: str = ""
    remote_managers: tuple[tuple[str, str], ...] = ()
    """(node ID, raft address) of the managers that it knows."""
    joined_through: str = ""
    """Raft address of the manager through which it joined; empty: it made the swarm, or nobody knows."""
    advertises: str | None = None
    """The raft address that its engine was told; empty: none, so that it looks for one at each start; None: not read.
    """

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Membership:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        known["remote_managers"] = _managers(known.get("remote_managers", ()))
        known["node_addr"] = canonical(known.get("node_addr", ""))
        known["joined_through"] = endpoint(known.get("joined_through", ""))
        return cls(**known)


@dataclass(frozen=True)
class Swarm:
    """The swarm object (``GET /swarm``), without its tokens."""

    id: str
    version: int = 0
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The engine's ``Spec`` as it is, signing keys left out."""
    default_addr_pool: tuple[str, ...] = ()
    subnet_size: int = 0
    data_path_port: int = 0
    created_at: str = ""
    ca_rotating: bool = False
    unlock_key_digest: str = ""
    """The SHA-256 of the unlock key where autolock is on, to compare the kept key with; never the key."""
    encrypted_networks: tuple[str, ...] = ()
    """Names of the overlay networks whose traffic is encrypted (``--opt encrypted``)."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Swarm:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        known["default_addr_pool"] = tuple(known.get("default_addr_pool", ()))
        known["encrypted_networks"] = tuple(known.get("encrypted_networks", ()))
        return cls(**known)

    @property
    def autolock(self) -> bool:
        """Whether managers lock themselves when they restart."""
        return bool((self.spec.get("EncryptionConfig") or {}).get("AutoLockManagers"))

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the swarm object itself; the lease is one of them."""
        return self.spec.get("Labels") or {}


@dataclass(frozen=True)
class LocalState:
    """What lies on a host's disk, whether its engine runs or not (``swarm_info`` with ``gather: [state]``)."""

    root_dir: str = ""
    """The engine's ``DockerRootDir``."""
    swarm_id: str = ""
    """The cluster ID in the node's certificate; empty where there is none."""
    node_id: str = ""
    role: str = ""
    """``manager`` or ``worker``, by the certificate."""
    raft_log: bool = False
    """Whether a manager's log lies here."""
    managers: tuple[tuple[str, str], ...] = ()
    """(node ID, raft address) of the managers that this node would contact."""
    free: int = 0
    """Bytes that are free for the collection's own folder."""
    containers: tuple[str, ...] = ()
    """IDs of the containers of tasks that run here."""
    reinit: Mapping[str, Any] = field(default_factory=dict)
    """The journal of the last restore or recovery on this host (``reinit.Entry``); empty: there was none."""
    rejoin: Mapping[str, Any] = field(default_factory=dict)
    """The rejoin that was broken off on this host (``rejoining.Entry``); empty: there is none."""
    room: int | None = None
    """Bytes that are free for the engine's own state; None: that is not known."""
    unread: str = ""
    """Why the state on this host's disk could not be read (permission, an unknown place, ...), one clause; empty: it
    was read. Fields above that are empty say nothing while this is set: unreadable is not absent."""
    not_before: str = ""
    """From when on the node's certificate is valid, ISO 8601 UTC; empty: there is none, or it could not be read."""
    not_after: str = ""
    """When the node's certificate ends, ISO 8601 UTC; empty: there is none, or it could not be read."""
    roots: tuple[str, ...] = ()
    """SHA-256 of each root certificate that this node trusts; empty: there is none, or it could not be read."""
    clock: str = ""
    """What the host's own clock said when this was read, ISO 8601 UTC; the engine goes by it. Empty: not told."""
    written: str = ""
    """When the log, or else the node's certificate, was last written, ISO 8601 UTC; empty: neither lies here."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> LocalState:
        """From the dictionary that ``swarm_info`` returns."""
        known = _known(cls, data)
        known["managers"] = _managers(known.get("managers", ()))
        known["containers"] = tuple(str(one) for one in known.get("containers", ()))
        known["roots"] = tuple(str(one) for one in known.get("roots", ()))
        return cls(**known)


@dataclass(frozen=True)
class Python:
    """The Python that modules run with on one host, and what they import there (the probe only)."""

    version: str = ""
    """Empty: it was not asked, or none was found."""
    path: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version by library, of those that it imports; an empty text where the library does not tell."""
    missing: tuple[str, ...] = ()
    """Libraries that are not there."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Libraries that are there and cannot be imported: their version, or ``?``, and the error."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Python:
        """From the dictionary that the probe returns."""
        known = _known(cls, data)
        known["missing"] = tuple(known.get("missing", ()))
        return cls(**known)


@dataclass(frozen=True)
class HostFacts:
    """All that one host said of itself, and of the swarm where it is a manager."""

    host: str
    """The inventory name."""
    hostname: str = ""
    """What the host calls itself."""
    answered: bool = True
    """Whether a module told what it was asked. Everything below is empty where not, unless it was reached."""
    why_not: str = ""
    """Why it did not answer, in words that follow its name."""
    reached: bool = False
    """Where it did not answer: whether the connection reached it all the same (a full or read-only disk, no Python).
    Such a host is alive: it is never among the lost. What follows is what a shell could find out there."""
    startable: bool = False
    """Where it was reached only: whether a shell may start its Docker. Its unit is loaded, not masked, and stopped; a
    node's state lies there; and no restore, recovery or rejoin was broken off."""
    root: bool = True
    """Whether it was asked as root: nobody else reads the disk, and sees to units."""
    not_at_boot: str = ""
    """Why its engine does not come back at boot, one clause; empty: it does, or nobody knows."""
    engine: Engine = field(default_factory=Engine)
    membership: Membership = field(default_factory=Membership)
    addresses: tuple[Address, ...] = ()
    problem: str = ""
    """Why the swarm could not be read from here: empty, or one of ``no_leader``, ``locked``, ``not_manager``,
    ``not_member``, ``timeout``, ``no_engine``, ``no_sdk``, ``error``; from the probe also ``unread`` (it did not read
    the swarm) and ``unknown`` (it could not ask the engine, which says nothing of it)."""
    detail: str = ""
    """The engine's own words for the problem, scrubbed."""
    swarm: Swarm | None = None
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    certificate_expires: str = ""
    """When this node's certificate ends, ISO 8601 UTC; empty where it could not be read."""
    pending_restart: str = ""
    """Why Docker waits to be restarted on this host (``/var/lib/quorum.swarm/pending-restart``); empty: it does not."""
    unfinished: str = ""
    """A restore or recovery that was broken off on this host, in a few words; empty: there is none."""
    auto_upgrades: bool = False
    """Whether unattended upgrades may upgrade, and so restart, the engine's package."""
    state: LocalState = field(default_factory=LocalState)
    """What lies on its disk; empty where that was not asked for."""
    libraries: tuple[str, ...] = ()
    """Of ``docker``, ``nacl`` and ``cryptography``, those that the host's Python imports (the probe only)."""
    python: Python = field(default_factory=Python)
    """The same, in full (the probe only)."""
    blocked: tuple[str, ...] = ()
    """``address:port/protocol`` of other nodes which this host found to be filtered."""

    @property
    def raft_address(self) -> str:
        """The address by which the raft knows this host's node, by what the host itself knows; empty: it does not."""
        own = self.membership.node_id or self.state.node_id
        known = (*self.membership.remote_managers, *self.state.managers)
        return next((address_of(addr) for node_id, addr in known if own and node_id == own), "")

    @classmethod
    def of(cls, host: str, data: Mapping[str, Any]) -> HostFacts:
        """From what ``swarm_info`` or the probe returned for this host."""
        known = _known(cls, data)
        known["host"] = host
        known["engine"] = Engine.of(data.get("engine") or {})
        known["membership"] = Membership.of(data.get("membership") or {})
        known["addresses"] = tuple(Address.of(item) for item in data.get("addresses") or ())
        known["swarm"] = Swarm.of(data["swarm"]) if data.get("swarm") else None
        known["nodes"] = tuple(Node.of(item) for item in data.get("nodes") or ())
        known["services"] = tuple(Service.of(item) for item in data.get("services") or ())
        known["state"] = LocalState.of(data.get("state") or {})
        known["tasks"] = tuple(Task.of(item) for item in data.get("tasks") or ())
        known["libraries"] = tuple(data.get("libraries") or ())
        known["python"] = Python.of(data.get("python") or {})
        known["blocked"] = tuple(data.get("blocked") or ())
        return cls(**known)

    @classmethod
    def silent(cls, host: str, why: str) -> HostFacts:
        """A host that could not be asked."""
        return cls(host=host, answered=False, why_not=why)

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of it: only such a host may be called lost."""
        return not self.answered and not self.reached


@dataclass(frozen=True)
class View:
    """The swarm as one manager told it."""

    swarm: Swarm
    nodes: tuple[Node, ...]
    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    told_by: str = ""
    """The inventory name of the manager whose answer this is."""

    @property
    def voters(self) -> list[Node]:
        """The members of the raft: of these a majority has to be reachable."""
        return [node for node in self.nodes if node.voter]

    @property
    def promised(self) -> list[Node]:
        """Nodes that are wanted as managers and are no members of the raft.

        They were promoted and have not arrived, or a forced new cluster dropped them. No majority counts them: the raft
        takes a member in only after it has reached it (docs/engine-behaviour.md).
        """
        return [node for node in self.nodes if node.is_manager and not node.voter]

    @property
    def reachable(self) -> list[Node]:
        """Voters that the leader reaches."""
        return [node for node in self.nodes if node.reachable]

    @property
    def leader(self) -> Node | None:
        """The leader, or None where none is named."""
        for node in self.nodes:
            if node.leader:
                return node
        return None

    def node(self, node_id: str) -> Node | None:
        """The node with this ID, or None."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        return None
