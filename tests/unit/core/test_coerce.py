# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as inventories and command lines give them, in all their spellings."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (None, False), (1, True), (0, False)]
    + [(word, True) for word in ("true", "True", "TRUE", "yes", "on", "1", "y", "t", " true\n")]
    + [(word, False) for word in ("false", "False", "no", "off", "0", "n", "f", "", "  ")],
)
def test_boolean(value: Any, expected: bool) -> None:
    assert coerce.boolean("swarm_force", value) is expected


def test_no_value_is_the_default() -> None:
    assert coerce.boolean("swarm_force", None, True) is True
    assert coerce.boolean("swarm_force", "", True) is False


@pytest.mark.parametrize("value", ["maybe", "2", 2, 1.5, [], ["true"], {}, "tru"])
def test_neither_true_nor_false(value: Any) -> None:
    with pytest.raises(coerce.BadValue, match=r"^swarm_force is .*; it takes true or false\.$"):
        coerce.boolean("swarm_force", value)


@given(st.text(max_size=8))
def test_any_word_is_true_false_or_refused(word: str) -> None:
    known = word.strip().lower()
    if known in coerce.TRUE | coerce.FALSE:
        assert coerce.boolean("x", word) is (known in coerce.TRUE)
    else:
        with pytest.raises(coerce.BadValue, match=r"^x is"):
            coerce.boolean("x", word)


@pytest.mark.parametrize(("value", "expected"), [(None, ""), ("", ""), ("a", "a"), (0, "0"), (1, "1"), ("no", "no")])
def test_a_name_is_taken_as_written(value: Any, expected: str) -> None:
    assert coerce.word("m1: swarm_zone", value) == expected


@pytest.mark.parametrize("value", [False, True, 1.1, ["a"], {"a": 1}])
def test_what_yaml_made_of_a_name_is_refused(value: Any) -> None:
    with pytest.raises(coerce.BadValue, match=r"^m1: swarm_zone is .*; it takes a name\. Write it in quotes\.$"):
        coerce.word("m1: swarm_zone", value)


@pytest.mark.parametrize(("value", "expected"), [(24, 24), ("24", 24), (" 24 ", 24), (0, 0)])
def test_integer(value: Any, expected: int) -> None:
    assert coerce.integer("swarm_subnet_size", value) == expected


@pytest.mark.parametrize("value", ["", "a", "2.5", 2.5, None, True, [], "1e3"])
def test_no_integer(value: Any) -> None:
    with pytest.raises(coerce.BadValue, match=r"swarm_subnet_size is .*; it takes a whole number\."):
        coerce.integer("swarm_subnet_size", value)


def test_too_small_an_integer() -> None:
    with pytest.raises(coerce.BadValue, match=r"n is 0; it takes at least 1\."):
        coerce.integer("n", "0", 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"disk": "ssd"}, {"disk": "ssd"}),
        ({"n": 1, "b": True, "c": False, "none": None, "f": 1.5, 7: "x"},
         {"n": "1", "b": "true", "c": "false", "none": "", "f": "1.5", "7": "x"}),
    ],
)
def test_labels(value: Any, expected: dict[str, str]) -> None:
    assert coerce.labels("w1: swarm_labels", value) == expected


@pytest.mark.parametrize("value", ["disk=ssd", ["disk"], 3, {"disk": ["ssd"]}, {"disk": {"a": "b"}}])
def test_no_labels(value: Any) -> None:
    with pytest.raises(coerce.BadValue, match="w1: swarm_labels"):
        coerce.labels("w1: swarm_labels", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ("", []),
        ("10.1.0.0/16", ["10.1.0.0/16"]),
        ("10.1.0.0/16, 10.2.0.0/16,", ["10.1.0.0/16", "10.2.0.0/16"]),
        (["10.1.0.0/16"], ["10.1.0.0/16"]),
        (("a", 1), ["a", "1"]),
    ],
)
def test_texts(value: Any, expected: list[str]) -> None:
    assert coerce.texts("swarm_default_addr_pool", value) == expected


@pytest.mark.parametrize("value", [3, True, {"a": "b"}])
def test_no_texts(value: Any) -> None:
    with pytest.raises(coerce.BadValue, match=r"swarm_default_addr_pool is .* it takes a list of texts"):
        coerce.texts("swarm_default_addr_pool", value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(0, 0), ("0", 0), (3600, 3600), ("90s", 90), ("30m", 1800), ("36h", 129600), ("7d", 604800), ("1d12h", 129600),
     (" 2w ", 1209600)],
)  # fmt: skip
def test_duration(value: object, seconds: int) -> None:
    assert coerce.duration("swarm_backup_max_age", value) == seconds


@pytest.mark.parametrize("value", ["", "d", "7 d", "7D", "-1", "1.5d", "7d!", True, None, [], "9" * 40, "٧d"])
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(coerce.BadValue, match="it takes a number of seconds, or a time such as 36h or 7d"):
        coerce.duration("swarm_backup_max_age", value)
