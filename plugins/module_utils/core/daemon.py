# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's package and its ``daemon.json``: what is lacking, what the file shall say, and what a restart waits for.

Pure: texts and values in, texts and values out. ``daemon_config.py`` does to the host what is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce

DEFAULT_FILE = "/etc/docker/daemon.json"
"""Where the engine reads its configuration unless ``--config-file`` says otherwise."""

NO_FILE = "none"
"""In a record: there was no file before, so the way back is to remove it."""
UNKNOWN = "unknown"
"""In a record: someone else changed the file, and what it said before is not known."""

PENDING, RESTARTING = "pending", "restarting"

PYTHON_PACKAGES = ("python3-docker", "python3-nacl", "python3-cryptography")
"""Names on Debian and Ubuntu. nacl and cryptography open autolocked states, on the night when nothing installs."""


class BadConfig(ValueError):
    """A ``daemon.json`` that may not be written or cannot be read. Its text is one sentence."""


# ---------------------------------------------------------------------------------------------------------------------
# The file
# ---------------------------------------------------------------------------------------------------------------------


def parse(text: str, where: str = DEFAULT_FILE) -> dict[str, Any]:
    """The configuration in a file's text; an empty file says nothing, as for the engine.

    :raises BadConfig: when it is no JSON object.
    """
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except ValueError as error:
        raise BadConfig(f"{where} is no valid JSON ({error}). Mend it or move it away; Docker cannot start with it "
                        f"either.") from None
    if not isinstance(data, dict):
        raise BadConfig(f"{where} holds {type(data).__name__} where a JSON object is wanted.")
    return data


