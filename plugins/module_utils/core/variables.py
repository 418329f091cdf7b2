# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every public variable as data: what it takes, its default, which playbooks read it. And what is wrong with a value.

Pure. The first stage of every playbook holds all variables against this table before any host is contacted, so that a
typing error is never taken for the state of a host. ``tests/unit/test_variables.py`` holds the defaults, the argument
specs and the README against it: whoever adds a variable adds a line here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import address, coerce, inventory, names, settings

BOOL, INTEGER, NUMBER, SECONDS, SETTING, TEXT, TEXTS, NAME = (
    "bool", "integer", "number", "seconds", "setting", "text", "texts", "name")
LABELS, MAPPING, ADDRESS, NETWORK, PATH, FILE, HOST = (
    "labels", "mapping", "address", "network", "path", "file", "host")
"""Kinds of values. ``seconds``: a number of them, or a time such as ``2m`` or ``36h``. ``setting``: a duration that the
engine keeps, seconds or as Go writes it. ``path``: absolute, on the
controller; ``file``: as the operator types it, relative to where ansible-playbook was started. ``host``: a host of the
inventory that may be contacted."""
OF_A_HOST, OF_THE_SWARM, OF_A_RUN = "host", "swarm", "run"
"""Whether each host has its own value, the whole swarm has one, or one run of some playbooks."""
PREFIXES = ("swarm_", "engine_")
OWN = "swarm_own_variables"


@dataclass(frozen=True)
class Variable:
    """One public variable."""

    name: str
    kind: str
    scope: str
    text: str
    """What it means, for the documentation."""
    playbooks: tuple[str, ...] = ()
    """Of a variable of a run: the playbooks that read it."""
    default: Any = None
    """What the roles set; None: nothing."""
    choices: tuple[str, ...] = ()
    least: float = 0
    empty: bool = True
    """Whether an empty text stands for "not set"."""


def _run(name: str, kind: str, playbooks: str, default: Any, text: str, **more: Any) -> Variable:
    return Variable(name, kind, OF_A_RUN, text, tuple(playbooks.split()), default, **more)


