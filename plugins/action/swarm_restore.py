# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings an archive and the unlock keys that may open it to the host, and runs ``swarm_restore`` there."""

from __future__ import annotations

import time

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.core import deeds
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir, sending

MODULE = "quorum.swarm.swarm_restore"


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned, with the time that the archive took to come."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("state") == "settled":
            return self._execute_module(task_vars=task_vars)
        path, keys_in, key_file = (args.pop(name, None) for name in ("archive", "keys_in", "key_file"))
        if not path:
            raise AnsibleActionFail("swarm_restore takes archive, the path of an archive on the controller.")
        if self._task.check_mode:
            return {"changed": True, "msg": f"{path} would be restored on this host."}
        begun = time.monotonic()
        try:
            told = archive.read(path).manifest
        except archive.BadArchive as error:
            raise AnsibleActionFail(f"This step changed nothing. {error}") from None
        keys = controller_dir.keys_in_file(key_file) if key_file else []
        keys += controller_dir.kept_keys_of(keys_in)(told.swarm_id) if told.autolock else []
        there = sending.send(self, MODULE, path, task_vars, "restore.tar.gz")
        brought = time.monotonic() - begun
        result = self._execute_module(module_name=MODULE, module_args={
            **args, "archive": there, "unlock_keys": list(dict.fromkeys(keys))}, task_vars=task_vars)
        if result.get("failed"):
            result["msg"] = deeds.after(str(result.get("msg") or "no answer."), controller.done_so_far(task_vars))
        if result.get("phases"):
            result["phases"] = {"bring": round(brought, 3), **result["phases"]}
        return result
