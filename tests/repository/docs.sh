#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails on a path in a *.md file, in back quotes or as a link, that is not there, and on an invariant of the simulation that no
# document names, and on a test in the table of the original's defects that is not there. usage: docs.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

status=0
missing() { echo "$1: $2 does not exist"; status=1; }
while read -r file; do
  # In back quotes: what begins with a folder of ours and is no pattern.
  while read -r path; do
    [ -e "$path" ] || missing "$file" "$path"
  done < <(grep -oE '`(\./)?(\.ci|bench|cmake|deploy|docs|examples|fuzz|include|src|tests|web)/[A-Za-z0-9_./-]*`' "$file" | tr -d '`' | sort -u)
  while read -r path; do
    [ -e "$(dirname "$file")/$path" ] || missing "$file" "$path"
  done < <(grep -oE '\]\([^)#: ]+[)#]' "$file" | sed 's,^..,,; s,.$,,' | sort -u)
done < <(find . -name build -prune -o -name node_modules -prune -o -path ./.git -prune -o -type f -name '*.md' -print)
# Each check of the simulation is told of in the document that a stranger reads.
if [ -d src/simulation ]; then
  while read -r name; do
    grep -qF "| \`$name\` |" docs/reliability.md || { echo "docs/reliability.md: the invariant $name is missing"; status=1; }
  done < <(cat src/simulation/*.cc | tr -d ' \n' | grep -oE '(breaks\(|Broken\{)"[a-z_]+"' | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u)
fi
# Each test by which the table of defects shows something is there: `Suite.name`, or `Suite.*` for any of a suite.
if [ -f docs/from-sosw.md ]; then
  tests=$(find src tests -name '*.cc' -exec cat {} + | tr -s ' \n' '  ' | grep -oE '\b(TEST|TEST_F|TEST_P|RC_GTEST_PROP)\( ?[A-Za-z0-9_]+, ?[A-Za-z0-9_]+' |
    sed -E 's/.*\( ?//; s/, ?/./' || true)
  while read -r name; do
    grep -qE "^${name//'*'/.}" <<<"$tests" && { [[ $name = *'*' ]] || grep -qxF "$name" <<<"$tests"; } || missing docs/from-sosw.md "the test $name"
  done < <(sed -n '/^# Defects/,$p' docs/from-sosw.md | grep -oE '`[A-Z][A-Za-z0-9]+\.([A-Za-z0-9_]+|\*)`' | tr -d '`' | sort -u)
fi
exit $status
