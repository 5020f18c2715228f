#!/usr/bin/env python3
"""Where a client's log lines come from besides files: sockets that syslog writes to, patterns with names, the usual logs of a machine;
numbers that are made of lines; and one line in the log for one failure of two connections."""

import json
import os
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse

import house


class LogSourcesTest(house.HouseTest):
    def log_client(self, server, *sets, host="web1", label=None):
        sets = [f"spool.directory={self.folder}/spool", *sets]
        return self.client(server, host, "200ms", *sets, label=label)

    def lines(self, server, query=""):
        answer = server.get("/api/v1/logs?" + urllib.parse.urlencode({"q": query, "direction": "oldest", "limit": 1000}))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["lines"]

    def wait_lines(self, server, count, query=""):
        return house.wait_for(f"{count} lines of {query!r}", lambda: len(found := self.lines(server, query)) >= count and found)

    @unittest.skipUnless(shutil.which("logger"), "there is no logger")
    def test_the_logger_command_over_every_kind_of_socket(self):
        server = self.server()
        tcp, udp = house.free_port(), house.free_port()
        client = self.log_client(
            server,
            f"logs.tcp.listen=tcp:127.0.0.1:{tcp}",
            f"logs.udp.listen=udp:127.0.0.1:{udp}",
            f"logs.dev.listen=unixgram:{self.folder}/log",
            f"logs.stream.listen=unix:{self.folder}/stream",
        )
        house.wait_for("the sockets", lambda: os.path.exists(f"{self.folder}/stream") and os.path.exists(f"{self.folder}/log"))
        house.wait_listening(tcp)
        house.wait_listening(udp, "udp")

        def logger(*arguments):
            done = subprocess.run(["logger", "-t", "backup", *arguments], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 0, done.stderr)

        for arguments in (["-T", "-P", str(tcp)], ["-d", "-P", str(udp)]):
            for extra in (["--rfc3164"], ["--rfc5424"], ["--octet-count", "--rfc5424"]):
                logger("-n", "127.0.0.1", *arguments, *extra, "-p", "mail.err", "--id=77", f"text of {arguments[0]}")
        logger("-u", f"{self.folder}/log", "-p", "local3.warning", "datagram")
        logger("-u", f"{self.folder}/stream", "-p", "local3.warning", "stream")
        lines = self.wait_lines(server, 8)
        self.assertEqual(len(lines), 8)
        by_source = {}
        for line in lines:
            by_source.setdefault(line["source"], []).append(line)
            self.assertEqual(line["unit"], "backup", line)
        self.assertEqual([line["message"] for line in by_source["tcp"]], ["text of -T"] * 3)
        for line in by_source["tcp"] + by_source["udp"]:
            self.assertEqual((line["level"], line["pid"], line["fields"]["facility"]), ("error", 77, "mail"), line)
        self.assertEqual([line["message"] for line in by_source["dev"]], ["datagram"])
        self.assertEqual([(line["message"], line["level"]) for line in by_source["stream"]], [("stream", "warning")])
        client.terminate()
        self.assertFalse(os.path.exists(f"{self.folder}/log"))

    def test_many_messages_as_rsyslog_sends_them(self):
        server = self.server()
        port = house.free_port()
        self.log_client(server, f"logs.net.listen=tcp:127.0.0.1:{port}")
        house.wait_listening(port)
        with socket.create_connection(("127.0.0.1", port)) as sender:
            for number in range(5000):
                text = f"<30>1 2026-11-29T12:00:00Z router sshd 811 - - connection {number}"
                framed = f"{len(text)} {text}" if number % 2 else text + "\n"
                sender.sendall(framed.encode())
        answer = house.wait_for(
            "all of them",
            lambda: (got := server.get("/api/v1/logs/histogram?q=connection&start=2026-11-29T00:00:00Z&end=now").json())["total"] >= 5000 and got,
        )
        self.assertEqual(answer["total"], 5000)
        line = self.lines(server, '"connection 4999"')[0]
        self.assertEqual((line["unit"], line["fields"]), ("sshd", {"facility": "daemon", "hostname": "router"}))

    def test_an_address_that_others_reach_must_be_meant(self):
        command = [house.program("resmon-client"), "--check-config", "--set", "logs.a.listen=udp:0.0.0.0:5514"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=house.clean_environment())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("allow_remote", done.stderr)
        done = subprocess.run([*command, "--set", "logs.a.allow_remote=true"], capture_output=True, text=True, timeout=20, env=house.clean_environment())
        self.assertNotIn("allow_remote", done.stderr)

    def test_containers_by_their_files(self):
        server = self.server()
        one = os.path.join(self.folder, "docker", "a" * 64)
        pod = os.path.join(self.folder, "overlay-containers", "b" * 64, "userdata")
        os.makedirs(one)
        os.makedirs(pod)
        with open(os.path.join(one, "config.v2.json"), "w") as file:
            file.write(json.dumps({"ID": "a" * 64, "Name": "/shop"}, separators=(",", ":")))
        with open(os.path.join(self.folder, "overlay-containers", "containers.json"), "w") as file:
            file.write(json.dumps([{"id": "b" * 64, "names": ["cache"]}], separators=(",", ":")))
        path = os.path.join(one, "a" * 64 + "-json.log")

        def docker(text):
            with open(path, "a") as file:
                file.write(json.dumps({"log": text + "\n", "stream": "stderr", "time": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime())}) + "\n")

        docker("level=error msg=\"payment failed\"")
        with open(os.path.join(pod, "ctr.log"), "w") as file:
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S.9+00:00 stdout F ready to accept\n", time.gmtime()))
        files = f"logs.containers.files={self.folder}/docker/*/*-json.log,{self.folder}/overlay-containers/*/userdata/ctr.log"
        self.log_client(server, files, "logs.containers.parse=container")
        lines = self.wait_lines(server, 2)
        self.assertEqual(
            [(line["unit"], line["message"], line.get("level"), line["fields"]["stream"]) for line in lines],
            [("shop", "payment failed", "error", "stderr"), ("cache", "ready to accept", None, "stdout")],
        )
        # As Docker rotates.
        os.rename(path, path + ".1")
        docker("after the rotation")
        self.wait_lines(server, 1, "unit:shop rotation")

    def test_a_pattern_with_names_and_numbers_out_of_lines(self):
        server = self.server()
        path = os.path.join(self.folder, "app.log")
        self.log_client(
            server,
            f"logs.app.files={path}",
            "logs.app.parse=regex",
            r"logs.app.pattern=^(?P<level>\w+) (?P<unit>\w+): (?P<message>.*) in (?P<ms>\d+)$",
            "logs.app.level=warning",
            "log_metrics.requests.tags=unit",
            "log_metrics.requests.numbers=ms",
        )
        with open(path, "w") as file:
            for number in range(1, 11):
                file.write(f"{'ERROR' if number == 5 else 'INFO'} api: request in {number}\n")
            file.write("something else\n")
        lines = self.wait_lines(server, 2)
        self.assertEqual([(line["message"], line["unit"]) for line in lines], [("request", "api"), ("something else", path)])
        self.assertEqual(lines[0]["fields"], {"ms": "5"})
        rows = house.wait_for(
            "the row of the lines",
            lambda: [
                row
                for row in server.rows("SELECT lines, ms_min, ms_mean, ms_max, ms_count FROM requests WHERE unit = 'api'")
                if row[1]
            ],
        )
        self.assertEqual(sum(row[1] for row in rows), 10)
        self.assertEqual(min(row[2] for row in rows), 1)
        self.assertEqual(max(row[4] for row in rows), 10)

    def test_nginx_sshd_postgres_and_a_java_stack_trace_in_one_search(self):
        server = self.server()
        texts = {
            "nginx/error.log": "2026/11/29 12:00:01 [error] 811#811: *7 connect() failed (111: Connection refused) while connecting to upstream\n",
            "auth.log": "Nov 29 12:00:02 web1 sshd[4711]: error: connect_to db1 port 5432: failed.\n",
            "postgresql.log": "2026-11-29 12:00:03.123 UTC [99] FATAL:  password authentication failed for user \"app\"\n",
            "app/app.log": "2026-11-29 12:00:04,567 ERROR [main] org.example.Pool - login failed\n"
            "java.sql.SQLException: Connection refused\n\tat org.example.Pool.open(Pool.java:17)\nCaused by: java.net.ConnectException: Connection refused\n"
            "\t... 3 more\n2026-11-29 12:00:05,000 INFO [main] org.example.Pool - trying again\n",
        }  # fmt: skip
        for name, text in texts.items():
            path = os.path.join(self.folder, "log", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        self.log_client(server, f"logs.all.files={self.folder}/log/*.log,{self.folder}/log/*/*.log", "logs.all.multiline=indent")
        self.wait_lines(server, 5)
        self.assertEqual(len(self.lines(server, "failed")), 4)
        # What sshd writes to a file has no level.
        failed = {os.path.basename(line["unit"]): line["level"] for line in self.lines(server, "failed level:>=error")}
        self.assertEqual(failed, {"error.log": "error", "postgresql.log": "critical", "app.log": "error"})
        trace = self.lines(server, '"Connection refused" Pool.java')
        self.assertEqual([line["message"].count("\n") for line in trace], [4])
        self.assertEqual(len(self.lines(server, 'pid:4711 OR /"?app"?|upstream/')), 5)

    def test_once_shows_entries_as_they_would_be_sent(self):
        path = os.path.join(self.folder, "app.log")
        with open(path, "w") as file:
            file.write("".join(f"2026-12-01T21:08:{i:02}Z INFO request {i}\n" for i in range(50)))
            file.write("2026-12-01T21:09:00Z ERROR payment failed\nTraceback (most recent call last):\n  File \"a.py\", line 5, in f\nTimeoutError: upstream\n")
            file.write("2026-12-01T21:09:01Z INFO password=hunter2 done\n")
        command = [house.program("resmon-client"), "--once"]
        for value in (f"logs.app.files={path}", "logs.app.multiline=indent", "logs.app.redact=tokens"):
            command += ["--set", value]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        at = done.stdout.index("# logs.app ")
        shown = done.stdout[at:].splitlines()
        self.assertEqual(len([line for line in shown if " INFO request " in line]), 5, shown)
        self.assertIn("#     Traceback (most recent call last):\n#       File \"a.py\", line 5, in f\n#     TimeoutError: upstream\n", done.stdout)
        self.assertNotIn("hunter2", done.stdout)
        self.assertTrue(any("done" in line and "password" in line for line in shown), shown)
        self.assertEqual(shown[-1], "# logs.app 45 more")

    def test_the_client_says_which_default_sources_are_off(self):
        usual = ["/var/log/syslog", "/var/log/messages", "/var/log/auth.log"]
        if not os.path.exists("/run/systemd/system") and not any(os.access(path, os.R_OK) for path in usual):
            self.skipTest("this machine has none of the default sources")
        server = self.server()
        path = os.path.join(self.folder, "app.log")
        client = self.log_client(server, f"logs.app.files={path}", "client.default_logs=true")
        client.wait_line("turns the default sources off")

    def test_one_failure_of_two_connections_is_logged_once(self):
        server = self.server()
        server.kill()
        path = os.path.join(self.folder, "app.log")
        with open(path, "w") as file:
            file.write("a line\n")
        client = self.log_client(server, f"logs.app.files={path}", "log.level=debug")
        client.wait_line(" WARN uplink cannot connect ")
        client.wait_line("gathered", "number=12")
        told = [line for line in client.lines() if "cannot connect" in line]
        self.assertEqual(len(told), 1, told)

    def test_the_servers_numbers_have_the_lines(self):
        server = self.server("server.report_interval=1s")
        path = os.path.join(self.folder, "app.log")
        with open(path, "w") as file:
            file.write("one\ntwo\n")
        self.log_client(server, f"logs.app.files={path}")
        self.wait_lines(server, 2)
        metrics = server.metrics()
        self.assertEqual((metrics["resmon_line_connections"], metrics["resmon_lines_total"]), (1, 2))
        self.assertGreaterEqual(metrics["resmon_line_batches_total"], 1)
        rows = house.wait_for(
            "the row", lambda: (got := server.rows("SELECT last(lines), last(line_connections) FROM internal_server")) and got[0][1] == 2 and got
        )
        self.assertEqual(rows[0][2], 1)


if __name__ == "__main__":
    house.main()
