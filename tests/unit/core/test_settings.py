# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in a Spec: what is declared is set, and everything else goes back as it came. Touches nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import settings
from hypothesis import given
from hypothesis import strategies as st

# GET /swarm of Docker 26.1, with what it leaves out where it is not set: an external CA, labels, ForceRotate.
SPEC: dict[str, Any] = {
    "CAConfig": {
        "ExternalCAs": [{"Protocol": "cfssl", "URL": "https://ca.example.org"}],
        "ForceRotate": 2,
        "NodeCertExpiry": 7776000000000000,
    },
    "Dispatcher": {"HeartbeatPeriod": 5000000000},
    "EncryptionConfig": {"AutoLockManagers": True},
    "Labels": {"quorum.swarm/lease": "x"},
    "Name": "default",
    "Orchestration": {"TaskHistoryRetentionLimit": 5},
    "Raft": {
        "ElectionTick": 10,
        "HeartbeatTick": 1,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "SnapshotInterval": 10000,
    },
    "TaskDefaults": {},
}
VALUES: dict[str, Any] = {
    "autolock": False,
    "cert_expiry": 3600 * 10**9,
    "dispatcher_heartbeat": 7 * 10**9,
    "keep_old_snapshots": 3,
    "log_entries_for_slow_followers": 600,
    "snapshot_interval": 2000,
    "task_history_limit": 0,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5 * 10**9),
        ("2160h", 7776000 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("2160h0m0s", 7776000 * 10**9),
        ("500ms", 5 * 10**8),
        ("0", 0),
    ],
)
def test_a_duration_is_read(text: str, expected: int) -> None:
    assert settings.nanoseconds("cert_expiry", text) == expected


@pytest.mark.parametrize("text", ["", "h", "5x", "90d", "-5", "1 h", "5s later", "1.5"])
def test_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(settings.BadSetting, match=r"^cert_expiry is "):
        settings.nanoseconds("cert_expiry", text)


def test_only_what_has_a_value_is_declared() -> None:
    params = dict.fromkeys(settings.FIELDS) | {"autolock": False, "keep_old_snapshots": 0, "docker_host": "x"}
    assert settings.declared(params) == {"autolock": False, "keep_old_snapshots": 0}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("cert_expiry", "59m", "cert_expiry is 59m; it takes at least 3600 seconds."),
        ("dispatcher_heartbeat", "0", "dispatcher_heartbeat is 0; it takes at least 1 seconds."),
        ("snapshot_interval", 0, "snapshot_interval is 0; it takes at least 1."),
        ("log_entries_for_slow_followers", 0, "log_entries_for_slow_followers is 0; it takes at least 1."),
        ("task_history_limit", -1, "task_history_limit is -1; it takes at least 0."),
        ("keep_old_snapshots", -1, "keep_old_snapshots is -1; it takes at least 0."),
    ],
)
def test_what_the_engine_could_not_take_is_refused(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(settings.BadSetting) as caught:
        settings.declared({name: value})
    assert str(caught.value) == complaint


@given(st.sets(st.sampled_from(sorted(VALUES))), st.booleans())
def test_what_is_not_declared_is_untouched(names: set[str], rotate_ca: bool) -> None:
    wanted = {name: VALUES[name] for name in names}
    before = copy.deepcopy(SPEC)
    after = settings.merged(SPEC, wanted, rotate_ca)
    assert before == SPEC, "the Spec that was given is not changed in place"
    assert settings.read(after) == settings.read(SPEC) | wanted
    for name in names:
        group, key = settings.FIELDS[name]
        after[group][key] = SPEC[group][key]
    assert after["CAConfig"].pop("ForceRotate") == 2 + rotate_ca
    del before["CAConfig"]["ForceRotate"]
    assert after == before


def test_groups_that_the_engine_left_out_are_made() -> None:
    wanted = {"autolock": True, "snapshot_interval": 5}
    after = settings.merged({"Name": "default", "Raft": None}, wanted, rotate_ca=True)
    assert after == {
        "Name": "default",
        "Raft": {"SnapshotInterval": 5},
        "EncryptionConfig": {"AutoLockManagers": True},
        "CAConfig": {"ForceRotate": 1},
    }


def test_no_root_is_rotated_unless_told() -> None:
    assert settings.merged(SPEC, {}) == SPEC


def test_shown_in_seconds() -> None:
    shown = settings.shown(settings.read(SPEC) | {"dispatcher_heartbeat": 2_500_000_000})
    assert shown == {
        "autolock": True,
        "cert_expiry": 7776000,
        "dispatcher_heartbeat": 2.5,
        "keep_old_snapshots": 0,
        "log_entries_for_slow_followers": 500,
        "snapshot_interval": 10000,
        "task_history_limit": 5,
    }
