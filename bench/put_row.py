# SPDX-License-Identifier: MIT
"""examples/put_row in Python, with sosw and boto3: what its cold start is measured beside."""
from sosw import Worker
from sosw.app import LambdaGlobals, get_lambda_handler


class Processor(Worker):
    DEFAULT_CONFIG = {
        "init_clients": ["DynamoDb"],
        "dynamo_db_config": {
            "row_mapper": {"hash_col": "S", "range_col": "N"},
            "required_fields": ["hash_col", "range_col"],
            "table_name": "autotest_dynamo_db",
        },
    }

    dynamo_db_client = None

    def __call__(self, event):
        row = event["row"]
        self.dynamo_db_client.put(row)
        self.stats["rows"] += 1
        self.result["rows"] = self.dynamo_db_client.get_by_query({"hash_col": row["hash_col"]})
        answer = dict(self.result)
        super().__call__(event)
        return answer


global_vars = LambdaGlobals()
lambda_handler = get_lambda_handler(Processor, global_vars)
