#!/usr/bin/env python3
# Alerts: what rules cost, from a crossing to its message, a storm of silent hosts; beside Prometheus
"""What ./resmon bench alerts measures.

  engine      bench-alerts: CPU time and memory of the rules alone, 1,000 simulated hosts, a gather each 5 s
  crossing    a real server: from writing a sample that crosses to the message at a webhook
  storm       1,000 simulated clients end at once: from their end to the one message, and which hosts it counts
  prometheus  equal rules on equal series (Debian's prometheus 2.42): CPU time with rules less that without, where it is installed

Prometheus scrapes one page with the series of all hosts every 5 s and evaluates each rule every 5 s, over the store that it has just
written to; resmon evaluates a row when it comes."""

import argparse
import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import cpu_seconds, house, machine, progress  # noqa: E402

HOSTS = 1000


class Receiver:
    def __init__(self):
        self.messages = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.messages.append((time.monotonic(), json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def serve(scratch, receiver, name):
    folder = os.path.join(scratch.folder, name)
    os.mkdir(folder)
    rules = os.path.join(folder, "alerts.toml")
    with open(rules, "w") as file:
        file.write(f'notify = ["hook"]\n[channel.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:{receiver.port}/"\nmost_per_hour = 10000\n')
        for i in range(20):
            file.write(f"[rule.cross-{i}]\nwhen = 'bench_{i}.value > 50'\n")
    server = house.Server(folder, f"alerts.rules_file={rules}")
    scratch.processes.append(server)
    server.wait_ready()
    return server


def crossing(scratch):
    """Seconds from the write to the message, of 20 rules."""
    receiver = Receiver()
    server = serve(scratch, receiver, "crossing")
    took = []
    for i in range(20):
        begin = time.monotonic()
        line = f"bench_{i},host=web1 value=90 {time.time_ns()}".encode()
        answer = house.request(server.http_port, "POST", "/write?db=resmon", line, {"Authorization": f"Token {house.TOKEN}"})
        assert answer.status == 204, answer.body
        house.wait_for("the message", lambda: len(receiver.messages) > i)  # noqa: B023
        took.append(receiver.messages[i][0] - begin)
    server.terminate()
    return {"crossings": len(took), "median_seconds": sorted(took)[len(took) // 2], "longest_seconds": max(took)}


def storm(scratch):
    """How long after the last sample of 1,000 hosts the message comes that they are silent."""
    receiver = Receiver()
    server = serve(scratch, receiver, "storm")
    load = subprocess.Popen(
        [house.program("resmon-load"), "--server", f"127.0.0.1:{server.port}", "--token-file", server.token_file,
         "--clients", str(HOSTS), "--interval", "5s"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=house.clean_environment(),
    )  # fmt: skip
    scratch.processes.append(load)
    house.wait_for("all hosts", lambda: len(server.hosts()) == HOSTS, 120, every=1)
    progress("all hosts report; the grace after a start is 120 s")
    time.sleep(130)
    before = cpu_seconds(server.process.pid)
    time.sleep(20)
    cpu = (cpu_seconds(server.process.pid) - before) / 20
    silent = len(receiver.messages)
    load.send_signal(signal.SIGKILL)
    begin = time.monotonic()
    about = lambda: [one for one in receiver.messages[silent:] if one[1]["rule"] == "host-silent"]  # noqa: E731
    house.wait_for("the storm's message", about, 180, every=0.2)
    first = about()[0]
    time.sleep(45)
    out = {"hosts": HOSTS, "seconds": first[0] - begin, "title": first[1]["title"], "counted": first[1]["count"],
           "messages": len(about()), "told": sum(one[1]["count"] for one in about()), "server_core_percent": 100 * cpu}  # fmt: skip
    server.terminate()
    return out


# The same series and conditions for both: a gauge a host, two file systems, two interfaces.
PROMETHEUS_RULES = [
    "disk_used_percent >= 95", "disk_inodes_used_percent >= 95", "mem_used_percent > 99.9", "avg_over_time(cpu_usage_active[5m]) > 99.9",
    "max_over_time(system_load1[5m]) > 1000", "rate(net_err_in[5m]) > 1", "rate(net_err_out[5m]) > 1", "rate(net_bytes_recv[5m]) > 1e11",
    "rate(swap_in[5m]) > 4194304 and rate(swap_out[5m]) > 4194304", "pressure_memory_full_avg60 > 20", "pressure_io_full_avg300 > 60",
    "pressure_cpu_some_avg300 > 80 and system_load5 / system_n_cpus > 4", "min_over_time(temp[5m]) > 95", "mdstat_disks_failed > 0",
    "system_uptime < 600", "predict_linear(disk_used_percent[1h], 86400) > 100 and disk_used_percent > 60", "diskio_io_util > 1000",
    "netstat_tcp_established > 1e6", "processes_zombies > 1e5", "increase(oom_kills[10m]) > 0", "timex_offset > 0.5", "zfs_health < 1",
    "smart_ok < 1", "btrfs_errors > 1e9", "conntrack_used > 1e9", "softnet_dropped > 1e12", "edac_uncorrected > 1e6", "battery_percent < 0",
    "linux_file_handles > 1e9", "absent_over_time(up[5m])",
]  # fmt: skip


def exposition():
    twice = ["disk_used_percent", "disk_inodes_used_percent", "net_err_in", "net_err_out", "net_bytes_recv", "diskio_io_util"]
    once = ["mem_used_percent", "cpu_usage_active", "system_load1", "system_load5", "system_n_cpus", "swap_in", "swap_out", "pressure_memory_full_avg60",
            "pressure_io_full_avg300", "pressure_cpu_some_avg300", "temp", "mdstat_disks_failed", "system_uptime", "netstat_tcp_established", "processes_zombies",
            "oom_kills", "timex_offset", "zfs_health", "smart_ok", "btrfs_errors", "conntrack_used", "softnet_dropped", "edac_uncorrected", "battery_percent",
            "linux_file_handles"]  # fmt: skip
    values = {"system_n_cpus": 8, "system_uptime": 86400, "zfs_health": 1, "smart_ok": 1, "battery_percent": 50}
    lines = []
    for host in range(HOSTS):
        lines += [f'{name}{{host="host{host}",n="{n}"}} {values.get(name, 7)}' for name in twice for n in range(2)]
        lines += [f'{name}{{host="host{host}"}} {values.get(name, 3)}' for name in once]
    return ("\n".join(lines) + "\n").encode(), len(lines)


def prometheus_run(scratch, port, rules, seconds):
    folder = os.path.join(scratch.folder, f"prometheus-{len(rules)}")
    os.mkdir(folder)
    with open(f"{folder}/rules.yml", "w") as file:
        alerts = [{"alert": f"r{i}", "expr": expr, "for": "1m"} for i, expr in enumerate(rules)]
        json.dump({"groups": [{"name": "all", "interval": "5s", "rules": alerts}] if alerts else []}, file)
    with open(f"{folder}/prometheus.yml", "w") as file:
        json.dump({"global": {"scrape_interval": "5s", "evaluation_interval": "5s"}, "rule_files": [f"{folder}/rules.yml"],
                   "scrape_configs": [{"job_name": "hosts", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]}, file)  # fmt: skip
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{house.free_port()}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    scratch.processes.append(process)
    time.sleep(20)
    before = cpu_seconds(process.pid)
    time.sleep(seconds)
    cpu = (cpu_seconds(process.pid) - before) / seconds
    with open(f"/proc/{process.pid}/status") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024
    process.kill()
    process.wait()
    return cpu, resident


def prometheus(scratch, seconds):
    page, series = exposition()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    without, _ = prometheus_run(scratch, server.server_address[1], [], seconds)
    with_rules, resident = prometheus_run(scratch, server.server_address[1], PROMETHEUS_RULES, seconds)
    server.shutdown()
    return {"series": series, "rules": len(PROMETHEUS_RULES), "core_percent_without_rules": 100 * without, "core_percent": 100 * with_rules,
            "core_percent_of_rules": 100 * (with_rules - without), "resident_mib": resident}  # fmt: skip


def show(out):
    for part, facts in out.items():
        if isinstance(facts, str):
            print(f"{part}: {facts}")
            continue
        print(f"{part}: " + ", ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()))


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench alerts", description="Alerts: what they cost and how fast they are.")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--seconds", type=int, default=60, help="how long Prometheus is measured, each time (60)")
    parser.add_argument("--no-storm", action="store_true", help="leave out the storm, which takes four minutes")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    options = parser.parse_args()
    scratch = harness.Scratch("alerts", options)
    out = {"machine": machine()}
    try:
        progress("the engine alone")
        out["engine"] = json.loads(subprocess.check_output([house.program("bench-alerts"), "--json"]))
        progress("from a crossing to its message")
        out["crossing"] = crossing(scratch)
        if not options.no_storm:
            progress("a storm")
            out["storm"] = storm(scratch)
        if shutil.which("prometheus"):
            progress("Prometheus")
            out["prometheus"] = prometheus(scratch, options.seconds)
    finally:
        scratch.close()
    harness.publish(out, options.json, show)


if __name__ == "__main__":
    main()
