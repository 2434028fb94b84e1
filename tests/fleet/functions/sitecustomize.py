# SPDX-License-Identifier: MIT
"""Python sleeps until a moment of the monotonic clock, which Debian's libfaketime 0.9.10 refuses (EINVAL) when it leaves that
clock alone. A sleep by select() is none of its business."""
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
