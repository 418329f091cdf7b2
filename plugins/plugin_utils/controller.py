# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins share: from Ansible's variables to the values of the core, and the words of a refusal.

Runs on the controller only. Reads variables, never the network; the files of ``swarm_controller_dir`` are in
``controller_dir.py`` beside this one.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, deeds, inventory, unread, variables
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding, by_weight
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, LocalState

SEEN = "__swarm_seen"
"""The variable in which the result of ``swarm_info`` is registered."""
PROBED = "__swarm_probed"
"""The variable in which the result of ``swarm_probe`` is registered."""

NOT_ASKED = "it was not asked"
"""``HostFacts.why_not`` of a host that no task came to."""

_SILENCE = ("Failed to connect to the host via", "could not be sent to remote host", "Failed to connect to ",
            "SSH encountered an unknown error")
"""Ansible's words where the connection failed. Everything else is said of a host that was reached."""
_SPOKE = ("Permission denied (", "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED",
          "Too many authentication failures", "Authentication failed", "Authentication failure")
"""Words of ssh that it says only to a server that speaks."""

DISK = "__swarm_disk"
"""The variable in which ``swarm_info`` is registered where it was asked for the host's disk alone."""

HOST_VARS = ("ansible_host", "swarm_zone", "swarm_advertise_addr", "swarm_advertise_cidr", "swarm_advertise_interface",
             "swarm_availability", "swarm_labels", "swarm_listen_addr", "swarm_data_path_addr", "swarm_spare_manager",
             "swarm_compromised")
SHARED_VARS = (*inventory.SETTINGS, *inventory.ALLOWANCES, "swarm_default_addr_pool", "swarm_subnet_size",
               "swarm_data_path_port", "swarm_id", "swarm_force", "swarm_discard_state", "swarm_pin_addresses",
               "swarm_controller_dir",
               "swarm_backup_dir", "swarm_backup_max_age", "swarm_drill_max_age", "swarm_given_up", variables.OWN)
PARENT = "__swarm_parent"
"""The variable of an import that names the playbook that imports. It is a plain word: an action plugin gets variables
of a play as they are written, with their templates."""
DECIDED = {
    "recover": (("__swarm_recover_members", "given_up"), ("__swarm_recover_rest", "pause")),
    "restore": (("__swarm_restore_order", "lost"), ("__swarm_restore_rest", "pause")),
}
"""Where a playbook that imports others registered what it decided for them: the hosts that are down, and whether a
backup may pause a small swarm. No variable of the operator is set."""


