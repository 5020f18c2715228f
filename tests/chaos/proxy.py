"""A TCP proxy that is the network of the test: it forwards, and can be told to break connections the way networks do.

    open    forwards
    cut     connections are reset, and so is every new one
    stall   nothing is forwarded, nothing is closed; afterwards it goes on where it stopped
    half    the server's side is gone, the client's side hears nothing of it until the fault is over
    tear    what is under way is forwarded in part and then reset, once; new connections are served

A connection is two threads that copy. The sides' sockets buffers are small, so that what is "sent" is seldom more than a few frames.
"""

import contextlib
import socket
import struct
import threading

CHUNK = 16384


def reset(one):
    """Closes with RST instead of FIN: the other side learns that what it sent may be lost."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
    with contextlib.suppress(OSError):
        one.close()


class Proxy:
    def __init__(self, to_port):
        self.to_port = to_port
        self.lock = threading.Condition()
        self.mode = "open"
        self.pairs = set()
        self.hanging = set()  # clients' sides of "half"
        self.closed = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def set_mode(self, mode):
        with self.lock:
            self.mode = "open" if mode == "tear" else mode
            pairs, hanging = set(self.pairs), set(self.hanging)
            if mode in ("cut", "tear", "half"):
                self.pairs.clear()
            if mode == "half":
                self.hanging |= {client for client, _ in pairs}
            else:
                self.hanging.clear()
            self.lock.notify_all()
        for client, server in pairs:
            if mode == "tear":
                # Half of what waits, then nothing: a frame ends in its middle.
                with contextlib.suppress(OSError):
                    server.send(client.recv(CHUNK, socket.MSG_DONTWAIT | socket.MSG_PEEK)[: CHUNK // 2 or 1])
            if mode in ("cut", "tear"):
                reset(client)
            if mode in ("cut", "tear", "half"):
                reset(server)
        if mode != "half":
            for client in hanging:
                reset(client)

    def close(self):
        self.closed = True
        self.set_mode("cut")
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                mode = self.mode
                if mode == "half":
                    self.hanging.add(client)
            if mode == "cut":
                reset(client)
            elif mode != "half":
                threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.to_port), timeout=10)
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            reset(client)
            return
        pair = (client, server)
        with self.lock:
            broken = self.mode in ("cut", "half")
            if not broken:
                self.pairs.add(pair)
        if broken:
            reset(client)
            reset(server)
            return
        for source, target in (pair, pair[::-1]):
            threading.Thread(target=self.copy, args=(source, target, pair), daemon=True).start()

    def copy(self, source, target, pair):
        try:
            while True:
                data = source.recv(CHUNK)
                with self.lock:
                    self.lock.wait_for(lambda: self.mode != "stall" or pair not in self.pairs)
                    if pair not in self.pairs:
                        return
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
        except OSError:
            with self.lock:
                known = pair in self.pairs
                self.pairs.discard(pair)
            if known:
                reset(source)
                reset(target)
