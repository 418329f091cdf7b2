# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a host by its shell alone: for hosts that the connection reaches, and that may not be able to run a module.

Nothing is written on the host, whether pipelining is on or not. What is asked, and how the answer reads, stands in
core/probe.py.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils import probed
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe, reach
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller

SHELL = "/bin/sh"
TEMPORARY = "/tmp"  # noqa: S108 - it is looked at, and nothing is written there
ANSWER = 30.0
"""Seconds for an engine that was started to answer."""
REACHED = "reached"
"""The key of a failed result: whether the connection reached the host; with it come ``probed`` and ``why_not``."""


class ByShell(ActionBase):
    """What action plugins share that ask a host by its shell."""

    TRANSFERS_FILES = False

    def ask_by_shell(self, task_vars, targets=()):
        """The facts as a dictionary; None where the host was reached and no shell answered.

        :raises AnsibleConnectionFailure: the host was not reached.
        """
        host = str(task_vars["inventory_hostname"])
        text = probed.script(targets, self._pythons(task_vars), self._environment())
        for sudoable in (True, False):
            said = self._run(text, sudoable)
            if probe.understood(said):
                return asdict(probed.read(host, said))
        return None

    def try_module(self, task_vars, **given):
        """The module's own result, and why it could not run; one of the two is empty.

        :raises AnsibleConnectionFailure: the host was not reached.
        """
        try:
            told = self._execute_module(task_vars=task_vars, **given)
        except AnsibleConnectionFailure as error:
            # A full disk comes as a failure of the connection, too: only what ssh itself said is one.
            if controller.is_silence(str(error)):
                raise
            return {}, str(error)
        except AnsibleError as error:
            return {}, str(error)
        # A module that ran says what it was given, whatever it came to.
        return (told, "") if "invocation" in told or not told.get("failed") else ({}, controller.words(told))

    def start_by_shell(self, message: str, task_vars: dict[str, Any], swarm_id: str, seconds: int) -> dict[str, Any]:
        """Start the Docker of a host that cannot run a module, where it stands still and was a node of this swarm.

        :param message: why the module could not run.
        :returns: the result of the task.
        :raises AnsibleConnectionFailure: the host was not reached.
        """
        host = str(task_vars["inventory_hostname"])
        result = self.unable(message, task_vars)
        facts = HostFacts.of(host, {**result["probed"], "why_not": result["why_not"]})
        if not reach.starts(facts, swarm_id):
            return result
        if self._task.check_mode:
            return {"changed": True, "did": ["start"], "state": ""}
        words = probe.started(self._run(probe.starter(seconds), True), seconds)
        if words:
            return {**result, "msg": f"Docker does not start on this host, which cannot run a module "
                                     f"({facts.why_not.rstrip('.')}): {words.rstrip('.')}."}
        until = time.monotonic() + ANSWER
        while not facts.engine.answers and time.monotonic() < until:
            facts = HostFacts.of(host, self.ask_by_shell(task_vars) or {})
        state = facts.membership.state
        if state == "locked":
            return {**result, "changed": True, "msg": (
                f"Docker was started, and this manager is locked; no module runs here to unlock it "
                f"({result['why_not'].rstrip('.')}). Unlock it there: docker swarm unlock.")}
        return {"changed": True, "did": ["start"], "state": state}

    def unable(self, message: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of a task that could not run its module, on a host that may be alive all the same.

        :param message: what Ansible said.
        :raises AnsibleConnectionFailure: the host was not reached.
        """
        host = str(task_vars["inventory_hostname"])
        if controller.is_known_alive(message):
            facts, found = None, ""
        else:
            facts = self.ask_by_shell(task_vars)
            folders = [str(self.get_shell_option("remote_tmp", default="~/.ansible/tmp")), TEMPORARY]
            found = probe.cause(self._diagnosed(folders, task_vars), message)
        why = found or controller.why(message)
        return {
            "failed": True, REACHED: True, "why_not": why, "probed": _told(facts, host),
            "msg": f"{host} is reached, and cannot run a module: {why.rstrip('.')}.",
        }

    def _diagnosed(self, folders, task_vars):
        try:
            return self._run(probe.diagnosis(folders, self._pythons(task_vars)), False)
        except ValueError:
            return self._run(probe.diagnosis([TEMPORARY], self._pythons(task_vars)), False)

    def _run(self, text, sudoable):
        """What the script printed; empty where no shell took it, or root was not to be had.

        The script goes to the shell as its input: whatever shell the user has, it does not read it.

        :raises AnsibleConnectionFailure: the host was not reached.
        """
        ways: list[tuple[str, bytes | None]] = [(text, None)]
        if self._connection.has_pipelining:
            ways.insert(0, (f"{SHELL} -s", text.encode()))
        said = ""
        for command, given in ways:
            try:
                said = str(self._low_level_execute_command(
                    command, in_data=given, sudoable=sudoable, executable=SHELL).get("stdout", ""))
            except AnsibleConnectionFailure as error:
                if "privilege escalation" not in str(error):
                    raise
            except AnsibleError:
                continue
            if "@@end" in said:
                break
        return said

    def _pythons(self, task_vars):
        """The interpreters that modules may run with on this host, the likeliest first."""
        told = self._templar.template(task_vars.get("ansible_python_interpreter") or "")
        found = (task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
        if not told or str(told).startswith("auto"):
            told = found or ""
        if told:
            return [str(told)]
        return [str(one) for one in C.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=task_vars)]

    def _environment(self):
        """What the task's ``environment`` gives its module, as assignments of a shell."""
        if os.path.basename(SHELL) != "sh" or getattr(self._connection._shell, "SHELL_FAMILY", "sh") != "sh":
            return ""
        return self._compute_environment_string()


def _told(facts, host):
    """The facts without what is empty anyway: they are part of a failure that a person reads."""
    empty = asdict(HostFacts(host))

    def rest(values, nothing):
        return {name: rest(value, nothing[name]) if isinstance(nothing.get(name), dict) and nothing[name] else value
                for name, value in values.items() if value != nothing.get(name)}

    return rest(facts, empty) if facts else {}
