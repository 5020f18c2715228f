#!/usr/bin/env python3
"""Many hostile senders at once, beside honest ones, on a server that has 512 MiB."""

import contextlib
import gzip
import os
import resource
import socket
import threading
import time
import unittest

import house

LIMIT_BYTES = 512 << 20
PARTS = "multipart/form-data; boundary=b"
FORM = "application/x-www-form-urlencoded"


class MemoryGroup:
    """A control group of this size, of either version; None where there is none to be had."""

    @staticmethod
    def make(limit_bytes):
        for parent, limit, swap in (
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
        ):
            path = os.path.join(parent, f"resmon-e2e-{os.getpid()}")
            try:
                os.mkdir(path)
                with open(os.path.join(path, limit), "w") as file:
                    file.write(str(limit_bytes))
            except OSError:
                with contextlib.suppress(OSError):
                    os.rmdir(path)
                continue
            with contextlib.suppress(OSError), open(os.path.join(path, swap), "w") as file:
                file.write(str(limit_bytes) if "memsw" in swap else "0")
            return path
        return None


def post(path, body, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class HostileTest(house.HouseTest):
    def limited_server(self, *sets):
        """A server within LIMIT_BYTES: of a control group, or of its address space with few threads."""
        group = MemoryGroup.make(LIMIT_BYTES)
        if group:
            self.addCleanup(lambda: house.wait_for("the group to be empty", lambda: self.gone(group)))
            prefix = ("sh", "-c", f'echo $$ > "{group}/cgroup.procs"; exec "$@"', "sh")
            return self.server(*sets, prefix=prefix)
        prefix = ("sh", "-c", f'ulimit -v {2 * LIMIT_BYTES >> 10}; exec "$@"', "sh")
        return self.server(*sets, prefix=prefix, environment={"MALLOC_ARENA_MAX": "2"})

    @staticmethod
    def gone(group):
        with contextlib.suppress(OSError):
            os.rmdir(group)
        return not os.path.exists(group)

    def peak_bytes(self, server):
        with open(f"/proc/{server.pid}/status") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))

    def send(self, server, data, address="127.0.0.1", patience=20):
        """What comes back for it; empty when the connection was ended."""
        with contextlib.suppress(OSError), socket.socket() as s:
            s.settimeout(patience)
            s.bind((address, 0))
            s.connect(("127.0.0.1", server.http_port))
            with contextlib.suppress(OSError):
                s.sendall(data)
            return s.recv(65536)
        return b""

    @unittest.skipIf(house.SANITIZER, "what a sanitizer needs of memory and time is not the server's")
    def test_nobody_stops_it_for_others(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        server = self.limited_server("http.body_memory=96MiB", "limits.query_memory_bytes=128MiB", "http.max_connections=300")
        token = f"Authorization: Token {house.TOKEN}"
        attacks = (
            post("/write?db=resmon", b"a&" * 12_400_000, token, f"Content-Type: {FORM}"),
            post("/query", b"a&" * 490_000, f"Content-Type: {FORM}"),
            post("/query", b"--b\r\nContent-Disposition:" + b";" * 1_000_000 + b"\r\n\r\nx\r\n--b--", f"Content-Type: {PARTS}"),
            post("/query", b"--b\r\n" + b"Content-Disposition: ;name=a\r\n" * 30_000 + b"\r\nx\r\n--b--", f"Content-Type: {PARTS}"),
            post("/write?db=resmon", gzip.compress(b"x" * 24_000_000), token, "Content-Encoding: gzip"),
            post("/query", gzip.compress(b"a&" * 12_000_000), f"Content-Type: {FORM}", "Content-Encoding: gzip"),
            post("/query", b"q=SELECT+" + b"(" * 900_000, f"Content-Type: {FORM}"),
            post("/query", b"params=" + b"[" * 900_000 + b"&q=SHOW+DATABASES", f"Content-Type: {FORM}"),
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 3900 + b"\r\n",
            b"GET /?" + b"a&" * 7000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        stop = threading.Event()
        self.addCleanup(stop.set)

        def attack(data):
            while not stop.is_set():
                self.send(server, data)

        def trickle():
            held = []
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    s = socket.create_connection(("127.0.0.1", server.http_port), timeout=5)
                    s.sendall(b"POST /query HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na" if len(held) % 2 else b"GET /he")
                    held.append(s)
                if len(held) >= 500:
                    for s in held[:100]:
                        s.close()
                    del held[:100]
                stop.wait(0.002)
            for s in held:
                s.close()

        threads = [threading.Thread(target=attack, args=(data,), daemon=True) for data in attacks for _ in range(2)]
        threads.append(threading.Thread(target=trickle, daemon=True))
        for thread in threads:
            thread.start()
        # Until there were too many connections, and for a hundred honest requests at least.
        took, began = [], time.monotonic()
        honest = (
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /query?q=SHOW+DATABASES HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            post("/write?db=resmon", b"m v=1", token, "Connection: close"),
        )
        metrics = {}

        while len(took) < 120 or metrics.get("resmon_http_connections_ended_total", 0) == 0:
            self.assertLess(time.monotonic() - began, 3 * house.PATIENCE, f"{len(took)} answered; {metrics}")
            begin = time.monotonic()
            # From another address of this machine, so that the one that opens hundreds ends its own.
            answer = self.send(server, honest[len(took) % 3], "127.0.0.2", house.PATIENCE)
            self.assertRegex(answer, rb"^HTTP/1\.1 20[04] ", f"honest request {len(took)}")
            took.append(time.monotonic() - begin)
            if len(took) % 20 == 0:
                metrics = server.metrics()
        stop.set()
        for thread in threads:
            thread.join(house.PATIENCE)
        self.assertTrue(server.running())
        peak = self.peak_bytes(server)
        self.assertLess(peak, LIMIT_BYTES)
        metrics = server.metrics()
        took.sort()
        print(
            f"# summary: {len(took)} honest requests beside {len(threads)} hostile senders: p50 {took[len(took) // 2]:.3f} s, "
            f"p99 {took[len(took) * 99 // 100]:.3f} s; peak {peak >> 20} MiB; "
            f"{metrics['resmon_http_connections_ended_total']:.0f} connections ended, {metrics['resmon_http_bodies_refused_total']:.0f} requests without memory",
            flush=True,
        )
        code, _ = server.terminate()
        self.assertEqual(code, 0)

    def test_each_hostile_request_is_answered_with_what_is_wrong(self):
        server = self.server()
        token = f"Authorization: Token {house.TOKEN}"
        for data, status, text in (
            (post("/query", b"a&" * 490_000, f"Content-Type: {FORM}"), 400, b"1000 parameters"),
            (post("/query", b"--b\r\nContent-Disposition:" + b";" * 1_000_000 + b"\r\n\r\nx\r\n--b--", f"Content-Type: {PARTS}"), 400, b'parameter \\"q\\"'),
            (post("/write?db=resmon", b"a&" * 1_000_000, token, f"Content-Type: {FORM}"), 400, b"unable to parse"),
            (post("/write?db=resmon", b"m v=1", token, f"Content-Type: {FORM}"), 204, b""),
            (post("/query", gzip.compress(b"a&" * 12_000_000), f"Content-Type: {FORM}", "Content-Encoding: gzip"), 413, b"gzip body"),
            (b"GET /query?" + b"a&" * 7000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"1000 parameters"),
        ):
            answer = self.send(server, data)
            self.assertIn(b"HTTP/1.1 %d " % status, answer[:20], data[:100])
            self.assertIn(text, answer, data[:100])


if __name__ == "__main__":
    house.main()
