#!/usr/bin/env python3
"""Nothing is lost and nothing is stored twice: the server killed under load, its disk full, its journal damaged, a database away,
refusing, or no longer configured; and the bounds on what clients may do."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import house
from house import NS


class Database(house.HttpReceiver):
    """Takes line protocol as InfluxDB does, remembers every line, and fails when it is told to."""

    def __init__(self, port=0):
        self.lines = []
        self.status = 204
        self.refuse = None  # lines with this in them are refused
        super().__init__(self.take, port=port, keep_alive=True)

    def take(self, path, _, body):
        if not path.startswith("/write") or self.status != 204:
            return self.status, {}, b""
        lines = body.decode().splitlines()
        good = [line for line in lines if not (self.refuse and self.refuse in line)]
        self.lines += good
        return 204 if len(good) == len(lines) else (400, {}, b'{"error":"partial write: field type conflict: dropped=1"}')

    def values(self, measurement):
        """Value by time of `measurement v=VALUEi TIME`, however often they were sent."""
        found = {}
        for line in list(self.lines):
            if line.startswith(measurement):
                _, fields, when = line.split(" ")
                found[int(when)] = int(fields.split("=")[1].rstrip("i"))
        return found


class Sender:
    """A raw client that numbers its batches and forgets only what is acknowledged, as a client must."""

    def __init__(self, name="sender", stream=None):
        self.name = name
        self.stream = stream or os.urandom(16)
        self.begin = time.time_ns() // NS * NS - 3600 * NS
        self.made = 0
        self.acknowledged = 0

    def time_of(self, number):
        return self.begin + number * NS // 100

    def run(self, port, batches, patience=60.0):
        """Sends until `batches` are acknowledged, over as many connections as it takes."""
        until = time.monotonic() + patience
        while self.acknowledged < batches:
            if time.monotonic() > until:
                raise AssertionError(f"{self.acknowledged} of {batches} acknowledged after {patience:g} s")
            with contextlib.suppress(OSError), house.Connection(port, timeout=5.0) as connection:
                self.session(connection, batches)
            time.sleep(0.02)

    def session(self, connection, batches):
        welcome = connection.hello(self.name, self.stream)
        if welcome is None or "acknowledged" not in welcome:
            return
        if welcome["acknowledged"] < self.acknowledged:
            raise AssertionError(f"the server says {welcome['acknowledged']} after it acknowledged {self.acknowledged}")
        self.acknowledged = welcome["acknowledged"]
        schema = connection.declare("n", [], [("v", house.wire.INTEGER)])
        sent = self.acknowledged
        while self.acknowledged < batches:
            while sent < min(batches, self.acknowledged + 200):
                sent += 1
                self.made = max(self.made, sent)
                connection.samples(sent, [(self.time_of(sent), [(schema, {"v": sent})])])
            found = connection.receive()
            if found is None:
                return
            if found["type"] == house.wire.ACK:
                if found["sequence"] > sent:
                    raise AssertionError("acknowledged more than was sent")
                self.acknowledged = found["sequence"]


class JournalTest(house.HouseTest):
    def restart(self, server, *sets, label):
        again = house.Server(self.folder, *sets, port=server.port, http_port=server.http_port, label=label)
        return self.start(again).wait_ready()

    def database(self, **more):
        database = Database(**more)
        self.addCleanup(database.close)
        return database

    def sink(self, database, name="db"):
        return [f"sink.{name}.url=http://127.0.0.1:{database.port}", f"sink.{name}.linger=50ms", f"sink.{name}.retry_first=50ms",
                f"sink.{name}.retry_last=200ms"]  # fmt: skip

    def stored(self, server):
        return {row[0]: row[1] for row in server.rows("SELECT v FROM n")}

    def write(self, server, lines):
        return house.request(server.http_port, "POST", "/write?db=resmon", lines.encode(), {"Authorization": f"Token {house.TOKEN}"})

    def state(self, server):
        return server.get("/api/v1/server").json()

    def test_killed_under_load_it_has_every_sample_once(self):
        database = self.database()
        server = self.server(*self.sink(database))
        sender = Sender()
        wanted = 4000
        thread = threading.Thread(target=sender.run, args=(server.port, wanted), daemon=True)
        thread.start()
        for round_ in range(4):
            goal = wanted * (round_ + 1) // 6
            house.wait_for("some acknowledgements", lambda goal=goal: sender.acknowledged >= goal, 60)
            server.kill()
            server = self.restart(server, *self.sink(database), label=f"server-{round_}")
        thread.join(60)
        self.assertEqual(sender.acknowledged, wanted)
        expected = {sender.time_of(n): n for n in range(1, wanted + 1)}
        house.wait_for("the store to have all", lambda: len(self.stored(server)) == wanted)
        self.assertEqual(self.stored(server), expected)
        house.wait_for("the database to have all", lambda: len(database.values("n")) == wanted)
        self.assertEqual(database.values("n"), expected)
        # And not twice: only what was under way when it was killed is sent to a database again.
        self.assertLess(len(database.lines), wanted * 3)

    def test_after_an_orderly_stop_nothing_comes_again(self):
        server = self.server()
        sender = Sender()
        sender.run(server.port, 500)
        self.assertEqual(server.terminate()[0], 0)
        server = self.restart(server, label="again")
        with house.Connection(server.port) as connection:
            self.assertEqual(connection.hello("sender", sender.stream)["acknowledged"], 500)
        self.assertEqual(self.state(server)["store"]["backlog_entries"], 0)
        self.assertEqual(len(self.stored(server)), 500)

    def test_lines_over_http_are_answered_when_they_are_durable(self):
        server = self.server("journal.sync_interval=200ms")
        now = time.time_ns()
        self.assertEqual(self.write(server, f"n v=1i {now}\nn v=2i {now + 1}").status, 204)
        server.kill()
        server = self.restart(server, label="again")
        house.wait_for("the rows", lambda: self.stored(server) == {now: 1, now + 1: 2})

    def test_a_database_that_is_away_gets_all_later_and_holds_up_nobody(self):
        database = self.database()
        other = self.database()
        port = database.port
        sets = [*self.sink(database, "away"), *self.sink(other, "here")]
        database.close()
        server = self.server(*sets)
        sender = Sender()
        sender.run(server.port, 300)
        house.wait_for("the store", lambda: len(self.stored(server)) == 300)
        house.wait_for("the other database", lambda: len(other.values("n")) == 300)
        sinks = {sink["name"]: sink for sink in self.state(server)["sinks"]}
        self.assertEqual((sinks["away"]["state"], sinks["away"]["backlog_samples"]), ("retrying", 300))
        self.assertGreater(sinks["away"]["lag_seconds"], 0)
        self.assertEqual(server.metrics()['resmon_sink_backlog_samples{sink="away"}'], 300)
        self.assertIn("sink away retrying", server.get("/readyz").body.decode())
        self.assertEqual(server.get("/readyz").status, 200)
        server.kill()  # what is kept for it is on disk
        server = self.restart(server, *sets, label="again")
        database = self.database(port=port)
        house.wait_for("all of it", lambda: len(database.values("n")) == 300)
        house.wait_for("no backlog", lambda: self.state(server)["sinks"][0]["backlog_samples"] == 0)
        self.assertEqual(self.state(server)["sinks"][0]["lost_samples"], 0)

    def test_a_database_that_is_away_too_long_loses_its_oldest_counted_exactly(self):
        database = self.database()
        port = database.port
        sets = [*self.sink(database), "journal.limit_bytes=1MiB"]
        database.close()
        server = self.server(*sets)
        text = "x" * 50_000
        begin = time.time_ns() // NS * NS - 3600 * NS
        count = 60
        for n in range(count):
            line = f'n v={n}i {begin + n}\nt s="{text}" {begin + n}'
            # The store loses nothing: until it has made durable what it has, a full journal takes no more.
            house.wait_for("room", lambda line=line: self.write(server, line).status == 204)
        sink = lambda: self.state(server)["sinks"][0]  # noqa: E731
        house.wait_for("losses", lambda: sink()["lost_samples"] > 0)
        self.assertLessEqual(self.state(server)["journal"]["disk_bytes"], 1 << 20)
        house.wait_for("the store, which loses nothing", lambda: len(self.stored(server)) == count)
        database = self.database(port=port)
        house.wait_for("the rest", lambda: sink()["backlog_samples"] == 0)
        arrived = len(database.values("n"))
        self.assertLess(arrived, count)
        self.assertEqual(sink()["lost_samples"], 2 * (count - arrived))

    def test_poison_is_set_aside_and_blocks_nothing(self):
        database = self.database()
        server = self.server(*self.sink(database))
        now = time.time_ns()
        self.assertEqual(self.write(server, f"n v=1i {now}\nbad v=1i {now}").status, 204)
        house.wait_for("both", lambda: len(database.lines) >= 2)
        database.refuse = "bad"
        self.write(server, "".join(f"n v={i}i {now + i}\n" for i in range(1, 50)) + f"bad v=7i {now + 1}\nn v=50i {now + 50}")
        house.wait_for("the count", lambda: self.state(server)["sinks"][0]["refused_samples"] == 1)
        house.wait_for("what follows", lambda: len(database.values("n")) == 51)
        with open(os.path.join(server.store, "refused-db.txt")) as file:
            aside = file.read()
        self.assertIn(f"bad v=7i {now + 1}", aside)
        self.assertIn("field type conflict", aside)
        # The embedded store has its own: a field of another type.
        self.write(server, f'n v="text" {now + 99}\nn v=99i {now + 99}')
        house.wait_for("what follows", lambda: self.stored(server).get(now + 99) == 99)
        with open(os.path.join(server.store, "refused-store.txt")) as file:
            aside = file.read()
        self.assertIn(f'n v="text" {now + 99}', aside)
        self.assertIn("string into integer", aside)
        self.assertEqual(self.state(server)["store"]["refused_samples"], 1)

    def test_a_sink_that_is_configured_no_more_holds_nothing(self):
        database = self.database()
        sets = self.sink(database, "old")
        database.close()
        server = self.server(*sets)
        self.assertEqual(self.write(server, f"n v=1i {time.time_ns()}").status, 204)
        server.terminate()
        server = self.restart(server, label="without")
        line = server.wait_line("no longer configured", "name=old")
        self.assertEqual(house.fields_of(line)["entries"], "1")
        server.terminate()
        server = self.restart(server, label="again")
        self.assertEqual(server.lines("no longer configured"), [])

    def test_a_damaged_journal_costs_the_damaged_records_and_no_start(self):
        database = self.database()
        sets = self.sink(database)
        database.close()
        server = self.server(*sets)
        begin = time.time_ns() // NS * NS
        for n in range(30):
            self.write(server, f'n v={n}i {begin + n}\nt s="{"x" * 5000}" {begin + n}')
        server.kill()
        journal = os.path.join(server.store, "journal")
        segment = sorted(name for name in os.listdir(journal) if name.endswith(".seg"))[0]
        with open(os.path.join(journal, segment), "r+b") as file:
            file.seek(15 * 5000)
            file.write(b"damaged")
        server = self.restart(server, *sets, label="again")
        database = self.database(port=database.port)
        house.wait_for("the others", lambda: len(database.values("n")) == 29)
        house.wait_for("the count", lambda: self.state(server)["sinks"][0]["damaged_entries"] == 1)
        self.assertEqual(self.write(server, f"n v=30i {begin + 30}").status, 204)
        house.wait_for("what follows", lambda: database.values("n").get(begin + 30) == 30)

    def test_a_full_disk_stops_acknowledgements_until_there_is_room(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can mount a small file system")
        disk = tempfile.mkdtemp(prefix="resmon-small-disk-")
        self.addCleanup(shutil.rmtree, disk, True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True).returncode != 0:
            raise unittest.SkipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], capture_output=True)
        sets = [f"journal.directory={disk}/journal", "journal.limit_bytes=16MiB", "journal.memory_bytes=1MiB"]
        with open(os.path.join(disk, "ballast"), "wb") as ballast:
            ballast.write(b"x" * ((24 << 20) - (16 << 10)))  # nothing fits the rest
        server = self.server(*sets)
        sender = Sender()
        with house.Connection(server.port) as connection:
            connection.hello(sender.name, sender.stream)
            schema = connection.declare("n", [], [("v", house.wire.INTEGER)])
            connection.samples(1, [(sender.time_of(1), [(schema, {"v": 1})])])
            server.wait_line("ERROR journal nothing is acknowledged now")
            self.assertEqual(server.get("/readyz").status, 503)
            self.assertIn("journal failing", server.get("/readyz").body.decode())
            self.assertEqual(server.metrics()["resmon_journal_up"], 0)
            self.assertEqual(self.write(server, f"other v=1i {time.time_ns()}").status, 503)
            os.remove(os.path.join(disk, "ballast"))
            connection.acknowledged(1)
        server.wait_line("INFO journal acknowledging again")
        sender.run(server.port, 100)
        house.wait_for("all of it", lambda: len(self.stored(server)) == 100)
        self.assertEqual(server.get("/readyz").status, 200)

    # Time.

    def test_times_that_cannot_be_are_set_aside(self):
        server = self.server("limits.max_future=1h")
        now = time.time_ns()
        with house.Connection(server.port) as connection:
            connection.hello("ahead", os.urandom(16))
            schema = connection.declare("n", [], [("v", house.wire.INTEGER)])
            connection.samples(1, [(now, [(schema, {"v": 1})]), (now + 86400 * NS, [(schema, {"v": 2})]), (now + NS, [(schema, {"v": 3})])])
            connection.acknowledged(3)
        house.wait_for("the others", lambda: self.stored(server) == {now: 1, now + NS: 3})
        with open(os.path.join(server.store, "refused-ingest.txt")) as file:
            self.assertIn(f"n,host=ahead v=2i {now + 86400 * NS}", file.read())
        self.assertEqual(server.metrics()["resmon_ingest_refused_samples_total"], 1)
        answer = self.write(server, f"n v=1i {now + 86400 * NS}\nn v=4i {now + 4}")
        self.assertEqual(answer.status, 400)
        self.assertIn("dropped=1", answer.json()["error"])

    def test_the_last_of_several_values_for_a_time_counts_also_after_a_crash(self):
        server = self.server()
        now = time.time_ns()
        for value in (1, 2, 3):
            self.assertEqual(self.write(server, f"n v={value}i {now}").status, 204)
        house.wait_for("the last", lambda: self.stored(server) == {now: 3})
        server.kill()
        server = self.restart(server, label="again")
        house.wait_for("the last", lambda: self.stored(server) == {now: 3})

    def test_a_clock_that_differs_is_told(self):
        server = self.server()
        with house.Connection(server.port) as connection:
            connection.hello("late", os.urandom(16), clock=time.time_ns() - 100 * NS)
            server.wait_line("client's clock differs", "host=late")
            house.wait_for("the host", lambda: "late" in server.hosts())
            self.assertAlmostEqual(server.hosts()["late"]["clock_skew_seconds"], -100, delta=30)

    # Limits.

    def test_connections_from_one_address_have_a_rate(self):
        server = self.server("limits.connection_rate=1")
        connections = []
        for _ in range(14):
            connection = house.Connection(server.port, source="127.0.0.1")
            self.addCleanup(connection.close)
            connections.append(connection)
        house.wait_for("some turned away", lambda: server.metrics()["resmon_connections_rate_limited_total"] >= 2)
        server.wait_line("too many connections from one address")

    def test_names_and_strings_have_bounds(self):
        server = self.server("limits.max_name_bytes=16", "limits.max_tag_value_bytes=16", "limits.max_string_bytes=100",
                             "limits.max_text_bytes_per_client=64KiB")  # fmt: skip
        long = "x" * 17
        for what, (measurement, tags, fields) in {
            "measurement name too long": (long, [], [("v", house.wire.INTEGER)]),
            "tag key too long": ("m", [(long, "v")], [("v", house.wire.INTEGER)]),
            "tag value too long": ("m", [("k", long)], [("v", house.wire.INTEGER)]),
            "field name too long": ("m", [], [(long, house.wire.INTEGER)]),
        }.items():
            with self.subTest(what), house.Connection(server.port) as connection:
                # A name of its own: the server may not have noticed yet that the one before has gone.
                connection.hello(f"long {what}", os.urandom(16))
                connection.declare(measurement, tags, fields)
                refused = [frame for frame in connection.wait_closed() if frame["type"] == house.wire.REFUSE]
                self.assertIn(what, refused[0]["reason"])
        with house.Connection(server.port) as connection:
            connection.hello("text", os.urandom(16))
            schema = connection.declare("m", [], [("s", house.wire.STRING)])
            connection.samples(1, [(time.time_ns(), [(schema, {"s": "y" * 101})])])
            refused = [frame for frame in connection.wait_closed() if frame["type"] == house.wire.REFUSE]
            self.assertIn("string too long", refused[0]["reason"])


if __name__ == "__main__":
    house.main()
