#!/usr/bin/env bash
# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Shows what the collection does, on seven real engines on this machine: called by `make demo`, which made .venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() { printf '\n== %s\n' "$*"; }

step "A lab: five managers in three zones, two workers, each with an engine of its own"
"${PYTHON:-python3}" -m tests.lab up --name demo --managers 5 --workers 2
inventory=$("${PYTHON:-python3}" -m tests.lab inventory --name demo)

step "ansible-playbook quorum.swarm.provision -i $inventory"
ansible-playbook quorum.swarm.provision -i "$inventory"

step "ansible-playbook quorum.swarm.health -i $inventory"
ansible-playbook quorum.swarm.health -i "$inventory"

step "The swarm is yours: python3 -m tests.lab show --name demo. Take everything down again: make lab-down"
