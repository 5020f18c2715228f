#!/usr/bin/env python3
# Queries: latency beside InfluxDB and VictoriaMetrics on the same data
# builds: bench-dataset
# packages: influxdb bench-stores
"""What ./resmon bench query measures: how long the queries take that people wait for, in resmon-server's embedded store, in Debian's
influxd and in Debian's victoria-metrics, on the same data in the same run.

The data: what the client gathered on this machine (bench-dataset), replayed as many hosts over many hours and written over HTTP as line
protocol to each store. The queries are InfluxQL for two of them and their MetricsQL equivalents for the third, over one kept connection
each; every round asks each store each question once, in turn, so that what else the machine does meets all alike. The table shows
medians. Before anything is timed the answers are compared: rows of resmon and influxd one by one.

VictoriaMetrics' cache of answers is off: it would answer the second round without reading anything. Its equivalents differ in detail
(windows end where InfluxDB's begin), which changes nothing in what has to be read."""

import argparse
import contextlib
import http.client
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))

import harness  # noqa: E402
from harness import house, machine, progress  # noqa: E402

BODY_BYTES = 8 << 20
CPU = "cpu_usage_active"
KEPT = ("hosts", "hours", "interval", "only_cpu", "series")  # options that say what the stores of --data hold


class Store:
    """One program under comparison; `ask` sends what `question` made and returns the parsed answer."""

    def __init__(self, name, port, write_path, headers=None):
        self.name, self.port, self.write_path, self.headers = name, port, write_path, headers or {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def write(self, body):
        for attempt in range(100):
            status, said = self.call("POST", self.write_path, body)
            if status in (200, 204):
                return
            if status not in (429, 500, 503):
                break
            time.sleep(0.2)
        raise AssertionError(f"{self.name} refused a write: {status} {said[:300]!r}")

    def influxql(self, text):
        form = urllib.parse.urlencode({"db": "resmon", "epoch": "ms", "q": text})
        status, body = self.call("POST", "/query", form, {"Content-Type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise AssertionError(f"{self.name}: {status} {body[:300]!r}")
        return body

    def metricsql(self, requests):
        out = []
        for path, parameters in requests:
            status, body = self.call("GET", f"{path}?{urllib.parse.urlencode({**parameters, 'nocache': 1})}")
            if status != 200:
                raise AssertionError(f"{self.name}: {status} {body[:300]!r}")
            out.append(body)
        return b"".join(out)


def rows_of(body):
    """(measurement, tags, time, values) of every row of an InfluxQL answer, by statement."""
    out = []
    for result in json.loads(body)["results"]:
        if "error" in result:
            raise AssertionError(result["error"])
        for series in result.get("series", []):
            tags = tuple(sorted(series.get("tags", {}).items()))
            for row in series["values"]:
                out.append((result["statement_id"], series.get("name"), tags, row[0], tuple(row[1:])))
    return out


def near(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def compare(name, ours, theirs):
    mine, other = rows_of(ours), rows_of(theirs)
    if len(mine) != len(other):
        raise AssertionError(f"{name}: {len(mine)} rows, influxd has {len(other)}")
    for a, b in zip(mine, other):
        # Of hosts with the same maximum (a busy machine was recorded), which come first is nobody's promise.
        if name.startswith("top ") and near(a[4][0], b[4][0]):
            continue
        if a[:4] != b[:4] or len(a[4]) != len(b[4]) or not all(map(near, a[4], b[4])):
            raise AssertionError(f"{name}: {a}, influxd has {b}")
    return len(mine)


class Bench(harness.Scratch):
    def __init__(self, options):
        folder = os.path.abspath(options.data) if options.data else None
        super().__init__("query", options, folder)
        # What was written to the stores of --data. Not there before all of it was.
        self.written_path = os.path.join(self.folder, "written.json")
        self.written = None
        if folder:
            os.makedirs(folder, exist_ok=True)
        if os.path.exists(self.written_path):
            with open(self.written_path) as file:
                self.written = json.load(file)
            for key in KEPT:
                setattr(options, key, self.written[key])
        elif os.listdir(self.folder):
            raise AssertionError(f"{self.folder} has no stores that were written whole: remove it")
        self.end = self.written["end"] if self.written else int(time.time()) // 3600 * 3600
        self.begin = self.end - int(options.hours * 3600)
        self.server = None

    def close(self):
        """The peers end in order, so that stores that are kept are whole. resmon needs no such care, and what it has not sealed yet
        shall not be sealed when they are asked again."""
        if self.given:
            resmon = self.server and self.server.process
            for process in self.processes:
                if process is not resmon:
                    process.terminate()
            for process in self.processes:
                if process is not resmon:
                    process.wait(120)
        super().close()

    def launch(self, name, command, environment=None):
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**house.clean_environment(), **(environment or {})})
        self.processes.append(process)
        return process

    def ready(self, store, path, process):
        def answers():
            if process.poll() is not None:
                raise AssertionError(f"{store.name} ended")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return store.call("GET", path)[0] in (200, 204)
            store.connection.close()
            return False

        house.wait_for(store.name, answers, 60)
        return store

    def resmon(self):
        self.server = house.Server(self.folder, "log.level=warn", "store.disk_limit_bytes=0", "store.retain=0s", label="resmon")
        self.processes.append(self.server.process)
        store = Store("resmon", self.server.http_port, "/write?db=resmon", {"Authorization": f"Token {house.TOKEN}"})
        return self.ready(store, "/ping", self.server.process)

    def influxd(self):
        port = house.free_port()
        environment = harness.influxd_environment(os.path.join(self.folder, "influxd"), port)
        process = self.launch("influxd", [harness.peer("influxd"), "run", "-config", "/dev/null"], environment)
        store = self.ready(Store("influxd", port, "/write?db=resmon"), "/ping", process)
        store.influxql("CREATE DATABASE resmon")
        return store

    def victoria(self):
        port = house.free_port()
        process = self.launch(
            "victoria-metrics",
            [harness.peer("victoria-metrics"), f"-storageDataPath={self.folder}/victoria", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=12",
             "-search.maxUniqueTimeseries=1000000", "-search.maxPointsPerTimeseries=1000000", "-search.latencyOffset=0s", "-loggerLevel=ERROR"],
        )  # fmt: skip
        return self.ready(Store("victoria-metrics", port, "/write"), "/health", process)

    def record(self):
        """Before the stores start: their connections would be idle for so long that some close them."""
        o = self.options
        if self.written:
            return
        self.dataset = os.path.join(house.BUILD, "bin", "bench-dataset")
        self.recording = o.recording or os.path.join(self.folder, "recording.lp")
        if not o.recording:
            progress(f"recording {o.gathers} gathers of this machine, one a second…")
            subprocess.run([self.dataset, "record", self.recording, str(o.gathers), "1"], check=True)
        if o.only_cpu:
            with open(self.recording) as file:
                lines = [line for line in file if line.startswith("cpu,")]
            self.recording = os.path.join(self.folder, "cpu.lp")
            with open(self.recording, "w") as file:
                file.writelines(lines)

    def load(self, stores):
        o = self.options
        if self.written:
            return self.written["data"]
        progress(f"writing {o.hosts} hosts × {o.hours:g} h, a gather each {o.interval} s, to {', '.join(s.name for s in stores)}…")
        source = subprocess.Popen(
            [self.dataset, "lines", self.recording, str(o.hosts), str(int(o.hours * 3600)), str(o.interval), str(self.begin)], stdout=subprocess.PIPE
        )
        self.processes.append(source)
        took = {store.name: 0.0 for store in stores}
        lines = total = 0
        rest = b""
        while True:
            block = source.stdout.read(BODY_BYTES)
            body = rest + block
            if block:
                cut = body.rfind(b"\n") + 1
                body, rest = body[:cut], body[cut:]
            if body:
                lines += body.count(b"\n")
                total += len(body)
                for store in stores:
                    began = time.monotonic()
                    store.write(body)
                    took[store.name] += time.monotonic() - began
            if not block:
                break
        if source.wait() != 0:
            raise AssertionError("bench-dataset failed")
        for body in self.many_series():
            for store in stores:
                store.write(body)
        progress(f"  {lines} lines, {total / 1e6:.0f} MB; seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in took.items()))
        return {"lines": lines, "bytes": total, "write_seconds": {k: round(v, 1) for k, v in took.items()}}

    def many_series(self):
        """--series of one measurement, three gathers of each, for a question that has to look at all their tags."""
        o = self.options
        for gather in range(3 if o.series else 0):
            time_ns = (self.end - (3 - gather) * o.interval) * 10**9
            for first in range(0, o.series, 50_000):
                yield "".join(
                    f"unit,host=host{n % 1000:05},name=svc-{n // 1000 % 7}-{n:06}.service active={n % 5 + gather} {time_ns}\n"
                    for n in range(first, min(first + 50_000, o.series))
                ).encode()

    def note_written(self, data):
        o = self.options
        with open(self.written_path, "w") as file:
            kept = {key: getattr(o, key) for key in KEPT}
            json.dump({**kept, "end": self.end, "data": data}, file)

    def settle(self, stores):
        """Everything written is where queries look, and what stores do afterwards has had its time."""
        o = self.options
        newest = f"SELECT last(usage_active) FROM cpu WHERE cpu = 'cpu-total' AND time >= {self.end - 2 * o.interval}s GROUP BY host"
        house.wait_for("resmon's store to have everything", lambda: len(rows_of(stores[0].influxql(newest))) == o.hosts, 600, 1.5)
        for store in stores:
            store.connection.close()  # some have idled for so long that their server is about to
        stores[2].call("GET", "/internal/force_flush")
        house.wait_seconds(self.options.settle)

    # Each question: name, InfluxQL, and requests to VictoriaMetrics.

    def questions(self):
        begin, end, o = self.begin, self.end, self.options
        host = "host00007"
        bounds = f"time >= {begin}s AND time < {end}s"
        ranged = lambda q, step: ("/api/v1/query_range", {"query": q, "start": begin + step, "end": end, "step": step})  # noqa: E731
        instant = lambda q: ("/api/v1/query", {"query": q, "time": end})  # noqa: E731
        total = '{cpu="cpu-total"}'
        wide = 300 if o.hours <= 48 else 3600
        out = [
            (f"last value of {o.hosts} hosts",
             f"SELECT last(usage_active) FROM cpu WHERE cpu = 'cpu-total' AND time >= {end - 300}s AND time < {end}s GROUP BY host",
             [instant(f"last_over_time({CPU}{total}[5m])")]),
            ("one host, 1 min means",
             f"SELECT mean(usage_active) FROM cpu WHERE cpu = 'cpu-total' AND host = '{host}' AND {bounds} GROUP BY time(1m)",
             [ranged(f'avg_over_time({CPU}{{cpu="cpu-total",host="{host}"}}[1m])', 60)]),
            (f"{o.hosts} hosts, {wide // 60} min means",
             f"SELECT mean(usage_active) FROM cpu WHERE cpu = 'cpu-total' AND {bounds} GROUP BY time({wide // 60}m), host",
             [ranged(f"avg_over_time({CPU}{total}[{wide // 60}m])", wide)]),
            ("top 5 hosts by maximum",
             f"SELECT top(m, 5), host FROM (SELECT max(usage_active) AS m FROM cpu WHERE cpu = 'cpu-total' AND {bounds} GROUP BY host)",
             [instant(f"topk(5, max_over_time({CPU}{total}[{end - begin}s]))")]),
            ("last value, whenever it was",
             "SELECT last(usage_active) FROM cpu WHERE cpu = 'cpu-total' GROUP BY host",
             [instant(f"last_over_time({CPU}{total}[{end - begin}s])")]),
        ]  # fmt: skip
        if o.series:
            pattern = "svc-[135]-.*(07|[2-4]9)\\.service"
            out.append((
                f"regex on the tags of {o.series} series",
                f"SELECT last(active) FROM unit WHERE \"name\" =~ /^{pattern}$/ AND time >= {end - 300}s AND time < {end}s GROUP BY host, \"name\"",
                [instant(f'last_over_time(unit_active{{name=~"{pattern}"}}[5m])'.replace("\\", "\\\\"))],
            ))  # fmt: skip
        if o.only_cpu:
            return out
        for name, seconds in (("a host's page, 1 hour", 3600), ("a host's page, 24 hours", end - begin)):
            out.append((name, *self.page(name, host, max(begin, end - seconds), end)))
        return out

    def page(self, name, host, begin, end):
        """What the page sends for one host, and the same of VictoriaMetrics: one request for each kind of function of a chart."""
        command = ["node", os.path.join(HERE, "page_queries.mjs"), host, begin * 1000, end * 1000, self.options.interval * 1000]
        page = json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)
        begin, end, step = page["from"] // 1000, page["to"] // 1000, page["step"] // 1000
        requests = []
        functions = {"mean": "avg_over_time", "min": "min_over_time", "max": "max_over_time", "sum": "sum_over_time", "count": "count_over_time"}
        for ask in page["asked"]:
            wanted = {}
            for expression in ask["columns"]:
                fields = re.findall(r'(\w+)\("([^"]+)"\)', expression)
                rate = expression.startswith("non_negative_derivative")
                for function, field in fields:
                    wanted.setdefault("rate" if rate else functions[function], set()).add(re.sub(r"[^a-zA-Z0-9_:]", "_", field))
            labels = ",".join(f'{k}="{v}"' for k, v in ask["where"])
            for function, fields in wanted.items():
                names = "|".join(f"{ask['from']}_{field}" for field in sorted(fields))
                selector = f'{{__name__=~"{names}",{labels}}}'
                bounds = {"start": begin + step, "end": end, "step": step}
                if "band_seconds" in ask:
                    band = ask["band_seconds"]
                    inner = f"({function}({selector}[{band}s]) keep_metric_names)[{step}s:{band}s]"
                    queries = [f"{bound}_over_time({inner}) keep_metric_names" for bound in ("min", "max")]
                else:
                    queries = [f"{function}({selector}[{step}s]) keep_metric_names"]
                requests += [("/api/v1/query_range", {"query": query, **bounds}) for query in queries]
        return ";".join(ask["statement"] for ask in page["asked"]), requests

    def measure(self, stores):
        resmon, influxd, victoria = stores
        questions = self.questions()
        rounds = {name: {store.name: [] for store in stores} for name, _, _ in questions}
        compared = 0
        for name, text, requests in questions:
            compared += compare(name, resmon.influxql(text), influxd.influxql(text))
            victoria.metricsql(requests)
        progress(f"{compared} rows of resmon and influxd are equal; timing {self.options.rounds} rounds…")
        profile = None
        if self.options.profile:
            profile = subprocess.Popen(["perf", "record", "-q", "-F", "1999", "-g", "-o", self.options.profile, "-p", str(self.server.pid)])
        for _ in range(self.options.rounds):
            for name, text, requests in questions:
                for store, ask in ((resmon, lambda s: s.influxql(text)), (influxd, lambda s: s.influxql(text)), (victoria, lambda s: s.metricsql(requests))):
                    began = time.perf_counter()
                    ask(store)
                    rounds[name][store.name].append(time.perf_counter() - began)
        if profile:
            profile.send_signal(subprocess.signal.SIGINT)
            profile.wait()
        out = []
        for name, by_store in rounds.items():
            row = {"query": name}
            for store, times in by_store.items():
                low, median, high = statistics.quantiles(times, n=4)
                row[store] = {"median_milliseconds": round(median * 1e3, 3), "spread_milliseconds": round((high - low) * 1e3, 3)}
            out.append(row)
        return out, compared

    def linear(self, resmon):
        """resmon alone: what is read doubles, and so on; what is stored stays."""
        out = []
        for hosts in (1, 10, 100):
            if hosts > self.options.hosts:
                continue
            for hours in (1, 6, 24):
                if hours > self.options.hours:
                    continue
                names = "|".join(f"host{n:05}" for n in range(hosts))
                text = (f"SELECT stddev(usage_active) FROM cpu WHERE cpu = 'cpu-total' AND host =~ /^({names})$/ "
                        f"AND time >= {self.end - hours * 3600}s AND time < {self.end}s GROUP BY host")
                if len(rows_of(resmon.influxql(text))) != hosts:
                    raise AssertionError(f"{text}: not {hosts} rows")
                times = []
                for _ in range(self.options.rounds):
                    began = time.perf_counter()
                    resmon.influxql(text)
                    times.append(time.perf_counter() - began)
                rows = hosts * hours * 3600 // self.options.interval
                out.append({"hosts": hosts, "hours": hours, "rows": rows, "median_milliseconds": round(statistics.median(times) * 1e3, 3)})
        return out


def show(result):
    d = result["data"]
    print(f"{result['machine']}; load {result['load_average']}; {result['date']}")
    print(f"{d['hosts']} hosts, {d['hours']:g} h, a gather each {d['interval']} s: {d['lines']} lines, {result['rounds']} rounds, medians; ±: between the quartiles\n")
    print(f"{'milliseconds':<40}{'resmon':>10}{'±':>8}{'influxd':>10}{'±':>8}{'victoria':>10}{'±':>8}{'× influxd':>11}{'× victoria':>12}")
    for row in result["queries"]:
        ms = [row[s]["median_milliseconds"] for s in ("resmon", "influxd", "victoria-metrics")]
        each = "".join(f"{row[s]['median_milliseconds']:10.2f}{row[s]['spread_milliseconds']:8.2f}" for s in ("resmon", "influxd", "victoria-metrics"))
        print(f"{row['query']:<40}{each}{ms[0] / ms[1]:11.2f}{ms[0] / ms[2]:12.2f}")
    print("\nrows read, not from windows    hosts  hours        rows        ms   ns/row")
    for row in result["linear"]:
        print(f"{'':<28}{row['hosts']:8}{row['hours']:7}{row['rows']:12}{row['median_milliseconds']:10.2f}{row['median_milliseconds'] * 1e6 / row['rows']:9.0f}")
    print()
    for row in result["queries"]:
        ms = [row[s]["median_milliseconds"] for s in ("resmon", "influxd", "victoria-metrics")]
        print(f"goal: faster than both: {row['query']}: {'met' if ms[0] < min(ms[1:]) else 'MISSED'}")


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench query", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--interval", type=int, default=10, help="seconds between gathers; default 10")
    parser.add_argument("--gathers", type=int, default=60, help="gathers to record and replay; default 60")
    parser.add_argument("--recording", metavar="FILE", help="a recording that is there (bench-dataset record)")
    parser.add_argument("--only-cpu", action="store_true", help="only the measurement cpu, for many hosts or days")
    parser.add_argument("--series", type=int, default=0, help="more series of one measurement, among which a regex chooses; default 0")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--settle", type=int, default=15, help="seconds between writing and asking; default 15")
    parser.add_argument("--profile", metavar="FILE", help="perf record of resmon-server while it is asked")
    parser.add_argument("--data", metavar="DIR", help="stores that are kept: written to at first, only asked after that")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory and say where it is")
    options = parser.parse_args()
    bench = None
    try:
        bench = Bench(options)
        for name in (harness.peer("influxd"), harness.peer("victoria-metrics"), "node"):
            if not shutil.which(name):
                raise AssertionError(f"{name} is not installed")
        bench.record()
        stores = [bench.resmon(), bench.influxd(), bench.victoria()]
        data = bench.load(stores)
        bench.settle(stores)
        bench.note_written(data)
        queries, compared = bench.measure(stores)
        with open("/proc/loadavg") as file:
            load = " ".join(file.read().split()[:3])
        result = {
            "date": time.strftime("%F", time.gmtime()), "machine": machine(), "load_average": load, "rounds": options.rounds,
            "data": {"hosts": options.hosts, "hours": options.hours, "interval": options.interval, **data},
            "rows_compared": compared, "queries": queries, "linear": bench.linear(stores[0]),
        }  # fmt: skip
    except (AssertionError, subprocess.CalledProcessError) as error:
        print(f"bench query: error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        if bench:
            bench.close()
    harness.publish(result, options.json, show)


if __name__ == "__main__":
    main()
