#!/usr/bin/env python3
"""Log lines on the server: taken from other programs, durable, searched, in VictoriaLogs' format, backed up, forgotten."""

import json
import os
import socket
import subprocess
import time
import unittest
import urllib.parse

import house
from house import NS


def rfc3339(nanoseconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // NS)) + f".{nanoseconds % NS:09d}Z"


class LogLinesTest(house.HouseTest):
    def post(self, server, path, body, token=house.TOKEN, **parameters):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        where = f"{path}?{urllib.parse.urlencode(parameters)}" if parameters else path
        return house.request(server.http_port, "POST", where, body=body.encode(), headers=headers)

    def put(self, server, lines):
        answer = self.post(server, "/insert/jsonline", "\n".join(json.dumps(line) for line in lines))
        self.assertEqual(answer.status, 204, answer.body)

    def ask(self, server, path="", status=200, **parameters):
        answer = server.get(f"/api/v1/logs{path}?{urllib.parse.urlencode(parameters)}")
        self.assertEqual(answer.status, status, answer.body)
        return answer.json()

    def messages(self, server, q="", **parameters):
        return [line["message"] for line in self.ask(server, q=q, **parameters)["lines"]]

    def some(self, count, begin, host="web1", **more):
        return [
            {"_msg": f"request {n} took {n * 7} ms", "_time": rfc3339(begin + n * NS), "host": host, "unit": "nginx",
             "level": "error" if n % 10 == 0 else "info", "client": f"c{n % 3}", **more}
            for n in range(count)
        ]  # fmt: skip

    def test_json_lines_are_taken_searched_and_survive_kill_9(self):
        server = self.server()
        begin = time.time_ns() // 10 * 10 + 1 - 3000 * NS  # not a zero at its end
        self.put(server, self.some(200, begin))
        self.assertEqual(len(self.messages(server, limit=1000)), 200)
        self.assertEqual(self.messages(server, "level:error", limit=2), ["request 190 took 1330 ms", "request 180 took 1260 ms"])
        self.assertEqual(self.messages(server, '"request 7"'), ["request 7 took 49 ms"])
        self.assertEqual(len(self.messages(server, "client:c1 -level:error", limit=1000)), 60)
        line = self.ask(server, q='"request 10"')["lines"][0]
        self.assertEqual(line["time"], rfc3339(begin + 10 * NS))
        self.assertEqual((line["host"], line["source"], line["level"], line["unit"]), ("web1", "jsonline", "error", "nginx"))
        self.assertEqual(line["fields"], {"client": "c1"})
        server.kill()
        again = self.server(label="again")
        self.assertEqual(len(self.messages(again, limit=1000)), 200)
        self.assertEqual(self.ask(again, "/histogram", start=begin // NS - 1, end="now", buckets=10)["total"], 200)

    def test_pages_context_facets_patterns_and_errors(self):
        server = self.server()
        begin = time.time_ns() // 10 * 10 + 1 - 3000 * NS  # not a zero at its end
        self.put(server, self.some(50, begin) + self.some(50, begin, host="web2"))
        seen, cursor = [], ""
        while True:
            page = self.ask(server, limit=7, cursor=cursor, direction="oldest")
            seen += [(line["time"], line["host"]) for line in page["lines"]]
            cursor = page["cursor"]
            if not cursor:
                break
        self.assertEqual(len(seen), 100)
        self.assertEqual(seen, sorted(seen))
        around = self.ask(server, "/context", host="web1", source="jsonline", time=rfc3339(begin + 20 * NS), before=2, after=3)
        self.assertEqual([line["message"].split()[1] for line in around["lines"]], ["18", "19", "20", "21", "22", "23"])
        self.assertEqual((around["first_of_time"], around["lines_of_time"]), (2, 1))
        facets = {facet["name"]: facet["values"] for facet in self.ask(server, "/facets", q="host:web2")["facets"]}
        self.assertEqual(facets["host"], [{"value": "web2", "lines": 50}])
        self.assertEqual(sum(one["lines"] for one in facets["client"]), 50)
        patterns = self.ask(server, "/patterns")["patterns"]
        self.assertEqual([(one["pattern"], one["lines"]) for one in patterns], [("request <*> took <*> ms", 100)])
        self.assertIn("at character 7", self.ask(server, q="error (x", status=400)["error"])
        self.assertIn("start", self.ask(server, start="yesterday", status=400)["error"])
        self.assertIn("limit", self.ask(server, limit="many", status=400)["error"])
        self.assertIn("cursor", self.ask(server, cursor="none", status=400)["error"])

    def test_loki_push(self):
        server = self.server()
        now = time.time_ns()
        body = {"streams": [{"stream": {"host": "web9", "service_name": "api", "env": "prod"},
                             "values": [[str(now - NS), "hello from loki"], [str(now), "second", {"level": "warn", "trace": "t1"}]]}]}  # fmt: skip
        answer = self.post(server, "/loki/api/v1/push", json.dumps(body))
        self.assertEqual(answer.status, 204, answer.body)
        second, first = self.ask(server, hosts="web9")["lines"]
        self.assertEqual((first["message"], first["unit"], first["source"]), ("hello from loki", "api", "loki"))
        self.assertEqual((second["level"], second["fields"]), ("warning", {"env": "prod", "trace": "t1"}))
        for bad in ("{", "[]", '{"streams":[{"stream":{},"values":[["x","y"]]}]}', '{"streams":[{"stream":{},"values":[5]}]}'):
            self.assertEqual(self.post(server, "/loki/api/v1/push", bad).status, 400, bad)
        # Labels that are said once become part of each line: a small request is not gigabytes.
        values = [[str(now), f"line {i}"] for i in range(3000)]
        large = {"streams": [{"stream": {"host": "wide", "text": "x" * 50_000}, "values": values}]}
        answer = self.post(server, "/loki/api/v1/push", json.dumps(large))
        self.assertIn(answer.status, (413, 503))  # 503: the lines' journal cannot take them so fast
        if answer.status == 413:
            self.assertRegex(answer.body.decode(), "1342 lines were taken")

    def test_loki_push_in_protobuf(self):
        def message(*fields):
            out = b""
            for number, value in fields:
                if isinstance(value, int):
                    out += bytes([number << 3]) + varint(value)
                else:
                    out += bytes([number << 3 | 2]) + varint(len(value)) + value
            return out

        def varint(value):
            out = b""
            while value >= 0x80:
                out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
            return out + bytes([value])

        def snappy(data):  # as literals
            out = varint(len(data))
            for at in range(0, len(data), 60):
                piece = data[at : at + 60]
                out += bytes([len(piece) - 1 << 2]) + piece
            return out

        def push(body, **headers):
            headers = {"Authorization": f"Bearer {house.TOKEN}", "Content-Type": "application/x-protobuf", **headers}
            return house.request(server.http_port, "POST", "/loki/api/v1/push", body=body, headers=headers)

        server = self.server()
        now = time.time_ns()
        stamp = message((1, now // NS), (2, now % NS))
        body = message((1, message((1, b'{host="web9", service_name="api"}'), (2, message((1, stamp), (2, b"first"))),
                                   (2, message((1, stamp), (2, b"second"), (3, message((1, b"level"), (2, b"error")))))))) # fmt: skip
        self.assertEqual(push(snappy(body)).status, 204)
        self.assertEqual(push(snappy(body), **{"Content-Encoding": "snappy"}).status, 204)
        lines = self.ask(server, hosts="web9")["lines"]
        self.assertEqual(sorted(line["message"] for line in lines), ["first", "first", "second", "second"])
        self.assertEqual({line["level"] for line in lines if line["message"] == "second"}, {"error"})
        self.assertEqual({line["unit"] for line in lines}, {"api"})
        for bad in (b"", b"no snappy", snappy(b"no protobuf"), snappy(body)[:-1], snappy(message((1, message((1, b"{x")))))):
            self.assertEqual(push(bad).status, 400, bad)
        self.assertEqual(push(varint(40_000_000) + b"x" * 2_000_000).status, 413)

    def test_a_bad_line_is_named_and_those_before_it_are_kept(self):
        server = self.server()
        answer = self.post(server, "/insert/jsonline", '{"_msg":"good","host":"a"}\nno json\n{"_msg":"never"}')
        self.assertEqual(answer.status, 400)
        self.assertIn("line 2", answer.json()["error"])
        self.assertEqual(self.messages(server), ["good"])

    def test_victorialogs_clients(self):
        server = self.server()
        begin = time.time_ns() // 10 * 10 + 1 - 3000 * NS  # not a zero at its end
        self.put(server, self.some(2500, begin))
        query = urllib.parse.urlencode({"query": "_time:1h request | limit 2400"})
        answer = server.get(f"/select/logsql/query?{query}")
        lines = [json.loads(line) for line in answer.body.decode().splitlines()]
        self.assertEqual(len(lines), 2400)
        self.assertEqual(lines[0]["_msg"], "request 2499 took 17493 ms")
        self.assertEqual(lines[0]["client"], "c0")
        hits = server.get("/select/logsql/hits?" + urllib.parse.urlencode({"query": "*", "step": "10m", "start": begin // NS}))
        self.assertEqual(hits.json()["hits"][0]["total"], 2500)
        names = server.get("/select/logsql/field_names?query=*").json()["values"]
        self.assertIn("client", [one["value"] for one in names])
        self.assertEqual(server.get("/select/logsql/query?query=%28").status, 400)

    def test_an_answer_in_victorialogs_format_that_a_bound_cuts_is_not_one_that_is_complete(self):
        server = self.server()
        begin = time.time_ns() - 60_000 * 10**6
        for part in range(8):
            lines = [{"_msg": f"filler {part} {n} " + "x" * 500, "_time": rfc3339(begin + part * 10**9 + n), "host": "a"} for n in range(5_000)]
            self.put(server, lines)

        def ask(timeout, pause):
            """The head and the rest of the answer, which begins to be read after a pause."""
            with socket.create_connection(("127.0.0.1", server.http_port), timeout=60) as connection:
                connection.sendall(f"GET /select/logsql/query?query=filler&timeout={timeout} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                time.sleep(pause)
                out = b""
                while got := connection.recv(1 << 20):
                    out += got
            return out.partition(b"\r\n\r\n")[::2]

        head, whole = ask("30s", 0)
        self.assertTrue(whole.endswith(b"0\r\n\r\n"))
        self.assertEqual(whole.count(b'"_msg"'), 40_000)
        head, cut = ask("1s", 1.5)  # longer than the sockets can hold
        self.assertIn(b"200 OK", head)
        self.assertIn(b'"_msg"', cut)
        self.assertLess(cut.count(b'"_msg"'), 40_000)
        self.assertFalse(cut.endswith(b"0\r\n\r\n"), "it has the end of a complete answer")
        # Counts of a part would be wrong numbers.
        for path in ("hits?query=filler", "field_names?query=filler", "field_values?query=filler&field=host"):
            answer = server.get(f"/select/logsql/{path}&timeout=0s")
            self.assertEqual((answer.status, answer.body), (503, b"the time for a query is over\n"), path)

    def test_who_may(self):
        server = self.server("http.local_read_without_token=false")
        self.assertEqual(self.post(server, "/insert/jsonline", "{}", token=None).status, 401)
        for path in ("/api/v1/logs", "/api/v1/logs/histogram", "/select/logsql/query?query=x"):
            self.assertEqual(server.get(path).status, 401, path)
            self.assertEqual(server.get(path, Authorization=f"Bearer {house.TOKEN}").status, 200, path)
        none = self.server("logs.enabled=false", f"store.directory={self.folder}/none", label="none")
        self.assertEqual(none.get("/api/v1/logs").status, 404)
        self.assertEqual(self.post(none, "/insert/jsonline", "{}").status, 404)

    def test_influxql_shows_lines_as_telegrafs_syslog(self):
        server = self.server()
        begin = (time.time_ns() // (60 * NS) - 10) * 60 * NS
        lines = self.some(300, begin) + self.some(60, begin, host="web2", hostname="router", facility="mail")
        lines += [{"_msg": f"same second {n}", "_time": rfc3339(begin), "host": "web3", "pid": 7, "unit": "a b"} for n in range(600)]
        self.put(server, lines)
        since = f"time >= {begin} AND time < {begin + 600 * NS}"

        def rows(statement):
            answer = server.get("/query?" + urllib.parse.urlencode({"db": "resmon", "epoch": "ns", "q": statement})).json()
            self.assertNotIn("error", answer["results"][0], statement)
            return answer["results"][0].get("series", [])

        self.assertIn(["syslog"], rows("SHOW MEASUREMENTS")[0]["values"])
        newest = rows(f"SELECT message, severity, appname, severity_code FROM syslog WHERE {since} AND hostname = 'web1' ORDER BY time DESC LIMIT 2")
        self.assertEqual(
            newest[0]["values"],
            [
                [begin + 299 * NS, "request 299 took 2093 ms", "info", "nginx", 6],
                [begin + 298 * NS, "request 298 took 2086 ms", "info", "nginx", 6],
            ],
        )
        counted = rows(f"SELECT count(message) FROM syslog WHERE {since} GROUP BY time(1m), severity")
        by_severity = {one["tags"]["severity"]: [row[1] for row in one["values"]] for one in counted}
        self.assertEqual(by_severity["err"][:6], [12, 6, 6, 6, 6, 0])
        self.assertEqual(sum(by_severity["info"]), 270 + 54)
        self.assertEqual(by_severity[""][0], 600)
        self.assertEqual(rows(f"SELECT count(message) FROM syslog WHERE {since}")[0]["values"][0][1], 960)
        # The lines of one moment are all there, in either direction.
        for order in ("ASC", "DESC"):
            told = rows(f"SELECT message FROM syslog WHERE time > {begin - 60 * NS} AND hostname = 'web3' ORDER BY time {order}")
            self.assertEqual({row[1] for row in told[0]["values"]}, {f"same second {n}" for n in range(600)}, order)
        found = rows(f"SELECT message, procid FROM syslog WHERE {since} AND message =~ /same second 5$/")
        self.assertEqual([row[1:] for row in found[0]["values"]], [["same second 5", "7"]])
        self.assertEqual(
            rows("SHOW TAG VALUES FROM syslog WITH KEY = hostname")[0]["values"],
            [["hostname", "router"], ["hostname", "web1"], ["hostname", "web3"]],
        )
        self.assertEqual([row[0] for row in rows("SHOW TAG KEYS FROM syslog")[0]["values"]], ["appname", "facility", "host", "hostname", "severity"])
        self.assertIn(["message", "string"], rows("SHOW FIELD KEYS FROM syslog")[0]["values"])
        # What does not ask for it does not pay for it, and what deletes does not see it.
        self.assertNotIn("web1", str(rows("SHOW TAG VALUES WITH KEY = hostname")))
        answer = house.request(server.http_port, "POST", "/query?db=resmon&q=" + urllib.parse.quote("DELETE FROM syslog"), headers={"Authorization": f"Bearer {house.TOKEN}"})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(len(self.messages(server, "host:web3", limit=1000)), 600)

    def test_live_tail(self):
        server = self.server()
        live = house.WebSocket(server.http_port, "/api/v1/logs/tail?q=wanted")
        self.assertEqual(live.message(), {"type": "following"})
        self.put(server, [{"_msg": "wanted here", "host": "a"}, {"_msg": "something else", "host": "a"}])
        told = live.message()
        self.assertEqual([line["message"] for line in told["lines"]], ["wanted here"])
        self.assertEqual(told["dropped"], 0)
        live.close()
        wrong = house.WebSocket(server.http_port, "/api/v1/logs/tail?q=%28")
        self.assertIn("at character 2", wrong.message()["error"])

    def test_a_tail_that_reads_too_slowly_is_told_what_it_misses(self):
        server = self.server()
        reader = socket.socket()
        self.addCleanup(reader.close)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.connect(("127.0.0.1", server.http_port))
        reader.sendall(b"GET /select/logsql/tail?query=* HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + house.TOKEN.encode() + b"\r\n\r\n")
        self.assertIn(b"200 OK", reader.recv(1000))
        text = "x" * 5000
        for _ in range(8):  # 40 MB: more than sockets and the view's own room hold
            self.put(server, [{"_msg": f"{text} {i}", "host": "a"} for i in range(1000)])
        received = b""
        reader.settimeout(house.PATIENCE)
        while b"they are stored" not in received:
            more = reader.recv(1 << 20)
            self.assertTrue(more, "the connection ended")
            received = received[-1000:] + more
        self.assertIn(b" lines came faster than this view reads, and are left out here; they are stored", received)

    def command(self, server, *arguments):
        base = [house.program("resmon-server"), arguments[0], "--set", f"store.directory={server.store}"]
        return subprocess.run([*base, *arguments[1:]], capture_output=True, text=True, timeout=120, env=house.clean_environment())

    def test_backup_restore_check_export_and_forget(self):
        server = self.server()
        begin = time.time_ns() // 10 * 10 + 1 - 3000 * NS  # not a zero at its end
        self.put(server, self.some(300, begin))
        copy = os.path.join(server.folder, "copy.backup")
        done = self.command(server, "backup", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.put(server, self.some(10, begin, host="later"))
        answer = house.request(server.http_port, "DELETE", "/api/v1/hosts/later?purge=true", headers={"Authorization": f"Bearer {house.TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)
        self.assertEqual(self.messages(server, "host:later"), [])
        self.assertEqual(len(self.messages(server, limit=1000)), 300)
        server.terminate()
        done = self.command(server, "check")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("300 lines; 0 damaged", done.stdout)
        done = self.command(server, "export", "--logs", "--host", "web1")
        self.assertEqual(len(done.stdout.splitlines()), 300, done.stderr)
        done = self.command(server, "restore", "--force", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        again = self.server(label="again")
        self.assertEqual(len(self.messages(again, limit=1000)), 300)
        # What comes after a restore is kept, whatever positions the blocks knew.
        self.put(again, [{"_msg": "after the restore", "host": "web1"}])
        self.assertEqual(self.messages(again, limit=1), ["after the restore"])
        again.kill()
        third = self.server(label="third")
        self.assertEqual(len(self.messages(third, limit=1000)), 301)


if __name__ == "__main__":
    house.main()
