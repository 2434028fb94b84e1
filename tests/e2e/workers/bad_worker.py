# SPDX-License-Identifier: MIT
# A client of the Runtime API that does what its task says, all of it bad. usage: bad_worker.py [START]
# START: exits | hangs, instead of asking for work.
import http.client
import json
import os
import signal
import sys

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    api.request(method, f"/2018-06-01/runtime/{path}", body)
    answer = api.getresponse()
    return answer.status, answer.headers, answer.read()


if sys.argv[1:] == ["exits"]:
    sys.exit("no licence found")
if sys.argv[1:] == ["hangs"]:
    signal.pause()
while True:
    _, headers, event = call("GET", "invocation/next")
    invocation = "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"]
    deed = json.loads(event)["deeds"][0]
    if deed == "exits":
        print("bad luck", flush=True)
        os._exit(3)
    if deed == "is_killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "hangs":
        signal.pause()
    if deed == "asks_again":
        continue
    if deed == "answers_garbage":
        call("POST", invocation + "/response", b"\xff\x00{not json")
    elif deed == "fails_in_garbage":
        call("POST", invocation + "/error", b"\xff\x00{not json")
    elif deed == "answers_too_much":
        call("POST", invocation + "/response", b'"' + b"x" * (7 << 20) + b'"')
    else:
        statuses = []
        if deed == "answers_for_another":
            statuses.append(call("POST", "invocation/nobody/response", b'{"n": 2}')[0])
        statuses.append(call("POST", invocation + "/response", b'{"n": 1}')[0])
        if deed == "answers_twice":
            statuses.append(call("POST", invocation + "/response", b'{"n": 2}')[0])
            statuses.append(call("POST", invocation + "/error", b"{}")[0])
        with open(deed, "w") as file:
            json.dump(statuses, file)
