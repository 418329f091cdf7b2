# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schedule of backups: from how ansible-playbook was called to two systemd units, and what is still to be done.

Pure. The units say all that a run at night needs, and nothing that belongs to the shell they were made in: what was
given on the command line is carried, is the schedule's own, or is refused. Secrets are in none of it, only paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

STATES = ("present", "absent")
PLAYBOOK = "quorum.swarm.backup"
OWN_VARIABLES = {
    "swarm_backup_schedule": "state",
    "swarm_backup_schedule_name": "name",
    "swarm_backup_calendar": "calendar",
    "swarm_backup_randomized_delay": "randomized_delay",
    "swarm_backup_schedule_arguments": "arguments",
}
"""The variables of the schedule, and the options of ``swarm_schedule`` that they become."""
OF_A_RESTORE = frozenset((
    "swarm_restore_archive", "swarm_restore_host", "swarm_restore_lost", "swarm_restore_timeout",
    "swarm_unlock_key_file", "swarm_given_up", "swarm_allow_restore_running", "swarm_allow_restore_foreign",
    "swarm_allow_restore_new_workers",
    "swarm_allow_older_engine", "swarm_allow_unfinished_restore", "swarm_allow_unlisted_managers",
    "swarm_allow_unread_state"))
"""Variables of one run of ``restore``, which sees to the schedule at its end: no backup reads them."""
ALLOW_OTHER = "swarm_allow_other_schedule"
TIMEOUT = "2h"
"""How long a run may take before systemd ends it. Killing one is safe: managers come back by themselves."""
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SPAN = re.compile(
    r"\d+(\.\d+)?\s*(s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?)?"
    r"(\s*\d+(\.\d+)?\s*(s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?))*"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_SECRET_VALUE = re.compile(r"SWMKEY-|SWMTKN-|-----BEGIN|\$ANSIBLE_VAULT|://[^/\s:@]+:[^/\s@]+@")
_SECRET_NAME = re.compile(
    r"(?:pass|passwd|password|passphrase|secret|token|credentials?|unlock_key|api_?key|private_key)(?P<rest>\w*)"
    r"[\"']?\s*[=:]", re.IGNORECASE
)
_ASKING = frozenset(("-k", "-K", "-J", "--ask-pass", "--ask-become-pass", "--ask-vault-pass", "--ask-vault-password"))
_LEADING_AWAY = frozenset((
    "-i", "--inventory", "--inventory-file", "-l", "--limit", "-C", "--check", "--syntax-check", "--list-hosts",
    "--list-tasks", "--list-tags", "-t", "--tags", "--skip-tags", "--step", "--start-at-task", "-h", "--help",
    "--version",
))
_SWITCH = re.compile(r"-v+|-[bD]|--(verbose|become|diff|force-handlers|flush-cache)")
_OWNER_SECTION = "[X-Quorum-Swarm]"
_OWNER = re.compile(rf"^{re.escape(_OWNER_SECTION)}\nInventory=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """What the variables ask for."""

    state: str = "present"
    name: str = "quorum-swarm-backup"
    calendar: str = "*-*-* 02:30:00"
    delay: str = "15min"
    arguments: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The unit that runs the backup."""
        return f"{self.name}.service"

    @property
    def timer(self) -> str:
        """The unit that starts it."""
        return f"{self.name}.timer"


@dataclass(frozen=True)
class Caller:
    """How ansible-playbook was called, and by whom."""

    program: tuple[str, ...]
    """The ansible-playbook that runs now, absolute; empty: it could not be told."""
    inventories: tuple[str, ...]
    """As given: absolute paths, or lists of hosts."""
    folder: str
    """Where the unit works: the folder of the first inventory."""
    missing: tuple[str, ...] = ()
    """Inventories that will not be there at night: pipes, and what is no file."""
    options: tuple[str, ...] = ()
    """What else was given and is no secret: files of passwords and variables, the user, the key."""
    inline: tuple[str, ...] = ()
    """The names of variables that were given as ``-e name=value``."""
    asks: tuple[str, ...] = ()
    """Options that ask for something to be typed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    system: bool = True
    """Whether root runs it: a unit of the system, else one of the user's own."""


@dataclass(frozen=True)
class Unit:
    """One unit, as its file and systemd say."""

    name: str
    path: str
    """Where its file is to be."""
    text: str | None = None
    """What is there; None: nothing. A link or a folder reads as an empty text, which is nobody's."""
    fragment: str = ""
    """The file that systemd has loaded it from."""
    loaded: bool = False
    stale: bool = False
    """Its file has changed since systemd has read it."""
    active: bool = False
    failed: bool = False
    enabled: bool = False
    leftovers: tuple[str, ...] = ()
    """Of a timer: what else belongs to it on disk, such as when it last ran."""


@dataclass(frozen=True)
class Step:
    """One thing to do: ``write``, ``remove`` a file; ``reload``, ``enable``, ``start``, ``stop``, ``disable``, …"""

    kind: str
    what: str = ""
    """A path for files, else a unit."""
    text: str = ""


# -- what is asked for -------------------------------------------------------------------------------------------------


def request(options: Mapping[str, Any]) -> Request:
    """The request that these options of ``swarm_schedule`` make.

    :raises BadValue: for one that cannot be read.
    """
    state = str(options.get("state") or "present")
    if state not in STATES:
        raise coerce.BadValue(f"swarm_backup_schedule is {state!r}; it takes {' or '.join(STATES)}.")
    name = str(options.get("name") or Request.name)
    if not _NAME.fullmatch(name) or name.endswith((".service", ".timer")):
        raise coerce.BadValue(f"swarm_backup_schedule_name is {name!r}; it takes the name of a unit without its "
                              f"ending: letters, digits, '.', '_' and '-', 63 at most.")
    calendar = str(options.get("calendar") or "").strip()
    if not calendar or _CONTROL.search(calendar) or "%" in calendar:
        raise coerce.BadValue(f"swarm_backup_calendar is {calendar!r}; it takes a calendar event of systemd, such as "
                              f"'*-*-* 02:30:00' (man systemd.time).")
    delay = str(options.get("randomized_delay") or "0").strip()
    if not _SPAN.fullmatch(delay):
        raise coerce.BadValue(f"swarm_backup_randomized_delay is {delay!r}; it takes a time span, such as 15min or 0.")
    arguments = options.get("arguments")
    if arguments is None:
        arguments = []
    if not isinstance(arguments, (list, tuple)) or not all(isinstance(item, (str, int)) for item in arguments):
        raise coerce.BadValue("swarm_backup_schedule_arguments takes a list of texts, one for each word of the command "
                              "line.")
    words = tuple(str(item) for item in arguments)
    for number, word in enumerate(words):
        problem = _why_not(word, words[number - 1] if number else "")
        if problem:
            raise coerce.BadValue(f"swarm_backup_schedule_arguments, word {number + 1}: {problem}")
    return Request(state, name, calendar, delay, words)


def _why_not(word: str, before: str) -> str:
    """Why this word may not stand on the command line of the unit; empty where it may. Never repeats a secret."""
    if not word or _CONTROL.search(word):
        return "it is empty, or has a control character in it."
    if _SECRET_VALUE.search(word) or any(
        not found["rest"].lower().endswith(("_file", "_path", "_dir")) for found in _SECRET_NAME.finditer(word)
    ):
        return ("it looks like a secret, and everyone on this machine can read a command line. Keep secrets in vaulted "
                "variables of the inventory, or in a file: --vault-password-file, --become-password-file, -e @FILE.")
    option = word.split("=", 1)[0]
    if option in _ASKING:
        return f"{option} asks for a password, and nobody is there to type it."
    if option in _LEADING_AWAY or re.match(r"-[iltC]", word):
        return f"{option} does not belong here: the timer makes a backup of the whole swarm of its inventory."
    takes = before.startswith("-") and "=" not in before and not _SWITCH.fullmatch(before)
    if not word.startswith("-") and not takes:
        return f"{word!r} is neither an option nor the value of one."
    return ""


def calendar_problem(calendar: str, status: int, output: str) -> str:
    """What is wrong with a calendar event by what ``systemd-analyze calendar`` said; empty where nothing is."""
    if status != 0:
        said = [line for line in output.strip().splitlines() if line][-1:]
        return f"systemd does not understand it ({said[0].strip() if said else f'status {status}'})"
    if re.search(r"Next elapse: never", output):
        return "it never comes again"
    return ""


# -- what is refused ---------------------------------------------------------------------------------------------------


def examine(asked: Request, caller: Caller, *, managers: int, place: str, no_systemd: str,
            calendar: str, units: Sequence[Unit]) -> list[Finding]:
    """Everything that speaks against it, before anything is changed.

    :param managers: how many the inventory lists.
    :param place: where archives go on the controller; empty: nowhere.
    :param no_systemd: why systemd cannot be asked; empty: it can.
    :param calendar: what is wrong with the calendar event.
    """
    if no_systemd:
        return [Finding(
            "schedule_without_systemd", "critical", no_systemd,
            f"Let cron or CI run it instead: {_command_line(asked, caller)}")]
    findings = list(_of_others(asked, caller, units))
    if asked.state == "absent":
        return findings
    if not caller.program:
        findings.append(Finding("schedule_without_program", "critical",
                                "The ansible-playbook that runs now cannot be found by its path.",
                                "Run this with ansible-playbook itself."))
    if not managers:
        findings.append(Finding("schedule_without_managers", "critical",
                                "The group swarm_managers is empty: there would be nothing to back up.",
                                "Give the inventory with -i."))
    if not place.startswith("/"):
        findings.append(Finding(
            "schedule_without_place", "critical",
            f"Archives have no place: swarm_backup_dir or swarm_controller_dir is {place!r}." if place else
            "Archives have no place: neither swarm_backup_dir nor swarm_controller_dir is set.",
            "Set one of them in the inventory, to an absolute path on the controller."))
    for source in caller.missing:
        findings.append(Finding("schedule_inventory_gone", "critical",
                                f"The inventory {source} is not a file or folder that will be there at night.",
                                "Give one that stays."))
    strangers = sorted(set(caller.inline) - set(OWN_VARIABLES) - OF_A_RESTORE - {ALLOW_OTHER, "swarm_allow_limit"})
    if strangers:
        findings.append(Finding(
            "schedule_inline_variables", "critical",
            f"{', '.join(strangers)}: given with -e on this command line alone, which the timer would not know.",
            "Put it into the inventory, or into a file given as -e @FILE."))
    for option in caller.asks:
        findings.append(Finding("schedule_asks", "critical",
                                f"{option} asks for a password, and nobody is there at night to type it.",
                                "Give it in a file: --become-password-file, --connection-password-file or "
                                "--vault-password-file."))
    if any(_CONTROL.search(text) for text in _carried(caller)) or "$" in "".join(caller.program):
        findings.append(Finding("schedule_odd_path", "critical",
                                "A path that the unit needs has a control character or a $ in it.", "Rename it."))
    if calendar:
        findings.append(Finding("schedule_calendar", "critical",
                                f"swarm_backup_calendar is {asked.calendar!r}: {calendar}.",
                                f"Try: systemd-analyze calendar '{asked.calendar}'"))
    return findings


def _of_others(asked: Request, caller: Caller, units: Sequence[Unit]) -> Iterable[Finding]:
    """Units of these names that are not this inventory's schedule."""
    others: dict[str, str] = {}
    for unit in units:
        owner = owner_of(unit.text) if unit.text is not None else None
        if (unit.text is not None and owner is None) or (unit.fragment and unit.fragment != unit.path):
            yield Finding("schedule_name_taken", "critical",
                          f"There is a {unit.name} already, and it is not of this playbook "
                          f"({unit.path if unit.text is not None else unit.fragment}).",
                          "Choose another swarm_backup_schedule_name.")
        elif owner is not None and sorted(owner) != sorted(caller.inventories):
            others.setdefault(", ".join(owner), unit.name)
    for owners, name in others.items():
        yield Finding("schedule_of_another_inventory", "critical",
                      f"{name} is the schedule of another inventory ({owners}).",
                      "Choose another swarm_backup_schedule_name.", "", ALLOW_OTHER)


def owner_of(text: str) -> list[str] | None:
    """The inventories of the schedule that this unit belongs to; None where it is no unit of ours."""
    found = _OWNER.search(text)
    if not found:
        return None
    try:
        told = json.loads(found[1])
    except ValueError:
        return None
    return [str(item) for item in told] if isinstance(told, list) else None


# -- the units ---------------------------------------------------------------------------------------------------------


def command(asked: Request, caller: Caller) -> list[str]:
    """What the timer runs, word by word."""
    inventories = [word for source in caller.inventories for word in ("-i", source)]
    return [*(caller.program or ("ansible-playbook",)), *inventories, *caller.options, PLAYBOOK, *asked.arguments]


def _command_line(asked: Request, caller: Caller) -> str:
    """For people."""
    return " ".join(word if _PLAIN_WORD.fullmatch(word) else "'" + word.replace("'", "'\\''") + "'"
                    for word in command(asked, caller))


def _carried(caller: Caller) -> list[str]:
    return [*caller.program, *caller.inventories, *caller.options, caller.folder,
            *caller.environment.keys(), *caller.environment.values()]


def service_text(asked: Request, caller: Caller) -> str:
    """The unit that runs the backup."""
    lines = [
        *_head(asked, caller, asked.service),
        f"Description=Backup of the Docker Swarm of {_specifiers(', '.join(caller.inventories))}",
    ]
    if caller.system:  # a user's own systemd does not know this target
        lines += ["Wants=network-online.target", "After=network-online.target"]
    lines += ["", "[Service]", "Type=oneshot", "ExecStart=" + " ".join(_word(word) for word in command(asked, caller)),
              f"WorkingDirectory={_specifiers(caller.folder)}"]
    lines += ["Environment=" + _quoted(f"{name}={value}") for name, value in sorted(caller.environment.items())]
    # Its ssh connections end with it: nobody else's run may depend on them.
    lines += [f'Environment="ANSIBLE_SSH_CONTROL_PATH_DIR=%t/{asked.name}"', f"RuntimeDirectory={asked.name}",
              "RuntimeDirectoryMode=0700", "UMask=0077", f"TimeoutStartSec={TIMEOUT}"]
    return "\n".join(lines) + "\n"


def timer_text(asked: Request, caller: Caller) -> str:
    """The unit that starts it."""
    return "\n".join([
        *_head(asked, caller, asked.timer),
        f"Description=Backups of the Docker Swarm of {_specifiers(', '.join(caller.inventories))}",
        "",
        "[Timer]",
        f"OnCalendar={asked.calendar}",
        f"RandomizedDelaySec={asked.delay}",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]) + "\n"


def _head(asked: Request, caller: Caller, unit: str) -> list[str]:
    edit = f"systemctl {'' if caller.system else '--user '}edit {unit}"
    return [
        "# Written by `ansible-playbook quorum.swarm.schedule_backup`, which overwrites what is changed here.",
        f"# Your own settings: `{edit}`. To remove it: the same playbook with -e swarm_backup_schedule=absent.",
        _OWNER_SECTION,
        f"Inventory={json.dumps(list(caller.inventories))}",
        "",
        "[Unit]",
    ]


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """A value in systemd's quotes (systemd.syntax(7))."""
    return '"' + _specifiers(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _word(text: str) -> str:
    """One word of a command line (systemd.service(5), "Command lines"): variables are not looked up in it."""
    return text if _PLAIN_WORD.fullmatch(text) else _quoted(text).replace("$", "$$")


# -- what is to be done ------------------------------------------------------------------------------------------------


def plan(asked: Request, caller: Caller, service: Unit, timer: Unit) -> list[Step]:
    """From what is there to what is asked for; empty where nothing is to be done.

    Each step leaves what the next run can go on from: what was done is seen on disk and in systemd, not remembered.
    """
    units = (service, timer)
    stale = any(unit.stale or unit.loaded == (unit.text is None) for unit in units)
    steps: list[Step] = []
    if asked.state == "present":
        for unit, text in ((service, service_text(asked, caller)), (timer, timer_text(asked, caller))):
            if unit.text != text:
                steps.append(Step("write", unit.path, text))
        if steps or stale:
            steps.append(Step("reload"))  # an active timer takes its new time from this
        if not timer.enabled:
            steps.append(Step("enable", timer.name))
        if not timer.active:
            steps.append(Step("start", timer.name))
        return steps
    if timer.active:
        steps.append(Step("stop", timer.name))
    if timer.enabled and timer.text is not None:
        steps.append(Step("disable", timer.name))
    # A backup that runs now is left to end: systemd keeps a running unit whose file is gone.
    removed = [Step("remove", path) for path in
               (*(unit.path for unit in (timer, service) if unit.text is not None), *timer.leftovers)]
    steps += removed
    if removed or stale:
        steps.append(Step("reload"))
    steps += [Step("reset-failed", unit.name) for unit in units if unit.failed]
    return steps


def said(step: Step) -> str:
    """A step in words, for the plan that is shown."""
    return f"{step.kind} {step.what}".strip() if step.kind != "reload" else "let systemd read its units anew"


# -- what is true now --------------------------------------------------------------------------------------------------


def report(asked: Request, caller: Caller, *, upcoming: str, last: Mapping[str, str], lingers: bool, user: str,
           environment: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is true now, and what to mind: two lists of lines.

    :param upcoming: when the timer elapses next, in systemd's words.
    :param last: what systemd says of the service's last run.
    :param lingers: whether the user's units run while the user is logged out.
    :param environment: the names of all variables of this process's environment.
    """
    manager = "" if caller.system else " --user"
    if asked.state == "absent":
        return [f"There is no schedule {asked.name}."], []
    lines = [
        f"{asked.timer} starts the backup at {asked.calendar}, next at {upcoming or 'a time that is not told'}.",
        f"  what a run said: journalctl{manager} -u {asked.service}",
        f"  one right now:   systemctl{manager} start {asked.service}",
    ]
    result, ended = last.get("Result", ""), last.get("ExecMainExitTimestamp", "")
    if last.get("ActiveState") == "activating":
        lines.append("  a backup runs now.")
    elif ended:
        lines.append(f"  the last run ended at {ended}: {'well' if result == 'success' else f'FAILED ({result})'}.")
    minded = []
    if not caller.system and not lingers:
        minded.append(f"Timers of {user} stop when {user} logs out: sudo loginctl enable-linger {user}")
    names = set(environment)
    if "SSH_AUTH_SOCK" in names:
        minded.append("ssh has an agent here, and the timer has none: it needs a key that it can read by itself.")
    lost = sorted(name for name in names - set(caller.environment) if name.startswith("ANSIBLE_")
                  and not re.search(r"COLOR|CALLBACK|DISPLAY|WARNINGS|LOG_PATH|VERBOSITY|INVENTORY$", name))
    if lost:
        minded.append(f"{', '.join(lost)}: set here and not for the timer. Put it into ansible.cfg.")
    if last.get("ActiveState") == "failed":
        minded.append(f"The last scheduled run failed ({result}): journalctl{manager} -u {asked.service}")
    return lines, minded
