# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes, extends and releases the lease on the swarm object, by compare-and-swap on its version.

Acts on the engine that it is handed; what a lease is stands in core/lease.py. The clock is the wall clock of the
manager that is asked, the sleep is handed in by tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError, NotManager

POLL = 2.0
"""Seconds between two looks at a lease that somebody else holds."""

LEASE_OPTIONS: dict[str, dict[str, Any]] = {
    "lease_owner": {"type": "str"},
    "lease_purpose": {"type": "str", "default": ""},
    "lease_release": {"type": "bool", "default": False},
}
"""Options of every module that changes the swarm object's world under a lease."""


@dataclass
class Holder:
    """One run's hold on the swarm.

    :param owner: who; an empty owner takes no lease, for modules that are used by themselves.
    :param wait: seconds to wait for another owner's lease to end.
    :param take_over: an owner that is known to be dead; its lease does not count.
    """

    engine: Engine
    owner: str
    purpose: str = ""
    wait: float = 0.0
    take_over: str = ""
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    taken_over: lease.Lease | None = None
    """The lease of another owner that this one replaced."""
    _extended: float = 0.0

    def hold(self) -> None:
        """Take the lease, or extend it when a third of it has passed.

        :raises lease.Held: when another owner holds it for longer than ``wait``.
        """
        if not self.owner or self.now() - self._extended < lease.DURATION / 3:
            return
        until = self.now() + self.wait
        while True:
            try:
                self.engine.update_swarm(self._taken)
                self._extended = self.now()
                return
            except lease.Held:
                if self.now() >= until:
                    raise
                self.sleep(min(POLL, max(0.1, until - self.now())))

    def wait_free(self) -> None:
        """Wait until nobody else holds it; it is not taken.

        Where the swarm cannot be asked for as long as that, or not here any more, that is for others to judge.

        :raises lease.Held: when another owner holds it for longer than ``wait``.
        """
        until = self.now() + self.wait
        while True:
            held = None
            try:
                held = lease.read(self.engine.swarm()["Spec"].get("Labels") or {})
            except NotManager:
                return
            except EngineError:
                pass  # an election, perhaps: it is asked again
            else:
                if held is None or held.owner in (self.owner, self.take_over) or held.expires <= self.now():
                    return
            if self.now() >= until:
                if held is not None:
                    raise lease.Held(held, self.now())
                return
            self.sleep(min(POLL, max(0.1, until - self.now())))

    def release(self) -> None:
        """Give it back. Another owner's lease stays."""
        if not self.owner:
            return

        def without(spec: dict[str, Any]) -> dict[str, Any]:
            labels = spec.get("Labels") or {}
            if lease.LABEL in labels:
                spec["Labels"] = lease.release(labels, self.owner)
            return spec

        self.engine.update_swarm(without)
        self._extended = 0.0

    def _taken(self, spec: dict[str, Any]) -> dict[str, Any]:
        labels = spec.get("Labels") or {}
        current = lease.read(labels)
        if current is not None and self.take_over and current.owner == self.take_over:
            labels = lease.release(labels, current.owner)
            self.taken_over = current
        spec["Labels"], expired = lease.take(labels, self.owner, self.purpose, self.now())
        self.taken_over = expired or self.taken_over
        return spec
