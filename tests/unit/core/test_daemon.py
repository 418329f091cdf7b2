# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json, the record of a restart, and packages, by tables; the engine's words as engines wrote them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon
from hypothesis import given
from hypothesis import strategies as st

CONFIGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), CONFIGS, max_size=4)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "wanted", "merged"),
    [
        ({}, {}, {}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"o": {"a": 1, "b": 1}}, {"o": {"b": 2, "c": 3}}, {"o": {"a": 1, "b": 2, "c": 3}}),
        ({"o": {"p": {"a": 1}}}, {"o": {"p": {"b": 1}}}, {"o": {"p": {"a": 1, "b": 1}}}),
        ({"l": [1, 2]}, {"l": [3]}, {"l": [3]}),  # lists are replaced
        ({"o": {"a": 1}}, {"o": 5}, {"o": 5}),
        ({"o": 5}, {"o": {"a": 1}}, {"o": {"a": 1}}),
        ({"a": 1}, {"a": None}, {"a": None}),
    ],
)
def test_merge(base: dict[str, Any], wanted: dict[str, Any], merged: dict[str, Any]) -> None:
    assert daemon.merge(base, wanted) == merged


@given(OBJECTS, OBJECTS)
def test_merging_again_changes_nothing_and_loses_no_key(base: dict[str, Any], wanted: dict[str, Any]) -> None:
    merged = daemon.merge(base, wanted)
    assert daemon.merge(merged, wanted) == merged
    assert set(merged) == set(base) | set(wanted)
    assert {key: merged[key] for key in base if key not in wanted} == {k: v for k, v in base.items() if k not in wanted}


@given(OBJECTS)
def test_what_is_rendered_is_read(config: dict[str, Any]) -> None:
    assert daemon.parse(daemon.render(config)) == config


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert daemon.parse(text) == {}


@pytest.mark.parametrize(("text", "words"), [("{", "no valid JSON"), ("[]", "holds list"), ('"x"', "holds str")])
def test_a_file_that_is_no_object_is_refused(text: str, words: str) -> None:
    with pytest.raises(daemon.BadConfig, match=words):
        daemon.parse(text, "/etc/docker/daemon.json")


@pytest.mark.parametrize("value", [True, "true", "yes", 1, "what", {"a": 1}, [True]])
def test_live_restore_is_refused(value: Any) -> None:
    assert "swarm mode does not work with it" in daemon.refusal({"live-restore": value})


@pytest.mark.parametrize("config", [{}, {"live-restore": False}, {"live-restore": "false"}, {"live-restore": None}])
def test_without_live_restore_nothing_is_refused(config: dict[str, Any]) -> None:
    assert daemon.refusal(config) == ""


@pytest.mark.parametrize(
    ("config", "would", "said"),
    [
        ({}, "/var/lib/docker", ""),
        ({"data-root": "/srv"}, "/srv", 'data-root "/srv"'),
        ({"graph": "/srv"}, "/srv", 'graph "/srv"'),
        ({"userns-remap": "default"}, "/var/lib/docker/1.1", 'userns-remap "default"'),
        ({"userns-remap": "nobody"}, "", "another folder"),
    ],
)
def test_what_moves_the_folder_of_a_member_is_refused(config: dict[str, Any], would: str, said: str) -> None:
    refusal = daemon.moves_away(config, "/var/lib/docker", would)
    assert bool(refusal) is bool(said)
    assert said in refusal


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"b": 1}, {"a": 1}, ["a", "b"]),
        ({}, {"a": None}, ["a"]),
        ({"o": {"a": 1}}, {"o": {"a": 2}}, ["o"]),
    ],
)
def test_differing(before: dict[str, Any], after: dict[str, Any], keys: list[str]) -> None:
    assert daemon.differing(before, after) == keys


# --- the command line and its trial -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "program", "file", "flags"),
    [
        ([], "dockerd", daemon.DEFAULT_FILE, ()),
        (["/usr/sbin/dockerd", "-H", "fd://"], "/usr/sbin/dockerd", daemon.DEFAULT_FILE, ("-H", "fd://")),
        (["dockerd", "--config-file", "/x.json", "-D"], "dockerd", "/x.json", ("-D",)),
        (["dockerd", "-D", "--config-file=/x.json"], "dockerd", "/x.json", ("-D",)),
    ],
)
def test_command_line(argv: list[str], program: str, file: str, flags: tuple[str, ...]) -> None:
    assert daemon.CommandLine.of(argv) == daemon.CommandLine(program, file, flags)


def test_a_trial_is_called_as_the_engine_but_with_the_new_file() -> None:
    line = daemon.CommandLine.of(["dockerd", "-H", "fd://", "--config-file", "/old.json"])
    assert line.trial("/new.json", True) == ["dockerd", "-H", "fd://", "--config-file", "/new.json", "--validate"]
    assert "--validate" not in line.trial("/new.json", False)


