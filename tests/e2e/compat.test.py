#!/usr/bin/env python3
"""What programs made for InfluxDB do beside reading and writing: they delete, list what is there, write the answer of a query, end
queries, and take answers as MessagePack. And what is acknowledged is there for the next query."""

import json
import os
import subprocess
import threading
import time
import urllib.parse

import house

TOKEN = {"Authorization": f"Token {house.TOKEN}"}
JSON = {**TOKEN, "Content-Type": "application/json"}


class CompatCase(house.HouseTest):
    def write(self, server, lines, status=204, path="/write", **parameters):
        parameters = parameters if "bucket" in parameters else {"db": "resmon", **parameters}
        body = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
        answer = house.request(server.http_port, "POST", f"{path}?{urllib.parse.urlencode(parameters)}", body=body, headers=TOKEN, timeout=60)
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def ask(self, server, statement, headers=TOKEN, **parameters):
        body = urllib.parse.urlencode({"db": "resmon", "q": statement, **parameters})
        headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        return house.request(server.http_port, "POST", "/query", body=body, headers=headers, timeout=60)

    def result(self, server, statement, **more):
        return self.ask(server, statement, **more).json()["results"][0]

    def done(self, server, statement):
        self.assertEqual(self.result(server, statement), {"statement_id": 0}, statement)

    def values(self, server, statement):
        """Rows of every series."""
        return [row for series in self.result(server, statement, epoch="ns").get("series", []) for row in series.get("values", [])]