_OF_HOSTS = (
    Variable("swarm_zone", NAME, OF_A_HOST, "The failure zone; becomes the node label zone."),
    Variable("swarm_advertise_addr", ADDRESS, OF_A_HOST, "The static address by which the others reach this node."),
    Variable("swarm_advertise_cidr", NETWORK, OF_A_HOST, "The network in which the host's one address is found."),
    Variable("swarm_advertise_interface", TEXT, OF_A_HOST, "The interface on which it is found."),
    Variable("swarm_availability", TEXT, OF_A_HOST, "What the scheduler may place on the node.",
             choices=("active", "pause", "drain")),
    Variable("swarm_labels", LABELS, OF_A_HOST, "Node labels; what somebody else set is left alone."),
    Variable("swarm_listen_addr", TEXT, OF_A_HOST, "Where the engine listens; read when the host joins."),
    Variable("swarm_data_path_addr", TEXT, OF_A_HOST,
             "The address or interface of container traffic; read when the host joins."),
    Variable("swarm_compromised", BOOL, OF_A_HOST, "Of a host of swarm_absent: no playbook contacts it."),
    Variable("swarm_spare_manager", BOOL, OF_A_HOST, "Of a worker: it may be promoted while managers are lost."),
)
_OF_THE_SWARM = (
    Variable("swarm_id", TEXT, OF_THE_SWARM, "The swarm that this inventory is about; any other is refused."),
    Variable("swarm_controller_dir", FILE, OF_THE_SWARM, "A folder on the controller: unlock keys and reports."),
    Variable("swarm_backup_dir", FILE, OF_THE_SWARM, "A folder on the controller: the archives."),
    Variable("swarm_backup_max_age", SECONDS, OF_THE_SWARM, "Age from which the newest backup is too old; 0: never."),
    Variable("swarm_drill_max_age", SECONDS, OF_THE_SWARM, "Age from which the last good drill is too old; 0: never."),
    Variable("swarm_default_addr_pool", TEXTS, OF_THE_SWARM, "Networks out of which overlay networks are made."),
    Variable("swarm_subnet_size", INTEGER, OF_THE_SWARM, "The size of each of these."),
    Variable("swarm_data_path_port", INTEGER, OF_THE_SWARM, "The UDP port of container traffic."),
    Variable("swarm_autolock", BOOL, OF_THE_SWARM, "Whether managers lock themselves when they restart."),
    Variable("swarm_cert_expiry", SETTING, OF_THE_SWARM, "The life of node certificates."),
    Variable("swarm_dispatcher_heartbeat", SETTING, OF_THE_SWARM, "How often workers report."),
    Variable("swarm_task_history_limit", INTEGER, OF_THE_SWARM, "Finished tasks that are kept."),
    Variable("swarm_snapshot_interval", INTEGER, OF_THE_SWARM, "Raft entries between snapshots.", least=1),
    Variable("swarm_keep_old_snapshots", INTEGER, OF_THE_SWARM, "Snapshots that are kept beside the newest."),
    Variable("swarm_log_entries_for_slow_followers", INTEGER, OF_THE_SWARM,
             "Raft entries that are kept after a snapshot."),
    Variable("swarm_given_up", TEXTS, OF_THE_SWARM, "For one run: hosts that are down, by the operator's word."),
    Variable("swarm_force", BOOL, OF_THE_SWARM, "For one run: hosts to be taken out that do not answer are gone."),
    Variable("swarm_discard_state", LABELS, OF_THE_SWARM, "For one run: states on disks that are moved aside, each the "
             "cluster ID by host."),
    Variable("swarm_pin_addresses", BOOL, OF_THE_SWARM, "Managers that were told no address are told the one that the "
             "swarm knows."),
    Variable(OWN, TEXTS, OF_THE_SWARM, "Names of variables of yours that are no misspellings of these."),
    *(Variable(name, BOOL, OF_THE_SWARM, "Lets one refusal pass, which names it.") for name in inventory.ALLOWANCES),
)
_OF_RUNS = (
    _run("swarm_engine_check", BOOL, "provision", False, "Also look at the engines of hosts that are members."),
    _run("swarm_lease_wait", SECONDS, "provision backup", 200, "How long another operator's run is waited for."),
    _run("swarm_step_timeout", SECONDS, "provision", 120, "How long one change of a node may take to come true."),
    _run("swarm_health_fail_on", TEXT, "health", "critical", "The least severity that fails the playbook.",
         choices=("critical", "warning", "never"), empty=False),
    _run("swarm_health_json", PATH, "health", "", "A file on the controller for the report as JSON."),
    _run("swarm_backup_hosts", TEXTS, "backup", [], "Managers to back up, one after the other; all: every one."),
    _run("swarm_backup_keep", INTEGER, "backup", 14, "How many archives of each manager are kept; 0: all."),
    _run("swarm_backup_keep_days", NUMBER, "backup", 0, "For how many days archives are kept; 0 sets no limit."),
    _run("swarm_backup_longest_stop", SECONDS, "backup", 120, "After this a guard on the host starts Docker.",
         least=1),
    _run("swarm_backup_timeout", SECONDS, "backup", 120, "For Docker to start, and for the manager to be reachable.",
         least=1),
    _run("swarm_backup_schedule", TEXT, "schedule_backup", "present", "Whether there is a schedule.",
         choices=("present", "absent"), empty=False),
    _run("swarm_backup_calendar", TEXT, "schedule_backup", "*-*-* 02:30:00", "When, as systemd writes it."),
    _run("swarm_backup_randomized_delay", TEXT, "schedule_backup", "15min", "How much later it may become."),
    _run("swarm_backup_schedule_name", TEXT, "schedule_backup", "quorum-swarm-backup", "The name of the units."),
    _run("swarm_backup_schedule_arguments", TEXTS, "schedule_backup", [], "More words of the command line."),
    _run("swarm_backup_archive", FILE, "verify_backup", "", "The archive; else all of the folder."),
    _run("swarm_unlock_key_file", FILE, "verify_backup restore drill", "", "A file with the unlock key."),
    _run("swarm_drill_archive", FILE, "drill", "", "The archive that is brought up."),
    _run("swarm_drill_host", HOST, "drill", "", "The host of the drill."),
    _run("swarm_drill_timeout", SECONDS, "drill", 300, "After this the drill is ended, whatever it does.", least=1),
    _run("swarm_restore_archive", FILE, "restore", "", "The archive to restore from."),
    _run("swarm_restore_host", HOST, "restore", "", "The manager that is restored."),
    _run("swarm_restore_lost", TEXTS, "restore", [], "Hosts that are down, by the operator's word."),
    _run("swarm_restore_timeout", SECONDS, "restore", 120, "For each stop and start of Docker, and for a node to be "
         "back.", least=1),
    _run("swarm_recover_confirm", TEXT, "recover", "", "The ID of the swarm: managers may be given up for good."),
    _run("swarm_recover_lost", TEXTS, "recover", [], "Exactly the managers that are given up."),
    _run("swarm_recover_survivor", TEXT, "recover", "", "The survivor that is taken."),
    _run("swarm_recover_powered_off", BOOL, "recover", False, "The lost are off, and are wiped before they run again."),
    _run("swarm_recover_restart_workers", BOOL, "recover", False, "Workers that have lost the managers are restarted."),
    _run("swarm_recover_timeout", SECONDS, "recover", 120, "For each stop and start of Docker, for a node to be back, "
         "and for new certificates.", least=1),
    _run("swarm_heal_reboot", BOOL, "heal", False, "Hosts may be rebooted."),
    _run("swarm_heal_timeout", SECONDS, "heal", 60, "For Docker to start, and for the node to take part.", least=1),
    _run("swarm_heal_reboot_timeout", SECONDS, "heal", 600, "For a host to be back after its reboot.", least=1),
    _run("swarm_node", TEXT, "rejoin expel", "", "The host that becomes a new node, or that is taken out."),
    _run("swarm_expel_confirm", TEXT, "expel", "", "The IDs of the nodes that are taken out."),
    _run("swarm_expel_rotate_ca", BOOL, "expel", "", "Whether the root certificate is made anew."),
    _run("swarm_expel_timeout", SECONDS, "expel", 120, "For each demotion, and for new certificates.", least=1),
    _run("swarm_rejoin_timeout", SECONDS, "rejoin heal", 120, "For each stop and start of Docker, to join, and for "
         "each change of a node.", least=1),
    _run("engine_daemon_config", MAPPING, "provision", {}, "What is merged into daemon.json."),
    _run("engine_packages", TEXTS, "provision", [], "The engine's packages, where there is no engine."),
    _run("engine_python_packages", TEXTS, "provision", [], "The packages of the Python libraries."),
    _run("engine_apt_repository", TEXT, "provision", "", "An apt source to install from."),
    _run("engine_apt_key", TEXT, "provision", "", "Its public key."),
    _run("engine_timeout", SECONDS, "provision restart", 120, "For Docker to start.", least=1),
)
VARIABLES: dict[str, Variable] = {one.name: one for one in (*_OF_HOSTS, *_OF_THE_SWARM, *_OF_RUNS)}
"""All of them, by name."""


