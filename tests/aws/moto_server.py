# SPDX-License-Identifier: MIT
"""AWS as moto plays it, on a free loopback port, which it prints. Ends when its standard input does."""
import logging
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="moto", AWS_SECRET_ACCESS_KEY="moto", AWS_DEFAULT_REGION="eu-west-1")
logging.getLogger("werkzeug").setLevel(logging.ERROR)

from moto.core.config import default_user_config  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

default_user_config["lambda"] = {"use_docker": False}
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
os._exit(0)
