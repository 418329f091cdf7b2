# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How this ansible-playbook was called: its own path, its command line and its environment, for a run that comes later.

Reads the process's arguments and environment, and looks whether files are there; changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible import constants, context
from ansible.parsing.splitter import parse_kv
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import STANDARD_PATH, Caller
from yaml import YAMLError, safe_load

_PATHS = ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_VAULT_PASSWORD_FILE")
"""Variables of the environment that are carried: lists of paths, or one."""
_PASSING = ("/dev/", "/proc/")
"""What is below is gone with the process that had it, such as the pipe of ``-i <(…)``."""


def caller() -> Caller:
    """How the run that asks was called."""
    given: Mapping[str, Any] = context.CLIARGS
    sources = tuple(_source(str(item)) for item in given.get("inventory") or ())
    files = [item for item in sources if "," not in item]
    program = _program()
    home = os.path.expanduser("~")
    first = files[0] if files else home
    options, inline = _variables(given)
    return Caller(
        program=program,
        inventories=sources,
        folder=first if os.path.isdir(first) else os.path.dirname(first),
        missing=tuple(item for item in files if item.startswith(_PASSING) or not os.path.exists(item)),
        options=(*_connection(given), *options),
        inline=inline,
        asks=_asks(given),
        environment=_environment(home, program),
        system=os.geteuid() == 0,
    )


def _source(text: str) -> str:
    return text if "," in text else os.path.abspath(text)


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _program() -> tuple[str, ...]:
    """This very ansible-playbook: action plugins run in forks of it. Links stay, so that an upgrade is followed."""
    own = os.path.abspath(sys.argv[0])
    if os.path.basename(own) == "__main__.py":
        return (sys.executable, "-m", "ansible", "playbook")
    for path in (own, *(os.path.join(os.path.dirname(item), "ansible-playbook") for item in (own, sys.executable))):
        if os.path.basename(path) == "ansible-playbook" and os.access(path, os.X_OK):
            return (path,)
    return ()


def _environment(home: str, program: tuple[str, ...]) -> dict[str, str]:
    """What a run needs: nothing that differs from shell to shell, so that the unit does not, either."""
    kept = {name: os.pathsep.join(_absolute(part) for part in os.environ[name].split(os.pathsep))
            for name in _PATHS if os.environ.get(name)}
    if constants.CONFIG_FILE:  # the one in use, also where it was found in the working directory
        kept["ANSIBLE_CONFIG"] = os.path.abspath(str(constants.CONFIG_FILE))
    folder = os.path.dirname(program[0]) if program else ""
    path = STANDARD_PATH if not folder or folder in STANDARD_PATH.split(":") else f"{folder}:{STANDARD_PATH}"
    # An inventory that is not there is a warning to Ansible, and a run without hosts would end well.
    strict = {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"}
    return {**kept, **strict, "HOME": home, "LANG": "C.UTF-8", "PATH": path}


def _connection(given: Mapping[str, Any]) -> list[str]:
    """Options that say how hosts are reached and vaults opened, by the files that hold the secrets."""
    words = []
    for option, name in (("--user", "remote_user"), ("--private-key", "private_key_file"),
                         ("--connection-password-file", "connection_password_file"),
                         ("--become-password-file", "become_password_file")):
        value = given.get(name)
        if value:
            words += [option, str(value) if name == "remote_user" else _absolute(str(value))]
    for item in given.get("vault_password_files") or ():
        words += ["--vault-password-file", os.path.abspath(str(item))]
    for item in given.get("vault_ids") or ():
        label, at, source = str(item).rpartition("@")
        if source != "prompt":
            words += ["--vault-id", label + at + _absolute(source)]
    return words


def _variables(given: Mapping[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Of the variables on the command line: the files, as options, and the names of the others."""
    words: list[str] = []
    names: list[str] = []
    for item in given.get("extra_vars") or ():
        text = str(item)
        if text.startswith("@"):
            words += ["-e", "@" + os.path.abspath(text[1:])]
            continue
        try:
            told = safe_load(text) if text.lstrip()[:1] in ("{", "[") else parse_kv(text)
        except (YAMLError, ValueError):
            told = {}
        if isinstance(told, Mapping):
            names += [str(name) for name in told if name != "_raw_params"]
    return words, tuple(names)


def _asks(given: Mapping[str, Any]) -> tuple[str, ...]:
    prompts = any(str(item).rpartition("@")[2] == "prompt" for item in given.get("vault_ids") or ())
    return tuple(option for option, there in (
        ("--ask-pass", given.get("ask_pass")), ("--ask-become-pass", given.get("become_ask_pass")),
        ("--ask-vault-password", given.get("ask_vault_pass")), ("--vault-id prompt", prompts)) if there)
