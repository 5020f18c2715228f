#!/usr/bin/env python3
"""Programs that hand samples to the client or to the server: over TCP, TLS, unix sockets and UDP, as Influx lines, JSON, Graphite's,
StatsD's and collectd's."""

import json
import os
import random
import resource
import shutil
import socket
import ssl
import subprocess
import threading
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
        self.assertEqual(ask(b"m v=1 1795947869"), 'error m: the timestamp 1795947869 is not after 1970 in ns; did you mean precision = "s"?\n')
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
        counts = lambda: [self.counted(server, "lines", f"refused_{what}") for what in ("lines", "connections")]  # noqa: E731
        house.wait_for("the counts", lambda: counts() == [5, 1])
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


class Sender:
    """A connection to an input that answers."""

    def __init__(self, test, port, tls=None, source="127.0.0.1", first=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
        test.addCleanup(self.socket.close)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
            test.addCleanup(self.socket.close)
        self.answers = self.socket.makefile("r")
        if first:
            self.send(first)

    def send(self, text):
        self.socket.sendall(text.encode())

    def ask(self, line):
        self.send(line + "\n")
        return self.answers.readline()


class ServerInputsTest(house.HouseTest):
    def start_server(self, *sets, **more):
        return self.server(*(f"input.{one}" for one in sets), "server.report_interval=1s", **more)

    def counted(self, server, name, what):
        return server.metrics()[f'resmon_input_{what}{{input="{name}"}}']

    def test_influx_lines_over_tcp_and_udp(self):
        tcp, udp = house.free_port(), house.free_port()
        server = self.start_server(f"lines.url=tcp:127.0.0.1:{tcp}", f"u.url=udp:127.0.0.1:{udp}", "u.precision=s", "u.tags=site=north")
        wanted = [[i * NS, random.random(), f"c{i % 5}"] for i in range(1, 2001)]
        text = "".join(f"job,core={core} v={value} {at}\n" for at, value, core in wanted) + "job v=\njob,core=c9 v=7"
        with socket.create_connection(("127.0.0.1", tcp)) as connection:  # ends within a line
            for begin in range(0, len(text), 1000):
                connection.sendall(text[begin : begin + 1000].encode())
        house.wait_for("the lines", lambda: len(server.rows("SELECT v FROM job")) == 2001)
        self.assertEqual(server.rows("SELECT v, core FROM job WHERE time < 3000s"), wanted)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.sendto(b"far v=1 100\nfar v=2 200\nfar v= 3\n", ("127.0.0.1", udp))
        house.wait_for("the datagram", lambda: server.rows("SELECT v, site FROM far") == [[100 * NS, 1, "north"], [200 * NS, 2, "north"]])
        self.assertEqual(self.counted(server, "lines", "lines_total"), 2002)
        self.assertEqual(self.counted(server, "lines", "samples_total"), 2001)
        for name in ("lines", "u"):
            self.assertEqual(self.counted(server, name, "refused_lines_total"), 1)
            house.wait_for("its own report", lambda name=name: [[1]] == [
                row[1:] for row in server.rows(f"SELECT last(refused_lines) FROM internal_input WHERE input = '{name}'")])

    def test_what_is_answered_with_ok_survives_a_kill(self):
        port = house.free_port()
        server = self.start_server(f"x.url=tcp:127.0.0.1:{port}", "x.ack=true")
        sender = Sender(self, port)
        wanted = []
        for i in range(10):
            sender.send("".join(f"job,step=s{k} v={i * 10 + k}i {i + 1}\n" for k in range(10)))
            self.assertEqual([sender.answers.readline() for _ in range(10)], ["ok 1\n"] * 10)
            wanted.append([(i + 1) * 1, [i * 10 + k for k in range(10)]])
        self.assertEqual(len(server.rows("SELECT v FROM job")), 100)  # what was answered is shown
        server.kill()
        server = self.start(house.Server(self.folder, port=server.port, http_port=server.http_port)).wait_ready()
        self.assertEqual([[at, sorted(r[1] for r in server.rows(f"SELECT v FROM job WHERE time = {at}"))] for at, _ in wanted], wanted)

    def test_seconds_are_no_nanoseconds(self):
        port = house.free_port()
        server = self.server(f"input.x.url=tcp:127.0.0.1:{port}", "input.x.ack=true", "store.retain=30d")
        sender = Sender(self, port)
        at = time.time_ns() // NS
        self.assertEqual(sender.ask(f"m v=1 {at}"), f'error m: the timestamp {at} is not after 1970 in ns; did you mean precision = "s"?\n')
        self.assertEqual(sender.ask(f"m v=2 {at * NS}"), "ok 1\n")
        self.assertEqual(server.rows("SELECT v FROM m"), [[at * NS, 2]])

    def test_each_line_has_the_answer_that_is_its_own(self):
        port, other = house.free_port(), house.free_port()
        server = self.start_server(f"x.url=tcp:127.0.0.1:{port}", "x.ack=true", f"j.url=tcp:127.0.0.1:{other}", "j.ack=true", "j.format=json",
                                   "j.host_key=machine")  # fmt: skip
        sender = Sender(self, port)
        self.assertEqual(sender.ask("m v=1,n=2 1"), "ok 2\n")
        far = (time.time_ns() // NS + 10**6) * NS
        sender.send(f'm v="text" 2\nm v=3 3\nm v=4 {far}\nm v=\n\nm v=5 5\n')
        answers = [sender.answers.readline() for _ in range(5)]
        self.assertRegex(answers[0], 'error field type conflict: input field "v" on measurement "m" is type string')
        self.assertEqual(answers[1], "ok 1\n")
        self.assertRegex(answers[2], "error points too far from the server's time")
        self.assertRegex(answers[3], "error unable to parse 'm v='")
        self.assertEqual(answers[4], "ok 1\n")
        self.assertEqual(server.rows("SELECT v FROM m"), [[1, 1], [3, 3], [5, 5]])
        self.assertEqual(self.counted(server, "x", "refused_lines_total"), 3)
        # An array is a line: all of it or nothing. Its rows without a time do not take each other's place.
        sender = Sender(self, other)
        self.assertEqual(sender.ask('[{"machine":"a","v":1},{"machine":"a","v":2},{"machine":"b","v":3}]'), "ok 3\n")
        self.assertRegex(sender.ask('[{"machine":"a","v":4},{"machine":"a","v":"text"}]'), "^error field type conflict")
        self.assertEqual(sorted(row[1:] for row in server.rows("SELECT v, host FROM j")), [[1, "a"], [2, "a"], [3, "b"]])

    def test_a_thousand_connections(self):
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4096:
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        port = house.free_port()
        server = self.start_server(f"x.url=tcp:127.0.0.1:{port}", "x.ack=true", "x.max_connections=1000")
        senders = [Sender(self, port) for _ in range(1000)]
        for i, sender in enumerate(senders):
            sender.send(f"c,n=n{i} v={i}\n")
        self.assertEqual({sender.answers.readline() for sender in senders}, {"ok 1\n"})
        self.assertEqual(self.counted(server, "x", "connections"), 1000)
        self.assertEqual(Sender(self, port).answers.readline(), "error too many connections\n")
        self.assertEqual(server.rows("SELECT count(v), sum(v) FROM c")[0][1:], [1000, 999 * 500])
        gone = senders.pop()
        gone.answers.close()
        gone.socket.close()
        house.wait_for("room", lambda: self.counted(server, "x", "connections") == 999)
        self.assertEqual(Sender(self, port).ask("c v=1"), "ok 1\n")

    def test_others_need_tls_and_a_token(self):
        house.make_certificates(self.folder)
        at = lambda name: os.path.join(self.folder, name)  # noqa: E731
        with open(at("tokens"), "w") as file:
            file.write(f"{house.TOKEN}\n{'b' * 20} web-1\n")
        os.chmod(at("tokens"), 0o600)
        token, bound, certified, udp = (house.free_port() for _ in range(4))
        server = self.server(
            f"tls.certificate_file={at('good.pem')}", f"tls.key_file={at('good.key')}", f"auth.token_file={at('tokens')}",
            f"input.t.url=tls:0.0.0.0:{token}", "input.t.require_token=true", "input.t.ack=true",
            f"input.b.url=tls:0.0.0.0:{bound}", "input.b.require_token=true", "input.b.ack=true", "input.b.host=token",
            f"input.c.url=tls:0.0.0.0:{certified}", f"input.c.tls_client_ca_file={at('ca.pem')}", "input.c.ack=true", "input.c.host=address",
            f"input.u.url=udp:0.0.0.0:{udp}", "input.u.require_token=true", "input.u.allow_plaintext=true",
        )  # fmt: skip
        tls = house.tls_trusting(at("ca.pem"))
        good = Sender(self, token, tls, first=f"token {house.TOKEN}\n")
        self.assertEqual(good.answers.readline(), "ok 0\n")
        self.assertEqual(good.ask("m,host=own v=1 1"), "ok 1\n")
        for first, answer in (("token wrong\n", "error the token is not valid\n"), ("m v=1\n", "error the first line must be: token TOKEN\n")):
            bad = Sender(self, token, tls, first=first + "m v=9 9\n")
            self.assertEqual([bad.answers.readline(), bad.answers.readline()], [answer, ""])
        # A name in the token file is that of all rows.
        named = Sender(self, bound, tls, first=f"token {'b' * 20}\nm,host=fake v=2 2\n")
        self.assertEqual([named.answers.readline() for _ in range(2)], ["ok 0\n", "ok 1\n"])
        unnamed = Sender(self, bound, tls, first=f"token {house.TOKEN}\n")
        self.assertEqual(unnamed.answers.readline(), "error the token is bound to no host's name\n")
        with self.assertRaises(OSError):  # in TLS 1.3 the refusal comes after the handshake
            if not Sender(self, certified, tls).ask("m v=9 9"):
                raise ConnectionResetError
        tls.load_cert_chain(at("good.pem"), at("good.key"))
        self.assertEqual(Sender(self, certified, tls, source="127.0.0.9").ask("m,host=fake v=3 3"), "ok 1\n")
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        for text in ("m v=9 9\n", "token wrong\nm v=9 9\n", f"token {house.TOKEN}\nm v=4 4\n"):
            sender.sendto(text.encode(), ("127.0.0.1", udp))
        wanted = [[1, 1, "own"], [2, 2, "web-1"], [3, 3, "127.0.0.9"], [4, 4, None]]
        house.wait_for("the rows", lambda: server.rows("SELECT v, host FROM m") == wanted)
        self.assertEqual([self.counted(server, name, "denied_total") for name in "tbcu"], [2, 1, 1, 2])

    def test_from_another_address_statsd_needs_a_token_and_collectd_is_refused(self):
        own = house.own_address()
        port = house.free_port()
        refused = (
            (("format=statsd",), "udp is not encrypted"),
            (("format=statsd", "allow_plaintext=true"), f"other machines reach {own}"),
            (("format=collectd", "allow_plaintext=true"), f"other machines reach {own}"),
            (("format=collectd", "allow_plaintext=true", "require_token=true"), "collectd cannot send a token"),
        )
        for sets, reason in refused:
            pairs = [part for one in (f"url=udp:{own}:{port}", *sets) for part in ("--set", f"input.s.{one}")]
            for program, more in (("resmon-server", ()), ("resmon-client", ("--token-file", "/dev/null"))):
                done = subprocess.run(
                    [house.program(program), "--check-config", *more, *pairs],
                    capture_output=True, text=True, timeout=30, env=house.clean_environment(),
                )  # fmt: skip
                self.assertEqual(done.returncode, 3, (program, sets, done.stderr))
                self.assertIn(reason, done.stderr)
        server = self.start_server(f"s.url=udp:{own}:{port}", "s.format=statsd", "s.flush_interval=1s", "s.allow_plaintext=true", "s.require_token=true")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((own, 0))
            for datagram in ("orders:7|c", "token wrong\norders:7|c", f"token {house.TOKEN}\nshop.orders:3|c\nshop.orders:4|c"):
                sender.sendto(datagram.encode(), (own, port))
        house.wait_for("what came with a token", lambda: server.rows("SELECT value FROM shop_orders"))
        self.assertEqual([row[1] for row in server.rows("SELECT value FROM shop_orders")][0], 7)
        self.assertEqual(server.rows("SELECT value FROM orders"), [])
        self.assertEqual(self.counted(server, "s", "denied_total"), 2)

    def test_collectd_itself_sends(self):
        if not shutil.which("collectd"):
            self.skipTest("collectd is not installed")
        port = house.free_port()
        server = self.start_server(f"c.url=udp:127.0.0.1:{port}", "c.format=collectd")
        libraries = next(d for d in ("/usr/lib/collectd", "/usr/lib64/collectd") if os.path.isdir(d))
        for name, more in (("plain", ""), ("signed", 'SecurityLevel "Sign"\nUsername "u"\nPassword "p"\n'),
                           ("encrypted", 'SecurityLevel "Encrypt"\nUsername "u"\nPassword "p"\n')):  # fmt: skip
            config = os.path.join(self.folder, f"{name}.conf")
            with open(config, "w") as file:
                file.write(
                    f'BaseDir "{self.folder}"\nPIDFile "{self.folder}/{name}.pid"\nPluginDir "{libraries}"\nTypesDB "/usr/share/collectd/types.db"\n'
                    f'Hostname "web-1"\nInterval 1\nLoadPlugin network\nLoadPlugin {"unixsock" if name == "plain" else "uptime"}\nLoadPlugin cpu\n'
                    f'<Plugin network>\n<Server "127.0.0.1" "{port}">\n{more}</Server>\n</Plugin>\n'
                    f'<Plugin unixsock>\nSocketFile "{self.folder}/collectd.sock"\n</Plugin>\n'
                )
            with open(os.path.join(self.folder, f"collectd-{name}.log"), "wb") as log:
                collectd = subprocess.Popen(["collectd", "-f", "-C", config], stdout=log, stderr=log, start_new_session=True)
            self.addCleanup(collectd.wait)
            self.addCleanup(collectd.terminate)
            if name == "plain":
                feeder = socket.socket(socket.AF_UNIX)
                self.addCleanup(feeder.close)
                path = os.path.join(self.folder, "collectd.sock")
                house.wait_for("collectd", lambda path=path: os.path.exists(path) and feeder.connect_ex(path) == 0)
                answers = feeder.makefile("r")
                for at in (1000, 1010, 1020):
                    for value in (f"app/gauge-queue interval=10 {at}:2.5", f"net-eth0/if_octets interval=10 {at}:{at}:7",
                                  f"load/load interval=10 {at}:0.25:0.5:U"):  # fmt: skip
                        feeder.sendall(f"PUTVAL web-1/{value}\n".encode())
                        self.assertIn("Success", answers.readline())
                feeder.sendall(b"FLUSH\n")
                house.wait_for("its own values", lambda: server.rows("SELECT value FROM cpu WHERE host = 'web-1' AND type_instance = 'idle'"))
            else:
                house.wait_for(f"a refusal of what is {name}", lambda: self.counted(server, "c", "refused_lines_total") > 0)
        house.wait_for("what it was given", lambda: len(server.rows("SELECT shortterm FROM load WHERE time < 2000s")) == 3)
        self.assertEqual(server.rows("SELECT value, host, type, type_instance FROM app"),
                         [[at * NS, 2.5, "web-1", "gauge", "queue"] for at in (1000, 1010, 1020)])  # fmt: skip
        self.assertEqual(server.rows("SELECT rx, tx, instance FROM net"), [[at * NS, at, 7, "eth0"] for at in (1000, 1010, 1020)])
        self.assertEqual(server.rows("SELECT shortterm, midterm, longterm FROM load WHERE host = 'web-1' AND time < 2000s"),
                         [[at * NS, 0.25, 0.5, None] for at in (1000, 1010, 1020)])  # fmt: skip

    def test_hostile_senders_cost_themselves(self):
        port, other = house.free_port(), house.free_port()
        server = self.start_server(f"x.url=tcp:127.0.0.1:{port}", "x.ack=true", "x.max_line_bytes=1KiB", "x.max_series=50", "x.rate_limit=20000",
                                   f"y.url=tcp:127.0.0.1:{other}", "y.ack=true", "x.idle_timeout=60s")  # fmt: skip
        ending = threading.Event()
        pause = 0.1 if house.SANITIZER else 0  # such a server is many times slower than five floods
        refusals = 1000 if house.SANITIZER else 10000

        def flood(make):
            while not ending.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                        for _ in range(50):
                            connection.sendall(make())
                            if ending.wait(pause):
                                return
                except OSError:
                    pass

        makers = (
            lambda: os.urandom(65536),  # noise
            lambda: b"x" * 65536,  # a line without an end
            lambda: b"".join(b"s,n=%d v=1\n" % random.randrange(10**9) for _ in range(1000)),  # series without end
            lambda: b'm v="' * 5000 + b"\n",  # quotes that nothing closes
            lambda: b"m v=1\n" * 10000,  # and its answers are never read
        )
        threads = [threading.Thread(target=flood, args=(make,)) for make in makers]
        quiet, neighbour = Sender(self, port), Sender(self, other)
        self.assertEqual(quiet.ask("m v=1 1"), "ok 1\n")  # its series is there before the others'
        for thread in threads:
            thread.start()
        try:
            house.wait_for("refusals", lambda: self.counted(server, "x", "refused_lines_total") > refusals, 60)
            self.assertEqual(quiet.ask("m v=2 2"), "ok 1\n")
            for i in range(20):
                self.assertEqual(neighbour.ask(f"n v={i}"), "ok 1\n")
                self.assertEqual(quiet.ask(f"m v={i} {i + 3}"), "ok 1\n")
        finally:
            ending.set()
            for thread in threads:
                thread.join()
        self.assertEqual(self.counted(server, "y", "refused_lines_total"), 0)
        self.assertLessEqual(len(server.rows("SHOW SERIES")), 200)

    def test_the_examples_are_clients_of_the_server(self):
        lines, objects = house.free_port(), house.free_port()
        server = self.start_server(f"lines.url=tcp:127.0.0.1:{lines}", "lines.ack=true", "lines.host=address", f"load.url=tcp:127.0.0.1:{objects}",
                                   "load.ack=true", "load.format=json")  # fmt: skip
        examples = os.path.join(house.ROOT, "examples")
        for command in (["bash_client", "127.0.0.1", str(lines), "0.2"], ["asyncio_client.py", "127.0.0.1", str(objects), "0.2"]):
            process = subprocess.Popen([os.path.join(examples, command[0]), *command[1:]], start_new_session=True, stdin=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(os.killpg, process.pid, 15)
        house.wait_for("top", lambda: len(server.rows("SELECT idle, system, \"user\" FROM top WHERE host = '127.0.0.1'")) >= 2)
        house.wait_for("load", lambda: len(server.rows("SELECT load_one, load_five, load_fifteen FROM load")) >= 2)


if __name__ == "__main__":
    house.main()
