# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an engine keeps its state, from how it is started. Each row was taken from a host, or from systemd's manual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import place
from ansible_collections.quorum.swarm.plugins.module_utils.core.daemon import CommandLine
from ansible_collections.quorum.swarm.plugins.module_utils.core.place import Unit, Unresolved

DEBIAN = ("/usr/sbin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock", "$DOCKER_OPTS")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# a comment\n; another\n\nA=1\n", {"A": "1"}),
        ('DOCKER_OPTS="--data-root=/srv/docker"\n', {"DOCKER_OPTS": "--data-root=/srv/docker"}),
        ("DOCKER_OPTS='-g /srv/docker' # no comment\n", {"DOCKER_OPTS": "-g /srv/docker# no comment"}),
        ("A=one two  \nB = 3\n", {"A": "one two", "B": "3"}),
        ("A=one \\\n  two\nB=2", {"A": "one   two", "B": "2"}),
        ('A="one \\\n two \\"x\\" \\a"\n', {"A": 'one  two "x" \\a'}),
        ("A=it's\nB=a\"b\"\n", {"A": "it's", "B": 'a"b"'}),
        ("A='x'\"y\"z\n", {"A": "xyz"}),
        ("A=\nB=\\ x\n", {"A": "", "B": " x"}),
        ("# a comment \\\nA=1\nB=2\n", {"B": "2"}),
        ("no assignment\nA=1\n", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A=1\r\n", {"A": "1"}),
    ],
)  # fmt: skip
def test_environment_files_are_read_as_systemd_reads_them(text: str, expected: Mapping[str, str]) -> None:
    assert place.environment_file(text) == expected


@pytest.mark.parametrize(
    ("argv", "environment", "expected"),
    [
        (("a", "$X", "b"), {"X": "--one --two"}, ["a", "--one", "--two", "b"]),
        (("a", "$X"), {"X": '--data-root="/srv/my docker"'}, ["a", "--data-root=/srv/my docker"]),
        (("a", "$X", "b"), {}, ["a", "b"]),
        (("a", "${X}"), {"X": "one two"}, ["a", "one two"]),
        (("a", "--data-root=${X}/docker"), {"X": "/srv"}, ["a", "--data-root=/srv/docker"]),
        (("a", "--x=$X", "$$X"), {"X": "1"}, ["a", "--x=$X", "$X"]),
    ],
)
def test_variables_are_put_in_as_systemd_does(argv: tuple[str, ...], environment: dict[str, str],
                                              expected: list[str]) -> None:
    assert place.expand(argv, environment) == expected


@pytest.mark.parametrize(
    ("argv", "environment", "config", "expected"),
    [
        ((), {}, {}, "/var/lib/docker"),
        (DEBIAN, {}, {}, "/var/lib/docker"),
        (DEBIAN, {"DOCKER_OPTS": "--data-root=/srv/docker"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "--data-root /srv/docker/"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "-g /srv/docker"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "-Dg=/srv/docker"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "-g/srv/docker -H -g"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "--graph=/srv/docker"}, {}, "/srv/docker"),
        (DEBIAN, {"DOCKER_OPTS": "--data-root=/one --data-root=/two"}, {}, "/two"),
        (("/usr/bin/dockerd", "--data-root=${ROOT}"), {"ROOT": "/srv/a b"}, {}, "/srv/a b"),
        (DEBIAN, {}, {"data-root": "/srv/docker"}, "/srv/docker"),
        (DEBIAN, {}, {"graph": "/srv/docker"}, "/srv/docker"),
        (("/usr/bin/env", "A=b", "dockerd", "--data-root=/srv/docker"), {}, {}, "/srv/docker"),
        (("/usr/bin/nice", "-n", "5", "/usr/bin/dockerd", "-g", "/srv/docker"), {}, {}, "/srv/docker"),
        (("/bin/sh", "-c", "exec /usr/bin/dockerd $OPTS --debug"), {"OPTS": "-g /srv/docker"}, {}, "/srv/docker"),
        (("/bin/sh", "-c", "A=b exec dockerd --data-root '/srv/my docker'"), {}, {}, "/srv/my docker"),
    ],
)  # fmt: skip
def test_the_folder_follows_from_the_unit_and_the_configuration(
    argv: tuple[str, ...], environment: dict[str, str], config: dict[str, Any], expected: str
) -> None:
    command = place.command_line(Unit(argv, environment))
    assert place.data_root(command, config) == expected


