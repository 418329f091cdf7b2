# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Oddities: what hosts of other people are like and the lab's own nodes are not, each as a named property of a node.

Pure: names in, shell scripts and inventory variables out. Lab and Node apply them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

USER = "ops"
"""The user of the oddities that do not connect as root."""
PASSWORD = "sudo-of-the-lab"
"""The password of that user, where sudo wants one."""


@dataclass(frozen=True)
class Oddity:
    """One property of a node.

    Scripts are POSIX shell, run as root, and know ADDR (the node's address), NET (its first three numbers), B, C and D
    (its second, third and fourth number).
    """

    text: str
    """What is odd, for a table."""
    made: str = ""
    """Runs once, when the node is made: its engine runs, and has no swarm. The engine has to run again at the end."""
    boot: str = ""
    """Runs at each boot before systemd does, and again at any time."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """The node's variables in the inventory; texts are formats with the names that scripts know."""
    packages: tuple[str, ...] = ()
    """Debian packages that the image lacks."""
    makes: tuple[str, ...] = ()
    """What no other oddity of the node may make."""


_USER = (
    f"useradd --create-home --shell /bin/bash --groups docker {USER}\n"
    f"cp -r /root/.ssh /home/{USER}/.ssh\n"
    f"chown -R {USER}: /home/{USER}/.ssh\n"
)
_SUDO = f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{USER}\n"
_UNIT = r"""
sed -e '/^Requires=docker.socket/d' -e '/^After=/s/ docker.socket//' \
    -e 's,^ExecStart=.*,ExecStart=/usr/sbin/dockerd -H unix:///var/run/docker.sock,' \
    "$(systemctl show --property FragmentPath --value docker.service)" > /run/unit
systemctl stop docker.socket docker.service
systemctl disable docker.socket docker.service
install -m 0644 /run/unit /etc/systemd/system/docker.service
"""
_TEMPORARY = "for folder in /root/.ansible /tmp; do\n    mkdir -p $folder\n    findmnt $folder | grep -q lab-odd || "

ODDITIES: dict[str, Oddity] = {
    "data-root-env": Oddity(
        "Docker's folder is /srv/docker, by `DOCKER_OPTS` in /etc/default/docker",
        made="echo 'DOCKER_OPTS=\"--data-root=/srv/docker\"' > /etc/default/docker\n"
        "systemctl stop docker.socket docker.service\n"
        "rm -rf /var/lib/docker/*\n"
        "systemctl start docker.socket docker.service\n",
    ),
    "no-socket": Oddity(
        "there is no docker.socket: the unit runs `dockerd -H unix:///var/run/docker.sock`, as static installs do",
        made=_UNIT + 'rm "$(systemctl show --property FragmentPath --value docker.socket)"\n'
        "systemctl daemon-reload\nsystemctl enable --now docker.service\n",
        makes=("Docker's unit",),
    ),
    "masked-socket": Oddity(
        "docker.socket is masked, and the unit does without it",
        made=_UNIT + "systemctl mask docker.socket\nsystemctl enable --now docker.service\n",
        makes=("Docker's unit",),
    ),
    "not-enabled": Oddity(
        "Docker runs, and does not come back at boot: neither its unit nor its socket is enabled",
        made="systemctl disable docker.socket docker.service\n",
    ),
    "no-client": Oddity(
        "there is no command `docker`",
        made="mv /usr/bin/docker /usr/bin/docker.off\n",
    ),
    "other-python": Oddity(
        "`ansible_python_interpreter` is a virtual environment that sees the system's packages",
        made="python3 -m venv --without-pip --system-site-packages /opt/python\n",
        makes=("/opt/python",),
        variables={"ansible_python_interpreter": "/opt/python/bin/python3"},
    ),
    "bare-python": Oddity(
        "`ansible_python_interpreter` is a virtual environment without any package: Docker's SDK is not there",
        made="python3 -m venv --without-pip /opt/python\n",
        makes=("/opt/python",),
        variables={"ansible_python_interpreter": "/opt/python/bin/python3"},
    ),
    "docker-folder": Oddity(
        "an empty folder named docker is in the home that modules start in",
        made="mkdir -p /root/docker\n",
    ),
    "user": Oddity(
        f"the connection is of the user {USER}, who is in the group docker and cannot become root",
        made=_USER,
        makes=(f"the user {USER}",),
        variables={"ansible_user": USER, "ansible_become": False},
    ),
    "sudo": Oddity(
        f"the connection is of the user {USER}, who becomes root by sudo without a password",
        made=_USER + _SUDO,
        variables={"ansible_user": USER},
        packages=("sudo",),
        makes=(f"the user {USER}",),
    ),
    "sudo-password": Oddity(
        f"the connection is of the user {USER}, who becomes root by sudo with a password",
        made=_USER + _SUDO.replace("NOPASSWD: ", "") + f"echo '{USER}:{PASSWORD}' | chpasswd\n",
        variables={"ansible_user": USER, "ansible_become_password": PASSWORD},
        packages=("sudo",),
        makes=(f"the user {USER}",),
    ),
    "no-pipelining": Oddity(
        "Ansible copies each module to the node first, as it does by default",
        variables={"ansible_ssh_pipelining": False},
    ),
    "full-tmp": Oddity(
        "no byte is free in the temporary folders, Ansible's included; without pipelining",
        boot=_TEMPORARY + "mount -t tmpfs -o size=64k lab-odd $folder\n"
        "    dd if=/dev/zero of=$folder/full bs=4k 2>/dev/null || :\ndone\n",
        variables={"ansible_ssh_pipelining": False},
    ),
    "readonly-tmp": Oddity(
        "the temporary folders, Ansible's included, cannot be written; without pipelining",
        boot=_TEMPORARY + "mount -t tmpfs -o ro,size=64k lab-odd $folder\ndone\n",
        variables={"ansible_ssh_pipelining": False},
    ),
    "second-address": Oddity(
        "a second address, a /32 of the same subnet on eth0, as keepalived adds one: the node's last number and 100",
        boot="ip addr replace $NET.$((D + 100))/32 dev eth0\n",
    ),
    "loopback-address": Oddity(
        "a second address, a /32 on lo, as routing daemons add one: 10.99.0. and the node's last number",
        boot="ip addr replace 10.99.0.$D/32 dev lo\n",
    ),
    "ipv6": Oddity(
        "the node has an address of its lab's IPv6 subnet, too, and advertises that one",
        boot="echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6\n"
        "ip -6 addr replace fd00:$B:$C::$D/64 dev eth0 nodad\n",
        variables={"swarm_advertise_addr": "fd00:{B}:{C}::{D}"},
    ),
    "other-port": Oddity(
        "managers listen on port 2378",
        variables={"swarm_listen_addr": "0.0.0.0:2378"},
    ),
    "userns-remap": Oddity(
        "the engine maps the users of containers, so that its folder is one below /var/lib/docker",
        made="mkdir -p /etc/docker\necho '{\"userns-remap\": \"default\"}' > /etc/docker/daemon.json\n"
        "systemctl restart docker.service\n",
    ),
}  # fmt: skip
"""All oddities that a node can have, by name."""


