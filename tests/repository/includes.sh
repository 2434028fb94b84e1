#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails on an #include that a folder may not have. usage: includes.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

# folder | of ours | libraries (posix: <sys/...>, <unistd.h> ...) | why
rules='
include/sosw   | sosw                              | boost/json                                      | what a stranger compiles against stays small
src/core       | sosw core                         | boost/json fmt                                  | decisions are pure: no clock, file, thread, socket, log
src/engine     | sosw core engine                  | boost/json fmt spdlog                           | it sees the world through ports.h only
src/aws        | aws                               | boost/json curl openssl pugixml fmt spdlog posix | AWS itself, knowing nothing of us
src/local      | sosw core engine/ports.h local    | boost sqlite3.h curl date fmt spdlog posix      | an adapter knows the ports, not the engine
src/cloud      | sosw core engine aws cloud        | boost/json fmt                                  | the Essentials on AWS: the engine over ports of its own, logging by whoever wires them
src/sdk        | sosw aws sdk                      | boost/json curl fmt openssl spdlog posix        | a worker binary stays small
src/web        | sosw core engine/ports.h web      | boost prometheus fmt spdlog                     | it changes state through the ports only
src/simulation | sosw core engine cloud/audit_log.h cloud/essentials.h cloud/tables.h cloud/table_store.h cloud/table_rows.h simulation | boost/json boost/context fmt spdlog | the real clock and the homes stay outside; the store on AWS speaks to tables that can be simulated
'
# Of the standard library, and not for core either.
impure='thread|mutex|shared_mutex|condition_variable|future|atomic|stop_token|fstream|iostream|filesystem|random|ctime'

words() { tr ' ' '\n' <<<"$1" | sed '/^$/d; s/[.]/\\./g' | paste -sd'|'; }

status=0
complain() { # FOLDER WHY LINES
  [ -n "$3" ] || return 0
  printf '%s\n' "$3" | sed "s|\$|   <- $1 may not: $2|"
  status=1
}
while IFS='|' read -r folder ours libraries why; do
  folder=${folder// /}
  [ -n "$folder" ] && [ -d "$folder" ] || continue
  why=$(sed 's/^ *//' <<<"$why")
  allowed="#include (<[a-z_0-9]+>|<($(words "$libraries"))[/.>]|<curl/|\"($(words "$ours"))[/\"])"
  [[ $libraries == *curl* ]] || allowed=${allowed/|<curl\//}
  [[ $libraries != *sqlite3* ]] || allowed="$allowed|<sqlite3\\.h>"
  [[ $libraries != *pugixml* ]] || allowed="$allowed|<pugixml\\.hpp>"
  [[ $libraries != *posix* ]] || allowed="$allowed|<((sys|netinet|arpa|linux)/)?[a-z_0-9]+\\.h>"
  # Tests and what only tests include are free, and nobody else may include that.
  files=$(find "$folder" -name '*.cc' -o -name '*.h' | grep -vE '_test\.cc$|_fixture\.h$|_test_support\.(cc|h)$' || true)
  [ -n "$files" ] || continue
  complain "$folder" 'that is for tests only' "$(grep -nE '^ *# *include .*(_fixture|_test_support)\.h' $files /dev/null || true)"
  complain "$folder" "$why" "$(grep -nE '^ *# *include' $files /dev/null | grep -vE "$allowed" || true)"
  if [ "$folder" = include/sosw ]; then  # nor a type of theirs without an #include
    complain "$folder" "$why" "$(grep -nE '^ *namespace [a-z]' $files /dev/null | grep -vE 'namespace (sosw|sdk|detail)\b|= *(boost::json|sosw)\b' || true)"
    complain "$folder" "$why" "$(grep -noE '\b(boost::[a-z_0-9]+|fmt::|spdlog::|curl_|CURL|sqlite3|pugi::|EVP_|date::|prometheus::)' $files /dev/null | grep -v ':boost::json$' || true)"
  fi
  if [ "$folder" = src/core ]; then
    complain "$folder" "$why" "$(grep -nE "^#include <($impure)>|::now\(" $files /dev/null || true)"
  fi
done <<<"$rules"
exit $status
