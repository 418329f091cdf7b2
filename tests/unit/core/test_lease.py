# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: who may take it, extend it, take it over, and give it back."""

from __future__ import annotations

import json

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_000_000.0
OWNERS = st.sampled_from(("ann", "bob"))


def held(owner: str, expires: float) -> dict[str, str]:
    text = json.dumps({"owner": owner, "purpose": "provision", "expires": expires})
    return {"mine": "1", lease.LABEL: text}


@pytest.mark.parametrize(
    ("before", "taken_over"),
    [
        ({}, ""),
        (held("ann", NOW + 10), ""),  # extended
        (held("ann", NOW - 10), ""),
        (held("bob", NOW - 10), "bob"),  # expired
        (held("bob", NOW), "bob"),
        ({lease.LABEL: "not JSON"}, ""),
        ({lease.LABEL: "[]"}, ""),
        ({lease.LABEL: '{"owner": "bob"}'}, ""),
        ({lease.LABEL: ""}, ""),
    ],
)
def test_take(before: dict[str, str], taken_over: str) -> None:
    labels, former = lease.take(before, "ann", "upgrade", NOW, 60)
    assert lease.read(labels) == lease.Lease("ann", "upgrade", NOW + 60)
    assert (former.owner if former else "") == taken_over
    assert {name: value for name, value in labels.items() if name != lease.LABEL} == {
        name: value for name, value in before.items() if name != lease.LABEL}


def test_somebody_else_holds_it() -> None:
    with pytest.raises(lease.Held, match=r"bob is changing this swarm \(provision\); its lease ends in 9 s") as caught:
        lease.take(held("bob", NOW + 9.5), "ann", "upgrade", NOW)
    assert caught.value.lease.owner == "bob"


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ({"mine": "1"}, {"mine": "1"}),
        (held("ann", NOW), {"mine": "1"}),
        (held("bob", NOW), held("bob", NOW)),
        (held("bob", NOW - 999), held("bob", NOW - 999)),
        ({lease.LABEL: "not JSON"}, {}),
    ],
)
def test_release(before: dict[str, str], left: dict[str, str]) -> None:
    assert lease.release(before, "ann") == left


@given(st.lists(st.tuples(OWNERS, st.sampled_from(("take", "release")), st.integers(0, 200)), max_size=30))
def test_never_two_holders(acts: list[tuple[str, str, int]]) -> None:
    """Whatever two operators do: a lease that has not expired changes hands only when its holder gave it back."""
    labels: dict[str, str] = {}
    now = NOW
    for owner, act, later in acts:
        now += later
        before = lease.read(labels)
        free = before is None or before.owner == owner or before.expires <= now
        if act == "release":
            labels = lease.release(labels, owner)
            assert lease.read(labels) == (None if before is None or before.owner == owner else before)
            continue
        try:
            labels, _former = lease.take(labels, owner, "x", now, 100)
        except lease.Held:
            assert not free
        else:
            assert free


@given(st.text(max_size=30))
def test_any_label_can_be_read(text: str) -> None:
    found = lease.read({lease.LABEL: text})
    assert found is None or isinstance(found, lease.Lease)
