#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Background load: real TCP downloads. `load.py serve ADDRESS`, `load.py fetch ADDRESS`.

The fetching side reads its orders from standard input, a line each: WORKERS MBIT. Every worker fetches
one file after the other; together they start no more than MBIT a second on average (0 = no limit).
"""
import random
import socket
import socketserver
import sys
import threading
import time

PORT = 8080
SIZES = (50_000, 100_000, 200_000, 400_000)
BLOCK = bytes(65536)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class File(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            left = int(self.rfile.readline())
            while left > 0:
                left -= self.request.send(BLOCK[: min(left, len(BLOCK))])
        except (OSError, ValueError):
            pass  # the client went away: its download is over


class Orders:
    def __init__(self):
        self.workers, self.mbit = 0, 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def set(self, workers, mbit):
        self.workers, self.mbit = workers, mbit
        self._next = time.monotonic()

    def size(self, rng):
        """The next file's size, once its turn has come; None while there is nothing to do."""
        with self._lock:
            now = time.monotonic()
            if self.mbit and self._next > now:
                return None
            size = rng.choice(SIZES)
            if self.mbit:
                self._next = max(self._next, now - 0.5) + size * 8 / (self.mbit * 1e6)
            return size


def work(address, orders, index):
    rng = random.Random(index)
    while True:
        size = orders.size(rng) if index < orders.workers else None
        if size is None:
            time.sleep(0.02)
            continue
        try:
            with socket.create_connection((address, PORT), timeout=20) as conn:
                conn.sendall(b"%d\n" % size)
                while conn.recv(65536):
                    if index >= orders.workers:
                        break
        except OSError:
            time.sleep(0.1)


def main():
    role, address = sys.argv[1:3]
    if role == "serve":
        Server((address, PORT), File).serve_forever()
    orders = Orders()
    for index in range(64):
        threading.Thread(target=work, args=(address, orders, index), daemon=True).start()
    for line in sys.stdin:
        workers, mbit = line.split()
        orders.set(int(workers), float(mbit))


main()
