#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Background load after Harpoon: sessions of TCP file transfers with heavy-tailed sizes and pauses.

    load.py serve PORT ADDRESS …                       answers "SIZE\\n" with SIZE bytes
    load.py fetch PORT SEED LOG CLIENT,… SERVER,…      orders on standard input, a line each: MBIT

As in Harpoon (Sommers and Barford), a session is a client and a server with a row of transfers, the volume
is a matter of how many sessions are active, and a session opens its next connection when its
inter-connection time is over, whatever became of the one before.

SIZES are Pareto with shape 1.2 and scale 5,000 bytes: those of `selfconf/synthetic.py` in Harpoon's
source. PAUSES are Pareto with shape 1.5 and scale 1 s: the user's "inactive off times" of SURGE (Barford
and Crovella, SIGMETRICS 1998). Both are cut at the quantile 1 - 1/(2 STRATA): 2.8 MB, 159 s.

Every order begins a schedule that depends on the seed and the order's number alone. Values come in blocks
of STRATA, one of each stratum in random order, so that runs of minutes have the tail's share of bytes
too: with plain draws it would vary by a fifth of the volume.
"""
import heapq
import os
import random
import selectors
import socket
import sys
import time

STRATA = 1000
SHAPE_SIZE, SCALE_SIZE = 1.2, 5000
SHAPE_PAUSE, SCALE_PAUSE = 1.5, 1.0
# A segment has 1,460 bytes of a file and takes 1,514 of a link; a connection, some more for itself.
SEGMENT, FRAME, CONNECTION = 1460, 1514, 500
BLOCK = bytes(1 << 18)


def pareto(shape, scale, u):
    return scale * (1 - u) ** (-1 / shape)


def strata(shape, scale):
    return [pareto(shape, scale, (i + 0.5) / STRATA) for i in range(STRATA)]


SIZES = [int(size) for size in strata(SHAPE_SIZE, SCALE_SIZE)]
PAUSES = strata(SHAPE_PAUSE, SCALE_PAUSE)
MEAN_WIRE = sum(-(-size // SEGMENT) * (FRAME - SEGMENT) + size + CONNECTION for size in SIZES) / STRATA
MEAN_PAUSE = sum(PAUSES) / STRATA


def sessions(mbit):
    """How many must be active for a volume on the wire."""
    return round(mbit * 1e6 / 8 / (MEAN_WIRE / MEAN_PAUSE))


def shuffled(values, rng):
    while True:
        block = list(values)
        rng.shuffle(block)
        yield from block


def schedule(seed, order, count):
    """(seconds after the order, session, bytes), without an end."""
    rng = random.Random(f"{seed}/{order}")
    sizes, pauses = shuffled(SIZES, rng), shuffled(PAUSES, rng)
    # In the middle of a pause: long ones are met more often, which makes the shape one less.
    middle = shuffled(strata(SHAPE_PAUSE - 1, SCALE_PAUSE), rng)
    ends = PAUSES[-1]
    due = [(rng.random() * min(next(middle), ends), index) for index in range(count)]
    heapq.heapify(due)
    while due:
        when, index = due[0]
        yield when, index, next(sizes)
        heapq.heapreplace(due, (when + next(pauses), index))


# ---- both ends -----------------------------------------------------------------------------------


def cubic(sock):
    """What Linux used when the paper was written, and still does unless told otherwise."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def watch(self, sock, events, handler):
        self.selector.register(sock, events, handler)

    def forget(self, sock):
        self.selector.unregister(sock)
        sock.close()

    def turn(self, seconds):
        for key, events in self.selector.select(seconds):
            key.data(key.fileobj, events)


class Reply:
    """One connection at the server: a line in, so many bytes out."""

    def __init__(self, loop):
        self.loop, self.line, self.left = loop, b"", None

    def __call__(self, sock, events):
        try:
            if self.left is None:
                self._request(sock)
            if self.left is not None:
                self._send(sock)
        except BlockingIOError:
            pass
        except (OSError, ValueError):
            self.loop.forget(sock)  # the client went away: its transfer is over

    def _request(self, sock):
        data = sock.recv(64)
        self.line += data
        if not data:
            raise ValueError("no request")
        if self.line.endswith(b"\n"):
            self.left = int(self.line)
            self.loop.selector.modify(sock, selectors.EVENT_WRITE, self)

    def _send(self, sock):
        while self.left:
            self.left -= sock.send(BLOCK[:self.left] if self.left < len(BLOCK) else BLOCK)
        self.loop.forget(sock)


def serve(port, addresses):
    loop = Loop()

    def accept(listener, _events):
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        loop.watch(sock, selectors.EVENT_READ, Reply(loop))

    for address in addresses:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        cubic(listener)
        listener.bind((address, port))
        listener.listen(256)
        listener.setblocking(False)
        loop.watch(listener, selectors.EVENT_READ, accept)
    while True:
        loop.turn(None)


class Fetch:
    """One connection at the client."""

    def __init__(self, clients, index, session, size):
        self.clients, self.index, self.session, self.size = clients, index, session, size
        self.begin, self.received, self.asked = time.time(), 0, False
        sources, servers = clients.sources, clients.servers
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.bind((sources[session % len(sources)], 0))
        server = servers[session // len(sources) % len(servers)]
        self.sock.connect_ex((server, clients.port))
        clients.loop.watch(self.sock, selectors.EVENT_WRITE, self)

    def __call__(self, sock, events):
        try:
            if not self.asked:
                sock.sendall(b"%d\n" % self.size)
                self.asked = True
                self.clients.loop.selector.modify(sock, selectors.EVENT_READ, self)
            while data := sock.recv_into(self.clients.sink):
                self.received += data
        except BlockingIOError:
            return
        except OSError:
            pass
        self.end()

    def end(self):
        clients = self.clients
        clients.loop.forget(self.sock)
        clients.active.discard(self)
        clients.log.write("%d,%d,%.6f,%.6f,%d,%d\n" % (
            self.index, self.session, self.begin, time.time() - self.begin, self.size, self.received))


class Clients:
    """Follows orders: how many Mbit/s from now on. Transfers under way go on."""

    def __init__(self, port, seed, log, sources, servers):
        self.port, self.seed, self.sources, self.servers = port, seed, sources, servers
        self.loop, self.active, self.sink = Loop(), set(), bytearray(1 << 18)
        self.order, self.due, self.start = 0, iter(()), 0.0
        self.following = None
        self.log = log
        log.write("order,session,begin,seconds,size,received\n")

    def obey(self, _stdin, _events):
        line = sys.stdin.readline()
        if not line:
            self.log.close()
            sys.exit(0)
        self.order += 1
        self.start = time.monotonic()
        self.due = schedule(self.seed, self.order, sessions(float(line)))
        self.following = next(self.due, None)

    def run(self):
        self.loop.watch(sys.stdin, selectors.EVENT_READ, self.obey)
        while True:
            wait = None
            while self.following:
                wait = self.start + self.following[0] - time.monotonic()
                if wait > 0:
                    break
                self.active.add(Fetch(self, self.order, *self.following[1:]))
                self.following, wait = next(self.due, None), None
            self.loop.turn(wait)


def main():
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "serve":
        serve(port, sys.argv[3:])
    seed, path, sources, servers = sys.argv[3:]
    sys.stdin = os.fdopen(0, "r", buffering=1)
    with open(path, "w", encoding="ascii") as log:
        Clients(port, seed, log, sources.split(","), servers.split(",")).run()


if __name__ == "__main__":
    main()
