#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Switches off each guard of the protocol in turn (src/core/guard.h) and lets the simulation find out.
# Prints the table of docs/reliability.md: guard, the first seed that breaks, the invariant. Exits 1 when one is missed by nobody.
# usage: guards.sh [GUARD...]
#   SOSW_SIMULATION_SEEDS: how many seeds each gets (20,000); SOSW_JOBS: so many at once (all processors)
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."

export seeds=${SOSW_SIMULATION_SEEDS:-20000}
jobs=${SOSW_JOBS:-$(nproc)}
export program=build/guards/bin/simulation_seeds
[ -e build/guards/build.ninja ] || cmake --preset guards >/dev/null
ninja -C build/guards -j "$jobs" simulation_seeds >&2

# Where a guard of these folders can matter: the home's store is the model's, the fleet's that of src/cloud.
used() { grep -rhoE 'SOSW_GUARD\([a-z_]+\)' "$@" --include='*.cc' | sed -E 's/.*\((.*)\)/\1/' | sort -u; }
where() { used "${@:2}" | sed "s/\$/ $1/"; }
guards=$(where either src/core src/engine; where --only-fleet src/cloud; where --only-home src/simulation)

# Of these another one does the work too, so nobody misses the one alone: GUARD OTHER,... A run counts that breaks without
# all of them, and does not break when the first is left on.
covered() {
  cat <<'COVERED'
claim_attempts claim_position
claim_completed claim_position
claim_position claim_attempts
claims_after_all client_token
first_in_line tail_position
first_makes job_open
job_cursor tail_position,put_row
job_open first_makes
no_ghost_row report_claim
put_closed same_task
put_due same_retry
put_own_id put_row,tail_position,direct_remembered
put_replayed same_closed
put_retry same_task
put_row put_own_id,tail_position,direct_remembered
same_closed put_replayed
same_rest same_rev
same_rev same_rest
COVERED
}
export -f covered

one() {
  local guard=$1 where=$2 others told words=()
  [ "$where" = either ] || words+=("$where")
  words+=(--without-guards "$guard")
  others=$(covered | sed -nE "s/^$guard //p")
  [ -z "$others" ] || words+=(--covered-by "$others")
  if told=$("$program" 0 "$seeds" "${words[@]}"); then
    printf '| `%s` | - | nobody misses it in %s seeds%s |\n' "$guard" "$seeds" "${others:+, without $others too}"
    return 1
  fi
  [ -z "$others" ] || others=" without \`${others//,/\`, \`}\`"
  sed -nE "s/^seed ([0-9]+) breaks ([a-z_]+): .*/| \`$guard\`$others | \1 | \`\2\` |/p" <<<"$told" | grep . ||
    printf '| `%s` | - | %s |\n' "$guard" "$told"
}
export -f one

[ $# -eq 0 ] || guards=$(grep -E "^($(IFS='|'; echo "$*")) " <<<"$guards")
"$program" 0 "$seeds" --without-guards none >/dev/null || { echo 'the simulation fails with all guards on' >&2; exit 1; }
printf '| guard | seed | invariant |\n|---|---|---|\n'
xargs -P "$jobs" -L1 bash -c 'one "$@"' _ <<<"$guards" | sort
