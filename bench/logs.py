#!/usr/bin/env python3
# Log lines: bytes on disk, CPU, searches, client, tail, and what they cost the samples
"""What ./resmon bench logs measures.

  engine   bench-logs: bytes a line on disk beside zstd -9, from receiving to sealed, how long questions take
  client   a client's CPU time and memory with a file that gets 1,000 lines a second, less those without it
  backlog  a client with a file of many lines and the server: lines a second from the file to the server's disk, and what each takes
  tail     from writing a line to a message of the live tail
  beside   100 clients at 1 s, how long they wait for acknowledgements: alone, and while four clients send lines as fast as they can

Clients that read files share the machine with the server, so that a part of what lines cost the others is the processor time that
reading them takes; they run at the lowest priority, as they would run on machines of their own."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import cpu_seconds, house, machine, progress  # noqa: E402

SHAPES = (
    "sshd[{pid}]: Failed password for invalid user admin from 10.3.17.{small} port {large} ssh2",
    "sshd[{pid}]: Accepted publickey for deploy from 10.0.0.{small} port {large} ssh2: ED25519 SHA256:jd8K0aZ3vJ2kq1",
    "CRON[{pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    'nginx: 10.1.{small}.9 - - "GET /api/v1/items/{large} HTTP/1.1" 200 {large} "-" "Mozilla/5.0 (X11; Linux x86_64)"',
    "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.{small} DST=10.0.0.5 LEN=40 TTL=247 ID={large} PROTO=TCP SPT={large} DPT=22",
    "systemd[1]: Started session-{large}.scope - Session {large} of user deploy.",
    "postgres[{pid}]: LOG:  duration: {large}.{small} ms  statement: SELECT * FROM orders WHERE customer_id = {large}",
    "app[{pid}]: request completed id={large}{large} user={large} path=/checkout status=200 took_ms={small}",
    "dockerd[612]: level=info msg=\"ignoring event\" module=libcontainerd namespace=moby topic=/tasks/delete id={large}",
    "postfix/smtpd[{pid}]: connect from mail-{small}.example.net[203.0.113.{small}]",
)


def memory(pid, name="VmRSS"):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:")) / 1024


def make_file(path, count):
    """Lines of the last day, as syslog writes them; their bytes."""
    begin = time.time() - 86400
    with open(path, "w") as file:
        for n in range(count):
            if n % 100 == 0:
                stamp = time.strftime("%b %e %H:%M:%S", time.localtime(begin + n * 80000 / count))
            text = SHAPES[n * 7919 % 10].format(pid=800 + n % 40, small=n * 31 % 250, large=10000 + n * 104729 % 50000)
            file.write(f"{stamp} web1 {text}\n")
    return os.path.getsize(path)


class Bench(harness.Scratch):
    def __init__(self, options):
        super().__init__("logs", options)
        self.count = 0

    def serve(self, name):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        server = house.Server(folder, "log.level=warn", "logs.limit_bytes=20GiB")
        self.processes.append(server)
        house.wait_for("the server", lambda: self.answers(server), 60)
        return server

    @staticmethod
    def answers(server):
        try:
            return server.healthy()
        except OSError:
            return False

    def client(self, server, *sets, prefix=()):
        self.count += 1
        name = f"client-{self.count}"
        arguments = house.client_arguments(server.port, server.token_file, name, "5s", f"spool.directory={server.folder}/{name}-spool", *sets)
        client = house.Process("resmon-client", arguments, server.folder, name, prefix=prefix)
        self.processes.append(client)
        return client

    @staticmethod
    def stored(server):
        query = urllib.parse.urlencode({"q": "", "start": "-365d", "end": "now", "buckets": 1})
        return server.get(f"/api/v1/logs/histogram?{query}").json()["total"]

    def engine(self):
        progress("engine…")
        done = subprocess.run([house.program("bench-logs"), "--json", "--lines", str(self.options.lines)], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr.strip())
        return json.loads(done.stdout)

    def one_client(self):
        """At 1,000 lines a second, less the same client without."""
        seconds = self.options.seconds
        progress(f"client: {2 * seconds} s…")
        server = self.serve("one")
        figures = {}
        path = os.path.join(self.folder, "growing.log")
        for name, sets in (("without", ()), ("with", (f"logs.app.files={path}",))):
            open(path, "w").close()
            client = self.client(server, *sets)
            house.wait_seconds(6)
            cpu, began = cpu_seconds(client.pid), time.monotonic()
            written = 0
            with open(path, "a", buffering=1) as file:
                while (passed := time.monotonic() - began) < seconds:
                    while name == "with" and written < passed * 1000:
                        file.write(f"Nov 30 10:00:00 web1 {SHAPES[written % 10].format(pid=1, small=written % 250, large=written)}\n")
                        written += 1
                    time.sleep(0.01)
            figures[name] = ((cpu_seconds(client.pid) - cpu) / seconds * 100, memory(client.pid))
            if name == "with":
                house.wait_for("all lines", lambda: self.stored(server) == written, 60)  # noqa: B023
            client.terminate()
            client.wait(30)
        server.terminate()
        return {
            "core_percent": figures["with"][0] - figures["without"][0],
            "mib": figures["with"][1] - figures["without"][1],
        }

    def backlog(self):
        count = self.options.backlog
        progress(f"backlog: {count} lines…")
        path = os.path.join(self.folder, "backlog.log")
        size = make_file(path, count)
        server = self.serve("backlog")
        house.wait_seconds(3)
        before = memory(server.pid)
        server_cpu = cpu_seconds(server.pid)
        client = self.client(server, f"logs.app.files={path}", "logs.app.rate_limit=0")
        began = time.monotonic()
        house.wait_for("all lines", lambda: self.stored(server) == count, 600, every=0.2)
        took = time.monotonic() - began
        out = {
            "lines": count,
            "bytes_a_line": size / count,
            "lines_a_second": count / took,
            "client_cpu_seconds_a_million": cpu_seconds(client.pid) * 1e6 / count,
            "server_cpu_seconds_a_million": (cpu_seconds(server.pid) - server_cpu) * 1e6 / count,
            "server_mib": memory(server.pid, "VmHWM") - before,
            "client_mib": memory(client.pid, "VmHWM"),
        }
        client.terminate()
        server.terminate()
        return out

    def tail(self):
        progress("tail…")
        server = self.serve("tail")
        path = os.path.join(self.folder, "tail.log")
        open(path, "w").close()
        self.client(server, f"logs.app.files={path}")
        house.wait_seconds(3)
        live = house.WebSocket(server.http_port, "/api/v1/logs/tail?q=needle")
        live.message()
        took = []
        with open(path, "a", buffering=1) as file:
            for n in range(20):
                time.sleep(0.37)
                began = time.monotonic()
                file.write(f"needle {n}\n")
                while f"needle {n}" not in str(live.message()):
                    pass
                took.append(time.monotonic() - began)
        live.close()
        server.terminate()
        return {"median_seconds": statistics.median(took), "longest_seconds": max(took)}

    def load(self, server, name):
        arguments = ["--server", f"127.0.0.1:{server.port}", "--token-file", server.token_file]
        for pair in ("load.clients=100", "load.interval=1s", "load.warm_up=5s", "load.profile=normal", "load.recorded_gathers=300",
                     "load.spread=true", f"load.name_prefix={name}-"):  # fmt: skip
            arguments += ["--set", pair]
        load = house.Process("resmon-load", arguments, server.folder, f"load-{name}")
        self.processes.append(load)
        house.wait_for("all clients", lambda: server.metrics()["resmon_clients"] >= 100, 120)
        house.wait_seconds(6)
        return load

    def beside(self):
        seconds = self.options.seconds
        progress(f"beside: {2 * seconds} s…")
        server = self.serve("beside")
        path = os.path.join(self.folder, "backlog.log")
        out = {}
        for name in ("alone", "beside"):
            load = self.load(server, name)
            before = self.stored(server) if name == "beside" else 0
            feeders = []
            if name == "beside":
                feeders = [
                    self.client(server, f"logs.app.files={path}", "logs.app.rate_limit=0", prefix=("nice", "-n", "19"))
                    for _ in range(4)
                ]
            began = time.monotonic()
            house.wait_seconds(seconds)
            lines = (self.stored(server) if name == "beside" else 0) - before
            took = time.monotonic() - began
            load.process.terminate()
            load.wait(120)
            for feeder in feeders:
                feeder.kill()
                feeder.wait()
            words = house.fields_of(next(line for line in reversed(load.log()) if " stopped " in line))
            out[name] = {
                "p50_milliseconds": float(words["acknowledged_in_ms_p50"]),
                "p99_milliseconds": float(words["acknowledged_in_ms_p99"]),
                "dropped_samples": int(words["dropped"]),
                "lines_a_second": lines / took,
            }
        server.terminate()
        return out


def show(result):
    print(f"{result['machine']}; {result['date']}; load of others {result['load_before']:.1f}\n")
    print("engine")
    for name, value in result["engine"].items():
        print(f"  {name:<44} {value:>12.4g}")
    one, backlog, tail = result["client"], result["backlog"], result["tail"]
    print(f"client, 1,000 lines/s     {one['core_percent']:.2f} % of a core, {one['mib']:+.2f} MiB")
    print(f"backlog                   {backlog['lines_a_second']:,.0f} lines/s, {backlog['bytes_a_line']:.0f} B each; CPU s a million: "
          f"client {backlog['client_cpu_seconds_a_million']:.2f}, server {backlog['server_cpu_seconds_a_million']:.2f}; "
          f"server {backlog['server_mib']:+.0f} MiB")  # fmt: skip
    print(f"tail                      median {tail['median_seconds']:.2f} s, longest {tail['longest_seconds']:.2f} s")
    for name, phase in result["beside"].items():
        print(f"acknowledged, {name:<11} p50 {phase['p50_milliseconds']:.1f} ms, p99 {phase['p99_milliseconds']:.1f} ms"
              f"; {phase['lines_a_second']:,.0f} lines/s; {phase['dropped_samples']} samples lost")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench logs", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    parser.add_argument("--lines", type=int, default=10_000_000, help="of the engine; default 10,000,000")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="lines of the client's file; default 1,000,000")
    parser.add_argument("--seconds", type=int, default=30, help="measured for each of the others; default 30")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory and say where it is")
    options = parser.parse_args()
    for name in ("lines", "backlog", "seconds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be positive")
    load_before = os.getloadavg()[0]
    bench = Bench(options)
    try:
        result = {"date": time.strftime("%F", time.gmtime()), "machine": machine(), "load_before": load_before, "engine": bench.engine(),
                  "client": bench.one_client(), "backlog": bench.backlog(), "tail": bench.tail(), "beside": bench.beside()}  # fmt: skip
    except AssertionError as error:
        print(f"bench logs: error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        bench.close()
    harness.publish(result, options.json, show)


if __name__ == "__main__":
    main()
