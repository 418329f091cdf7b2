# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the engine of a host keeps its state, from how systemd starts it and from its configuration.

Pure: texts and values in, values out. ``services.py`` reads the unit, the files and the disk. A place that does not
follow from them is ``Unresolved``, with the reason: a guess would call a state absent that lies somewhere else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, join, normpath
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core.daemon import CommandLine

DEFAULT_ROOT = "/var/lib/docker"
DEFAULT_USER = "dockremap"
"""The user whose ranges ``userns-remap: default`` takes."""
ENGINE = "dockerd"


class Unread(Exception):
    """The state of a host is there, or may be, and cannot be read. Its text is one clause: where, and why.

    Unreadable is not absent: who catches this may not go on as if there were no state.
    """


class Unresolved(Unread):
    """Where the state would lie does not follow from what was read."""


@dataclass(frozen=True)
class Unit:
    """``docker.service`` as systemd has it, drop-ins included."""

    argv: tuple[str, ...] = ()
    """The words of ``ExecStart``, with its variables as they stand there; empty: there is no such unit."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Its variables: the manager's, those of ``Environment=``, and those of its files over them."""
    expands: bool = True
    """False: ``ExecStart=:...``, which keeps ``$`` as it is."""


# --- what systemd makes of a unit -------------------------------------------------------------------------------------


def environment_file(text: str) -> dict[str, str]:
    """The variables in an ``EnvironmentFile``, as systemd reads it (systemd.exec(5); src/basic/env-file.c).

    Quotes count where a value, or a piece of it, begins. A backslash takes the next character as it is; it joins lines.
    """
    found: dict[str, str] = {}
    state, key, value, trailing = "key", "", "", 0
    for char in text + "\n":
        if state == "comment":
            state = "comment escape" if char == "\\" else "key" if char == "\n" else state
        elif state == "comment escape":
            state = "comment"
        elif state == "key":
            if not key and char in "#;":
                state = "comment"
            elif char == "\n":
                key = ""
            elif char == "=":
                state, value, trailing = "begin", "", 0
            elif key or not char.isspace():
                key += char
        elif state in ("begin", "value"):
            if char == "\n":
                found[key.rstrip()] = value[:len(value) - trailing]
                state, key = "key", ""
            elif char == "\\":
                state, trailing = "escape", 0
            elif state == "begin" and char in "'\"":
                state = char
            elif state == "value" or not char.isspace():
                state, value, trailing = "value", value + char, trailing + 1 if char.isspace() else 0
        elif state == "escape":
            state, value = "value", value + char.strip("\n")
        elif state == "\" escape":
            state, value = "\"", value + ("" if char == "\n" else char if char in "\"\\`$" else "\\" + char)
        elif char == state:  # the quote ends
            state, trailing = "begin", 0
        elif state == "\"" and char == "\\":
            state = "\" escape"
        else:
            value += char
    return found


def expand(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The words that a program gets (systemd.service(5), *Command lines*).

    ``$X`` as a word of its own is split at whitespace, and none where it is empty; ``${X}`` is put in as it is, also
    inside a word; ``$$`` is a dollar sign.
    """
    words: list[str] = []
    for word in argv:
        alone = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", word)
        if alone:
            words += _split(environment.get(alone.group(1), ""))
        else:
            words.append(re.sub(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)\})",
                                lambda one: "$" if one.group(1) else environment.get(one.group(2), ""), word))
    return words


def _split(text: str) -> list[str]:
    """Words at whitespace, quotes honoured.

    :raises Unresolved: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Unresolved(f"docker.service has the variable {text!r} ({error})") from None


# --- how the engine is called -----------------------------------------------------------------------------------------


def command_line(unit: Unit) -> CommandLine:
    """How the unit calls ``dockerd``: directly, through a program that runs another one (``nice``, ``env``), or in the
    one command of ``sh -c``.

    :raises Unresolved: it starts something else, which may call it in any way.
    """
    if not unit.argv:
        return CommandLine()
    words = expand(unit.argv, unit.environment) if unit.expands else list(unit.argv)
    shell = next((at for at, word in enumerate(words[:-1]) if word == "-c" and at and _is_shell(words[at - 1])), None)
    if shell is not None:
        words = _of_shell(words[shell + 1], unit.environment)
    for at, word in enumerate(words):
        if basename(word) == ENGINE:
            return CommandLine.of(words[at:])
    raise Unresolved(f"docker.service starts {words[0] if words else 'nothing'}, and not {ENGINE}: what that one calls "
                     "it with is not known while it stands still")


def _is_shell(word: str) -> bool:
    return basename(word) in ("sh", "bash", "dash", "ash")


def _of_shell(script: str, environment: Mapping[str, str]) -> list[str]:
    """The words of a script that is one simple command.

    :raises Unresolved: it is more than that.
    """
    text = re.sub(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))",
                  lambda one: environment.get(one.group(1) or one.group(2), ""), script)
    if re.search(r"[;|&<>()`$\n*?]", text):
        raise Unresolved(f"docker.service starts a shell script ({script!r}) that is more than one command")
    words = _split(text)
    while words and (words[0] == "exec" or re.match(r"[A-Za-z_]\w*=", words[0])):
        del words[0]
    return words


