#!/usr/bin/env python3
"""Writes the tables of docs/benchmarks.md from the records of runs: python3 bench/document.py [NAME=RECORD.json…] [--check]

A record (judge.py) becomes bench/records/NAME.json, if its machine was quiet. A table stands between the lines
<!-- bench/records: NAME… --> and <!-- end --> of the document, as its bench's function here writes it; several names are runs of one bench.
--check writes nothing and fails where a table is not what its records say (./resmon test lint)."""

import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RECORDS = os.path.join(ROOT, "bench", "records")
DOCUMENT = os.path.join(ROOT, "docs", "benchmarks.md")
TABLE = re.compile(r"(<!-- bench/records: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def number(value):
    """Three digits that say something."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def said(record):
    """How the run was made."""
    words = [record["date"][:10], record["machine"], f"others {record['others_cores']['mean']} of a core"]
    words += [f"{name} {version}" for name, version in record["versions"].items()]
    yield f"`{' '.join(record['command'])}`: {', '.join(words)}."


def query(*records):
    """One table of all runs: each query its line, each run two columns."""
    yield "; ".join(f"{one['hosts']:,} hosts, {one['hours']:g} h, a gather each {one['interval']} s: {one['lines']:,} lines"
                    for one in (record["figures"]["data"] for record in records)) + "."  # fmt: skip
    yield ""
    rows = {}
    for column, record in enumerate(records):
        for row in record["figures"]["queries"]:
            query = re.sub(r"^[\d,]+ hosts, \d+ min means$", "all hosts, 5 or 60 min means", re.sub(r"of [\d,]+ hosts$", "of all hosts", row["query"]))
            ms = [row[store]["median_milliseconds"] for store in ("resmon", "influxd", "victoria-metrics")]
            times = " ".join(f"{one:.2f}" if one < 1 else f"**{one:.2f}**" for one in (ms[0] / other for other in ms[1:]))
            cells = rows.setdefault(query, [""] * 2 * len(records))
            cells[2 * column : 2 * column + 2] = [f"{number(ms[0])} ± {number(row['resmon']['spread_milliseconds'])}", times]
    header = [f"{record['figures']['data']['hosts']:,} × {record['figures']['data']['hours']:g} h, ms" for record in records]
    yield from table(["medians ± the quartiles' distance", *(one for name in header for one in (name, "× influxd, × VM"))],
                     [[query, *cells] for query, cells in rows.items()])  # fmt: skip


def age(record):
    f = record["figures"]
    yield f"{f['hosts']} hosts; the last {f['full_hours']} h with a gather each 10 s, before them one an hour:"
    yield ""
    header = ["days old", "M samples", "disk MB", "started after s", "server MB", "a day's page ms", "ingest held up at most, ms"]
    rows = [[str(r["days"]), number(r["samples"] / 1e6), number(r["disk_bytes"] / 1e6), number(r["start_seconds"]),
             number(r["server_rss_bytes"] / 1e6), f"{number(r['page_median_milliseconds'])} ± {number(r['page_spread_milliseconds'])}",
             number(r["longest_write_at_full_pace_seconds"] * 1e3)] for r in f["stores"]]  # fmt: skip
    yield from table(header, rows)


def met(good):
    return "met" if good else "**missed**"


def ingest(record):
    f = record["figures"]
    goals = f["goals"]
    if f["full_pace"]:
        header = ["full pace", "M samples/s", "into the store", "CPU s per million", "the server's", "ack p50 ms", "p99 ms", "B a sample"]
        rows = [[r["name"], number(r["samples_per_second"] / 1e6), number(r["stored_samples_per_second"] / 1e6), f"{r['cpu_seconds_per_million']:.3f}",
                 f"{r['server_cpu_seconds_per_million']:.3f}", number(r["acknowledged_p50_milliseconds"]),
                 number(r["acknowledged_p99_milliseconds"]), number(r["wire_bytes_per_sample"])] for r in f["full_pace"]]  # fmt: skip
        yield from table(header, rows)
        durable = f["full_pace"][0]
        yield ""
        yield (f"Goals: ≥ {number(goals['samples_per_second'] / 1e6)} M samples/s: {met(durable['samples_per_second'] >= goals['samples_per_second'])}; "
               f"≤ {goals['cpu_seconds_per_million']:.2f} CPU s per million: {met(durable['cpu_seconds_per_million'] <= goals['cpu_seconds_per_million'])}. "
               f"Catching up: {f['catching_up']['wire_bytes_per_sample']} B a sample.")  # fmt: skip
        yield ""
    header = ["clients", "values a gather", "CPU, % of a core", "memory MB", "kB a client", "ack p50 ms", "p99 ms", "B a sample", "lost"]
    rows = [[f"{r['clients']:,} at {r['interval_seconds']} s, {'spread' if r['spread'] else 'same instant'}", str(r["values"]),
             number(r["cpu_percent"]), number(r["memory_bytes"] / 1e6), number(r["memory_bytes_per_connection"] / 1e3),
             number(r["acknowledged_p50_milliseconds"]), number(r["acknowledged_p99_milliseconds"]), number(r["wire_bytes_per_sample"]),
             str(r["dropped_samples"] + r["unacknowledged_samples"])] for r in f["fleets"]]  # fmt: skip
    yield from table(header, rows)


AGENTS = {
    "floor": "floor", "floor-with-processes": "floor, each process's stat too", "client": "**resmon-client**, TLS, spool on disk",
    "client-without-processes": "the same without processes", "netdata-proc": "netdata, proc.plugin alone", "netdata-apps": "netdata with apps.plugin",
    "collectd": "collectd, network plugin", "atop": "atop", "node-exporter": "node_exporter, scraped each second",
}  # fmt: skip


def agent(record):
    f = record["figures"]
    beside = f["beside_processes"] or {"processes": 0, "programs": []}
    crowded = {one["name"]: one for one in beside["programs"]}
    yield f"{f['windows']['count']} windows of {f['windows']['seconds']} s, a gather a second; the right three columns beside {beside['processes']:,} processes:"
    yield ""

    def mib(one, key):
        return number(one[key] / 2**20) if one.get(key) else ""

    header = ["program", "CPU ms a gather", "× floor", "RSS MiB", "PSS MiB", "CPU ms, crowded", "× floor", "RSS MiB"]
    rows = []
    for one in sorted(f["programs"], key=lambda program: list(AGENTS).index(program["name"])):
        more = crowded.get(one["name"], {})
        rows.append([AGENTS[one["name"]], number(one["cpu_milliseconds_per_gather"]), number(one["floor_ratio"]), mib(one, "rss_bytes"), mib(one, "pss_bytes"),
                     number(more.get("cpu_milliseconds_per_gather")), number(more.get("floor_ratio")), mib(more, "rss_bytes")])  # fmt: skip
    yield from table(header, rows)
    yield ""
    wire = ", ".join(f"{one['name']} {one['wire_bytes_per_sample']}" for one in f["wire"])
    groups = f["groups"] and f"{f['groups']['groups']} control groups {f['groups']['cpu_microseconds_per_gather'] / 1e3:.1f} ms a gather; "
    yield (f"{groups or ''}devices {f['hardware_microseconds_per_gather']} µs; processes {f['process_values_per_gather']} values; wire, B a sample: "
           f"{wire}; instructions of its own a gather: {f['instructions_per_gather'] or 0:,.0f}.")  # fmt: skip


FRAMES = {"floor": "an empty page", "scrolling_floor": "plain text, scrolling", "still": "fleet, live", "scrolling": "fleet, live, scrolling", "heat": "heat view, live"}


def page(record):
    f = record["figures"]
    times = f["first_paint_ms"] / f["first_paint_floor_ms"]
    rows = [
        ["over the wire, compressed", f"{f['bytes_over_the_wire'] / 1024:.0f} KiB", "≤ 120 KiB", met(f["bytes_over_the_wire"] <= 120 * 1024)],
        ["first paint", f"{number(f['first_paint_ms'])} ms, {times:.2f} × an empty page's", "≤ 1.3 ×", met(times <= 1.3)],
        [f"first row of {f['hosts']:,} hosts", f"{number(f['first_row_ms'])} ms", "≤ 400 ms", met(f["first_row_ms"] <= 400)],
        ["a host's day, first chart", f"{number(f['host_day_first_chart_ms'])} ms", "", ""],
        ["a host's day, charts in the window", f"{number(f['host_day_window_ms'])} ms", "≤ 600 ms", met(f["host_day_window_ms"] <= 600)],
        ["a host's day, all charts", f"{number(f['host_day_all_charts_ms'])} ms", "≤ 600 ms", met(f["host_day_all_charts_ms"] <= 600)],
    ]
    yield from table(["loading", "measured", "goal", ""], rows)
    yield ""
    header = ["frames", "dropped", "longest ms", "main thread ms/s"]
    yield from table(header, [[FRAMES[name], f"{one['dropped']} of {one['frames']}", number(one["longest_ms"]), number(one["main_thread_ms_per_second"])]
                              for name, one in f["frames"].items()])  # fmt: skip


def store(record):
    f = record["figures"]
    header = ["", "B a sample", "line protocol, M samples/s", "CPU s per million", "starts in s", "peak MiB"]
    rows = [[name, f"{one['bytes_per_sample']:.3f}", number(one["samples_per_second"] / 1e6), number(one["server_cpu_seconds_per_million"]),
             number(one["start_seconds"]), number(one["peak_rss_bytes"] / 2**20)]
            for key, name in (("resmon", "**resmon**"), ("victoria", "VictoriaMetrics"), ("influxd", "InfluxDB")) if (one := f.get(key))]  # fmt: skip
    yield from table(header, rows)
    one = f["store"]
    yield ""
    yield (f"The store alone, {one['samples'] / 1e6:,.0f} M samples: {one['bytes_per_sample']:.3f} B a sample: rows {one['rows_bytes_per_sample']:.3f}, "
           f"minutes {one['minutes_bytes_per_sample']:.3f}, hours {one['hours_bytes_per_sample']:.3f}; opens in {one['open_seconds']:.2f} s, "
           f"after kill -9 in {one['open_after_crash_seconds']:.2f} s.")  # fmt: skip


BENCHES = {"agent": agent, "age": age, "ingest": ingest, "page": page, "query": query, "store": store}


def lines_of(names):
    records = []
    for name in names:
        with open(os.path.join(RECORDS, f"{name}.json")) as file:
            records.append(json.load(file))
    of_each = [line for record in records for line in said(record)]
    return "\n".join([*of_each, "", *BENCHES[records[0]["bench"]](*records)]) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    for argument in arguments:
        name, _, path = argument.partition("=")
        with open(path) as file:
            record = json.load(file)
        if record["bench"] not in BENCHES:
            sys.exit(f"document.py: there is no table for bench {record['bench']}")
        if not record["quiet"]:
            sys.exit(f"document.py: {path}: the machine was not quiet; run it again")
        record["command"] = [os.path.basename(word) if word.startswith("/") else word for word in record["command"]]  # no folder of this machine
        os.makedirs(RECORDS, exist_ok=True)
        with open(os.path.join(RECORDS, f"{name}.json"), "w") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    with open(DOCUMENT) as file:
        before = file.read()
    after = TABLE.sub(lambda found: found[1] + lines_of(found[2].split()) + found[3], before)
    if "--check" not in sys.argv:
        with open(DOCUMENT, "w") as file:
            file.write(after)
    elif after != before:
        sys.exit("docs/benchmarks.md: a table is not what its record says; run python3 bench/document.py")


if __name__ == "__main__":
    main()