@pytest.mark.parametrize(
    "argv",
    [
        ("/usr/local/bin/start-docker", "--data-root=/srv/docker"),
        ("/bin/sh", "-c", "mount /srv && exec dockerd --data-root=/srv/docker"),
        ("/bin/sh", "-c", "exec dockerd --data-root=$(cat /etc/root)"),
        ("/bin/sh", "/usr/local/bin/start"),
        ("dockerd", "$X"),
    ],
)
def test_what_does_not_follow_is_said_and_not_guessed(argv: tuple[str, ...]) -> None:
    with pytest.raises(Unresolved, match=r"docker\.service"):
        place.command_line(Unit(argv, {"X": "--data-root='/srv"}))


def test_the_configuration_file_is_the_one_of_the_unit() -> None:
    unit = Unit(DEBIAN, {"DOCKER_OPTS": "--config-file /etc/docker.json --data-root=/x"})
    assert place.command_line(unit).config_file == "/etc/docker.json"
    assert place.command_line(Unit(("dockerd", "${X}"), {"X": "1"}, expands=False)).flags == ("${X}",)


@pytest.mark.parametrize(
    ("flags", "config", "expected"),
    [
        ((), {}, ""),
        ((), {"userns-remap": "default"}, "default"),
        (("--userns-remap=ops:ops",), {}, "ops:ops"),
        (("--userns-remap", "1000"), {}, "1000"),
    ],
)
def test_a_remapped_user_namespace_is_a_flag_or_a_key(flags: tuple[str, ...], config: dict[str, Any],
                                                      expected: str) -> None:
    assert place.remap(CommandLine(flags=flags), config) == expected


SUBIDS = "root:1:65536\ndockremap:200000:65536\ndockremap:100000:65536\n1000:300000:65536\nops:400000:10\n"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("default", ["/d/200000.200000", "/d/100000.100000"]),
        ("dockremap", ["/d/200000.200000", "/d/100000.100000"]),
        ("user", ["/d/300000.300000"]),
        ("1000", ["/d/300000.300000"]),
        ("user:ops", ["/d/300000.400000"]),
        ("ops:1000", ["/d/400000.300000"]),
    ],
)
def test_a_remapped_engine_uses_a_folder_of_its_ranges(wanted: str, expected: list[str]) -> None:
    assert place.remapped("/d", wanted, {"user": 1000}, {"ops": 7}, SUBIDS, SUBIDS) == expected


def test_without_ranges_the_folder_is_not_known() -> None:
    with pytest.raises(Unresolved, match="/etc/subgid has no range of nobody"):
        place.remapped("/d", "nobody", {}, {}, "nobody:1:2\n", SUBIDS)


FSTAB = "# UUID=0 /srv ext4\nUUID=1 / ext4 defaults 0 1\nUUID=2 /srv/my\\040disk ext4 nofail 0 2\n/dev/x none swap\n"
MOUNTS = "1 0 8:1 / / rw - ext4 /dev/a rw\n"


@pytest.mark.parametrize(
    ("root", "mounts", "expected"),
    [
        ("/srv/my disk/docker", MOUNTS, "/srv/my disk"),
        ("/srv/my disk", MOUNTS, "/srv/my disk"),
        ("/srv/my disks", MOUNTS, ""),
        ("/var/lib/docker", MOUNTS, ""),
        ("/srv/my disk/docker", MOUNTS + "2 1 8:2 / /srv/my\\040disk rw - ext4 /dev/b rw\n", ""),
    ],
)
def test_a_disk_that_is_not_mounted_holds_what_its_empty_folder_does_not(root: str, mounts: str, expected: str) -> None:
    assert place.not_mounted(root, FSTAB, mounts) == expected