class DeleteTest(CompatCase):
    LINES = [f"m,host={host} v={i} {i}" for host in "ab" for i in range(1, 6)] + ["n,host=a v=1 1"]

    def test_rows_by_time_and_tags_series_and_measurements(self):
        server = self.server()
        self.write(server, self.LINES)
        self.done(server, "DELETE FROM m WHERE host = 'a' AND time >= 2 AND time < 4")
        self.assertEqual([row[0] for row in self.values(server, "SELECT v FROM m WHERE host = 'a'")], [1, 4, 5])
        self.assertEqual(len(self.values(server, "SELECT v FROM m WHERE host = 'b'")), 5)
        self.done(server, "DELETE FROM m WHERE host =~ /a/")
        self.assertEqual(self.values(server, "SHOW SERIES"), [["m,host=b"], ["n,host=a"]])
        self.done(server, "DROP SERIES FROM m WHERE host != 'c'")
        self.assertEqual(self.values(server, "SHOW MEASUREMENTS"), [["n"]])
        self.done(server, "DROP MEASUREMENT n")
        self.done(server, "DROP MEASUREMENT nosuch")
        self.assertEqual(self.result(server, "SHOW MEASUREMENTS"), {"statement_id": 0})
        metrics = server.metrics()
        self.assertEqual(metrics["resmon_store_deletions_total"], 5)
        self.assertEqual(metrics["resmon_store_deleted_rows_total"], 11)

    def test_the_words_of_influxdb_where_it_cannot_be(self):
        server = self.server()
        self.write(server, self.LINES)
        for statement, text in {
            "DELETE FROM m WHERE v > 1": "fields not supported in WHERE clause during deletion",
            "DROP SERIES FROM m WHERE time > 0": "DROP SERIES doesn't support time in WHERE clause",
        }.items():
            self.assertEqual(self.result(server, statement)["error"], text)
        for statement, text in {
            "DELETE": "error parsing query: found EOF, expected FROM, WHERE at line 1, char 8",
            "DELETE FROM d..m": "error parsing query: database not supported at line 1, char 1",
            "DROP MEASUREMENT": "error parsing query: found EOF, expected identifier at line 1, char 18",
        }.items():
            answer = self.ask(server, statement)
            self.assertEqual((answer.status, answer.json(), answer.headers["x-influxdb-error"]), (400, {"error": text}, text))
        self.assertEqual(len(self.values(server, "SELECT v FROM m")), 10)

    def test_who_may_only_read_deletes_nothing(self):
        server = self.server()
        self.write(server, self.LINES)
        for statement in ("DELETE FROM m", "DROP SERIES FROM m", "DROP MEASUREMENT m", "SELECT v INTO x FROM m", "KILL QUERY 1", "DROP DATABASE x"):
            self.assertIn("error authorizing query", self.result(server, statement, headers={})["error"], statement)
        answer = house.request(server.http_port, "POST", "/api/v2/delete?bucket=resmon", body="{}")
        self.assertEqual(answer.status, 401)
        self.assertEqual(self.values(server, "SHOW MEASUREMENTS"), [["m"], ["n"]])

    # Rows that were acknowledged and perhaps not stored yet are deleted, and neither the journal nor the store's log
    # brings them back; rows that come after the deletion stay.
    def test_what_is_deleted_stays_so_after_kill_9(self):
        server = self.server()
        stamp = 0
        for round_ in range(6):
            before = [f"gone,n={i % 7} v={i} {stamp + i}" for i in range(2000)]
            self.write(server, before)
            stamp += 2000
            self.done(server, ("DROP MEASUREMENT gone", "DELETE FROM gone")[round_ % 2])
            self.write(server, [f"gone,n=0 v={round_} {stamp}"])
            stamp += 1
            server.kill()
            server = self.start(house.Server(self.folder, label=f"server-{round_}")).wait_ready()
            house.wait_for("the journal to be read", lambda: server.metrics()["resmon_store_backlog_entries"] == 0)
            self.assertEqual(self.values(server, "SELECT v FROM gone"), [[stamp - 1, round_]])

    def test_a_measurement_may_come_back_with_other_types(self):
        server = self.server()
        self.write(server, ["m v=1 1"])
        self.write(server, ['m v="x" 2'], status=400)
        self.done(server, "DROP MEASUREMENT m")
        self.write(server, ['m v="x" 2'])
        self.assertEqual(self.values(server, "SELECT v FROM m"), [[2, "x"]])

    def test_of_version_2(self):
        server = self.server()
        self.write(server, self.LINES)

        def delete(status, **body):
            answer = house.request(server.http_port, "POST", "/api/v2/delete?bucket=resmon&org=o", body=json.dumps(body), headers=JSON)
            self.assertEqual(answer.status, status, answer.body)
            return answer

        epoch = "1970-01-01T00:00:00"
        delete(204, start=f"{epoch}.000000002Z", stop=f"{epoch}.000000003Z", predicate='_measurement="m" AND host="a"')
        self.assertEqual([row[0] for row in self.values(server, "SELECT v FROM m WHERE host = 'a'")], [1, 4, 5])
        delete(204, start=f"{epoch}Z", stop="2100-01-01T00:00:00Z", predicate='_measurement = "m" and host != "a"')
        self.assertEqual(self.values(server, "SHOW SERIES"), [["m,host=a"], ["n,host=a"]])
        delete(204, start=f"{epoch}Z", stop="2100-01-01T00:00:00Z")
        self.assertEqual(self.values(server, "SHOW SERIES"), [])
        self.write(server, self.LINES)
        whole = {"start": f"{epoch}Z", "stop": "2100-01-01T00:00:00Z"}
        for field, body in (
            ("start", {}),
            ("start", {**whole, "start": "x"}),
            ("stop", {**whole, "stop": f"{epoch}+25:00"}),
            ("start", {**whole, "start": f"{epoch}-01:60"}),
            ("stop", {**whole, "stop": "2100-01-01"}),
            ("start is after stop", {"start": f"{epoch}.000000001Z", "stop": f"{epoch}Z"}),
            ("start is after stop", {"start": f"{epoch}-01:00", "stop": f"{epoch}Z"}),
            ("predicate", {**whole, "predicate": 5}),
            ("predicate", {**whole, "predicate": ["host = 'a'"]}),
            ("", {**whole, "predicate": "host > 1"}),
        ):
            answer = delete(400, **body).json()
            self.assertEqual(answer["code"], "invalid")
            self.assertIn(field, answer["message"], body)
        self.assertNotEqual(self.values(server, "SHOW SERIES"), [])
        delete(204, start=f"{epoch}+23:59", stop=f"{epoch}+23:59", predicate=None)  # both ends are of it
        answer = house.request(server.http_port, "POST", "/api/v2/delete?bucket=nosuch", body="{}", headers=JSON)
        self.assertEqual(answer.status, 404)