def check(
    told: Mapping[str, Mapping[str, Any]], unreadable: Mapping[tuple[str, str], str], hosts: Sequence[str],
    compromised: Sequence[str] = (),
) -> list[str]:
    """What is wrong with the variables, one sentence for each thing, the same thing once.

    :param told: the values of all variables that begin like ours, by host.
    :param unreadable: why a value could not be templated, by host and name.
    :param hosts: all hosts of the inventory.
    :param compromised: those that no playbook contacts.
    """
    said = [f"{_where(name, host)} cannot be read on the controller, before any host is contacted: {why}. No facts are "
            "gathered: write the value itself, or make it of variables that are set." for (host, name), why
            in unreadable.items()]
    for host, values in told.items():
        mine = _texts(values.get(OWN))
        for name, value in values.items():
            variable = VARIABLES.get(name)
            sentence = _misspelt(name, mine) if variable is None else _wrong(variable, host, value, hosts, compromised)
            if sentence:
                said.append(sentence)
    return list(dict.fromkeys(said))


def is_true(value: Any) -> bool:
    """Whether a value is a yes; one that cannot be read is refused elsewhere, and is none."""
    try:
        return coerce.boolean("", value)
    except coerce.BadValue:
        return False


def _texts(value: Any) -> list[str]:
    try:
        return coerce.texts(OWN, value)
    except coerce.BadValue:
        return []


