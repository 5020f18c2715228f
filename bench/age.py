#!/usr/bin/env python3
# A store that is a year old beside one of a week: start, memory, a day's page, how long a write waits
# builds: store-bench bench-dataset
"""What ./resmon bench age measures: whether a server gets slower as its store gets older. Two stores are made at speed (store-bench age),
one a week and one a year old, with the retention that a server has by default: a gather an hour of what the client gathered on this machine,
and one each ten seconds in the last day. Then a server is started on each, and the queries of one host's page over the last day are asked.

Retention passes once a day in the hourly part, and after each gather in the last day. A year of hourly gathers gives as many hours as a
year has, and fewer minutes and rows than a real one. The longest hold-up is that of the thread that writes to the store, retention
included; what clients send is acknowledged before, from the journal."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))

import harness  # noqa: E402
from harness import house, machine, progress  # noqa: E402

GOALS = {"start_seconds": 2, "rss_bytes": 400e6, "page_ratio": 2, "longest_write_at_full_pace_seconds": 0.1}


class Bench(harness.Scratch):
    def __init__(self, options):
        super().__init__("age", options)
        self.end = int(time.time()) // 3600 * 3600

    def run(self, name, *arguments):
        return subprocess.run([os.path.join(house.BUILD, "bin", name), *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def aged(self, days, recording):
        o = self.options
        folder = os.path.join(self.folder, f"days-{days}")
        os.mkdir(folder)
        progress(f"a store of {o.hosts} hosts, {days} days old…")
        made = json.loads(self.run("store-bench", "age", recording, o.hosts, days, o.full_hours, 10, self.end, os.path.join(folder, "store")))
        began = time.monotonic()
        server = house.Server(folder, "log.level=warn", label="resmon")
        self.processes.append(server.process)
        house.wait_for("the server", lambda: answers(server), 60, 0.02)
        started = time.monotonic() - began
        command = ["node", os.path.join(HERE, "page_queries.mjs"), f"host{o.hosts // 2:05}", (self.end - o.full_hours * 3600) * 1000, self.end * 1000, 10_000]
        page = json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)
        statement = ";".join(ask["statement"] for ask in page["asked"])
        form = urllib.parse.urlencode({"db": "resmon", "epoch": "ms", "q": statement})
        times = []
        for _ in range(o.rounds):
            before = time.perf_counter()
            answer = house.request(server.http_port, "POST", "/query", form, {"Content-Type": "application/x-www-form-urlencoded"})
            times.append(time.perf_counter() - before)
        series = sum(len(result.get("series", [])) for result in answer.json()["results"])
        if answer.status != 200 or series < len(page["asked"]) / 2:
            raise AssertionError(f"the page has {series} series: {answer.status}")
        with open(f"/proc/{server.pid}/status") as file:
            rss = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
        server.kill()
        low, median, high = statistics.quantiles(times, n=4)
        return {"days": days, **made, "start_seconds": round(started, 3), "server_rss_bytes": rss,
                "page_median_milliseconds": round(median * 1e3, 2), "page_spread_milliseconds": round((high - low) * 1e3, 2)}  # fmt: skip


def answers(server):
    if not server.running():
        raise AssertionError("the server ended: " + "\n".join(server.log()[-5:]))
    try:
        return server.healthy()
    except OSError:
        return False


def show(result):
    print(f"{result['machine']}; {result['hosts']} hosts; {result['date']}\n")
    print("days  M samples  disk MB   rows  minutes  hours   chunks  expired  start s  server MB  page ms      ±  held up ms  (full pace)")
    for r in result["stores"]:
        sizes = "".join(f"{r[key] / 1e6:{width}.0f}" for key, width in (("samples", 11), ("disk_bytes", 9), ("rows_bytes", 7), ("minutes_bytes", 9), ("hours_bytes", 7)))
        print(f"{r['days']:4}{sizes}{r['chunks']:9}{r['expired_chunks']:9}{r['start_seconds']:9.2f}{r['server_rss_bytes'] / 1e6:11.0f}"
              f"{r['page_median_milliseconds']:9.1f}{r['page_spread_milliseconds']:7.1f}{r['longest_write_seconds'] * 1e3:12.0f}{r['longest_write_at_full_pace_seconds'] * 1e3:13.0f}")  # fmt: skip
    young, old = result["stores"]
    measured = {"start_seconds": old["start_seconds"], "rss_bytes": old["server_rss_bytes"],
                "page_ratio": old["page_median_milliseconds"] / young["page_median_milliseconds"],
                "longest_write_at_full_pace_seconds": old["longest_write_at_full_pace_seconds"]}  # fmt: skip
    print()
    for name, goal in GOALS.items():
        print(f"goal: {name} at most {goal:g}: {measured[name]:.3g}  {'met' if measured[name] <= goal else 'MISSED'}")


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench age", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    parser.add_argument("--hosts", type=int, default=20, help="default 20; a year of one is made in about 25 s")
    parser.add_argument("--days", type=int, default=365, help="of the older store; default 365")
    parser.add_argument("--full-hours", type=int, default=24, help="at full pace at the end; default 24")
    parser.add_argument("--gathers", type=int, default=60, help="gathers to record and replay; default 60")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory and say where it is")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        recording = os.path.join(bench.folder, "recording.lp")
        progress(f"recording {options.gathers} gathers of this machine, one a second…")
        bench.run("bench-dataset", "record", recording, options.gathers, 1)
        stores = [bench.aged(days, recording) for days in (7, options.days)]
    except (AssertionError, subprocess.CalledProcessError) as error:
        print(f"bench age: error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        bench.close()
    result = {"date": time.strftime("%F", time.gmtime()), "machine": machine(), "hosts": options.hosts, "full_hours": options.full_hours, "stores": stores}
    harness.publish(result, options.json, show)


if __name__ == "__main__":
    main()
