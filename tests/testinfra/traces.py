# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a second engine could leave on a host, or change there, as lines that are compared before and after.

Only looks, with the host's own tools. What changes by itself, such as sessions of ssh, is left out,
and so is Ansible's own copy of a module that was killed.
"""

from __future__ import annotations

import difflib

from tests.lab.node import Node

# The nodes' own cgroups, mounts, links and rules; what containerd and Docker know; folders where programs leave things.
_LOOK = r"""
ps -eo pid,args | grep -E 'dockerd|containerd|busybox|runc|python|quorum' | grep -vE 'grep -'
sed 's/^[0-9]* [0-9]* //; s/ master:[0-9]*//; s/ shared:[0-9]*//' /proc/self/mountinfo | sort
for program in iptables-save ip6tables-save; do $program | grep -v '^#' | sed 's/\[.*\]//'; done
ip -br addr; ip route; ip rule; ls /run/docker/netns | sort; lsns -t net -n -o NS | sort
ctr namespaces list; ctr -n moby containers list -q
docker ps -a --no-trunc --format '{{.ID}} {{.State}}'; docker image ls -q --no-trunc; docker network ls -q --no-trunc
docker volume ls -q; docker info --format '{{.ID}} {{.Containers}} {{.Swarm.NodeID}} {{.Swarm.LocalNodeState}}'
systemctl show --property MainPID,NRestarts docker containerd
find /sys/fs/cgroup -type d | grep -v user.slice | sort
find /run /var/lib/quorum.swarm /etc /opt /srv /tmp -xdev \
  \( -path /run/systemd -o -path /run/user -o -path /run/sshd -o -path /run/log -o -path '/tmp/systemd*' \
     -o -path '/tmp/ansible_*' \) -prune -o -printf '%p %y %m\n' 2>/dev/null | sort
ls -A /var/lib /var/lib/docker /var/lib/containerd /opt
systemctl list-units --all --plain --no-legend 'quorum*'
cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/hostname; cut -d' ' -f1 /proc/modules 2>/dev/null | sort
"""


def look(node: Node) -> list[str]:
    """What the host is like now."""
    return node.run(_LOOK).stdout.splitlines()


def difference(before: list[str], after: list[str]) -> list[str]:
    """The lines that came or went."""
    return [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
