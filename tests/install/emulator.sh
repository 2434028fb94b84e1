#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a worker from its zip under AWS's own Runtime Interface Emulator, in a root folder that holds nothing but the unpacked zip, and
# invokes it twice with EVENT (the second time warm) and once with text that is no JSON.
# usage: emulator.sh ZIP EVENT EXPECTED_ANSWER      SOSW_RIE: the emulator
set -euo pipefail
zip=$(realpath "$1") event=$2 expected=$3
[ -x "${SOSW_RIE:-}" ] || { echo 'SOSW_RIE names no emulator: ./dev test makes one where a recent Go is installed'; exit 1; }

. "$(dirname "$0")/unpacked.sh"
unpack "$zip"
answer() { "${SOSW_PYTHON:-python3}" -c '
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1] + "/2015-03-31/functions/function/invocations", sys.argv[2].encode(), 60).read().decode(), end="")
' "$address" "$1"; }

# The emulator takes no port 0: a port that is taken by then is another try.
for try in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 10000))
  address=http://127.0.0.1:$port
  runtime=127.0.0.1:$((port + 10000))
  "$SOSW_RIE" --runtime-interface-emulator-address "127.0.0.1:$port" --runtime-api-address "$runtime" "${inside[@]}" /var/task/bootstrap >"$root/log" 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    kill -0 "$pid" 2>/dev/null || break
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
    sleep 0.1
  done
  echo "try $try: no emulator at $address" >&2
done

status=0
for n in 1 2; do
  got=$(answer "$event") || { status=1; break; }
  echo "answer $n: $got"
  [ "$got" = "$expected" ] || { echo "expected: $expected"; status=1; }
done
got=$(answer '[1]') || status=1
echo "answer to an event that is no object: $got"
[[ $got == *errorType* ]] || { echo 'expected an error'; status=1; }
[ "$status" -eq 0 ] || { echo 'the emulator said:'; cat "$root/log"; }
exit "$status"
