#!/usr/bin/env python3
"""Runs a benchmark and says whether the machine was quiet meanwhile: ./resmon bench NAME runs it around each.

A verdict ("goal: …", "  met", "  MISSED") holds only where little else ran. So what the bench prints waits until it ended. Where other
programs took more than MOST_OTHERS of a core in any minute, verdicts are left out, and the exit code is 3. The record of the run (command,
versions, load, figures) is written to $RESMON_HOME/bench/NAME.json; a bench writes its figures to the file that RESMON_BENCH_FIGURES
names. With --json the record is what is printed.

What others took is the machine's busy time, less that of the bench and its descendants. They stay its descendants when their parents
end (PR_SET_CHILD_SUBREAPER), and what they took is counted when they end, wherever somebody waits for them."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import harness  # noqa: E402

MOST_OTHERS = float(os.environ.get("RESMON_BENCH_MOST_OTHERS") or 0.3)  # of a core, over WINDOW seconds
WINDOW = 60
STEP = 5
NOT_QUIET = 3
PR_SET_CHILD_SUBREAPER = 36

VERSIONS = {
    "influxd": ("influxd", "version"), "victoria-metrics": ("victoria-metrics", "-version"), "chromium": ("chromium", "--version"),
    "netdata": ("netdata", "-v"), "collectd": ("collectd", "-h"), "atop": ("atop", "-V"), "prometheus": ("prometheus", "--version"),
    "node_exporter": ("prometheus-node-exporter", "--version"),
}  # fmt: skip
PEERS = {
    "agent": ("netdata", "collectd", "atop", "node_exporter"), "alerts": ("prometheus",), "doors": ("influxd", "victoria-metrics"),
    "page": ("chromium",), "query": ("influxd", "victoria-metrics"), "store": ("influxd", "victoria-metrics"),
}  # fmt: skip


def busy_seconds():
    """Of all cores, since the machine started: user, nice, system, interrupts, and what the hypervisor gave to others."""
    with open("/proc/stat") as file:
        ticks = [int(n) for n in file.readline().split()[1:]]
    return sum(ticks[i] for i in (0, 1, 2, 5, 6, 7)) / harness.TICKS


def tree(root):
    """A process and its descendants, each with the time that it took and those of its children that ended."""
    children, took = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(name))
            took[int(name)] = sum(int(n) for n in fields[11:15]) / harness.TICKS
    out, rest = {}, [root]
    while rest:
        pid = rest.pop()
        out[pid] = took.get(pid, 0.0)
        rest += children.get(pid, [])
    return out


def end_what_is_left():
    """Of a bench that was ended in the middle: a server and its clients would go on, and be the load of the next one."""
    for pid in tree(os.getpid()):
        if pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def others_of(marks):
    """The mean over all, and the highest over any WINDOW, of (when, busy, ours) in ascending order."""

    def between(a, b):
        return max(0.0, (b[1] - a[1]) - (b[2] - a[2])) / max(b[0] - a[0], 1e-9)

    highest = between(marks[0], marks[-1])
    first = 0
    for mark in marks:
        while marks[first + 1][0] <= mark[0] - WINDOW:
            first += 1
        if mark[0] - marks[first][0] >= WINDOW:
            highest = max(highest, between(marks[first], mark))
    return between(marks[0], marks[-1]), highest


class Meter(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.marks = []

    def mark(self):
        self.marks.append((time.monotonic(), busy_seconds(), sum(tree(os.getpid()).values())))

    def run(self):
        self.mark()
        while not self.ended.wait(STEP):
            self.mark()
        self.mark()

    def others(self):
        self.ended.set()
        self.join()
        return others_of(self.marks)


def version(name):
    program, option = VERSIONS[name]
    if name in ("influxd", "victoria-metrics"):
        program = harness.peer(name)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([program, option], capture_output=True, text=True, timeout=20)
        found = re.search(r"\d+\.\d+[.\d]*", said.stdout + said.stderr)
        return found[0].rstrip(".") if found else None
    return None


def source():
    root = os.environ["RESMON_ROOT"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], check=True, capture_output=True, text=True).stdout.strip()
    return None


def without_verdicts(text):
    return "".join(re.sub(r"\s+(met|MISSED|missed)$", "", line.rstrip("\n")) + "\n" for line in text.splitlines() if not line.startswith("goal"))


def main():
    name, command = sys.argv[1], sys.argv[2:]
    as_json = "--json" in command
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = tempfile.mkdtemp(prefix="resmon-bench-")
    figures_path = os.path.join(folder, "figures.json")
    meter = Meter()
    meter.start()
    began = time.monotonic()
    bench = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "RESMON_BENCH_FIGURES": figures_path})
    for number in (signal.SIGINT, signal.SIGTERM):  # the bench stops in order; what it printed is shown
        signal.signal(number, lambda number, _: bench.send_signal(number))
    printed = bench.stdout.read()
    code = bench.wait()
    end_what_is_left()
    mean, highest = meter.others()
    figures = None
    if os.path.exists(figures_path):
        with open(figures_path) as file:
            figures = json.load(file)
        os.unlink(figures_path)
    else:
        with contextlib.suppress(ValueError):
            figures = json.loads(printed)
    os.rmdir(folder)
    if code != 0 or (figures is None and not printed):  # failed, or --help
        sys.stdout.write(printed)
        sys.exit(code if code >= 0 else 128 - code)
    quiet = highest <= MOST_OTHERS
    record = {
        "bench": name, "command": ["./resmon", "bench", name, *command[1:]], "date": time.strftime("%FT%TZ", time.gmtime()),
        "seconds": round(time.monotonic() - began), "machine": harness.machine(), "source": source(),
        "versions": {peer: found for peer in PEERS.get(name, ()) if (found := version(peer))},
        "others_cores": {"mean": round(mean, 2), "highest_minute": round(highest, 2), "most": MOST_OTHERS}, "quiet": quiet,
        "figures": figures if figures is not None else (printed if quiet else without_verdicts(printed)).splitlines(),
    }  # fmt: skip
    path = os.path.join(os.environ["RESMON_HOME"], "bench", f"{name}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    if as_json:
        print(json.dumps(record))
    else:
        sys.stdout.write(printed if quiet else without_verdicts(printed))
    sys.stdout.flush()
    harness.progress(f"other programs took {mean:.2f} of a core, {highest:.2f} in the busiest minute; recorded in {path}")
    if not quiet:
        harness.progress(f"no verdict: that is over {MOST_OTHERS}; run it again when nothing else runs")
        sys.exit(NOT_QUIET)


if __name__ == "__main__":
    main()
