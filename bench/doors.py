#!/usr/bin/env python3
# Line protocol over TCP at 1, 10 and 1,000 connections, beside VictoriaMetrics and InfluxDB
"""What ./resmon bench doors measures: the same lines, sent by one generator over loopback to one server after the other, each on a
scratch directory, in rounds that take turns:

  resmon     resmon-server, [input.NAME] with url = "tcp:…": rules, checks, journal, store
  victoria   victoria-metrics -influxListenAddr
  influxd    influxd 1.x over HTTP, which has no listener of lines over TCP; left out where it is not installed

and the same samples by Prometheus' remote write 1.0 to the first two, in messages of at most 10,000 samples (`--remote-write-steps`
gathers, because each sample carries its labels). Each connection sends its next message when the last one is answered: by resmon when it
is durable, by VictoriaMetrics at once.

Each of N connections sends its part of the hosts, in the order of time, as fast as the server reads. A round ends when the server's own
counter says that it has stored every sample: what was lost on the way would make it wait until it gives up, and say so. Generator and
servers share the cores. A door with another protocol is one more entry in DOORS.
"""

import argparse
import http.client
import os
import random
import resource
import selectors
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import cpu_seconds, house, machine, progress  # noqa: E402

FIELDS = 10
MEASUREMENTS = ("cpu", "mem", "net", "disk", "diskio")
NS = 10**9


def lines_of(hosts, steps, begin):
    """By host: its lines, a gather each 10 s, in the order of time."""
    rng = random.Random(7)
    out = []
    for host in range(hosts):
        values = [[rng.randrange(100000) for _ in range(FIELDS)] for _ in MEASUREMENTS]
        lines = []
        for step in range(steps):
            at = (begin + 10 * step) * NS
            for name, row in zip(MEASUREMENTS, values):
                for i in range(FIELDS):
                    row[i] += rng.randrange(50)
                fields = ",".join(f"field_{i}={v / 4}" if i % 2 else f"field_{i}={v}" for i, v in enumerate(row))
                lines.append(f"{name},host=web-{host:04},region=north,unit=a {fields} {at}\n")
        out.append("".join(lines).encode())
    return out


def field(number, kind, data):
    return bytes([number << 3 | kind]) + data


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def text(number, data):
    return field(number, 2, varint(len(data)) + data)


def snappy(data):
    """Literals only, which any decoder takes; there is no encoder in Python."""
    out = [varint(len(data))]
    for begin in range(0, len(data), 65536):
        piece = data[begin : begin + 65536]
        out.append(bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece)
    return b"".join(out)


def messages_of(hosts, steps, begin):
    """By host: its gathers as parts of a message, in the order of time."""
    rng = random.Random(7)
    out = []
    for host in range(hosts):
        series = []
        for name in MEASUREMENTS:
            for i in range(FIELDS):
                labels = (("__name__", f"{name}_field_{i}"), ("host", f"web-{host:04}"), ("region", "north"), ("unit", "a"))
                series.append((b"".join(text(1, text(1, k.encode()) + text(2, v.encode())) for k, v in labels), rng.randrange(100000)))
        gathers = []
        for step in range(steps):
            at = varint((begin + 10 * step) * 1000)
            rows = []
            for i, (labels, value) in enumerate(series):
                value += rng.randrange(50)
                rows.append(text(1, labels + text(2, field(1, 1, struct.pack("<d", value)) + field(2, 0, at))))
                series[i] = (labels, value)
            gathers.append(b"".join(rows))
        out.append(gathers)
    return out


class Resmon:
    name = "resmon"
    write_path = "/api/v1/prom/write"

    def __init__(self, bench, folder):
        self.port = house.free_port()
        self.server = house.Server(
            folder, f"input.lines.url=tcp:127.0.0.1:{self.port}", "journal.limit_bytes=4GiB", "alerts.enabled=false"
        )
        bench.processes.append(self.server)
        self.server.wait_ready()
        self.pid = self.server.pid
        self.http_port = self.server.http_port

    def stored(self, _):
        return self.server.metrics()["resmon_store_samples_total"]

    def end(self):
        self.server.kill()


