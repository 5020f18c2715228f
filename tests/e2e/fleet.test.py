#!/usr/bin/env python3
"""The list of hosts: its numbers beside what a query says of the same data, what a restart keeps, what is taken off it."""

import os
import random
import time
import unittest

import house
from house import NS

KEY = {"Authorization": f"Token {house.TOKEN}"}


def telegraf(host, at, number, interfaces, disks, randomly):
    """One gather as Telegraf writes it: fields in any order, no usage_active."""
    series = [("cpu", {"cpu": "cpu-total"}, {"usage_idle": 90 - number % 7, "usage_user": 5, "usage_system": 2.5, "usage_iowait": 0})]
    series.append(("cpu", {"cpu": "cpu0"}, {"usage_idle": 1, "usage_user": 99, "usage_system": 0, "usage_iowait": 0}))
    series.append(("mem", {}, {"used_percent": 40 + number % 5, "total": "100i", "free": "60i", "available": "55i"}))
    series.append(("system", {}, {"load1": 0.25, "n_cpus": "4i", "load5": 0.1}))
    series.append(("system", {}, {"uptime": f"{1000 + number}i"}))
    for place, name in enumerate(interfaces, 1):
        counters = {"bytes_recv": number * 10_000 * place, "bytes_sent": number * 700 * place, "packets_recv": number, "err_in": 0, "drop_in": 0}
        series.append(("net", {"interface": name}, {key: f"{value}i" for key, value in counters.items()}))
    for place, path in enumerate(disks, 1):
        series.append(("disk", {"path": path, "fstype": "ext4"}, {"used_percent": 20 * place + number / 10, "free": "5i", "total": "9i"}))
    lines = []
    for measurement, tags, fields in series:
        fields = list(fields.items())
        randomly.shuffle(fields)
        names = "".join(f",{key}={value}" for key, value in {"host": host, **tags}.items())
        lines.append(f"{measurement}{names} {','.join(f'{key}={value}' for key, value in fields)} {at * NS}")
    return "\n".join(lines) + "\n"


