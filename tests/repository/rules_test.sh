#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Breaks every rule once in a small tree and sees that the checks find exactly that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{src/core,src/engine,src/local,include/sosw,docs}
spdx='// SPDX-License-Identifier: MIT'
printf '%s\n' "# SPDX-License-Identifier: MIT" 'a.cc' | tee "$tree/src/core/CMakeLists.txt" "$tree/src/engine/CMakeLists.txt" >"$tree/src/local/CMakeLists.txt"
echo '`src/core/a.cc` [a](docs/a.md)' >"$tree/README.md"
echo '`src/*/x.cc`' >"$tree/docs/a.md"

failures=0
source_is() { # FILE LINE...: the file has the licence and these lines
  printf '%s\n' "$spdx" "${@:2}" >"$tree/$1"
}
passes() { # CHECK WHAT
  "$here/$1" "$tree" >"$tree/out" || { echo "FAILED: $1 complains about $2:"; cat "$tree/out"; failures=1; }
}
finds() { # CHECK TEXT
  if "$here/$1" "$tree" >"$tree/out"; then
    echo "FAILED: $1 did not find: $2"
    failures=1
  elif ! grep -qF -- "$2" "$tree/out"; then
    echo "FAILED: $1 did not name $2:"
    cat "$tree/out"
    failures=1
  fi
}

good_core='#include "core/result.h"'
source_is src/core/a.cc "$good_core" '#include <vector>' '#include <boost/json.hpp>' '#include <fmt/format.h>' '#include <openssl.h>'
finds includes.sh 'src/core/a.cc:6'
for bad in '#include <thread>' '#include <unistd.h>' '#include <spdlog/spdlog.h>' '#include "engine/ports.h"' '#include <boost/asio.hpp>' \
  '#include <curl/curl.h>' '#include <sys/stat.h>' 'auto t = std::chrono::system_clock::now();' '  #  include <fstream>' '#include "corel/x.h"'; do
  source_is src/core/a.cc "$bad"
  finds includes.sh 'src/core/a.cc:2'
done
source_is src/core/a.cc "$good_core" '#include "sosw/version.h"' '#include <chrono>'
passes includes.sh 'a good core'
source_is src/engine/a.cc '#include "engine/engine.h"' '#include "core/task.h"' '#include <spdlog/spdlog.h>' '#include <thread>'
passes includes.sh 'a good engine'
source_is src/engine/a.cc '#include "local/rules.h"'
finds includes.sh 'src/engine/a.cc:2'
source_is src/engine/a_fixture.h '#include "simulation/model_store.h"' '#include <gtest/gtest.h>'
source_is src/engine/a_test.cc '#include "engine/a_fixture.h"'
source_is src/engine/a.cc
passes includes.sh 'what only tests include'
source_is src/engine/a.cc '#include "engine/a_fixture.h"'
finds includes.sh 'src/engine/a.cc:2'
rm "$tree"/src/engine/a_*
source_is src/engine/a.cc
source_is src/local/a.cc '#include "engine/ports.h"' '#include <sqlite3.h>' '#include <sys/stat.h>' '#include <boost/asio.hpp>' \
  '#include <date/tz.h>' '#include <curl/curl.h>' '#include <unistd.h>'
passes includes.sh 'a good local'
for bad in '#include "engine/engine.h"' '#include "aws/http.h"' '#include <openssl/sha.h>' '#include <prometheus/registry.h>'; do
  source_is src/local/a.cc "$bad"
  finds includes.sh 'src/local/a.cc:2'
done
source_is src/local/a.cc
source_is include/sosw/a.h '#include <fmt/format.h>'
finds includes.sh 'include/sosw/a.h:2'
for bad in 'boost::system::error_code x;' 'namespace fmt { class context; }' 'void log(spdlog::logger& to);' 'typedef void CURL;' 'sqlite3* open();'; do
  source_is include/sosw/a.h "$bad"
  finds includes.sh 'include/sosw/a.h:2'
done
source_is include/sosw/a.h '#include <boost/json.hpp>' 'namespace sosw {' 'namespace json = boost::json;' 'boost::json::value x;  // as fmt does'
passes includes.sh 'a good public header'

passes files.sh 'a good tree'
source_is src/core/b_test.cc
finds files.sh './src/core/b_test.cc: not named'
rm "$tree/src/core/b_test.cc"
echo 'int x;' >"$tree/include/sosw/b.h"
finds files.sh './include/sosw/b.h: its first line'

passes docs.sh 'good documents' # both paths are there, a pattern is none
echo '`src/core/gone.cc`' >>"$tree/docs/a.md"
finds docs.sh './docs/a.md: src/core/gone.cc'
echo '[gone](gone.md)' >"$tree/docs/a.md"
finds docs.sh './docs/a.md: gone.md'
echo >"$tree/docs/a.md"
mkdir "$tree/tests"
source_is src/core/a.cc 'TEST_F(Rows,' '       keep_everything) {' 'RC_GTEST_PROP(Chunks, LoseNothing, ()) {'
printf '%s\n' '`Ours.before_the_table`' '# Defects' '| `Rows.keep_everything`, `Chunks.LoseNothing`, `Rows.*` |' >"$tree/docs/from-sosw.md"
passes docs.sh 'a table whose tests are there'
for bad in Rows.keep Row.keep_everything 'Lines.*'; do
  printf '%s\n' '# Defects' "| \`$bad\` |" >"$tree/docs/from-sosw.md"
  finds docs.sh "docs/from-sosw.md: the test $bad does not exist"
done
exit $failures
