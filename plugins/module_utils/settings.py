# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets the swarm's own settings, and rotates its tokens and keys: what ``swarm_settings`` does, on one manager.

Acts through the engine that it is handed. How settings stand in a ``Spec`` is core/settings.py's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import settings
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, wait_until


class NotDone(Exception):
    """What was asked for makes no sense here, or did not come about. One sentence with the fact and the remedy."""


@dataclass(frozen=True)
class Wanted:
    """What to set and what to rotate."""

    settings: Mapping[str, Any]
    """From ``core.settings.declared``."""
    worker_token: bool = False
    manager_token: bool = False
    unlock_key: bool = False
    ca: bool = False
    seconds: float = 120.0
    """How long to wait for new keys to be everywhere."""

    @property
    def rotates(self) -> bool:
        """Whether anything is rotated; that is a change whatever the settings are."""
        return self.worker_token or self.manager_token or self.unlock_key or self.ca


@dataclass(frozen=True)
class Outcome:
    """What came of it. Settings as an operator writes them."""

    changed: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def apply(engine: Engine, wanted: Wanted, check: bool) -> Outcome:
    """Bring the swarm's settings to what is declared, and rotate what is asked for.

    A root certificate whose rotation is under way is not rotated a second time: its end is waited for.

    :param check: only say what would be changed.
    :raises NotDone: a rotation that cannot be, or did not end in time.
    :raises EngineError: the engine refused, or could not be asked.
    """
    swarm = engine.swarm()
    before = settings.read(swarm["Spec"])
    after = {**before, **wanted.settings}
    if wanted.unlock_key and not after["autolock"]:
        raise NotDone("rotate_unlock_key: the swarm is not autolocked, so there is no unlock key to rotate.")
    rotating = bool(swarm.get("RootRotationInProgress"))
    rotate_ca = wanted.ca and not rotating
    changed = after != before or wanted.rotates
    if changed and not check:
        old_key = engine.unlock_key() if wanted.unlock_key else ""
        engine.update_swarm(
            lambda spec: settings.merged(spec, wanted.settings, rotate_ca),
            rotate_worker_token=wanted.worker_token,
            rotate_manager_token=wanted.manager_token,
            rotate_unlock_key=wanted.unlock_key,
        )
        if wanted.unlock_key:
            _wait_for_key(engine, old_key, wanted.seconds)
        if wanted.ca:
            _wait_for_root(engine, _tls(swarm, "TrustRoot"), wanted.seconds)
        after = settings.read(engine.swarm()["Spec"])
    return Outcome(changed, settings.shown(before), settings.shown(after))


def _wait_for_key(engine: Engine, old_key: str, seconds: float) -> None:
    """Wait until the swarm hands out another unlock key than the old one."""
    new, _seen = wait_until(lambda: engine.unlock_key() not in ("", old_key), bool, seconds)
    if not new:
        raise NotDone(f"the unlock key is still the old one after {seconds:.0f} s.")


def _tls(raw: Mapping[str, Any], field: str) -> str:
    """A field of the ``TLSInfo`` of the swarm or of a node's ``Description``."""
    return (raw.get("TLSInfo") or {}).get(field) or ""


def _wait_for_root(engine: Engine, old_root: str, seconds: float) -> None:
    """Wait until every node has a certificate of a new root: only then does the swarm's root change.

    A manager that is no leader may be a moment behind: that no rotation is under way says nothing by itself.
    """
    rotated, swarm = wait_until(
        engine.swarm,
        lambda seen: not seen.get("RootRotationInProgress") and _tls(seen, "TrustRoot") != old_root,
        seconds,
    )
    if rotated:
        return
    raise NotDone(missing_root(engine, swarm, seconds))


def missing_root(engine: Engine, swarm: Mapping[str, Any], seconds: float) -> str:
    """One sentence: on which nodes the new root certificate is not, after so many seconds.

    :param swarm: what the engine says of the swarm.
    """
    # The swarm's issuer is the new one from the beginning of the rotation, a node's when it has its new certificate.
    issuer = _tls(swarm, "CertIssuerPublicKey")
    waiting = []
    for node in engine.nodes():
        description = node.get("Description") or {}
        if _tls(description, "CertIssuerPublicKey") != issuer:
            waiting.append(f"{description.get('Hostname') or node['ID']} ({node['Status']['State']})")
    return (
        f"the new root certificate is not on every node after {seconds:.0f} s; missing: "
        f"{', '.join(sorted(waiting)) or 'unknown'}. The rotation goes on by "
        "itself. A node that is down stops it: bring it back, or remove its entry."
    )