class StatementTest(CompatCase):
    def test_lists_of_what_is_not_there_are_empty(self):
        server = self.server()
        one = lambda statement: self.result(server, statement)["series"]  # noqa: E731
        self.assertEqual(one("SHOW USERS"), [{"columns": ["user", "admin"]}])
        self.assertEqual(one("SHOW CONTINUOUS QUERIES"), [{"name": "resmon", "columns": ["name", "query"]}])
        self.assertEqual(self.result(server, "SHOW SUBSCRIPTIONS"), {"statement_id": 0})
        shards = ["id", "database", "retention_policy", "shard_group", "start_time", "end_time", "expiry_time", "owners"]
        self.assertEqual(one("SHOW SHARDS"), [{"name": "resmon", "columns": shards}])
        self.assertEqual(one("SHOW SHARD GROUPS")[0]["name"], "shard groups")
        self.assertEqual(self.result(server, 'SHOW GRANTS FOR "bob"')["error"], "user not found")
        self.assertEqual({series["name"] for series in one("SHOW STATS")} >= {"httpd", "queryExecutor", "database"}, True)
        self.assertEqual({series["name"] for series in one("SHOW DIAGNOSTICS")}, {"build", "network", "system"})
        self.assertEqual([series["name"] for series in one("SHOW DIAGNOSTICS FOR 'build'")], ["build"])
        [queries] = one("SHOW QUERIES")
        self.assertEqual(queries["columns"], ["qid", "query", "database", "duration", "status"])
        [row] = queries["values"]
        self.assertEqual((row[1], row[2], row[4]), ("SHOW QUERIES", "resmon", "running"))

    def test_what_is_set_elsewhere_is_named(self):
        server = self.server()
        for statement, word in {
            "CREATE RETENTION POLICY p ON resmon DURATION 1d REPLICATION 1": "store.retain",
            "ALTER RETENTION POLICY autogen ON resmon DURATION 1d": "store.retain",
            "DROP RETENTION POLICY p ON resmon": "store.retain",
            "CREATE CONTINUOUS QUERY c ON resmon BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(1m) END": "store.minutes_retain",
            "DROP CONTINUOUS QUERY c ON resmon": "store.minutes_retain",
            "CREATE USER bob WITH PASSWORD 'x'": "resmon-server user",
            "GRANT ALL TO bob": "resmon-server user",
            "CREATE SUBSCRIPTION s ON resmon.autogen DESTINATIONS ALL 'http://x'": "sink.NAME",
        }.items():
            self.assertIn(word, self.result(server, statement)["error"], statement)

    def test_names_of_the_database_come_and_go(self):
        server = self.server()
        self.done(server, "CREATE DATABASE mine")
        self.write(server, ["m v=1 1"], db="mine")
        self.done(server, "DROP DATABASE mine")
        self.assertEqual(self.values(server, "SHOW DATABASES"), [["resmon"]])
        self.write(server, ["m v=1 1"], status=404, db="mine")
        self.assertEqual(self.values(server, "SELECT v FROM m"), [[1, 1]])
        self.done(server, "DROP DATABASE mine")
        self.assertIn("cannot be dropped", self.result(server, "DROP DATABASE resmon")["error"])

    def test_select_into_writes_points(self):
        server = self.server()
        self.write(server, ['m,host=a f=1,s="x",i=3i 1', "m,host=b f=2,b=true 2"])
        written = lambda n: {"statement_id": 0, "series": [{"name": "result", "columns": ["time", "written"], "values": [["1970-01-01T00:00:00Z", n]]}]}  # noqa: E731
        self.assertEqual(self.result(server, "SELECT * INTO t FROM m"), written(2))
        self.assertEqual(self.result(server, "SELECT * FROM t", epoch="ns")["series"][0]["columns"], ["time", "b", "f", "host", "i", "s"])
        self.assertEqual(self.values(server, "SELECT * FROM t"), [[1, None, 1, "a", 3, "x"], [2, True, 2, "b", None, None]])
        self.assertEqual(self.result(server, "SELECT * INTO t2 FROM m GROUP BY *"), written(2))
        self.assertEqual(self.values(server, "SHOW SERIES FROM t2"), [["t2,host=a"], ["t2,host=b"]])
        self.assertEqual(self.result(server, "SELECT mean(f) INTO resmon.autogen.t3 FROM m WHERE time >= 0 AND time < 3m GROUP BY time(1m), host"), written(2))
        self.assertEqual(self.values(server, "SELECT mean FROM t3"), [[0, 1], [0, 2]])
        self.done(server, "DROP MEASUREMENT m")
        self.assertEqual(self.result(server, "SELECT * INTO resmon.autogen.:MEASUREMENT FROM /t2/ GROUP BY *"), written(2))
        self.assertEqual(self.result(server, "SELECT f INTO nosuch..x FROM t")["error"], "database not found: nosuch")

    # Also where it keeps all threads of the pool busy.
    def test_a_query_is_killed(self):
        server = self.server("limits.query_threads=1", "limits.query_timeout=10m", "limits.query_max_rows=1000000000")
        begin = int(time.time()) - 20_000
        for n in range(4):
            self.write(server, [f"big,n={n} v={i * 7919 % 1000} {begin + i}" for i in range(20_000)], precision="s")
        slow = ";".join(["SELECT count(p) FROM (SELECT percentile(v, 50) AS p FROM big GROUP BY time(1s), n fill(0)) WHERE time > now() - 12d"] * 40)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.ask(server, slow).json()), daemon=True)
        thread.start()
        found = lambda: [row for row in self.values(server, "SHOW QUERIES") if row[1].startswith("SELECT count(p)")]  # noqa: E731
        house.wait_for("the query", found)
        for row in found():
            self.done(server, f"KILL QUERY {row[0]}")
        thread.join(60)
        self.assertIn("query interrupted", [result.get("error") for result in answers[0].get("results", [])], str(answers)[:300])
        self.assertEqual(self.result(server, "KILL QUERY 999999")["error"], "no such query id: 999999")

    def test_explain(self):
        server = self.server()
        self.write(server, ["m,host=a f=1 1", "m,host=b f=2 2"])
        self.assertEqual(self.values(server, "EXPLAIN SELECT mean(f) FROM m"), [["EXPRESSION: mean(f::float)"], ["NUMBER OF SERIES: 2"]])
        self.assertIn(["ROWS READ: 2"], self.values(server, "EXPLAIN ANALYZE SELECT f FROM m"))


