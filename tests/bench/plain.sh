#!/usr/bin/env bash
# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The peer without Ansible: the same swarm by parallel ssh and Docker's command line. May be run again.
#
#   plain.sh SSH_CONFIG HOSTS    where a line of HOSTS is: name address manager|worker zone
#
# It guards nothing, and stops at the first error: what any tool on top of it costs is the difference to this.
# shellcheck disable=SC2016  # what is in single quotes is for the hosts
set -euo pipefail
ssh_config=$1 hosts=$2 parallel=20

on() { ssh -n -F "$ssh_config" "$@"; }
# `on_each PARALLEL ROLE COMMAND`: on all hosts of a role but the first manager; ADDRESS is the host's own.
on_each() {
    awk -v role="$2" -v first="$first" '$3 == role && $1 != first {print $1, $2}' "$hosts" |
        COMMAND=$3 SSH_CONFIG=$ssh_config xargs -P "$1" -L 1 bash -c \
            'exec ssh -n -F "$SSH_CONFIG" "$0" "ADDRESS=$1; $COMMAND"' >/dev/null
}

read -r first address _ < "$hosts"
active='[ "$(docker info --format "{{.Swarm.LocalNodeState}}")" = active ]'

{ read -r manager_token; read -r worker_token; } < <(
    on "$first" "$active || docker swarm init --advertise-addr $address >/dev/null
        docker swarm join-token --quiet manager; docker swarm join-token --quiet worker")
on_each 1 manager "$active || docker swarm join --token $manager_token --advertise-addr \$ADDRESS $address:2377"
on_each "$parallel" worker "$active || docker swarm join --token $worker_token $address:2377"

# What every node should be, less what it is.
is=$(on "$first" 'docker node inspect $(docker node ls --quiet) \
    --format "{{.Description.Hostname}} {{.Spec.Availability}} {{index .Spec.Labels \"zone\"}}"')
awk '{print $1, ($3 == "manager") ? "drain" : "active", $4}' "$hosts" | { grep -vxF "$is" || true; } |
    while read -r name availability zone; do
        echo "docker node update --availability $availability --label-add zone=$zone $name"
    done | ssh -F "$ssh_config" "$first" sh -e >/dev/null