def plain(value: Any) -> Any:
    """The value without Ansible's lazy and tagged wrappers, so that it can be compared and written as JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def groups_of(task_vars: Mapping[str, Any]) -> dict[str, list[str]]:
    """Host names by group, of the groups that the contract knows. From the inventory, never from the play."""
    groups = task_vars.get("groups") or {}
    return {name: [str(host) for host in groups.get(name, ())] for name in inventory.GROUPS}


def wanted_of(task_vars: Mapping[str, Any], given_up: Sequence[str] | None = None) -> Wanted:
    """What the inventory wants.

    :param given_up: the hosts that this run decided to do without, beside those that the operator names.

    :raises AnsibleActionFail: for a variable that cannot be read, or that hosts disagree about.
    """
    groups = groups_of(task_vars)
    hostvars = task_vars["hostvars"]
    hosts = [host for name in inventory.GROUPS for host in groups[name]]
    own = {host: _values(hostvars[host], HOST_VARS) for host in hosts}
    shared = shared_of(task_vars, SHARED_VARS)
    decided, pause = (given_up, None) if given_up is not None else _decided(task_vars)
    if shared["swarm_allow_quorum_pause"] is None:
        shared["swarm_allow_quorum_pause"] = pause
    try:
        if decided is not None:
            operator = coerce.texts("swarm_given_up", shared["swarm_given_up"])
            shared["swarm_given_up"] = list(dict.fromkeys([*operator, *decided]))
        return inventory.read(groups, own, shared)
    except coerce.BadValue as error:
        raise AnsibleActionFail(str(error)) from None


def _decided(task_vars: Mapping[str, Any]) -> tuple[list[str] | None, bool | None]:
    """What the playbook that imports this one decided for it; None: nothing, or none does."""
    places = DECIDED.get(str(task_vars.get(PARENT) or ""))
    if places is None:
        return None, None
    memory = task_vars["hostvars"]["localhost"]
    hosts, pause = (plain((memory.get(variable) or {}).get(key)) for variable, key in places)
    return hosts, pause


def _values(variables: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: plain(variables.get(name)) for name in names}


def told_of(
    task_vars: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], str]]:
    """All variables of the swarm's hosts whose names begin like ours, by host; and why some cannot be templated.

    Without hosts: those of the command line, as ``localhost`` has them.
    """
    groups = groups_of(task_vars)
    hosts = list(dict.fromkeys(host for name in inventory.GROUPS for host in groups[name])) or ["localhost"]
    told: dict[str, dict[str, Any]] = {}
    unreadable: dict[tuple[str, str], str] = {}
    for host in hosts:
        values = task_vars["hostvars"][host]
        told[host] = {}
        for name in values:
            if not str(name).startswith(variables.PREFIXES):
                continue
            if name not in variables.VARIABLES:
                told[host][str(name)] = None  # its name is looked at; its value is the operator's own business
                continue
            try:
                told[host][str(name)] = plain(values[name])
            except Exception as error:
                unreadable[host, str(name)] = str(error).strip().splitlines()[0].rstrip(".")
    return told, unreadable


def shared_of(task_vars: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values of variables that are one for the whole swarm; None where nobody sets one.

    :raises AnsibleActionFail: where hosts disagree about one.
    """
    groups = groups_of(task_vars)
    hostvars = task_vars["hostvars"]
    tellers = groups[inventory.MANAGERS] or [host for name in inventory.GROUPS for host in groups[name]]
    by_teller = {host: hostvars[host] for host in tellers}
    shared: dict[str, Any] = {}
    for name in names:
        told = {host: plain(values.get(name)) for host, values in by_teller.items()} if tellers else {
            "localhost": plain(task_vars.get(name))}
        values = {repr(value) for value in told.values()}
        if len(values) > 1:
            raise AnsibleActionFail(f"{name} is one value for the whole swarm, and the hosts disagree: "
                                    + ", ".join(f"{host}: {value!r}" for host, value in sorted(told.items()))
                                    + ". Set it once, for the group or for all.")
        shared[name] = next(iter(told.values()))
    return shared


def facts_of(task_vars: Mapping[str, Any], hosts: Iterable[str], name: str = "") -> dict[str, HostFacts]:
    """What was seen of each host: of the module where it ran, completed by the probe where that ran too.

    :param name: another variable than the usual in which the module was registered; the probe is not looked at then.
    :raises AnsibleActionFail: a host was asked by somebody else than root. ``health`` has a door of its own.
    """
    hostvars = task_vars["hostvars"]
    facts = {host: _with_disk(_facts(hostvars[host], host, name), None if name else hostvars[host].get(DISK))
             for host in hosts}
    refuse(unread.not_root(facts.values()), task_vars)
    return facts


def _with_disk(item: HostFacts, result: Mapping[str, Any] | None) -> HostFacts:
    """The host with what lies on its disk, where that was asked of it by itself."""
    if result is None or result.get("skipped") or not item.answered or item.state.root_dir:
        return item
    if "facts" not in result:
        return replace(item, state=LocalState(unread=unanswered(item.host, result).why_not))
    told = HostFacts.of(item.host, plain(result["facts"]))
    return replace(item, state=told.state, certificate_expires=told.certificate_expires, root=told.root,
                   not_at_boot=told.not_at_boot)


def _facts(variables: Mapping[str, Any], host: str, name: str) -> HostFacts:
    seen, probed = (variables.get(name), None) if name else (variables.get(SEEN), variables.get(PROBED))
    if seen is None and probed is None:
        return HostFacts.silent(host, NOT_ASKED)
    for result in (seen, probed):
        if result is not None and "facts" not in result:
            return unanswered(host, result)
    told = plain(seen["facts"]) if seen is not None else {}
    also = plain(probed["facts"]) if probed is not None else {}
    if not told:
        return HostFacts.of(host, also)
    told.update({key: also[key] for key in ("blocked", "libraries", "python") if key in also})
    if told.get("problem") == "no_sdk" and also:
        # Without the SDK the module could not ask the engine; the probe did so over the engine's own socket.
        told.update({key: also[key] for key in ("engine", "membership", "problem", "detail")})
    return HostFacts.of(host, told)


