# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has changed so far, and where it was stopped: read from what its tasks registered.

Pure. A refusal says whether anything was changed before it. Only the whole run knows that: a playbook that another one
imports begins after that one has changed everything. So each task that changes something registers its result under a
name of ``DEEDS``, and every sentence about it is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNCHANGED = "This step changed nothing"
"""How a module says that it failed before it changed its host. What the run did before is not its to say."""

LOCAL = "localhost"
"""The host on which the stages of a playbook are registered."""


@dataclass(frozen=True)
class Deed:
    """What one kind of task does to a host, for a person."""

    done: str
    """What is true of the host afterwards."""
    tried: str
    """What failed, where it failed in the middle."""
    key: str = ""
    """Only a result that has this key is one; other tasks register under the same name."""


_REMOVED = Deed("entries that belong to no host any more were removed", "the removal of entries")
_FOLLOWED = Deed("Docker was restarted, to come back to the swarm", "its way back to the swarm")
_KEPT = Deed("its unlock key was kept on the controller", "keeping its unlock key")

DEEDS: Mapping[str, Deed] = {
    "__engine_seen": Deed("its daemon.json or its Docker service was changed", "the change of its daemon.json"),
    "__engine_packages": Deed("packages were installed", "the installation of packages"),
    "__engine_packages_other": Deed("packages were installed", "the installation of packages"),
    "__engine_installed": Deed("its engine was set up", "setting up its engine"),
    "__engine_restarted": Deed("Docker was restarted", "the restart of Docker"),
    "__swarm_cleaned": Deed("the state of its former node was moved aside", "moving its state aside"),
    "__swarm_discarded": Deed("a state that the operator named was moved aside", "moving a state aside"),
    "__swarm_begun": Deed("the swarm was made", "making the swarm", "node_id"),
    "__swarm_pinned": Deed("its address was pinned", "pinning its address"),
    "__swarm_joined": Deed("it joined the swarm", "its join"),
    "__swarm_stood_in": Deed("Docker was restarted before a promotion", "its preparation for a promotion"),
    "__swarm_placed": Deed("roles, labels or entries of nodes were changed", "placing the nodes"),
    "__swarm_left": Deed("it left the swarm", "its leave"),
    "__swarm_set": Deed("settings of the swarm were changed", "changing the settings of the swarm"),
    "__swarm_key_kept": _KEPT,
    "__swarm_unlocked": Deed("it was unlocked", "its unlocking"),
    "__swarm_stopped": Deed("Docker was stopped, and the state of the old swarm moved aside", "its stop"),
    "__swarm_restored": Deed("the swarm was brought up from the archive", "the restore"),
    "__swarm_restore_key_kept": _KEPT,
    "__swarm_restore_removed": _REMOVED,
    "__swarm_followed": _FOLLOWED,
    "__swarm_restore_settled": Deed("the swarm's heartbeat period was put back", "putting the heartbeat period back"),
    "__swarm_back": Deed("Docker was started, or its manager unlocked", "its start"),
    "__swarm_surveyed": Deed("Docker was stopped, and its state copied and read", "reading its state"),
    "__swarm_recovered": Deed("a new swarm of one manager was forced from its state", "forcing the new swarm"),
    "__swarm_recover_key_kept": _KEPT,
    "__swarm_recover_noted": Deed("what its old node is was noted there", "noting what its old node is"),
    "__swarm_recover_removed": _REMOVED,
    "__swarm_recover_followed": _FOLLOWED,
    "__swarm_fenced": Deed("the join tokens, or the root certificate, were changed", "changing the join tokens"),
    "__swarm_recover_path_noted": Deed("a restart of Docker was noted", "noting a restart of Docker"),
    "__swarm_backup_taken": Deed("Docker was stopped and started for a backup", "the backup"),
    "__swarm_heal_daemon": Deed("Docker was started, restarted or unlocked", "bringing Docker back"),
    "__swarm_heal_rebooted": Deed("it was rebooted", "its reboot"),
    "__swarm_heal_noted": Deed("what its node was is noted there", "noting what its node was"),
    "__swarm_heal_cleaned": Deed("the state of its node was moved aside", "moving its state aside"),
    "__swarm_heal_taken_out": Deed("nodes were taken out of the swarm", "taking nodes out"),
    "__swarm_heal_placed": Deed("roles, labels or entries of nodes were changed", "placing the nodes"),
    "__swarm_heal_finished": Deed("it is noted there that it is a node again", "noting that it is a node again"),
    "__swarm_expelled": Deed("nodes were expelled, or what they knew was changed", "the expulsion"),
    "__swarm_expel_key_kept": _KEPT,
}
"""By the variable that a host registers."""

Look = Callable[[str, str], Mapping[str, Any]]
"""What a host registered under a name; empty: nothing."""


def failed(result: Mapping[str, Any]) -> bool:
    """Whether a task failed, or its host was lost."""
    return bool(result.get("failed") or result.get("unreachable"))


def words_of(result: Mapping[str, Any]) -> str:
    """Why a task failed, in its own words; one sentence or more."""
    text = str(result.get("msg") or "no answer").strip()
    for prefix in ("Task failed: ", "Module failed: ", "Action failed: "):
        text = text.removeprefix(prefix)
    return text.rstrip(".") + "."