def check(names: Iterable[str]) -> tuple[str, ...]:
    """These oddities, each once, in the order of the table.

    Raises ValueError where one is unknown, or two exclude each other.
    """
    wanted = set(names)
    unknown = sorted(wanted - set(ODDITIES))
    if unknown:
        raise ValueError(f"there is no oddity {', '.join(unknown)}: choose from {', '.join(ODDITIES)}")
    chosen = tuple(name for name in ODDITIES if name in wanted)
    by: dict[str, str] = {}
    for name in chosen:
        for thing in ODDITIES[name].makes:
            if by.setdefault(thing, name) != name:
                raise ValueError(f"a node cannot be both {by[thing]} and {name}: each makes {thing}")
        for variable, value in ODDITIES[name].variables.items():
            other = by.setdefault(variable, name)
            if ODDITIES[other].variables[variable] != value:
                raise ValueError(f"a node cannot be both {other} and {name}: each wants its own {variable}")
    return chosen


def parse(words: Sequence[str], nodes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Read `NAME,NAME` (every node) and `NODE=NAME,NAME` as oddities by node. No word: no node is odd.

    Raises ValueError where a name is unknown, or two exclude each other.
    """
    found: dict[str, set[str]] = {node: set() for node in nodes}
    for word in words:
        node, equals, names = word.rpartition("=")
        if equals and node not in found:
            raise ValueError(f"there is no node {node}: there are {', '.join(nodes)}")
        for one in [node] if equals else nodes:
            found[one] |= set(filter(None, names.split(",")))
    return {node: check(names) for node, names in found.items()}


def places(addr: str) -> dict[str, str]:
    """What scripts and variables know of a node, by its IPv4 address."""
    _, second, third, last = addr.split(".")
    return {"ADDR": addr, "NET": addr.rpartition(".")[0], "B": second, "C": third, "D": last}


def made_script(names: Iterable[str], addr: str) -> str:
    """What makes a new node odd; empty where nothing has to be done."""
    return _script((ODDITIES[name].made for name in check(names)), addr)


def boot_script(names: Iterable[str], addr: str) -> str:
    """What a node needs at each boot; empty where that is nothing."""
    return _script((ODDITIES[name].boot for name in check(names)), addr)


def _script(parts: Iterable[str], addr: str) -> str:
    text = "".join(parts)
    head = "".join(f"{name}={value}\n" for name, value in places(addr).items())
    return f"set -e\n{head}{text}" if text else ""


def variables(names: Iterable[str], addr: str) -> dict[str, object]:
    """The node's variables in the inventory."""
    return {
        name: value.format(**places(addr)) if isinstance(value, str) else value
        for one in check(names)
        for name, value in ODDITIES[one].variables.items()
    }


def packages(names: Iterable[str]) -> tuple[str, ...]:
    """The Debian packages that the node needs besides the image's."""
    return tuple(dict.fromkeys(package for name in check(names) for package in ODDITIES[name].packages))
