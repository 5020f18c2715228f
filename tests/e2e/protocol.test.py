#!/usr/bin/env python3
"""The client port as a program in another language meets it, and as an enemy does. wire.py knows the protocol from
docs/wire_format.md alone. One server and its well-behaved neighbours (a real client and two simulated ones) live through all
the cases; after each, the neighbours must have lost nothing and the log must say in one line what happened."""

import contextlib
import os
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest
import warnings

import house
import wire
from house import NS, Connection

INTERVAL_NS = NS // 5
DEMO = [("usage", wire.FLOAT), ("reads", wire.INTEGER), ("big", wire.UNSIGNED), ("up", wire.BOOLEAN), ("note", wire.STRING)]


def demo(i):
    return {"usage": i / 8, "reads": i * 1000, "big": 2**53 - i, "up": i % 2 == 0, "note": f"n{i // 3}"}


def example_blocks():
    """The hex blocks of docs/wire_format.md."""
    with open(os.path.join(house.ROOT, "docs", "wire_format.md")) as file:
        page = file.read()
    return {
        name: bytes.fromhex("".join(line.split("#")[0] for line in block.splitlines()))
        for name, block in re.findall(r"```hex (\S+)\n(.*?)```", page, re.S)
    }


class DocumentTest(unittest.TestCase):
    """wire.py is what the page says."""

    def test_the_worked_example(self):
        blocks = example_blocks()
        start = 1_700_000_000 * NS
        hello = wire.hello(
            "web1", "0123456789abcdef", bytes(range(16)),
            clock=start, interval_ns=5 * NS, oldest=1, tags=[("site", "north")], software="example 1",
        )  # fmt: skip
        self.assertEqual(hello, blocks["hello"])
        encoder = wire.Encoder()
        fields = [("usage", wire.FLOAT), ("reads", wire.INTEGER), ("up", wire.BOOLEAN), ("note", wire.STRING)]
        number, schema = encoder.declare("demo", [("disk", "sda")], fields)
        self.assertEqual(schema, blocks["schema"])
        for i, values in enumerate(
            (
                {"usage": 12.34, "reads": 1000, "up": True, "note": "ok"},
                {"usage": 12.5, "reads": 1003, "up": True, "note": "ok"},
                {"usage": 12.125, "up": True, "note": "ok"},
            )
        ):
            data = encoder.samples(i + 1, [(start + i * 5 * NS, [(number, values)])])
            self.assertEqual(data, blocks[f"samples-{i + 1}"])
        encoder = wire.Encoder()
        fields = [("free", wire.INTEGER), ("used", wire.INTEGER), ("note", wire.STRING)]
        number, schema = encoder.declare("disk", [], fields, [(1, 0)])
        self.assertEqual(schema, blocks["schema-disk"])
        for i in range(2):
            values = {"free": 8192 + i * 4096, "used": 4096 - i * 4096, "note": "ok"}
            data = encoder.samples(i + 1, [(start + i * 5 * NS, [(number, values)])])
            self.assertEqual(data, blocks[f"samples-disk-{i + 1}"])
        frames = wire.Frames()
        for name in ("welcome", "ack", "ping", "pong", "refuse", "goodbye"):
            frames.append(blocks[name])
        welcome = frames.next()
        self.assertEqual((welcome["version"], welcome["max_series"], welcome["software"]), (2, 20000, "example 2"))
        self.assertEqual(frames.next()["sequence"], 3)
        self.assertEqual([frames.next()["nonce"] for _ in range(2)], [258, 258])
        self.assertEqual(frames.next()["code"], "token")
        self.assertEqual(frames.next()["reason"], "stopping")


