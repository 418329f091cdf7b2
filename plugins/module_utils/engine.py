# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one door to a Docker engine: requests, retries, the meaning of its error texts, and scrubbing of secrets.

The only file that imports the docker SDK, and only for its connection: bodies are posted as they are, because the SDK's
own helpers have no ``Availability`` and drop a lone zero. Talks to the engine of this host alone, over its socket; the
environment variable ``DOCKER_HOST`` is never read. Decides nothing.
"""

from __future__ import annotations

import copy
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.quorum.swarm.plugins.module_utils import libraries
from ansible_collections.quorum.swarm.plugins.module_utils.core import engines

DEFAULT_HOST = "unix:///var/run/docker.sock"
DEFAULT_TIMEOUT = 22.0
"""Seconds for one call. The engine itself gives up after 20 s: a little more, so that its own words come through."""
CAS_TRIES = 10
"""How often an update is tried again because somebody else changed the object in between."""
ELECTION = 30.0
"""Seconds that those who change a swarm wait for a leader. An election takes a few; on a busy machine, some more."""
ELECTION_POLL = 1.0
"""Seconds between two questions for a leader."""
RUNNING_STATES = ("assigned", "accepted", "preparing", "ready", "starting", "running")
"""Task states in which a task takes up a place on its node."""

ENGINE_OPTIONS: dict[str, dict[str, Any]] = {
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "api_timeout": {"type": "float", "default": DEFAULT_TIMEOUT},
}
"""The options of the document fragment ``quorum.swarm.engine``, for a module's argument spec."""

T = TypeVar("T")

_SECRETS = (
    (re.compile(r"SWMTKN-[0-9A-Za-z-]+"), "SWMTKN-(hidden)"),
    (re.compile(r"SWMKEY-[0-9A-Za-z+/=_-]+"), "SWMKEY-(hidden)"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        "(private key hidden)",
    ),
)


def scrub(text: Any) -> str:
    """The text without join tokens, unlock keys and private keys, on one line."""
    clean = str(text)
    for pattern, instead in _SECRETS:
        clean = pattern.sub(instead, clean)
    return " ".join(clean.split())


class EngineError(Exception):
    """The engine refused, or could not be asked. Its text is scrubbed.

    ``text`` is what was seen, and as a string the error also says what to do. ``status`` is the HTTP status, 0 where
    there was no answer; ``problem`` is what ``swarm_info`` calls it.
    """

    problem = "error"
    remedy = ""

    def __init__(self, text: Any, status: int = 0) -> None:
        self.text = scrub(text)
        self.status = status
        super().__init__(f"{self.text.rstrip('.')}. {self.remedy}" if self.remedy else self.text)


class NoSdk(EngineError):
    """The docker SDK for Python is not there, or does not work. That says nothing of the engine."""

    problem = "no_sdk"


class NoEngine(EngineError):
    """No engine answers at the socket."""

    problem = "no_engine"


class Timeout(EngineError):
    """The engine did not answer in time."""

    problem = "timeout"


class NoLeader(EngineError):
    """The swarm has no leader: too few managers are reachable."""

    problem = "no_leader"
    remedy = "Which managers are missing: ansible-playbook quorum.swarm.health."


class Locked(EngineError):
    """The manager is locked and waits for the unlock key."""

    problem = "locked"
    remedy = "Unlock it: ansible-playbook quorum.swarm.unlock."


class NotManager(EngineError):
    """This node is no manager of a swarm, so it cannot speak for one."""

    problem = "not_manager"


class AlreadyMember(EngineError):
    """This node is in a swarm already, so it can neither make nor join one."""


class OutOfSequence(EngineError):
    """Somebody else changed the object since it was read."""


class InBackground(EngineError):
    """The join took more than 20 s and goes on in the background."""


