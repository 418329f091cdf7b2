# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule of backups: what may be asked for, what is refused, the units, and what is left to do after any kill."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, schedule
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import Caller, Request, Step, Unit
from hypothesis import given
from hypothesis import strategies as st

FOLDER = "/etc/systemd/system"
CALLER = Caller(
    program=("/opt/ansible/bin/ansible-playbook",),
    inventories=("/srv/swarm/inventory.yml",),
    folder="/srv/swarm",
    environment={"HOME": "/root", "LANG": "C.UTF-8", "PATH": "/opt/ansible/bin:/usr/bin"},
)
ASKED = Request()
SERVICE, TIMER = (Unit(name, f"{FOLDER}/{name}") for name in (ASKED.service, ASKED.timer))

SERVICE_TEXT = """\
# Written by `ansible-playbook quorum.swarm.schedule_backup`, which overwrites what is changed here.
# Your own settings: `systemctl edit quorum-swarm-backup.service`. To remove it: the same playbook with -e \
swarm_backup_schedule=absent.
[X-Quorum-Swarm]
Inventory=["/srv/swarm/inventory.yml"]

[Unit]
Description=Backup of the Docker Swarm of /srv/swarm/inventory.yml
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/opt/ansible/bin/ansible-playbook -i /srv/swarm/inventory.yml quorum.swarm.backup
WorkingDirectory=/srv/swarm
Environment="HOME=/root"
Environment="LANG=C.UTF-8"
Environment="PATH=/opt/ansible/bin:/usr/bin"
Environment="ANSIBLE_SSH_CONTROL_PATH_DIR=%t/quorum-swarm-backup"
RuntimeDirectory=quorum-swarm-backup
RuntimeDirectoryMode=0700
UMask=0077
TimeoutStartSec=2h
"""


# -- what is asked for -------------------------------------------------------------------------------------------------


def test_what_a_restore_was_told_is_no_reason_against_its_schedule() -> None:
    called = replace(CALLER, inline=("swarm_restore_archive", "swarm_restore_lost", "swarm_unlock_key_file"))
    found = schedule.examine(schedule.Request(), called, managers=3, place="/srv", no_systemd="", calendar="", units=[])
    assert found == []


def test_defaults() -> None:
    options = {"calendar": ASKED.calendar, "randomized_delay": ASKED.delay}
    assert schedule.request(options) == ASKED


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("state", "gone", "present or absent"),
        ("name", "a/b", "swarm_backup_schedule_name is 'a/b'"),
        ("name", "nightly.timer", "without its ending"),
        ("name", "-x", "letters, digits"),
        ("name", "x" * 64, "63 at most"),
        ("calendar", "", "swarm_backup_calendar is ''"),
        ("calendar", "daily\nExecStart=/bin/sh", "calendar event"),
        ("calendar", "%h", "calendar event"),
        ("randomized_delay", "soon", "time span"),
        ("randomized_delay", "infinity", "time span"),
        ("randomized_delay", "5min\nUnit=x", "time span"),
        ("arguments", "--forks 10", "takes a list"),
        ("arguments", [["--forks"]], "takes a list"),
    ],
)
def test_what_cannot_be_read(option: str, value: Any, complaint: str) -> None:
    options = {"calendar": "daily", "randomized_delay": "0", option: value}
    with pytest.raises(coerce.BadValue, match=r"^swarm_backup_") as caught:
        schedule.request(options)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("delay", ["0", "900", "15min", "1h 30min", "1h30m", "0.5h", "2 hours"])
def test_time_spans(delay: str) -> None:
    assert schedule.request({"calendar": "daily", "randomized_delay": delay}).delay == delay


