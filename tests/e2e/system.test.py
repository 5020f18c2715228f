#!/usr/bin/env python3
"""The real programs together: what a person and a script see of them, how they stop, what they say when something is wrong, and
that nothing is lost while the server or the database is away."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

import house
import wire
from house import NS

STOP_LIMIT = 15.0  # seconds from SIGTERM to the end, whatever the other side does, on a machine that is busy with other things
# A client that has something to deliver and cannot: how long it tries, in a test of how it stops.
BRIEF = "spool.stop_patience=500ms"
# And in one of what must not wait for that: longer than STOP_LIMIT.
LONG = "spool.stop_patience=5m"


def parse_line(line):
    """(measurement, tags, {field: value}, time) of one Influx line."""
    parts = re.match(r'((?:[^\s\\]|\\.)+) ((?:"(?:[^"\\]|\\.)*"|[^\s"])+) (\d+)$', line)
    if not parts:
        raise AssertionError(f"not a line: {line!r}")
    name, *tags = re.split(r"(?<!\\),", parts[1])
    fields = {}
    for key, value in re.findall(r'((?:[^,=\\]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,]+)(?:,|$)', parts[2]):
        if value.startswith('"'):
            fields[key] = json.loads(value)
        elif value in ("true", "false"):
            fields[key] = value == "true"
        else:
            fields[key] = int(value[:-1]) if value[-1] in "iu" else float(value)
    return name, dict(re.split(r"(?<!\\)=", tag) for tag in tags), fields, int(parts[3])


class Silent:
    """Accepts connections and never says a word; with a greeting, only that."""

    def __init__(self, greeting=b"", backlog=16):
        self.greeting = greeting
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.socket.getsockname()[1]
        self.accepted = []

    def accept(self, timeout=house.PATIENCE):
        self.socket.settimeout(timeout)
        connection, _ = self.socket.accept()
        self.accepted.append(connection)
        if self.greeting:
            connection.recv(4096)
            connection.sendall(self.greeting)
        return connection

    def close(self):
        for one in (*self.accepted, self.socket):
            one.close()


class DataTest(house.HouseTest):
    def test_hosts_are_up_with_fresh_data(self):
        server = self.server()
        self.client(server, "real", "500ms")
        self.load(server, 2, "500ms")

        def fresh():
            hosts = server.hosts()
            good = [h for h in hosts.values() if h["up"] and h["connected"] and h["summary"]["cpu_percent"] is not None]
            return len(good) == 3 and hosts

        hosts = house.wait_for("three hosts with data", fresh)
        self.assertEqual(set(hosts), {"real", "sim-1", "sim-2"})
        for host in hosts.values():
            self.assertLess(host["last_seen_seconds"], 5)
            self.assertEqual((host["interval_seconds"], host["dropped_samples"]), (0.5, 0))
        self.assertEqual(hosts["sim-1"]["tags"], {"simulated": "true"})
        with open("/proc/meminfo") as file:
            total = int(re.search(r"MemTotal:\s+(\d+)", file.read())[1]) * 1024
        # The rows of one gather are not stored in one instant.
        found = house.wait_for("its memory", lambda: server.rows("SELECT last(total) FROM mem WHERE host = 'real'"))
        self.assertEqual(found[0][1], total)

    def test_once_agrees_with_the_machine(self):
        done = subprocess.run(
            [house.program("resmon-client"), "--once", "--once-after", "200", "--host", "this one"],
            capture_output=True, text=True, timeout=60, env=house.clean_environment(),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [parse_line(line) for line in done.stdout.splitlines()]
        self.assertEqual({line[1]["host"] for line in lines}, {"this\\ one"})
        self.assertLess(abs(time.time_ns() - lines[0][3]), 60 * NS)
        collected = {line[1]["collector"]: line[2]["success"] for line in lines if line[0] == "internal_collector"}
        self.assertEqual([name for name, good in collected.items() if not good], [], done.stderr)
        fields = {}
        for name, tags, values, _ in lines:
            fields.setdefault((name, tags.get("path")), {}).update(values)
        for name in ("cpu", "mem", "swap", "diskio", "net", "netstat", "system", "processes", "kernel", "linux_sysctl_fs",
                     "procstat", "host_info"):  # fmt: skip
            self.assertIn((name, None), fields)
        processes = [(tags, values) for name, tags, values, _ in lines if name == "procstat"]
        self.assertEqual([tags.get("user") for tags, _ in processes if tags["process_name"] == "other"], [None])
        self.assertLessEqual(sum(len(values) for _, values in processes), 60)
        cores = os.cpu_count()
        busy = sum(v for name, tags, values, _ in lines if name == "cpu" and tags["cpu"] == "cpu-total"
                   for k, v in values.items() if k in ("usage_user", "usage_nice", "usage_system", "usage_irq", "usage_softirq"))  # fmt: skip
        self.assertLess(abs(sum(values["cpu_usage"] for _, values in processes) - busy * cores), 60 * cores)
        with open("/proc/sys/kernel/osrelease") as file:
            self.assertEqual(fields["host_info", None]["kernel"], file.read().strip())

        with open("/proc/meminfo") as file:
            meminfo = {k: int(v) * 1024 for k, v in re.findall(r"(\w+):\s+(\d+)", file.read())}
        mem = fields["mem", None]
        self.assertEqual(mem["total"], meminfo["MemTotal"])
        for ours, theirs in (("free", "MemFree"), ("available", "MemAvailable"), ("cached", "Cached")):
            self.assertLess(abs(mem[ours] - meminfo[theirs]), meminfo["MemTotal"] // 10, ours)

        root = os.statvfs("/")
        disk = fields.get(("disk", "/"))
        if disk:  # a root on an overlay is not a disk
            self.assertEqual(disk["total"], root.f_blocks * root.f_frsize)
            self.assertLess(abs(disk["free"] - root.f_bavail * root.f_frsize), disk["total"] // 50)
            self.assertLess(abs(disk["used"] - (root.f_blocks - root.f_bfree) * root.f_frsize), disk["total"] // 50)
            listed = subprocess.run(["df", "-B1", "--output=size,used,avail", "/"], capture_output=True, text=True, timeout=20)
            size, used, _ = map(int, listed.stdout.splitlines()[1].split())
            self.assertEqual(disk["total"], size)
            self.assertLess(abs(disk["used"] - used), size // 50)

        with open("/proc/uptime") as file:
            self.assertLess(abs(fields["system", None]["uptime"] - float(file.read().split()[0])), 30)
        with open("/proc/loadavg") as file:
            self.assertLess(abs(fields["system", None]["load15"] - float(file.read().split()[2])), 2)
        self.assertEqual(fields["system", None]["n_cpus"], os.cpu_count())
        processes = len([name for name in os.listdir("/proc") if name.isdigit()])
        self.assertLess(abs(fields["processes", None]["total"] - processes), max(20, processes // 4))
        with open("/proc/stat") as file:
            boot = int(re.search(r"btime (\d+)", file.read())[1])
        self.assertLess(abs(fields["kernel", None]["boot_time"] - boot), 3)
        for name, tags, values, _ in lines:
            if name == "cpu" and any(values.values()):  # a core may see no tick in 200 ms
                self.assertLess(abs(sum(v for k, v in values.items() if k != "usage_active" and "guest" not in k) - 100), 2, tags)

    def test_a_server_that_is_away_costs_no_sample(self):
        server = self.server()
        client = self.client(server, "real", "1s")
        self.load(server, 2, "1s")
        hosts = ("real", "sim-1", "sim-2")
        times = lambda: {h: [r[0] for r in server.rows(f"SELECT load1 FROM system WHERE host = '{h}'")] for h in hosts}  # noqa: E731
        house.wait_for("two samples of each", lambda: all(len(t) >= 2 for t in times().values()))
        code, seconds = server.terminate()
        self.assertEqual(code, 0)
        self.assertLess(seconds, STOP_LIMIT)
        away = time.time_ns()
        client.wait_line(" WARN uplink ")
        house.wait_seconds(2.5)
        server = self.start(house.Server(self.folder, port=server.port, http_port=server.http_port)).wait_ready()
        back = time.time_ns()
        found = house.wait_for(
            "samples from after the outage", lambda: (t := times()) and all(h and h[-1] > back + 2 * NS for h in t.values()) and t
        )
        for host, stored in found.items():
            self.assertLess(stored[0], away, host)
            self.assertEqual(house.unexplained_gaps(server, host, stored, NS), [], host)
        self.assertEqual(server.metrics()["resmon_missing_batches_total"], 0)
        dropped = server.rows("SELECT max(dropped_samples) FROM internal_client WHERE host = 'real'")
        self.assertEqual(dropped[0][1], 0)

    def test_clients_wait_for_a_server_that_comes_later(self):
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        token = house.write_token(self.folder)
        client = self.start(
            house.Process("resmon-client", house.client_arguments(ports["port"], token, "early", "200ms"), self.folder, "early")
        )
        client.wait_line(" WARN uplink cannot connect ", "Connection refused")
        house.wait_seconds(1.2)
        begin = time.time_ns()
        server = self.server(**ports)
        times = lambda: [r[0] for r in server.rows("SELECT load1 FROM system WHERE host = 'early'")]  # noqa: E731
        found = house.wait_for("samples", lambda: (t := times()) and t[-1] > time.time_ns() - NS and t)
        self.assertLess(found[0], begin, "what was sampled before the server was there")
        self.assertEqual(len(client.lines(" WARN ")), 1)

    def test_the_first_server_of_several_that_answers_is_used(self):
        server = self.server()
        dead = house.free_port()
        arguments = ["--server", f"127.0.0.1:{dead},127.0.0.1:{server.port}", "--token-file", server.token_file]
        client = self.start(house.Process("resmon-client", [*arguments, "--host", "second", "--interval", "200ms"], self.folder, "second"))
        client.wait_line(" uplink connected ", f"server=127.0.0.1:{server.port}")


class StopTest(house.HouseTest):
    def assert_stops(self, process, *, exit_code=0):
        code, seconds = process.terminate()
        self.assertEqual(code, exit_code, process.log()[-3:])
        self.assertLess(seconds, STOP_LIMIT, process.log()[-5:])
        self.assertEqual(len(process.lines(r" INFO \w+ stopped ")), 1, process.log()[-5:])
        return seconds

    def test_client_that_is_connected(self):
        server = self.server()
        client = self.client(server, "stopping", "100ms", LONG)
        client.wait_line(" uplink connected ")
        house.wait_for("samples", lambda: server.rows("SELECT load1 FROM system"))
        self.assert_stops(client)
        self.assertEqual(client.lines(" WARN "), [])
        server.wait_line("client disconnected", "host=stopping", "reason=goodbye")
        self.assertEqual(server.lines(" WARN "), [])

    def test_client_whose_server_is_down(self):
        token = house.write_token(self.folder)
        client = self.start(
            house.Process("resmon-client", house.client_arguments(house.free_port(), token, "alone", "100ms", BRIEF), self.folder, "alone")
        )
        client.wait_line(" WARN uplink cannot connect ")
        house.wait_seconds(0.5)
        self.assert_stops(client)
        client.wait_line(" WARN client stopped with samples that no server has acknowledged ")

    def test_client_whose_server_went_away(self):
        server = self.server()
        client = self.client(server, "left", "100ms", BRIEF)
        client.wait_line(" uplink connected ")
        server.kill()
        client.wait_line(" WARN uplink connection lost ")
        self.assert_stops(client)

    def silent_client(self, silent, name="waiting", interval="100ms", patience=BRIEF):
        self.addCleanup(silent.close)
        token = house.write_token(self.folder)
        arguments = house.client_arguments(silent.port, token, name, interval, patience)
        return self.start(house.Process("resmon-client", arguments, self.folder, name))

    def test_client_whose_server_never_greets(self):
        silent = Silent()
        client = self.silent_client(silent)
        silent.accept()
        self.assert_stops(client)

    def test_client_with_nothing_to_send_whose_server_never_greets(self):
        silent = Silent()
        client = self.silent_client(silent, interval="1h", patience=LONG)
        silent.accept()
        self.assert_stops(client)

    def test_client_whose_server_never_acknowledges(self):
        payload = struct.pack("<H", 2) + b"\x00" + struct.pack("<q", 0) + wire.varint(1 << 20) + wire.varint(20000) + wire.varint(60 * NS)
        silent = Silent(wire.frame(wire.WELCOME, payload + wire.text("silent")))
        client = self.silent_client(silent)
        silent.accept()
        client.wait_line(" uplink connected ")
        self.assert_stops(client)

    def test_client_that_cannot_even_connect(self):
        """A listener whose queue is full takes no further connection and refuses none."""
        silent = Silent(backlog=0)
        self.addCleanup(silent.close)
        fillers = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", silent.port))
            fillers.append(s)
            self.addCleanup(s.close)
        client = self.silent_client(silent)
        client.wait_line(" started ")
        own = {f"{s.getsockname()[1]:04X}" for s in fillers}
        states = f"/proc/{client.pid}/net/tcp"

        def connecting():
            with open(states) as file:
                for _, local, remote, state in (line.split()[:4] for line in file.readlines()[1:]):
                    if remote.endswith(f":{silent.port:04X}") and state == "02" and local.split(":")[1] not in own:
                        return True
            return False

        house.wait_for("a connection that is neither taken nor refused", connecting)
        self.assert_stops(client)

    def test_client_at_the_moment_it_says_started(self):
        for i in range(5):
            client = self.silent_client(Silent(), f"early{i}", interval="1h")
            client.wait_line(" started ")
            self.assert_stops(client)

    def test_second_signal_is_at_once(self):
        silent = Silent()
        client = self.silent_client(silent, patience=LONG)
        silent.accept()
        # While there are samples that nobody takes, stopping takes all of that patience.
        house.wait_seconds(0.5)
        client.process.send_signal(signal.SIGTERM)
        client.wait_line(" stopping ")
        client.process.send_signal(signal.SIGTERM)
        client.wait(STOP_LIMIT)

    def test_load_connected_and_not(self):
        server = self.server()
        load = self.load(server, 20, "200ms", "load.stop_patience=5m")
        house.wait_for("twenty clients", lambda: server.metrics()["resmon_clients"] == 20)
        self.assert_stops(load)
        house.wait_for("none left", lambda: server.metrics()["resmon_clients"] == 0)
        self.assertEqual(server.lines(" WARN "), [])
        server.terminate()
        again = self.load(server, 5, "100ms", "load.stop_patience=500ms")
        again.wait_line(" WARN uplink cannot connect ")
        house.wait_seconds(0.5)
        self.assert_stops(again, exit_code=4)

    def test_what_scripts_print_is_beside_what_simulated_clients_measure(self):
        script = os.path.join(self.folder, "answer")
        with open(script, "w") as file:
            file.write("#!/bin/sh\necho value=42i\n")
        os.chmod(script, 0o755)
        server = self.server()
        self.load(server, 3, "200ms", f"load.scripts={script}", "load.script_interval=10s", "load.script_clients=2")
        answers = 'SELECT last(value) FROM answer GROUP BY "host"'
        found = house.wait_for(
            "the script's rows", lambda: len(f := house.query(server.http_port, answers)) >= 2 and f, 60
        )
        self.assertEqual([(tags["host"], rows[0][1]) for _, tags, _, rows in found], [("sim-1", 42), ("sim-2", 42)])
        # A share of the CPU needs two gathers.
        active = "SELECT last(usage_active) FROM cpu WHERE host = 'sim-1'"
        house.wait_for("what is measured beside them", lambda: server.rows(active))

    def test_load_ends_by_itself(self):
        server = self.server()
        load = self.load(server, 3, "200ms", "load.duration=2s")
        self.assertEqual(load.wait(), 0)
        told = house.fields_of(load.lines(" load stopped ")[0])
        self.assertEqual(told["samples"], told["acknowledged"])
        self.assertEqual(float(told["samples"]), server.metrics()["resmon_samples_total"])

    def test_server_with_clients_and_idle_connections(self):
        server = self.server()
        client = self.client(server, "held")
        self.load(server, 5)
        house.wait_for("six clients", lambda: server.metrics()["resmon_clients"] == 6)
        # A connection that has said nothing, a web connection kept alive, a live view, half a request.
        silent = house.Connection(server.port)
        self.addCleanup(silent.close)
        kept = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
        self.addCleanup(kept.close)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        live = house.WebSocket(server.http_port, "/api/v1/live")
        self.addCleanup(live.close)
        live.message()
        half = socket.create_connection(("127.0.0.1", server.http_port))
        self.addCleanup(half.close)
        half.sendall(b"GET / HT")
        self.assertLess(self.assert_stops(server), 6, "a second for them, and none of what it has for the store")
        self.assertEqual(server.lines(r" (WARN|ERROR) "), [])
        line = client.wait_line(" WARN uplink connection lost ")
        self.assertRegex(line, "stopping")

    def test_server_second_signal(self):
        server = self.server("sink.dead.url=http://127.0.0.1:%d" % house.free_port())
        self.client(server, "some")
        house.wait_for("samples", lambda: server.metrics()["resmon_samples_total"] > 0)
        server.process.send_signal(signal.SIGTERM)
        server.wait_line(" stopping ")
        server.process.send_signal(signal.SIGTERM)
        server.wait(5)  # less than it has for what the sink did not take

    def test_interrupt_stops_too(self):
        server = self.server()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(len(server.lines(" server stopped ")), 1)


class TroubleTest(house.HouseTest):
    """One clear line and the documented exit code."""

    def run_program(self, name, *arguments, **options):
        environment = house.clean_environment(**options.pop("environment", {}))
        return subprocess.run(
            [*options.pop("prefix", ()), house.program(name), *arguments],
            capture_output=True, text=True, timeout=60, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def failing_server(self, *sets, **more):
        server = self.start(house.Server(self.folder, *sets, **more))
        return server.wait(), server.lines(r" (WARN|ERROR) ")

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for which in ({"port": port}, {"http_port": port}):
                code, lines = self.failing_server(**which)
                self.assertEqual(code, 1)
                self.assertEqual(len(lines), 1, lines)
                self.assertRegex(lines[0], rf"127\.0\.0\.1:{port}.*in use")

    def test_store_of_another_server(self):
        server = self.server()
        code, lines = self.failing_server(label="second")
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(server.store, lines[0])
        self.assertRegex(lines[0], "(?i)another|in use|locked")
        self.assertTrue(server.healthy())

    def test_store_without_permission(self):
        if os.getuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("setpriv is not installed")
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        else:
            prefix = []
        os.chmod(self.folder, 0o755)
        forbidden = os.path.join(self.folder, "forbidden")
        os.mkdir(forbidden, 0o500 if prefix == [] else 0o700)
        token = house.write_token(self.folder)
        if prefix:
            os.chown(token, 65534, 65534)
        binary = shutil.copy(house.program("resmon-server"), self.folder)
        os.chmod(binary, 0o755)
        directory = os.path.join(forbidden, "store")
        done = subprocess.run(
            [*prefix, binary, "--set", f"store.directory={directory}", "--set", f"auth.token_file={token}",
             "--set", f"listen.address=127.0.0.1:{house.free_port()}", "--set", f"http.address=127.0.0.1:{house.free_port()}"],
            capture_output=True, text=True, timeout=60, env=house.clean_environment(), cwd="/",
        )  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        errors = [line for line in done.stderr.splitlines() if " ERROR " in line]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertIn(directory, errors[0])
        self.assertIn("ermission denied", errors[0])

    def test_unknown_key_names_the_nearest(self):
        for name, table, wrong, right in (
            ("resmon-server", "listen", "adress", "listen.address"),
            ("resmon-client", "client", "intervall", "client.interval"),
            ("resmon-load", "load", "client", "load.clients"),
        ):
            with self.subTest(name):
                path = os.path.join(self.folder, "wrong.toml")
                with open(path, "w") as file:
                    file.write(f'# a comment\n[{table}]\n{wrong} = "x"\n')
                for extra in ([], ["--check-config"]):
                    done = self.run_program(name, "--config", path, *extra)
                    self.assertEqual(done.returncode, 3, done.stderr)
                    self.assertEqual(done.stdout, "")
                    self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                    self.assertRegex(done.stderr, rf"wrong\.toml:3: {table}\.{wrong}: unknown key; did you mean {re.escape(right)}\?")

    def test_check_config(self):
        for name in ("resmon-server", "resmon-client", "resmon-load"):
            with self.subTest(name):
                token = [] if name == "resmon-server" else ["--token-file", house.write_token(self.folder)]
                done = self.run_program(name, "--check-config", *token)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("good", done.stdout)
                sample = self.run_program(name, "--print-config")
                path = os.path.join(self.folder, "sample.toml")
                with open(path, "w") as file:
                    file.write(sample.stdout)
                done = self.run_program(name, "--config", path, "--check-config", *token)
                self.assertEqual((done.returncode, done.stderr), (0, ""), "its own sample")
                if token:
                    self.assertEqual(self.run_program(name, "--check-config").returncode, 3, "without a token file")

    def test_usage(self):
        for name in ("resmon-server", "resmon-client", "resmon-load"):
            self.assertEqual(self.run_program(name, "--no-such-flag").returncode, 2)
            self.assertEqual(self.run_program(name, "--help").returncode, 0)
            self.assertRegex(self.run_program(name, "--version").stdout, rf"^{name} \d+\.\d+\.\d+\n$")
            done = self.run_program(name, "--config", os.path.join(self.folder, "not there.toml"))
            self.assertEqual(done.returncode, 3)
            self.assertIn("not there.toml", done.stderr)

    def test_environment_variables(self):
        done = self.run_program("resmon-client", "--check-config", environment={"RESMON_CLIENT_INTERVAL": "7 bananas"})
        self.assertEqual(done.returncode, 3)
        self.assertIn("RESMON_CLIENT_INTERVAL", done.stderr)

    def test_plain_text_to_other_machines_is_refused(self):
        done = self.run_program("resmon-client", "--server", "monitor.example:7411", "--check-config")
        self.assertEqual(done.returncode, 3)
        self.assertIn("tls.enabled", done.stderr)
        done = self.run_program("resmon-server", "--set", "listen.address=0.0.0.0:7411", "--check-config")
        self.assertEqual(done.returncode, 3)
        self.assertIn("listen.address", done.stderr)

    def test_token_file_that_others_can_read(self):
        path = house.write_token(self.folder, "open", mode=0o644)
        for name, arguments in (
            ("resmon-client", ["--token-file", path]),
            ("resmon-load", ["--token-file", path]),
            ("resmon-server", ["--set", f"auth.token_file={path}", "--set", f"store.directory={self.folder}/store"]),
        ):
            with self.subTest(name):
                done = self.run_program(name, *arguments)
                self.assertIn(done.returncode, (1, 3), done.stderr)
                self.assertEqual(len(re.findall("(?i)error", done.stderr)), 1, done.stderr)
                self.assertIn(path, done.stderr)
                self.assertIn("chmod 600", done.stderr)

    def test_wrong_token_is_said_once(self):
        server = self.server()
        token = house.write_token(self.folder, "wrong", "a-wrong-token-9876543210")
        arguments = house.client_arguments(server.port, token, "stranger", "100ms")
        client = self.start(house.Process("resmon-client", arguments, self.folder, "stranger"))
        line = client.wait_line(" WARN uplink cannot connect ", "unknown token")
        house.wait_for("three tries", lambda: server.metrics()["resmon_connections_refused_total"] >= 3)
        self.assertEqual(len(server.lines(" WARN ingest ", "code=token")), 1)
        self.assertEqual(client.lines(" WARN "), [line])
        self.assertNotIn("a-wrong-token", "\n".join(server.log() + client.log()))

    def test_token_is_made_when_missing(self):
        path = os.path.join(self.folder, "made")
        server = self.server(f"auth.token_file={path}")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as file:
            token = file.read().strip()
        self.assertGreaterEqual(len(token), 32)
        self.assertNotIn(token, "\n".join(server.log()))
        answer = server.get("/api/v1/hosts", Host="elsewhere.example", Authorization=f"Bearer {token}")
        self.assertEqual(answer.status, 200)

    def test_json_log(self):
        server = self.server_json()
        arguments = house.client_arguments(server.port, server.token_file, 'we"ird \\näme=x', "100ms", "log.format=json")
        client = self.start(house.Process("resmon-client", arguments, self.folder, "weird"))
        client.wait_line("connected")
        with house.Connection(server.port) as c:
            c.send(b'GET /"\n\\ HTTP/1.1\r\n\r\n')
            c.wait_closed()
        server.wait_line("not_hello")
        self.assertEqual(client.terminate()[0], 0)
        self.assertEqual(server.terminate()[0], 0)
        for process in (server, client):
            events = [json.loads(line) for line in process.log()]
            self.assertGreater(len(events), 2)
            for event in events:
                self.assertTrue({"time", "level", "component", "message"} <= event.keys(), event)
                self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual([e for e in events if e["message"] == "stopped"], events[-1:])
        self.assertIn('we"ird \\näme=x', [json.loads(line).get("host") for line in server.log()])

    def server_json(self):
        server = self.start(house.Server(self.folder, "log.format=json"))
        server.wait_line('"message":"started"')
        return server


class HttpTest(house.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.home = house.tempfile.mkdtemp(prefix="resmon-e2e-http-")
        cls.addClassCleanup(shutil.rmtree, cls.home, True)
        cls.server = house.Server(cls.home)
        cls.addClassCleanup(cls.server.kill)
        cls.server.wait_ready()
        arguments = ["--server", f"127.0.0.1:{cls.server.port}", "--token-file", cls.server.token_file, "--interval", "200ms"]
        cls.load_process = house.Process("resmon-load", [*arguments, "--clients", "30"], cls.home, "load")
        cls.addClassCleanup(cls.load_process.kill)
        house.wait_for("30 hosts", lambda: len(cls.server.hosts()) == 30)
        house.wait_for("samples", lambda: (r := cls.server.rows("SELECT count(load1) FROM system")) and r[0][1] >= 60)

    def test_live_gives_a_snapshot_and_then_what_changes(self):
        live = house.WebSocket(self.server.http_port, "/api/v1/live")
        self.addCleanup(live.close)
        self.assertEqual(live.status, 101)
        first = live.message()
        self.assertEqual((first["type"], len(first["hosts"])), ("snapshot", 30))
        seen = set()
        for _ in range(30):  # on a busy machine not every host sends in the second that an update is about
            update = live.message()
            self.assertEqual(update["type"], "update")
            self.assertGreaterEqual(update["server_time"], first["server_time"])
            seen |= {host["host"] for host in update["hosts"]}
            if len(seen) == 30:
                break
        self.assertEqual(len(seen), 30)

    def test_live_goes_on_from_the_list_of_hosts(self):
        def first_after(cursor):
            live = house.WebSocket(self.server.http_port, f"/api/v1/live?since={cursor}")
            self.addCleanup(live.close)
            return live, live.message()

        told = self.server.get("/api/v1/hosts?all=1").json()
        self.assertNotIn("cursor", self.server.get("/api/v1/hosts").json())
        live, first = first_after(told["cursor"])
        self.assertEqual(first["type"], "update")
        self.assertGreaterEqual(first["server_time"], told["server_time"])
        # Between the answer and the first message nothing is lost: each host that reports is in one of them.
        received = {host["host"]: host["received_samples"] for host in told["hosts"]}
        for host in first["hosts"]:
            self.assertGreaterEqual(host["received_samples"], received[host["host"]])
        seen = {host["host"] for host in first["hosts"]}
        house.wait_for("all hosts", lambda: seen.update(host["host"] for host in live.message()["hosts"]) or len(seen) == 30)
        run, version, at = told["cursor"].split("-")
        for other in (f"1-{version}-{at}", f"{run}-{2**63}-{at}", f"{run}-{version}", "x", f"{told['cursor']}-1", f"{told['cursor']}-"):
            self.assertEqual(first_after(other)[1]["type"], "snapshot", other)

    def test_live_for_a_browser_elsewhere_needs_the_token(self):
        origin = ["Origin: http://evil.example"]
        live = house.WebSocket(self.server.http_port, "/api/v1/live", origin)
        self.addCleanup(live.close)
        live.send('{"token": "wrong"}')
        self.assertEqual(live.message(), {"closed": 1008})
        live = house.WebSocket(self.server.http_port, "/api/v1/live", origin)
        self.addCleanup(live.close)
        live.send(json.dumps({"token": house.TOKEN}))
        self.assertEqual(live.message()["type"], "snapshot")

    def test_query_statements(self):
        port = self.server.http_port
        self.assertIn(["resmon"], self.server.rows("SHOW DATABASES"))
        measurements = {row[0] for row in self.server.rows("SHOW MEASUREMENTS")}
        self.assertLessEqual({"cpu", "mem", "system", "disk", "net"}, measurements)
        hosts = {row[1] for row in self.server.rows('SHOW TAG VALUES WITH KEY = "host"')}
        self.assertEqual(hosts, {f"sim-{i}" for i in range(1, 31)})
        self.assertIn(["total", "integer"], self.server.rows("SHOW FIELD KEYS FROM mem"))
        means = house.query(port, "SELECT mean(usage_idle) FROM cpu WHERE cpu = 'cpu-total' AND time > now() - 1m GROUP BY time(10s), host fill(none)")
        self.assertEqual(len(means), 30)
        self.assertTrue(all(0 <= row[1] <= 100 for s in means for row in s[3]))
        self.assertEqual(len(house.query(port, "SELECT last(load1) FROM system GROUP BY host")), 30)
        answer = house.request(
            port, "POST", "/query", "db=resmon&epoch=ms&q=SELECT+last(load1)+FROM+system", {"Content-Type": "application/x-www-form-urlencoded"}
        )
        self.assertEqual(answer.json()["results"][0]["series"][0]["columns"], ["time", "last"])
        for bad in ("SELEC", "SELECT FROM", "DROP DATABASE resmon"):
            answer = house.request(port, "GET", "/query?db=resmon&q=" + house.urllib.parse.quote(bad))
            self.assertTrue("error" in answer.json() or "error" in answer.json()["results"][0], bad)

    def test_metrics_are_prometheus_text(self):
        answer = self.server.get("/metrics")
        self.assertEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        kinds = {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, kinds)
                kinds[name] = kind
            elif not line.startswith("# HELP "):
                self.assertRegex(line, r'^[a-z_]+(\{[a-z_]+="(?:[^"\\]|\\.)*"\})? -?[0-9.e+-]+$')
                self.assertIn(line.split("{")[0].split(" ")[0], kinds)
        self.assertEqual(kinds["resmon_clients"], "gauge")
        self.assertEqual(kinds["resmon_samples_total"], "counter")
        self.assertEqual(self.server.metrics()["resmon_clients"], 30)

    def test_who_may_read(self):
        cases = [
            ({}, 200),
            ({"Host": f"localhost:{self.server.http_port}"}, 200),
            ({"Host": "evil.example"}, 401),  # DNS rebinding
            ({"Host": f"evil.example:{self.server.http_port}"}, 401),
            ({"Host": "127.0.0.1.evil.example"}, 401),
            ({"Origin": "http://evil.example"}, 401),
            ({"Origin": "null"}, 401),
            ({"Origin": f"http://127.0.0.1:{self.server.http_port}"}, 200),
            ({"Host": "evil.example", "Authorization": f"Bearer {house.TOKEN}"}, 200),
            ({"Host": "evil.example", "Authorization": f"Token {house.TOKEN}"}, 200),
            ({"Host": "evil.example", "Authorization": f"Token someone:{house.TOKEN}"}, 200),
            ({"Host": "evil.example", "Authorization": "Basic " + base64.b64encode(f"u:{house.TOKEN}".encode()).decode()}, 200),
            ({"Host": "evil.example", "Authorization": "Basic " + base64.b64encode(b"u:wrong").decode()}, 401),
            ({"Host": "evil.example", "Authorization": "Bearer wrong"}, 401),
            ({"Host": "evil.example", "Authorization": "Bearer "}, 401),
            ({"Host": "evil.example", "Authorization": house.TOKEN}, 401),
        ]
        for headers, status in cases:
            with self.subTest(headers):
                for path in ("/api/v1/hosts", "/query?q=SHOW+DATABASES", "/metrics", "/api/v1/server", "/api/v1/log"):
                    answer = self.server.get(path, **headers)
                    self.assertEqual(answer.status, status, path)
                    if status == 401:
                        self.assertIn("www-authenticate", answer.headers)
                        self.assertNotIn("sim-1", answer.body.decode())
        self.assertEqual(self.server.get(f"/query?q=SHOW+DATABASES&u=x&p={house.TOKEN}", Host="evil.example").status, 200)
        self.assertEqual(self.server.get("/healthz", Host="evil.example").status, 200)

    def test_the_server_tells_how_far_back_each_tier_goes(self):
        def tiers():
            return {tier["name"]: tier["oldest"] for tier in self.server.get("/api/v1/server").json()["store"]["tiers"]}

        self.assertEqual(list(tiers()), ["samples", "minutes", "hours"])
        oldest = house.wait_for("the oldest row", lambda: tiers()["samples"], 60)
        self.assertLessEqual(oldest, time.time() * 1000)
        self.assertGreater(oldest, (time.time() - 3600) * 1000)

    def test_log_tail(self):
        lines = self.server.get("/api/v1/log").json()["lines"]
        self.assertTrue(any(line["component"] == "server" and line["text"].startswith("started ") for line in lines))
        self.assertEqual([line["sequence"] for line in lines], sorted(line["sequence"] for line in lines))
        self.assertEqual(len(self.server.get("/api/v1/log?tail=1").json()["lines"]), 1)
        self.assertEqual(self.server.get(f"/api/v1/log?after={10 ** 9}").json()["lines"], [])
        self.assertEqual(self.server.get("/api/v1/log?level=error").json()["lines"], [])
        self.assertEqual(self.server.get("/api/v1/log?level=loud").status, 400)

    def test_gzip(self):
        plain = self.server.get("/api/v1/hosts")
        self.assertNotIn("content-encoding", plain.headers)
        packed = self.server.get("/api/v1/hosts", **{"Accept-Encoding": "deflate, gzip"})
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(len(json.loads(gzip.decompress(packed.body))["hosts"]), 30)
        self.assertLess(len(packed.body), len(plain.body) / 2)
        self.assertEqual(self.server.get("/healthz", **{"Accept-Encoding": "gzip"}).body, b"ok\n")

    def test_head(self):
        for path in ("/healthz", "/api/v1/hosts"):
            answer = house.request(self.server.http_port, "HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertGreater(int(answer.headers["content-length"]), 0)

    def test_unknown_path_and_method(self):
        answer = self.server.get("/no/such/path")
        self.assertEqual(answer.status, 404)
        self.assertIn("/no/such/path", answer.json()["error"])
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/%00", "/%ff%fe"):
            self.assertEqual(self.server.get(path).status, 404, path)
        self.assertEqual(house.request(self.server.http_port, "DELETE", "/query").status, 405)

    def test_body_over_the_bound(self):
        for headers in ({}, {"Expect": "100-continue"}, {"Content-Type": "application/x-www-form-urlencoded"}):
            answer = house.request(self.server.http_port, "POST", "/query", b"x" * ((1 << 20) + 1), headers)
            self.assertEqual(answer.status, 413)
        bomb = gzip.compress(b"q=" + b"x" * (64 << 20))
        answer = house.request(self.server.http_port, "POST", "/query", bomb, {"Content-Encoding": "gzip"})
        self.assertEqual(answer.status, 413)
        # Announced only: nothing of that size is read or set aside.
        with socket.create_connection(("127.0.0.1", self.server.http_port), timeout=20) as s:
            s.sendall(b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n")
            self.assertIn(b" 413 ", s.recv(4096))
        self.assertEqual(house.request(self.server.http_port, "POST", "/query", b"x" * (1 << 20)).status, 400)

    def test_malformed_requests(self):
        for raw in (b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"A" * 100_000):
            with socket.create_connection(("127.0.0.1", self.server.http_port), timeout=20) as s:
                try:
                    s.sendall(raw)
                    answer = s.recv(4096)
                except OSError:
                    answer = b""
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), (raw[:20], answer[:60]))
        self.assertTrue(self.server.healthy())

    def test_headers_that_protect_the_page(self):
        answer = self.server.get("/healthz")
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertIn("script-src 'self'; style-src 'self';", answer.headers["content-security-policy"])
        # What stands in the page itself, and nothing else, is allowed by its hash.
        page = self.server.get("/")
        policy = page.headers["content-security-policy"]
        text = page.body.decode()
        for tag, directive in (("script", "script-src"), ("style", "style-src")):
            inline = re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", text, re.DOTALL)
            hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inline if one]
            self.assertIn(" ".join([f"{directive} 'self'", *hashes]) + ";", policy)


def without_empty_columns(series):
    out = []
    for name, tags, columns, values in series:
        kept = [i for i in range(len(columns)) if any(row[i] is not None for row in values)]
        out.append((name, tags, [columns[i] for i in kept], [[row[i] for i in kept] for row in values]))
    return out


class InfluxTest(house.HouseTest):
    def assert_same(self, server, influxd, hosts):
        """Every measurement of both stores, tag by tag, field by field, row by row."""
        names = {row[0] for row in server.rows("SHOW MEASUREMENTS")}
        self.assertEqual(names, {row[0] for s in influxd.query("SHOW MEASUREMENTS") for row in s[3]})
        self.assertGreater(len(names), 9)
        values = 0
        for name in sorted(names):
            for host in hosts:
                statement = f"SELECT * FROM \"{name}\" WHERE host = '{host}' GROUP BY *"
                # A field that no sample ever had is a column of nulls here, and no column there.
                ours, theirs = without_empty_columns(house.query(server.http_port, statement)), influxd.query(statement)
                theirs = without_empty_columns(theirs)
                key = lambda s: sorted(s[1].items())  # noqa: E731
                self.assertEqual(sorted(ours, key=key), sorted(theirs, key=key), f"{name} of {host}")
                values += sum(v is not None for s in ours for row in s[3] for v in row[1:])
            fields = lambda found: {tuple(row) for s in found for row in s[3]}  # noqa: E731
            statement = f'SHOW FIELD KEYS FROM "{name}"'
            self.assertLessEqual(fields(influxd.query(statement)), fields(house.query(server.http_port, statement)), name)
        return values

    def sink_done(self, server):
        """The sink has delivered all, and told how much."""
        sinks = server.get("/api/v1/server").json()["sinks"]
        return len(sinks) == 1 and sinks[0]["backlog_entries"] == 0 and sinks[0]

    def test_both_stores_hold_the_same_and_an_outage_loses_nothing(self):
        influxd = house.Influxd(self)
        influxd.start()
        server = self.server(environment={"INFLUX_URL": f"http://127.0.0.1:{influxd.port}"})
        client = self.client(server, "real", "500ms")
        load = self.load(server, 2, "500ms")
        hosts = ("real", "sim-1", "sim-2")
        count = lambda host: len(server.rows(f"SELECT load1 FROM system WHERE host = '{host}'"))  # noqa: E731
        house.wait_for("six samples of each", lambda: all(count(h) >= 6 for h in hosts))
        house.wait_for("the first in influxd", lambda: influxd.query("SHOW MEASUREMENTS"))

        influxd.kill()
        house.wait_for("the sink to notice", lambda: server.metrics()['resmon_sink_up{sink="influx"}'] == 0)
        self.assertEqual(server.get("/readyz").status, 200)
        house.wait_seconds(2)
        influxd.start()
        back = time.time_ns()
        house.wait_for(
            "samples from after the outage",
            lambda: all((r := server.rows(f"SELECT load1 FROM system WHERE host = '{h}'")) and r[-1][0] > back for h in hosts),
        )
        for process in (client, load):
            self.assertEqual(process.terminate()[0], 0)
        sink = house.wait_for("the sink to catch up", lambda: self.sink_done(server), 90)
        self.assertEqual((sink["refused_samples"], sink["lost_samples"]), (0, 0))
        values = self.assert_same(server, influxd, hosts)
        for host in hosts:
            times = [row[0] for row in server.rows(f"SELECT load1 FROM system WHERE host = '{host}'")]
            self.assertEqual(house.unexplained_gaps(server, host, times, NS // 2), [], host)
        print(f"# {values} values compared, {int(server.metrics()['resmon_samples_total'])} samples taken", flush=True)
        self.assertEqual(values, server.metrics()["resmon_samples_total"])
        self.assertEqual(len(server.lines(" WARN sink ")), 1, server.lines(" WARN "))


class Help(unittest.TestCase):
    def test_no_help_is_wider_than_a_terminal(self):
        commands = [["resmon-client"], ["resmon-load"], ["resmon-server"]]
        commands += [["resmon-server", name] for name in re.findall(r"resmon-server (\w+) \[?FILE", self.help_of(commands[2]))]
        self.assertGreater(len(commands), 6)
        for command in commands:
            text = self.help_of(command)
            self.assertIn("--config", text)
            self.assertNotRegex(text, r"--set .*\.\.\.")  # one pair each
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], command)

    def help_of(self, command):
        return subprocess.run([house.program(command[0]), *command[1:], "--help"], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    house.main()
