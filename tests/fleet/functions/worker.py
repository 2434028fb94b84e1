# SPDX-License-Identifier: MIT
"""A worker as one writes it for sosw 0.7; worker.cc does the same."""
import os
import signal

from lambda_function import Witness  # of tests/e2e/workers
from sosw.app import LambdaGlobals, get_lambda_handler
from sosw.worker import Worker


def asked_of(event):
    """What its task asks a worker for, by its number modulo 50 or by its word."""
    if "numbers" in event:
        return {7: "die", 13: "fail once", 17: "be killed once", 23: "report a failure once"}.get(event["numbers"][0] % 50)
    return {"opera": "die", "mazda": "fail once"}.get(event["words"][0])


class Processor(Worker):

    DEFAULT_CONFIG = {"init_clients": ["lambda"]}

    def __call__(self, event):
        asked = asked_of(event)
        first = event["attempts"] == 0
        with Witness(event["task_id"]):
            if asked == "die":
                raise RuntimeError("nobody can do this")
            if asked == "fail once" and first:
                raise RuntimeError("not yet")
            if asked == "be killed once" and first:
                os.kill(os.getpid(), signal.SIGKILL)
            if "numbers" in event:
                self.result["square"] = event["numbers"][0] ** 2
            self.stats["done"] += 1
        if asked == "report a failure once" and first:
            self.mark_task_as_failed(event["task_id"])
        else:
            super().__call__(event)


lambda_handler = get_lambda_handler(Processor, LambdaGlobals())