def arguments(words: Sequence[Any]) -> tuple[str, ...]:
    return schedule.request({"calendar": "daily", "arguments": list(words)}).arguments


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-v"],
        ["-vv", "--forks", 10],
        ["--forks=10"],
        ["-e", "swarm_backup_keep=7"],
        ["-e", "@/srv/swarm/night.yml"],
        ["--vault-password-file", "/etc/ansible/vault"],
        ["--vault-password-file=/etc/ansible/vault"],
        ["--vault-id", "night@/etc/ansible/vault"],
        ["--become-password-file=/root/become"],
        ["--private-key=/root/.ssh/id"],
        ["-e", "ansible_ssh_private_key_file=/root/.ssh/id"],
        ["--ssh-common-args", "-o ProxyJump=bastion"],
        ["-e", "monkey=1"],
    ],
)
def test_arguments_that_may_be_given(words: list[Any]) -> None:
    assert arguments(words) == tuple(str(word) for word in words)


SECRETS = [
    "ansible_become_pass=hunter2",
    "ansible_password=hunter2",
    "ANSIBLE_SSH_PASS=hunter2",
    '{"ansible_become_password": "hunter2"}',
    "swarm_unlock_key=hunter2",
    "api_key=hunter2",
    "vault_token: hunter2",
    "x=SWMKEY-1-hunter2",
    "x=SWMTKN-1-hunter2",
    "url=https://alice:hunter2@example.net/",
    "x=-----BEGIN OPENSSH PRIVATE KEY-----hunter2",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("shape", [("-e", "{}"), ("--extra-vars={}",), ("-e{}",)])
def test_secrets_are_refused_and_not_repeated(secret: str, shape: tuple[str, ...]) -> None:
    with pytest.raises(coerce.BadValue, match="looks like a secret") as caught:
        arguments([word.replace("{}", secret) for word in shape])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-k"], "nobody is there"),
        (["--ask-become-pass"], "nobody is there"),
        (["-i", "other.yml"], "-i does not belong here"),
        (["-iother.yml"], "does not belong here"),
        (["--inventory=other.yml"], "--inventory does not belong here"),
        (["--limit", "m1"], "--limit does not belong here"),
        (["--check"], "--check does not belong here"),
        (["--tags=x"], "--tags does not belong here"),
        (["quorum.swarm.provision"], "neither an option"),
        (["-v", "quorum.swarm.provision"], "neither an option"),
        (["--forks=10", "quorum.swarm.provision"], "neither an option"),
        (["--forks", "10", "quorum.swarm.provision"], "word 3: 'quorum.swarm.provision' is neither"),
        ([""], "empty"),
        (["-e", "a=1\nb=2"], "control character"),
    ],
)
def test_arguments_that_lead_elsewhere(words: list[str], complaint: str) -> None:
    with pytest.raises(coerce.BadValue, match=r"^swarm_backup_schedule_arguments, word ") as caught:
        arguments(words)
    assert complaint in str(caught.value)


def test_what_systemd_says_of_a_calendar() -> None:
    good = "Normalized form: *-*-* 02:30:00\n    Next elapse: Thu 2026-11-26 02:30:00 UTC\n       From now: 10h left\n"
    past = "  Original form: 2020-01-01\nNormalized form: 2020-01-01 00:00:00\n    Next elapse: never\n"
    bad = "Failed to parse calendar specification 'foo': Invalid argument\n"
    assert schedule.calendar_problem("*-*-* 02:30:00", 0, good) == ""
    assert "never comes again" in schedule.calendar_problem("2020-01-01", 0, past)
    assert "Failed to parse" in schedule.calendar_problem("foo", 1, bad)
    assert "status 127" in schedule.calendar_problem("foo", 127, "")


# -- what is refused ---------------------------------------------------------------------------------------------------


def refused(asked: Request = ASKED, caller: Caller = CALLER, **others: Any) -> dict[str, str]:
    """Identifiers and sentences."""
    world: dict[str, Any] = {"managers": 3, "place": "/srv/swarm", "no_systemd": "", "calendar": "", "units": ()}
    return {item.id: item.sentence() for item in schedule.examine(asked, caller, **{**world, **others})}


def ours(unit: Unit, caller: Caller = CALLER, **others: Any) -> Unit:
    text = (schedule.service_text if unit.name.endswith(".service") else schedule.timer_text)(ASKED, caller)
    return replace(unit, **{"text": text, "fragment": unit.path, "loaded": True, **others})


