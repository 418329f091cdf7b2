# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings an archive and the unlock keys that may open it to a host, runs ``swarm_drill`` there, and records a good one.

The archive is proven here before anything is sent: what is wrong with it is known then.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.core import drill
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir, sending

MODULE = "quorum.swarm.swarm_drill"


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned, with the time that the archive took to come."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("state", "drilled") != "drilled":
            return self._execute_module(task_vars=task_vars)
        path, keys_in, key_file, record_in = (
            args.pop(name, None) for name in ("archive", "keys_in", "key_file", "record_in"))
        if not path:
            raise AnsibleActionFail("swarm_drill takes archive, the path of an archive on the controller.")
        begun = time.monotonic()
        keys = self._proven(path, keys_in, key_file)
        if self._task.check_mode:
            return {"changed": False, "msg": f"{path} would be brought up in isolation."}
        there = sending.send(self, MODULE, path, task_vars, "drill.tar.gz")
        brought = time.monotonic() - begun
        result = self._execute_module(module_name=MODULE, module_args={
            **args, "archive": there, "unlock_keys": keys}, task_vars=task_vars)
        if result.get("failed") or "phases" not in result:
            return result
        result["phases"] = {"bring": round(brought, 3), **result["phases"]}
        result["seconds"] = round(result["seconds"] + brought, 3)
        wrong = drill.wrong(result)
        if wrong:
            return {**result, "failed": True, "msg": wrong}
        result["recorded"] = ""
        if record_in:
            host = str((task_vars or {}).get("inventory_hostname") or "")
            record = drill.record(result, os.path.basename(path), host, datetime.now(timezone.utc))
            result["recorded"] = controller_dir.keep_drill(record_in, result["swarm_id"], record)
        return result

    @staticmethod
    def _proven(path, keys_in, key_file):
        """The unlock keys that may open it; none where none is needed.

        :raises AnsibleActionFail: no swarm comes back from it, or not with these keys.
        """
        try:
            opened = archive.read(path)
            if not opened.manifest.autolock:
                keys = []
            elif key_file:
                keys = controller_dir.keys_in_file(key_file)  # and no other: it may be this key that is to be tried
            else:
                keys = controller_dir.kept_keys_of(keys_in)(opened.manifest.swarm_id)
                if not keys:
                    raise AnsibleActionFail(
                        f"No drill was begun. {path} is autolocked, and no unlock key of its swarm is kept: "
                        "swarm_controller_dir keeps them, or -e swarm_unlock_key_file=FILE names one.")
            archive.prove(opened, keys)
        except archive.BadArchive as error:
            raise AnsibleActionFail(f"No drill was begun. {error}") from None
        return keys
