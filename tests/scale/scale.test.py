#!/usr/bin/env python3
"""Past one machine: clients behind HAProxy, two servers that know each other, VictoriaMetrics and InfluxDB behind both; processes are
killed and stopped and networks cut by a schedule made from a seed. At the end what was taken is compared with what each store has, as
sets, and it is said how long clients took to another server and how often the list of hosts was wrong.

    RESMON_SCALE_SEED=7 RESMON_SCALE_SECONDS=900 ./resmon test scale
"""

import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

for folder in ("e2e", "chaos"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))

import house  # noqa: E402
import ledger  # noqa: E402
import plan  # noqa: E402
import proxy  # noqa: E402
import stage  # noqa: E402

SEED = int(os.environ.get("RESMON_SCALE_SEED") or random.SystemRandom().randrange(1, 1_000_000))
SECONDS = int(os.environ.get("RESMON_SCALE_SECONDS") or 180)
NUMBERED, AGENTS = 20, 3
SERVERS = ("server-1", "server-2")
SLOW = 5.0  # seconds; a client that takes longer to another server is named
SETTLED = 15.0  # seconds after an event, from which on the list of hosts must be right

KINDS = (
    ("kill", SERVERS, (0.5, 8), 4),
    ("hang", SERVERS, (2, 9), 3),
    ("kill", ("vm",), (0.5, 5), 2),
    ("kill", ("influxd",), (0.5, 5), 2),
    ("kill", ("haproxy",), (0.1, 2), 1),
    ("kill", ("load-1", "load-2", "agent-1", "agent-2", "agent-3"), (0.1, 3), 2),
    ("cut", ("network",), (0.3, 4), 1),
    ("stall", ("network",), (0.3, 4), 1),
    ("cut", ("peers",), (0.5, 6), 1),
    ("stall", ("peers",), (0.5, 6), 1),
    ("cut", ("vm-network", "influxd-network"), (0.5, 5), 1),
    ("tear", ("vm-network", "influxd-network"), (0, 0), 1),
)


def say(text):
    print(f"# {text}", flush=True)