OTHER = replace(CALLER, inventories=("/srv/other/inventory.yml",))
ABSENT = replace(ASKED, state="absent")
CASES: dict[str, dict[str, Any]] = {
    "schedule_without_systemd": {"no_systemd": "systemd does not run this machine."},
    "schedule_without_program": {"caller": replace(CALLER, program=())},
    "schedule_without_managers": {"managers": 0},
    "schedule_without_place": {"place": ""},
    "schedule_inventory_gone": {"caller": replace(CALLER, missing=("/dev/fd/63",))},
    "schedule_inline_variables": {"caller": replace(CALLER, inline=("swarm_backup_calendar", "swarm_controller_dir"))},
    "schedule_asks": {"caller": replace(CALLER, asks=("--ask-become-pass",))},
    "schedule_odd_path": {"caller": replace(CALLER, folder="/srv/\nswarm")},
    "schedule_calendar": {"calendar": "it never comes again"},
    "schedule_name_taken": {"units": (replace(SERVICE, text="[Service]\nExecStart=/usr/bin/true\n"),)},
    "schedule_of_another_inventory": {"units": (ours(TIMER, OTHER),)},
}


def test_nothing_is_refused_without_a_reason() -> None:
    assert refused() == {}
    assert refused(units=(ours(SERVICE), ours(TIMER))) == {}
    assert refused(ABSENT, units=(ours(SERVICE), ours(TIMER))) == {}


@pytest.mark.parametrize("identifier", CASES)
def test_refusals(identifier: str) -> None:
    assert list(refused(**CASES[identifier])) == [identifier]


@pytest.mark.parametrize(
    ("world", "identifiers"),
    [
        ({"place": "backups"}, ["schedule_without_place"]),
        ({"caller": replace(CALLER, program=("/opt/$x/ansible-playbook",))}, ["schedule_odd_path"]),
        # A unit of a package, whatever is asked for: a timer of that name would be stopped.
        ({"asked": ABSENT, "units": (replace(TIMER, fragment="/usr/lib/systemd/system/x.timer"),)},
         ["schedule_name_taken"]),
        # A masked unit, or any other link.
        ({"units": (replace(TIMER, text=""),)}, ["schedule_name_taken"]),
        ({"asked": ABSENT, "units": (ours(SERVICE, OTHER), ours(TIMER, OTHER))}, ["schedule_of_another_inventory"]),
        # What only making one needs.
        ({"asked": ABSENT, "place": "", "managers": 0,
          "caller": replace(CALLER, program=(), inline=("swarm_controller_dir",), asks=("--ask-pass",))}, []),
    ],
)  # fmt: skip
def test_more_refusals(world: dict[str, Any], identifiers: list[str]) -> None:
    assert list(refused(**world)) == identifiers


def test_only_another_inventory_may_be_overridden() -> None:
    for identifier, world in CASES.items():
        overridable = f"-e {schedule.ALLOW_OTHER}=true" in refused(**world)[identifier]
        assert overridable == (identifier == "schedule_of_another_inventory")


def test_the_order_of_inventories_does_not_make_them_others() -> None:
    two = replace(CALLER, inventories=("/srv/a", "/srv/b"))
    swapped = replace(CALLER, inventories=("/srv/b", "/srv/a"))
    assert refused(caller=two, units=(ours(TIMER, swapped),)) == {}


# -- the units ---------------------------------------------------------------------------------------------------------


def test_the_service_of_a_system() -> None:
    assert schedule.service_text(ASKED, CALLER) == SERVICE_TEXT


def test_the_service_of_a_user() -> None:
    text = schedule.service_text(ASKED, replace(CALLER, system=False))
    assert "network-online" not in text
    assert "systemctl --user edit" in text


