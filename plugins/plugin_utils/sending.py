# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of the controller's, an archive above all, sent to a host for a module of ours. The controller's half.

It goes in pieces, by the module itself (``state=receive``, module_utils/receiving.py): whatever the connection and
however one becomes root, it is never written where other users could read it. Reads the file that it is told to, and
nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

PIECE = 4 << 20
"""Bytes of one piece, of a module call."""


def send(
    action: ActionBase, module_name: str, path: str, task_vars: dict[str, Any] | None, name: str = "archive.tar.gz"
) -> str:
    """Send a file of the controller's, and return where it lies on the host: 0600 in a folder of 0700.

    :param action: the action plugin; its task must have ``no_log``.
    :param module_name: the module that receives, with the options of ``receiving.OPTIONS``.
    :param path: on the controller.
    :param name: of the file on the host; one a purpose, so that a later run replaces what a killed one left.
    :raises AnsibleActionFail: it cannot be read here, or not be written there.
    """
    if not action._task.no_log:
        raise AnsibleActionFail("An archive holds a private key: set no_log: true at the task.")
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            size, offset = os.fstat(stream.fileno()).st_size, 0
            while True:
                piece = stream.read(PIECE)
                digest.update(piece)
                last = offset + len(piece) >= size or not piece
                result = action._execute_module(module_name=module_name, module_args={
                    "state": "receive", "name": name, "offset": offset, "sha256": digest.hexdigest() if last else "",
                    "content": base64.b64encode(piece).decode("ascii"),
                }, task_vars=task_vars)
                if result.get("failed") or result.get("unreachable") or (last and not result.get("path")):
                    raise AnsibleActionFail(f"{path} could not be sent: {result.get('msg') or 'no answer.'}")
                if last:
                    return str(result["path"])
                offset += len(piece)
    except OSError as error:
        raise AnsibleActionFail(f"{path} cannot be read: {error.strerror}.") from None
