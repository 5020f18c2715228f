#!/usr/bin/env python3
# Durable ingest: samples per second, CPU, latency of acknowledgements, memory per connection, bytes on the wire
"""What ./resmon bench ingest measures: a scratch server, loaded over loopback by one process of resmon-load, everything acknowledged
after it is durable. Generator and server share the machine, so the generator's CPU time is told apart and is part of the sum.

  full pace   a few connections send as fast as they are acknowledged: samples a second, CPU seconds a million, then the same with
              journal.sync = "off": the price of durability
  fleets      100, 1,000 and 10,000 clients of some 250 values at 5 s (--interval), all at the round second, as machines with a right clock are:
              waiting for the acknowledgement, CPU, memory a connection, bytes a sample; one server, or --servers with equal parts
  catching up clients that have gathered without a server meet it: bytes a sample

CPU times are the kernel's (utime + stime of the process), memory is resident and private (Pss), both of the server alone unless it
says otherwise. A machine that does other work meanwhile gives lower figures; its load average is told.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import cpu_seconds, house, machine, progress  # noqa: E402

GOALS = {
    "samples_per_second": 10e6,
    "cpu_seconds_per_million": 0.10,
    "acknowledged_p99_milliseconds": 250,
    "cpu_percent_at_10000": 30,
    "memory_bytes_at_10000": 300e6,
    "wire_bytes_per_sample_steady": 1.0,
    "wire_bytes_per_sample_catching_up": 0.5,
}
FULL_PACE = ["load.pace=full", "load.profile=normal", "load.stagger=0ms", "load.recorded_gathers=1024", "load.spool_memory_bytes=16MiB"]

# What a simulated machine says seldom (states of services and containers), it says each minute.
ALL_SAID_SECONDS = 65


def all_said_seconds(interval):
    """From then on a fleet sends values only: two gathers have been, the seldom among them."""
    return max(ALL_SAID_SECONDS, 2 * interval + 5)


def memory_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


class Bench(harness.Scratch):
    def __init__(self, options):
        super().__init__("ingest", options)
        self.number = 0

    def scratch(self):
        self.number += 1
        folder = os.path.join(self.folder, str(self.number))
        os.makedirs(folder)
        return folder

    def server(self, *sets, **more):
        folder = self.scratch()
        server = house.Server(folder, "limits.max_clients=20000", "log.level=warn", *sets, **more)
        self.processes.append(server)
        house.wait_for("the server", lambda: answers(server), 60)
        return server

    def load(self, server, *sets):
        arguments = ["--server", f"127.0.0.1:{server.port}", "--token-file", server.token_file]
        for pair in sets:
            arguments += ["--set", pair]
        load = house.Process("resmon-load", arguments, server.folder, "load")
        self.processes.append(load)
        return load

    def finish(self, server, load):
        """Ends both; the generator's last words."""
        if load.running():
            load.process.terminate()
        load.wait(120)
        words = house.fields_of(next(line for line in reversed(load.log()) if " stopped " in line))
        server.kill()
        shutil.rmtree(server.store, ignore_errors=True)
        return words

    # Full pace.

    def full_pace(self, name, *sets):
        progress(f"full pace, {name}…")
        server = self.server(*sets)
        seconds, warm_up = self.options.seconds, 3
        load = self.load(server, *FULL_PACE, f"load.clients={self.options.connections}", "load.interval=5s", f"load.warm_up={warm_up}s")
        house.wait_for("samples", lambda: server.metrics()["resmon_samples_total"] > 0)
        house.wait_seconds(warm_up)
        profile = self.profile(server, name)
        before = self.reading(server, load)
        house.wait_seconds(seconds)
        after = self.reading(server, load)
        if profile:
            profile.wait()
        words = self.finish(server, load)
        took = after["time"] - before["time"]
        samples = after["samples"] - before["samples"]
        stored = after["stored"] - before["stored"]
        cpu, generator = after["cpu"] - before["cpu"], after["generator"] - before["generator"]
        return {
            "name": name,
            "seconds": round(took, 1),
            "samples_per_second": round(samples / took),
            "stored_samples_per_second": round(stored / took),
            "cpu_seconds_per_million": round((cpu + generator) / samples * 1e6, 4),
            "server_cpu_seconds_per_million": round(cpu / samples * 1e6, 4),
            "generator_cpu_seconds_per_million": round(generator / samples * 1e6, 4),
            "acknowledged_p50_milliseconds": float(words["acknowledged_in_ms_p50"]),
            "acknowledged_p99_milliseconds": float(words["acknowledged_in_ms_p99"]),
            "wire_bytes_per_sample": round((after["bytes"] - before["bytes"]) / samples, 3),
        }

    def reading(self, server, load):
        metrics = server.metrics()
        return {
            "time": time.monotonic(),
            "samples": metrics["resmon_samples_total"],
            "stored": metrics["resmon_store_samples_total"],
            "bytes": metrics["resmon_received_bytes_total"],
            "cpu": cpu_seconds(server.pid),
            "generator": cpu_seconds(load.pid),
        }

    def profile(self, server, name):
        if not self.options.profile:
            return None
        file = os.path.join(self.options.profile, re.sub(r"\W+", "-", name) + ".data")
        return subprocess.Popen(
            ["perf", "record", "-q", "-F", "499", "-g", "-o", file, "-p", str(server.pid), "--", "sleep", str(self.options.seconds)]
        )

    # Fleets.

    def fleet(self, clients, spread):
        """One fleet, in equal parts on --servers servers, each with a generator of its own; sums and the slowest acknowledgement."""
        count = self.options.servers
        progress(f"{clients} clients{' spread over the interval' if spread else ''}{f' on {count} servers' if count > 1 else ''}…")
        interval, each = self.options.interval, clients // count
        room = ["limits.max_clients=100000", "limits.max_series=10000000", "limits.max_schemas=10000000"] if each > 12_000 else []
        servers = [self.server(*room) for _ in range(count)]
        empty = sum(memory_bytes(server.pid) for server in servers)
        ramp = max(2, clients // 500)  # seconds: 500 connections a second
        warm_up = ramp + all_said_seconds(interval)
        loads = [
            self.load(
                server, f"load.clients={each}", f"load.interval={interval}s", f"load.warm_up={warm_up}s",
                f"load.stagger={2 * count}ms", "load.profile=normal", "load.recorded_gathers=720",
                f"load.spread={str(spread).lower()}",
            )
            for server in servers
        ]  # fmt: skip
        pairs = list(zip(servers, loads, strict=True))

        def connected():
            for load in loads:
                if not load.running():
                    raise RuntimeError("a generator ended: " + "\n".join(load.log()[-2:]))
            return sum(server.metrics()["resmon_clients"] for server in servers)

        try:
            house.wait_for("all clients", lambda: connected() == each * count, 120 + 2 * ramp)
        except AssertionError as error:
            # What was measured before is still worth telling.
            progress(f"{error}: {connected():.0f} of {each * count} are connected; the servers' last words:")
            for server, load in pairs:
                progress("\n".join(server.log()[-3:]))
                self.finish(server, load)
            return None
        began = time.monotonic()
        # Every schema has been said, and what connecting cost is over.
        house.wait_seconds(all_said_seconds(interval))
        before = self.sum_of_readings(pairs)
        windows = max(2, self.options.seconds // interval)
        house.wait_seconds(windows * interval)
        after = self.sum_of_readings(pairs)
        memory = sum(memory_bytes(server.pid) for server in servers)
        profile_seconds = time.monotonic() - began
        words = [self.finish(server, load) for server, load in pairs]
        took = after["time"] - before["time"]
        samples = after["samples"] - before["samples"]
        return {
            "clients": each * count,
            "servers": count,
            "interval_seconds": interval,
            "spread": spread,
            "seconds": round(profile_seconds, 1),
            "values": round(samples / took * interval / (each * count)),
            "samples_per_second": round(samples / took),
            "cpu_percent": round((after["cpu"] - before["cpu"]) / took * 100, 1),
            "generator_cpu_percent": round((after["generator"] - before["generator"]) / took * 100, 1),
            "memory_bytes": memory,
            "memory_bytes_per_connection": round((memory - empty) / (each * count)),
            "acknowledged_p50_milliseconds": max(float(w["acknowledged_in_ms_p50"]) for w in words),
            "acknowledged_p99_milliseconds": max(float(w["acknowledged_in_ms_p99"]) for w in words),
            "wire_bytes_per_sample": round((after["bytes"] - before["bytes"]) / samples, 3),
            "unacknowledged_samples": sum(int(w["backlog"]) for w in words),
            "dropped_samples": sum(int(w["dropped"]) for w in words),
        }

    def sum_of_readings(self, pairs):
        readings = [self.reading(server, load) for server, load in pairs]
        return {key: readings[0][key] if key == "time" else sum(r[key] for r in readings) for key in readings[0]}

    # Catching up.

    def catching_up(self):
        progress("catching up…")
        server = self.server()
        server.kill()
        # Machines of their own, so that nothing repeats; a week of times passes in a moment while there is no server.
        load = self.load(
            server, "load.clients=8", "load.pace=full", "load.interval=5s", "load.profile=mixed", "load.spool_memory_bytes=16MiB"
        )  # fmt: skip
        house.wait_seconds(4)
        load.process.send_signal(subprocess.signal.SIGTERM)
        server = self.server_again(server)
        load.wait(120)
        metrics = server.metrics()
        server.kill()
        return {
            "samples": int(metrics["resmon_samples_total"]),
            "wire_bytes_per_sample": round(metrics["resmon_received_bytes_total"] / metrics["resmon_samples_total"], 3),
        }

    def server_again(self, server):
        again = house.Server(server.folder, "log.level=warn", port=server.port, http_port=server.http_port)
        self.processes.append(again)
        house.wait_for("the server", lambda: answers(again), 60)
        return again


def answers(server):
    if not server.running():
        raise AssertionError("the server ended: " + "\n".join(server.log()[-5:]))
    with contextlib.suppress(OSError):
        return server.healthy()
    return False


def show(result):
    print(f"{result['machine']}; load {result['load_average']}; {result['date']}\n")
    print("full pace               M samples/s  stored  CPU s/M  (server)  ack p50 ms  p99 ms  B/sample")
    for r in result["full_pace"]:
        print(
            f"{r['name']:<24}{r['samples_per_second'] / 1e6:11.2f}{r['stored_samples_per_second'] / 1e6:8.2f}"
            f"{r['cpu_seconds_per_million']:9.3f}{r['server_cpu_seconds_per_million']:10.3f}{r['acknowledged_p50_milliseconds']:12.0f}"
            f"{r['acknowledged_p99_milliseconds']:8.0f}{r['wire_bytes_per_sample']:10.2f}"
        )
    print(f"\nclients at {result['interval_seconds']} s values  CPU %  memory MB  kB/connection  ack p50 ms  p99 ms  B/sample  lost")
    for r in result["fleets"]:
        name = f"{r['clients']}{' spread' if r['spread'] else ''}"
        print(
            f"{name:<14}{r['values']:8}{r['cpu_percent']:7.1f}{r['memory_bytes'] / 1e6:11.1f}{r['memory_bytes_per_connection'] / 1e3:15.1f}"
            f"{r['acknowledged_p50_milliseconds']:12.1f}{r['acknowledged_p99_milliseconds']:8.0f}{r['wire_bytes_per_sample']:10.2f}"
            f"{r['dropped_samples']:6}"
        )
    if result.get("catching_up"):
        print(f"\ncatching up: {result['catching_up']['wire_bytes_per_sample']} B a sample")
    for clients in sorted(set(result.get("not_connected", []))):
        print(f"{clients} clients: not all could connect  MISSED")
    print()
    for name, goal, measured, good in verdicts(result):
        print(f"goal: {name} {goal:g}: {measured:g}  {'met' if good else 'MISSED'}")


def verdicts(result):
    out = []

    def at_least(name, measured):
        out.append((name, GOALS[name], measured, measured >= GOALS[name]))

    def at_most(name, measured):
        out.append((name, GOALS[name], measured, measured <= GOALS[name]))

    for r in result["full_pace"][:1]:
        at_least("samples_per_second", r["samples_per_second"])
        at_most("cpu_seconds_per_million", r["cpu_seconds_per_million"])
    for r in result["fleets"]:
        if r["clients"] == 10_000 and r["interval_seconds"] == 5 and not r["spread"]:
            at_most("acknowledged_p99_milliseconds", r["acknowledged_p99_milliseconds"])
            at_most("cpu_percent_at_10000", r["cpu_percent"])
            at_most("memory_bytes_at_10000", r["memory_bytes"])
            at_most("wire_bytes_per_sample_steady", r["wire_bytes_per_sample"])
    if result.get("catching_up"):
        at_most("wire_bytes_per_sample_catching_up", result["catching_up"]["wire_bytes_per_sample"])
    return out


def main():
    parser = argparse.ArgumentParser(prog="./resmon bench ingest", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="figures for programs instead of a table")
    parser.add_argument("--seconds", type=int, default=20, help="measured for each figure; default 20")
    parser.add_argument("--connections", type=int, default=8, help="at full pace; default 8")
    parser.add_argument("--clients", default="100,1000,10000", help="the fleets' sizes; empty: none. default 100,1000,10000")
    parser.add_argument("--interval", type=int, default=5, help="of the fleets' clients, in seconds; default 5")
    parser.add_argument("--servers", type=int, default=1, help="the fleets' servers, with equal parts of the clients; default 1")
    parser.add_argument("--spread", action=argparse.BooleanOptionalAction, help="clients gather spread over the interval, or all in the same instant; default: from 10,000 on both")
    parser.add_argument("--no-full-pace", action="store_true", help="leave out what is measured at full pace")
    parser.add_argument("--profile", metavar="DIRECTORY", help="perf record of the server at full pace, into this directory")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory and say where it is")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        result = {"date": time.strftime("%F", time.gmtime()), "interval_seconds": options.interval, "machine": machine(), "goals": GOALS, "full_pace": [], "fleets": []}
        if not options.no_full_pace:
            result["full_pace"].append(bench.full_pace("durable"))
            result["full_pace"].append(bench.full_pace("sync off", "journal.sync=off"))
            result["catching_up"] = bench.catching_up()
        for clients in [int(n) for n in options.clients.split(",") if n]:
            for spread in ([False, True] if clients >= 10_000 else [False]) if options.spread is None else [options.spread]:
                measured = bench.fleet(clients, spread)
                if measured:
                    result["fleets"].append(measured)
                else:
                    result["not_connected"] = [*result.get("not_connected", []), clients]
        with open("/proc/loadavg") as file:
            result["load_average"] = " ".join(file.read().split()[:3])
    except (AssertionError, RuntimeError) as error:
        print(f"bench ingest: error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        bench.close()
    harness.publish(result, options.json, show)


if __name__ == "__main__":
    main()
