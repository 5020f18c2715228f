#!/usr/bin/env python3
"""[scrape.NAME] of the client: Debian's node exporter and targets of every kind, up to the server's store."""

import base64
import os
import socket
import ssl
import subprocess
import time

import peers
from peers import house


class ScrapeTest(house.HouseTest):
    def scraped(self, server, url, *sets, host="h1", name="t", interval="500ms"):
        return self.client(
            server, host, "1s", f"scrape.{name}.url={url}", f"scrape.{name}.interval={interval}", f"scrape.{name}.timeout=400ms", *sets
        )

    def newest(self, server, statement):
        rows = server.rows(statement)
        return rows[-1][1:] if rows else None

    def test_node_exporter_sample_by_sample(self):
        port = house.free_port()
        exporter = peers.Program(
            self, "exporter", "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}",
            "--collector.disable-defaults", "--collector.loadavg", "--collector.meminfo", "--collector.cpu", "--collector.netdev",
            "--collector.uname",
        )  # fmt: skip
        exporter.wait_ready(port, "/metrics")
        server = self.server()
        client = self.scraped(server, f"http://127.0.0.1:{port}/metrics", "scrape.t.tags=site=north", name="t")
        text = house.request(port, "GET", "/metrics").body.decode()
        names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}
        expected = {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}
        wanted = sum(1 for line in text.splitlines() if line and line[0] != "#" and not line.endswith(("NaN", "Inf")))
        house.wait_for("a scrape", lambda: self.newest(server, "SELECT value FROM up") == [1.0])
        house.wait_for("all its series", lambda: (self.newest(server, "SELECT value FROM scrape_samples_scraped") or [0])[0] >= wanted)
        self.assertGreater(len(expected), 100)

        def found():
            out = set()
            for name in names:
                for (_, labels), values in peers.stored(server, name).items():
                    labels = dict(labels)
                    extra = {labels.pop(key) for key in ("host", "job", "instance", "site")}
                    self.assertEqual(extra, {"h1", "t", f"127.0.0.1:{port}", "north"})
                    quoted = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
                    out.add((name, frozenset(labels.items())))
                    self.assertTrue(all(t % 500 == 0 for t in values), f"{name}{{{quoted}}}: the times are round")
            return out

        # The rows of one gather are not shown in one instant.
        house.wait_for("each of them", lambda: len(found()) >= wanted, every=0.2)
        self.assertEqual(len(found()), wanted)
        memory = float(text.split("\nnode_memory_MemTotal_bytes ")[1].split("\n")[0])
        self.assertEqual(self.newest(server, "SELECT value FROM node_memory_MemTotal_bytes"), [memory])
        exporter.kill()
        house.wait_for("the exporter to be missed", lambda: self.newest(server, "SELECT value FROM up") == [0.0])
        client.wait_line("no metrics", "scrape=t")

    def test_a_bad_line_costs_itself_and_what_is_not_finite_is_counted(self):
        target = peers.Target(self, lambda n: 'good{a="b"} 1\nbad{ 2\nnan NaN\ninf +Inf\nafter 3 1000\n')
        server = self.server()
        client = self.scraped(server, f"http://127.0.0.1:{target.port}/")
        house.wait_for("good", lambda: self.newest(server, "SELECT value FROM good") == [1.0])
        house.wait_for("what says its time itself", lambda: server.rows("SELECT value FROM after") == [[10**9, 3.0]])
        house.wait_for("counts", lambda: self.newest(server, "SELECT refused_lines, not_finite, failures FROM internal_scrape"))
        refused, nan, failures = self.newest(server, "SELECT refused_lines, not_finite, failures FROM internal_scrape")
        self.assertEqual((failures, nan), (0, 2 * refused))
        self.assertEqual(server.rows("SHOW SERIES FROM nan"), [])
        client.wait_line("lines are refused", 'first="line 2: ')

    def test_open_metrics_with_credentials_from_files(self):
        text = 'om_total{a="b"} 5 # {trace_id="x"} 1\nom_seconds 2 1700000000.5\n# EOF\n'
        target = peers.Target(self, lambda n: text, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        server = self.server()
        for name, content in (("password", "pass word\n"), ("bearer", "b.e.a.r\n")):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(content)
        client = self.scraped(
            server, f"http://127.0.0.1:{target.port}/probe?target=x&y=1", "scrape.t.username=me",
            f"scrape.t.password_file={self.folder}/password",
        )  # fmt: skip
        house.wait_for("it", lambda: self.newest(server, "SELECT value FROM om_total") == [5.0])
        house.wait_for("what says its time", lambda: server.rows("SELECT value FROM om_seconds") == [[1700000000500 * 10**6, 2.0]])
        self.assertEqual(base64.b64decode(target.headers["authorization"].removeprefix("Basic ")), b"me:pass word")
        self.assertIn("openmetrics", target.headers["accept"])
        client.terminate()
        self.scraped(server, f"http://127.0.0.1:{target.port}/", f"scrape.t.bearer_file={self.folder}/bearer", host="h2")
        house.wait_for("the bearer", lambda: target.headers.get("authorization") == "Bearer b.e.a.r")

    def test_what_is_slow_large_or_refuses_is_down_and_costs_nobody(self):
        def slow(n):
            time.sleep(2)
            return "slow 1\n"

        slow = peers.Target(self, slow)
        large = peers.Target(self, lambda n: "large 1\n" * 1000)
        away = peers.Target(self, lambda n: None)
        many = peers.Target(self, lambda n: "".join(f'many{{n="{i}"}} 1\n' for i in range(n * 10, n * 10 + 10)))
        good = peers.Target(self, lambda n: "good 1\n")
        server = self.server()
        sets = []
        for name, target in (("slow", slow), ("large", large), ("away", away), ("many", many)):
            sets += [f"scrape.{name}.url=http://127.0.0.1:{target.port}/", f"scrape.{name}.interval=500ms", f"scrape.{name}.timeout=300ms"]
        sets += ["scrape.large.max_bytes=4096", "scrape.many.max_series=15"]
        client = self.scraped(server, f"http://127.0.0.1:{good.port}/", *sets)
        for name, reason in (("slow", "timeout"), ("large", "max_bytes"), ("away", "status 500")):
            client.wait_line("no metrics", f"scrape={name}", reason)
            house.wait_for(f"{name} to be down", lambda n=name: self.newest(server, f"SELECT value FROM up WHERE job = '{n}'") == [0.0])
        house.wait_for("good", lambda: len(server.rows("SELECT value FROM good")) >= 3)
        client.wait_line("lines are refused", "scrape=many")
        house.wait_for("the series that there is room for", lambda: len(server.rows("SHOW SERIES FROM many")) >= 15)
        self.assertEqual(len(server.rows("SHOW SERIES FROM many")), 15)
        self.assertEqual(server.rows("SHOW SERIES FROM large"), [])

    def test_over_tls_only_with_a_certificate_that_is_trusted(self):
        house.make_certificates(self.folder)
        target = peers.Target(self, lambda n: "tls 1\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.folder, "good.pem"), os.path.join(self.folder, "good.key"))
        target.server.socket = context.wrap_socket(target.server.socket, server_side=True)
        server = self.server()
        refused = self.scraped(server, f"https://localhost:{target.port}/")
        refused.wait_line("no metrics", "certificate refused")
        refused.terminate()
        self.scraped(server, f"https://localhost:{target.port}/", f"scrape.t.tls_ca_file={self.folder}/ca.pem", host="h2")
        house.wait_for("it", lambda: self.newest(server, "SELECT value FROM tls") == [1.0])

    def test_what_was_scraped_while_the_server_was_away_arrives(self):
        target = peers.Target(self, lambda n: f"count {n}\n")
        server = self.server()
        self.scraped(server, f"http://127.0.0.1:{target.port}/", f"spool.directory={self.folder}/spool")
        house.wait_for("a sample", lambda: server.rows("SELECT value FROM count"))
        server.kill()
        before = target.scrapes
        house.wait_for("scrapes without a server", lambda: target.scrapes > before + 3)
        server = self.start(house.Server(self.folder, port=server.port, http_port=server.http_port, label="again")).wait_ready()
        house.wait_for("all of them", lambda: [v for _, v in server.rows("SELECT value FROM count")][: before + 3] == list(range(before + 3)))

    def once(self, *arguments):
        return subprocess.run(
            [house.program("resmon-client"), "--once", "--once-after", "100", "--set", "client.host=h1", *arguments],
            capture_output=True, text=True, timeout=60, env=house.clean_environment(),
        )  # fmt: skip

    def test_once_asks_each_target_and_says_which_failed(self):
        target = peers.Target(self, lambda n: 'good{a="b"} 1\nbad 2\n')
        away = peers.Target(self, lambda n: None)
        config = os.path.join(self.folder, "once.toml")
        with open(config, "w") as file:
            file.write(
                f'[scrape.t]\nurl = "http://127.0.0.1:{target.port}/"\n[[rule]]\nname = "no bad"\nmeasurement = "bad"\ndrop = true\n'
                '[[rule]]\nname = "only these"\nnamepass = ["good", "up"]\n'
            )
        done = self.once("--config", config)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.rpartition(" ")[0] for line in done.stdout.splitlines()]
        job = f"host=h1,instance=127.0.0.1:{target.port},job=t"
        self.assertEqual(sorted(lines), [f"good,a=b,{job} value=1", f"up,{job} value=1"])
        done = self.once("--config", config, "--explain")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"- bad,[^\n]* value=2 \d+\n    no bad \([^\n]*once.toml:3\) drops it\n")
        done = self.once("--config", config, "--set", f"scrape.gone.url=http://127.0.0.1:{away.port}/")
        self.assertEqual(done.returncode, 1)
        self.assertIn("resmon-client: scrape.gone: it answers with status 500\n", done.stderr)
        self.assertNotIn("scrape.t", done.stderr)
        self.assertIn(f"up,host=h1,instance=127.0.0.1:{away.port},job=gone value=0 ", done.stdout)
        self.assertIn("good,a=b,", done.stdout)

    def test_blackbox_exporter_by_its_parameters(self):
        target = peers.Target(self, lambda n: "hello\n")
        port = house.free_port()
        config = os.path.join(self.folder, "blackbox.yml")
        with open(config, "w") as file:
            file.write("modules:\n  web:\n    prober: http\n    timeout: 2s\n    http: {preferred_ip_protocol: ip4}\n  port:\n    prober: tcp\n    timeout: 2s\n")
        exporter = peers.Program(
            self, "blackbox", "prometheus-blackbox-exporter", f"--web.listen-address=127.0.0.1:{port}", f"--config.file={config}"
        )
        exporter.wait_ready(port, "/metrics")
        server = self.server()
        web = f"http://127.0.0.1:{target.port}/"
        closed = f"127.0.0.1:{house.free_port()}"
        self.client(
            server, "h1", "1s",
            f"scrape.web.url=http://127.0.0.1:{port}/probe?module=web&target={web}", "scrape.web.interval=1s", f"scrape.web.tags=instance={web}",
            f"scrape.shut.url=http://127.0.0.1:{port}/probe?module=port&target={closed}", "scrape.shut.interval=1s",
        )  # fmt: skip
        for job, success in (("web", 1.0), ("shut", 0.0)):
            house.wait_for(job, lambda j=job, s=success: self.newest(server, f"SELECT value FROM probe_success WHERE job = '{j}'") == [s])
        for statement, value in (
            ("SELECT value FROM probe_http_status_code WHERE job = 'web'", 200.0),
            (f"SELECT value FROM probe_success WHERE instance = '{web}'", 1.0),
            ("SELECT value FROM up WHERE job = 'shut'", 1.0),  # the exporter is up, what it probes is not
        ):
            house.wait_for(statement, lambda q=statement, v=value: self.newest(server, q) == [v])

    def test_haproxy_is_scraped_and_passes_on_lines_with_their_token(self):
        port, front, behind = (house.free_port() for _ in range(3))
        config = os.path.join(self.folder, "haproxy.cfg")
        with open(config, "w") as file:
            file.write(
                "defaults\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
                f"frontend metrics\n  mode http\n  bind 127.0.0.1:{port}\n  http-request use-service prometheus-exporter if {{ path /metrics }}\n"
                f"listen lines\n  mode tcp\n  bind 127.0.0.1:{front}\n  server resmon 127.0.0.1:{behind}\n"
            )
        proxy = peers.Program(self, "haproxy", "haproxy", "-db", "-f", config)
        proxy.wait_ready(port, "/metrics")
        server = self.server(f"input.in.url=tcp:127.0.0.1:{behind}", "input.in.require_token=true", "input.in.ack=true")
        self.scraped(server, f"http://127.0.0.1:{port}/metrics", name="proxy")
        for first, answer in ((f"token {house.TOKEN}", "ok 0\n"), ("token wrong", "error the token is not valid\n")):
            with socket.create_connection(("127.0.0.1", front), timeout=20) as sender:
                sender.sendall(f"{first}\nthrough v=1 1000000000\n".encode())
                answers = sender.makefile("r")
                self.assertEqual([answers.readline(), answers.readline()], [answer, "ok 1\n" if answer == "ok 0\n" else ""])
        house.wait_for("the row", lambda: server.rows("SELECT v FROM through") == [[10**9, 1.0]])
        sessions = "SELECT value FROM haproxy_frontend_sessions_total WHERE proxy = 'lines'"
        house.wait_for("its own metrics", lambda: (self.newest(server, sessions) or [0])[0] >= 2.0)
        house.wait_for("it to be up", lambda: self.newest(server, "SELECT value FROM up WHERE job = 'proxy'") == [1.0])

    def test_a_wrong_configuration_names_the_key(self):
        for pair, words in (
            ("scrape.t.url=ftp://x", "scrape.t: url: must begin with http"),
            ("scrape.t.tags=host=x", "scrape.t: tags.host: this name is reserved"),
        ):
            done = subprocess.run(
                [house.program("resmon-client"), "--once", "--set", "scrape.t.url=http://127.0.0.1:1/", "--set", pair],
                capture_output=True, text=True, timeout=60, env=house.clean_environment(),
            )  # fmt: skip
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    house.main()
