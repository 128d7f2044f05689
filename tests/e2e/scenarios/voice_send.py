# SPDX-License-Identifier: GPL-2.0-only
"""Frames sent at given times: `voice_send.py DEV FILE`, a JSON list of [milliseconds, frame in hex]."""
import json
import os
import socket
import sys
import time


def main():
    with open(sys.argv[2], encoding="utf-8") as f:
        schedule = [(ms, bytes.fromhex(frame)) for ms, frame in json.load(f)]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((sys.argv[1], 0))
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    start = time.monotonic()
    for ms, frame in schedule:
        wait = start + ms / 1e3 - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        elif wait < -0.02:
            # We were kept from our CPU: all that follows is later, instead of everything at once.
            start -= wait
        out.send(frame)


if __name__ == "__main__":
    main()
