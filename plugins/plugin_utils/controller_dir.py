# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's own folder, ``swarm_controller_dir``: unlock keys and reports. Archives are in ``backups.py``.

The only file that opens it. Everything in it is 0600 in folders of 0700, written whole and renamed into place, so that
a killed run leaves the old file or the new one.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import drill, inventory, keyring, lifetime, split
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller

KEYS = "unlock-keys"
REPORTS = "reports"
_KEY = re.compile(r"SWMKEY-1-[A-Za-z0-9+/]{20,}")


def prepare(folder: str) -> None:
    """Make the folder, and prove that it can be written to.

    :raises AnsibleActionFail: where it cannot, in one sentence.
    """
    if not folder or not os.path.isabs(folder):
        raise AnsibleActionFail(f"swarm_controller_dir is {folder!r}; it takes an absolute path on the controller.")
    try:
        for path in (folder, os.path.join(folder, KEYS)):
            os.makedirs(path, mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        handle, probe = tempfile.mkstemp(dir=os.path.join(folder, KEYS))
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise AnsibleActionFail(f"swarm_controller_dir {folder} cannot be written to ({error.strerror}): the unlock "
                                f"key would have no place to be kept.") from None


def short_life(folder: str) -> str:
    """Why the folder will not outlast this run, one clause; empty: nothing says so."""
    if not folder:
        return ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            mountinfo = file.read()
    except OSError:
        mountinfo = ""
    container = any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))) or (
        "KUBERNETES_SERVICE_HOST" in os.environ)
    return lifetime.short_life(os.path.realpath(folder), mountinfo, os.environ, container)


def refuse_short_life(
    wanted: Wanted, task_vars: Mapping[str, Any], keys: bool = True, archives: bool = True
) -> None:
    """Refuse where keys or archives would be written to a folder that does not outlast this run.

    :raises AnsibleActionFail: with one sentence for each such folder.
    """
    folders = {}
    if keys:
        folders["swarm_controller_dir"] = (wanted.controller_dir, "the swarm's unlock key would be lost with it")
    if archives and not (keys and wanted.backup_dir.startswith(f"{wanted.controller_dir}/")):
        folders["swarm_backup_dir"] = (wanted.backup_dir, "the archive would be lost with it")
    found = [lifetime.refusal(what, folder, why, effect) for what, (folder, effect) in folders.items()
             for why in [short_life(folder)] if why]
    controller.refuse(inventory.refused(found, wanted.allowed), task_vars)


def _path(folder: str, swarm_id: str) -> str:
    if not swarm_id.isalnum():
        raise AnsibleActionFail(f"{swarm_id!r} is not the ID of a swarm.")
    return os.path.join(folder, KEYS, f"{swarm_id}.json")


def kept_keys(folder: str, swarm_id: str) -> Keyring:
    """The kept unlock keys of this swarm; an empty keyring where there are none.

    :raises AnsibleActionFail: where the file is there and cannot be read.
    """
    path = _path(folder, swarm_id)
    try:
        with open(path, encoding="utf-8") as file:
            return keyring.load(file.read())
    except FileNotFoundError:
        return Keyring()
    except (OSError, keyring.BadKeyring) as error:
        raise AnsibleActionFail(f"The kept unlock keys in {path} cannot be read: {error}.") from None


def all_keyrings(folder: str) -> dict[str, Keyring]:
    """The kept unlock keys of every swarm, by its ID: a locked manager does not say which swarm is its own."""
    try:
        names = sorted(os.listdir(os.path.join(folder, KEYS)))
    except OSError:
        return {}
    ids = [name[:-5] for name in names if name.endswith(".json") and name[:-5].isalnum()]
    return {swarm_id: kept_keys(folder, swarm_id) for swarm_id in ids}


def kept_keys_of(folder: str | None) -> Callable[[str], list[str]]:
    """For a swarm's ID, every unlock key that is kept of it, the most likely first; none where no folder is given."""
    return lambda swarm_id: list(kept_keys(folder, swarm_id).all) if folder else []