def _where(name: str, host: str) -> str:
    """The variable, with the host where each has its own."""
    variable = VARIABLES.get(name)
    return f"{host}: {name}" if variable is not None and variable.scope == OF_A_HOST else name


def _misspelt(name: str, mine: Iterable[str]) -> str:
    """Why a variable that is not in the table is refused; empty: it is somebody's own."""
    if name in mine:
        return ""
    if name.startswith("swarm_allow_"):
        return f"{name}: no such variable. Known are {', '.join(sorted(inventory.ALLOWANCES))}."
    near = names.nearest(name, VARIABLES)
    return f"{name}: no such variable, and {near} is one. Correct it; if it is one of yours, list it in {OWN}." \
        if near else ""


def _wrong(variable: Variable, host: str, value: Any, hosts: Sequence[str], compromised: Sequence[str]) -> str:
    """What is wrong with one value; empty: nothing."""
    if value is None or (value == "" and variable.empty):
        return ""
    where = _where(variable.name, host)
    try:
        _read(variable, where, value)
    except coerce.BadValue as error:
        return str(error)
    if variable.kind == HOST:
        if str(value) not in hosts:
            return f"{where} is {value!r}, which is no host of the inventory."
        if str(value) in compromised:
            return f"{where} is {value!r}, which is compromised (swarm_compromised): no playbook contacts it."
    return ""


def _read(variable: Variable, where: str, value: Any) -> None:
    """:raises BadValue: the value is not of the variable's kind."""
    kind = variable.kind
    if variable.choices:
        if str(value) not in variable.choices:
            *most, last = variable.choices
            raise coerce.BadValue(f"{where} is {value!r}; it takes {', '.join(most)} or {last}.")
    elif kind == BOOL:
        coerce.boolean(where, value)
    elif kind == INTEGER:
        coerce.integer(where, value, int(variable.least))
    elif kind in (NUMBER, SECONDS):
        number = coerce.seconds(where, value) if kind == SECONDS else coerce.number(where, value)
        if number < variable.least:
            raise coerce.BadValue(f"{where} is {value!r}; it takes at least {variable.least:g}.")
    elif kind == SETTING:
        try:
            settings.declared({variable.name.removeprefix("swarm_"): value})
        except settings.BadSetting as error:
            raise coerce.BadValue(f"swarm_{error}") from None
    elif kind == NAME:
        coerce.word(where, value)
    elif kind == TEXTS:
        coerce.texts(where, value)
    elif kind == LABELS:
        coerce.labels(where, value)
    elif kind == MAPPING:
        if not isinstance(value, Mapping):
            raise coerce.BadValue(f"{where} is {value!r}; it takes a mapping.")
    else:
        _read_text(kind, where, value)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _read_text(kind: str, where: str, value: Any) -> None:
    """:raises BadValue: the value is no text, or not one of this kind."""
    if isinstance(value, (bool, float, Mapping, list, tuple)):
        raise coerce.BadValue(f"{where} is {value!r}; it takes a text. Write it in quotes.")
    text = str(value)
    if kind == ADDRESS and not _is_address(text):
        raise coerce.BadValue(f"{where} is {text!r}; it takes one IP address, without a port.")
    if kind == NETWORK and address.network(text) is None:
        raise coerce.BadValue(f"{where} is {text!r}; it takes a network such as 192.0.2.0/24.")
    if kind == PATH and not text.startswith("/"):
        raise coerce.BadValue(f"{where} is {text!r}, which is not absolute. Give an absolute path.")