class FleetTest(house.HouseTest):
    def write(self, server, lines):
        answer = house.request(server.http_port, "POST", "/write?db=resmon", body=lines.encode(), headers=KEY)
        self.assertEqual(answer.status, 204, answer.body)

    def forget(self, server, host, headers=KEY, **parameters):
        more = "".join(f"?{key}={value}" for key, value in parameters.items())
        return house.request(server.http_port, "DELETE", f"/api/v1/hosts/{host}{more}", headers=headers or {})

    def restart(self, server, how):
        server.terminate() if how == "term" else server.kill()
        return self.start(house.Server(self.folder, port=server.port, http_port=server.http_port)).wait_ready()

    def test_the_fleets_numbers_are_the_querys(self):
        server = self.server()
        randomly = random.Random(13)
        gathers = 30
        for interval in (10, 60):
            host = f"t{interval}"
            end = int(time.time()) // interval * interval
            for number in range(gathers):
                last = number == gathers - 1
                interfaces = ["eth0", "eth1"] if last else ["eth0", "eth1", "veth9"]
                disks = ["/"] if last else ["/", "/data"]
                self.write(server, telegraf(host, end - interval * (gathers - 1 - number), number, interfaces, disks, randomly))

            def value(statement):
                return server.rows(f"{statement} AND host = '{host}' AND time >= {end}s")[0][1]

            def rates(field):
                statement = f"SELECT non_negative_derivative({field}, 1s) FROM net WHERE host = '{host}' GROUP BY interface"
                return sum(row[1] for _, _, _, rows in house.query(server.http_port, statement) for row in rows if row[0] == end * NS)

            house.wait_for("the last gather", lambda: server.rows(f"SELECT last(uptime) FROM system WHERE host = '{host}'")[0][1] == 1000 + gathers - 1)
            shown = server.hosts()[host]
            summary = shown["summary"]
            self.assertGreater(rates("bytes_recv"), 0)
            self.assertAlmostEqual(summary["network_receive_bytes_per_second"], rates("bytes_recv"), 1)
            self.assertAlmostEqual(summary["network_send_bytes_per_second"], rates("bytes_sent"), 1)
            self.assertAlmostEqual(summary["cpu_percent"], 100 - value("SELECT last(usage_idle) FROM cpu WHERE cpu = 'cpu-total'"), 2)
            self.assertAlmostEqual(summary["memory_percent"], value("SELECT last(used_percent) FROM mem WHERE true"), 2)
            self.assertAlmostEqual(summary["disk_percent"], value("SELECT max(used_percent) FROM disk WHERE true"), 2)
            self.assertEqual(summary["disk_path"], "/")
            self.assertEqual(summary["load1"], value("SELECT last(load1) FROM system WHERE true"))
            self.assertEqual((summary["n_cpus"], summary["uptime_seconds"]), (4, 1000 + gathers - 1))
            self.assertEqual(shown["interval_seconds"], interval)

    def test_a_full_table_shows_and_there_is_room_again_without_a_restart(self):
        server = self.server("limits.max_hosts=2", "limits.max_series=3")
        for name in ("a", "b", "c"):
            self.write(server, f"mem,host={name} used_percent=40 {time.time_ns()}\n")
        house.wait_for("all", lambda: len(server.rows("SELECT used_percent FROM mem")) == 3)
        metrics = server.metrics()
        self.assertEqual(metrics['resmon_table_entries{table="hosts"}'], metrics['resmon_table_limit_entries{table="hosts"}'])
        self.assertEqual(metrics['resmon_table_entries{table="series"}'], 3)
        self.assertEqual(metrics["resmon_refused_host_rows_total"], 1)
        answer = server.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("hosts full: there are 2 of 2, new hosts in the list are refused", answer.body.decode())
        self.assertIn("series full: there are 3 of 3", answer.body.decode())
        self.assertEqual(server.get("/healthz").status, 200)
        # What there is no room for is not acknowledged.
        refused = house.request(server.http_port, "POST", "/write?db=resmon", f"mem,host=d used_percent=40 {time.time_ns()}\n", {"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(refused.status, 400)
        self.assertIn("partial write: max-series-per-database limit exceeded: (3) dropped=1", refused.json()["error"])
        self.assertEqual(self.forget(server, "a").status, 204)
        self.assertNotIn("hosts full", server.get("/readyz").body.decode())

    def test_who_may_take_a_host_off_the_list(self):
        server = self.server()
        self.write(server, f"mem,host=gone,room=a\\ b used_percent=40 {time.time_ns()}\n")
        house.wait_for("the host", lambda: "gone" in server.hosts())
        self.assertEqual(self.forget(server, "gone", headers=None).status, 401)
        self.assertEqual(self.forget(server, "gone", headers={"Authorization": "Token nonsense"}).status, 401)
        self.assertEqual(self.forget(server, "nobody").status, 404)
        self.assertEqual(self.forget(server, "gone", purge="perhaps").status, 400)
        self.assertEqual(house.request(server.http_port, "GET", "/api/v1/hosts/gone", headers=KEY).status, 405)
        self.assertIn("gone", server.hosts())
        viewer = house.WebSocket(server.http_port, "/api/v1/live")
        self.addCleanup(viewer.close)
        self.assertEqual(viewer.message()["type"], "snapshot")
        self.assertEqual(self.forget(server, "gone").status, 204)
        self.assertNotIn("gone", server.hosts())
        while (message := viewer.message())["type"] == "update":
            pass
        self.assertEqual((message["type"], message["hosts"]), ("removed", ["gone"]))
        self.assertEqual(self.forget(server, "gone").status, 404)

    def test_a_forgotten_host_stays_away_until_it_sends_again(self):
        server = self.server()
        at = time.time_ns()
        for name in ("gone", "here"):
            self.write(server, f"system,host={name} load1=1 {at}\nmem,host={name} used_percent=40 {at}\n")
        house.wait_for("both", lambda: set(server.hosts()) == {"gone", "here"})
        self.assertEqual(self.forget(server, "gone").status, 204)
        for how in ("kill", "term", "term"):
            server = self.restart(server, how)
            house.wait_for("the other one's values", lambda: server.hosts()["here"]["summary"]["memory_percent"] == 40)
            self.assertEqual(set(server.hosts()), {"here"})
            self.assertEqual(len(server.rows("SELECT load1 FROM system WHERE host = 'gone'")), 1, "its data are kept")
        self.write(server, f"system,host=gone load1=2 {time.time_ns()}\n")
        house.wait_for("it to be back", lambda: server.hosts().get("gone", {}).get("state") == "up")

    def test_purge_deletes_what_is_stored_of_the_host_and_of_no_other(self):
        server = self.server()
        for name in ("gone", "gone2"):
            at = time.time_ns()
            self.write(server, f"system,host={name} load1=1 {at}\nmem,host={name},room=a used_percent=40 {at}\nown,x=y,host={name} v=1 {at}\n")
        house.wait_for("both", lambda: len(server.rows("SELECT load1 FROM system")) == 2)
        self.assertEqual(self.forget(server, "gone", purge="true").status, 204)
        self.assertEqual(set(server.hosts()), {"gone2"})
        for how in ("kill", "term"):
            for measurement, field in (("system", "load1"), ("mem", "used_percent"), ("own", "v")):
                self.assertEqual([row[2] for row in server.rows(f"SELECT {field}, host FROM {measurement}")], ["gone2"], measurement)
            server = self.restart(server, how)
            self.assertEqual(set(server.hosts()), {"gone2"})
        self.assertEqual(self.forget(server, "gone", purge="true").status, 404, "nothing is left of it")
        # Off the list first, and its data later.
        self.assertEqual(self.forget(server, "gone2").status, 204)
        self.assertEqual(len(server.rows("SELECT load1 FROM system")), 1)
        self.assertEqual(self.forget(server, "gone2", purge="true").status, 204)
        self.assertEqual(server.rows("SELECT load1 FROM system"), [])

    def test_a_connected_client_is_not_forgotten(self):
        server = self.server()
        client = self.client(server, "web1")
        house.wait_for("the client", lambda: server.hosts().get("web1", {}).get("connected"))
        answer = self.forget(server, "web1")
        self.assertEqual(answer.status, 409)
        self.assertIn("stop", answer.json()["error"])
        client.terminate()
        house.wait_for("it to leave", lambda: not server.hosts()["web1"]["connected"])
        self.assertEqual(self.forget(server, "web1").status, 204)

    def test_hosts_that_are_down_keep_what_is_known_of_them(self):
        server = self.server()
        client = self.client(server, "web1", "100ms", "client.tags=room=east")

        def complete():
            host = server.hosts().get("web1", {})
            summary = host.get("summary", {})
            return host.get("tags") and all(summary.get(key) is not None for key in ("cpu_percent", "memory_percent", "load1", "uptime_seconds"))

        house.wait_for("its numbers", complete)
        client.terminate()
        house.wait_for("it to leave", lambda: not server.hosts()["web1"]["connected"])
        # The list has what the store has; the last batch may still be on its way to both.
        house.wait_for("all that it sent", lambda: server.get("/api/v1/server").json()["store"]["backlog_entries"] == 0)
        before = server.hosts()["web1"]
        house.wait_for("that to be kept", lambda: os.path.exists(f"{server.store}/hosts.json"))

        def numbers(host):
            return {key: value for key, value in host["summary"].items() if not key.startswith("network")}

        for how in ("term", "kill", "term"):
            server = self.restart(server, how)
            host = server.hosts()["web1"]
            for key in ("tags", "version", "address", "interval_seconds", "first_seen"):
                self.assertEqual(host[key], before[key], key)
            house.wait_for("its last values", lambda: numbers(server.hosts()["web1"]) == numbers(before))
            self.assertAlmostEqual(server.hosts()["web1"]["last_seen"], before["last_seen"], delta=5000)
            self.assertFalse(server.hosts()["web1"]["connected"])

    def test_a_file_of_hosts_that_makes_no_sense_stops_nothing(self):
        server = self.server()
        self.write(server, f"system,host=a load1=1 {time.time_ns()}\n")
        house.wait_for("the host", lambda: "a" in server.hosts())
        for content in (b"", b"{", b"[1]", b'{"hosts":[3,{"host":7},{"host":"b","tags":[]}],"forgotten":7}', bytes(range(256))):
            server.terminate()
            with open(f"{server.store}/hosts.json", "wb") as file:
                file.write(content)
            server = self.restart(server, "kill")
            self.assertIn("a", server.hosts(), content)

    def test_the_stores_hosts_are_listed_whatever_they_sent(self):
        server = self.server()
        now = time.time_ns()
        self.write(server, f"internal_client,host=none backlog_samples=0i {now}\nsystem,host=most load1=1 {now}\nmem,host=few total=1i {now}\n")
        house.wait_for("the hosts", lambda: len(server.hosts()) == 3)
        server.terminate()
        os.remove(f"{server.store}/hosts.json")
        server = self.restart(server, "kill")
        self.assertEqual(set(server.hosts()), {"none", "most", "few"})


if __name__ == "__main__":
    house.main()