class ProtocolTest(house.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="resmon-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.home, True)
        cls.server = house.Server(
            cls.home, "limits.hello_timeout=1s", "limits.idle_timeout=4s", "limits.max_series_per_client=2000"
        )
        cls.addClassCleanup(cls.server.kill)
        cls.server.wait_ready()
        arguments = house.client_arguments(cls.server.port, cls.server.token_file, "neighbour", "200ms")
        cls.neighbour = house.Process("resmon-client", arguments, cls.home, "neighbour")
        cls.addClassCleanup(cls.neighbour.kill)
        arguments = ["--server", f"127.0.0.1:{cls.server.port}", "--token-file", cls.server.token_file]
        cls.simulated = house.Process("resmon-load", [*arguments, "--clients", "2", "--interval", "200ms"], cls.home, "load")
        cls.addClassCleanup(cls.simulated.kill)
        house.wait_for("the neighbours", lambda: cls.server.hosts().keys() >= {"neighbour", "sim-1", "sim-2"})
        house.wait_for("their first samples", lambda: all(cls.times(host) for host in ("neighbour", "sim-1", "sim-2")))
        cls.refused = 0

    @classmethod
    def times(cls, host, since=0):
        """When samples of the neighbour's load are stored."""
        return [row[0] for row in cls.server.rows(f"SELECT load1 FROM system WHERE host = '{host}' AND time >= {since}")]

    def setUp(self):
        super().setUp()
        self.begin = len(self.server.log())
        self.since = time.time_ns() - 2 * NS

    def stream(self):
        return os.urandom(16)

    def connect(self):
        connection = Connection(self.server.port)
        self.addCleanup(connection.close)
        return connection

    def greet(self, client, stream=None, **more):
        connection = self.connect()
        welcome = connection.hello(client, stream or self.stream(), **more)
        self.assertEqual(welcome["type"], wire.WELCOME, welcome)
        return connection

    def warnings(self):
        return [line for line in self.server.log()[self.begin :] if re.search(r"^\S+ (WARN|ERROR) ", line)]

    def assert_undisturbed(self):
        """The server is well, and every neighbour's samples are stored without a gap up to after this call began."""
        self.assertTrue(self.server.healthy())
        now = time.time_ns()
        for host in ("neighbour", "sim-1", "sim-2"):
            times = house.wait_for(
                f"samples of {host} from after the case",
                lambda host=host: (t := self.times(host, self.since)) and t[-1] > now and t,
            )
            self.assertEqual(house.unexplained_gaps(self.server, host, times, INTERVAL_NS), [], host)
        for process in (self.neighbour, self.simulated):
            self.assertEqual(process.lines(" WARN "), [])
            self.assertTrue(process.running())

    def assert_one_warning(self, connection, *patterns):
        """One line above INFO since the test began: with the connection's address, and `patterns`."""
        line = self.server.wait_line(r"^\S+ WARN ingest ", re.escape(f"address={connection.address}"), begin=self.begin)
        for pattern in patterns:
            self.assertRegex(line, pattern)
        self.assertTrue(house.fields_of(line).get("reason"), line)
        self.assert_undisturbed()
        self.assertEqual(self.warnings(), [line])

    # What works.

    def test_samples_arrive_as_they_were_sent(self):
        start = (time.time_ns() // NS - 60) * NS
        with self.greet("py-happy", tags=[("site", "north")]) as c:
            number = c.declare("demo", [("disk", "sda")], DEMO)
            other = c.declare("demo2", [], [("x", wire.FLOAT)])
            odd = [0.1, -0.0, 1e300, 1e-300, 123456789.123456789, -12.125, 2.5, 2**53 * 1.0, 1 / 3, 0.0, 99.99]
            for i, x in enumerate(odd):
                when = start + i * NS
                batch = [(number, demo(i)), (other, {"x": x}, when + 5)] if i % 3 else [(other, {"x": x}, when + 5)]
                c.samples(i + 1, [(when, batch)])
            c.acknowledged(len(odd))
            # Many batches in one frame.
            c.samples(len(odd) + 1, [(start + i * NS, [(number, demo(i))]) for i in range(20, 40)])
            c.acknowledged(len(odd) + 20)
            c.send(wire.goodbye("done"))
            self.assertEqual(c.wait_closed(), [])
        got = house.wait_for(
            "30 rows", lambda: len(r := self.server.rows("SELECT usage, reads, big, up, note FROM demo WHERE host = 'py-happy'")) >= 27 and r
        )
        wanted = [i for i in range(len(odd)) if i % 3] + list(range(20, 40))
        self.assertEqual(got, [[start + i * NS, *demo(i).values()] for i in wanted])
        got = self.server.rows("SELECT x FROM demo2 WHERE host = 'py-happy'")
        # JSON in Python takes -0 for the integer 0.
        self.assertEqual([struct.pack("<d", row[1]) for row in got], [struct.pack("<d", x or 0.0) for x in odd])
        self.assertEqual([row[0] for row in got], [start + i * NS + 5 for i in range(len(odd))])
        tags = [s[1] for s in house.query(self.server.http_port, "SELECT usage FROM demo WHERE host = 'py-happy' GROUP BY *")]
        self.assertEqual(tags, [{"disk": "sda", "host": "py-happy", "site": "north"}])
        self.server.wait_line("client disconnected", "host=py-happy", "reason=goodbye", begin=self.begin)
        self.assert_undisturbed()
        self.assertEqual(self.warnings(), [])

    def test_a_client_that_speaks_other_versions_too_is_answered(self):
        for offered, spoken in (((1, 2), 2), ((2, 2), 2), ((1, 9), 2)):
            with self.connect() as c:
                self.assertEqual(c.hello(f"py-{offered[0]}-{offered[1]}", self.stream(), versions=offered)["version"], spoken, offered)

    def test_complements_arrive_as_they_were_sent(self):
        start = (time.time_ns() // NS - 60) * NS
        fields = [("idle", wire.FLOAT), ("active", wire.FLOAT), ("free", wire.INTEGER), ("used", wire.INTEGER)]
        rows = [
            {"idle": 90.5, "active": 9.5, "free": 40960, "used": 8192},
            {"idle": 80.25, "active": 19.75, "free": 36864, "used": 12288},
            {"active": 20.0, "used": 13000},
            {"idle": 1 / 3, "active": 7.125, "free": 5, "used": -(2**62)},
            {"idle": 99.5, "active": 0.5, "free": 2**62, "used": 2**61},
            {"idle": 1e300, "active": 5e-324, "free": 4096 * 7},
            {"idle": 50.0, "active": 50.0, "free": 4096 * 9, "used": 4096},
        ]
        with self.connect() as c:
            self.assertEqual(c.hello("py-two", self.stream(), versions=(1, 2))["version"], 2)
            number = c.declare("demo_v2", [], fields, [(1, 0), (3, 2)])
            for i, row in enumerate(rows):
                c.samples(i + 1, [(start + i * NS, [(number, row)])])
            c.acknowledged(len(rows))
        got = house.wait_for(
            "7 rows", lambda: len(r := self.server.rows("SELECT idle, active, free, used FROM demo_v2")) == len(rows) and r
        )
        wanted = [[start + i * NS, *(row.get(name) for name, _ in fields)] for i, row in enumerate(rows)]
        self.assertEqual(got, wanted)

    def test_more_shapes_than_are_remembered(self):
        start = (time.time_ns() // NS - 60) * NS
        with self.greet("py-shapes") as c:
            numbers = [c.declare("shapes", [("n", str(i))], [("v", wire.INTEGER)]) for i in range(8)]
            dice = random.Random(7)
            sent = {str(i): [] for i in range(8)}
            lists = [dice.sample(numbers, dice.randint(1, 8)) for _ in range(40)]
            for i in range(200):
                chosen = lists[dice.randrange(40)]
                for n in chosen:
                    sent[str(n)].append([start + i, i * n])
                c.samples(i + 1, [(start + i, [(n, {"v": i * n}) for n in chosen])])
            c.acknowledged(200)

        def stored():
            found = house.query(self.server.http_port, "SELECT v FROM shapes GROUP BY n")
            return sum(len(s[3]) for s in found) == sum(map(len, sent.values())) and found

        series = house.wait_for("all rows", stored)
        self.assertEqual({s[1]["n"]: s[3] for s in series}, {n: r for n, r in sent.items() if r})
        self.assertEqual(self.warnings(), [])

    def test_ping_is_answered_and_an_unknown_frame_is_skipped(self):
        with self.greet("py-ping") as c:
            c.send(wire.frame(77, b"from the future") + wire.ping(2**64 - 2) + wire.frame(255, b""))
            self.assertEqual(c.receive(), {"type": wire.PONG, "nonce": 2**64 - 2})
            c.send(b"".join(wire.ping(i) for i in range(5000)))
            for i in range(5000):
                self.assertEqual(c.receive(), {"type": wire.PONG, "nonce": i})
            number = c.declare("demo3", [], [("x", wire.INTEGER)])
            c.samples(1, [(time.time_ns(), [(number, {"x": 1})])])
            c.acknowledged(1)
        self.assert_undisturbed()
        self.assertEqual(self.warnings(), [])

    def test_what_is_sent_again_is_stored_once(self):
        stream = self.stream()
        start = (time.time_ns() // NS - 60) * NS
        before = self.server.metrics()
        with self.greet("py-again", stream) as c:
            number = c.declare("again", [], [("x", wire.INTEGER)])
            c.samples(1, [(start + i, [(number, {"x": i})]) for i in range(10)])
            c.acknowledged(10)
            # The second time with other values: were they taken, they would show.
            c.samples(6, [(start + i, [(number, {"x": 100 + i})]) for i in range(5, 12)])
            c.acknowledged(12)
        with self.connect() as c:
            self.assertEqual(c.hello("py-again", stream)["acknowledged"], 12)
            number = c.declare("again", [], [("x", wire.INTEGER)])
            c.samples(11, [(start + i, [(number, {"x": 200 + i})]) for i in range(10, 15)])
            c.acknowledged(15)
        wanted = [[start + i, i if i < 10 else 100 + i if i < 12 else 200 + i] for i in range(15)]
        house.wait_for("15 rows", lambda: self.server.rows("SELECT x FROM again") == wanted)
        after = self.server.metrics()
        self.assertEqual(after["resmon_duplicate_batches_total"] - before["resmon_duplicate_batches_total"], 7)
        self.assertEqual(after["resmon_missing_batches_total"], before["resmon_missing_batches_total"])
        self.assertEqual(self.warnings(), [])

    def test_the_same_stream_takes_over_from_its_older_connection(self):
        stream = self.stream()
        with self.greet("py-over", stream) as old:
            number = old.declare("over", [], [("x", wire.INTEGER)])
            old.samples(1, [(time.time_ns(), [(number, {"x": 1})])])
            old.acknowledged(1)
            with self.connect() as new:
                self.assertEqual(new.hello("py-over", stream)["acknowledged"], 1)
                self.assertEqual(old.wait_closed(), [])
                self.server.wait_line("client disconnected", "host=py-over", "told to go", begin=self.begin)
                number = new.declare("over", [], [("x", wire.INTEGER)])
                new.samples(2, [(time.time_ns(), [(number, {"x": 2})])])
                new.acknowledged(2)
                self.assertTrue(self.server.hosts()["py-over"]["connected"])
        house.wait_for("both rows", lambda: [r[1] for r in self.server.rows("SELECT x FROM over")] == [1, 2])
        house.wait_for("the end", lambda: not self.server.hosts()["py-over"]["connected"])
        self.assertEqual(self.warnings(), [])

    # What is refused.

    def refused_hello(self, code, *patterns, client="py-bad", **more):
        c = self.connect()
        answer = c.hello(client, self.stream(), **more)
        self.assertEqual((answer["type"], answer.get("code")), (wire.REFUSE, code), answer)
        self.assertTrue(answer["reason"])
        self.assertEqual(c.wait_closed(), [])
        self.assert_one_warning(c, f"code={code}", *patterns)
        self.assertNotIn("py-bad", self.server.hosts())

    def test_wrong_token(self):
        self.refused_hello("token", "unknown token", "host=py-bad", token="wrong-token-0123456789")

    def test_missing_token(self):
        self.refused_hello("token", "no token", token="")

    def test_newer_protocol_version(self):
        self.refused_hello("version", "versions 7 to 9", versions=(7, 9))

    def test_older_protocol_version(self):
        self.refused_hello("version", "versions 1 to 1", versions=(1, 1))

    def test_no_name(self):
        self.refused_hello("malformed", "no client name", client="")

    def test_name_in_use(self):
        with self.greet("py-name") as first:
            c = self.connect()
            answer = c.hello("py-name", self.stream())
            self.assertEqual((answer["code"], answer["retry_after_ns"]), ("name_in_use", 10 * NS))
            self.assertIn("py-name", answer["reason"])
            self.assertEqual(c.wait_closed(), [])
            first.send(wire.ping(1))  # within the server's patience with a client that says nothing
            self.assertEqual(first.receive()["type"], wire.PONG)
        self.assert_one_warning(c, "code=name_in_use", "host=py-name")

    def assert_refused_on(self, c, code, *patterns):
        said = c.wait_closed()
        self.assertTrue(said, "closed without a word")
        self.assertEqual((said[-1]["type"], said[-1].get("code")), (wire.REFUSE, code), said)
        self.assert_one_warning(c, f"code={code}", *patterns)
        return said

    def test_first_frame_is_not_hello(self):
        c = self.connect()
        c.send(wire.ping(1))
        self.assert_refused_on(c, "not_hello", "type 7")

    def test_hello_with_a_wrong_magic(self):
        c = self.connect()
        c.send(wire.frame(wire.HELLO, b"XXXX" + bytes(40)))
        self.assert_refused_on(c, "malformed", "RSMN")

    def test_hello_that_ends_early(self):
        c = self.connect()
        c.send(wire.frame(wire.HELLO, wire.hello("py-cut", house.TOKEN, bytes(16), clock=1)[5:60]))
        self.assert_refused_on(c, "malformed", "ends early")

    def test_hello_over_its_bound(self):
        c = self.connect()
        c.send(struct.pack("<IB", 17000, wire.HELLO) + bytes(17000))
        self.assert_refused_on(c, "not_hello", "17000")

    def test_a_mebibyte_of_noise(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                self.begin = len(self.server.log())
                c = self.connect()
                noise = b"\xff" + random.Random(seed).randbytes((1 << 20) - 1) if seed == 1 else random.Random(seed).randbytes(1 << 20)
                try:
                    c.send(noise)
                except OSError:
                    pass  # hung up before the end: its right
                c.wait_closed()
                self.assert_one_warning(c, "code=not_hello")

    def test_http_on_the_client_port(self):
        c = self.connect()
        c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assert_refused_on(c, "not_hello", "protocol")

    def test_connection_that_says_nothing(self):
        c = self.connect()
        begin = time.monotonic()
        self.assertEqual(c.wait_closed(), [])
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assert_one_warning(c, "code=not_hello", "no HELLO", "timed out")

    def test_hello_drop_by_drop(self):
        """The limit is for all of HELLO, not for each byte of it."""
        c = self.connect()
        data = wire.hello("py-slow", house.TOKEN, self.stream(), clock=time.time_ns())
        sent = 0
        with contextlib.suppress(OSError):
            for byte in data:
                c.send(bytes([byte]))
                sent += 1
                time.sleep(0.1)
        self.assertLess(sent, len(data))
        self.assert_one_warning(c, "code=not_hello", "no HELLO")

    def test_connection_closed_before_hello(self):
        c = self.connect()
        c.send(b"\x52")
        c.close()
        self.assert_one_warning(c, "no HELLO", "closed")

    def test_frame_over_the_bound(self):
        c = self.greet("py-large")
        c.send(struct.pack("<IB", (1 << 20) + 1, wire.SAMPLES))
        self.assert_refused_on(c, "limit", str((1 << 20) + 1), "host=py-large")

    def test_malformed_samples_amid_good_ones(self):
        start = (time.time_ns() // NS - 60) * NS
        c = self.greet("py-broken")
        number = c.declare("broken", [], [("x", wire.INTEGER)])
        c.samples(1, [(start, [(number, {"x": 1})])])
        c.acknowledged(1)
        # A good batch, and after it in the same frame a shape that was never said.
        good = c.encoder.batch(start + 1, [(number, {"x": 2})])
        c.send(wire.frame(wire.SAMPLES, b"\x00" + wire.varint(2) + wire.varint(2) + good + wire.zigzag(0) + wire.varint(9 << 1)))
        self.assert_refused_on(c, "malformed", "host=py-broken", "unknown shape")
        house.wait_for("the good ones", lambda: [r[1] for r in self.server.rows("SELECT x FROM broken")] == [1, 2])

    def test_malformed_frames(self):
        schema = wire.Encoder().declare("m", [], [("x", wire.FLOAT)])[1]
        samples = lambda body, first=1, count=1, flags=0: wire.frame(  # noqa: E731
            wire.SAMPLES, bytes([flags]) + wire.varint(first) + wire.varint(count) + body
        )
        cases = {
            "schema id out of turn": (wire.frame(wire.SCHEMA, b"\x05" + schema[6:]), "malformed"),
            "schema without fields": (wire.frame(wire.SCHEMA, b"\x00" + wire.text("m") + b"\x00\x00"), "malformed"),
            "unknown field type": (wire.frame(wire.SCHEMA, b"\x00" + wire.text("m") + b"\x00\x01" + wire.text("x") + b"\x09"), "malformed"),
            "field twice": (wire.Encoder().declare("m", [], [("x", 0), ("x", 1)])[1], "malformed"),
            "too many series": (wire.Encoder().declare("m", [], [(f"f{i}", 0) for i in range(2001)])[1], "limit"),
            "too many tags": (wire.Encoder().declare("m", [(f"t{i}", "v") for i in range(33)], [("x", 0)])[1], "limit"),
            "long measurement": (wire.Encoder().declare("m" * 300, [], [("x", 0)])[1], "limit"),
            "samples of no schema": (samples(wire.zigzag(1) + b"\x00\x01\x00\x00\x00"), "malformed"),
            "sequence 0": (samples(b"", first=0), "malformed"),
            "unknown flags": (samples(b"", flags=0x82), "malformed"),
            "cut": (schema + samples(wire.zigzag(1) + b"\x00\x01\x00\x01\x00\x01"), "malformed"),
            "bytes left over": (schema + samples(wire.zigzag(time.time_ns()) + b"\x00\x01\x00\x01\x00\x01\x01\x04" + b"more"), "malformed"),
            "not a number": (
                schema + samples(wire.zigzag(1) + b"\x00\x01\x00\x01\x00\x01\x01\x1f" + struct.pack("<d", float("nan"))),
                "malformed",
            ),
            "bad zstd": (samples(wire.varint(100) + b"not zstd", flags=1), "malformed"),
            "zstd over the bound": (samples(wire.varint(1 << 40) + b"xx", flags=1), "limit"),
            "rows without end": (schema + samples(wire.zigzag(1) + b"\x00" + wire.varint(1 << 60)), "malformed"),
            "batches without end": (samples(b"", count=1 << 62), "limit"),
            "ping cut": (wire.frame(wire.PING, b"abc"), "malformed"),
            "second hello": (wire.hello("py-frames", house.TOKEN, bytes(16), clock=1), "malformed"),
        }
        for number, (name, (data, code)) in enumerate(cases.items()):
            with self.subTest(name):
                begin = len(self.server.log())
                with self.greet(f"py-frames-{number}") as c:
                    c.send(data)
                    said = c.wait_closed()
                    self.assertTrue(said, "closed without a word")
                    self.assertEqual((said[-1]["type"], said[-1].get("code")), (wire.REFUSE, code), said)
                    line = self.server.wait_line(" WARN ingest ", re.escape(c.address), f"code={code}", begin=begin)
                    self.assertEqual(self.server.lines(r"^\S+ (WARN|ERROR) ", begin=begin), [line])
        self.assert_undisturbed()

    def test_silent_client_is_taken_for_gone(self):
        c = self.greet("py-idle")
        begin = time.monotonic()
        self.assertEqual(c.wait_closed(), [])
        self.assertTrue(3.5 < time.monotonic() - begin < 15)
        self.assert_one_warning(c, "client lost", "host=py-idle", "timed out")

    def test_client_that_is_cut_off(self):
        c = self.greet("py-reset")
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
        self.assert_one_warning(c, "client lost", "host=py-reset")

    def test_three_hundred_enemies_at_once(self):
        before = self.server.metrics()["resmon_connections_refused_total"]
        crowd = []
        for i in range(300):
            c = Connection(self.server.port)
            self.addCleanup(c.close)
            crowd.append(c)
            if i % 3 == 0:
                c.send(random.Random(i).randbytes(4096))
            elif i % 3 == 1:
                c.send(wire.hello(f"py-{i}", "no-such-token-at-all", self.stream(), clock=0))
        for c in crowd:
            c.wait_closed()
        house.wait_for("all counted", lambda: self.server.metrics()["resmon_connections_refused_total"] - before == 300)
        house.wait_for("a line for each", lambda: len(self.warnings()) == 300)
        self.assert_undisturbed()


class TlsTest(house.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="resmon-e2e-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.home, True)
        house.make_certificates(cls.home)

    def path(self, name):
        return os.path.join(self.home, name)

    def tls_server(self, certificate, *sets):
        return self.server(
            "listen.tls=true", f"tls.certificate_file={self.path(certificate)}.pem", f"tls.key_file={self.path(certificate)}.key",
            "limits.hello_timeout=2s", *sets,
        )  # fmt: skip

    def tls_client(self, server, ca="ca.pem", host="secure", *sets):
        return self.client(server, host, "500ms", "tls.enabled=true", f"tls.ca_file={self.path(ca)}", *sets)

    def assert_refuses(self, server, client, reason):
        """One line on the client's side however often it tries, and none of its samples here."""
        line = client.wait_line(" WARN uplink cannot connect ")
        self.assertRegex(house.fields_of(line)["reason"], reason)
        # Its first refusal has a line; those that follow within a minute are summed up.
        house.wait_for("a second try", lambda: server.metrics()["resmon_connections_refused_total"] >= 2)
        self.assertEqual(len(server.lines(" WARN ingest ", "code=tls")), 1)
        self.assertEqual(client.lines(r" (WARN|ERROR) "), [line])
        for told in server.lines(" WARN "):
            self.assertRegex(told, r"code=tls reason=")
        self.assertEqual(server.hosts(), {})
        self.assertTrue(server.healthy())

    def test_good_certificate(self):
        server = self.tls_server("good")
        client = self.tls_client(server)
        line = client.wait_line(" uplink connected ")
        self.assertEqual(house.fields_of(line)["tls"], "true")
        house.wait_for("samples", lambda: server.rows("SELECT load1 FROM system WHERE host = 'secure'"))
        self.assertEqual(client.lines(" WARN "), [])
        self.assertEqual(server.lines(" WARN "), [])

    def test_python_over_tls_1_2_and_1_3(self):
        server = self.tls_server("good")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = house.tls_trusting(self.path("ca.pem"))
            context.minimum_version = context.maximum_version = version
            with Connection(server.port, tls=context) as c:
                self.assertEqual(c.hello("py-tls", os.urandom(16))["type"], wire.WELCOME)
                c.send(wire.goodbye("done"))
                self.assertEqual(c.wait_closed(), [])

    def test_tls_1_1_is_refused(self):
        server = self.tls_server("good")
        context = house.tls_trusting(self.path("ca.pem"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this version is old is the point
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, OSError)):
            Connection(server.port, tls=context)
        server.wait_line(" WARN ingest ", "code=tls")

    def test_expired_certificate_is_not_served(self):
        server = self.start(
            house.Server(
                self.folder, "listen.tls=true", f"tls.certificate_file={self.path('expired.pem')}", f"tls.key_file={self.path('expired.key')}"
            )
        )
        self.assertEqual(server.wait(), 3)
        self.assertEqual(len(server.log()), 1, server.log())
        self.assertRegex(server.log()[0], r"expired\.pem has expired")

    def test_client_refuses_an_expired_certificate(self):
        # Our own server does not serve one, so openssl's does.
        port = house.free_port()
        other = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", self.path("expired.pem"), "-key", self.path("expired.key"), "-quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        house.wait_listening(port)
        arguments = house.client_arguments(
            port, house.write_token(self.folder), "secure", "500ms", "tls.enabled=true", f"tls.ca_file={self.path('ca.pem')}"
        )
        client = self.start(house.Process("resmon-client", arguments, self.folder, "secure"))
        line = client.wait_line(" WARN uplink cannot connect ")
        self.assertRegex(house.fields_of(line)["reason"], "certificate has expired")

    def test_certificate_of_an_unknown_authority(self):
        server = self.tls_server("foreign")
        self.assert_refuses(server, self.tls_client(server), "unable to get (local )?issuer|self-signed")

    def test_system_authorities_do_not_know_ours(self):
        server = self.tls_server("good")
        client = self.client(server, "secure", "500ms", "tls.enabled=true")
        self.assert_refuses(server, client, "unable to get (local )?issuer|self-signed")

    def test_certificate_for_another_name(self):
        server = self.tls_server("misnamed")
        self.assert_refuses(server, self.tls_client(server), "IP address mismatch")
        # Told the name that is in it, the client takes it.
        named = self.tls_client(server, "ca.pem", "named", "tls.server_name=elsewhere.example")
        named.wait_line(" uplink connected ")

    def test_plain_client_on_a_tls_port(self):
        server = self.tls_server("good")
        with Connection(server.port) as c:
            c.send(wire.hello("py-plain", house.TOKEN, os.urandom(16), clock=time.time_ns()))
            c.wait_closed()
            line = server.wait_line(" WARN ingest ", re.escape(c.address))
        self.assertRegex(line, "code=tls reason=.*TLS handshake")
        self.assertEqual(server.lines(" WARN "), [line])
        client = self.client(server, "plain", "500ms")
        told = client.wait_line(" WARN uplink cannot connect ")
        self.assertIn("does it need TLS (tls.enabled = true)?", house.fields_of(told)["reason"])
        self.assertEqual(server.hosts(), {})

    def test_tls_client_on_a_plain_port(self):
        server = self.server("limits.hello_timeout=2s")
        client = self.tls_client(server)
        told = client.wait_line(" WARN uplink cannot connect ")
        self.assertRegex(house.fields_of(told)["reason"], "TLS handshake.*does not use TLS")
        line = server.wait_line(" WARN ingest ", "code=not_hello")
        self.assertRegex(line, "reason=")
        self.assertEqual(server.hosts(), {})
        self.assertTrue(server.healthy())

    def test_connection_that_never_shakes_hands(self):
        server = self.tls_server("good")
        client = self.tls_client(server)
        client.wait_line(" uplink connected ")
        with Connection(server.port) as c:
            c.wait_closed()
            line = server.wait_line(" WARN ingest ", re.escape(c.address))
        self.assertRegex(line, "code=tls reason=.*timed out")
        self.assertEqual(server.lines(" WARN "), [line])
        self.assertEqual(client.lines(" WARN "), [])


if __name__ == "__main__":
    house.main()