def merge(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``wanted`` laid over it: objects are merged key by key, anything else is replaced, lists too."""
    merged = dict(base)
    for key, value in wanted.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def render(config: Mapping[str, Any]) -> str:
    """The file's text, in the order of the keys as they came."""
    return json.dumps(config, indent=4, ensure_ascii=False) + "\n"


def refusal(config: Mapping[str, Any], where: str = DEFAULT_FILE) -> str:
    """Why this configuration is never written, or empty.

    The engine refuses to join a swarm with ``live-restore``, and as a member refuses to start with it:
    "--live-restore daemon configuration is incompatible with swarm mode" (moby, daemon/daemon.go).
    """
    value = config.get("live-restore")
    try:
        on = coerce.boolean("live-restore", value)
    except coerce.BadValue:
        on = True  # whatever it is, it is not off
    if not on:
        return ""
    return (f"live-restore is {json.dumps(value)} in {where}, and swarm mode does not work with it: the engine refuses "
            f"to join a swarm, and a member does not start. Set engine_daemon_config to {{'live-restore': false}}.")


PLACES = ("data-root", "graph", "userns-remap")
"""Options that decide in which folder the engine keeps its state."""


def moves_away(config: Mapping[str, Any], root: str, would: str, holder: str = "a member") -> str:
    """Why a host with the state of a swarm may not get this configuration, or empty.

    A swarm's state lies below the engine's folder: an engine that starts with another one is in no swarm, and has no
    containers either. ``userns-remap`` is such an option too: the folder is ``ROOT/UID.GID`` then.

    :param root: the engine's ``DockerRootDir`` now.
    :param would: what it would be; empty: that is not known.
    :param holder: what the host is.
    """
    if would == root:
        return ""
    by = ", ".join(f"{key} {json.dumps(config[key])}" for key in PLACES if key in config) or "without data-root"
    return (f"Docker would keep its state in {would or 'another folder'} ({by}), and keeps it in {root}: on {holder} "
            f"that leaves the swarm's state behind. Take the node out of the swarm first, or move the directory by "
            f"hand while Docker is stopped.")


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The top-level keys whose values differ, sorted."""
    keys = {*before, *after}
    return sorted(key for key in keys if (key in before, before.get(key)) != (key in after, after.get(key)))


# ---------------------------------------------------------------------------------------------------------------------
# How this engine was started
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CommandLine:
    """How a ``dockerd`` was called, as far as its configuration is concerned."""

    program: str = "dockerd"
    config_file: str = DEFAULT_FILE
    flags: tuple[str, ...] = ()
    """All arguments but ``--config-file``. A key that stands here and in the file keeps the engine from starting."""

    @classmethod
    def of(cls, argv: Sequence[str]) -> CommandLine:
        """From a process's arguments; without any, the engine's defaults."""
        if not argv:
            return cls()
        config_file, flags = DEFAULT_FILE, []
        arguments = iter(argv[1:])
        for argument in arguments:
            if argument == "--config-file":
                config_file = next(arguments, DEFAULT_FILE)
            elif argument.startswith("--config-file="):
                config_file = argument.split("=", 1)[1]
            else:
                flags.append(argument)
        return cls(argv[0], config_file, tuple(flags))

    def trial(self, config_file: str, validate: bool) -> list[str]:
        """The call that reads ``config_file`` as this engine would.

        :param validate: with ``--validate``, which engines know from 23.0 on.
        """
        return [self.program, *self.flags, "--config-file", config_file, *(["--validate"] if validate else [])]


def trial_verdict(code: int, output: str) -> str | None:
    """What a trial said: empty when the file is right, the engine's words when it is not, None when it cannot tell.

    Before 23.0 there is no ``--validate``; there the trial runs as a user who may not start an engine, and
    ``dockerd`` reads and checks the file before it notices (moby v20.10.24, cmd/dockerd/daemon.go).
    """
    if "unknown flag: --validate" in output:
        return None
    if code == 0 or "needs to be started with root" in output:
        return ""
    return engine_words(output.splitlines()) or f"dockerd ended with status {code} and said nothing."


_OF_UNIT = re.compile(r"[\w.@-]+\.service: ")
"""How systemd begins what it says of a unit, in the journal of that unit."""


def engine_words(lines: Iterable[str]) -> str:
    """The sentence in which the engine says why it does not start, from its output or its journal; else its last line.

    The gravest line counts: a line that is no log message (``dockerd`` writes its last words so), or a fatal one; then
    an error. Of equals the last, since a unit that restarts repeats itself. What systemd says of the unit counts where
    the engine says nothing; that a variable is not set is no reason at all.
    """
    best, rank = "", -2
    for line in lines:
        if "Referenced but unset environment variable" in line:
            continue
        # An unknown flag: "Status: unknown flag: --x", and then where flags are explained.
        text = line.strip().removeprefix("Status: ")
        if not text or text.startswith("See 'dockerd --help'"):
            continue
        logged = re.search(r'\blevel=(\w+) msg=(?:"((?:[^"\\]|\\.)*)"|(\S+))', text)
        words = (logged.group(2) or logged.group(3) or "").replace('\\"', '"') if logged else text
        weight = {"fatal": 2, "error": 1}.get(logged.group(1), 0) if logged else -1 if _OF_UNIT.match(text) else 2
        if weight >= rank:
            best, rank = words, weight
    return best if best.endswith((".", "!", "?")) or not best else best + "."


# ---------------------------------------------------------------------------------------------------------------------
# The record of a restart that waits
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """The line in ``/var/lib/quorum.swarm/pending-restart``: why Docker waits for a restart, and the way back."""

    since: str
    """ISO 8601, UTC."""
    phase: str
    """``pending``, or ``restarting`` while a module of the collection is about it."""
    file: str
    """The configuration file that changed."""
    keys: str
    """Which of its keys changed, comma separated; or ``unknown``."""
    before: str
    """The file that holds what the running engine was started with; ``none``: there was none; or ``unknown``."""

    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.since} {self.phase}: {self.file} changed ({self.keys}); before: {self.before}\n"

    @classmethod
    def read(cls, text: str) -> Record | None:
        """From the file's text; None where there is none. A text that is not ours is a pending restart all the same."""
        line = text.strip()
        if not line:
            return None
        found = re.fullmatch(r"(\S+) (pending|restarting): (\S+) changed \((.*)\); before: (\S+)", line)
        return cls(*found.groups()) if found else cls(UNKNOWN, PENDING, DEFAULT_FILE, UNKNOWN, UNKNOWN)

    def moved(self, phase: str) -> Record:
        """The same in another phase."""
        return replace(self, phase=phase)


def waits(written: float | None, started: float | None) -> bool:
    """Whether a file, changed at ``written``, has not been read by the engine that was ``started`` (epoch seconds).

    An engine that is not running (None) reads everything when it starts; a file that is not there waits for nothing.
    """
    return written is not None and started is not None and written > started


# ---------------------------------------------------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Install:
    """What has to be installed, and with what."""

    packages: tuple[str, ...] = ()
    manager: str = ""
    """``apt``, or ``other`` for whatever the distribution has."""


def os_release(text: str) -> dict[str, str]:
    """The fields of ``/etc/os-release``."""
    fields = {}
    for line in text.splitlines():
        key, sign, value = line.strip().partition("=")
        if sign and not key.startswith("#"):
            fields[key] = value.strip("\"'")
    return fields


def install(
    system: Mapping[str, str], lacks: Sequence[str], engine: Sequence[str] = (), python: Sequence[str] = ()
) -> Install:
    """The packages for what a host lacks.

    :param system: the fields of ``/etc/os-release``.
    :param lacks: of ``engine``, ``docker``, ``nacl`` and ``cryptography``, the last three being Python packages.
    :param engine: the engine's packages where the distribution's are not wanted or not known.
    :param python: likewise the packages that bring the Python parts.
    :raises BadConfig: when the names are neither given nor known.
    """
    family = {system.get("ID", ""), *system.get("ID_LIKE", "").split()}
    manager = "apt" if family & {"debian", "ubuntu"} else "other"
    packages: list[str] = []
    for wanted, given, known, variable in (
        ("engine" in lacks, engine, _engine_packages(system), "engine_packages"),
        (any(item != "engine" for item in lacks), python, PYTHON_PACKAGES if manager == "apt" else (),
         "engine_python_packages"),
    ):
        if not wanted:
            continue
        if not (given or known):
            raise BadConfig(f"the names of the packages for {', '.join(lacks)} are not known for "
                            f"{system.get('PRETTY_NAME') or system.get('ID') or 'this system'}: set {variable}.")
        packages += list(given or known)
    return Install(tuple(packages), manager if packages else "")


def _engine_packages(system: Mapping[str, str]) -> tuple[str, ...]:
    """The distribution's own engine: Debian has the command line in a package of its own from 13 on."""
    name, version = system.get("ID", ""), system.get("VERSION_ID", "")
    if name == "ubuntu":
        return ("docker.io",)
    if name == "debian":
        old = version.isdigit() and int(version) < 13
        return ("docker.io",) if old else ("docker.io", "docker-cli")
    return ()
