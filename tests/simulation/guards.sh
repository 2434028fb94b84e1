#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Switches off each guard of the protocol in turn (src/core/guard.h) and lets the simulation find out.
# Prints a table: guard, the seed that broke, the invariant. Exits 1 when a guard is missed by nobody.
# usage: guards.sh [GUARD...]   SOSW_SIMULATION_SEEDS: how many seeds each gets (20,000)
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."

folders=(src/core src/engine src/cloud src/simulation)  # what the simulated home and fleet are made of
seeds=${SOSW_SIMULATION_SEEDS:-20000}
program=build/guards/bin/simulation_seeds
[ -e build/guards/build.ninja ] || cmake --preset guards >/dev/null
ninja -C build/guards simulation_seeds >&2

guards=("$@")
[ $# -gt 0 ] ||
  mapfile -t guards < <(grep -rhoE 'SOSW_GUARD\([a-z_]+\)' "${folders[@]}" --include='*.cc' | sed -E 's/.*\((.*)\)/\1/' | sort -u)

"$program" 0 "$seeds" >/dev/null || { echo 'the simulation fails with all guards on' >&2; exit 1; }

one() {
  local told
  if told=$("$program" 0 "$seeds" --without-guard "$1"); then
    printf '| %s | - | nobody misses it in %s seeds |\n' "$1" "$seeds"
    return 1
  fi
  sed -nE "s/^seed ([0-9]+) breaks ([a-z_]+): .*/| $1 | \1 | \2 |/p" <<<"$told"
}
export -f one
export program seeds
printf '| guard | seed | invariant |\n|---|---|---|\n'
printf '%s\n' "${guards[@]}" | xargs -P "$(nproc)" -I{} bash -c 'one {}' | sort
