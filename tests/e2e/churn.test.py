#!/usr/bin/env python3
"""Series that come and go by the million, fields in every order, types that disagree, and files that others could read: what a server
that lives for years must not be hurt by."""

import os
import random
import re
import stat
import time
import urllib.parse

import house
import wire


class ChurnTest(house.HouseTest):
    def write(self, server, lines):
        parameters = urllib.parse.urlencode({"db": "resmon"})
        return house.request(
            server.http_port, "POST", f"/write?{parameters}", body=lines.encode(), headers={"Authorization": f"Token {house.TOKEN}"}
        )

    def metric(self, server, name):
        return float(server.metrics()[name])

    def test_schemas_come_and_go_while_old_and_new_clients_are_served(self):
        limit = 2000
        server = self.server(f"limits.max_schemas={limit}", "limits.schema_idle=3s", "journal.sync_interval=5ms")
        self.client(server, "old")
        house.wait_for("the old client", lambda: "old" in server.hosts())
        counter = 0
        begin = time.monotonic()
        # Three times as many as there is room for: each is written once and never again.
        while counter < 3 * limit:
            now = time.time_ns()
            lines = "".join(f"pod,id=p{counter + i} v={i}i {now}\n" for i in range(100))
            answer = self.write(server, lines)
            if answer.status == 204:
                counter += 100
            else:  # the table is full for a moment: said, counted, and over when the idle ones are forgotten
                self.assertIn("schema table is full", answer.body.decode())
                house.wait_for("room", lambda: self.metric(server, "resmon_schemas") < limit)
            self.assertLess(time.monotonic() - begin, 120)
        self.assertGreater(self.metric(server, "resmon_schemas_forgotten_total"), limit / 2)
        self.assertLessEqual(self.metric(server, "resmon_schemas"), limit)
        self.assertEqual(self.metric(server, "resmon_schemas_limit"), limit)
        self.client(server, "new")
        house.wait_for("the new client", lambda: "new" in server.hosts())
        seen = len(server.rows("SELECT used FROM mem WHERE host='old'"))
        house.wait_for("more of the old one", lambda: len(server.rows("SELECT used FROM mem WHERE host='old'")) > seen + 5)
        house.wait_for("all that was written", lambda: server.rows("SELECT count(v) FROM pod")[0][1] == counter)
        house.wait_for("only the clients' own", lambda: self.metric(server, "resmon_schemas") < 400)
        house.wait_for("ready", lambda: server.get("/readyz").status == 200)

    def test_a_full_table_says_so(self):
        server = self.server("limits.max_schemas=1000", "limits.schema_idle=1h")
        answer = self.write(server, "".join(f"pod,id=p{i} v=1i\n" for i in range(1500)))
        self.assertEqual(answer.status, 400)
        self.assertIn("schema table is full", answer.json()["error"])
        self.assertGreater(self.metric(server, "resmon_schemas_refused_total"), 400)
        ready = server.get("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn("limits.max_schemas", ready.body.decode())

    def test_a_measurement_full_of_fields_says_so(self):
        server = self.server()
        fields = [f"f{i}=1i" for i in range(4096)]
        self.assertEqual(self.write(server, f"wide {','.join(fields[:4095])}\n").status, 204)
        house.wait_for("the fields", lambda: server.metrics()['resmon_table_entries{table="fields_of_one_measurement"}'] == 4095)
        self.assertEqual(server.get("/readyz").status, 200)
        self.assertEqual(self.write(server, f"wide {fields[4095]}\n").status, 204)
        house.wait_for("the last field", lambda: server.get("/readyz").status == 503)
        self.assertIn("fields_of_one_measurement full: there are 4096 of 4096", server.get("/readyz").body.decode())
        self.assertIn("max-fields-per-measurement", self.write(server, "wide more=1i\n").json()["error"])
        drop = urllib.parse.urlencode({"db": "resmon", "q": "DROP MEASUREMENT wide"})
        headers = {"Authorization": f"Token {house.TOKEN}"}
        self.assertEqual(house.request(server.http_port, "POST", f"/query?{drop}", headers=headers).status, 200)
        house.wait_for("room", lambda: server.get("/readyz").status == 200)

    # What is acknowledged as kept is kept: what there is no room for is refused before, also where it is known only to
    # be coming.
    def test_series_beyond_the_limit_are_refused_before_they_are_acknowledged(self):
        server = self.server("limits.max_series=50")
        answer = self.write(server, "".join(f"pod,id=p{i} v=1i,w=2i\n" for i in range(120)))
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"], "partial write: max-series-per-database limit exceeded: (50) dropped=70")
        house.wait_for("the others", lambda: len(server.rows("SHOW SERIES")) == 50)
        self.assertEqual(self.write(server, "pod,id=p7 v=3i\n").status, 204)
        client = self.client(server, "late")
        house.wait_for("its refusals", lambda: server.hosts().get("late", {}).get("refused_samples", 0) > 100)
        host = server.hosts()["late"]
        self.assertIn("max-series-per-database limit exceeded: (50)", host["last_refusal"])
        client.wait_line("the server refused samples")
        self.assertIn("limit exceeded: (50)", client.wait_line("the server says"))
        self.assertEqual(client.terminate()[0], 0)
        stopped = next(line for line in client.log() if "refused_samples=" in line and "acknowledged_samples=" in line)
        counts = {name: int(value) for name, value in re.findall(r"(\w+)_samples=(\d+)", stopped)}
        self.assertEqual((counts["refused"], counts["dropped"]), (counts["acknowledged"], 0))
        house.wait_for("the same number", lambda: server.hosts()["late"]["refused_samples"] == counts["refused"])
        self.assertEqual(self.metric(server, "resmon_ingest_refused_samples_total"), counts["refused"])
        # Nothing was promised that the store then refused, and nothing was stored beside.
        self.assertEqual(self.metric(server, "resmon_store_refused_samples_total"), 0)
        self.assertEqual(self.metric(server, "resmon_store_groups"), 50)
        with open(os.path.join(server.store, "refused-ingest.txt")) as file:
            self.assertIn("host=late", file.read())

    def test_every_order_of_the_same_fields_is_one_schema(self):
        server = self.server()
        before = self.metric(server, "resmon_schemas")
        fields = [f"f{i}={i}i" for i in range(20)]
        shuffle = random.Random(3)
        for _ in range(20):
            now = time.time_ns()
            lines = ""
            for i in range(100):
                shuffle.shuffle(fields)
                lines += f"mem2,host=t {','.join(fields)} {now + i}\n"
            self.assertEqual(self.write(server, lines).status, 204)
        self.assertLessEqual(self.metric(server, "resmon_schemas"), before + 1)
        house.wait_for("all", lambda: server.rows("SELECT count(f7) FROM mem2")[0][1] == 2000)
        self.assertEqual(server.rows("SELECT sum(f7) FROM mem2")[0][1], 14000)

    def test_the_first_writer_does_not_decide_everybodys_types(self):
        server = self.server()
        now = time.time_ns()
        # Telegraf with influx_uint_support comes first.
        self.assertEqual(self.write(server, f"mem,host=telegraf total=8u,used=4u,used_percent=50i {now}\n").status, 204)
        house.wait_for("its row", lambda: server.rows("SELECT used FROM mem"))
        self.client(server, "c")
        house.wait_for("the client's", lambda: server.rows("SELECT used, used_percent FROM mem WHERE host='c'"))
        self.assertEqual(
            dict(tuple(row) for row in server.rows("SHOW FIELD KEYS FROM mem") if row[0] in ("total", "used", "used_percent")),
            {"total": "integer", "used": "integer", "used_percent": "float"},
        )
        self.assertEqual(server.hosts()["c"]["refused_samples"], 0)
        answer = self.write(server, "mem,host=t total=8.5\nmem,host=t total=9.0\nmem,host=t total=18446744073709551615u")
        self.assertEqual(answer.status, 400)
        self.assertIn("field type conflict", answer.json()["error"])
        self.assertIn("dropped=2", answer.json()["error"])

    def test_what_is_refused_shows_at_the_host_and_its_client_is_told(self):
        server = self.server()
        now = time.time_ns()
        self.assertEqual(self.write(server, f"wish,host=other v=-1i {now}\n").status, 204)
        house.wait_for("its row", lambda: server.rows("SELECT v FROM wish"))
        with house.Connection(server.port) as client:
            client.hello("c", b"c" * 16)
            number = client.declare("wish", [], [("v", wire.STRING)])
            client.samples(1, [(now + 1, [(number, {"v": "text"})])])
            notice = client.receive()
            while notice["type"] == wire.ACK:
                notice = client.receive()
            self.assertEqual(notice["type"], wire.NOTICE)
            self.assertEqual(notice["text"], "1 sample was refused and set aside on the server: wish v: string into integer")
            told = lambda: (host := server.hosts()["c"]) and (host["refused_samples"], host["last_refusal"])  # noqa: E731
            house.wait_for("it to be counted at the host", lambda: told() == (1, "wish v: string into integer"))

    def test_files_are_nobody_elses(self):
        folder = os.path.join(self.folder, "open")
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        old = os.path.join(folder, "resmon.db-old")
        with open(old, "w") as file:
            file.write("x")
        os.chmod(old, 0o644)
        server = self.server(f"store.directory={folder}")
        self.assertEqual(self.write(server, "m v=1").status, 204)
        house.wait_for("the row", lambda: server.rows("SELECT v FROM m"))
        for root, folders, files in os.walk(folder):
            for name in files:
                mode = stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode)
                self.assertEqual(mode & 0o077, 0, f"{name} {mode:o}")
            for name in folders:
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode), 0o700, name)
        server.wait_line("others have access to a directory", f"chmod 700 {folder}")


if __name__ == "__main__":
    house.main()