class Peer:
    def __init__(self, bench, command, environment, http_port, ready):
        self.http_port = http_port
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.processes.append(self.process)
        self.pid = self.process.pid

        def answers():
            try:
                return house.request(http_port, "GET", ready).status < 300
            except OSError:
                return False

        house.wait_for(command[0], answers, 60)

    def end(self):
        self.process.kill()
        self.process.wait()


class Victoria(Peer):
    name = "victoria"
    write_path = "/api/v1/write"

    def __init__(self, bench, folder):
        self.port = house.free_port()
        port = house.free_port()
        super().__init__(
            bench,
            [harness.peer("victoria-metrics"), f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}", f"-influxListenAddr=127.0.0.1:{self.port}",
             "-retentionPeriod=100y", "-loggerLevel=ERROR"],
            dict(os.environ), port, "/health",
        )  # fmt: skip

    def stored(self, kind):
        text = house.request(self.http_port, "GET", "/metrics").body.decode()
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(f'vm_rows_inserted_total{{type="{kind}"'))


class Influxd(Peer):
    name = "influxd"
    port = None

    def __init__(self, bench, folder):
        port = house.free_port()
        super().__init__(bench, [harness.peer("influxd"), "run", "-config", "/dev/null"], {**os.environ, **harness.influxd_environment(folder, port)}, port, "/ping")
        house.request(port, "POST", "/query?q=CREATE+DATABASE+bench")
        self.samples = 0
        self.lock = threading.Lock()

    def stored(self, _):  # each request was answered when it was stored
        return self.samples

    def write(self, parts):
        def one(part):
            connection = http.client.HTTPConnection("127.0.0.1", self.http_port)
            for begin in range(0, len(part), 5000):
                body = b"\n".join(part[begin : begin + 5000])
                connection.request("POST", "/write?db=bench", body)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 204:
                    raise AssertionError(f"influxd: {answer.status}")
                with self.lock:
                    self.samples += FIELDS * (body.count(b"\n") + 1)

        threads = [threading.Thread(target=one, args=(part.split(b"\n")[:-1],)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def send_over_tcp(port, parts):
    """Every part over a connection of its own, all at once."""
    selector = selectors.DefaultSelector()
    for part in parts:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_WRITE, memoryview(part))
    while selector.get_map():
        for key, _ in selector.select():
            rest = key.data[key.fileobj.send(key.data[: 1 << 18]) :]
            if rest:
                selector.modify(key.fileobj, selectors.EVENT_WRITE, rest)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def send_messages(port, path, parts):
    """Every part, a list of messages, over a connection of its own, all at once; the next one when the last one is answered."""
    selector = selectors.DefaultSelector()

    def begin(connection, waiting):
        body = waiting.pop()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {house.TOKEN}\r\nContent-Type: application/x-protobuf\r\n"
            f"Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return [memoryview(head.encode() + body), b"", waiting]

    for part in parts:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_WRITE, begin(connection, part[::-1]))
    while selector.get_map():
        for key, events in selector.select():
            state = key.data
            if events & selectors.EVENT_WRITE:
                state[0] = state[0][key.fileobj.send(state[0][: 1 << 18]) :]
                if not state[0]:
                    selector.modify(key.fileobj, selectors.EVENT_READ, state)
                continue
            data = key.fileobj.recv(65536)
            state[1] += data
            if not data or (state[1].find(b"\r\n\r\n") >= 0 and not state[1].startswith(b"HTTP/1.1 204")):
                raise AssertionError(f"{path}: {state[1][:300]}")
            if b"\r\n\r\n" not in state[1]:
                continue
            if state[2]:
                selector.modify(key.fileobj, selectors.EVENT_WRITE, begin(key.fileobj, state[2]))
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


