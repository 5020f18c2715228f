#!/usr/bin/env python3
# The embedded store beside VictoriaMetrics and InfluxDB: bytes a sample, ingest, start, memory
# builds: store-bench bench-dataset
"""What ./resmon bench store measures. The data is what the client's own collectors gather on this machine, recorded in real time and
replayed as many hosts, each from another place (bench/dataset.h). All stores get the same lines over HTTP, one after the other, on
scratch directories and free ports:

  resmon         resmon-server, /write: checked, logged, stored
  victoria       victoria-metrics, /write
  influxd        influxd 1.x, /write; left out with --no-influxd

Bytes a sample are of all files of a store after it was stopped, with every tier and index; VictoriaMetrics is asked to merge first.
resmon-server's journal, which keeps its last segments however much is stored, is said apart.
Ingest is samples a second of request time, one connection, each request waiting for its answer; CPU is the server's. Start is from
exec to the first answer. And the store by itself, without the server: samples a CPU second, opening after a kill -9.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import cpu_seconds, house  # noqa: E402

GOAL_BYTES = 0.6
GOAL_RATIO = 0.6


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def files_bytes(folder, without=()):
    total = 0
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(where, name)).st_blocks * 512
    return total


class Peer:
    """One server: how it starts, where it is written to, where its files are."""

    def __init__(self, name, folder, tool, work):
        self.name, self.folder, self.tool, self.work = name, os.path.join(folder, name), tool, work
        os.makedirs(self.folder)
        self.port = house.free_port()
        self.token = ""
        self.environment = dict(os.environ)
        if name == "resmon":
            self.token = "bench-token-0123456789abcdef"
            with open(os.open(os.path.join(self.folder, "token"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(self.token + "\n")
            self.data = os.path.join(self.folder, "data")
            self.command = [house.program("resmon-server")]
            for setting in (f"http.address=127.0.0.1:{self.port}", f"listen.address=127.0.0.1:{house.free_port()}",
                            f"store.directory={self.data}", f"auth.token_file={self.folder}/token", "log.level=warn",
                            "store.disk_limit_bytes=0"):
                self.command += ["--set", setting]
            self.ready, self.write = "/readyz", "/write?db=resmon"
        elif name == "victoria":
            self.data = os.path.join(self.folder, "data")
            self.command = [harness.peer("victoria-metrics"), f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}",
                            "-retentionPeriod=100y", "-loggerLevel=ERROR"]
            self.ready, self.write = "/health", "/write"
        else:
            self.data = self.folder
            self.command = [harness.peer("influxd"), "run", "-config", "/dev/null"]
            self.environment |= harness.influxd_environment(self.folder, self.port)
            self.ready, self.write = "/ping", "/write?db=bench"
        self.process = None

    def get(self, path, method="GET"):
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            headers = {"Authorization": f"Token {self.token}"} if self.token else {}
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def start(self):
        """Seconds from exec to the first answer."""
        begin = time.monotonic()
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.folder)

        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}")
            with contextlib.suppress(OSError):
                return self.get(self.ready) < 300
            return False

        house.wait_for(f"{self.name} to answer", answers, 120, 0.005)
        return time.monotonic() - begin

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(120)

    def run(self):
        self.start()
        if self.name == "influxd":
            self.get("/query?q=CREATE+DATABASE+bench", "POST")
        before = cpu_seconds(self.process.pid)
        sent = subprocess.run([self.tool, "send", *self.work, str(self.port), self.write, *([self.token] if self.token else [])],
                              stdout=subprocess.PIPE, check=True)
        result = json.loads(sent.stdout)
        if self.name == "victoria":
            self.get("/internal/force_flush")
            self.get("/internal/force_merge")
        pid = self.process.pid
        self.quiet(pid)
        result["server_cpu_seconds_per_million"] = (cpu_seconds(pid) - before) / result["samples"] * 1e6
        result["peak_rss_bytes"] = peak_bytes(pid)
        self.stop()
        result["start_seconds"] = self.start()
        self.quiet(self.process.pid)
        self.stop()
        result["disk_bytes"] = files_bytes(self.data, ("journal",) if self.name == "resmon" else ())
        if self.name == "resmon":
            result["journal_bytes"] = files_bytes(os.path.join(self.data, "journal"))
        result["bytes_per_sample"] = result["disk_bytes"] / result["samples"]
        return result

    def quiet(self, pid):
        """Waits until the server has done what it does in the background: a second with next to no CPU time."""
        last = [cpu_seconds(pid), time.monotonic()]

        def idle():
            if time.monotonic() - last[1] < 1:
                return False
            now = cpu_seconds(pid)
            busy, last[0], last[1] = now - last[0], now, time.monotonic()
            return busy < 0.05

        with contextlib.suppress(AssertionError):
            house.wait_for("background work", idle, 90, 0.1)


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench store", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10, help="default 10; the whole is 100")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between gathers; default 5, as the client")
    parser.add_argument("--recording", help="a file of 'bench-dataset record'; without it one is made first")
    parser.add_argument("--record-seconds", type=int, default=180, help="how long it records; default 180")
    parser.add_argument("--no-influxd", action="store_true")
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="resmon-bench-store-", dir=os.environ.get("RESMON_HOME") or None)
    peers = []
    try:
        recording = options.recording
        pace = "recorded before"
        if not recording:
            recording = os.path.join(folder, "recording")
            pace = f"recorded in {options.record_seconds} s at a 1 s pace"
            subprocess.run([house.program("bench-dataset"), "record", recording, str(options.record_seconds), "1"], check=True)
        tool = house.program("store-bench")
        start = int(time.time() - options.hours * 3600) // 3600 * 3600 - 3600
        work = [recording, str(options.hosts), str(options.hours * 3600), str(options.interval), str(start)]
        alone = subprocess.run([tool, "fill", *work, os.path.join(folder, "alone")], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, check=True)
        figures = {"recording": pace, "load_average": os.getloadavg()[0], "store": json.loads(alone.stdout)}
        shutil.rmtree(os.path.join(folder, "alone"))
        for name in ("resmon", "victoria", "influxd"):
            program = {"victoria": "victoria-metrics", "influxd": "influxd"}.get(name)
            if (name == "influxd" and options.no_influxd) or (program and not shutil.which(harness.peer(program))):
                continue
            peers.append(Peer(name, folder, tool, work))
            figures[name] = peers[-1].run()
            shutil.rmtree(peers[-1].folder)
        figures["met"] = {"bytes_per_sample": figures["resmon"]["bytes_per_sample"] <= GOAL_BYTES}
        if "victoria" in figures:
            ratio = figures["resmon"]["bytes_per_sample"] / figures["victoria"]["bytes_per_sample"]
            figures["bytes_ratio_to_victoria"] = ratio
            figures["met"]["bytes_ratio"] = ratio <= GOAL_RATIO
            figures["met"]["ingest"] = figures["resmon"]["samples_per_second"] >= figures["victoria"]["samples_per_second"]
        harness.publish(figures, options.json, lambda figures: show(figures, options))
    finally:
        for peer in peers:
            peer.stop()
        shutil.rmtree(folder, ignore_errors=True)


def show(figures, options):
    store = figures["store"]
    print(f"{options.hosts} hosts, {options.hours:g} h at {options.interval:g} s, {store['samples'] / 1e6:.1f} M samples, "
          f"{figures['recording']}; load average {figures['load_average']:.1f}\n")
    print(f"{'':12} {'B/sample':>9} {'M samples/s':>12} {'CPU s/M':>8} {'start s':>8} {'peak MiB':>9}")
    for name in ("resmon", "victoria", "influxd"):
        if name not in figures:
            continue
        one = figures[name]
        print(f"{name:12} {one['bytes_per_sample']:9.3f} {one['samples_per_second'] / 1e6:12.2f} "
              f"{one['server_cpu_seconds_per_million']:8.3f} {one['start_seconds']:8.3f} {one['peak_rss_bytes'] / 2**20:9.0f}")
    print(f"\nthe store alone: {store['samples_per_cpu_second'] / 1e6:.2f} M samples a CPU second "
          f"({store['cpu_seconds_per_million']:.3f} CPU s/M); {store['bytes_per_sample']:.3f} B/sample: "
          f"rows {store['rows_bytes_per_sample']:.3f}, minutes {store['minutes_bytes_per_sample']:.3f}, hours "
          f"{store['hours_bytes_per_sample']:.3f}; opens in {store['open_seconds']:.3f} s, after a kill -9 in "
          f"{store['open_after_crash_seconds']:.3f} s; {store['rss_bytes'] / 2**20:.0f} MiB")
    print(f"the server's journal, apart: {figures['resmon']['journal_bytes'] / 2**20:.1f} MiB")
    if "bytes_ratio_to_victoria" in figures:
        print(f"bytes a sample / VictoriaMetrics': {figures['bytes_ratio_to_victoria']:.2f} (goal {GOAL_RATIO})")
    for name, met in figures["met"].items():
        print(f"goal: {name}  {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
