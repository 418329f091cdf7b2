# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes this host a member of a swarm, or no member: what ``swarm_member`` and ``swarm_unlock`` do.

Acts on the engine that it is handed, and reads the state directory through statedir.py. What the host is, and whether a
manager may leave, is decided in core/member.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host, statedir
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease, member
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Membership, Node
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    AlreadyMember,
    Engine,
    EngineError,
    InBackground,
    Timeout,
    membership_facts,
    node_facts,
    wait_until,
)

DEMOTION = 60.0
"""Seconds that a demoted manager is given to become a worker in its own eyes. One or two are usual."""
INIT = 30.0
"""Seconds that somebody else's init on this host is given to end. A few are usual."""
JOIN_CALL = 30.0
"""Seconds for the call that joins: the engine answers after 20 s at the latest."""
NEXT_AFTER = 5.0
"""Seconds that a join may go on in the background before the next manager is tried."""


class Refused(Exception):
    """What was asked for would do harm, or cannot be done. One sentence with the fact and the remedy."""


class WrongKey(Refused):
    """The unlock key does not fit this manager; nothing was changed."""


@dataclass(frozen=True)
class Here:
    """This host, as it is now."""

    membership: Membership
    certificate: member.Certificate | None
    raft_log: bool
    path: str = ""
    """Of the state directory."""

    @property
    def has_state(self) -> bool:
        """Whether the state of a swarm lies on the disk: a certificate, or a raft log."""
        return self.raft_log or self.certificate is not None

    @property
    def is_manager(self) -> bool:
        """Whether it is a manager by any sign: what the engine says, a raft log, or a manager's certificate."""
        return self.membership.control or self.raft_log or bool(self.certificate and self.certificate.manager)

    @property
    def node_id(self) -> str:
        """The node's ID. A locked manager's engine does not tell it; its certificate does."""
        return self.membership.node_id or (self.certificate.node if self.certificate else "")

    @property
    def swarm_id(self) -> str:
        """The cluster ID in the node's certificate, or empty."""
        return self.certificate.swarm if self.certificate else ""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    changed: bool
    before: str
    after: str
    node_id: str = ""
    node_addr: str = ""
    swarm_id: str = ""
    warnings: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, str]:
        """What a module returns of it."""
        return {"node_id": self.node_id, "node_addr": self.node_addr, "state": self.after, "swarm_id": self.swarm_id}


@dataclass(frozen=True)
class Join:
    """How to join. ``remote_addrs`` are tried one after the other."""

    token: str
    remote_addrs: Sequence[str]
    known_nodes: Sequence[str]
    listen_addr: str
    advertise_addr: str = ""
    data_path_addr: str = ""
    availability: str = "active"
    seconds: float = 60.0

    @classmethod
    def of_params(cls, params: Mapping[str, Any]) -> Join:
        """From the parameters of ``swarm_member``."""
        return cls(
            token=params["join_token"],
            remote_addrs=params["remote_addrs"],
            known_nodes=params["known_nodes"],
            listen_addr=params["listen_addr"],
            advertise_addr=params["advertise_addr"],
            data_path_addr=params["data_path_addr"],
            availability=params["availability"],
            seconds=params["timeout"],
        )

    def body(self, remote_addr: str) -> dict[str, Any]:
        """What is posted."""
        return {
            "ListenAddr": self.listen_addr,
            "AdvertiseAddr": self.advertise_addr,
            "DataPathAddr": self.data_path_addr,
            "RemoteAddrs": [remote_addr],
            "JoinToken": self.token,
            "Availability": self.availability,
        }


def look(engine: Engine) -> Here:
    """This host, from the engine and from its state directory."""
    info = engine.info()
    root_dir = info.get("DockerRootDir") or ""
    try:
        raft_log = bool(root_dir) and statedir.holds_raft_log(root_dir)
        found = statedir.node_certificate(root_dir) if root_dir else None
    except statedir.Unread as error:
        raise Refused(
            f"the state on this host cannot be read ({error}), and it may be a swarm's. Run the task as root "
            "(become: true); where that does not help, look at the disk."
        ) from None
    return Here(
        membership=Membership.of(membership_facts(info)),
        certificate=member.Certificate(found.node, found.swarm, found.role == "swarm-manager") if found else None,
        raft_log=raft_log,
        path=statedir.directory(root_dir) if root_dir else "",
    )


