#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real job from end to end: counts words in the licence texts of this machine, kills a worker in the middle, lets a task
# fail once, and checks the counts against grep.
# usage: demo.sh BIN    BIN: the folder with the programs `sosw` and `word_count`
# exit: 0 when every task has finished and every count is right
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?usage: demo.sh BIN}" && pwd)
for program in "$bin/sosw" "$bin/word_count"; do
  [ -x "$program" ] || { echo "demo: $program is missing; build it with: ./dev build" >&2; exit 2; }
done
command -v jq >/dev/null || { echo "demo: jq is missing; install it with: apt-get install jq" >&2; exit 2; }

work=$(mktemp -d)
engine=
finish() {
  [ -z "$engine" ] || kill "$engine" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
cp "$here/sosw.json" "$here/job.json" "$bin/word_count" "$work/"
cd "$work"
sosw="$bin/sosw"
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

say "1. What the job would become (sosw plan)"
"$sosw" plan --job job.json

say "2. Queue it (sosw schedule); doing so twice changes nothing"
"$sosw" schedule --job job.json --id demo
"$sosw" schedule --job job.json --id demo

say "3. Run it (sosw run --until-empty), and kill a worker in the middle"
began=$(date +%s.%N)
"$sosw" run --until-empty --listen 127.0.0.1:0 &
engine=$!
count() { "$sosw" status --json | jq "[.[] | .$1 // 0] | add // 0"; }
until [ "$(count done)" -ge 10 ]; do
  kill -0 "$engine" 2>/dev/null || { echo "demo: the engine has ended too early" >&2; exit 1; }
  sleep 0.05
done
victim=
until [ -n "$victim" ]; do
  victim=$(pgrep -x word_count --parent "$engine" | head -n 1) || true
  kill -0 "$engine" 2>/dev/null || { echo "demo: no worker was left to kill" >&2; exit 1; }
done
kill -KILL "$victim"
echo "   killed worker process $victim" >&2
status=0
wait "$engine" || status=$?
engine=
took=$(echo "$(date +%s.%N) $began" | awk '{printf "%.1f", $1 - $2}')
[ "$status" = 0 ] || { echo "demo: sosw run ended with $status" >&2; exit 1; }

say "4. What came of it, checked against grep"
"$sosw" tasks --state done --limit 10000 --json >done.json
tasks=$(jq length done.json)
wrong=0
printf '%-14s %6s %6s %9s  %s\n' word sosw grep attempts ''
while IFS=$'\t' read -r word counts attempts; do
  expected=$(find /usr/share/common-licenses -type f -exec cat {} + | grep -o -w -i -e "$word" | wc -l)
  note=
  if [ "$counts" != "$expected" ]; then
    note="WRONG"
    wrong=$((wrong + 1))
  fi
  printf '%-14s %6s %6s %9s  %s\n' "$word" "$counts" "$expected" "$attempts" "$note"
done < <(jq -r 'group_by(.payload | fromjson | .words[0])[] |
  [(.[0].payload | fromjson | .words[0]), (map(.result_count) | unique | map(tostring) | join("/")), (map(.attempts) | add)] |
  @tsv' done.json)
attempts=$(jq 'map(.attempts) | add' done.json)
printf '\n%s tasks finished in %s s (%s a second), %s attempts: %s more than tasks\n' "$tasks" "$took" \
  "$(echo "$tasks $took" | awk '{printf "%.0f", $1 / $2}')" "$attempts" "$((attempts - tasks))"

[ "$tasks" = 36 ] || { echo "demo: 36 tasks were expected to finish" >&2; exit 1; }
[ "$attempts" -gt "$tasks" ] || { echo "demo: neither the failure nor the kill has cost an attempt" >&2; exit 1; }
[ "$wrong" = 0 ] || { echo "demo: $wrong counts differ from grep" >&2; exit 1; }
echo "every count is what grep finds"
