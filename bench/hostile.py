#!/usr/bin/env python3
# Hostile senders: latency of 100 clients and 10 viewers of the page, without and beside them
"""What ./resmon bench hostile measures: how long 100 clients wait for an acknowledgement and 10 viewers of the page for their requests,
on a server with its default limits, first alone and then beside hostile senders.

  clients   one process of resmon-load, a gather a second each
  viewers   every 2 s the list of hosts, the server's state and a chart's query, each over one kept connection, and the live feed
  hostile   slow requests that trickle a byte a second, multipart bodies of a million semicolons, forms of 490,000 parameters, bodies
            that unpack to a thousand times their size, wrong passwords, half a HELLO, and frames that never end, all at once and as
            fast as one process can

The hostile process shares the machine with the server, so that a part of what it costs the others is the processor time that it takes
itself; it runs at the lowest priority, as it would run on a machine of its own."""

import argparse
import contextlib
import gzip
import http.client
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
import harness  # noqa: E402
import wire  # noqa: E402
from harness import cpu_seconds, house, machine, progress  # noqa: E402

CLIENTS = 100
VIEWERS = 10
VIEW_EVERY = 2.0
HOSTILE_ADDRESS = "127.0.0.2"
FORM = "application/x-www-form-urlencoded"


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


class Viewer(threading.Thread):
    """A person who looks at the page."""

    def __init__(self, server, number, stop):
        super().__init__(daemon=True)
        self.server, self.number, self.stop_event = server, number, stop
        self.took, self.failures, self.gaps = [], 0, []
        self.feed = threading.Thread(target=self.follow, daemon=True)

    def follow(self):
        while not self.stop_event.is_set():
            with contextlib.suppress(OSError, EOFError, ValueError):
                live = house.WebSocket(self.server.http_port, "/api/v1/live")
                last = None
                while not self.stop_event.is_set() and "closed" not in live.message():
                    now = time.monotonic()
                    if last is not None:
                        self.gaps.append(now - last)
                    last = now
                live.close()

    def run(self):
        self.feed.start()
        query = (
            f"SELECT mean(usage_active) FROM cpu WHERE host = 'load-{self.number + 1}' AND cpu = 'cpu-total' AND time > now() - 15m "
            "GROUP BY time(10s)"
        )
        form = urllib.parse.urlencode({"db": "resmon", "epoch": "ms", "q": query})
        requests = (
            ("GET", "/api/v1/hosts", None, {}), ("GET", "/api/v1/server", None, {}), ("POST", "/query", form, {"Content-Type": FORM}),
        )  # fmt: skip
        connection = None
        next_look = time.monotonic() + self.number * VIEW_EVERY / VIEWERS
        while not self.stop_event.wait(max(0, next_look - time.monotonic())):
            next_look = max(next_look + VIEW_EVERY, time.monotonic())
            for request in requests:
                begin = time.monotonic()
                while not self.stop_event.is_set():
                    try:
                        connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=60)
                        connection.request(*request)
                        answer = connection.getresponse()
                        answer.read()
                        if answer.status == 200:
                            self.took.append(time.monotonic() - begin)
                            break
                    except (OSError, http.client.HTTPException):
                        connection = None
                    # The page asks again at once, too; what that took counts.
                    self.failures += 1
                    self.stop_event.wait(0.1)


