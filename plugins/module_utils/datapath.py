# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this host knows of the overlay networks that it takes part in: what ``swarm_datapath`` does.

Drives the engine that it is handed, and reads the kernel's list of listening sockets. Writes the note by which the
playbook ``restart`` knows that Docker waits to be restarted, where that is asked for. What is wrong is decided in
core/datapath.py, from what all hosts say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host, services
from ansible_collections.quorum.swarm.plugins.module_utils.core import datapath
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError, wait_until


def look(engine: Engine, expected: Mapping[str, Collection[str]], seconds: float) -> dict[str, Any]:
    """What this host says. Returns the module's result.

    :param expected: addresses by network; what is looked at again until it knows these and listens.
    :param seconds: for how long.
    :raises EngineError: it cannot be asked.
    """
    def once() -> dict[str, Any]:
        own = engine.membership()
        if own["state"] != "active":
            return {"changed": False, "address": "", "manager": False, "listens": False, "networks": {}}
        return {"changed": False, "address": own["node_addr"], "manager": own["control"],
                "listens": host.listens_on(datapath.PORT), "networks": engine.overlays()}

    def whole(found: Mapping[str, Any]) -> bool:
        return bool(found["listens"]) and all(
            set(addresses) <= set(found["networks"][name])
            for name, addresses in expected.items() if name in found["networks"])

    return wait_until(once, whole, seconds if expected else 0.0)[1]


def note(reason: str, check: bool) -> dict[str, Any]:
    """Have Docker wait to be restarted. Returns the module's result.

    :raises EngineError: the note cannot be written.
    """
    if not check:
        try:
            services.write(host.PENDING_RESTART, reason.rstrip() + "\n")
        except OSError as error:
            raise EngineError(f"{host.PENDING_RESTART}: {error.strerror}") from None
    return {"changed": True}