# The engine's words, in the order in which they are looked for. Status codes do not tell these apart: a version
# conflict is 500, and so is a missing leader [26.1]. tests/unit/test_engine.py holds the texts as captured.
_MEANINGS: tuple[tuple[str, type[EngineError]], ...] = (
    ("update out of sequence", OutOfSequence),
    ("continue in the background", InBackground),
    ("Swarm is encrypted", Locked),
    ("does not have a leader", NoLeader),
    ("no elected primary cluster manager", NoLeader),
    ("node lost leader status", NoLeader),
    ("context deadline exceeded", NoLeader),
    ("This node is not a swarm manager", NotManager),
    ("This node is not part of a swarm", NotManager),
    ("already part of a swarm", AlreadyMember),
)


def error_of(text: str, status: int = 0) -> EngineError:
    """What the engine means by ``text``. Also for ``Swarm.Error`` of ``GET /info``."""
    for words, kind in _MEANINGS:
        if words in text:
            return kind(text, status)
    return EngineError(text or f"HTTP status {status}, without a text", status)


def require_local_socket(host: str) -> str:
    """The path of the engine's socket on this host.

    :raises EngineError: for anything but a ``unix://`` address: what these modules do to this host's membership, state
        directory and services must never go to another host's engine.
    """
    path = host[len("unix://") :] if host.startswith("unix://") else ""
    if not path.startswith("/"):
        raise EngineError(
            f"docker_host is {host!r}; only the socket of the host's own engine is accepted, such as {DEFAULT_HOST}."
        )
    return path


def wait_until(
    check: Callable[[], T],
    done: Callable[[T], bool],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, T]:
    """Call ``check`` until ``done`` accepts what it returned, or ``seconds`` have passed.

    Returns whether it was accepted, and what was seen last, so that a caller can say how far it got. The first pause is
    0.1 s, each next one half as long again, at most 2 s.
    """
    until = clock() + seconds
    pause = 0.1
    while True:
        seen = check()
        if done(seen):
            return True, seen
        left = until - clock()
        if left <= 0:
            return False, seen
        sleep(min(pause, left))
        pause = min(pause * 1.5, 2.0)