def _outcome(changed: bool, before: Here, after: Here, warnings: list[str] | None = None) -> Outcome:
    return Outcome(
        changed=changed,
        before=before.membership.state,
        after=after.membership.state,
        node_id=after.membership.node_id,
        node_addr=after.membership.node_addr,
        swarm_id=after.swarm_id,
        warnings=warnings or [],
    )


def _refuse_leftover(here: Here) -> None:
    what = "a manager's raft log" if here.raft_log else "a node's certificate"
    raise Refused(
        f"state_found: the engine is in no swarm, but {what} lies in {here.path} (swarm {here.swarm_id or 'unknown'}, "
        f"node {here.node_id or 'unknown'}), which a new membership would destroy. Recover that swarm, or give it up "
        "by its ID (quorum.swarm.swarm_discard), which moves it aside."
    )


def init_body(params: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What ``POST /swarm/init`` gets, from the parameters of ``swarm_member``.

    :param now: when the lease begins, by this host's clock, as every lease does.
    """
    labels = {key: str(value) for key, value in params["labels"].items()}
    if params["lease_owner"]:
        labels, _unused = lease.take(labels, params["lease_owner"], params["lease_purpose"], now)
    body = {
        "ListenAddr": params["listen_addr"],
        "AdvertiseAddr": params["advertise_addr"],
        "DataPathAddr": params["data_path_addr"],
        "DataPathPort": params["data_path_port"],
        "Availability": params["availability"],
        "ForceNewCluster": False,
        "Spec": {"Labels": labels},
    }
    if params["default_addr_pool"]:
        body["DefaultAddrPool"] = params["default_addr_pool"]
        body["SubnetSize"] = params["subnet_size"]
    return body


def initialize(engine: Engine, body: Mapping[str, Any], seconds: float, check: bool) -> Outcome:
    """Make this host the first manager of a new swarm, unless it is a manager of a working one.

    Another run may be making it at this very moment: that is waited for, and then there is nothing left to make.

    :param body: of ``POST /swarm/init``.
    :param check: only say what would be done.
    :raises Refused: it is in a swarm otherwise, or state of an old one lies there.
    """
    _unused, here = wait_until(
        lambda: look(engine),
        lambda seen: not member.may_be_made(seen.membership, seen.has_state),
        0 if check else min(seconds, INIT),
    )
    now = here.membership
    if now.state == "active" and now.control and not now.error:
        return _outcome(False, here, here)
    if now.state not in ("", "inactive"):
        what = "a worker" if now.state == "active" and not now.control else f"in state '{now.state}'"
        raise Refused(
            f"this host is in a swarm already ({what}, node {here.node_id or 'unknown'}, swarm "
            f"{here.swarm_id or 'unknown'}{': ' + now.error.rstrip('.') if now.error else ''}). "
            "A new swarm is made on a host that is in none."
        )
    if here.has_state:
        _refuse_leftover(here)
    if check:
        return Outcome(True, "inactive", "active")
    made = True
    try:
        engine.init(body)
    except AlreadyMember:
        made = False  # by somebody else, since it was looked at
    ready, seen = wait_until(
        engine.membership, lambda m: m["state"] == "active" and m["control"] and not m["error"], seconds
    )
    if not ready:
        raise Refused(f"the swarm was made, but is '{seen['state']}' after {seconds:.0f} s: {seen['error']}")
    return _outcome(made, here, look(engine))


def join(engine: Engine, wanted: Join, check: bool) -> Outcome:
    """Make this host a member of the swarm whose nodes and managers are given.

    A join that was left half done is taken back and done again. Nothing is taken back before a manager is known to
    answer.

    :raises Refused: it belongs to another swarm, or no manager lets it in.
    """
    here = look(engine)
    now = here.membership
    place = member.place(now, here.certificate, here.raft_log, wanted.known_nodes, wanted.remote_addrs)
    if place == member.MEMBER:
        warnings = []
        if wanted.advertise_addr and now.node_addr != wanted.advertise_addr:
            warnings.append(
                f"this member announces {now.node_addr}, not {wanted.advertise_addr}: an address is fixed when a node "
                "joins, and changes only with a new membership."
            )
        return _outcome(False, here, here, warnings)
    if place == member.LEFTOVER:
        _refuse_leftover(here)
    if place == member.LOCKED:
        raise Refused("this host is a locked manager: unlock it with quorum.swarm.swarm_unlock.")
    if place == member.BROKEN:
        raise Refused(
            f"this host is node {here.node_id} of the swarm, but is '{now.state}': "
            f"{now.error.rstrip('.') or 'no reason given'}. "
            "ansible-playbook quorum.swarm.heal brings it back."
        )
    if place == member.FOREIGN:
        raise Refused(
            f"foreign: this host is node {here.node_id or 'unknown'} of swarm {here.swarm_id or 'unknown'} (state "
            f"'{now.state}'), which this swarm does not list. {ELSEWHERE}"
        )
    answering = [addr for addr in map(member.with_port, wanted.remote_addrs) if _listens(addr)]
    if not answering:
        raise Refused(
            f"no manager answers from this host: TCP to {', '.join(map(member.with_port, wanted.remote_addrs))} fails. "
            "Look for a firewall, or for a wrong address."
        )
    if check:
        return Outcome(True, now.state, "active")
    if place != member.NONE:
        engine.leave(force=True)
    failures = []
    for number, addr in enumerate(answering, start=1):
        last = number == len(answering)
        failure = _join_by(engine, wanted, addr, wanted.seconds if last else min(wanted.seconds, NEXT_AFTER))
        if not failure:
            return _outcome(True, here, look(engine))
        failures.append(f"{addr}: {failure}")
    raise Refused(f"no manager let this host in. {' '.join(failures)}")


def _listens(addr: str) -> bool:
    address, port = addr.rsplit(":", 1)
    return host.listens(address.strip("[]"), int(port))


def _join_by(engine: Engine, wanted: Join, addr: str, seconds: float) -> str:
    """Join through one manager; why it failed, or empty. After a failure the host is in no swarm.

    :param seconds: how long to wait for a join that goes on in the background.
    """
    try:
        engine.join(wanted.body(addr), timeout=JOIN_CALL)
    except (InBackground, Timeout):
        pass
    except EngineError as error:
        return error.text
    ready, seen = wait_until(engine.membership, lambda m: m["state"] in ("active", "error", "inactive"), seconds)
    if ready and seen["state"] == "active":
        return ""
    if seen["state"] != "inactive":
        engine.leave(force=True)
    return f"the join did not get further than '{seen['state']}': {seen['error'] or 'no reason given'}."


def leave(
    engine: Engine,
    force: bool,
    seconds: float,
    check: bool,
    known_nodes: Sequence[str] | None = None,
    swarm_id: str = "",
) -> Outcome:
    """Make this host a member of no swarm.

    :param force: also where it is a manager, as long as the others keep their quorum, or it is the only one.
    :param known_nodes: the IDs of all nodes that its swarm lists. A host whose node is not among them was taken out of
        the swarm: it is no voter any more, whatever it thinks itself to be, and leaves without further ado.
    :param swarm_id: the cluster ID of the swarm that it is to leave, where it is known; no other one is left.
    :raises Refused: it is a manager, and must not; or it is of another swarm.
    """
    here = look(engine)
    now = here.membership
    if now.state in ("", "inactive"):
        return _outcome(False, here, here)
    if swarm_id and here.swarm_id and here.swarm_id != swarm_id:
        raise Refused(
            f"foreign: this host is node {here.node_id} of swarm {here.swarm_id}, not of {swarm_id}, which it is to "
            "leave."
        )
    taken_out = member.taken_out(now, here.certificate, known_nodes or ())
    if here.is_manager and not taken_out and not force and not _wanted_manager(engine, now.node_id):
        # A manager that was demoted a moment ago still reads as one until it has its worker's certificate.
        _unused, here = wait_until(lambda: look(engine), lambda seen: not seen.is_manager, DEMOTION)
        now = here.membership
    is_manager = here.is_manager
    by_force = is_manager or taken_out or now.state != "active"
    if is_manager and not taken_out:
        _guard_manager(engine, here, force, check)
    if check:
        return Outcome(True, now.state, "inactive")
    with contextlib.suppress(Timeout):  # containers take their time to stop; what counts is seen below
        engine.leave(force=by_force)
    left, seen = wait_until(engine.membership, lambda m: m["state"] == "inactive", seconds)
    if not left:
        raise Refused(
            f"this host is still '{seen['state']}' {seconds:.0f} s after it was told to leave: {seen['error']}"
        )
    return _outcome(True, here, look(engine))


def _wanted_manager(engine: Engine, node_id: str) -> bool:
    """Whether the swarm wants this node to be a manager. False where it cannot say: a demoted one no longer can."""
    try:
        return any(raw["ID"] == node_id and Node.of(node_facts(raw)).role == "manager" for raw in engine.nodes())
    except EngineError:
        return False


def _guard_manager(engine: Engine, here: Here, force: bool, check: bool) -> None:
    """Refuse where this manager's leave would cost the quorum, or where nobody can tell."""
    now = here.membership
    if not force:
        raise Refused(
            f"this host is a manager (node {here.node_id or 'unknown'}): demote it "
            "first with quorum.swarm.swarm_topology. With force=true it leaves as it is, where the others keep their "
            "quorum."
        )
    try:
        nodes = [Node.of(node_facts(raw)) for raw in engine.nodes()]
        reason = member.why_no_leave(nodes, now.node_id)
        if not reason and len([node for node in nodes if node.is_manager]) > 1 and not check:
            # The list may be 20 s old [26.1]. A write that is committed is the proof of a quorum; this one also moves
            # the tasks away.
            engine.update_node(now.node_id, lambda spec: dict(spec, Availability="drain"))
    except EngineError as error:
        raise Refused(
            "this host is a manager, and whether the others would keep their quorum cannot be seen from it: "
            f"{error}"
        ) from None
    if reason:
        raise Refused(f"this manager may not leave: {reason} Demote or remove other managers first, or add some.")


def unlock(engine: Engine, key: str, seconds: float, check: bool) -> Outcome:
    """Unlock this manager, and wait until it takes part again.

    Where too few managers are unlocked yet, there is no leader to follow: that is a warning, because the next manager
    has to be unlocked to end it.

    :raises Refused: the key is wrong, or the manager is still locked.
    """
    here = look(engine)
    if here.membership.state != "locked":
        return _outcome(False, here, here)
    if check:
        return Outcome(True, "locked", "active")
    try:
        engine.unlock(key)
    except Timeout:
        pass  # without a quorum the call blocks; whether it worked is seen below
    except EngineError as error:
        if error.status == 401:
            raise WrongKey(
                "the unlock key is wrong for this manager. A manager that was off while the key was rotated needs the "
                "old key."
            ) from None
        if error.status != 409:
            raise
    ready, seen = wait_until(
        engine.membership, lambda m: m["state"] == "active" and m["control"] and not m["error"], seconds
    )
    if seen["state"] == "locked":
        raise Refused(f"this manager is still locked after {seconds:.0f} s.")
    warnings = []
    if not ready:
        warnings.append(
            f"this manager is unlocked, but is '{seen['state']}' after {seconds:.0f} s: "
            f"{seen['error'] or 'it finds no leader'}. A majority of the managers must be unlocked."
        )
    return _outcome(True, here, look(engine), warnings)
