# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engine.py makes of an engine's answers: the kinds of errors, retries, time limits, no secret in any text.

The texts are real engines' (tests/unit/modules/engine_texts.json, made by capture_engine_texts.py). The socket is
scripted, the Docker SDK between is the real one.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import engine as subject
from ansible_collections.quorum.swarm.plugins.module_utils import observe
from ansible_collections.quorum.swarm.plugins.module_utils.core import view
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    AlreadyMember,
    Engine,
    EngineError,
    InBackground,
    Locked,
    NoEngine,
    NoLeader,
    NoSdk,
    NotManager,
    OutOfSequence,
    Timeout,
    error_of,
    scrub,
    wait_until,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.modules.scripted import SILENCE, TEXTS, Script, engine_socket, refusal

KINDS = {
    "init_twice": AlreadyMember,
    "join_malformed_token": EngineError,
    "join_refused": EngineError,
    "join_silent": InBackground,
    "join_wrong_token": EngineError,
    "last_manager_demoted": EngineError,
    "last_manager_leaves": EngineError,
    "leave_not_member": NotManager,
    "locked_leave": Locked,
    "locked_nodes": Locked,
    "manager_leaves": EngineError,
    "no_leader": NoLeader,
    "no_leader_first": NoLeader,
    "no_leader_update": NoLeader,
    "no_leader_write": NoLeader,
    "node_out_of_sequence": OutOfSequence,
    "not_locked": EngineError,
    "not_manager": NotManager,
    "not_member": NotManager,
    "restarted_without_quorum_nodes": NoLeader,
    "swarm_out_of_sequence": OutOfSequence,
    "unlock_malformed": EngineError,
    "unlock_wrong": EngineError,
}
PLACES = {
    "half_joined": "error",
    "inactive": "not_member",
    "locked": "locked",
    "no_leader_info": "no_leader",
    "restarted_without_quorum": "no_leader",
    "worker": "not_manager",
}
VERSIONS = sorted(TEXTS)
ANY = VERSIONS[-1]
TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-7p73s1dx5in4tatdymyhg9hu2"
KEY = "SWMKEY-1-GbZXwzWg/ZJr+iiSAZgSKXJPsDBOvvxR4xrWLcm6hCI"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB0\n-----END EC PRIVATE KEY-----"


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    with engine_socket(tmp_path) as script:
        yield script


def engine(script: Script, **options: Any) -> Engine:
    return Engine(script.host, **{"timeout": 5.0, "sleep": lambda _seconds: None, **options})


# What the engine's words mean.


