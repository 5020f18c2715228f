#!/usr/bin/env python3
"""Programs that hand samples to the client: over TCP, unix sockets and UDP, as Influx lines, JSON, Graphite's and StatsD's."""

import json
import os
import random
import shutil
import socket
import subprocess
import time
import unittest

import house
from house import NS


class InputsTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.spool = os.path.join(self.folder, "spool")

    def begin(self, server, *sets):
        client = self.client(server, "a", "200ms", f"spool.directory={self.spool}", *sets, label="client")
        client.wait_line(" input listening ")
        return client

    def connect(self, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.addCleanup(connection.close)
        return connection, connection.makefile("r")

    def counted(self, server, name, field):
        rows = server.rows(f"SELECT last({field}) FROM internal_input WHERE input = '{name}'")
        return rows[0][1] if rows else 0

    def test_what_is_answered_with_ok_survives_server_and_client(self):
        server = self.server()
        port = house.free_port()
        sets = (f"input.lines.url=tcp:127.0.0.1:{port}", "input.lines.ack=true", "input.lines.tags=site=north")
        client = self.begin(server, *sets)
        house.wait_for("the client", lambda: "a" in server.hosts())
        server.kill()
        connection, answers = self.connect(port)
        begin = (time.time_ns() // NS - 1000) * NS
        wanted = []
        for i in range(300):
            value = random.random()
            connection.sendall(f"job,step=s{i % 3} v={value},n={i}i {begin + i * NS}\n".encode())
            self.assertEqual(answers.readline(), "ok 2\n")
            wanted.append([begin + i * NS, i, "north", f"s{i % 3}", value])
        client.kill()
        server = self.start(house.Server(self.folder, port=server.port, http_port=server.http_port)).wait_ready()
        self.begin(server, *sets)
        house.wait_for("every line", lambda: len(server.rows("SELECT n FROM job")) == 300)
        self.assertEqual(server.rows("SELECT n, site, step, v FROM job WHERE host = 'a'"), wanted)

    def test_a_line_that_is_wrong_is_answered_and_costs_itself(self):
        server = self.server()
        port, other = house.free_port(), house.free_port()
        self.begin(
            server, f"input.lines.url=tcp:127.0.0.1:{port}", "input.lines.ack=true", "input.lines.max_line_bytes=300", "input.lines.max_series=10",
            "input.lines.max_connections=3", f"input.other.url=tcp:127.0.0.1:{other}", "input.other.ack=true",
        )  # fmt: skip
        connection, answers = self.connect(port)

        def ask(line):
            connection.sendall(line + b"\n")
            return answers.readline()

        self.assertEqual(ask(b"m v=1"), "ok 1\n")
        self.assertIn("error unable to parse 'm v='", ask(b"m v="))
        self.assertEqual(ask(b"m v=" + b"1" * 1000), "error a line is longer than max_line_bytes\n")
        self.assertRegex(ask(bytes(range(1, 10)) + bytes(range(11, 256))), "^error ")
        for i in range(9):
            self.assertEqual(ask(f"m,x={i} v=1".encode()), "ok 1\n")
        self.assertIn("max_series is reached", ask(b"m,x=9 v=1"))
        self.assertEqual(ask(b"m,x=8 v=2"), "ok 1\n")
        more = [self.connect(port) for _ in range(3)]
        self.assertEqual(more[2][1].readline(), "error too many connections\n")
        neighbour, its_answers = self.connect(other)
        neighbour.sendall(b"n v=1\n")
        self.assertEqual(its_answers.readline(), "ok 1\n")
        house.wait_for("the counts", lambda: self.counted(server, "lines", "refused_lines") == 4)
        self.assertEqual(self.counted(server, "lines", "refused_connections"), 1)
        self.assertEqual(self.counted(server, "other", "refused_lines"), 0)

    def test_json_over_a_unix_socket(self):
        server = self.server()
        path, port = os.path.join(self.folder, "in.sock"), house.free_port()
        self.begin(
            server, f"input.f.url=tcp:127.0.0.1:{port}", "input.f.framing=length", "input.f.format=json", "input.f.ack=true", "input.f.measurement_key=kind",
            f"input.app.url=unix:{path}", "input.app.format=json", "input.app.ack=true", "input.app.tag_keys=queue", "input.app.measurement_key=kind"
        )
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.connect(path)
        answers = connection.makefile("r")
        now = time.time_ns() // NS
        for value in (now, now * 1000 + 1000, now * 10**6 + 2 * 10**6, (now + 3) * NS):  # s, ms, us, ns
            connection.sendall(json.dumps({"time": value, "queue": "mail", "size": {"now": 3, "max": 4.5}, "up": True}).encode() + b"\n")
            self.assertEqual(answers.readline(), "ok 3\n")
        connection.sendall(b'[{"kind":"jobs","v":1},{"kind":"jobs","queue":"x","v":2}]\n{"v":\n')
        self.assertEqual(answers.readline(), "ok 2\n")
        self.assertIn("error not JSON", answers.readline())
        wanted = [[(now + i) * NS, "mail", 4.5, 3, True] for i in range(4)]
        framed, more = self.connect(port)
        for text in (b'{\n "v": 3,\n "kind": "framed"\n}', b"[1]", b'{"kind": "framed", "v": 4}'):
            framed.sendall(len(text).to_bytes(4, "big") + text)
        self.assertEqual([more.readline() for _ in range(3)], ["ok 1\n", "error JSON: neither an object nor an array of objects\n", "ok 1\n"])
        house.wait_for("the framed", lambda: [row[1] for row in server.rows("SELECT v FROM framed")] == [3, 4])
        house.wait_for("its rows", lambda: server.rows("SELECT queue, size_max, size_now, up FROM app") == wanted)
        house.wait_for("the others", lambda: len(server.rows("SELECT v FROM jobs")) == 2)

    def test_graphites_lines_from_nc(self):
        if not shutil.which("nc"):
            self.skipTest("nc is not installed")
        server = self.server()
        udp, tcp = house.free_port(), house.free_port()
        self.begin(server, f"input.u.url=udp:127.0.0.1:{udp}", "input.u.format=graphite", f"input.t.url=tcp:127.0.0.1:{tcp}", "input.t.format=graphite")
        now = time.time_ns() // NS
        text = f"app.requests;code=200 12 {now}\napp.requests;code=500 1.5 {now}\n"
        for arguments in (["-u", "-w1", "127.0.0.1", str(udp)], ["-w1", "127.0.0.1", str(tcp)]):
            subprocess.run(["nc", *arguments], input=text.replace("app", "tcp" if "-u" not in arguments else "udp"), text=True, timeout=30)
        for name in ("udp", "tcp"):
            rows = house.wait_for(name, lambda name=name: (r := server.rows(f'SELECT code, value FROM "{name}.requests"')) and len(r) == 2 and r)
            self.assertEqual(sorted(rows), [[now * NS, "200", 12], [now * NS, "500", 1.5]])

    def test_statsd_from_its_python_client(self):
        if subprocess.run(["/usr/bin/python3", "-c", "import statsd"], capture_output=True).returncode != 0:
            self.skipTest("python3-statsd is not installed")
        server = self.server()
        port = house.free_port()
        client = self.begin(server, f"input.s.url=udp:127.0.0.1:{port}", "input.s.format=statsd", "input.s.flush_interval=1s")
        peer = (
            "import statsd, sys, time\n"
            "peer = statsd.StatsClient('127.0.0.1', int(sys.argv[1]), prefix='shop')\n"
            "for i in range(100):\n"
            "    time.sleep(0.002)\n"  # what comes faster than it is read, the kernel drops
            "    peer.incr('orders', 3)\n"
            "    peer.timing('took', i + 1)\n"
            "    peer.set('users', f'user{i % 7}')\n"
            "peer.gauge('stock', 12.5)\n"
            "peer.gauge('stock', -2.5, delta=True)\n"
        )
        subprocess.run(["/usr/bin/python3", "-c", peer, str(port)], check=True, timeout=30)
        house.wait_for("its rows", lambda: server.rows("SELECT value FROM shop_stock"))
        client.terminate()  # what was not flushed yet is, at the end
        self.assertEqual(server.rows("SELECT sum(value) FROM shop_orders WHERE metric_type = 'counter'")[0][1], 300)
        self.assertEqual([row[1] for row in server.rows("SELECT value FROM shop_stock")][-1], 10)
        self.assertEqual(server.rows("SELECT sum(count), sum(sum), min(lower), max(upper) FROM shop_took")[0][1:], [100, 5050, 1, 100])
        self.assertTrue(all(row[0] % NS == 0 for row in server.rows("SELECT value FROM shop_users")[:1]))

    def test_the_examples_are_clients(self):
        server = self.server()
        lines, objects = house.free_port(), house.free_port()
        self.begin(
            server, f"input.lines.url=tcp:127.0.0.1:{lines}", "input.lines.ack=true",
            f"input.load.url=tcp:127.0.0.1:{objects}", "input.load.ack=true", "input.load.format=json",
        )  # fmt: skip
        examples = os.path.join(house.ROOT, "examples")
        for command in (["bash_client", "127.0.0.1", str(lines), "0.2"], ["asyncio_client.py", "127.0.0.1", str(objects), "0.2"]):
            process = subprocess.Popen([os.path.join(examples, command[0]), *command[1:]], start_new_session=True, stdin=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(os.killpg, process.pid, 15)
        house.wait_for("top", lambda: len(server.rows("SELECT idle, system, \"user\" FROM top WHERE host = 'a'")) >= 2)
        house.wait_for("ps", lambda: len(server.rows("SELECT rss_kib FROM ps")) >= 3)
        house.wait_for("load", lambda: len(server.rows("SELECT load_one, load_five, load_fifteen FROM load")) >= 2)

    def test_an_address_that_others_reach_is_refused(self):
        command = [house.program("resmon-client"), "--check-config", "--set", "input.x.url=tcp:0.0.0.0:8094", "--token-file", "/dev/null"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=house.clean_environment())
        self.assertEqual(done.returncode, 3)
        self.assertIn("input.x: url: other machines reach 0.0.0.0", done.stderr)


if __name__ == "__main__":
    house.main()
