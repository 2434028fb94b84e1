# SPDX-License-Identifier: MIT
"""AWS as moto plays it, on a free loopback port, which it prints. Ends when its standard input does."""
import copy
import logging
import os
import sys
import threading

os.environ.update(AWS_ACCESS_KEY_ID="moto", AWS_SECRET_ACCESS_KEY="moto", AWS_DEFAULT_REGION="eu-west-1")
logging.getLogger("werkzeug").setLevel(logging.ERROR)

import moto.dynamodb.models as dynamodb  # noqa: E402
from moto.core.config import default_user_config  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402


class CopyOnce:
    """At the beginning of a transaction moto copies the table of each of its items, to have it back should one fail. Of a hundred
    items in one table that are a hundred copies, all the same: this makes one."""

    transaction = threading.local()

    @classmethod
    def deepcopy(cls, value):
        copies = getattr(cls.transaction, "copies", None)
        if copies is None or not isinstance(value, dynamodb.Table):
            return copy.deepcopy(value)
        if value.name not in copies:
            copies[value.name] = copy.deepcopy(value)
        return copies[value.name]


def transact_write_items(backend, items, original=dynamodb.DynamoDBBackend.transact_write_items):
    CopyOnce.transaction.copies = {}
    try:
        return original(backend, items)
    finally:
        CopyOnce.transaction.copies = None


dynamodb.copy = CopyOnce
dynamodb.DynamoDBBackend.transact_write_items = transact_write_items
default_user_config["lambda"] = {"use_docker": False}
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
os._exit(0)