class AcknowledgedTest(CompatCase):
    def test_what_was_acknowledged_is_in_the_next_answer(self):
        server = self.server()
        stop = threading.Event()

        def flood(n):
            i = 0
            while not stop.is_set():
                self.write(server, [f"flood,n={n},k={i % 50} v={i + j} {i * 1000 + j}" for j in range(1000)])
                i += 1

        floods = [threading.Thread(target=flood, args=(n,), daemon=True) for n in range(2)]
        for thread in floods:
            thread.start()
        missing = 0
        for i in range(100):
            self.write(server, [f"mine v={i} {i + 1}"])
            missing += self.values(server, "SELECT last(v) FROM mine") != [[i + 1, i]]
        stop.set()
        for thread in floods:
            thread.join(60)
        self.assertEqual(missing, 0)
        self.assertEqual(server.metrics()["resmon_queries_early_total"], 0)

    # The store is not asked before the answer, so it cannot know the first of them yet.
    def test_two_types_of_a_new_field_are_a_conflict_at_once(self):
        server = self.server()
        for i in range(20):
            text = f'partial write: field type conflict: input field "v" on measurement "m{i}" is type string, already exists as type float dropped=1'
            answer = self.write(server, [f"m{i} v=1 1", f'm{i} v="x" 2', f"m{i} v=3 3"], status=400)
            self.assertEqual(answer.json(), {"error": text})
            self.assertEqual(self.values(server, f"SELECT v FROM m{i}"), [[1, 1], [3, 3]])
            self.write(server, [f"n{i} v=true 1"])
            self.write(server, [f"n{i} v=1 2"], status=400)

    def test_points_beyond_the_retention_are_refused(self):
        server = self.server("store.retain=1h")
        now = time.time_ns()
        text = "partial write: points beyond retention policy dropped=1"
        answer = self.write(server, [f"m v=1 {now}", f"m v=2 {now - 3_700 * 10**9}"], status=400)
        self.assertEqual((answer.json(), answer.headers["x-influxdb-error"]), ({"error": text}, text))
        self.assertEqual([row[1] for row in self.values(server, "SELECT v FROM m")], [1])
        self.assertEqual(server.metrics()["resmon_store_refused_samples_total"], 0)

    def test_seconds_taken_for_nanoseconds_are_named(self):
        server = self.server("store.retain=30d")
        now = time.time_ns()
        at = now // 10**9
        text = f"partial write: points beyond retention policy (m: the timestamp {at} is not after 1970 in ns; did you mean precision=s?) dropped=1"
        answer = self.write(server, [f"m v=1 {at}", f"m v=2 {now}"], status=400)
        self.assertEqual((answer.json(), answer.headers["x-influxdb-error"]), ({"error": text}, text))
        self.assertEqual([row[1] for row in self.values(server, "SELECT v FROM m")], [2])
        answer = self.write(server, [f"m v=3 {at}"], status=400, precision="ms")
        self.assertIn(f"(m: the timestamp {at} is not after 1970 in ms; did you mean precision=s?) dropped=1", answer.json()["error"])

    def test_long_strings_are_kept_or_refused(self):
        server = self.server()
        most = 1 << 20
        self.write(server, [f'long,n=1 s="{"x" * 65_537}" 1', f'long,n=2 s="{"y" * most}" 2'])
        self.assertEqual([len(row[1]) for row in self.values(server, "SELECT s FROM long")], [65_537, most])
        answer = self.write(server, ["good v=1 1", f'long,n=3 s="{"z" * (most + 1)}" 3'], status=400)
        text = f'partial write: input field "s" on measurement "long" is too long, {most + 1} > {most} dropped=1'
        self.assertEqual((answer.json(), answer.headers["x-influxdb-error"]), ({"error": text}, text))
        self.assertEqual(self.values(server, "SELECT v FROM good"), [[1, 1]])
        self.assertEqual(server.metrics()["resmon_store_refused_samples_total"], 0)
        # Many of them at once are more than a record of the journal holds.
        self.write(server, [f'long,n={n} s="{"w" * most}" 4' for n in range(4, 24)])
        self.assertEqual(len(self.values(server, "SELECT s FROM long WHERE time = 4")), 20)

    def test_a_retention_policy_that_is_not_there_is_refused(self):
        server = self.server()
        answer = self.write(server, ["m v=1 1"], status=404, rp="nosuch")
        text = "retention policy not found: nosuch"
        self.assertEqual((answer.json(), answer.headers["x-influxdb-error"]), ({"error": text}, text))
        answer = self.write(server, ["m v=1 1"], status=404, path="/api/v2/write", bucket="resmon/nosuch")
        self.assertEqual(answer.json(), {"code": "not found", "message": text})
        self.write(server, ["m v=1 1"], rp="autogen")
        self.write(server, ["m v=1 2"], path="/api/v2/write", bucket="resmon/autogen")
        self.assertEqual(len(self.values(server, "SELECT v FROM m")), 2)


