#!/usr/bin/env python3
"""Log lines on to other servers: as Loki's push, and as InfluxDB's measurement syslog. The other server is a second resmon-server, which
takes both."""

import json
import time
import urllib.parse

import house
from house import NS


class LogSinksTest(house.HouseTest):
    def put(self, server, lines):
        body = "\n".join(json.dumps(line) for line in lines).encode()
        headers = {"Authorization": f"Bearer {house.TOKEN}"}
        answer = house.request(server.http_port, "POST", "/insert/jsonline", body=body, headers=headers)
        self.assertEqual(answer.status, 204, answer.body)

    def messages(self, server, q):
        parameters = urllib.parse.urlencode({"q": q, "direction": "oldest", "limit": 1000})
        return [line["message"] for line in server.get(f"/api/v1/logs?{parameters}").json()["lines"]]

    def test_chosen_lines_arrive_once_the_other_server_is_back(self):
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        store = f"store.directory={self.folder}/other"
        other = self.server(store, label="other", **ports)
        url, token = f"http://127.0.0.1:{ports['http_port']}", house.TOKEN
        server = self.server(
            f"sink.loki.kind=loki", f"sink.loki.url={url}", f"sink.loki.token={token}", "sink.loki.lines=level:>=warning", "sink.loki.linger=10ms",
            f"sink.influx.url={url}", f"sink.influx.version=1", "sink.influx.username=any", f"sink.influx.password={token}",
            "sink.influx.lines=-unit:noise", "sink.influx.linger=10ms", "sink.influx.retry_last=500ms", "sink.loki.retry_last=500ms",
        )  # fmt: skip
        now = time.time_ns() // NS * NS

        def some(word):
            return [
                {"_msg": f"{word} {level} {n}", "_time": str(now), "host": "web1", "level": level, "unit": "app", "pid": 7}
                for level in ("error", "info")
                for n in range(3)
            ] + [{"_msg": f"{word} noise", "_time": str(now), "host": "web1", "level": "info", "unit": "noise"}]

        self.put(server, some("before"))
        house.wait_for("Loki's push", lambda: len(self.messages(other, "source:loki")) == 3)
        # Its answer, too: without one they are sent again.
        house.wait_for("its acknowledgement", lambda: server.metrics()['resmon_line_sink_backlog_records{sink="loki"}'] == 0)
        other.kill()
        self.put(server, some("away"))
        other = self.server(store, label="again", **ports)
        expected = [f"{word} error {n}" for word in ("before", "away") for n in range(3)]
        house.wait_for("what came meanwhile", lambda: len(self.messages(other, "source:loki")) == 6)
        self.assertEqual(sorted(self.messages(other, "source:loki")), sorted(expected))
        self.assertEqual(len(self.messages(other, "source:loki unit:app host:web1 level:error")), 6)
        rows = house.wait_for(
            "the rows of syslog",
            lambda: len(got := other.rows("SELECT message, severity, appname, procid FROM syslog WHERE host = 'web1'")) >= 12 and got,
        )
        self.assertEqual({row[1] for row in rows}, {f"{word} {level} {n}" for word in ("before", "away") for level in ("error", "info") for n in range(3)})
        self.assertEqual({(row[2], row[3], row[4]) for row in rows}, {("err", "app", "7"), ("info", "app", "7")})
        # The other server has them before this one has its answer.
        house.wait_for("the answer", lambda: server.metrics()['resmon_line_sink_up{sink="loki"}'] == 1)
        self.assertEqual(server.metrics()['resmon_line_sink_refused_lines_total{sink="influx lines"}'], 0)
        house.wait_for("its state", lambda: "sink loki ok" in server.get("/readyz").body.decode())

    def test_a_query_that_is_none_is_named_at_the_start(self):
        import subprocess

        command = [house.program("resmon-server"), "--check-config", "--set", f"store.directory={self.folder}/x", "--set", "sink.a.lines=level:loud"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=house.clean_environment())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("sink.a.lines", done.stderr)


if __name__ == "__main__":
    house.main()
