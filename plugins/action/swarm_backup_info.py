# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_backup_info`` with the unlock keys that the controller keeps, and prints what it found.

Where it is not told which archive and which keys, it takes those of the inventory. A key goes to the module in an
option with no_log, and in no other way.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import backup_report
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller, controller_dir

NOWHERE = ("Neither swarm_backup_dir nor swarm_controller_dir is set: it is not known where the archives are. "
           "-e swarm_backup_archive=FILE names one.")


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returned."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        show = boolean(args.pop("show", None) or False)
        key_file, keys_in = args.pop("unlock_key_file", None), args.pop("keys_in", None)
        if not args.get("path") and not args.get("folder"):
            args["folder"] = controller.wanted_of(task_vars or {}).backup_dir
            if not args["folder"]:
                raise AnsibleActionFail(NOWHERE)
        if key_file:
            if args.get("unlock_key"):
                raise AnsibleActionFail("unlock_key and unlock_key_file are both given: give one of them.")
            args["unlock_key"] = " ".join(controller_dir.keys_in_file(os.path.expanduser(key_file)))
        if not args.get("unlock_key"):
            folder = controller.wanted_of(task_vars or {}).controller_dir if keys_in is None else keys_in
            kept = controller_dir.all_keyrings(folder) if folder else {}
            args["kept_keys"] = {swarm_id: list(ring.all) for swarm_id, ring in kept.items()}
        if getattr(self._connection, "transport", "") == "local":
            # As the operator types it: relative to where ansible-playbook was started.
            for name in ("path", "folder"):
                if args.get(name):
                    args[name] = os.path.abspath(os.path.expanduser(args[name]))
        result: dict[str, Any] = self._execute_module(module_args=args, task_vars=task_vars)
        if show:
            self._show(controller.plain(result), args.get("folder") or "")
            if result.get("failed"):
                result.pop("archives", None)  # they are above, and a failure is printed whole
        return result

    @staticmethod
    def _show(result: dict[str, Any], folder: str) -> None:
        lines: list[str] = []
        if result.get("facts"):
            lines = backup_report.one(result["facts"])
        elif result.get("archives"):
            lines = backup_report.several(result["archives"], folder)
        for line in ["", *lines, ""] if lines else []:
            console.say(line)
