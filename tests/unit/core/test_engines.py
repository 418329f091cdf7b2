# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of engines: versions as packages write them, and which of them have which defect."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import engines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("26.1.5+dfsg1", (26, 1, 5)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("29.1.3", (29, 1, 3)),
        ("29.0.0-rc.1", (29, 0, 0)),
        ("19.03.15", (19, 3, 15)),
        ("28.5", (28, 5, 0)),
        ("dev", None),
        ("29", None),
        ("", None),
    ],
)
def test_a_version(text: str, expected: tuple[int, ...] | None) -> None:
    assert engines.parse(text) == expected


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("20.10.24+dfsg1", set()),
        ("26.1.5+dfsg1", set()),
        ("28.2.2", {"encrypted_overlay"}),
        ("28.5.2+dfsg4", set()),
        ("29.0.0", {"encrypted_overlay", "service_names", "mesh_connections"}),
        ("29.1.3", {"encrypted_overlay", "service_names", "mesh_connections"}),
        ("29.2.0", {"encrypted_overlay", "service_names"}),
        ("29.2.1", {"service_names"}),
        ("29.6.4", {"service_names", "unauthorized_images"}),
        ("29.7.2", {"service_names"}),
        ("29.8.0", set()),
        ("", set()),
    ],
)
def test_what_is_known_of_an_engine(version: str, names: set[str]) -> None:
    assert {item.name for item in engines.defects_of(version)} == names


def test_a_defect_names_its_hosts_once() -> None:
    found = engines.findings({"m2": "29.7.2", "m1": "29.3.0", "w1": "28.5.2"})
    assert [item.severity for item in found] == ["warning"]
    assert "Docker 29.0.0 to 29.7.2 has a known defect, and runs on m1 (29.3.0), m2 (29.7.2): " in found[0].fact


def test_the_defect_of_encrypted_networks_is_said_where_there_are_some() -> None:
    assert not engines.findings({"m1": "28.2.2"})
    assert len(engines.findings({"m1": "28.2.2"}, encrypted=True)) == 1


@pytest.mark.parametrize(
    ("versions", "apart"),
    [
        (["28.5.2", "29.1.3"], True),
        (["28.2.2", "28.5.2"], True),
        (["29.0.0", "29.2.0"], False),
        (["29.2.1", "26.1.5"], False),
        (["29.1.3"], False),
        (["29.1.3", ""], False),
        ([], False),
    ],
)
def test_engines_that_encrypt_apart(versions: list[str], apart: bool) -> None:
    assert engines.encrypts_apart(versions) is apart


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [
        ("1.41", "", "1.41"),
        ("1.51", "1.24", "1.51"),
        ("1.55", "1.40", "1.51"),
        ("1.60", "1.52", "1.52"),
        ("1.9", "", "1.9"),
    ],
)
def test_no_api_version_is_spoken_that_was_never_tried(newest: str, oldest: str, spoken: str) -> None:
    assert engines.api_version(newest, oldest) == spoken
