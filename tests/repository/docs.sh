#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails on a path in a *.md file, in back quotes or as a link, that is not there. usage: docs.sh [ROOT]
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
exit $status
