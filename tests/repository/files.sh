#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails on a source that no CMakeLists.txt names (a test that never runs) and on a file without its
# licence line. usage: files.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

status=0
list() { find . -name build -prune -o -name node_modules -prune -o -path ./.git -prune -o -type f \( "$@" \) -print; }

while read -r file; do
  folder=$(dirname "$file")
  name=$(basename "$file" .cc)
  while [ ! -e "$folder/CMakeLists.txt" ] && [ "$folder" != . ]; do folder=$(dirname "$folder"); done
  grep -qE "(^|[^A-Za-z0-9_])$name([^A-Za-z0-9_]|\$)" "$folder/CMakeLists.txt" cmake/*.cmake 2>/dev/null ||
    { echo "$file: not named in $folder/CMakeLists.txt, so it is never built"; status=1; }
done < <(list -name '*.cc')

while read -r file; do
  head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
    { echo "$file: its first line must say SPDX-License-Identifier: MIT"; status=1; }
done < <(list -name '*.cc' -o -name '*.h' -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh' -o -name '*.py' -o -path ./dev -o -path ./.ci/run)
exit $status