class Engine:
    """The engine of this host.

    :param host: its socket, ``unix:///path``.
    :param timeout: seconds for one call.
    :param budget: seconds for all calls together, counted from now; None: no limit but that of each call.
    :param election: seconds for which a question, or an update that is made by compare-and-swap, is asked again where
        there is no leader: while one is elected there is none.
    :raises EngineError: from every method, in one of its kinds above.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        timeout: float = DEFAULT_TIMEOUT,
        budget: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        election: float = 0.0,
    ) -> None:
        self.socket = require_local_socket(host)
        self._host = host
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._election = election
        self._until = None if budget is None else clock() + budget
        self._client: Any = None

    @classmethod
    def of_params(cls, params: Mapping[str, Any], budget: float | None = None, election: float = 0.0) -> Engine:
        """From a module's parameters (``ENGINE_OPTIONS``)."""
        return cls(params["docker_host"], params["api_timeout"], budget, election=election)

    # --- requests -----------------------------------------------------------------------------------------------

    def _time_left(self, timeout: float | None) -> float:
        """Seconds for the next call."""
        limit = self._timeout if timeout is None else timeout
        if self._until is None:
            return limit
        left = self._until - self._clock()
        if left <= 0:
            raise Timeout("the engine did not answer everything in the time given.")
        return min(limit, left)

    def _connected(self, timeout: float) -> Any:
        """The SDK's client; connecting asks the engine for its API version, and speaks none that was never tried."""
        if self._client is None:
            try:
                docker = libraries.load("docker")
            except libraries.Unusable as error:
                raise NoSdk(str(error)) from None
            try:
                client = docker.APIClient(base_url=self._host, version="auto", timeout=math.ceil(timeout))
                spoken = engines.api_version(client.api_version)
                if spoken != client.api_version:
                    said = client.version(api_version=False)
                    spoken = engines.api_version(said["ApiVersion"], said.get("MinAPIVersion") or "")
                    client = docker.APIClient(base_url=self._host, version=spoken, timeout=math.ceil(timeout))
            except Exception as error:
                raise self._unreachable(error, timeout) from None
            client.trust_env = False
            self._client = client
        return self._client

    def _unreachable(self, error: BaseException, timeout: float) -> EngineError:
        """What it means that there was no answer. The SDK and its libraries wrap the cause several times over."""
        chain: list[BaseException] = []
        step: BaseException | None = error
        while step is not None and step not in chain:
            chain.append(step)
            step = step.__cause__ or step.__context__
        words = " ".join(f"{type(link).__name__}: {link}" for link in chain)
        if "URL scheme" in words or any(isinstance(link, (TypeError, AttributeError, ImportError)) for link in chain):
            # The engine was not even asked: libraries of versions that do not go together fail before that.
            return NoSdk(f"the Python library 'docker' does not work with the other libraries of {libraries.here()}: "
                         f"{error}. Upgrade it (7.1 or later works with all of them).")
        if "Timeout" in words or "timed out" in words:
            return Timeout(f"the engine at {self.socket} did not answer within {timeout:.0f} s.")
        if "FileNotFoundError" in words:
            return NoEngine(f"no engine runs: there is no socket {self.socket}. Start it: systemctl start docker.")
        if "PermissionError" in words:
            return NoEngine(f"the engine's socket {self.socket} may not be opened: run the task with become: true.")
        if "ConnectionRefusedError" in words:
            return NoEngine(f"no engine runs: nobody listens at {self.socket}. Start it: systemctl start docker.")
        return NoEngine(f"the engine at {self.socket} broke off: {error}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """One request; the decoded JSON of the answer, or None where there is none.

        :param method: ``GET``, ``POST`` or ``DELETE``.
        :param path: below the API version, such as ``/nodes``.
        """
        if method == "GET":
            return self._led(lambda: self._call_once(method, path, body, params, timeout))
        return self._call_once(method, path, body, params, timeout)

    def _led(self, ask: Callable[[], T]) -> T:
        """Ask again while a leader is being elected."""
        until = self._clock() + self._election
        while True:
            try:
                return ask()
            except NoLeader:
                if self._clock() >= until:
                    raise
                self._sleep(ELECTION_POLL)

    def _call_once(
        self, method: str, path: str, body: Any, params: Mapping[str, Any] | None, timeout: float | None
    ) -> Any:
        client = self._connected(self._time_left(timeout))
        limit = self._time_left(timeout)
        # The body is encoded here: the SDK's own encoder throws away what is null at the top.
        extra = {} if body is None else {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
        try:
            response = client.request(method, client._url(path), params=params, timeout=limit, **extra)
            content = response.content
        except Exception as error:
            raise self._unreachable(error, limit) from None
        if response.status_code >= 400:
            try:
                text = json.loads(content)["message"]
            except (ValueError, KeyError, TypeError):
                text = content.decode("utf-8", "replace")
            raise error_of(text, response.status_code)
        try:
            return json.loads(content) if content else None
        except ValueError:
            return content.decode("utf-8", "replace")

    def socket_exists(self) -> bool:
        """Whether there is a socket to ask, without asking it."""
        return os.path.exists(self.socket)

    # --- what is there ------------------------------------------------------------------------------------------

    def version(self) -> dict[str, Any]:
        """``GET /version``. It needs no swarm and no leader."""
        return self.call("GET", "/version")

    def info(self, timeout: float | None = None) -> dict[str, Any]:
        """``GET /info``. It always answers, but may take up to 20 s just after a majority was lost [26.1]."""
        return self.call("GET", "/info", timeout=timeout)

    def membership(self) -> dict[str, Any]:
        """What the engine says of its own place in a swarm, as ``view.Membership`` reads it."""
        return membership_facts(self.info())

    def swarm(self) -> dict[str, Any]:
        """``GET /swarm``, join tokens and all: never hand it out; ``swarm_facts`` is for that."""
        return self.call("GET", "/swarm")

    def nodes(self) -> list[dict[str, Any]]:
        """``GET /nodes``. Right after a majority died it is stale for up to 20 s [26.1]: a write proves a quorum."""
        return self.call("GET", "/nodes")

    def node(self, node_id: str) -> dict[str, Any]:
        """``GET /nodes/{id}``."""
        return self.call("GET", f"/nodes/{node_id}")

    def services(self) -> list[dict[str, Any]]:
        """``GET /services``."""
        return self.call("GET", "/services")

    def tasks(self) -> list[dict[str, Any]]:
        """``GET /tasks``: all of them, the history too."""
        return self.call("GET", "/tasks")

    def secrets(self) -> list[dict[str, Any]]:
        """``GET /secrets``: the engine never tells their content."""
        return self.call("GET", "/secrets") or []

    def configs(self) -> list[dict[str, Any]]:
        """``GET /configs``, their content left out."""
        rows = self.call("GET", "/configs") or []
        return [{**raw, "Spec": {**raw["Spec"], "Data": ""}} for raw in rows]

    def containers(self) -> list[dict[str, Any]]:
        """``GET /containers/json``: those that run."""
        return self.call("GET", "/containers/json")

    def overlays(self) -> dict[str, list[str]]:
        """By name, the addresses of the nodes that this one knows in an overlay network, itself included; only of
        networks that it takes part in.
        """
        listed = self.call("GET", "/networks", params={"filters": json.dumps({"driver": ["overlay"]})}) or []
        found = {}
        for raw in listed:
            peers = self.call("GET", f"/networks/{raw['Id']}").get("Peers") or []
            if peers:
                found[str(raw["Name"])] = sorted({str(peer["IP"]) for peer in peers})
        return found

    def encrypted_networks(self) -> list[str]:
        """Names of the swarm's overlay networks whose traffic is encrypted."""
        listed = self.call("GET", "/networks", params={"filters": json.dumps({"driver": ["overlay"]})}) or []
        return sorted(str(raw["Name"]) for raw in listed if "encrypted" in (raw.get("Options") or {}))

    def objects(self) -> dict[str, list[tuple[str, str]]]:
        """(ID, name) of what the swarm holds, by kind, in the words of ``core/manifest.py``: never a payload."""
        networks = self.call("GET", "/networks", params={"filters": json.dumps({"scope": ["swarm"]})})
        volumes = (self.call("GET", "/volumes") or {}).get("Volumes") or []
        listed = {kind: self.call("GET", f"/{kind}s") for kind in ("service", "secret", "config")}
        return {
            "node": [(raw["ID"], (raw.get("Description") or {}).get("Hostname") or "") for raw in self.nodes()],
            "network": [(raw["Id"], raw["Name"]) for raw in networks],
            "volume": [(raw["ClusterVolume"]["ID"], raw["Name"]) for raw in volumes if raw.get("ClusterVolume")],
            **{kind: [(raw["ID"], raw["Spec"]["Name"]) for raw in rows or []] for kind, rows in listed.items()},
        }

    def join_tokens(self) -> dict[str, str]:
        """``Worker`` and ``Manager`` token. Secrets."""
        return self.swarm()["JoinTokens"]

    def unlock_key(self) -> str:
        """The swarm's unlock key, empty where autolock is off. A secret."""
        return (self.call("GET", "/swarm/unlockkey") or {}).get("UnlockKey", "")

    # --- this host's membership ---------------------------------------------------------------------------------

    def init(self, body: Mapping[str, Any]) -> str:
        """``POST /swarm/init`` with this body; returns the node ID."""
        return self.call("POST", "/swarm/init", dict(body))

    def join(self, body: Mapping[str, Any], timeout: float | None = None) -> None:
        """``POST /swarm/join`` with this body. The engine uses the first of ``RemoteAddrs`` only [src].

        :raises InBackground: after 20 s, when the attempt goes on in the background.
        """
        self.call("POST", "/swarm/join", dict(body), timeout=timeout)

    def leave(self, force: bool = False) -> None:
        """``POST /swarm/leave``. The engine does not guard the quorum when ``force`` is set: the caller does."""
        self.call("POST", "/swarm/leave", params={"force": "true" if force else "false"})

    def unlock(self, key: str) -> None:
        """``POST /swarm/unlock``. 401: wrong key; 409: not locked. It blocks while there is no quorum [20.10]."""
        self.call("POST", "/swarm/unlock", {"UnlockKey": key})

    # --- changes to the swarm -----------------------------------------------------------------------------------

    def update_swarm(
        self,
        mutate: Callable[[dict[str, Any]], dict[str, Any]],
        rotate_worker_token: bool = False,
        rotate_manager_token: bool = False,
        rotate_unlock_key: bool = False,
    ) -> bool:
        """Read the whole ``Spec``, change it, post it whole; again when somebody else was faster.

        :param mutate: given a copy of ``Spec``, returns the wanted one.
        :returns: whether anything was posted.
        """
        rotations = {
            "rotateWorkerToken": rotate_worker_token,
            "rotateManagerToken": rotate_manager_token,
            "rotateManagerUnlockKey": rotate_unlock_key,
        }
        params = {name: "true" for name, wanted in rotations.items() if wanted}

        def attempt() -> bool:
            swarm = self.swarm()
            spec = mutate(copy.deepcopy(swarm["Spec"]))
            if spec == swarm["Spec"] and not params:
                return False
            self.call("POST", "/swarm/update", spec, dict(params, version=swarm["Version"]["Index"]))
            return True

        return self._in_sequence(attempt, repeatable=not params)

    def update_node(self, node_id: str, mutate: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        """Read a node's ``Spec``, change it, post it; again when somebody else was faster.

        :returns: whether anything was posted.
        """

        def attempt() -> bool:
            node = self.node(node_id)
            spec = mutate(copy.deepcopy(node["Spec"]))
            if spec == node["Spec"]:
                return False
            self.call("POST", f"/nodes/{node_id}/update", spec, {"version": node["Version"]["Index"]})
            return True

        return self._in_sequence(attempt)

    def remove_node(self, node_id: str, force: bool = False) -> None:
        """``DELETE /nodes/{id}``. A node that is not down, or is a manager, needs ``force``."""
        self.call("DELETE", f"/nodes/{node_id}", params={"force": "true" if force else "false"})

    def _in_sequence(self, attempt: Callable[[], bool], repeatable: bool = True) -> bool:
        """Run ``attempt`` until it is not out of sequence, at most ``CAS_TRIES`` times.

        :param repeatable: whether it may be done twice: who loses the leader does not know whether it was done.
        """
        for number in range(CAS_TRIES):
            try:
                return self._led(attempt) if repeatable else attempt()
            except OutOfSequence:
                if number + 1 == CAS_TRIES:
                    raise
                self._sleep(0.05 * (number + 1))
        raise AssertionError("unreachable")


# --- from the engine's answers to the dictionaries that core/view.py reads ------------------------------------------


def engine_facts(info: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Engine`` from ``GET /info``."""
    return {
        "installed": True,
        "answers": True,
        "version": info.get("ServerVersion") or "",
        "id": info.get("ID") or "",
        "hostname": info.get("Name") or "",
        "root_dir": info.get("DockerRootDir") or "",
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "containers_running": info.get("ContainersRunning") or 0,
        "error": "",
        "firewall": (info.get("FirewallBackend") or {}).get("Driver") or "",
    }


def membership_facts(info: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Membership`` from ``GET /info``."""
    swarm = info.get("Swarm") or {}
    return {
        "state": swarm.get("LocalNodeState") or "inactive",
        "node_id": swarm.get("NodeID") or "",
        "node_addr": swarm.get("NodeAddr") or "",
        "control": bool(swarm.get("ControlAvailable")),
        "error": scrub(swarm.get("Error") or ""),
        "remote_managers": [[one.get("NodeID", ""), one.get("Addr", "")] for one in swarm.get("RemoteManagers") or []],
    }


def node_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Node`` from one entry of ``GET /nodes``."""
    spec = raw.get("Spec") or {}
    status = raw.get("Status") or {}
    description = raw.get("Description") or {}
    platform = description.get("Platform") or {}
    resources = description.get("Resources") or {}
    engine = description.get("Engine") or {}
    manager = raw.get("ManagerStatus") or {}
    return {
        "id": raw["ID"],
        "hostname": description.get("Hostname") or "",
        "role": spec.get("Role") or "worker",
        "availability": spec.get("Availability") or "active",
        "state": status.get("State") or "unknown",
        "message": scrub(status.get("Message") or ""),
        "addr": status.get("Addr") or "",
        "labels": dict(spec.get("Labels") or {}),
        "engine_labels": dict(engine.get("Labels") or {}),
        "voter": bool(manager),
        "leader": bool(manager.get("Leader")),
        "reachability": manager.get("Reachability") or "",
        "manager_addr": manager.get("Addr") or "",
        "engine_version": engine.get("EngineVersion") or "",
        "os": platform.get("OS") or "",
        "arch": platform.get("Architecture") or "",
        "cpu": resources.get("NanoCPUs") or 0,
        "memory": resources.get("MemoryBytes") or 0,
        "version": raw["Version"]["Index"],
    }


def swarm_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Swarm`` from ``GET /swarm``: no tokens, no signing key."""
    spec = copy.deepcopy(raw.get("Spec") or {})
    (spec.get("CAConfig") or {}).pop("SigningCAKey", None)
    return {
        "id": raw["ID"],
        "version": raw["Version"]["Index"],
        "spec": spec,
        "default_addr_pool": list(raw.get("DefaultAddrPool") or []),
        "subnet_size": raw.get("SubnetSize") or 0,
        "data_path_port": raw.get("DataPathPort") or 0,
        "created_at": raw.get("CreatedAt") or "",
        "ca_rotating": bool(raw.get("RootRotationInProgress")),
    }


_MODES = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def service_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Service`` from one entry of ``GET /services``: what placement needs."""
    spec = raw.get("Spec") or {}
    template = spec.get("TaskTemplate") or {}
    placement = template.get("Placement") or {}
    limits = (template.get("Resources") or {}).get("Limits") or {}
    reserved = (template.get("Resources") or {}).get("Reservations") or {}
    ports = (spec.get("EndpointSpec") or {}).get("Ports") or []
    mode = spec.get("Mode") or {}
    kind = next((key for key in _MODES if mode.get(key) is not None), "Replicated")
    settings = mode.get(kind) or {}
    return {
        "id": raw["ID"],
        "name": spec.get("Name") or "",
        "mode": _MODES[kind],
        "replicas": settings.get("Replicas") or settings.get("MaxConcurrent") or 0,
        "constraints": list(placement.get("Constraints") or []),
        "platforms": [[p.get("OS") or "", p.get("Architecture") or ""] for p in placement.get("Platforms") or []],
        "limited_cpu": bool(limits.get("NanoCPUs")),
        "limited_memory": bool(limits.get("MemoryBytes")),
        "max_replicas": placement.get("MaxReplicas") or 0,
        "host_ports": [[port["PublishedPort"], port.get("Protocol") or "tcp"] for port in ports
                       if port.get("PublishMode") == "host" and port.get("PublishedPort")],
        "cpu": reserved.get("NanoCPUs") or 0,
        "memory": reserved.get("MemoryBytes") or 0,
    }


def plain_containers(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of running containers that no swarm started: they stop with Docker, and nothing moves them."""
    return sorted((raw.get("Names") or [raw["Id"][:12]])[0].lstrip("/") for raw in rows if not is_of_task(raw))


def is_of_task(raw: Mapping[str, Any]) -> bool:
    """Whether a swarm started this container of ``GET /containers/json``."""
    return "com.docker.swarm.task.id" in (raw.get("Labels") or {})


def is_present(raw: Mapping[str, Any]) -> bool:
    """Whether a task of ``GET /tasks`` is wanted to run or does run; the rest is history."""
    state = (raw.get("Status") or {}).get("State")
    return raw.get("DesiredState") not in ("shutdown", "remove") or state in RUNNING_STATES


def task_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``view.Task`` from one entry of ``GET /tasks``."""
    status = raw.get("Status") or {}
    return {
        "id": raw["ID"],
        "service_id": raw.get("ServiceID") or "",
        "node_id": raw.get("NodeID") or "",
        "slot": raw.get("Slot") or 0,
        "state": status.get("State") or "",
        "desired_state": raw.get("DesiredState") or "",
        "error": scrub(status.get("Err") or ""),
    }
