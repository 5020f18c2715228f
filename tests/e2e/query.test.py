#!/usr/bin/env python3
"""InfluxQL over HTTP as other people's programs speak it: Grafana's data source, the influx shell of Debian, Telegraf's outputs; and
what a query may cost: time, memory, a client that leaves, a reader that is slow."""

import gzip
import http.client
import json
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse

import house
from house import NS

TOKEN = {"Authorization": f"Token {house.TOKEN}"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class QueryCase(house.HouseTest):
    def write(self, server, lines, **parameters):
        parameters = {"db": "resmon", **parameters}
        body = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
        answer = house.request(server.http_port, "POST", f"/write?{urllib.parse.urlencode(parameters)}", body=body, headers=TOKEN, timeout=60)
        self.assertEqual(answer.status, 204, answer.body)

    def get(self, server, statement=None, headers=None, **parameters):
        if statement is not None:
            parameters["q"] = statement
        parameters = {"db": "resmon", **parameters}
        return house.request(server.http_port, "GET", f"/query?{urllib.parse.urlencode(parameters)}", headers=headers or {}, timeout=60)

    def count(self, server, measurement, field="v"):
        found = server.rows(f"SELECT count({field}) FROM {measurement}")
        return found[0][1] if found else 0

    def many(self, server, rows, series=1):
        """rows rows in each of series series of `big`, one a second, ending now."""
        stored = lambda: server.metrics()["resmon_store_samples_total"]  # noqa: E731
        begin, before = int(time.time()) - rows, stored()
        for s in range(series):
            self.write(server, [f"big,n={s} v={(i * 7919 + s) % 1000}.25,w={i}i {begin + i}" for i in range(rows)], precision="s")
        # Not by a query, which a test may forbid to take long.
        house.wait_for("the rows", lambda: stored() - before == 2 * rows * series, 60)


class AnswerTest(QueryCase):
    def test_get_and_post_form_and_body_are_the_same(self):
        server = self.server()
        self.write(server, ["m,host=a v=1 1", "m,host=b v=2 2000000001"])
        house.wait_for("the rows", lambda: self.count(server, "m") == 2)
        statement = "SELECT v FROM m WHERE host = $h"
        parameters = {"db": "resmon", "q": statement, "epoch": "ns", "params": '{"h": "b"}'}
        expected = {"results": [{"statement_id": 0, "series": [{"name": "m", "columns": ["time", "v"], "values": [[2000000001, 2]]}]}]}
        encoded = urllib.parse.urlencode(parameters)
        self.assertEqual(self.get(server, **parameters).json(), expected)
        ask = lambda target, body, headers: house.request(server.http_port, "POST", target, body=body, headers=headers).json()  # noqa: E731
        self.assertEqual(ask("/query", encoded, FORM), expected)
        # Grafana's POST: the statement in the form, the rest in the URL.
        rest = urllib.parse.urlencode({k: v for k, v in parameters.items() if k != "q"})
        self.assertEqual(ask(f"/query?{rest}", urllib.parse.urlencode({"q": statement}), FORM), expected)
        self.assertEqual(ask(f"/query?{rest}", statement, {"Content-Type": "application/vnd.influxql"}), expected)
        # curl -F "q=…", and -F "q=@file".
        multipart = {"Content-Type": "multipart/form-data; boundary=----x"}
        for name in ('name="q"', 'name="q"; filename="a.txt"'):
            body = f"------x\r\nContent-Disposition: form-data; {name}\r\n\r\n{statement}\r\n------x--\r\n"
            self.assertEqual(ask(f"/query?{rest}", body, multipart), expected)

    def test_epochs_and_pretty_and_csv(self):
        server = self.server()
        self.write(server, ["m,host=a v=1.5,s=\"x,y\" 3723004005006"])
        house.wait_for("the row", lambda: self.count(server, "m") == 1)
        for epoch, time_cell in {
            "": "1970-01-01T01:02:03.004005006Z", "ns": 3723004005006, "u": 3723004005, "ms": 3723004, "s": 3723, "m": 62, "h": 1,
        }.items():  # fmt: skip
            more = {"epoch": epoch} if epoch else {}
            found = self.get(server, "SELECT v FROM m", **more).json()["results"][0]["series"][0]["values"]
            self.assertEqual(found, [[time_cell, 1.5]], epoch)
        plain = self.get(server, "SELECT v FROM m", pretty="true").body.decode()
        self.assertIn('\n    "results": [\n', plain)
        csv = self.get(server, "SELECT * FROM m", headers={"Accept": "application/csv"}, epoch="ms")
        self.assertEqual(csv.headers["content-type"], "text/csv")
        self.assertEqual(csv.body.decode(), 'name,tags,time,host,s,v\nm,,3723004,a,"x,y",1.5\n')

    def test_errors_have_the_status_and_words_of_influxdb(self):
        server = self.server()
        for statement, status, text in (
            (None, 400, 'missing required parameter "q"'),
            ("SELECT FROM", 400, "error parsing query: found FROM, expected identifier, string, number, bool at line 1, char 8"),
            ("SHOW", 400, "error parsing query: found EOF, expected "),
        ):
            answer = self.get(server, statement)
            self.assertEqual(answer.status, status, statement)
            self.assertTrue(answer.json()["error"].startswith(text), answer.body)
        answer = self.get(server, "SELECT v FROM m", db="nosuch")
        self.assertEqual((answer.status, answer.json()["results"][0]["error"]), (200, "database not found: nosuch"))
        answer = self.get(server, "SELECT v FROM m", db="")
        self.assertEqual(answer.json()["results"][0]["error"], "database name required")
        self.assertEqual(self.get(server, "SELECT v FROM m").json(), {"results": [{"statement_id": 0}]})
        self.assertEqual(self.get(server, "SELECT v FROM m", params="[]").status, 400)

    def test_flux_is_told_about_influxql(self):
        server = self.server()
        body = json.dumps({"query": "buckets()", "type": "flux"})
        headers = {**TOKEN, "Content-Type": "application/json"}
        answer = house.request(server.http_port, "POST", "/api/v2/query?org=x", body=body, headers=headers)
        self.assertEqual(answer.status, 400)
        self.assertIn("InfluxQL", answer.json()["message"])

    def test_who_asks_from_elsewhere_or_is_told_to_needs_a_token_in_any_of_the_usual_ways(self):
        server = self.server("http.local_read_without_token=false")
        self.assertEqual(self.get(server, "SHOW DATABASES").status, 401)
        import base64

        basic = base64.b64encode(f"any:{house.TOKEN}".encode()).decode()
        for headers in ({"Authorization": f"Basic {basic}"}, TOKEN, {"Authorization": f"Bearer {house.TOKEN}"}):
            self.assertEqual(self.get(server, "SHOW DATABASES", headers=headers).status, 200, headers)
        self.assertEqual(self.get(server, "SHOW DATABASES", u="any", p=house.TOKEN).status, 200)
        self.assertEqual(self.get(server, "SHOW DATABASES", u="any", p="wrong-token-0123456789").status, 401)
        form = urllib.parse.urlencode({"q": "SHOW DATABASES", "u": "any", "p": house.TOKEN})
        self.assertEqual(house.request(server.http_port, "POST", "/query", body=form, headers=FORM).status, 200)


class CostTest(QueryCase):
    # A million windows in each series, none of them more than a number.
    SLOW = "SELECT count(p) FROM (SELECT percentile(v, 50) AS p FROM big GROUP BY time(1s), n fill(0)) WHERE time > now() - 12d"

    def test_a_chunked_answer_comes_in_documents_and_a_long_one_in_pieces(self):
        server = self.server()
        self.many(server, 25_000)
        answer = self.get(server, "SELECT v FROM big", chunked="true", chunk_size="10000", epoch="s")
        documents = [json.loads(line) for line in answer.body.decode().splitlines()]
        series = [d["results"][0]["series"][0] for d in documents]
        self.assertEqual([len(s["values"]) for s in series], [10_000, 10_000, 5_000])
        self.assertEqual([s.get("partial", False) for s in series], [True, True, False])
        self.assertEqual(answer.headers.get("transfer-encoding"), "chunked")
        whole = self.get(server, "SELECT v FROM big", epoch="s")
        self.assertEqual(whole.json()["results"][0]["series"][0]["values"], sum((s["values"] for s in series), []))
        packed = self.get(server, "SELECT v FROM big", epoch="s", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers.get("content-encoding"), "gzip")
        self.assertLess(len(packed.body), len(whole.body) / 2)
        self.assertEqual(gzip.decompress(packed.body), whole.body)
        # The connection is good for another request after it.
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        self.addCleanup(connection.close)
        for _ in range(2):
            connection.request("GET", "/query?" + urllib.parse.urlencode({"db": "resmon", "q": "SELECT v FROM big", "epoch": "s"}))
            self.assertEqual(connection.getresponse().read(), whole.body)

    def test_a_client_that_leaves_ends_its_query(self):
        server = self.server("limits.query_threads=1", "limits.query_timeout=10m", "limits.query_max_rows=1000000000")
        self.many(server, 20_000, 4)
        # Longer than the test's patience.
        statements = ";".join([self.SLOW] * 20)
        body = urllib.parse.urlencode({"db": "resmon", "q": statements}).encode()
        with socket.create_connection(("127.0.0.1", server.http_port), timeout=30) as leaver:
            head = f"POST /query HTTP/1.1\r\nHost: 127.0.0.1:{server.http_port}\r\nContent-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
            leaver.sendall(head.encode() + body)
            house.wait_for("the query to run", lambda: server.metrics()["resmon_queries_running"] == 1)
        house.wait_for("the query to end", lambda: server.metrics()["resmon_queries_running"] == 0)
        metrics = server.metrics()
        self.assertEqual(metrics["resmon_query_statements_interrupted_total"], 1)
        self.assertEqual(metrics["resmon_http_gone_total"], 1)
        # The only thread is free again, and nothing is held.
        self.assertEqual(self.count(server, "big"), 80_000)
        self.assertEqual(server.metrics()["resmon_query_memory_bytes"], 0)

    def test_a_query_ends_at_its_deadline_and_says_so(self):
        server = self.server("limits.query_timeout=200ms", "limits.query_max_rows=1000000000")
        self.many(server, 20_000, 4)
        answer = self.get(server, ";".join([self.SLOW] * 20))
        errors = [r.get("error") for r in answer.json()["results"]]
        self.assertIn("query-timeout limit exceeded", errors)
        self.assertEqual(errors[-1], "not executed")
        self.assertEqual(server.metrics()["resmon_query_statements_limited_total"], 1)

    def test_a_slow_reader_holds_a_bounded_answer_and_no_thread(self):
        server = self.server("limits.query_threads=1", "limits.query_memory_bytes=40MiB")
        self.many(server, 100_000)
        question = urllib.parse.urlencode({"db": "resmon", "q": "SELECT v, w, v, w FROM big", "epoch": "ns", "chunked": "true"})
        slow = []
        for _ in range(3):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(60)
            s.connect(("127.0.0.1", server.http_port))
            self.addCleanup(s.close)
            s.sendall(f"GET /query?{question} HTTP/1.1\r\nHost: 127.0.0.1:{server.http_port}\r\n\r\n".encode())
            first = s.recv(200)
            self.assertTrue(first.startswith(b"HTTP/1.1 200"), first)
            slow.append((s, first))
        metrics = server.metrics()
        self.assertGreater(metrics["resmon_query_memory_bytes"], 15e6)
        self.assertLessEqual(metrics["resmon_query_memory_bytes"], 40 << 20)
        # The first answer takes half of what there is; the third reader, at the latest, is told.
        def until(end, s, got):
            while end not in got[-200_000:] and (data := s.recv(1 << 16)):
                got += data
            return got

        # The only thread is free for others meanwhile.
        self.assertEqual(len(server.rows("SHOW MEASUREMENTS")), 1)
        self.assertIn(b"query-memory limit exceeded", until(b"limit exceeded", *slow[2]))
        whole = until(b"\r\n0\r\n\r\n", *slow[0])
        self.assertGreater(len(whole), 2_000_000)
        self.assertTrue(whole.endswith(b"\r\n0\r\n\r\n"))
        for s, _ in slow:
            s.close()
        house.wait_for("the memory back", lambda: server.metrics()["resmon_query_memory_bytes"] == 0)

    def test_bounds_are_named(self):
        server = self.server("limits.query_max_rows=100", "limits.query_max_series=2")
        self.write(server, [f"m,n={n} v={i} {i + 1}" for n in range(3) for i in range(50)])
        house.wait_for("the rows", lambda: server.metrics()["resmon_store_samples_total"] == 150)
        self.assertIn("max-select-series", self.get(server, "SELECT v FROM m").json()["results"][0]["error"])
        wide = self.get(server, "SELECT v FROM m WHERE n = '0' OR n = '1'").json()["results"][0]
        self.assertEqual(len(wide["series"][0]["values"]), 100)
        narrow = self.get(server, "SELECT mean(v) FROM m WHERE n = '0' AND time >= 0 AND time < 1h GROUP BY time(1s)").json()["results"][0]
        self.assertIn("limit exceeded", narrow["error"])


class GrafanaTest(QueryCase):
    """The requests of Grafana's InfluxDB data source (InfluxQL), as its sources write them, in the order a person causes them."""

    def setUp(self):
        super().setUp()
        self.there = self.server()
        self.now = int(time.time()) // 60 * 60
        lines = []
        for i in range(60):
            at = self.now - 600 + i * 10
            for host in ("web1", "web2"):
                lines.append(f"cpu,host={host},cpu=cpu-total usage_idle={50 + i % 10},usage_user={i % 7} {at}")
                lines.append(f"net,host={host},interface=eth0 bytes_recv={i * 1000}i,bytes_sent={i * 10}i {at}")
            lines.append(f"system,host=web1 uptime={i}i,load1=0.5 {at}")
        self.write(self.there, lines, precision="s")
        house.wait_for("the rows", lambda: self.there.metrics()["resmon_store_samples_total"] == 60 * 10)

    def grafana(self, q, post=False, **more):
        headers = {"User-Agent": "Grafana/11.0.0", "Accept-Encoding": "gzip", **TOKEN}
        parameters = {"db": "resmon", "epoch": "ms", **more}
        if post:
            target = f"/query?{urllib.parse.urlencode(parameters)}"
            answer = house.request(self.there.http_port, "POST", target, body=urllib.parse.urlencode({"q": q}), headers={**headers, **FORM})
        else:
            answer = house.request(self.there.http_port, "GET", f"/query?{urllib.parse.urlencode({**parameters, 'q': q})}", headers=headers)
        body = json.loads(house.unpack(answer))
        self.assertEqual(answer.status, 200, body)
        self.assertEqual(len(body["results"]), 1)
        self.assertNotIn("error", body["results"][0], q)
        return body["results"][0].get("series", [])

    def test_save_and_test_and_the_query_editor(self):
        self.assertEqual(self.grafana("SHOW measurements")[0]["values"], [["cpu"], ["net"], ["system"]])
        self.assertEqual(self.grafana("SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)CP/ LIMIT 100")[0]["values"], [["cpu"]])
        self.assertEqual(self.grafana('SHOW TAG KEYS FROM "cpu"')[0]["values"], [["cpu"], ["host"]])
        self.assertEqual(self.grafana('SHOW TAG VALUES FROM "cpu" WITH KEY = "host"')[0]["values"], [["host", "web1"], ["host", "web2"]])
        values = self.grafana("SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\" WHERE \"cpu\" = 'cpu-total' AND \"host\" =~ /2$/")
        self.assertEqual(values[0]["values"], [["host", "web2"]])
        self.assertEqual(self.grafana('SHOW FIELD KEYS FROM "autogen"."cpu"')[0]["values"], [["usage_idle", "float"], ["usage_user", "float"]])
        policies = self.grafana('SHOW RETENTION POLICIES on "resmon"')[0]
        self.assertEqual(policies["columns"], ["name", "duration", "shardGroupDuration", "replicaN", "default"])
        self.assertEqual(policies["values"], [["autogen", "0s", "168h0m0s", 1, True]])

    def test_panels(self):
        begin, end = (self.now - 600) * 1000, self.now * 1000
        bounds = f"time >= {begin}ms and time <= {end}ms"
        for post in (False, True):
            panel = self.grafana(
                f'SELECT mean("usage_idle") AS "idle" FROM "autogen"."cpu" WHERE ("host"::tag =~ /^(web1|web2)$/ AND "cpu"::tag = '
                f"'cpu-total') AND {bounds} GROUP BY time(1m), \"host\"::tag fill(null) ORDER BY time ASC", post)
            self.assertEqual([s["tags"] for s in panel], [{"host": "web1"}, {"host": "web2"}])
            for s in panel:
                self.assertEqual(s["columns"], ["time", "idle"])
                self.assertEqual([row[0] for row in s["values"]], list(range(begin, end + 1, 60_000)))
                self.assertTrue(all(isinstance(row[0], int) for row in s["values"]))
                self.assertIsNone(s["values"][-1][1])
        berlin = self.grafana(
            f"SELECT mean(usage_idle) FROM cpu WHERE {bounds} GROUP BY time(2m) fill(none) ORDER BY time DESC limit 2 tz('Europe/Berlin')")
        self.assertEqual(len(berlin[0]["values"]), 2)
        self.assertGreater(berlin[0]["values"][0][0], berlin[0]["values"][1][0])

    def test_the_well_known_telegraf_dashboards(self):
        bounds = f"time > {self.now - 600}s and time < {self.now}s"
        rates = self.grafana(
            f'SELECT non_negative_derivative(mean(bytes_recv),1s)*8 AS "in", non_negative_derivative(mean(bytes_sent),1s)*8 AS "out" FROM net '
            f"WHERE host =~ /web1$/ AND interface =~ /eth.*/ AND {bounds} GROUP BY time(10s), * fill(none)")
        self.assertEqual(rates[0]["tags"], {"host": "web1", "interface": "eth0"})
        self.assertEqual(rates[0]["columns"], ["time", "in", "out"])
        self.assertEqual({tuple(row[1:]) for row in rates[0]["values"]}, {(800, 8)})
        self.assertEqual(self.grafana("SELECT last(uptime) FROM system WHERE host =~ /web1$/ AND " + bounds)[0]["values"][0][1], 59)
        self.assertEqual(self.grafana("SHOW TAG VALUES FROM system WITH KEY=host")[0]["values"], [["host", "web1"]])
        busy = self.grafana(f"SELECT 100 - mean(usage_idle) FROM cpu WHERE cpu = 'cpu-total' AND {bounds} GROUP BY time(1m), host")
        self.assertEqual(len(busy), 2)
        top = self.grafana(f"SELECT top(idle, 1), host FROM (SELECT max(usage_idle) AS idle FROM cpu WHERE {bounds} GROUP BY host)")
        self.assertEqual(top[0]["columns"], ["time", "top", "host"])


class ShellTest(QueryCase):
    """Debian's influx shell."""

    def shell(self, server, statement, *arguments, error=False):
        if not shutil.which("influx"):
            self.skipTest("the influx shell is not installed")
        command = ["influx", "-host", "127.0.0.1", "-port", str(server.http_port), "-database", "resmon", *arguments, "-execute", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=house.clean_environment(HOME=self.folder))
        self.assertEqual(done.returncode, 1 if error else 0, done.stderr + done.stdout)
        return done.stderr if error else done.stdout

    def test_the_shell_of_debian_reads_and_writes(self):
        server = self.server()
        login = ["-username", "any", "-password", house.TOKEN]
        self.shell(server, 'INSERT m,host=a\\ b v=1.5,s="x y",n=3i 1000000000', *login)
        self.shell(server, "INSERT m,host=c v=2 2000000000", *login)
        house.wait_for("the rows", lambda: self.count(server, "m") == 2)
        text = self.shell(server, "SELECT v, host FROM m")
        self.assertEqual([line.split() for line in text.splitlines()],
                         [["name:", "m"], ["time", "v", "host"], ["----", "-", "----"], ["1000000000", "1.5", "a", "b"], ["2000000000", "2", "c"]])
        self.assertEqual(self.shell(server, "SELECT v FROM m WHERE host = 'c'", "-format", "csv", "-precision", "rfc3339"),
                         "name,time,v\nm,1970-01-01T00:00:02Z,2\n")
        found = json.loads(self.shell(server, "SHOW MEASUREMENTS", "-format", "json"))
        self.assertEqual(found["results"][0]["series"][0]["values"], [["m"]])
        self.assertIn("resmon", self.shell(server, "SHOW DATABASES"))
        self.assertIn("tags: host=a b", self.shell(server, "SELECT max(v) FROM m GROUP BY host"))
        self.assertIn("error parsing query", self.shell(server, "SELECT FROM", error=True))

    def test_an_answer_of_many_chunks(self):
        server = self.server()
        self.many(server, 12_000)
        text = self.shell(server, "SELECT v FROM big", "-format", "csv")
        self.assertEqual(len(text.splitlines()), 12_001)


class TelegrafTest(QueryCase):
    """What Telegraf's outputs send when they know an address (and a token) and nothing else; read in its sources."""

    def test_influxdb(self):
        server = self.server()
        headers = {**TOKEN, "User-Agent": "Telegraf/1.30.0 Go/1.22"}
        lines = b"cpu,host=tele usage_idle=5 1000000000\n"
        # outputs.influxdb: urls = ["http://…"], and the database is called telegraf by default.
        target = "/write?db=telegraf"
        gz = {**headers, "Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"}
        before = house.request(server.http_port, "POST", target, body=gzip.compress(lines), headers=gz)
        self.assertEqual((before.status, before.json()["error"]), (404, 'database not found: "telegraf"'))
        body = urllib.parse.urlencode({"q": 'CREATE DATABASE "telegraf"'})
        made = house.request(server.http_port, "POST", "/query", body=body, headers={**headers, **FORM})
        self.assertEqual((made.status, made.json()), (200, {"results": [{"statement_id": 0}]}))
        self.assertEqual(house.request(server.http_port, "POST", target, body=gzip.compress(lines), headers=gz).status, 204)
        house.wait_for("the row", lambda: server.rows("SELECT usage_idle FROM cpu", db="telegraf"))
        self.assertEqual(server.rows("SHOW DATABASES"), [["resmon"], ["telegraf"]])
        self.assertEqual(server.rows('SELECT usage_idle FROM "telegraf"."autogen"."cpu"'), [[NS, 5]])
        # Still there after a restart.
        server.terminate()
        again = self.start(house.Server(self.folder, label="again")).wait_ready()
        self.assertEqual(house.request(again.http_port, "POST", target, body=lines, headers=headers).status, 204)

    def test_who_may_only_read_creates_nothing(self):
        server = self.server()
        answer = self.get(server, 'CREATE DATABASE "other"')
        self.assertIn("error authorizing query", answer.json()["results"][0]["error"])
        self.assertEqual(self.get(server, 'CREATE DATABASE "resmon"').json(), {"results": [{"statement_id": 0}]})
        self.assertEqual(server.rows("SHOW DATABASES"), [["resmon"]])

    def test_influxdb_v2(self):
        server = self.server()
        headers = {**TOKEN, "Content-Type": "text/plain; charset=utf-8"}
        lines = b"mem,host=tele used=7i 1000000000\n"
        answer = house.request(server.http_port, "POST", "/api/v2/write?bucket=&org=", body=lines, headers=headers)
        self.assertEqual(answer.status, 204, answer.body)
        house.wait_for("the row", lambda: server.rows("SELECT used FROM mem"))
        denied = house.request(server.http_port, "POST", "/api/v2/write?bucket=resmon&org=", body=lines)
        self.assertEqual((denied.status, denied.json()["code"]), (401, "unauthorized"))

    def test_probes(self):
        server = self.server()
        ping = server.get("/ping")
        self.assertEqual(ping.status, 204)
        self.assertTrue(ping.headers["x-influxdb-version"].startswith("1."))
        self.assertEqual(server.get("/ping?verbose=true").status, 200)
        self.assertEqual(server.get("/health").json()["status"], "pass")
        self.assertEqual(server.get("/ready").json()["status"], "ready")


if __name__ == "__main__":
    house.main()
