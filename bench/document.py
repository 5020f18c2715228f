#!/usr/bin/env python3
"""Writes the tables of docs/benchmarks.md from the records of runs: python3 bench/document.py [NAME=RECORD.json…] [--check]

A record (judge.py) becomes bench/records/NAME.json, if its machine was quiet. A table stands between the lines
<!-- bench/records/NAME.json --> and <!-- end --> of the document, as its bench's function here writes it. --check writes nothing and
fails where a table is not what its record says (./resmon test lint)."""

import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RECORDS = os.path.join(ROOT, "bench", "records")
DOCUMENT = os.path.join(ROOT, "docs", "benchmarks.md")
TABLE = re.compile(r"(<!-- bench/records/(\S+)\.json -->\n).*?(<!-- end -->)", re.DOTALL)


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
    yield ""


def query(record):
    f = record["figures"]
    stores = ("resmon", "influxd", "victoria-metrics")
    rows = []
    for row in f["queries"]:
        ms = [row[s]["median_milliseconds"] for s in stores]
        ratios = [ms[0] / other for other in ms[1:]]
        rows.append([row["query"], *(f"{number(row[s]['median_milliseconds'])} ± {number(row[s]['spread_milliseconds'])}" for s in stores),
                     *(f"{r:.2f}" if r < 1 else f"**{r:.2f}**" for r in ratios)])  # fmt: skip
    d = f["data"]
    yield f"{d['hosts']} hosts, {d['hours']:g} h, {d['lines']:,} lines; {f['rounds']} rounds, medians in ms ± the quartiles' distance:"
    yield ""
    yield from table(["query", *stores, "× influxd", "× VictoriaMetrics"], rows)


def age(record):
    f = record["figures"]
    yield f"{f['hosts']} hosts; the last {f['full_hours']} h with a gather each 10 s, before them one an hour:"
    yield ""
    header = ["days old", "M samples", "disk MB", "started after s", "server MB", "a day's page ms", "ingest held up at most, ms"]
    rows = [[str(r["days"]), number(r["samples"] / 1e6), number(r["disk_bytes"] / 1e6), number(r["start_seconds"]),
             number(r["server_rss_bytes"] / 1e6), f"{number(r['page_median_milliseconds'])} ± {number(r['page_spread_milliseconds'])}",
             number(r["longest_write_at_full_pace_seconds"] * 1e3)] for r in f["stores"]]  # fmt: skip
    yield from table(header, rows)


BENCHES = {"query": query, "age": age}


def lines_of(name):
    with open(os.path.join(RECORDS, f"{name}.json")) as file:
        record = json.load(file)
    return "\n".join([*said(record), *BENCHES[record["bench"]](record)]) + "\n"


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
        os.makedirs(RECORDS, exist_ok=True)
        with open(os.path.join(RECORDS, f"{name}.json"), "w") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    with open(DOCUMENT) as file:
        before = file.read()
    after = TABLE.sub(lambda found: found[1] + lines_of(found[2]) + found[3], before)
    if "--check" not in sys.argv:
        with open(DOCUMENT, "w") as file:
            file.write(after)
    elif after != before:
        sys.exit("docs/benchmarks.md: a table is not what its record says; run python3 bench/document.py")


if __name__ == "__main__":
    main()