def unanswered(host: str, result: Mapping[str, Any]) -> HostFacts:
    """A host of which a registered result does not say what was asked: silent, not asked, or reached all the same."""
    if result.get("skipped"):
        return HostFacts.silent(host, NOT_ASKED)
    if result.get("timedout"):
        return HostFacts.silent(host, f"no answer within {result['timedout']['period']} s")
    message = words(result) or ("unreachable" if result.get("unreachable") else "the question failed")
    if result.get("reached"):
        told = plain(result.get("probed") or {})
        return HostFacts.of(host, {**told, "answered": False, "reached": True,
                                   "why_not": str(result.get("why_not") or why(message))})
    return HostFacts.of(host, {"answered": False, "reached": is_known_alive(message), "why_not": why(message)})


def words(result: Mapping[str, Any]) -> str:
    """What a registered result says of its failure; last, what the host itself printed."""
    return "\n".join(str(text).strip() for text in (
        result.get("msg"), result.get("module_stderr") or result.get("module_stdout")) if text)


def is_silence(message: str) -> bool:
    """Whether Ansible's message says that the connection itself failed, and that nobody was heard at the other end."""
    return any(sign in message for sign in _SILENCE) and not is_known_alive(message)


def is_known_alive(message: str) -> bool:
    """Whether ssh's words prove a host that lives: its ssh server spoke, and did not let the user in."""
    return any(sign in message for sign in _SPOKE)


def why(message: str) -> str:
    """What an operator needs of Ansible's message for a host that did not answer: SSH's own words where it has some."""
    last = ["", *message.strip().splitlines()][-1].strip()[:200].rstrip(".")
    _frame, ssh, said = last.rpartition("ssh: ")
    return ssh + said if ssh else last.removeprefix("Task failed: ") or "no reason was given"


def registered(hostvars: Mapping[str, Any]) -> deeds.Look:
    """What hosts registered, as the core asks for it."""
    def look(host: str, name: str) -> Mapping[str, Any]:
        try:
            told = plain(hostvars[host].get(name) or {})
        except KeyError:
            return {}
        return told if isinstance(told, dict) else {}
    return look


def done_so_far(task_vars: Mapping[str, Any]) -> str:
    """What this run of ansible-playbook has changed, for a person; empty: nothing."""
    hosts = dict.fromkeys(str(host) for group in (task_vars.get("groups") or {}).values() for host in group)
    return deeds.so_far([*hosts, deeds.LOCAL], registered(task_vars.get("hostvars") or {}))


def left_undone(task_vars: Mapping[str, Any], *playbooks: str) -> list[str]:
    """What failed in these playbooks of the run, a sentence each."""
    look = registered(task_vars["hostvars"])
    return [words for playbook in playbooks for words in deeds.failures(playbook, look)]


def ended(undone: Iterable[str]) -> dict[str, Any]:
    """What a report returns: it fails with what its run was to do and did not."""
    words = " | ".join(undone)
    return {"failed": True, "msg": words} if words else {}


def refused(task_vars: Mapping[str, Any] | None, words: str) -> AnsibleActionFail:
    """The refusal to raise: its words, and what this run has changed before it."""
    return AnsibleActionFail(deeds.refusal(words, done_so_far(task_vars or {})))


def refuse(findings: Iterable[Finding], task_vars: Mapping[str, Any] | None) -> None:
    """End the run with all refusals at once, the gravest first. Returns when there is none.

    :raises AnsibleActionFail: with one sentence each, and what this run has changed before it.
    """
    lines = [item.sentence() for item in by_weight(findings)]
    if lines:
        raise refused(task_vars, " | ".join(lines))


def owner() -> str:
    """Who holds a lease that this run takes: the user, the controller, and the process that runs the playbook.

    Built so that a later run on the same controller can tell whether that process still lives (``is_dead``).
    """
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} {_playbook()}"


def is_dead(holder: str) -> bool:
    """Whether the owner of a lease is a run on this very controller that has ended."""
    parts = holder.rsplit(" ", 3)
    if len(parts) != 4 or parts[1] != "process" or parts[3] != f"({_boot()})" or not parts[2].isdigit():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _playbook() -> str:
    """The process that runs the playbook: action plugins run in its children."""
    return f"process {os.getppid()} ({_boot()})"


def _boot() -> str:
    """A short name of this boot and process namespace: a process number says nothing outside of them."""
    text = ""
    for read in (lambda: Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"),
                 lambda: os.readlink("/proc/self/ns/pid")):
        try:
            text += read()
        except OSError:
            text += socket.gethostname()
    return hashlib.sha256(text.encode()).hexdigest()[:12]
