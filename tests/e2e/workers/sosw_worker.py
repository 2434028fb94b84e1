# SPDX-License-Identifier: MIT
# A worker as one writes it for sosw 0.7, on AWS: nothing in it knows where it runs.
from sosw.app import LambdaGlobals, get_lambda_handler
from sosw.worker import Worker


class Processor(Worker):

    DEFAULT_CONFIG = {
        "init_clients": ["lambda"],
        "factor": 1,
    }

    def __call__(self, event):
        for number in event["numbers"]:
            self.stats["numbers"] += 1
            self.result["product"] += number * self.config["factor"]
        super().__call__(event)
        return self.config["factor"]


global_vars = LambdaGlobals()
lambda_handler = get_lambda_handler(Processor, global_vars)
