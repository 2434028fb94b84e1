# SPDX-License-Identifier: MIT
# As witness.h and witness_worker.cc, for the runtime client of AWS.
import fcntl
import os
import signal

FOLDER = os.environ["WITNESS"]


def write(what, task):
    log = os.open(f"{FOLDER}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, f"{what} {task}\n".encode())
    os.close(log)


class Witness:
    def __init__(self, task):
        self.task = task
        self.lock = None

    def __enter__(self):
        for i in range(int(os.environ.get("LIMIT", "10"))):
            lock = os.open(f"{FOLDER}/{i}", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.lock = lock
                break
            except BlockingIOError:
                os.close(lock)
        if self.lock is None:
            write("over", self.task)
        write("begin", self.task)

    def __exit__(self, *unused):
        write("end", self.task)
        if self.lock is not None:
            os.close(self.lock)


def lambda_handler(event, context):
    with Witness(event["task_id"]):
        number = event["numbers"][0]
        kind = number % 100
        first = event["attempts"] == 0
        if kind == 7:
            raise RuntimeError(f"nobody can work on {number}")
        while number % 200 == 13:
            signal.pause()
        if kind == 17 or (kind == 37 and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == 23 and first:
            raise RuntimeError("not yet")
        return {"square": number * number}