UNKNOWN_KEY = (
    "unable to configure the Docker daemon with file /x.json: the following directives don't match any configuration "
    "option: no-such-key"
)


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (0, "configuration OK\n", ""),
        (1, UNKNOWN_KEY + "\n", UNKNOWN_KEY + "."),
        # 20.10 knows no --validate, and as a user who is not root comes so far only with a file that is right.
        (125, "unknown flag: --validate\nSee 'dockerd --help'.\n", None),
        (1, "dockerd needs to be started with root privileges. To run dockerd in rootless mode …\n", ""),
        (1, "", "dockerd ended with status 1 and said nothing."),
    ],
)
def test_what_a_trial_says(code: int, output: str, verdict: str | None) -> None:
    assert daemon.trial_verdict(code, output) == verdict


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ""),
        (
            [
                'time="2026-11-22T07:13:08.1Z" level=info msg="Starting up"',
                'time="2026-11-22T07:13:08.3Z" level=error msg="some plugin" error="x"',
                'failed to start daemon: Error initializing network controller: "bridge": Address already in use',
                'time="2026-11-22T07:13:10.1Z" level=info msg="Starting up"',
            ],
            'failed to start daemon: Error initializing network controller: "bridge": Address already in use.',
        ),
        (
            ['time="x" level=info msg="Starting up"', "mkdir /proc/nowhere: no such file or directory"],
            "mkdir /proc/nowhere: no such file or directory.",
        ),
        (
            ['time="x" level=error msg="the \\"name\\" is wrong"', 'time="x" level=info msg=done'],
            'the "name" is wrong.',
        ),
        (['time="x" level=info msg="one"', 'time="x" level=info msg="two"'], "two."),
        (["It is wrong."], "It is wrong."),
        (
            ['time="x" level=info msg="Starting up"',
             "docker.service: Referenced but unset environment variable evaluates to an empty string: DOCKER_OPTS"],
            "Starting up.",
        ),
        (["docker.service: Referenced but unset environment variable evaluates to an empty string: X"], ""),
        (
            ["docker.service: Unable to locate executable '/usr/sbin/dockerd': No such file or directory"],
            "docker.service: Unable to locate executable '/usr/sbin/dockerd': No such file or directory.",
        ),
        (["It is wrong", "docker.service: Failed with result 'exit-code'."], "It is wrong."),
        (["Status: unknown flag: --no-such", "See 'dockerd --help'., Code: 125"], "unknown flag: --no-such."),
    ],
)
def test_engine_words(lines: list[str], words: str) -> None:
    assert daemon.engine_words(lines) == words


# --- the record -------------------------------------------------------------------------------------------------------

RECORD = daemon.Record(
    "2026-11-22T07:00:00Z", daemon.PENDING, "/etc/docker/daemon.json", "log-driver, log-opts", "none"
)


@pytest.mark.parametrize("record", [RECORD, RECORD.moved(daemon.RESTARTING)])
def test_a_record_is_one_line_and_read_again(record: daemon.Record) -> None:
    assert record.line().count("\n") == 1
    assert daemon.Record.read(record.line()) == record


def test_what_somebody_wrote_is_a_pending_restart_all_the_same() -> None:
    assert daemon.Record.read("") is None
    record = daemon.Record.read("please restart me\n")
    assert record is not None
    assert (record.phase, record.before) == (daemon.PENDING, daemon.UNKNOWN)


@pytest.mark.parametrize(
    ("written", "started", "waits"),
    [(None, 5.0, False), (5.0, None, False), (4.0, 5.0, False), (5.0, 5.0, False), (6.0, 5.0, True)],
)
def test_waits(written: float | None, started: float | None, waits: bool) -> None:
    assert daemon.waits(written, started) is waits


# --- packages ---------------------------------------------------------------------------------------------------------

BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n'
FORKY = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian\n'
UBUNTU = "#ID=fedora\nID=ubuntu\nID_LIKE=debian\nVERSION_ID='24.04'\n"
MINT = "ID=linuxmint\nID_LIKE='ubuntu debian'\n"
FEDORA = 'ID=fedora\nVERSION_ID=43\nPRETTY_NAME="Fedora Linux 43"\n'
ALL = ["engine", "docker", "nacl", "cryptography"]
PYTHON = daemon.PYTHON_PACKAGES


@pytest.mark.parametrize(
    ("system", "lacks", "given", "packages", "manager"),
    [
        (BOOKWORM, ALL, ((), ()), ("docker.io", *PYTHON), "apt"),
        (TRIXIE, ALL, ((), ()), ("docker.io", "docker-cli", *PYTHON), "apt"),
        (FORKY, ALL, ((), ()), ("docker.io", "docker-cli", *PYTHON), "apt"),
        (UBUNTU, ALL, ((), ()), ("docker.io", *PYTHON), "apt"),
        (TRIXIE, ["nacl"], ((), ()), PYTHON, "apt"),  # an engine that is there is left alone
        (TRIXIE, ["engine"], (("docker-ce",), ()), ("docker-ce",), "apt"),
        (MINT, ALL, (("docker.io",), ()), ("docker.io", *PYTHON), "apt"),
        (FEDORA, ALL, (("moby-engine",), ("python3-docker",)), ("moby-engine", "python3-docker"), "other"),
        (FEDORA, [], ((), ()), (), ""),
    ],
)
def test_packages(system: str, lacks: list[str], given: Any, packages: tuple[str, ...], manager: str) -> None:
    assert daemon.install(daemon.os_release(system), lacks, *given) == daemon.Install(packages, manager)


@pytest.mark.parametrize(
    ("system", "lacks", "given", "variable"),
    [
        (FEDORA, ALL, ((), ("python3-docker",)), "set engine_packages"),
        (FEDORA, ["docker"], ((), ()), "set engine_python_packages"),
        (MINT, ALL, ((), ()), "set engine_packages"),
        ("", ["engine"], ((), ()), "this system: set engine_packages"),
    ],
)
def test_unknown_packages_are_asked_for(system: str, lacks: list[str], given: Any, variable: str) -> None:
    with pytest.raises(daemon.BadConfig, match=variable):
        daemon.install(daemon.os_release(system), lacks, *given)
