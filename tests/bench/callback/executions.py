# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what a run of ansible-playbook executes on remote hosts, whichever collection it uses.

An Ansible callback plugin. It appends one line for each execution to the file that BENCH_EXECUTIONS names: `module` for
a module, `command` for every command that a connection carries, the ones that carry a module included. Loaded before
the workers are forked, so they inherit what it wraps.
"""

from __future__ import annotations

import os

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: executions
type: aggregate
short_description: counts executions on remote hosts
description: Appends one line for each execution to the file that E(BENCH_EXECUTIONS) names.
"""


def _counting(method, kind):
    def wrapped(action, *args, **kwargs):
        if action._connection.transport != "local":
            with open(os.environ["BENCH_EXECUTIONS"], "a", encoding="ascii") as file:
                file.write(f"{kind}\n")
        return method(action, *args, **kwargs)

    return wrapped


class CallbackModule(CallbackBase):
    """Shows nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "executions"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        """Begin to count."""
        ActionBase._execute_module = _counting(ActionBase._execute_module, "module")
        ActionBase._low_level_execute_command = _counting(ActionBase._low_level_execute_command, "command")
