#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Starts a worker from its zip in a root folder that holds nothing else, without a runtime: it says that there is none.
# usage: empty_root.sh ZIP
set -euo pipefail
. "$(dirname "$0")/unpacked.sh"
unpack "$1"
env -u AWS_LAMBDA_RUNTIME_API "${inside[@]}" /var/task/bootstrap
