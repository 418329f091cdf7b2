# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings an archive up as a swarm of one in an isolated engine, and looks at what is in it. What ``swarm_drill`` does.

By the same reinit as a restore; isolated.py has the engine, in which the archived manager's addresses are addresses of
the host. The host's own engine is neither asked nor touched, and nothing is left: not the archive either.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    archive,
    isolated,
    journal,
    receiving,
    reinit,
    restore,
    services,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

WHAT = "drill"
SPARE = 256 << 20
"""Bytes that stay free on the disk: the engine allocates log segments of 64 MB, and has a containerd of its own."""


def able() -> dict[str, Any]:
    """Whether a drill can run on this host. Returns the module's result."""
    why = "another drill runs there" if isolated.busy() else isolated.obstacle()
    return {"changed": False, "able": not why, "why": why}


def drill(request: restore.Request) -> dict[str, Any]:
    """Run one drill. Returns the module's result.

    :raises Refused: it was no good drill, or none began; in one sentence. Nothing is left of it.
    """
    phases: dict[str, float] = {}
    begun = time.monotonic()
    with isolated.alone():
        try:
            isolated.clear()  # what a killed run left
            result = _drill(request, phases)
        except OSError as error:
            words = f"The drill was broken off: {error.filename}: {error.strerror}. Nothing is left of it."
            raise Refused(words) from None
        finally:
            receiving.drop(os.path.basename(request.path))
            isolated.clear()
    return {**result, "phases": phases, "seconds": round(time.monotonic() - begun, 3)}


def _drill(request: restore.Request, phases: dict[str, float]) -> dict[str, Any]:
    why = isolated.obstacle()
    if why:
        raise Refused(f"No drill is possible here: {why}. Name another host: -e swarm_drill_host=HOST.")
    with _phase(phases, "read"):
        try:
            opened = archive.read(request.path)
        except archive.BadArchive as error:
            raise Refused(f"No drill was begun. {error}") from None
        told = opened.manifest
        source, key = restore.source_of(opened, request)
        receiving.drop(os.path.basename(request.path))  # it is in memory: what a killed run leaves is the less
        _need_room(source)
    with _phase(phases, "isolate"):
        engine = isolated.Isolated(addresses_of(source, told), told.hostname, request.timeout)
        engine.open()
    try:
        work = reinit.Reinit(engine, journal.Journal(os.path.join(isolated.DATA, "reinit.json")), source, key,
                             min(request.timeout, 120.0), patient=False)
        entry = journal.Entry(WHAT, told.swarm_id, told.node_id, request.sha256,
                              aside=os.path.join(isolated.DATA, "aside", "swarm"), ran=False, started_at=journal.now())
        try:
            work.run(entry)
            phases.update({name: seconds for name, seconds in work.phases.items() if name not in ("stop", "aside")})
            with _phase(phases, "compare"):
                return _compare(engine, told)
        except (reinit.Failed, EngineError) as error:
            raise Refused(f"The archive does not come up as a swarm: {error} Nothing is left of the drill.") from None
    finally:
        with _phase(phases, "clean"):
            engine.close()


def _compare(engine: isolated.Isolated, told: Manifest) -> dict[str, Any]:
    """What the swarm has, against what the archive says; and that it did nothing."""
    # A manager may be wanted to run tasks. It has no image and no way to one; that it takes none is said to it, too.
    engine.engine.update_node(told.node_id, lambda spec: {**spec, "Availability": "drain"})
    found = engine.engine.objects()
    missing, extra = restore.difference(told.objects, found)
    stopped.step("compared")
    return {
        "changed": False,
        "swarm_id": told.swarm_id,
        "node_id": told.node_id,
        "archived_host": told.host,
        "taken_at": told.taken_at,
        "archived_version": told.engine_version,
        "version": str(engine.engine.version().get("Version") or ""),
        "autolock": told.autolock,
        "objects": {kind: len(found.get(kind, ())) for kind in manifest.KINDS},
        "missing": missing,
        "extra": extra,
        "containers": engine.containers(),
    }


def addresses_of(source: reinit.Source, told: Manifest) -> list[str]:
    """The addresses that the archived manager used, and so the host of a drill must seem to have.

    :raises Refused: one is none.
    """
    hosts = [source.advertise_addr, source.listen_addr, told.raft_addr]
    hosts = [one.rpartition(":")[0].strip("[]") for one in hosts if one]
    hosts += [source.data_path_addr] if source.data_path_addr else []
    found = []
    for one in dict.fromkeys(hosts):
        try:
            address = ipaddress.ip_address(one.partition("%")[0])
        except ValueError:
            raise Refused(f"No drill was begun: the archived manager's address {one!r} is no IP address.") from None
        if not address.is_unspecified and not address.is_loopback:
            found.append(str(address))
    return found


def _need_room(source: reinit.Source) -> None:
    """:raises Refused: there is no room for the state."""
    needed = sum(len(content) for content in source.files.values()) + SPARE
    free = shutil.disk_usage(services.OWN_DIRECTORY).free
    if free < needed:
        raise Refused(f"No drill was begun: {services.OWN_DIRECTORY} has {free >> 20} MiB free, and a drill may need "
                      f"{needed >> 20} MiB for a while. Make room there, or name another host: "
                      "-e swarm_drill_host=HOST.")


@contextlib.contextmanager
def _phase(phases: dict[str, float], name: str) -> Iterator[None]:
    stopped.step(name)
    begun = time.monotonic()
    try:
        yield
    finally:
        phases[name] = round(time.monotonic() - begun, 3)
