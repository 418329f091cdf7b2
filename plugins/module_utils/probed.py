# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole question that a shell answers of one host, its engine and its disk: core/probe.py and raft/told.py put
together.

Does nothing: text in, text or facts out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import journal, rejoin_journal
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, LocalState
from ansible_collections.quorum.swarm.plugins.module_utils.raft import told

ROLE = "swarm-"
"""Before ``manager`` or ``worker`` in a certificate."""


def script(targets: Sequence[str] = (), pythons: Sequence[str] = ("python3",), environment: str = "") -> str:
    """See ``core.probe.script``; also what lies on the disk."""
    return probe.script(targets, pythons, environment, told.FUNCTION, (journal.JOURNAL, rejoin_journal.PATH))


def read(host: str, text: str) -> HostFacts:
    """The host's facts from what the script printed."""
    facts = probe.read(host, text)
    state, whole = _state(text, facts.engine.root_dir), True
    last, ok = _note(text, journal.JOURNAL)
    whole &= ok and (not last or last.get("step") == journal.FINISHED)
    rejoin, ok = _note(text, rejoin_journal.PATH)
    rejoin = rejoin if rejoin.get("step") != rejoin_journal.FINISHED else {}
    whole &= ok and not rejoin
    state = replace(state, reinit=last, rejoin=rejoin)
    return replace(facts, state=state, certificate_expires=state.not_after, startable=(
        whole and probe.may_start(text) and not state.unread and bool(state.node_id)))


def _note(text: str, path: str) -> tuple[dict[str, Any], bool]:
    """One of the collection's own notes on the host, and whether that is known: a note that cannot be read is not."""
    found = probe.sections(text).get(f"note {path}", "").strip()
    if not found:
        return {}, True
    try:
        data = json.loads(found)
    except ValueError:
        return {}, False
    return (data, True) if isinstance(data, dict) else ({}, False)


def _state(text: str, root_dir: str) -> LocalState:
    """What lies on its disk, wherever Docker may keep it.

    :param root_dir: where the engine says that it does; empty: it was not asked.
    """
    sections = probe.sections(text)
    found = told.read(sections)
    if root_dir:
        found = tuple(one for one in found if one.root_dir == root_dir)
    if sections.get("user", "").strip() != "0":
        return LocalState(root_dir, unread="it was asked without root")
    if not found:
        return LocalState(root_dir)
    if len(found) > 1:
        return LocalState(unread=f"a state of a swarm lies in {' and in '.join(one.root_dir for one in found)}")
    one = found[0]
    return LocalState(
        one.root_dir, one.swarm, one.node, one.role[len(ROLE):] if one.role.startswith(ROLE) else "", one.raft_log,
        one.managers, unread=one.unread, not_before=one.not_before.isoformat() if one.not_before else "",
        not_after=one.not_after.isoformat() if one.not_after else "")
