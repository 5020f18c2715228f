"""What the benches in Python share: the end-to-end tests' house, a scratch folder with processes that end with it, the price of a process,
the peers' settings, and which machine this is."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

import house  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def progress(text):
    print(text, file=sys.stderr, flush=True)


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*: (.*)", file.read(), re.M)
    return f"{os.cpu_count()} × {model[1] if model else 'unknown'}, Linux {os.uname().release}"


def cpu_seconds(pid):
    """User and system time of a process since it began."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Scratch:
    """A folder and processes, gone after close() unless options.keep. A folder that is given stays."""

    def __init__(self, name, options, folder=None):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # in order: its processes end with it
        self.options = options
        self.given = folder is not None
        self.folder = folder or tempfile.mkdtemp(prefix=f"resmon-bench-{name}-", dir=os.environ.get("RESMON_HOME") or None)
        self.processes = []

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        if self.given:
            return
        if self.options.keep:
            progress(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def publish(result, as_json, show):
    """Prints the figures, for programs or by show(result), and hands them to what judges the run (judge.py)."""
    if path := os.environ.get("RESMON_BENCH_FIGURES"):
        with open(path, "w") as file:
            json.dump(result, file)
    if as_json:
        print(json.dumps(result))
    else:
        show(result)


def peer(name):
    """The program of a peer: "influxd" or "victoria-metrics", Debian's, or the one that RESMON_BENCH_INFLUXD or RESMON_BENCH_VICTORIA
    names."""
    return os.environ.get({"influxd": "RESMON_BENCH_INFLUXD", "victoria-metrics": "RESMON_BENCH_VICTORIA"}[name]) or name


def influxd_environment(folder, port):
    """The settings of Debian's influxd, `influxd run -config /dev/null`: quiet, without bounds, everything in `folder`."""
    settings = {
        "REPORTING_DISABLED": "true", "BIND_ADDRESS": f"127.0.0.1:{house.free_port()}", "META_DIR": f"{folder}/meta",
        "DATA_DIR": f"{folder}/data", "DATA_WAL_DIR": f"{folder}/wal", "HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "HTTP_LOG_ENABLED": "false", "MONITOR_STORE_ENABLED": "false", "DATA_QUERY_LOG_ENABLED": "false",
        "DATA_CACHE_MAX_MEMORY_SIZE": "2g", "DATA_MAX_SERIES_PER_DATABASE": "0", "LOGGING_LEVEL": "error",
    }  # fmt: skip
    return {f"INFLUXDB_{name}": value for name, value in settings.items()}
