# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_backup`` on a manager; with ``state=brought`` brings the archive to the controller and proves it there.

It comes in pieces, by the module itself: whatever the connection and however one becomes root, it is never written
where others could read it, on neither side. The last word is the proof here: only then does the archive get its name,
only then does the host remove its own, and only then may older archives go.
"""

from __future__ import annotations

import base64

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, controller_dir

PIECE = 4 << 20


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        """Return what the module returned, or what became of the archive."""
        super().run(tmp, task_vars)
        if self._task.args.get("state") != "brought":
            return self._execute_module(task_vars=task_vars)
        args = dict(self._task.args)
        for name in ("archive", "bring_to", "sha256"):
            if not args.get(name):
                raise AnsibleActionFail(f"state=brought takes {name}.")
        if not self._task.no_log:
            raise AnsibleActionFail("state=brought brings a secret: set no_log: true at the task.")
        if self._task.check_mode:
            return {"changed": True}
        archive = str(args["archive"])

        def pieces():
            offset = 0
            while True:
                content = self._piece(archive, offset, task_vars)
                if not content:
                    return
                yield content
                offset += len(content)

        arrived = backups.receive(str(args["bring_to"]), archive.rpartition("/")[2], pieces(), str(args["sha256"]),
                                  controller_dir.kept_keys_of(args.get("keys_in")))
        self._execute_module(module_args={"state": "dropped", "archive": archive}, task_vars=task_vars)
        removed = backups.retire(str(args["bring_to"]), arrived.file, int(args.get("keep") or 0),
                                 float(args.get("keep_days") or 0))
        return {"changed": True, "archive": arrived.path, "size": arrived.size, "proven": not arrived.unopened,
                "unopened": arrived.unopened, "removed": removed}

    def _piece(self, archive, offset, task_vars):
        """One piece of the archive, from the host.

        :raises AnsibleActionFail: it cannot be read there any more.
        """
        result = self._execute_module(
            module_args={"state": "read", "archive": archive, "offset": offset, "length": PIECE}, task_vars=task_vars)
        if result.get("failed") or "content" not in result:
            raise AnsibleActionFail(f"The archive could not be brought: {result.get('msg') or 'no answer'} It is made "
                                    f"anew by the next run.")
        return base64.b64decode(result["content"])