class MessagePackTest(CompatCase):
    def test_as_influxdb_writes_it(self):
        server = self.server()
        self.write(server, ["m,host=a v=1 1"])
        get = lambda **more: self.ask(server, "SELECT v FROM m GROUP BY host", {**TOKEN, "Accept": "application/x-msgpack"}, **more)  # noqa: E731
        head = b"\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x91\x84\xa4name\xa1m\xa4tags\x81\xa4host\xa1a\xa7columns\x92\xa4time\xa1v\xa6values\x91\x92"
        answer = get()
        self.assertEqual(answer.headers["content-type"], "application/x-msgpack")
        self.assertEqual(answer.body, head + b"\xc7\x0c\x05" + bytes(11) + b"\x01\xcb\x3f\xf0" + bytes(6))
        self.assertEqual(get(epoch="ns").body, head + b"\x01\xcb\x3f\xf0" + bytes(6))

    def test_the_highest_weight_wins(self):
        server = self.server()
        self.write(server, ["m,host=a v=1 1"])
        for accept, content_type in (
            ("application/x-msgpack;q=0.1, application/json", "application/json"),
            ("application/json;q=0.1, application/x-msgpack;q=0.2", "application/x-msgpack"),
            ("application/json;q=0, */*;q=0.1", "text/csv"),
            ("text/html, */*;q=0.8", "application/json"),
            ("image/png", "application/json"),
        ):
            answer = self.ask(server, "SELECT v FROM m", {**TOKEN, "Accept": accept})
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, content_type), accept)


