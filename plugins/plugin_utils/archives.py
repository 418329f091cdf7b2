# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on the controller beside the kept keys: which archives lie in ``swarm_backup_dir``, and keys in a file.

Reads only, and opens no archive. One lies there under its name only since it was proven there: the name is the record.
"""

from __future__ import annotations

import os
import re

from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention
from ansible_collections.quorum.swarm.plugins.module_utils.core.retention import Name

_KEY = re.compile(r"SWMKEY-1-[A-Za-z0-9+/]{20,}")


def names(folder: str) -> list[str]:
    """The files of the folder; none where it is not there yet.

    :raises AnsibleActionFail: it is there and cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AnsibleActionFail(f"swarm_backup_dir {folder} cannot be read: {error.strerror}.") from None


def newest(folder: str, swarm_id: str) -> Name | None:
    """The youngest archive of this swarm; None where there is none.

    :raises AnsibleActionFail: the folder is there and cannot be read.
    """
    return next(iter(retention.of_swarm(names(folder), swarm_id)), None)


def keys_of(path: str) -> list[str]:
    """The unlock keys in a file on the controller: what ``docker swarm unlock-key`` prints, or a kept keyring.

    :raises AnsibleActionFail: it cannot be read, or holds none. The message never has the file's content.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = _KEY.findall(file.read(1 << 20))
    except OSError as error:
        raise AnsibleActionFail(f"The unlock key in {path} cannot be read: {error.strerror}.") from None
    if not found:
        raise AnsibleActionFail(f"{path} holds no unlock key (SWMKEY-1-...).")
    return list(dict.fromkeys(found))