class HAProxy(house.Process):
    def __init__(self, program, folder, text):
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(text)
        self.name, self.folder, self.label, self.prefix = "haproxy", folder, "haproxy", ()
        with open(os.path.join(folder, "haproxy.log"), "ab") as log:
            self.process = subprocess.Popen([program, "-db", "-f", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


class ScaleStage(stage.Stage):
    """The same stage as that of chaos, with more on it."""

    def __init__(self, test, seed):  # noqa: super().__init__ sets up one server
        self.test, self.seed, self.folder = test, seed, test.folder
        self.haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/sbin")
        if not self.haproxy:
            test.skipTest("haproxy is not installed")
        self.ledgers = os.path.join(self.folder, "ledgers")
        os.makedirs(self.ledgers)
        self.token_file = house.write_token(self.folder)
        self.client_sync = stage.SlowSync(self.folder, "client", None)
        self.client_disk = stage.Disk(test, os.path.join(self.folder, "client"), stage.SERVER_DISK)
        self.load_sets = [f"load.clients={NUMBERED // 2}"]
        self.ports = {name: (house.free_port(), house.free_port()) for name in SERVERS}
        self.front = house.free_port()
        self.influxd = house.Influxd(test)
        self.vm = house.VictoriaMetrics(test, "-dedup.minScrapeInterval=1ms", "-retentionPeriod=10y")
        self.network = proxy.Proxy(self.front)
        self.databases = {"vm": proxy.Proxy(self.vm.port), "influxd": proxy.Proxy(self.influxd.port)}
        self.peers = {name: proxy.Proxy(http) for name, (_, http) in self.ports.items()}
        for one in (self.network, *self.databases.values(), *self.peers.values()):
            test.addCleanup(one.close)
        self.parts = {
            "vm": stage.Part("vm", lambda: self.launched(self.vm)),
            "influxd": stage.Part("influxd", lambda: self.launched(self.influxd)),
            "server-1": stage.Part("server-1", lambda: self.start_server_named("server-1")),
            "server-2": stage.Part("server-2", lambda: self.start_server_named("server-2")),
            "haproxy": stage.Part("haproxy", self.start_haproxy),
            "load-1": stage.Part("load-1", lambda: self.start_load("load-1", "none", "1s", self.client_disk.folder)),
            "load-2": stage.Part("load-2", lambda: self.start_load("load-2", "none", "1s", self.client_disk.folder)),
        }
        for i in range(1, AGENTS + 1):
            self.parts[f"agent-{i}"] = stage.Part(f"agent-{i}", lambda i=i: self.start_agent(f"agent-{i}", "1s"))
        self.stopped = {}  # by server: the process that does not run
        test.addCleanup(self.kill_all)

    def launched(self, database):
        database.launch()
        return database

    def start_server_named(self, name):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        other = next(one for one in SERVERS if one != name)
        sets = [
            f"sink.vm.url=http://127.0.0.1:{self.databases['vm'].port}", f"sink.influx.url=http://127.0.0.1:{self.databases['influxd'].port}",
            "sink.vm.retry_last=1s", "sink.influx.retry_last=1s", "listen.proxies=127.0.0.1", "listen.max_connection_age=60s",
            f"peers.addresses=http://127.0.0.1:{self.peers[other].port}", f"peers.name={name}", "peers.interval=1s", "peers.timeout=2s",
        ]  # fmt: skip
        port, http_port = self.ports[name]
        return house.Server(folder, *sets, port=port, http_port=http_port, label=name)

    def start_haproxy(self):
        """As docs/proxies.md has it, at this test's addresses."""
        with open(os.path.join(house.ROOT, "docs", "proxies.md")) as file:
            text = re.search(r"```haproxy-tcp\n(.*?)```", file.read(), re.S)[1]
        changes = [("bind :7411", f"bind 127.0.0.1:{self.front}"), (" check-ssl verify none", ""), (" check port 7412", " check")]
        for name, address in zip(SERVERS, ("one 10.0.0.11:7411", "two 10.0.0.12:7411")):
            port, http_port = self.ports[name]
            changes.append((address, f"{name} 127.0.0.1:{port} port {http_port}"))
        for old, new in changes:
            self.test.assertIn(old, text)
            text = text.replace(old, new)
        return HAProxy(self.haproxy, self.folder, text)

    def begin(self, fault):
        if fault.kind == "hang":
            process = self.parts[fault.target].process
            if process and process.running():
                os.kill(process.pid, signal.SIGSTOP)
                self.stopped[fault.target] = process
        else:
            super().begin(fault)

    def end(self, fault):
        if fault.kind == "hang":
            process = self.stopped.pop(fault.target, None)
            if process:
                os.kill(process.pid, signal.SIGCONT)
        elif fault.target == "peers":
            for one in self.peers.values():
                one.set_mode("open")
        else:
            super().end(fault)

    def proxy(self, target):
        if target == "peers":
            return self  # both directions
        return self.network if target == "network" else self.databases[target.removesuffix("-network")]

    def set_mode(self, mode):
        for one in self.peers.values():
            one.set_mode(mode)

    def there(self, name):
        process = self.parts[name].process
        return process is not None and process.running() and name not in self.stopped


class Watcher:
    """Looks at both servers' lists, several times a second."""

    def __init__(self, house_stage):
        self.stage = house_stage
        self.looks = []  # (time, server, {host: (state, where)}, {host: connected_since in seconds}, partial)
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.watch, args=(name,), daemon=True) for name in SERVERS]
        for one in self.threads:
            one.start()

    def watch(self, name):
        while not self.done.wait(0.3):
            if not self.stage.there(name):
                continue
            began = time.time()
            with contextlib.suppress(Exception):
                answer = house.request(self.stage.ports[name][1], "GET", "/api/v1/hosts?all=1", timeout=2).json()
                hosts = {h["host"]: (h["state"], h.get("server", name)) for h in answer["hosts"]}
                since = {h["host"]: h["connected_since"] / 1000 for h in answer["hosts"] if "server" not in h and h["connected"]}
                self.looks.append((began, name, hosts, since, answer["partial"]))

    def stop(self):
        self.done.set()
        for one in self.threads:
            one.join(5)