def test_the_timer() -> None:
    text = schedule.timer_text(replace(ASKED, calendar="Sun *-*-* 04:00", delay="1h"), CALLER)
    assert text.endswith(
        "[Timer]\nOnCalendar=Sun *-*-* 04:00\nRandomizedDelaySec=1h\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )


def test_the_command_carries_what_was_given() -> None:
    options = ("--vault-id", "n@/etc/vault", "-e", "@/v.yml")
    caller = replace(CALLER, inventories=("/srv/a.yml", "x1,x2,"), options=options)
    assert schedule.command(replace(ASKED, arguments=("--forks", "10")), caller) == [
        *CALLER.program, "-i", "/srv/a.yml", "-i", "x1,x2,", "--vault-id", "n@/etc/vault", "-e", "@/v.yml",
        "quorum.swarm.backup", "--forks", "10",
    ]  # fmt: skip


def unquote(line: str) -> list[str]:
    """A reading of systemd's command lines, for what they may contain here: an independent one."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line, posix=True)]


@given(st.lists(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), min_size=1), max_size=4))
def test_any_word_arrives_as_it_is(words: list[str]) -> None:
    """Words with blanks, quotes, percent and dollar signs: one line, and the same words out of it."""
    caller = replace(CALLER, options=tuple(words))
    text = schedule.service_text(ASKED, caller)
    (line,) = [line for line in text.split("\n") if line.startswith("ExecStart=")]
    assert unquote(line.removeprefix("ExecStart=")) == schedule.command(ASKED, caller)


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/srv/a-b_c.yml", "/srv/a-b_c.yml"),
        ("a b", '"a b"'),
        ("$HOME", '"$$HOME"'),
        ("%h", '"%%h"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        (";", '";"'),
    ],
)
def test_what_systemd_would_read_as_something_else_is_escaped(word: str, written: str) -> None:
    text = schedule.service_text(ASKED, replace(CALLER, options=(word,)))
    assert f"inventory.yml {written} quorum.swarm.backup\n" in text


@given(st.lists(st.text(st.characters(min_codepoint=32)), min_size=1, max_size=3))
def test_the_owner_can_be_read_again(inventories: list[str]) -> None:
    for text in (schedule.service_text, schedule.timer_text):
        assert schedule.owner_of(text(ASKED, replace(CALLER, inventories=tuple(inventories)))) == inventories


@pytest.mark.parametrize("line", ["", "[Unit]", "Inventory=/srv", "Inventory=1", 'Inventory={"a": 1}'])
def test_no_unit_of_ours(line: str) -> None:
    assert schedule.owner_of(f"[X-Quorum-Swarm]\n{line}\n") is None


# -- what is to be done ------------------------------------------------------------------------------------------------


class World:
    """A systemd, as far as two units go: files, what it has read of them, what is enabled and active."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.read: dict[str, str] = {}
        self.enabled = False
        self.active = False
        self.stamp = False
        self.failed = False

    def units(self) -> tuple[Unit, Unit]:
        found = []
        for unit in (SERVICE, TIMER):
            is_timer = unit is TIMER
            text, read = self.files.get(unit.path), self.read.get(unit.path)
            found.append(replace(
                unit, text=text, fragment=unit.path if read is not None else "", loaded=read is not None,
                stale=read is not None and read != text, active=is_timer and self.active,
                failed=self.failed and not is_timer, enabled=is_timer and self.enabled,
                leftovers=("/stamp",) if is_timer and self.stamp else (),
            ))  # fmt: skip
        return found[0], found[1]

    def do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if step.kind == "write":
                self.files[step.what] = step.text
            elif step.kind == "remove" and step.what == "/stamp":
                self.stamp = False
            elif step.kind == "remove":
                del self.files[step.what]
            elif step.kind == "reload":
                self.read = dict(self.files)
            elif step.kind == "reset-failed":
                self.failed = False
            elif step.kind in ("enable", "disable"):
                assert TIMER.path in self.files
                self.enabled = step.kind == "enable"
            else:
                assert TIMER.path in self.read
                self.active = step.kind == "start"
                self.stamp = True

    def plan(self, asked: Request, caller: Caller = CALLER) -> list[Step]:
        return schedule.plan(asked, caller, *self.units())

    def is_there(self, asked: Request) -> bool:
        wanted = {SERVICE.path: schedule.service_text(asked, CALLER), TIMER.path: schedule.timer_text(asked, CALLER)}
        return self.files == self.read == wanted and self.enabled and self.active

    def is_gone(self) -> bool:
        return not (self.files or self.read or self.enabled or self.active or self.stamp or self.failed)


def kinds(steps: Iterable[Step]) -> list[str]:
    return [step.kind for step in steps]


def test_made_changed_and_removed() -> None:
    world = World()
    assert world.plan(ABSENT) == []
    steps = world.plan(ASKED)
    assert kinds(steps) == ["write", "write", "reload", "enable", "start"]
    world.do(steps)
    assert world.is_there(ASKED)
    assert world.plan(ASKED) == []
    later = replace(ASKED, calendar="daily")
    assert [(step.kind, step.what) for step in world.plan(later)] == [("write", TIMER.path), ("reload", "")]
    world.do(world.plan(later))
    assert world.is_there(later)
    world.failed = True
    assert kinds(world.plan(ABSENT)) == ["stop", "disable", "remove", "remove", "remove", "reload", "reset-failed"]
    world.do(world.plan(ABSENT))
    assert world.is_gone()
    assert world.plan(ABSENT) == []


@given(st.lists(st.tuples(st.sampled_from(["daily", "weekly", ""]), st.integers(0, 8)), max_size=6), st.booleans())
def test_the_next_run_finishes_what_killed_ones_began(killed: list[tuple[str, int]], stay: bool) -> None:
    """Runs for any calendar, or for none at all, each killed after any of its steps; then one that is not."""
    world = World()
    for calendar, survived in killed:
        asked = replace(ASKED, calendar=calendar) if calendar else ABSENT
        world.do(world.plan(asked)[:survived])
    last = ASKED if stay else ABSENT
    world.do(world.plan(last))
    assert world.is_there(last) if stay else world.is_gone()
    assert world.plan(last) == []


# -- what is said ------------------------------------------------------------------------------------------------------


def said(caller: Caller = CALLER, **others: Any) -> tuple[str, str]:
    world: dict[str, Any] = {"upcoming": "Thu 2026-11-26 02:37:11 UTC", "last": {}, "lingers": True, "user": "alice",
                             "environment": ()}  # fmt: skip
    lines, minded = schedule.report(ASKED, caller, **{**world, **others})
    return "\n".join(lines), "\n".join(minded)


def test_what_is_true_now() -> None:
    lines, minded = said()
    assert "next at Thu 2026-11-26 02:37:11 UTC" in lines
    assert "journalctl -u quorum-swarm-backup.service" in lines
    assert minded == ""
    ended = {"ActiveState": "inactive", "Result": "success", "ExecMainExitTimestamp": "Wed 2026-11-25 02:31:00 UTC"}
    assert "ended at Wed 2026-11-25 02:31:00 UTC: well" in said(last=ended)[0]
    failed = {**ended, "ActiveState": "failed", "Result": "exit-code"}
    assert "FAILED (exit-code)" in said(last=failed)[0]
    assert "The last scheduled run failed (exit-code): journalctl -u" in said(last=failed)[1]
    assert "runs now" in said(last={**ended, "ActiveState": "activating"})[0]


def test_what_is_to_be_minded() -> None:
    user = replace(CALLER, system=False)
    assert "sudo loginctl enable-linger alice" in said(user, lingers=False)[1]
    assert said(user)[1] == ""
    assert "ssh has an agent here" in said(environment=["SSH_AUTH_SOCK"])[1]
    names = ["ANSIBLE_REMOTE_TMP", "ANSIBLE_NOCOLOR", "ANSIBLE_INVENTORY", "ANSIBLE_CONFIG", "HOME"]
    carried = replace(CALLER, environment={"ANSIBLE_CONFIG": "/x"})
    assert said(carried, environment=names)[1].startswith("ANSIBLE_REMOTE_TMP: set here")
