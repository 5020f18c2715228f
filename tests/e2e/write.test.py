#!/usr/bin/env python3
"""Line protocol over HTTP: what Telegraf and InfluxDB's client libraries send, and what they are answered."""

import gzip
import http.client
import json
import time
import unittest
import urllib.parse

import house
from house import NS


class WriteTest(house.HouseTest):
    def write(self, server, lines, path="/write", token=house.TOKEN, headers=None, **parameters):
        parameters = parameters or {"db": "resmon"}
        sent = {"Authorization": f"Token {token}"} if token else {}
        sent.update(headers or {})
        body = lines if isinstance(lines, bytes) else lines.encode()
        return house.request(server.http_port, "POST", f"{path}?{urllib.parse.urlencode(parameters)}", body=body, headers=sent)

    def test_lines_of_every_type_are_stored_as_they_came(self):
        server = self.server()
        now = time.time_ns()
        answer = self.write(server, f'm,host=a f=1.5,i=-3i,b=t,s="x, \\"y\\"" {now}\nm,host=b f=2 {now + 1}\n')
        self.assertEqual((answer.status, answer.body), (204, b""))
        house.wait_for("the rows", lambda: len(server.rows("SELECT * FROM m")) == 2)
        self.assertEqual(
            house.query(server.http_port, "SELECT * FROM m"),
            [("m", {}, ["time", "b", "f", "host", "i", "s"], [[now, True, 1.5, "a", -3, 'x, "y"'], [now + 1, None, 2, "b", None, None]])],
        )
        self.assertEqual(
            [tuple(row) for row in server.rows("SHOW FIELD KEYS FROM m")],
            [("b", "boolean"), ("f", "float"), ("i", "integer"), ("s", "string")],
        )

    def test_who_writes_much_need_not_wait_for_the_journals_interval(self):
        server = self.server("journal.sync_interval=10s")
        now = time.time_ns()
        lines = "".join(f"bulk,host=a v={n} {now + n}\n" for n in range(10_000))
        self.assertGreater(len(lines), 256 << 10)
        began = time.monotonic()
        for _ in range(3):
            self.assertEqual(self.write(server, lines).status, 204)
        self.assertLess(time.monotonic() - began, 20, "three intervals")

    def test_a_bad_line_is_named_and_its_neighbours_are_kept(self):
        server = self.server()
        now = time.time_ns()
        answer = self.write(server, f"m v=1 {now}\nthis is wrong\nm v=2 {now + 1}\n")
        self.assertEqual(answer.status, 400)
        self.assertIn("partial write: unable to parse 'this is wrong'", answer.json()["error"])
        house.wait_for("the good lines", lambda: len(server.rows("SELECT v FROM m")) == 2)
        alone = self.write(server, "only this")
        self.assertEqual(alone.status, 400)
        self.assertTrue(alone.json()["error"].startswith("unable to parse"), alone.body)
        second = self.write(server, "only this", path="/api/v2/write", bucket="resmon")
        self.assertEqual((second.status, second.json()["code"]), (400, "invalid"))

    def test_precision_gzip_and_both_interfaces(self):
        server = self.server()
        seconds = int(time.time())
        self.assertEqual(self.write(server, f"s v=1 {seconds}", precision="s", db="resmon").status, 204)
        packed = gzip.compress(f"z v=2 {seconds * 1000}".encode())
        gz = {"Content-Encoding": "gzip"}
        self.assertEqual(self.write(server, packed, headers=gz, precision="ms", db="resmon").status, 204)
        self.assertEqual(self.write(server, f"t v=3 {seconds}", path="/api/v2/write", bucket="resmon/autogen", precision="s").status, 204)
        for measurement, value in (("s", 1), ("z", 2), ("t", 3)):
            house.wait_for(measurement, lambda m=measurement: server.rows(f"SELECT v FROM {m}"))
            self.assertEqual(server.rows(f"SELECT v FROM {measurement}"), [[seconds * NS, value]])
        self.assertEqual(self.write(server, f"s v=1 {seconds}", precision="fortnight", db="resmon").status, 400)
        broken = self.write(server, packed[:-9], headers=gz, db="resmon")
        self.assertEqual(broken.status, 400)
        self.assertIn("gzip", broken.json()["error"])

    def test_nobody_writes_without_a_token(self):
        server = self.server()
        for token in (None, "not-the-token-0123456789"):
            answer = self.write(server, "m v=1", token=token)
            self.assertEqual(answer.status, 401, token)
            self.assertIn("token", answer.json()["error"])
        self.assertEqual(self.write(server, "m v=1", token=None, db="resmon", u="any", p=house.TOKEN).status, 204)
        house.wait_for("the one row", lambda: server.rows("SELECT v FROM m"))
        self.assertEqual(len(server.rows("SELECT v FROM m")), 1)

    def test_what_a_proxy_on_this_machine_passes_on_is_not_local(self):
        server = self.server()
        self.assertEqual(server.get("/api/v1/hosts").status, 200)
        for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            self.assertEqual(server.get("/api/v1/hosts", **{header: "for=203.0.113.9"}).status, 401, header)
        self.assertEqual(server.get("/api/v1/hosts", **{"Via": "1.1 proxy", "Authorization": f"Bearer {house.TOKEN}"}).status, 200)

    def test_who_may_not_write_is_told_before_the_body_is_read(self):
        server = self.server()
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
        self.addCleanup(connection.close)
        connection.putrequest("POST", "/write?db=resmon")
        connection.putheader("Content-Length", "20000000")
        connection.endheaders()
        answer = connection.getresponse()  # though not a byte of the body was sent
        self.assertEqual(answer.status, 401)

    def test_another_database_is_not_found(self):
        server = self.server()
        answer = self.write(server, "m v=1", db="telegraf")
        self.assertEqual((answer.status, answer.json()), (404, {"error": 'database not found: "telegraf"'}))
        answer = self.write(server, "m v=1", path="/api/v2/write", bucket="telegraf")
        self.assertEqual((answer.status, answer.json()["code"]), (404, "not found"))
        self.assertEqual(self.write(server, "m v=1", precision="s").status, 400)

    def test_a_field_of_another_type_is_named(self):
        server = self.server()
        self.assertEqual(self.write(server, "m v=1 1").status, 204)
        house.wait_for("the row", lambda: server.rows("SELECT v FROM m"))
        text = 'partial write: field type conflict: input field "v" on measurement "m" is type string, already exists as type float dropped=1'
        answer = self.write(server, 'm v="x" 2\nm v=3 3')
        self.assertEqual((answer.status, answer.json()["error"]), (400, text))
        answer = self.write(server, 'm v="x" 2', path="/api/v2/write", bucket="resmon")
        self.assertEqual((answer.status, answer.json()), (422, {"code": "unprocessable entity", "message": text}))
        house.wait_for("the good line", lambda: len(server.rows("SELECT v FROM m")) == 2)

    def test_what_writes_lines_is_a_host_too(self):
        server = self.server()
        self.assertEqual(self.write(server, "cpu,host=telegraf-1,cpu=cpu-total usage_active=12.5").status, 204)
        host = house.wait_for("the host", lambda: server.hosts().get("telegraf-1"))
        self.assertEqual((host["state"], host["summary"]["cpu_percent"]), ("up", 12.5), json.dumps(host))

    def test_a_body_over_the_bound_is_refused(self):
        server = self.server()
        self.assertEqual(self.write(server, b"m v=1\n" * 4_200_000).status, 413)
        bomb = gzip.compress(b"m v=1\n" * 4_200_000)
        self.assertEqual(self.write(server, bomb, headers={"Content-Encoding": "gzip"}, db="resmon").status, 413)
        self.assertTrue(server.healthy())

    def test_bodies_together_have_a_bound(self):
        server = self.server("http.body_memory=32MiB")

        def announce():
            connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
            self.addCleanup(connection.close)
            connection.putrequest("POST", "/write?db=resmon")
            connection.putheader("Authorization", f"Token {house.TOKEN}")
            connection.putheader("Content-Length", "20000000")
            connection.endheaders(b"m v=1\n")
            return connection

        first = announce()
        house.wait_for("the first to have its share", lambda: server.metrics()["resmon_http_body_bytes"] >= 20_000_000)
        answer = announce().getresponse()  # though its body is still to come
        self.assertEqual((answer.status, answer.getheader("Retry-After")), (503, "1"))
        self.assertIn("try again", answer.read().decode())
        bomb = gzip.compress(b"m v=1\n" * 3_000_000)
        self.assertEqual(self.write(server, bomb, headers={"Content-Encoding": "gzip"}, db="resmon").status, 503)
        self.assertEqual(server.metrics()["resmon_http_bodies_refused_total"], 2)
        # Small ones go on, and what is given up is there again.
        self.assertEqual(self.write(server, "m v=1\n").status, 204)
        first.close()
        house.wait_for("its share to be given back", lambda: server.metrics()["resmon_http_body_bytes"] < 100_000)
        self.assertEqual(self.write(server, (b"m v=1\n" + b"#" * 5_999 + b"\n") * 1_000).status, 204)


if __name__ == "__main__":
    house.main()