_SWITCHES = "Dv"
"""Short options of ``dockerd`` that take no value."""


def option(flags: Iterable[str], *names: str) -> str:
    """The value of a flag of ``dockerd``, the last one where it is there twice; empty: it is not there.

    :param names: its long names, and its short ones of one letter each.
    """
    found, rest = "", iter(flags)
    for flag in rest:
        if flag.startswith("--"):
            name, sign, value = flag[2:].partition("=")
            if name in names:
                found = value if sign else next(rest, "")
        elif flag.startswith("-") and len(flag) > 1:
            letter, value = flag[1:].lstrip(_SWITCHES)[:1], flag[1:].lstrip(_SWITCHES)[1:]
            if not letter:
                continue
            value = value[1:] if value.startswith("=") else value or next(rest, "")
            found = value if letter in names else found
    return found


# --- where that keeps its state ---------------------------------------------------------------------------------------


def data_root(command: CommandLine, config: Mapping[str, Any]) -> str:
    """The folder that the engine is told to use, before user namespaces and links.

    ``graph`` is what ``data-root`` was called before 17.05; engines took it until 22.06.
    """
    root = (option(command.flags, "data-root", "graph", "g") or str(config.get("data-root") or "")
            or str(config.get("graph") or "") or DEFAULT_ROOT)
    return normpath(join("/", root))


def remap(command: CommandLine, config: Mapping[str, Any]) -> str:
    """``userns-remap`` as it is set: a user, ``USER:GROUP``, or ``default``; empty: it is not."""
    return option(command.flags, "userns-remap") or str(config.get("userns-remap") or "")


def remapped(
    root: str, wanted: str, users: Mapping[str, int], groups: Mapping[str, int], subuid: str, subgid: str
) -> list[str]:
    """Folders that an engine with a remapped user namespace may use, the likeliest first: ``ROOT/UID.GID``.

    UID and GID are where the user's first range in the file begins [20.10, 26.1, 28.5]; engines that sorted them took
    the lowest.

    :param wanted: as ``remap`` returns it.
    :param users: user IDs by name. ``groups`` likewise.
    :param subuid: the text of ``/etc/subuid``. ``subgid`` likewise.
    :raises Unresolved: there are no such ranges.
    """
    user, _sign, group = wanted.partition(":")
    user = DEFAULT_USER if user == "default" else user
    uids = _ranges(subuid, user, users, "/etc/subuid")
    gids = _ranges(subgid, group or user, groups if group else users, "/etc/subgid")
    pairs = dict.fromkeys([(uids[0], gids[0]), (min(uids), min(gids))])
    return [join(root, f"{uid}.{gid}") for uid, gid in pairs]


def _ranges(text: str, name: str, known: Mapping[str, int], where: str) -> list[int]:
    """Where the ranges of a name, or of its number, begin."""
    names = {name, str(known.get(name, name)), *(one for one, number in known.items() if str(number) == name)}
    found = [int(parts[1]) for parts in (line.strip().split(":") for line in text.splitlines())
             if len(parts) == 3 and parts[0] in names and parts[1].isdigit()]
    if not found:
        raise Unresolved(f"userns-remap is set for {name}, and {where} has no range of {name}")
    return found


def not_mounted(root: str, fstab: str, mountinfo: str) -> str:
    """The mount point at or above a folder that ``/etc/fstab`` has and the kernel has not; empty: there is none.

    A disk that is not there leaves an empty folder, which reads as "no state".

    :param fstab: the text of ``/etc/fstab``.
    :param mountinfo: the text of ``/proc/self/mountinfo``.
    """
    mounted = {_unescaped(line.split()[4]) for line in mountinfo.splitlines() if len(line.split()) > 4}
    for line in fstab.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith("#") or not words[1].startswith("/"):
            continue
        point = normpath(_unescaped(words[1]))
        if point != "/" and (root + "/").startswith(point + "/") and point not in mounted:
            return point
    return ""


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda one: chr(int(one.group(1), 8)), text)