def so_far(hosts: Iterable[str], look: Look) -> str:
    """What this run has changed, for a person: ``m1: the swarm was made; m2, m3: it joined the swarm``. Empty: nothing.

    :param hosts: all hosts, in the order in which they are named.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in hosts:
        said = [words for name, deed in DEEDS.items() for words in [_said(deed, look(host, name))] if words]
        if said:
            alike.setdefault(tuple(dict.fromkeys(said)), []).append(host)
    return "; ".join(f"{', '.join(names)}: {', '.join(said)}" for said, names in alike.items())


def _said(deed: Deed, result: Mapping[str, Any]) -> str:
    if failed(result):
        # It may have ended half-way, unless it says that it did not begin.
        return "" if UNCHANGED.lower() in str(result.get("msg") or "").lower() else f"{deed.tried} failed"
    return deed.done if result.get("changed") and (not deed.key or result.get(deed.key)) else ""


def refusal(words: str, done: str) -> str:
    """The one form of a refusal.

    :param done: what ``so_far`` returned.
    """
    if not done:
        return f"Refused, and nothing was changed. {words}"
    return f"Refused. Before that, this run has changed: {done}. {_ONLY}{words}"


_ONLY = "Nothing else was changed. "


def after(words: str, done: str) -> str:
    """What a step says that failed, completed by what the run did before it.

    :param done: what ``so_far`` returned.
    """
    return f"{words.rstrip()} Before that, this run has changed: {done}." if done else words


# -- a run that goes on after a failure ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """Where a playbook may fail without ending the run: one that another imports, whose report has to come."""

    stages: tuple[str, ...]
    """What localhost registers, in order; each ends the playbook when it fails."""
    memory: str
    """Of these, the one that names the hosts of the phases."""
    phases: Mapping[str, tuple[str, ...]]
    """What the hosts of a phase register, by its key in the memory, or in the memory's ``phases``."""
    strict: bool = False
    """Whether one failed host ends the playbook; else all hosts of a phase have to fail, as Ansible has it."""
    report: tuple[str, ...] = ()
    """What localhost registers last: it closes nothing."""
    stays: tuple[str, ...] = ()
    """Phases that are not closed."""


COURSES: Mapping[str, Course] = {
    "restore": Course((), "__swarm_restore_order",
                      {"restore": ("__swarm_restore_removed", "__swarm_restore_settled")}, stays=("look", "report")),
    "recover": Course((), "__swarm_recover_members", {"fence": ("__swarm_recover_removed",)},
                      stays=("look_at_it", "report")),
    "provision": Course(
        ("__swarm_guard_provision", "__swarm_judged", "__swarm_plan", "__swarm_ways_judged"), "__swarm_plan",
        {"returned": ("__swarm_cleaned",),
         "engines": ("__engine_seen", "__engine_packages", "__engine_packages_other", "__engine_installed"),
         "init": ("__swarm_begun",), "begin": ("__swarm_begun",), "joins": ("__swarm_joined",),
         "stand_ins": ("__swarm_stood_in",), "actor": ("__swarm_placed",), "heir": ("__swarm_placed",),
         "leaves": ("__swarm_left",), "closer": ("__swarm_placed",),
         "settler": ("__swarm_set", "__swarm_key_kept"), "pins": ("__swarm_pinned",),
         "discards": ("__swarm_discarded",)}, report=("__swarm_reported", "__swarm_end_provision")),
    "backup": Course(
        ("__swarm_guard_backup", "__swarm_backup_ready", "__swarm_backup_order"), "__swarm_backup_order",
        {"hosts": ("__swarm_backup_leased", "__swarm_backup_taken", "__swarm_backup_brought")}, strict=True,
        report=("__swarm_backup_reported", "__swarm_end_backup")),
    "restart": Course(
        ("__swarm_guard_restart", "__swarm_restart"), "__swarm_restart",
        dict.fromkeys(("workers", "managers"),
                      ("__engine_leased", "__engine_before", "__engine_restarted", "__engine_after")),
        strict=True, report=("__swarm_restart_reported", "__swarm_end_restart")),
}
"""By the name of the playbook. Of restore and recover: what comes after their swarm is up, and is closed when it fails.
"""


def _hosts_of(memory: Mapping[str, Any], phase: str) -> list[str]:
    """The hosts of a phase, as the memory names them."""
    found = (memory.get("phases") or memory).get(phase) or ()
    return [str(host) for host in found]


def stopped(playbook: str, look: Look) -> bool:
    """Whether a playbook has failed so that nothing else of it may be done.

    :param playbook: one of ``COURSES``.
    """
    course = COURSES[playbook]
    if any(failed(look(LOCAL, name)) for name in course.stages):
        return True
    memory, count = look(LOCAL, course.memory), any if course.strict else all
    for phase, names in course.phases.items():
        hosts = _hosts_of(memory, phase)
        if hosts and count(any(failed(look(host, name)) for name in names) for host in hosts):
            return True
    return False


def closed(playbook: str, phase: str, look: Look) -> bool:
    """Whether a phase of a playbook has no hosts, because the playbook has failed before it."""
    course = COURSES.get(playbook)
    return course is not None and phase not in course.stays and stopped(playbook, look)


def failures(playbook: str, look: Look) -> list[str]:
    """What failed in it, a sentence each, for the report of the run."""
    course = COURSES[playbook]
    # What was changed before is what the report is about.
    found = [words_of(result).rpartition(_ONLY)[2] for name in (*course.stages, *course.report)
             for result in [look(LOCAL, name)] if failed(result)]
    memory = look(LOCAL, course.memory)
    for phase, names in course.phases.items():
        for host in _hosts_of(memory, phase):
            found += [f"{host}: {words_of(result)}" for name in names for result in [look(host, name)]
                      if failed(result)]
    return [f"{playbook}: {words}" for words in dict.fromkeys(found)]
