# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kept unlock keys: old ones stay, and none is ever shown."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import keyring
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring
from hypothesis import given
from hypothesis import strategies as st

KEYS = [f"SWMKEY-1-{letter * 43}" for letter in "abcd"]
A, B, C, _D = KEYS


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        (Keyring(), A, Keyring(A)),
        (Keyring(A), A, Keyring(A)),
        (Keyring(A), B, Keyring(B, (A,))),
        (Keyring(B, (A,)), C, Keyring(C, (B, A))),
        (Keyring(B, (A,)), A, Keyring(A, (B,))),  # an old one is the current one again: after a restore, say
    ],
)
def test_with_key(before: Keyring, key: str, after: Keyring) -> None:
    assert before.with_key(key) == after


@given(st.lists(st.sampled_from(KEYS)))
def test_no_key_is_ever_lost_or_kept_twice(keys: list[str]) -> None:
    ring = Keyring()
    for key in keys:
        ring = ring.with_key(key)
        assert ring.current == key
    assert sorted(ring.all) == sorted(set(keys))
    assert keyring.load(ring.dump("swarm1")) == ring


@given(st.lists(st.sampled_from(KEYS), min_size=1))
def test_no_key_is_shown(keys: list[str]) -> None:
    ring = Keyring()
    for key in keys:
        ring = ring.with_key(key)
    shown = f"{ring!r} {ring} {ring.digest} {[ring]} { {'ring': ring} }"
    assert not any(key in shown or key.removeprefix("SWMKEY-1-") in shown for key in KEYS)
    assert "key" in repr(ring)


def test_a_digest_recognises_a_key() -> None:
    assert keyring.digest(A) == hashlib.sha256(A.encode()).hexdigest()
    assert Keyring(A, (B,)).digest == keyring.digest(A)
    assert keyring.digest("") == Keyring().digest == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"former": []}', '"SWMKEY-1-secret"', "SWMKEY-1-secret",
             '{"current": "SWMKEY-1-secret", "former": 3}'])
def test_what_is_no_keyring_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(keyring.BadKeyring) as caught:
        keyring.load(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_keyring_names_its_swarm() -> None:
    assert json.loads(Keyring(B, (A,)).dump("swarm1")) == {"swarm_id": "swarm1", "current": B, "former": [A]}


@given(st.text(max_size=40))
def test_any_text_is_a_keyring_or_refused(text: str) -> None:
    with pytest.raises(keyring.BadKeyring):
        keyring.load(text)
