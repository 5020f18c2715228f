#!/usr/bin/env python3
"""Stored rows are sent to a database that has none: all of a range, some hosts, and in two runs of which the first is interrupted."""

import os
import re
import signal
import subprocess
import unittest

import house

BEGIN = 1_790_000_000
STEP = 5
HOSTS = ("a", "b", "c")


class BackfillTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.influx = house.Influxd(self)
        self.influx.start()
        self.server_ = self.server("store.retain=0s")
        self.sets = [f"store.directory={self.server_.store}", f"sink.db.url=http://127.0.0.1:{self.influx.port}", "sink.db.batch_bytes=4096"]

    def write(self, rows):
        """`rows` for each host, the newest not in a chunk yet; what all of them are, by host, time and value."""
        points = [(host, (BEGIN + n * STEP) * house.NS, n) for n in range(rows) for host in HOSTS]
        lines = "\n".join(f"m,host={host} v={value}i {when}" for host, when, value in points)
        answer = house.request(
            self.server_.http_port, "POST", "/write?db=resmon", lines.encode(), {"Authorization": f"Token {house.TOKEN}"}, timeout=60
        )
        self.assertEqual(answer.status, 204)
        return points

    def command(self, *arguments, sink="db"):
        command = [house.program("resmon-server"), "backfill", sink, *arguments]
        for pair in self.sets:
            command += ["--set", pair]
        return command

    def backfill(self, *arguments, sink="db", code=0):
        done = subprocess.run(self.command(*arguments, sink=sink), capture_output=True, text=True, timeout=120, env=house.clean_environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def points(self):
        answer = house.request(self.influx.port, "GET", "/query?db=resmon&epoch=ns&q=SELECT+v+FROM+m+GROUP+BY+host", timeout=60).json()
        series = answer["results"][0].get("series", [])
        return {(one["tags"]["host"], when, value) for one in series for when, value in one["values"]}

    def test_a_range_of_all_hosts_or_of_some(self):
        points = self.write(120)
        begin, end = BEGIN, BEGIN + 100 * STEP
        bounds = ("--from", str(begin * house.NS), "--to", str(end * house.NS))
        text = self.backfill(*bounds, "--hosts", "a,c")
        self.assertIn("200 rows read, 200 samples sent to db", text)
        wanted = {one for one in points if one[1] < end * house.NS}
        self.assertEqual(self.points(), {one for one in wanted if one[0] != "b"})
        for _ in range(2):
            self.assertIn("300 rows read, 300 samples sent to db", self.backfill(*bounds, "--progress"))
            self.assertEqual(self.points(), wanted)

        self.assertIn("there is no [sink.other]; the sinks are: db", self.backfill(*bounds, sink="other", code=2))
        self.assertIn("--from must be before --to", self.backfill("--from", bounds[3], "--to", bounds[1], code=2))
        self.assertIn("the store has no samples of 'd'", self.backfill(*bounds, "--hosts", "a,d", code=2))
        house.query(self.influx.port, "DROP MEASUREMENT m", db="resmon")
        other = house.request(self.influx.port, "POST", "/write?db=resmon", f'm,host=a v="text" {begin * house.NS}'.encode())
        self.assertEqual(other.status, 204)
        self.assertIn("field type conflict", self.backfill(*bounds, code=1))
        self.influx.kill()
        self.assertIn("the database accepted nothing for", self.backfill(*bounds, "--wait", "1s", code=1))

    def test_an_interrupted_run_is_gone_on_with(self):
        points = self.write(12_000)
        bounds = ("--from", "2026-01-01", "--to", "2027-01-01")
        with subprocess.Popen(self.command(*bounds), stderr=subprocess.PIPE, text=True, env=house.clean_environment()) as process:
            self.addCleanup(process.kill)
            newest = "/query?db=resmon&epoch=s&q=SELECT+last(v)+FROM+m"
            late = lambda: re.search(rb'values":\[\[(\d+)', house.request(self.influx.port, "GET", newest).body)  # noqa: E731
            house.wait_for("rows of the second hour", lambda: (at := late()) and int(at[1]) > BEGIN + 3600)
            os.kill(self.influx.process.pid, signal.SIGSTOP)
            process.terminate()
            text = process.stderr.read()
            self.assertEqual(process.wait(60), 1, text)
        os.kill(self.influx.process.pid, signal.SIGCONT)
        self.assertIn("interrupted", text)
        begin = re.search(r"run it again with --from (\S+)", text)[1]
        self.assertNotEqual(self.points(), set(points))
        self.backfill("--from", begin, *bounds[2:])
        self.assertEqual(self.points(), set(points))
        print(f"# gone on with at {begin}", flush=True)


if __name__ == "__main__":
    house.main()