class ScaleTest(house.HouseTest):
    def failovers(self, looks, faults, zero):
        """By kind: how long clients of a server that failed took to be connected to one again; only where nothing else was broken."""
        out = {"kill": [], "hang": []}
        others = [f for f in faults if f.target in (*SERVERS, "network", "haproxy") or f.target.startswith(("load", "agent"))]
        for fault in (f for f in faults if f.target in SERVERS):
            at = zero + fault.at
            window = fault.seconds + 8
            if any(o is not fault and o.at < fault.at + window and o.at + o.seconds > fault.at - 3 for o in others):
                continue
            before = [(when, since) for when, name, _, since, _ in looks if name == fault.target and at - 3 < when < at - 0.5]
            if not before:
                continue
            seen_at, connections = before[-1]
            # A hang that is over before HAProxy has noticed it ends no connection.
            after = [since for when, name, _, since, _ in looks if name == fault.target and at + fault.seconds + 1 < when < at + window]
            for host, came in connections.items():
                if any(since.get(host) == came for since in after):
                    continue
                again = [since[host] for when, _, _, since, _ in looks if at - 3 < when < at + 60 and since.get(host, 0) > seen_at - 0.5 and since[host] != came]
                if again and min(again) > at:  # otherwise it was old, and had moved before
                    out[fault.kind].append(min(again) - at)
                    if min(again) - at > SLOW:
                        say(f"{host} took {min(again) - at:.1f} s to another server after {fault.kind} {fault.target} at {fault.at:.2f} s")
        return out

    def view(self, looks, faults, zero, names):
        """(looks, those in which every host was right), of all, and of those that no event is less than 15 s before."""
        ends = [(zero + f.at, zero + f.at + f.seconds) for f in faults]
        counts = {"all": [0, 0], "settled": [0, 0]}
        wrong = []
        for when, name, hosts, _, partial in looks:
            good = all(hosts.get(one, ("", ""))[0] == "up" for one in names)
            settled = not any(begin - 1 < when < end + SETTLED for begin, end in ends)
            for kind in ("all", "settled") if settled else ("all",):
                counts[kind][0] += 1
                counts[kind][1] += good
            if settled and not good:
                wrong.append((round(when - zero, 1), name, {one: hosts.get(one) for one in names if hosts.get(one, ("", ""))[0] != "up"}, partial))
        return counts, wrong

    def balanced(self, house_stage):
        counts = [sum(h["connected"] for h in house_stage.parts[name].process.hosts().values()) for name in SERVERS]
        return min(counts) >= (NUMBERED + AGENTS) // 4 and sum(counts) == NUMBERED + AGENTS and counts

    def compare(self, ledgers, stores):
        wrong, totals = [], {}
        for store, rows_of in stores.items():
            lost = duplicated = stored = 0
            for host, book in ledgers.items():
                difference = ledger.Difference(book, rows_of(host))
                if host.startswith("agent"):
                    difference.unknown = []  # a kill between the spool and the log's line
                lost, duplicated, stored = lost + len(difference.lost), duplicated + len(difference.duplicated), stored + len(difference.stored)
                if difference:
                    wrong.append(f"{host} in {store}: {difference}")
            totals[store] = (stored, duplicated, lost)
        return wrong, totals

    def test_nothing_is_lost_and_one_picture_is_shown(self):
        house_stage = ScaleStage(self, SEED)
        faults = plan.make(SEED, SECONDS - 20, KINDS, (3, 20))
        say(f"seed {SEED}, {SECONDS} s, {len(faults)} faults; the same again: RESMON_SCALE_SEED={SEED} RESMON_SCALE_SECONDS={SECONDS}")
        house_stage.start_all("vm", "influxd", "server-1", "server-2")
        for name in SERVERS:
            house_stage.until(name, lambda name=name: house_stage.parts[name].process.healthy())
        house_stage.start_all("haproxy", "load-1", "load-2", *(f"agent-{i}" for i in range(1, AGENTS + 1)))
        everyone = lambda name: [h for h in house_stage.parts[name].process.get("/api/v1/hosts?all=1").json()["hosts"] if h["state"] == "up"]  # noqa: E731
        for name in SERVERS:
            house_stage.until(f"every host on {name}", lambda name=name: len(everyone(name)) == NUMBERED + AGENTS)
        names = [host["host"] for host in everyone("server-1")]
        watcher = Watcher(house_stage)
        zero, began = time.time(), time.monotonic()
        house_stage.play(faults, SECONDS, lambda f: say(f"{time.monotonic() - began:7.2f} s  {f.kind} {f.target} for {f.seconds:g} s"))
        watcher.stop()

        returned = time.monotonic()
        counts = house_stage.until("clients on both servers", lambda: self.balanced(house_stage), 180)
        say(f"summary: balance: {counts[0]} and {counts[1]} of {NUMBERED + AGENTS} clients, {time.monotonic() - returned:.0f} s after the last event's time")
        clients = ("load-1", "load-2", *(f"agent-{i}" for i in range(1, AGENTS + 1)))
        last_words = house_stage.stop_clients(*clients)
        for name in SERVERS:
            house_stage.server = lambda name=name: house_stage.parts[name].process
            house_stage.wait_delivered()

        looks = sorted(watcher.looks, key=lambda one: one[0])
        for kind, took in self.failovers(looks, faults, zero).items():
            if took:
                say(f"summary: another server after a {kind}: {len(took)} clients, p50 {statistics.median(took):.1f} s, most {max(took):.1f} s")
        shown, wrong_views = self.view(looks, faults, zero, names)
        say("summary: every host shown right: " + ", ".join(f"{good} of {count} looks ({kind})" for kind, (count, good) in shown.items()))

        ledgers = ledger.read_all(house_stage.ledgers)
        for i in range(1, AGENTS + 1):
            ledgers[f"agent-{i}"] = ledger.AgentLog(os.path.join(house_stage.folder, f"agent-{i}.log"))
        wrong, totals = self.settle(ledgers, self.stores(house_stage))
        taken = sum(len(book.taken) for book in ledgers.values())
        for store, (stored, duplicated, lost) in totals.items():
            say(f"summary: {taken} gathers taken; {store}: {stored} stored, {duplicated} duplicated, {lost} lost")
        for name, line in last_words.items():
            self.assertIn(" stopped ", line, name)
        for name, part in house_stage.parts.items():
            self.assertEqual(part.ended, [], f"{name} ended by itself")
        self.assertEqual(wrong, [])
        self.assertEqual(wrong_views, [], "the list of hosts, 15 s after the last event")
        self.assertGreater(shown["settled"][0], 0)

    def stores(self, house_stage):
        influx = house_stage.influxd.port
        own = {f"both servers' stores, asked of {name}": house_stage.ports[name][1] for name in SERVERS}

        def of_port(port):
            return lambda host: ledger.agent_rows(port, host) if host.startswith("agent") else ledger.stored_rows(port, host)

        def of_victoria(host):
            agent = host.startswith("agent")
            metric = "internal_client_dropped_samples" if agent else "numbered_sequence"
            points = house_stage.vm.points(f'{metric}{{host="{host}"}}')
            return [(at * 10**6, at * 10**6 if agent else int(value)) for _, at, value in points]

        return {**{store: of_port(port) for store, port in own.items()}, "influxd": of_port(influx), "VictoriaMetrics": of_victoria}

    def settle(self, ledgers, stores):
        """What was delivered a moment ago shows in VictoriaMetrics a little later."""
        end = time.monotonic() + 30
        while True:
            wrong, totals = self.compare(ledgers, stores)
            if not wrong or time.monotonic() > end:
                return wrong, totals
            time.sleep(2)


if __name__ == "__main__":
    house.main()