class Bench(harness.Scratch):
    def __init__(self, options):
        super().__init__("doors", options)
        progress("making lines…")
        self.hosts = {
            "influx": lines_of(options.hosts, options.steps, int(time.time()) - 10 * options.steps),
            "promremotewrite": messages_of(options.hosts, options.remote_write_steps, int(time.time()) - 10 * options.remote_write_steps),
        }
        gather = FIELDS * len(MEASUREMENTS)
        self.samples = {"influx": gather * options.hosts * options.steps, "promremotewrite": gather * options.hosts * options.remote_write_steps}

    def parts(self, kind, connections):
        hosts = self.hosts[kind]
        count = min(connections, len(hosts))
        if kind == "influx":
            return [b"".join(hosts[i::count]) for i in range(count)]
        at_once = 10000 // (FIELDS * len(MEASUREMENTS))
        parts = [[gather for step in zip(*hosts[i::count]) for gather in step] for i in range(count)]
        return [[snappy(b"".join(part[i : i + at_once])) for i in range(0, len(part), at_once)] for part in parts]

    def round(self, kind, make, connections):
        folder = os.path.join(self.folder, make.name)
        os.makedirs(folder)
        server = make(self, folder)
        parts = self.parts(kind, connections)
        cpu, begin = cpu_seconds(server.pid), time.monotonic()
        if kind == "promremotewrite":
            send_messages(server.http_port, make.write_path, parts)
        elif server.port is None:
            server.write(parts)
        else:
            send_over_tcp(server.port, parts)
        sent = time.monotonic() - begin
        house.wait_for(f"every sample in {make.name}", lambda: server.stored(kind) >= self.samples[kind], 120, every=0.01)
        took = time.monotonic() - begin
        cpu = cpu_seconds(server.pid) - cpu
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
        return {"samples_per_second": self.samples[kind] / took, "cpu_seconds_per_million": cpu / self.samples[kind] * 1e6, "sent_seconds": sent}


DOORS = {"influx over TCP": ("influx", (Resmon, Victoria, Influxd)), "remote write": ("promremotewrite", (Resmon, Victoria))}


def show(figures, options):
    millions = sum(figures["samples"].values()) / 1e6
    print(f"{figures['machine']}, load {figures['load']:.1f}; {millions:.1f} M samples a round of all doors, {options.rounds} rounds")
    print(f"{'door':<18}{'connections':>12}{'M samples/s':>13}{'CPU s a M':>11}{'VM':>8}{'CPU':>7}{'×':>7}{'influxd':>9}{'CPU':>7}{'×':>7}")
    for row in figures["rows"]:
        text = f"{row['door']:<18}{row['connections']:>12}{row['resmon']['samples_per_second'] / 1e6:>13.2f}{row['resmon']['cpu_seconds_per_million']:>11.2f}"
        for name, width in (("victoria", 8), ("influxd", 9)):
            if name in row:
                one = row[name]
                text += f"{one['samples_per_second'] / 1e6:>{width}.2f}{one['cpu_seconds_per_million']:>7.2f}{row[f'ratio_to_{name}']:>7.2f}"
        print(text)
    met = all(row.get("ratio_to_victoria", 1) >= 1 for row in figures["rows"])
    print(f"goal: at least VictoriaMetrics' pace at each number of connections: {'met' if met else 'MISSED'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--connections", default="1,10,1000", help="how many, comma-separated (default 1,10,1000)")
    parser.add_argument("--hosts", type=int, default=1000, help="whose lines are sent (default 1000)")
    parser.add_argument("--steps", type=int, default=60, help="gathers of each (default 60)")
    parser.add_argument("--remote-write-steps", type=int, default=20, help="gathers of each by remote write (default 20)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (default 3)")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 8192:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    bench = Bench(options)
    rows = []
    try:
        for door, (kind, servers) in DOORS.items():
            servers = [s for s in servers if s is Resmon or shutil.which(harness.peer({"victoria": "victoria-metrics"}.get(s.name, s.name)))]
            for connections in map(int, options.connections.split(",")):
                found = {s.name: [] for s in servers}
                for number in range(options.rounds):
                    for make in servers:
                        if make is Influxd and connections > 100:
                            continue
                        progress(f"{door}, {connections} connections, round {number + 1}: {make.name}…")
                        found[make.name].append(bench.round(kind, make, connections))
                medians = {name: {key: statistics.median(one[key] for one in some) for key in some[0]} for name, some in found.items() if some}
                rows.append({"door": door, "connections": connections, **medians})
    finally:
        bench.close()
    for row in rows:
        for name in ("victoria", "influxd"):
            if name in row:
                row[f"ratio_to_{name}"] = row["resmon"]["samples_per_second"] / row[name]["samples_per_second"]
    figures = {"machine": machine(), "load": os.getloadavg()[0], "samples": bench.samples, "rows": rows}
    harness.publish(figures, options.json, lambda figures: show(figures, options))


main()
