#!/usr/bin/env python3
"""Databases that are not what they seem, names with a silent address, sinks that come and go, and export beside a running server."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import unittest

import house

LOGIN = b"<!doctype html><title>Sign in</title>"


class Database(house.HttpReceiver):
    """Takes line protocol over HTTP; `answer` (status, headers, body) stands for what else may be at its address."""

    def __init__(self, test):
        self.lines = []
        self.answer = (204, {}, b"")
        self.ping = (204, {"X-Influxdb-Version": "1.8.10"}, b"")
        super().__init__(self.take, lambda: self.ping, keep_alive=True)
        test.addCleanup(self.close)

    def take(self, _path, _headers, body):
        if self.answer[0] == 204:
            self.lines += body.decode().splitlines()
        return self.answer

    def of(self, measurement):
        return [line for line in self.lines if line.startswith(measurement + ",")]


@contextlib.contextmanager
def silent_listener(ip, port):
    """Neither takes nor refuses connections: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ip, port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((ip, port))
        yield


class SinksTest(house.HouseTest):
    def write(self, server, lines):
        answer = house.request(server.http_port, "POST", "/write?db=resmon", body=lines.encode(), headers={"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204)

    def sink(self, server):
        (sink,) = server.get("/api/v1/server").json()["sinks"]
        return sink

    def in_state(self, server, state):
        return house.wait_for(f"the sink to be {state}", lambda: (s := self.sink(server))["state"] == state and s)

    def test_a_log_in_page_is_no_receipt(self):
        database = Database(self)
        database.answer = database.ping = (200, {"Content-Type": "text/html"}, LOGIN)
        server = self.server("sink.influx.retry_last=50ms", "sink.influx.linger=10ms", f"sink.influx.url={database.url}")
        self.assertTrue(server.wait_line("WARN sink the answer may not come from a database", "doctype html"))
        began = time.time() * 1000
        self.write(server, "".join(f"m,host=a v={n}i {n + 1}\n" for n in range(500)))
        sink = self.in_state(server, "denied")
        self.assertEqual(sink["last_error"], "200 OK, where a database acknowledges a write with 204: <!doctype html><title>Sign in</title>")
        self.assertGreaterEqual(sink["last_error_time"], int(began))
        self.assertGreaterEqual(sink["failing_since"], int(began))
        self.assertEqual((sink["sent_samples"], sink["refused_samples"], sink["backlog_samples"]), (0, 0, 500))
        self.assertIn("sink influx denied", server.get("/readyz").body.decode())
        database.answer = (204, {}, b"")
        sink = house.wait_for("all of it", lambda: (s := self.sink(server))["sent_samples"] == 500 and s["backlog_samples"] == 0 and s)
        self.assertEqual((sink["state"], sink["last_error"], sink["last_error_time"], sink["failing_since"]), ("ok", "", None, None))
        self.assertEqual(len(set(database.of("m"))), 500)

    def test_a_database_that_is_away_shows_before_there_is_a_sample(self):
        port = house.free_port()
        server = self.server(f"sink.influx.url=http://127.0.0.1:{port}")
        self.assertIn("connect: Connection refused", self.in_state(server, "retrying")["last_error"])

    def test_a_sink_that_is_no_longer_configured_is_told_with_its_backlog(self):
        database = Database(self)
        database.answer = (503, {}, b"busy")
        server = self.server("sink.old.retry_last=50ms", f"sink.old.url={database.url}")
        self.write(server, "m,host=a v=1i 1\n")
        self.in_state(server, "retrying")
        self.assertEqual(server.get("/api/v1/server").json()["removed_sinks"], [])
        server.terminate()
        server = self.server(port=server.port, http_port=server.http_port, label="again")
        self.assertTrue(server.lines(" WARN sink no longer configured", "name=old", "entries=1"))
        self.assertEqual(server.get("/api/v1/server").json()["removed_sinks"], [{"name": "old", "backlog_entries": 1}])

    def test_a_silent_address_does_not_keep_client_or_sink_from_the_other(self):
        library = os.path.join(self.folder, "two_addresses.so")
        source = os.path.join(house.ROOT, "tests", "e2e", "two_addresses.c")
        compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
        if compiler is None or house.SANITIZER:
            self.skipTest("needs a C compiler, and programs without a sanitizer")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        preload = {"LD_PRELOAD": library}
        database = Database(self)
        with silent_listener("127.0.0.9", database.port):
            server = self.server(f"sink.influx.url=http://two.example:{database.port}", "sink.influx.linger=10ms", environment=preload)
            with silent_listener("127.0.0.9", server.port):
                arguments = ["--server", f"two.example:{server.port}", "--token-file", server.token_file, "--host", "a", "--interval", "200ms"]
                arguments += ["--set", "tls.allow_plaintext=true"]
                # The client is static and reads /etc/hosts itself.
                hosts = os.path.join(self.folder, "hosts")
                with open(hosts, "w") as file:
                    file.write("127.0.0.9 two.example\n127.0.0.1 two.example\n")
                alone = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
                own_hosts = (*alone, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts)
                self.start(house.Process("resmon-client", arguments, self.folder, "a", prefix=own_hosts))
                house.wait_for("the client's samples in the database", lambda: database.of("system"))
                self.assertEqual(self.in_state(server, "ok")["retries"], 0)

    def test_the_keys_of_a_sink_can_be_set_in_any_order(self):
        house.program("resmon-client")
        environment = house.clean_environment(RESMON_HOME=os.path.join(self.folder, "home"), RESMON_BUILD_DIR=house.BUILD, RESMON_NO_BUILD="1")
        for key, value in (("token", "t"), ("org", "o"), ("url", "http://db:8086"), ("bucket", "b")):
            done = subprocess.run(
                [os.path.join(house.ROOT, "resmon"), "configure", "set", f"sink.x.{key}", value],
                env=environment, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)


class ExportTest(house.HouseTest):
    def test_export_beside_a_running_server_has_all_that_was_acknowledged(self):
        server = self.server()
        begin = time.time_ns()
        for round_ in range(3):
            wanted = [f"m,host=a v={n}i {begin + n}" for n in range((round_ + 1) * 1000)]
            answer = house.request(
                server.http_port, "POST", "/write?db=resmon", body="\n".join(wanted).encode(), headers={"Authorization": f"Token {house.TOKEN}"}
            )
            self.assertEqual(answer.status, 204)
            command = [house.program("resmon-server"), "export", "--set", f"store.directory={server.store}", "--measurement", "m"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, env=house.clean_environment())
            self.assertEqual(done.stdout.splitlines(), wanted)
        self.assertEqual([name for name in os.listdir(server.store) if name.startswith("flush-")], [])

    def test_export_where_no_server_runs_waits_for_none(self):
        server = self.server()
        server.terminate()
        command = [house.program("resmon-server"), "export", "--set", f"store.directory={server.store}"]
        subprocess.run(command, capture_output=True, timeout=30, check=True, env=house.clean_environment())
        self.assertEqual([name for name in os.listdir(server.store) if name.startswith("flush-")], [])


if __name__ == "__main__":
    house.main()
