#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs examples/put_row from its zip under the Runtime Interface Emulator against moto's DynamoDB: a row that somebody else has
# written is in its answer, and the row of its event is in the table.
# usage: put_row.sh ZIP      SOSW_RIE: the emulator, SOSW_PYTHON: a Python with tests/python/requirements.txt
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${SOSW_PYTHON:-$here/../../build/venv/bin/python3}
[ -x "$python" ] || { echo 'no Python with moto: ./dev test makes one'; exit 1; }

coproc moto { exec "$python" "$here/../aws/moto_server.py"; }  # ends with us: then its input does
read -r port <&"${moto[0]}"
export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1
unset AWS_SESSION_TOKEN AWS_PROFILE STAGE

"$python" - <<'PYTHON'
import boto3
table = boto3.resource("dynamodb").create_table(
    TableName="autotest_dynamo_db", BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "hash_col", "KeyType": "HASH"}, {"AttributeName": "range_col", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": "hash_col", "AttributeType": "S"}, {"AttributeName": "range_col", "AttributeType": "N"}])
table.put_item(Item={"hash_col": "cat", "range_col": 1})
table.put_item(Item={"hash_col": "dog", "range_col": 2})
PYTHON

"$here/emulator.sh" "$1" '{"row":{"hash_col":"cat","range_col":3}}' \
  '{"rows":[{"hash_col":"cat","range_col":1},{"hash_col":"cat","range_col":3}]}'

"$python" - <<'PYTHON'
import boto3
rows = sorted((row["hash_col"], int(row["range_col"])) for row in boto3.resource("dynamodb").Table("autotest_dynamo_db").scan()["Items"])
print("in the table:", rows)
assert rows == [("cat", 1), ("cat", 3), ("dog", 2)]
PYTHON