class Bench(harness.Scratch):
    def __init__(self, options):
        super().__init__("hostile", options)

    def start(self):
        self.server = house.Server(self.folder, "log.level=warn")
        self.processes.append(self.server)
        house.wait_for("the server", lambda: self.server.running() and self.answers(), 60)

    def answers(self):
        with contextlib.suppress(OSError):
            return self.server.healthy()
        return False

    def phase(self, name, hostile):
        seconds, warm_up = self.options.seconds, 5
        progress(f"{name}: {seconds} s…")
        arguments = ["--server", f"127.0.0.1:{self.server.port}", "--token-file", self.server.token_file]
        for pair in (
            f"load.clients={CLIENTS}", "load.interval=1s", f"load.warm_up={warm_up}s", "load.profile=normal", "load.recorded_gathers=300",
            "load.spread=true", "load.stagger=2ms", "load.name_prefix=load-",
        ):  # fmt: skip
            arguments += ["--set", pair]
        attack = None
        if hostile:
            attack = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "--attack", str(self.server.port), str(self.server.http_port)],
                stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(19),
            )  # fmt: skip
            self.processes.append(attack)
            house.wait_seconds(3)  # clients and viewers come while it is under way
        load = house.Process("resmon-load", arguments, self.folder, f"load-{'hostile' if hostile else 'alone'}")
        self.processes.append(load)
        stop = threading.Event()
        viewers = [Viewer(self.server, number, stop) for number in range(VIEWERS)]
        house.wait_for("all clients", lambda: self.server.metrics()["resmon_clients"] >= CLIENTS, 120)
        house.wait_seconds(warm_up)
        cpu, began = cpu_seconds(self.server.pid), time.monotonic()
        for viewer in viewers:
            viewer.start()
        house.wait_seconds(seconds)
        took = time.monotonic() - began
        cpu = cpu_seconds(self.server.pid) - cpu
        attack_cpu = cpu_seconds(attack.pid) if attack else 0
        stop.set()
        for viewer in viewers:
            viewer.join(70)
        load.process.terminate()
        load.wait(120)
        words = house.fields_of(next(line for line in reversed(load.log()) if " stopped " in line))
        requests = {}
        if attack:
            attack.terminate()
            requests = json.loads(attack.communicate(timeout=60)[0] or "{}")
        times = [one for viewer in viewers for one in viewer.took]
        gaps = [one for viewer in viewers for one in viewer.gaps]
        with open(f"/proc/{self.server.pid}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
        return {
            "name": name,
            "acknowledged_p50_milliseconds": float(words["acknowledged_in_ms_p50"]),
            "acknowledged_p99_milliseconds": float(words["acknowledged_in_ms_p99"]),
            "dropped_samples": int(words["dropped"]),
            "unacknowledged_samples": int(words["backlog"]),
            "page_requests": len(times),
            "page_failures": sum(viewer.failures for viewer in viewers),
            "page_p50_milliseconds": percentile(times, 0.5) * 1000,
            "page_p99_milliseconds": percentile(times, 0.99) * 1000,
            "live_gap_p99_milliseconds": percentile(gaps, 0.99) * 1000,
            "server_cpu_percent": cpu / took * 100,
            "server_peak_mib": peak,
            "hostile_cpu_seconds": attack_cpu,
            "hostile": requests,
        }


# The hostile side, a process of its own.


class Attack:
    def __init__(self, port, http_port):
        self.port, self.http_port = port, http_port
        self.counts = {}
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    def count(self, name, number=1):
        self.counts[name] = self.counts.get(name, 0) + number

    def connect(self, port):
        s = socket.socket()
        try:
            s.settimeout(20)
            s.bind((HOSTILE_ADDRESS, 0))
            s.connect(("127.0.0.1", port))
        except OSError:
            s.close()
            raise
        return s

    def again(self, name, make):
        """One request after the other, each over a connection of its own."""
        while True:
            with contextlib.suppress(OSError):
                data = make()
                with self.connect(self.http_port) as s:
                    with contextlib.suppress(OSError):
                        s.sendall(data)
                    s.recv(65536)
                    self.count(name)

    def hold(self, name, port, begin, most, trickle=b""):
        """As many connections as it may, each with something that does not end; those that are closed come again."""
        held = []
        while True:
            for _ in range(50):
                if len(held) >= most:
                    break
                with contextlib.suppress(OSError):
                    s = self.connect(port)
                    s.sendall(begin())
                    s.setblocking(False)
                    held.append(s)
                    self.count(name)
            alive = []
            for s in held:
                try:
                    if trickle:
                        s.send(trickle)
                    gone = s.recv(4096) == b""
                except BlockingIOError:
                    gone = False
                except OSError:
                    gone = True
                if gone:
                    s.close()
                else:
                    alive.append(s)
            held = alive
            time.sleep(1 if len(held) >= most else 0.05)

    def run(self):
        def post(path, body, *headers):
            lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
            return "\r\n".join(lines).encode() + body

        token = f"Authorization: Token {house.TOKEN}"
        semicolons = post(
            "/query", b"--b\r\nContent-Disposition:" + b";" * 1_000_000 + b"\r\n\r\nx\r\n--b--", "Content-Type: multipart/form-data; boundary=b"
        )
        form = post("/query", b"a&" * 490_000, f"Content-Type: {FORM}")
        bomb = post("/write?db=resmon", gzip.compress(b"x" * 24_000_000), token, "Content-Encoding: gzip")
        packed_form = post("/query", gzip.compress(b"a&" * 500_000), f"Content-Type: {FORM}", "Content-Encoding: gzip")

        def wrong_password():
            body = json.dumps({"user": f"name-{random.randrange(1000)}", "password": "not this one"}).encode()
            return post("/api/v1/login", body, "Content-Type: application/json")

        def half_frame():
            name = f"hostile-{random.randrange(1 << 30)}"
            return wire.hello(name, house.TOKEN, os.urandom(16), clock=time.time_ns()) + wire.frame(wire.SAMPLES, bytes(1 << 20))[:500_000]

        work = [
            ("multipart", self.again, lambda: semicolons),
            ("forms", self.again, lambda: form),
            ("gzip_bombs", self.again, lambda: bomb),
            ("gzip_forms", self.again, lambda: packed_form),
            ("wrong_passwords", self.again, wrong_password),
            ("wrong_passwords", self.again, wrong_password),
        ]
        threads = [threading.Thread(target=kind, args=(name, make), daemon=True) for name, kind, make in work]
        for arguments in (
            ("slow_requests", self.http_port, lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 1500, b"a"),
            ("half_hellos", self.port, lambda: b"\x40\0\0\0\x01RSMN", 3000),
            ("half_frames", self.port, half_frame, 300),
        ):
            threads.append(threading.Thread(target=self.hold, args=arguments, daemon=True))
        for thread in threads:
            thread.start()


def attack(port, http_port):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # before any thread begins
    one = Attack(port, http_port)
    one.run()
    signal.sigwait({signal.SIGTERM})
    print(json.dumps(one.counts), flush=True)
    os._exit(0)


def show(result):
    alone, beside = result["phases"]
    print(f"{result['machine']}; {result['date']}; {CLIENTS} clients at 1 s, {VIEWERS} viewers, {result['seconds']} s each\n")
    print(f"{'':<34}{'alone':>9}{'beside':>9}{'ratio':>8}")
    for title, key in (
        ("acknowledged, p50 ms", "acknowledged_p50_milliseconds"),
        ("acknowledged, p99 ms", "acknowledged_p99_milliseconds"),
        ("page's requests, p50 ms", "page_p50_milliseconds"),
        ("page's requests, p99 ms", "page_p99_milliseconds"),
        ("live feed, between messages, p99 ms", "live_gap_p99_milliseconds"),
        ("server's CPU, % of one core", "server_cpu_percent"),
        ("server's peak memory, MiB", "server_peak_mib"),
    ):
        print(f"{title:<34}{alone[key]:9.1f}{beside[key]:9.1f}{beside[key] / alone[key]:8.1f}")
    print(f"{'samples lost':<34}{alone['dropped_samples']:9}{beside['dropped_samples']:9}")
    print(f"{'page requests, asked again':<34}{alone['page_failures']:9}{beside['page_failures']:9}  of {beside['page_requests']}")
    print("\nhostile: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(beside["hostile"].items())))
    print(f"with {beside['hostile_cpu_seconds']:.0f} CPU seconds of its own")


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench hostile", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    parser.add_argument("--seconds", type=int, default=30, help="measured for each of the two; default 30")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory and say where it is")
    parser.add_argument("--attack", nargs=2, type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        attack(*options.attack)
    bench = Bench(options)
    try:
        bench.start()
        phases = [bench.phase("alone", False), bench.phase("beside hostile senders", True)]
        if not bench.server.running():
            raise AssertionError("the server ended")
    except AssertionError as error:
        print(f"bench hostile: error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        bench.close()
    result = {"date": time.strftime("%F", time.gmtime()), "machine": machine(), "seconds": options.seconds, "phases": phases}
    harness.publish(result, options.json, show)


if __name__ == "__main__":
    main()
