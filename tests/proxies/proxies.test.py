#!/usr/bin/env python3
"""The configurations of docs/proxies.md, each run by its own program in front of a real server over TLS: page, API, live updates, signing
in, a large write. What the document says is what is run; only addresses, certificates and what a program needs besides are put in."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import house  # noqa: E402

NAME = "monitor.example.org"


def documented(language):
    with open(os.path.join(house.ROOT, "docs", "proxies.md")) as file:
        return re.search(rf"```{language}\n(.*?)```", file.read(), re.S)[1]


class ProxyTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.server_ = self.server()
        line = self.server_.wait_line("made the first administrator", "user=admin")
        self.password = re.search(r" password=(\S+)$", line)[1]
        self.port = house.free_port()
        self.key, self.certificate = os.path.join(self.folder, "monitor.key"), os.path.join(self.folder, "monitor.crt")
        house.run_openssl(self.folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                          "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")  # fmt: skip

    def text(self, language, *changes):
        """The documented text at this test's addresses. Each change must find something to change."""
        text = documented(language)
        for old, new in (("127.0.0.1:7412", f"127.0.0.1:{self.server_.http_port}"), *changes):
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_proxy(self, *command):
        log = open(os.path.join(self.folder, "proxy.log"), "wb")
        environment = {**house.clean_environment(), "HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=environment)

        def end():
            process.terminate()
            process.wait(house.PATIENCE)
            log.close()

        self.addCleanup(end)

        def answers():
            self.assertIsNone(process.poll(), open(log.name).read())
            try:
                return self.ask("GET", "/healthz").status == 200
            except OSError:
                return False

        house.wait_for("the proxy to answer", answers)

    def connect(self):
        context = ssl.create_default_context(cafile=self.certificate)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=20), server_hostname=NAME)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(NAME, self.port, timeout=20)
        connection.sock = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return house.Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    @property
    def host(self):
        return f"{NAME}:{self.port}"

    def check(self):
        token = {"Authorization": f"Bearer {house.TOKEN}"}
        page = self.ask("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"<html", house.unpack(page))
        # Whoever comes through a proxy comes from elsewhere, though the proxy is on this machine.
        self.assertEqual(self.ask("GET", "/api/v1/hosts").status, 401)
        self.assertEqual(self.ask("GET", "/api/v1/hosts", **token).status, 200)
        begin = time.time_ns() - house.NS
        lines = "\n".join(f"proxied,host=h{k % 50},padding={'x' * 60} value={k}i {begin + k}" for k in range(100_000))
        self.assertGreater(len(lines), 8 << 20)
        self.assertEqual(self.ask("POST", "/write?db=resmon", lines, **token).status, 204)
        house.wait_for("the rows", lambda: self.server_.rows('SELECT count("value") FROM "proxied"') == [[0, 100_000]])
        cookie = self.log_in()
        live = house.WebSocket(self.port, "/api/v1/live", [f"Cookie: {cookie}", f"Origin: https://{self.host}"], self.host, self.connect())
        self.addCleanup(live.close)
        self.assertEqual(live.status, 101)
        self.assertEqual(live.message()["type"], "snapshot")
        client = self.client(self.server_, "behind", "1s")
        house.wait_for("an update", lambda: "behind" in json.dumps(live.message()))
        client.terminate()

    def log_in(self):
        body = json.dumps({"user": "admin", "password": self.password})
        headers = {"Content-Type": "application/json", "Origin": f"https://{self.host}"}
        answer = self.ask("POST", "/api/v1/login", body, **headers)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("Secure", answer.headers["set-cookie"], "the proxy speaks TLS to the browser")
        return answer.headers["set-cookie"].split(";")[0]

    def need(self, program):
        found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if not found:
            self.skipTest(f"{program} is not installed")
        return found

    def test_nginx(self):
        nginx = self.need("nginx")
        site = self.text("nginx", ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"), ("/etc/ssl/monitor.crt", self.certificate), ("/etc/ssl/monitor.key", self.key))
        paths = "".join(f"  {kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""  # may write into this test's folder
        config = self.write("nginx.conf", f"{user}daemon off;\npid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{paths}{site}}}\n")
        self.run_proxy(nginx, "-p", self.folder, "-c", config, "-e", "stderr")
        self.check()

    def test_caddy(self):
        caddy = self.need("caddy")
        # A certificate of our own: there is no authority here to ask for one.
        site = self.text("caddy", (NAME + " {", f"https://{NAME}:{self.port} {{\n  bind 127.0.0.1\n  tls {self.certificate} {self.key}"))
        config = self.write("Caddyfile", "{\n  admin off\n  auto_https disable_redirects\n}\n" + site)
        self.run_proxy(caddy, "run", "--adapter", "caddyfile", "--config", config)
        self.check()

    def test_apache(self):
        apache = self.need("apache2")
        site = self.text("apache", ("*:443", f"127.0.0.1:{self.port}"), ("/etc/ssl/monitor.crt", self.certificate), ("/etc/ssl/monitor.key", self.key))
        modules = "/usr/lib/apache2/modules"
        loads = "".join(f"LoadModule {m}_module {modules}/mod_{m}.so\n" for m in ("mpm_event", "authz_core", "socache_shmcb", "proxy", "proxy_http", "proxy_wstunnel", "rewrite", "headers", "ssl"))
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        config = self.write("apache.conf", f"ServerRoot {self.folder}\nDefaultRuntimeDir {self.folder}\nPidFile {self.folder}/apache.pid\nErrorLog {self.folder}/apache.log\n{loads}{user}Listen 127.0.0.1:{self.port}\n{site}")
        self.run_proxy(apache, "-DFOREGROUND", "-f", config)
        self.check()

    def test_haproxy(self):
        haproxy = self.need("haproxy")
        with open(self.certificate) as certificate, open(self.key) as key:
            both = self.write("monitor.pem", certificate.read() + key.read())
        config = self.write("haproxy.cfg", self.text("haproxy", ("bind :443", f"bind 127.0.0.1:{self.port}"), ("/etc/ssl/monitor.pem", both)))
        self.run_proxy(haproxy, "-db", "-f", config)
        self.check()

    def test_haproxy_tells_whose_connections_it_passes_on(self):
        haproxy = self.need("haproxy")
        believing = self.server("listen.proxies=127.0.0.1", f"store.directory={self.folder}/second", label="believing")
        port = house.free_port()
        text = documented("haproxy-tcp")
        changes = [("bind :7411", f"bind 127.0.0.1:{port}"), (" check-ssl verify none", ""), ("check port 7412", "check")]
        changes.append(("server one 10.0.0.11:7411", f"server one 127.0.0.1:{believing.port} port {believing.http_port}"))
        changes.append(("  server two 10.0.0.12:7411\n", ""))
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)

        def run(text):
            with open(os.path.join(self.folder, "haproxy-tcp.log"), "ab") as log:
                process = subprocess.Popen([haproxy, "-db", "-f", self.write("tcp.cfg", text)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.addCleanup(process.wait, house.PATIENCE)
            self.addCleanup(process.terminate)
            return process

        def greeted():
            try:
                with house.Connection(port, source="127.0.0.9") as client:
                    return client.hello("far", bytes(range(16)))
            except OSError:  # nobody listens yet
                return None

        process = run(text)
        house.wait_for("a greeting through HAProxy", greeted)
        self.assertTrue(believing.wait_line("client connected", "host=far", "address=127.0.0.9:"))
        self.assertTrue(believing.hosts()["far"]["address"].startswith("127.0.0.9:"))
        process.terminate()
        process.wait(house.PATIENCE)
        run(text.replace(str(believing.port), str(self.server_.port)).replace(str(believing.http_port), str(self.server_.http_port)))

        def refused():
            answer = greeted()  # HAProxy may pass the refusal on before it ends the connection
            self.assertTrue(answer is None or answer.get("code") == "not_hello", answer)
            return self.server_.lines("WARN net connection refused", "a PROXY protocol header from an address that is not in listen.proxies")

        house.wait_for("the refusal", refused)


if __name__ == "__main__":
    house.main()
