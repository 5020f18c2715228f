#!/usr/bin/env python3
"""All processes of a host, asked from its client while somebody looks: who may see them, what they say, and what a client refuses.
And what a client without privileges sees of processes."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import house

# Uses CPU, and writes to the disk.
WRITER = """import os, sys
with open(sys.argv[1], "wb") as file:
    while True:
        file.seek(0)
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
"""


class ProcessesTest(house.HouseTest):
    def ask(self, server, host, **more):
        answer = house.request(server.http_port, "GET", f"/api/v1/hosts/{host}/processes", **more)
        return answer.status, json.loads(answer.body)

    def connected(self, server, host):
        def is_connected():
            hosts = json.loads(house.request(server.http_port, "GET", "/api/v1/hosts").body)["hosts"]
            return any(one["host"] == host and one["connected"] for one in hosts)

        house.wait_for(f"{host} to be connected", is_connected, 30)

    def test_a_busy_process_is_seen_with_what_it_uses_and_its_secrets_are_not(self):
        server = self.server("http.processes=readers")
        self.client(server, "web 1", "1s", "client.command_lines=true")
        self.connected(server, "web 1")
        busy = subprocess.Popen([sys.executable, "-c", "import time\nend = time.time() + 120\nwhile time.time() < end: pass", "--password=hunter2"])
        self.addCleanup(busy.kill)

        def seen():
            status, body = self.ask(server, "web%201")
            self.assertEqual(status, 200, body)
            found = [one for one in body["processes"] if one["pid"] == busy.pid]
            self.assertEqual(len(found), 1)
            return found[0]["cpu_percent"] > 5 and (body, found)

        body, found = house.wait_for("its share of the CPU", seen, every=0.2)
        self.assertLess(found[0]["cpu_percent"], 120)
        self.assertGreater(found[0]["memory_bytes"], 1 << 20)
        self.assertEqual(found[0]["threads"], 1)
        self.assertLess(found[0]["age_seconds"], 120)
        self.assertIn("--password=***", found[0]["command_line"])
        self.assertNotIn("hunter2", json.dumps(body))
        self.assertEqual(body["host"], "web 1")
        self.assertGreaterEqual(body["total"], len(body["processes"]))
        self.assertIn(os.getpid(), [one["pid"] for one in body["processes"]])
        cpu = [one["cpu_percent"] for one in body["processes"]]
        self.assertEqual(cpu, sorted(cpu, reverse=True), "what uses most comes first")

    def test_only_administrators_unless_the_server_says_otherwise(self):
        server = self.server()
        self.client(server, "web1", "1s")
        self.connected(server, "web1")
        for headers in (None, {"Authorization": f"Bearer {house.TOKEN}"}):
            status, body = self.ask(server, "web1", headers=headers)
            self.assertEqual(status, 403, body)
            self.assertIn("administrator", body["error"])

    def test_a_client_refuses_and_a_host_that_is_not_there_is_said_to_be_none(self):
        server = self.server("http.processes=readers")
        self.client(server, "closed", "1s", "client.process_list=false")
        self.connected(server, "closed")
        self.assertEqual(self.ask(server, "closed"), (409, {"error": "client.process_list is false on that machine"}))
        status, body = self.ask(server, "nobody")
        self.assertEqual((status, body["error"]), (404, "its client is not connected"))
        self.assertEqual(house.request(server.http_port, "GET", "/api/v1/hosts/closed/other").status, 404)

    def test_the_terminal_shows_the_programs_that_use_most(self):
        server = self.server()
        self.client(server, "web1", "500ms")
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.addCleanup(busy.wait)
        self.addCleanup(busy.kill)
        with open(f"/proc/{busy.pid}/comm") as file:
            name = file.read().strip()
        query = f"SELECT last(cpu_usage) FROM procstat WHERE process_name = '{name}'"
        house.wait_for("the busy process to have a row", lambda: (server.rows(query) or [[0, 0]])[0][1] > 5)
        home = os.path.join(self.folder, "home")
        os.mkdir(home, 0o700)
        with open(os.path.join(home, "fleet.json"), "w") as file:
            json.dump({"http_url": f"http://127.0.0.1:{server.http_port}"}, file)
        command = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resmon")
        environment = house.clean_environment(RESMON_HOME=home)
        done = subprocess.run([command, "monitor", "web1", "--once"], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        most = done.stdout.split("Uses most")[1].splitlines()[1:]
        self.assertTrue(1 <= len(most) <= 5, most)
        cpu = [float(re.search(r"([0-9.]+) %", line)[1]) for line in most]
        self.assertEqual(cpu, sorted(cpu, reverse=True))
        self.assertGreater(cpu[0], 5, "at least as much as the busy process")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, and setpriv")
    def test_what_an_unprivileged_client_cannot_see_is_said_once_and_all_else_is_there(self):
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
        if subprocess.run([*nobody, "test", "-x", house.program("resmon-client")], check=False).returncode != 0:
            self.skipTest("the programs are in a folder that only root may enter")
        server = self.server()
        writer = subprocess.Popen([sys.executable, "-c", WRITER, os.path.join(self.folder, "written")])
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        os.chmod(self.folder, 0o755)
        token = house.write_token(self.folder, "token-nobody")
        os.chown(token, 65534, 65534)
        arguments = house.client_arguments(server.port, token, "nobody", "200ms")
        nobodys = self.start(house.Process("resmon-client", arguments, self.folder, "nobody", prefix=nobody))
        self.client(server, "root", "200ms")

        def last(host, field):
            found = server.rows(f"SELECT last({field}) FROM procstat WHERE host = '{host}' AND \"user\" = 'root'")
            return found[0][1] if found else None

        house.wait_for("root's client to see what is written", lambda: last("root", "disk_write_bytes"))
        house.wait_for("both to say who uses the CPU", lambda: last("root", "cpu_usage") is not None and last("nobody", "cpu_usage") is not None)
        words = nobodys.wait_line("cannot be read without CAP_SYS_PTRACE")
        self.assertIn("absent", words)
        gathers = "SELECT count(total) FROM mem WHERE host = 'nobody'"
        before = server.rows(gathers)[0][1]
        house.wait_for("ten gathers more", lambda: server.rows(gathers)[0][1] >= before + 10)
        self.assertEqual(len(nobodys.lines("cannot be read without CAP_SYS_PTRACE")), 1)
        self.assertIsNone(last("nobody", "disk_write_bytes"))
        failures = server.rows("SELECT max(failures) FROM internal_collector WHERE host = 'nobody'")
        self.assertEqual(failures[0][1], 0, "what may not be seen is no failure")

        def measurements(host):
            return {row[0] for row in server.rows(f"SHOW MEASUREMENTS WHERE host = '{host}'")}

        self.assertEqual(measurements("root") - measurements("nobody") - {"powerstat_package"}, set())

if __name__ == "__main__":
    house.main()
