#!/usr/bin/env python3
"""Rules: on the client, on the server before the journal, and for a sink, whose windows stay exact through kill -9."""

import importlib.util
import os
import random
import subprocess
import time
import unittest

import house
from house import NS, Connection

spec = importlib.util.spec_from_file_location("sinks", os.path.join(os.path.dirname(os.path.abspath(__file__)), "sinks.test.py"))
sinks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sinks)


class RulesTest(house.HouseTest):
    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def write(self, server, lines):
        answer = house.request(server.http_port, "POST", "/write?db=resmon", body=lines.encode(), headers={"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)

    def run_program(self, *command, stdin=""):
        done = subprocess.run([house.program(command[0]), *command[1:]], input=stdin, capture_output=True, text=True, timeout=60, env=house.clean_environment())
        return done.returncode, done.stdout, done.stderr

    def test_a_client_sends_what_its_rules_leave(self):
        server = self.server()
        config = self.file(
            "client.toml",
            '[[rule]]\nname = "cores"\nmeasurement = "cpu"\ntags = { cpu = "/^cpu[0-9]/" }\ndrop = true\n'
            '[[rule]]\nmeasurement = "system"\nrename_field = { load1 = "load" }\n'
            '[[rule]]\nname = "seconds"\nmeasurement = "mem"\nevery = "1s"\naggregate = ["mean", "count"]\n',
        )
        status, out, _ = self.run_program("resmon-client", "--config", config, "--once", "--once-after", "50", "--explain", "--host", "a")
        self.assertEqual(status, 0)
        self.assertIn("\n    cores (client.toml:1) drops it\n", out)
        self.assertRegex(out, r"\n- system,host=a load1=.*\n    rule 2 \(client.toml:6\)\n\+ system,host=a load=")
        client = self.start(house.Process("resmon-client", ["--config", config, *house.client_arguments(server.port, server.token_file, "a", "100ms")], self.folder))
        self.assertIn("rule=\"rule 2\"", client.wait_line("WARN rules a rule hides fields that the page or alert rules need", "system.load1", "the panel Load"))
        rows = house.wait_for("windows", lambda: (r := server.rows("SELECT used_count, used_mean FROM mem WHERE host = 'a'")) and len(r) > 2 and r)
        self.assertTrue(all(row[0] % NS == 0 for row in rows))
        self.assertTrue(all(row[1] <= 10 for row in rows), rows)
        # Ten gathers in each, save those that a busy machine had no time for.
        skipped = server.rows("SELECT max(skipped_gathers) FROM internal_client WHERE host = 'a'")[0][1]
        self.assertGreaterEqual(sum(row[1] for row in rows[1:-1]) + skipped, 8 * len(rows[1:-1]), (rows, skipped))
        self.assertEqual(server.rows("SHOW TAG VALUES FROM cpu WITH KEY = cpu"), [["cpu", "cpu-total"]])
        self.assertEqual(server.rows("SELECT load1 FROM system"), [])
        self.assertTrue(server.rows("SELECT load FROM system"))

    def test_what_the_servers_rules_drop_is_acknowledged_and_counted(self):
        config = self.file(
            "server.toml",
            '[[rule]]\nname = "noise"\nmeasurement = "noise"\ndrop = true\n[[rule]]\nmeasurement = "m"\nvalue = "v < 0"\ndrop = true\n'
            '[[rule]]\nmeasurement = "m"\nset_tag = { site = "north" }\n',
        )
        server = self.server(config=config)
        stream = os.urandom(16)
        with Connection(server.port) as connection:
            connection.hello("a", stream)
            noise = connection.declare("noise", [], [("v", house.wire.FLOAT)])
            m = connection.declare("m", [], [("v", house.wire.FLOAT)])
            now = time.time_ns()
            for i in range(1, 11):
                connection.samples(i, [(now + i, [(noise, {"v": 1.0}), (m, {"v": float(i if i % 2 else -i)})])])
            connection.samples(11, [(now + 11, [(noise, {"v": 1.0})])])  # nothing of it is left
            connection.acknowledged(11)
        house.wait_for("its rows", lambda: len(server.rows("SELECT v FROM m WHERE site = 'north'")) == 5)
        with Connection(server.port) as connection:  # and it is known that it was taken
            self.assertEqual(connection.hello("a", stream)["acknowledged"], 11)
        self.write(server, f"m,host=b v=3 {now}\nnoise,host=b v=1 {now}\nm,host=b v=-3 {now}\n")
        self.assertEqual([row[1] for row in server.rows("SELECT v FROM m WHERE host = 'b' AND site = 'north'")], [3])
        self.assertEqual(server.rows("SELECT v FROM noise"), [])
        rules = server.get("/api/v1/server").json()["rules"]
        self.assertEqual([(r["name"], r["in_samples"], r["dropped_samples"]) for r in rules], [("noise", 12, 12), ("rule 2", 6, 6), ("rule 3", 6, 0)])
        metrics = server.get("/metrics").body.decode()
        self.assertIn('resmon_rule_dropped_samples_total{place="server",rule="noise"} 12\n', metrics)

    def test_a_sinks_windows_are_exact_through_kill(self):
        database = sinks.Database(self)
        config = self.file(
            "server.toml",
            f'[sink.cloud]\nurl = "{database.url}"\nlinger = "5ms"\nretry_last = "100ms"\nresend_window = "3s"\n'
            '[[sink.cloud.rule]]\nmeasurement = "noise"\ndrop = true\n'
            '[[sink.cloud.rule]]\nname = "minutes"\nevery = "60s"\naggregate = ["mean", "count", "max"]\nwait = "0s"\n',
        )
        server = self.server(config=config)
        choose = random.Random(19)
        begin = (time.time_ns() // (3600 * NS) - 2) * 3600
        hosts = {name: begin for name in ("a", "b", "c")}  # the next second of each
        expected = {}
        end = begin + 1800
        while min(hosts.values()) < end:
            lines = ["noise,host=a v=1"]
            for host in hosts:
                if choose.random() < 0.3:
                    continue
                for _ in range(choose.randrange(20, 90)):
                    if hosts[host] < end:
                        value = choose.randrange(1000)
                        lines.append(f"m,host={host} v={value} {hosts[host]}000000000")
                        expected.setdefault((host, hosts[host] // 60 * 60), []).append(value)
                        hosts[host] += 5
            self.write(server, "\n".join(lines))
            # A gateway whose database is away: afterwards everything of the last 3 s is sent again.
            database.answer = (503 if choose.random() < 0.2 else 204, {}, b"")
            if choose.random() < 0.25:
                server.kill()
                server = self.server(config=config)

        def until_sink(state):
            house.wait_for(f"the sink to be {state}", lambda: server.get("/api/v1/server").json()["sinks"][0]["state"] == state)

        # An outage of which this server sees begin and end, whatever the kills cut off; one later row of each host completes the last window.
        database.answer = (204, {}, b"")
        until_sink("ok")
        database.answer = (503, {}, b"")
        self.write(server, "".join(f"m,host={host} v=0 {end + 60}000000000\n" for host in hosts))
        until_sink("retrying")
        database.answer = (204, {}, b"")

        def delivered():
            found = {}
            for line in database.of("m"):
                series, fields, stamp = line.split(" ")
                fields = dict(field.split("=") for field in fields.split(","))
                found[(series.split("host=")[1], int(stamp) // NS)] = fields
            return found

        house.wait_for("every window", lambda: len(delivered()) >= len(expected))
        found = delivered()
        self.assertEqual(found.keys(), expected.keys())
        for key, values in expected.items():
            self.assertEqual(found[key]["v_count"], f"{len(values)}i", key)
            self.assertAlmostEqual(float(found[key]["v_mean"]), sum(values) / len(values), places=9)
            self.assertEqual(float(found[key]["v_max"]), max(values))
        server.wait_line("the database was away; sending again")
        # Whatever was sent again was the same.
        written = {}
        for line in database.of("m"):
            series, fields, stamp = line.split(" ")
            self.assertEqual(written.setdefault((series, stamp), fields), fields)
        self.assertEqual(database.of("noise"), [])
        (sink,) = server.get("/api/v1/server").json()["sinks"]
        self.assertEqual(sink["rules"][1]["refused_samples"], 0)

    def test_a_mistake_in_a_rule_names_file_rule_and_key(self):
        config = self.file("server.toml", '[[rule]]\nmeasurement = "a"\ndrop = true\n\n[[rule]]\nmeasurement = "b"\nevery = "60s"\nagregate = "mean"\n')
        status, _, errors = self.run_program("resmon-server", "--config", config, "--check-config")
        self.assertEqual(status, 3, errors)
        self.assertIn(f"{config}:7:9: rule[2].every: is for clients and sinks", errors)
        self.assertIn(f"{config}:8:1: rule[2].agregate: unknown key; did you mean aggregate?", errors)

    def test_a_name_that_no_collector_writes_is_warned_of(self):
        config = self.file("x.toml", '[[rule]]\nmeasurement = "cpu"\nkeep_fields = ["usage_idel"]\n[[rule]]\nmeasurement = "dsk"\ndrop = true\n')
        places = [
            f"{config}:3:15: rule[1].keep_fields: no collector writes cpu.usage_idel; did you mean usage_idle?",
            f"{config}:5:15: rule[2].measurement: no collector writes the measurement 'dsk'; did you mean disk?",
        ]
        for program in ("resmon-client", "resmon-server"):
            status, _, errors = self.run_program(program, "--config", config, "--check-config", "--set", "client.token_file=/dev/null" if program == "resmon-client" else "store.directory=x")
            self.assertEqual((status, errors.splitlines()), (0, [f"{program}: warning: {place}" for place in places]))
        self.server(config=config).wait_line("WARN rules a rule names what is not known", "usage_idel")
        # A script of this name is meant.
        more = self.file("y.toml", open(config).read() + '[script.dsk]\ncommand = ["/bin/true"]\n')
        status, _, errors = self.run_program("resmon-client", "--config", more, "--check-config", "--set", "client.token_file=/dev/null")
        self.assertEqual((status, len(errors.splitlines())), (0, 1), errors)

    def test_explain_on_the_server(self):
        config = self.file("server.toml", '[[rule]]\nname = "no cpu"\nmeasurement = "cpu"\ndrop = true\n')
        status, out, _ = self.run_program("resmon-server", "rules", "explain", "--config", config, stdin="cpu v=1 5\nmem v=1 5\n")
        self.assertEqual((status, out), (0, "- cpu v=1 5\n    no cpu (server.toml:1) drops it\n  mem v=1 5\n"))


if __name__ == "__main__":
    house.main()