class BucketTest(CompatCase):
    def test_names_of_the_database_are_buckets(self):
        server = self.server()
        get = lambda path: house.request(server.http_port, "GET", path, headers=TOKEN).json()  # noqa: E731
        [bucket] = get("/api/v2/buckets?name=resmon")["buckets"]
        self.assertEqual((bucket["name"], bucket["type"]), ("resmon", "user"))
        self.assertEqual(get(f"/api/v2/buckets?id={bucket['id']}")["buckets"], [bucket])
        self.assertEqual(get("/api/v2/buckets?name=nosuch")["buckets"], [])
        [organization] = get("/api/v2/orgs")["orgs"]
        self.assertEqual(bucket["orgID"], organization["id"])
        body = json.dumps({"name": "mine", "orgID": organization["id"], "retentionRules": []})
        make = lambda: house.request(server.http_port, "POST", "/api/v2/buckets", body=body, headers=JSON)  # noqa: E731
        self.assertEqual((make().status, make().status), (201, 422))
        self.write(server, ["m v=1 1"], path="/api/v2/write", bucket="mine")
        self.assertEqual([b["name"] for b in get("/api/v2/buckets")["buckets"]], ["mine", "resmon"])


class LibraryTest(CompatCase):
    # Method, path, body, and what is answered, as these libraries sent them through their documented workflows.
    NODE_INFLUX = (
        ("GET", "/ping", "", 204),
        ("GET", "/query?q=show%20databases", "", 200),
        ("POST", "/query?q=create%20database%20%22express%22", "", 200),
        ("POST", "/write?db=express&precision=n&rp=", 'response_times,host=h duration=5i,path="/x"', 204),
        ("GET", "/query?db=express&epoch=&q=select%20*%20from%20response_times%20where%20host%20%3D%20%24h&rp=&params=%7B%22h%22%3A%22h%22%7D", "", 200),
        ("GET", "/query?db=express&q=show%20measurements", "", 200),
        ("GET", "/query?db=express&q=show%20series", "", 200),
        ("GET", "/query?q=show%20users", "", 200),
        ("GET", "/query?db=express&q=show%20continuous%20queries", "", 200),
        ("GET", "/query?q=show%20retention%20policies%20on%20%22express%22", "", 200),
        ("GET", "/query?q=show%20shards%20", "", 200),
        ("POST", "/query?db=express&q=drop%20series%20from%20%22response_times%22%20where%20%22host%22%20%3D%20'h'", "", 200),
        ("POST", "/query?db=express&q=drop%20measurement%20%22response_times%22", "", 200),
        ("POST", "/query?q=drop%20database%20%22express%22", "", 200),
    )
    INFLUXDB1_CLIENT_OF_GO = (
        ("GET", "/ping?wait_for_leader=1s", "", 204),
        ("POST", "/query?db=godb&epoch=ns&params=%7B%7D&q=CREATE+DATABASE+godb", "", 200),
        ("POST", "/write?consistency=&db=godb&precision=ns&rp=", 'cpu_usage,cpu=cpu-total idle=10.1,n=3i,s="x" 1700000000000000005\n', 204),
        ("POST", "/query?db=godb&epoch=ns&params=%7B%7D&q=SELECT+%2A+FROM+cpu_usage", "", 200),
        ("POST", "/query?chunked=true&db=godb&params=%7B%7D&q=SELECT+idle+FROM+cpu_usage", "", 200),
        ("POST", "/query?db=godb&epoch=ns&params=%7B%7D&q=DROP+MEASUREMENT+cpu_usage", "", 200),
        ("POST", "/query?db=godb&epoch=ns&params=%7B%7D&q=DROP+DATABASE+godb", "", 200),
        ("POST", "/write?consistency=&db=godb&precision=ns&rp=", "cpu_usage idle=1", 404),
    )
    INFLUXDB_CLIENT_OF_PYTHON_AND_NODE = (
        ("GET", "/ping", "", 204),
        ("GET", "/health", "", 200),
        ("GET", "/ready", "", 200),
        ("GET", "/api/v2/orgs?org=my-org", "", 200),
        ("GET", "/api/v2/buckets?orgID=e072017cfe82cf85&name=resmon", "", 200),
        ("POST", "/api/v2/buckets", '{"orgID": "e072017cfe82cf85", "name": "mine", "rp": "0", "retentionRules": []}', 201),
        ("POST", "/api/v2/write?org=my-org&bucket=mine&precision=ns", "h2o,location=west level=1 1\nh2o,location=east level=2 2", 204),
        (
            "POST",
            "/api/v2/delete?org=my-org&bucket=mine",
            '{"start": "1970-01-01T00:00:00Z", "stop": "2026-11-30T20:09:32.204001+00:00", "predicate": "_measurement=\\"h2o\\" AND location=\\"west\\""}',
            204,
        ),
        ("GET", "/query?db=mine&q=SHOW%20SERIES", "", 200),
    )

    def test_requests_of_other_libraries(self):
        server = self.server()
        for requests in (self.NODE_INFLUX, self.INFLUXDB1_CLIENT_OF_GO, self.INFLUXDB_CLIENT_OF_PYTHON_AND_NODE):
            for method, path, body, status in requests:
                headers = {**TOKEN, "Content-Type": "application/json" if body.startswith("{") else ""}
                answer = house.request(server.http_port, method, path, body=body.encode(), headers=headers)
                self.assertEqual(answer.status, status, (path, answer.body))
                if status == 200 and path.startswith("/query"):
                    self.assertNotIn(b'"error"', answer.body, path)
        self.assertIn(b"h2o,location=east", answer.body)
        self.assertNotIn(b"west", answer.body)

    def test_influxdb_python_of_debian(self):
        server = self.server()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "influxdb_python.py")
        # Debian's own Python, which has Debian's package.
        done = subprocess.run(["/usr/bin/python3", script, str(server.http_port), house.TOKEN], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    house.main()