def keys_in_file(path: str) -> list[str]:
    """The unlock keys in any file on the controller: what ``docker swarm unlock-key`` prints, or a kept keyring.

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


def keep_key(folder: str, swarm_id: str, key: str) -> bool:
    """Keep ``key`` as the swarm's current unlock key; the ones before it stay. Returns whether anything changed.

    :raises AnsibleActionFail: where the file cannot be written.
    """
    before = kept_keys(folder, swarm_id)
    after = before.with_key(key)
    if after == before:
        return False
    prepare(folder)
    _write(_path(folder, swarm_id), after.dump(swarm_id))
    return True


def keep_report(folder: str, name: str, text: str) -> str:
    """Keep a report under this name, in place of one that has it, and return its path.

    :raises AnsibleActionFail: where it cannot be written.
    """
    place = os.path.join(folder, REPORTS)
    path = os.path.join(place, name)
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        os.chmod(place, 0o700)
    except OSError as error:
        raise AnsibleActionFail(f"{path} could not be written: {error.strerror}.") from None
    _write(path, text)
    return path


def last_recovery(folder: str, swarm_id: str) -> split.Recovery | None:
    """The last recovery of this swarm in which managers were given up, as its report says; None: none is kept.

    :raises AnsibleActionFail: a report is there and cannot be read.
    """
    return next((found for _unused, _data, found in _recoveries(folder, swarm_id) if found is not None), None)


def newest_recovery(folder: str, swarm_id: str) -> tuple[str, dict[str, object]] | None:
    """The name and the values of the newest report of a recovery of this swarm; None: none is kept.

    :raises AnsibleActionFail: it is there and cannot be read.
    """
    return next(((name, data) for name, data, _found in _recoveries(folder, swarm_id)), None)


def time_of_report(name: str) -> datetime | None:
    """When the run of a report began, by its name; None: that does not say."""
    found = re.search(r"-(\d{8}T\d{6}Z)\.json$", name)
    return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc) if found else None


def _recoveries(folder: str, swarm_id: str) -> Iterator[tuple[str, dict[str, object], split.Recovery | None]]:
    """The reports of recoveries of this swarm, the newest first: name, values, and who was given up."""
    place = os.path.join(folder, REPORTS)
    try:
        names = sorted(os.listdir(place), reverse=True) if folder and swarm_id.isalnum() else []
    except OSError:
        return
    for name in names:
        if not (name.startswith(f"recover-{swarm_id}-") and name.endswith(".json")):
            continue
        path = os.path.join(place, name)
        try:
            with open(path, encoding="utf-8") as file:
                data = json.loads(file.read())
            found = split.Recovery.of(path, data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnsibleActionFail(f"The report {path} of a recovery cannot be read ({error!r}): it tells which of "
                                    "two swarms with one ID counts. Look at it, and move it away.") from None
        yield name, data, found


def expelled_hosts(folder: str) -> list[str]:
    """The hosts that the last run of ``expel`` was about, of each swarm, where it was not through: nobody is to connect
    to them. Before a manager is asked it is not known which swarm this is.

    :raises AnsibleActionFail: a report is there and cannot be read.
    """
    place = os.path.join(folder, REPORTS)
    try:
        names = [name for name in os.listdir(place) if re.fullmatch(r"expel-\w+-\w+\.json", name)] if folder else []
    except OSError:
        return []
    newest = {name.split("-")[1]: name for name in sorted(names)}
    hosts: list[str] = []
    for name in newest.values():
        path = os.path.join(place, name)
        try:
            with open(path, encoding="utf-8") as file:
                data = json.loads(file.read())
            hosts += [] if data["through"] else [str(host) for host in data["hosts"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnsibleActionFail(f"The report {path} of an expulsion cannot be read ({error!r}): it tells which "
                                    "hosts nobody is to connect to. Look at it, and move it away.") from None
    return hosts


def _drill_path(folder: str, swarm_id: str) -> str:
    if not swarm_id.isalnum():
        raise AnsibleActionFail(f"{swarm_id!r} is not the ID of a swarm.")
    return os.path.join(folder, REPORTS, f"drill-{swarm_id}.json")


def keep_drill(folder: str, swarm_id: str, record: drill.Drill) -> str:
    """Keep the record of a good drill instead of the one before, and return its path.

    :raises AnsibleActionFail: it cannot be written.
    """
    prepare(folder)
    return keep_report(folder, os.path.basename(_drill_path(folder, swarm_id)), record.dump())


def last_drill(folder: str, swarm_id: str) -> drill.Drill | None:
    """The record of the last good drill of this swarm; None where there is none.

    :raises AnsibleActionFail: it is there and cannot be read.
    """
    path = _drill_path(folder, swarm_id)
    try:
        with open(path, encoding="utf-8") as file:
            return drill.load(file.read())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, drill.BadRecord) as error:
        raise AnsibleActionFail(f"The record of the last drill in {path} cannot be read: {error}.") from None


def _write(path: str, text: str) -> None:
    """Write ``text`` to ``path``, 0600 from its first byte, whole or not at all."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            os.unlink(temporary)
        raise AnsibleActionFail(f"{path} could not be written: {error.strerror}.") from None