def test_three_engines_were_asked() -> None:
    assert {version.split(".")[0] for version in VERSIONS} == {"20", "26", "28"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_captured_text_has_its_kind(version: str) -> None:
    seen = TEXTS[version]
    found = {name: type(error_of(said["text"], said["status"])) for name, said in seen.items() if "text" in said}
    assert found == KINDS


@pytest.mark.parametrize("version", VERSIONS)
def test_every_captured_place_has_its_problem(version: str) -> None:
    seen = TEXTS[version]
    places = {name: said["swarm"] for name, said in seen.items() if "swarm" in said}
    found = {
        name: observe._problem(subject.membership_facts({"Swarm": place}))[0] for name, place in places.items()
    }
    assert found == PLACES


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_refusal_arrives_through_the_sdk(script: Script, name: str, version: str) -> None:
    script.say("GET /nodes", refusal(name, version))
    with pytest.raises(EngineError) as caught:
        engine(script).nodes()
    assert caught.type is KINDS[name]
    assert caught.value.status == TEXTS[version][name]["status"]
    assert str(caught.value).startswith(" ".join(TEXTS[version][name]["text"].split()).rstrip("."))


def test_without_a_quorum_and_locked_the_error_says_what_to_type(script: Script) -> None:
    script.say("GET /nodes", refusal("no_leader", ANY), refusal("locked_nodes", ANY))
    for playbook in ("quorum.swarm.health", "quorum.swarm.unlock"):
        with pytest.raises(EngineError, match=playbook):
            engine(script).nodes()


def test_an_answer_that_is_no_json_is_an_error_all_the_same(script: Script) -> None:
    script.say("GET /nodes", (500, "a text"))
    with pytest.raises(EngineError, match="a text"):
        engine(script).nodes()


# Secrets.


@pytest.mark.parametrize("secret", [TOKEN, KEY, PEM, PEM.replace("\n", "\\n"), PEM.rpartition("\n")[0]])
def test_no_secret_is_left_in_an_error(secret: str) -> None:
    text = str(error_of(f"cannot join with {secret!r} as is", 500))
    for part in secret.replace("\\n", "\n").replace("-", "\n").split("\n"):
        assert len(part) < 8 or part.startswith(("BEGIN", "END")) or part not in text


@given(
    st.text(max_size=20),
    st.from_regex(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}|SWMKEY-1-[0-9A-Za-z+/]{43}", fullmatch=True),
    st.sampled_from(["", '"', "'", " ", "\\n", "&", "=", ",", ";", ".", ")", "%22"]),
)
def test_scrubbing_finds_every_token_and_key(before: str, secret: str, after: str) -> None:
    assert secret[10:40] not in scrub(before + secret + after)


def test_scrubbing_leaves_the_rest(script: Script) -> None:
    assert scrub(f"before {TOKEN}, after") == "before SWMTKN-(hidden), after"
    assert scrub(f"before {KEY} after\n\n again ") == "before SWMKEY-(hidden) after again"


def test_facts_carry_no_secret() -> None:
    raw: dict[str, Any] = {
        "ID": "s",
        "Version": {"Index": 1},
        "JoinTokens": {"Worker": TOKEN, "Manager": TOKEN},
        "Spec": {"CAConfig": {"SigningCAKey": PEM, "SigningCACert": "public"}, "Name": "default"},
    }
    facts = subject.swarm_facts(raw)
    assert "SWMTKN" not in repr(facts)
    assert "PRIVATE" not in repr(facts)
    assert facts["spec"]["CAConfig"] == {"SigningCACert": "public"}
    assert raw["Spec"]["CAConfig"]["SigningCAKey"] == PEM, "what was read is not changed"


# Reaching the engine.


@pytest.mark.parametrize(
    "host", ["tcp://198.51.100.1:2375", "ssh://other", "https://x:2376", "unix://", "unix://docker.sock", "", "/run/x"]
)
def test_only_the_own_socket_is_accepted(host: str) -> None:
    with pytest.raises(EngineError, match="only the socket of the host's own engine"):
        Engine(host)


def test_docker_host_of_the_environment_is_not_read(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    script.say("GET /nodes", (200, []))
    assert engine(script).nodes() == []


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match=f"there is no socket {tmp_path}/none"):
        Engine(f"unix://{tmp_path}/none").info()


def test_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(NoEngine, match="nobody listens"):
        Engine(f"unix://{path}").info()


def test_a_missing_sdk_is_named_with_its_package(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(NoSdk, match=r"is missing for .* install the package python3-docker"):
        engine(script).info()


def test_libraries_that_do_not_go_together_are_not_blamed_on_docker(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    import docker

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise docker.errors.DockerException("Error while fetching server API version: Not supported URL scheme "
                                            "http+docker")

    monkeypatch.setattr(docker, "APIClient", fail)
    with pytest.raises(NoSdk, match=r"does not work with the other libraries of .*URL scheme.* Upgrade it"):
        engine(script).info()


@pytest.mark.parametrize("silent", ["GET /version", "GET /info"])
def test_an_engine_that_hangs_is_given_up(script: Script, silent: str) -> None:
    script.say("GET /info", (200, {}))
    script.say(silent, SILENCE)
    began = time.monotonic()
    with pytest.raises(Timeout, match="did not answer within"):
        engine(script, timeout=0.3).info()
    assert time.monotonic() - began < 3


def test_all_calls_together_have_a_budget(script: Script) -> None:
    now = [0.0]

    def slow(_request: object) -> tuple[int, Any]:
        now[0] += 10
        return 200, []

    script.say("GET /nodes", slow)
    asked = engine(script, budget=25.0, timeout=60.0, clock=lambda: now[0])
    for _call in range(3):
        asked.nodes()
    with pytest.raises(Timeout, match="in the time given"):
        asked.nodes()
    assert len(script.said("GET /nodes")) == 3


def test_the_last_call_gets_what_is_left_of_the_budget(script: Script) -> None:
    script.say("GET /info", SILENCE)
    began = time.monotonic()
    with pytest.raises(Timeout):
        engine(script, budget=1.5, timeout=60.0).info()
    assert time.monotonic() - began < 4


# Waiting.


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_waiting_ends_with_what_was_waited_for() -> None:
    clock, seen = Clock(), iter(range(10))
    assert wait_until(lambda: next(seen), lambda n: n == 3, 60, clock, clock.sleep) == (True, 3)
    assert clock.pauses == pytest.approx([0.1, 0.15, 0.225])


def test_waiting_gives_up_in_time_and_says_what_it_saw_last() -> None:
    clock = Clock()
    done, seen = wait_until(lambda: clock.now, lambda _n: False, 30, clock, clock.sleep)
    assert (done, seen) == (False, 30)
    assert max(clock.pauses) == 2.0


def test_no_time_at_all_still_looks_once() -> None:
    assert wait_until(lambda: 7, lambda n: n == 7, 0) == (True, 7)


# Changes: read, change, write whole; again when somebody was faster.


def swarm(index: int, limit: int) -> tuple[int, dict[str, Any]]:
    spec = {
        "Name": "default",
        "Labels": None,
        "Raft": {"KeepOldSnapshots": 0, "SnapshotInterval": 10000},
        "EncryptionConfig": {"AutoLockManagers": True},
        "Orchestration": {"TaskHistoryRetentionLimit": limit},
    }
    return 200, {"ID": "s", "Version": {"Index": index}, "Spec": spec}


def limit_to(limit: int) -> Any:
    def mutate(spec: dict[str, Any]) -> dict[str, Any]:
        spec["Orchestration"]["TaskHistoryRetentionLimit"] = limit
        return spec

    return mutate


def test_the_spec_goes_back_whole(script: Script) -> None:
    script.say("GET /swarm", swarm(7, 5))
    script.say("POST /swarm/update", (200, None))
    assert engine(script).update_swarm(limit_to(0)) is True
    (posted,) = script.said("POST /swarm/update")
    assert posted.body == swarm(7, 0)[1]["Spec"], "zeros, nulls and all"
    assert posted.query == {"version": "7"}


def test_nothing_is_posted_where_nothing_changes(script: Script) -> None:
    script.say("GET /swarm", swarm(7, 5))
    assert engine(script).update_swarm(limit_to(5)) is False
    assert not script.said("POST /swarm/update")


def test_a_rotation_is_posted_although_the_spec_stays(script: Script) -> None:
    script.say("GET /swarm", swarm(7, 5))
    script.say("POST /swarm/update", (200, None))
    assert engine(script).update_swarm(limit_to(5), rotate_worker_token=True, rotate_unlock_key=True) is True
    (posted,) = script.said("POST /swarm/update")
    assert posted.query == {"version": "7", "rotateWorkerToken": "true", "rotateManagerUnlockKey": "true"}


def test_whoever_was_faster_keeps_what_they_wrote(script: Script) -> None:
    faster = swarm(8, 5)
    faster[1]["Spec"]["Raft"]["SnapshotInterval"] = 77
    script.say("GET /swarm", swarm(7, 5), faster)
    script.say("POST /swarm/update", refusal("swarm_out_of_sequence", ANY), (200, None))
    assert engine(script).update_swarm(limit_to(3)) is True
    last = script.said("POST /swarm/update")[-1]
    assert last.query == {"version": "8"}
    assert last.body["Raft"]["SnapshotInterval"] == 77
    assert last.body["Orchestration"]["TaskHistoryRetentionLimit"] == 3


def test_where_somebody_else_wrote_the_same_nothing_is_left_to_do(script: Script) -> None:
    script.say("GET /swarm", swarm(7, 5), swarm(8, 3))
    script.say("POST /swarm/update", refusal("swarm_out_of_sequence", ANY))
    assert engine(script).update_swarm(limit_to(3)) is False


def test_who_is_always_slower_gives_up(script: Script) -> None:
    script.say("GET /nodes/n", (200, {"Version": {"Index": 1}, "Spec": {"Role": "worker"}}))
    script.say("POST /nodes/n/update", refusal("node_out_of_sequence", ANY))
    with pytest.raises(OutOfSequence):
        engine(script).update_node("n", lambda spec: dict(spec, Role="manager"))
    assert len(script.said("POST /nodes/n/update")) == subject.CAS_TRIES


def test_another_refusal_is_not_tried_again(script: Script) -> None:
    script.say("GET /nodes/n", (200, {"Version": {"Index": 1}, "Spec": {"Role": "manager"}}))
    script.say("POST /nodes/n/update", refusal("last_manager_demoted", ANY))
    with pytest.raises(EngineError, match="last manager"):
        engine(script).update_node("n", lambda spec: dict(spec, Role="worker"))
    assert len(script.said("POST /nodes/n/update")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_election_is_waited_for_where_that_is_asked_for(script: Script, version: str) -> None:
    script.say("GET /nodes", refusal("no_leader", version), (200, []))
    script.say("GET /swarm", swarm(7, 5))
    script.say("POST /swarm/update", refusal("no_leader_write", version), (200, None))
    assert engine(script, election=60).nodes() == []
    assert engine(script, election=60).update_swarm(limit_to(3))
    assert len(script.said("POST /swarm/update")) == 2


def test_a_rotation_is_never_done_twice(script: Script) -> None:
    script.say("GET /swarm", swarm(7, 5))
    script.say("POST /swarm/update", refusal("no_leader_write", ANY))
    with pytest.raises(NoLeader):
        engine(script, election=60).update_swarm(limit_to(5), rotate_unlock_key=True)
    assert len(script.said("POST /swarm/update")) == 1


def test_a_quorum_that_does_not_come_back_is_told(script: Script) -> None:
    now = iter(range(0, 1000, 10))
    script.say("GET /nodes", refusal("no_leader", ANY))
    with pytest.raises(NoLeader):
        engine(script, election=30, clock=lambda: next(now)).nodes()
    assert 2 <= len(script.said("GET /nodes")) <= 4
    with pytest.raises(NoLeader):
        engine(script).nodes()


@pytest.mark.parametrize("force", [True, False])
def test_leave_and_remove_say_force_only_when_told(script: Script, force: bool) -> None:
    script.say("POST /swarm/leave", (200, None))
    script.say("DELETE /nodes/n", (200, None))
    engine(script).leave(force=force)
    engine(script).remove_node("n", force=force)
    assert [request.query for request in script.said("POST /swarm/leave") + script.said("DELETE /nodes/n")] == [
        {"force": str(force).lower()}
    ] * 2


# Facts.

MANAGER = {
    "ID": "n1",
    "Version": {"Index": 12},
    "Spec": {"Role": "manager", "Availability": "drain", "Labels": {"zone": "a"}},
    "Description": {
        "Hostname": "m1",
        "Platform": {"Architecture": "x86_64", "OS": "linux"},
        "Engine": {"EngineVersion": "26.1.5", "Labels": {"disk": "ssd"}},
    },
    "Status": {"State": "ready", "Addr": "198.51.100.11"},
    "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": "198.51.100.11:2377"},
}


def test_a_manager() -> None:
    assert view.Node.of(subject.node_facts(MANAGER)) == view.Node(
        id="n1",
        hostname="m1",
        role="manager",
        availability="drain",
        addr="198.51.100.11",
        labels={"zone": "a"},
        engine_labels={"disk": "ssd"},
        voter=True,
        leader=True,
        reachability="reachable",
        manager_addr="198.51.100.11:2377",
        engine_version="26.1.5",
        os="linux",
        arch="x86_64",
        version=12,
    )


def test_a_node_that_never_reported_has_no_description() -> None:
    node = view.Node.of(subject.node_facts({"ID": "n", "Version": {"Index": 1}, "Spec": {"Labels": None}}))
    assert (node.hostname, node.state, node.voter, node.role) == ("", "unknown", False, "worker")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ({"Replicated": {"Replicas": 3}}, ("replicated", 3)),
        ({"Replicated": {}}, ("replicated", 0)),
        ({"Global": {}}, ("global", 0)),
        ({"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 9}}, ("replicated-job", 2)),
        ({"GlobalJob": {}}, ("global-job", 0)),
    ],
)
def test_modes_of_services(mode: dict[str, Any], expected: tuple[str, int]) -> None:
    raw = {"ID": "s", "Spec": {"Name": "web", "Mode": mode, "TaskTemplate": {"Placement": {"Platforms": None}}}}
    service = view.Service.of(subject.service_facts(raw))
    assert (service.mode, service.replicas) == expected


def test_what_placement_needs_of_a_service() -> None:
    template = {
        "Placement": {
            "Constraints": ["node.labels.disk==ssd"],
            "Platforms": [{"Architecture": "amd64", "OS": "linux"}, {"OS": "linux"}],
        },
        "Resources": {"Limits": {"MemoryBytes": 1}},
    }
    raw = {"ID": "s", "Spec": {"Name": "web", "Mode": {"Global": {}}, "TaskTemplate": template}}
    service = view.Service.of(subject.service_facts(raw))
    assert service.constraints == ("node.labels.disk==ssd",)
    assert service.platforms == (("linux", "amd64"), ("linux", ""))
    assert (service.limited_cpu, service.limited_memory) == (False, True)


@pytest.mark.parametrize(
    ("desired", "state", "present"),
    [
        ("running", "running", True),
        ("running", "pending", True),
        ("ready", "ready", True),
        ("shutdown", "running", True),  # told to stop, and still there
        ("shutdown", "shutdown", False),
        ("shutdown", "failed", False),
        ("remove", "complete", False),
        ("running", "failed", True),  # about to be replaced
    ],
)
def test_history_is_left_out_of_tasks(desired: str, state: str, present: bool) -> None:
    assert subject.is_present({"ID": "t", "DesiredState": desired, "Status": {"State": state}}) is present


def test_a_task() -> None:
    raw = {"ID": "t", "ServiceID": "s", "NodeID": "n", "Slot": 2, "DesiredState": "running"}
    raw["Status"] = {"State": "failed", "Err": f"no image for {TOKEN}"}
    task = view.Task.of(subject.task_facts(raw))
    assert task == view.Task("t", "s", "n", 2, "failed", "running", "no image for SWMTKN-(hidden)")
