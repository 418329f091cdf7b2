# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: what goes in comes out, whatever else is in the text is refused, and two readings of the API compared."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import BadManifest, File, Manifest
from hypothesis import given
from hypothesis import strategies as st

GOOD = Manifest(
    "swarm1", "node2", "m2.example.net", "m2", "2026-11-22T03:00:00Z", "26.1.5", "b", "192.0.2.12:2377", "0.0.0.0:2377",
    "192.0.2.12:2377", "eth1", ("10.55.0.0/16",), 24, 4789, "7f00000000000001", 5, 192, 191, True, 10,
    {"node1": "192.0.2.11:2377", "node2": "192.0.2.12:2377"}, {"secret": (("id1", "password"), ("id2", "token"))},
    {"state.json": File(2, "44" * 32, 0o600)}, {"engine": 2.5, "manager": 3.0},
)  # fmt: skip
TEXT = st.text(max_size=8)
ANY_MANIFEST = st.builds(
    Manifest,
    *[TEXT] * 6,
    default_addr_pool=st.lists(TEXT, max_size=2).map(tuple),
    subnet_size=st.integers(),
    autolock=st.booleans(),
    managers=st.dictionaries(TEXT, TEXT, max_size=2),
    objects=st.dictionaries(TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple), max_size=2),
    files=st.dictionaries(TEXT, st.builds(File, st.integers(), TEXT, st.integers()), max_size=2),
    downtime=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=2),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def test_it_comes_back_as_it_went() -> None:
    assert manifest.load(GOOD.dump()) == GOOD


@given(ANY_MANIFEST)
def test_any_manifest_comes_back(made: Manifest) -> None:
    assert manifest.load(made.dump()) == made


def test_a_reader_without_numbers_of_64_bits_can_read_it() -> None:
    numbers: list[int] = []
    json.loads(GOOD.dump(), parse_int=lambda text: numbers.append(int(text)))
    assert max(numbers) < 2**53


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(GOOD.dump()), **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("{" * 100_000, "is not JSON"),
        ('{"a":' * 100_000, "is not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "names no format"),
        (changed(format="1"), "names no format"),
        (changed(format=True), "names no format"),
        (changed(format=1.0), "names no format"),
        (changed(format=0), "names no format"),
        (changed(format=2), "format 2, and this version of quorum.swarm reads up to 1"),
        (changed(swarm_id=None), "wrong kind"),
        (changed(term="5"), "wrong kind"),
        (changed(term=True), "wrong kind"),
        (changed(term=5.0), "wrong kind"),
        (changed(autolock=0), "wrong kind"),
        (changed(default_addr_pool="10.0.0.0/8"), "wrong kind"),
        (changed(default_addr_pool=[1]), "wrong kind"),
        (changed(managers=[]), "wrong kind"),
        (changed(managers={"a": 1}), "wrong kind"),
        (changed(objects={"secret": [["id"]]}), "wrong kind"),
        (changed(objects={"secret": ["id"]}), "wrong kind"),
        (changed(objects={"secret": [[]]}), "wrong kind"),
        (changed(objects={"secret": {"id": "name"}}), "wrong kind"),
        (changed(files={"a": {"size": 1, "sha256": "x"}}), "wrong kind"),
        (changed(files={"a": {"size": float("inf"), "sha256": "x", "mode": 384}}), "wrong kind"),
        (changed(files={"a": {"size": "1", "sha256": "x", "mode": 384}}), "wrong kind"),
        (changed(files={"a": [1, "x", 384]}), "wrong kind"),
        (changed(files=[]), "wrong kind"),
        (changed(downtime={"engine": "long"}), "wrong kind"),
        (changed(downtime={"engine": 10**400}), "wrong kind"),
        (changed(downtime=None), "wrong kind"),
        *((json.dumps({k: v for k, v in json.loads(GOOD.dump()).items() if k != name}), "lacks something")
          for name in ("swarm_id", "files", "downtime", "commit")),
    ],
)  # fmt: skip
def test_what_is_no_manifest(text: str, words: str) -> None:
    with pytest.raises(BadManifest, match=words) as caught:
        manifest.load(text)
    assert "\n" not in str(caught.value)


def outcome(text: str) -> None:
    with contextlib.suppress(BadManifest):
        assert isinstance(manifest.load(text), Manifest)


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(GOOD.dump()))), ANY_JSON, min_size=1, max_size=3))
def test_any_value_in_any_place(values: dict[str, Any]) -> None:
    outcome(changed(**values))


@given(st.sampled_from(["objects", "files", "managers", "downtime"]), TEXT, ANY_JSON)
def test_any_value_one_level_down(place: str, key: str, value: Any) -> None:
    outcome(changed(**{place: {key: value}}))
    outcome(changed(**{place: {key: [value]}}))
    outcome(changed(**{place: {key: {"size": value, "sha256": "x", "mode": value}}}))


# -- readings compared -------------------------------------------------------------------------------------------------

A, B, C = ("id-a", "a"), ("id-b", "b"), ("id-c", "c")


@pytest.mark.parametrize(
    ("before", "after", "kept", "complaints"),
    [
        ([A, B], [A, B], [A, B], []),
        ([A], [A, B], [A], []),
        ([A], [A, B], [A, B], []),
        ([A, B], [A], [A], []),
        ([A, B], [A], [A, B], []),
        ([A], [B], [], []),
        ([A], [A], [], ["secret a is in the swarm and not in the state"]),
        ([A], [A], [A, C], ["secret c is in the state and not in the swarm"]),
        (
            [A],
            [A],
            [("id-a", "renamed")],
            ["secret a is in the swarm and not in the state", "secret renamed is in the state and not in the swarm"],
        ),
        ([("id-x", "")], [("id-x", "")], [], ["secret id-x is in the swarm and not in the state"]),
    ],
)
def test_contradictions(before: Any, after: Any, kept: Any, complaints: list[str]) -> None:
    assert manifest.contradictions({"secret": before}, {"secret": after}, {"secret": kept}) == complaints


def test_of_a_node_the_id_counts() -> None:
    """Its name is at times another node's: a state is not damaged by that, and the node not left out."""
    readings = {"node": [("id-a", "m1"), ("id-b", "w1")]}, {"node": [("id-a", "w1"), ("id-b", "w1")]}
    assert manifest.agreed(*readings)["node"] == (("id-a", "w1"), ("id-b", "w1"))
    assert manifest.contradictions(*readings, {"node": [("id-a", "m3"), ("id-b", "w1")]}) == []
    assert manifest.contradictions(*readings, {"node": [("id-a", "m1")]}) == [
        "node w1 is in the swarm and not in the state"
    ]


def test_agreed() -> None:
    found = manifest.agreed({"secret": [B, A], "task": [A]}, {"secret": [A, B, C], "config": [C]})
    assert found == {kind: ((A, B) if kind == "secret" else ()) for kind in manifest.KINDS}


PAIRS = st.lists(st.sampled_from([A, B, C]), max_size=3)


@given(PAIRS, PAIRS)
def test_what_both_readings_list_never_contradicts_them(before: list[Any], after: list[Any]) -> None:
    readings = {"config": before}, {"config": after}
    assert manifest.contradictions(*readings, manifest.agreed(*readings)) == []
