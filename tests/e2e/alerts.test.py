#!/usr/bin/env python3
"""Alerts from a sample to the message as a receiver gets it: webhook, ntfy, mail and a program; a kill between firing and delivery; late samples."""

import email
import hashlib
import hmac
import json
import logging
import os
import shutil
import socketserver
import ssl
import subprocess
import threading
import time
import warnings

import house
from house import TOKEN, free_port, request, wait_for, wait_seconds

RULES = """
notify = ["hook"]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:{hook}/in?x=1"
secret = "key"
[channel.push]
url = "ntfy://127.0.0.1:{hook}/topic?scheme=http"
[channel.mail]
kind = "smtp"
url = "smtp://127.0.0.1:{smtp}"
tls = "none"
from = "resmon <resmon@example.org>"
to = ["mia@example.org", "tom@example.org"]
[channel.run]
kind = "exec"
command = ["{program}"]
[rule.disk]
when = 'test_disk.used_percent > 90'
clear = 80
notify = ["hook", "push", "mail", "run"]
[rule.window]
when = 'mean(test_cpu.usage, 10s) > 50'
"""


class Receiver(house.HttpReceiver):
    """Records requests; answers 503 while it is to refuse."""

    def __init__(self):
        self.requests = []
        self.refuse = False
        super().__init__(self.take)

    def take(self, path, headers, body):
        if self.refuse:
            return 503
        self.requests.append((path, dict(headers), body))
        return 200

    def of(self, path):
        return [one for one in self.requests if one[0].startswith(path)]


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as a delivery needs."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.mails = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                recipients = []
                self.say("220 test")
                while line := self.rfile.readline():
                    word = line.split()[0].upper() if line.split() else b""
                    if word == b"EHLO":
                        self.say("250-test\r\n250 8BITMIME")
                    elif word == b"RCPT":
                        recipients.append(line.strip().decode())
                        self.say("250 ok")
                    elif word == b"DATA":
                        self.say("354 go on")
                        lines = []
                        while (part := self.rfile.readline()) not in (b".\r\n", b""):
                            lines.append(part[1:] if part.startswith(b".") else part)
                        outer.mails.append((recipients, email.message_from_bytes(b"".join(lines))))
                        self.say("250 taken")
                    elif word == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def write(server, *lines):
    answer = request(server.http_port, "POST", "/write?db=resmon", "\n".join(lines).encode(), {"Authorization": f"Token {TOKEN}"})
    assert answer.status == 204, answer.body


def post(server, path, body):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    return request(server.http_port, "POST", path, json.dumps(body).encode(), headers)


def now():
    return time.time_ns()


def active(server):
    return server.get("/api/v1/alerts").json()["alerts"]


def prepare(folder, receiver, mail):
    program = os.path.join(folder, "told")
    with open(program, "w") as file:
        file.write(f'#!/bin/sh\ncat >"{folder}/stdin.json"\nprintf %s "$RESMON_TITLE" >"{folder}/title"\n')
    os.chmod(program, 0o755)
    rules = os.path.join(folder, "alerts.toml")
    with open(rules, "w") as file:
        file.write(RULES.format(hook=receiver.port, smtp=mail.server_address[1] if mail else 1, program=program))
    return rules


class AlertsTest(house.HouseTest):
    def test_messages_as_received(self):
        folder = self.folder
        receiver, mail = Receiver(), MailServer()
        rules = prepare(folder, receiver, mail)
        server = self.server(f"alerts.rules_file={rules}", "http.public_url=https://resmon.example")
        begin = time.monotonic()
        write(server, f"test_disk,host=web1,path=/var used_percent=95.2 {now()}")
        wait_for("the webhook", lambda: receiver.of("/in"))
        took = time.monotonic() - begin
        path, headers, body = receiver.of("/in")[0]
        assert path == "/in?x=1", path
        assert headers["X-Resmon-Signature"] == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
        told = json.loads(body)
        assert told["kind"] == "firing" and told["rule"] == "disk" and told["count"] == 1, told
        assert told["title"] == "warning: disk on web1 path=/var: 95.2 %", told["title"]
        assert told["alerts"][0]["link"].startswith("https://resmon.example/#/host/web1?from="), told
        wait_for("ntfy", lambda: receiver.of("/topic"))
        assert receiver.of("/topic")[0][1]["Priority"] == "4", receiver.of("/topic")
        wait_for("the mail", lambda: mail.mails)
        recipients, message = mail.mails[0]
        assert len(recipients) == 2, recipients
        assert message["Subject"] == "[resmon] " + told["title"], message["Subject"]
        kinds = [part.get_content_type() for part in message.walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html"], kinds
        assert "test_disk.used_percent is 95.2 %" in message.get_payload(0).get_payload(decode=True).decode()
        wait_for("the program", lambda: os.path.exists(f"{folder}/title"))
        with open(f"{folder}/stdin.json") as file:
            assert json.load(file)["title"] == told["title"]
        assert [one["state"] for one in active(server)] == ["firing"]
        identity = active(server)[0]["id"]
        assert post(server, "/api/v1/alerts/ack", {"id": identity, "author": "mia"}).status == 204
        assert active(server)[0]["acknowledged_by"] == "mia"
        write(server, f"test_disk,host=web1,path=/var used_percent=70 {now()}")
        wait_for("the end", lambda: len(receiver.of("/in")) == 2)
        assert json.loads(receiver.of("/in")[1][2])["kind"] == "resolved"
        wait_for("the rows", lambda: len(server.rows("SELECT state FROM alert WHERE host = 'web1'")) == 2)
        assert "web1" not in [host for host, one in server.hosts().items() if one["connected"]]
        server.terminate()
        print(f"# summary: alerts: {took:.2f} s from the sample to the webhook")

    def test_a_kill_loses_nothing(self):
        folder = self.folder
        receiver = Receiver()
        receiver.refuse = True
        rules = prepare(folder, receiver, None)
        ports = {"port": free_port(), "http_port": free_port()}
        server = self.server(f"alerts.rules_file={rules}", **ports)
        write(server, f"test_disk,host=web1 used_percent=95 {now()}")
        wait_for("it fires", lambda: active(server))
        server.kill()
        receiver.refuse = False
        server = self.server(f"alerts.rules_file={rules}", **ports)
        wait_for("the webhook after the kill", lambda: receiver.of("/in"))
        write(server, f"test_disk,host=web1 used_percent=96 {now()}")
        wait_seconds(2)
        assert len(receiver.of("/in")) == 1, receiver.of("/in")
        server.terminate()

    def test_late_samples_send_nothing(self):
        folder = self.folder
        receiver = Receiver()
        rules = prepare(folder, receiver, None)
        server = self.server(f"alerts.rules_file={rules}")
        past = now() - 3600 * 10**9
        write(server, f"test_disk,host=web1 used_percent=95 {past}", f"test_disk,host=web1 used_percent=10 {past + 10**10}")
        wait_for("the history", lambda: len(server.get("/api/v1/alerts/history").json()["history"]) == 2)
        assert all(one["late"] for one in server.get("/api/v1/alerts/history").json()["history"])
        assert not receiver.requests and not active(server)
        server.terminate()

    def test_silences_and_a_changed_file(self):
        folder = self.folder
        receiver = Receiver()
        rules = prepare(folder, receiver, None)
        server = self.server(f"alerts.rules_file={rules}")
        assert post(server, "/api/v1/alerts/silences", {"hosts": "web1", "for": "x"}).status == 400
        made = post(server, "/api/v1/alerts/silences", {"hosts": "web1", "rule": "dis*", "for": "1h", "reason": "a test"})
        assert made.status == 201, made.body
        write(server, f"test_disk,host=web1 used_percent=95 {now()}")
        wait_for("it fires", lambda: active(server))
        assert active(server)[0]["held_by"] == "silenced"
        assert not receiver.requests
        identity = made.json()["id"]
        ended = request(server.http_port, "DELETE", f"/api/v1/alerts/silences/{identity}", None, {"Authorization": f"Bearer {TOKEN}"})
        assert ended.status == 204, ended.body
        wait_for("the message after the silence", lambda: receiver.of("/in"))
        with open(rules, "a") as file:
            file.write("[rule.bad]\nwhen = 'x >'\n")
        wait_for("the error", lambda: server.get("/api/v1/alerts").json()["rules_error"])
        assert "rule.bad.when" in server.get("/api/v1/alerts").json()["rules_error"]
        assert server.get("/api/v1/alerts/rules").json()["rules"]
        assert post(server, "/api/v1/alerts/send-test", {"channel": "nobody"}).status == 404
        assert post(server, "/api/v1/alerts/send-test", {"channel": "hook"}).status == 204
        wait_for("the test message", lambda: any(json.loads(one[2])["kind"] == "test" for one in receiver.of("/in")))
        server.terminate()

    def test_a_removed_rule_ends_its_alerts(self):
        receiver = Receiver()
        rules = prepare(self.folder, receiver, None)
        with open(rules) as file:
            text = file.read()
        without = text[: text.index("[rule.disk]")]
        ports = {"port": free_port(), "http_port": free_port()}
        server = self.server(f"alerts.rules_file={rules}", **ports)

        def told(kind):
            return [one for one in (json.loads(one[2]) for one in receiver.of("/in")) if one["kind"] == kind]

        def fire(count):
            write(server, f"test_disk,host=web1 used_percent=95 {now()}")
            wait_for("it fires", lambda: len(told("firing")) == count)

        def ended(count, reason):
            wait_for("the end", lambda: len(told("resolved")) == count)
            message = told("resolved")[-1]
            self.assertIn("Resolved: disk on web1", message["title"])
            self.assertEqual(message["alerts"][0]["text"], f"test_disk.used_percent was 95 % (limit > 90 %): {reason}")
            self.assertEqual(message["alerts"][0]["id"], told("firing")[-1]["alerts"][0]["id"])
            newest = server.get("/api/v1/alerts/history").json()["history"][0]
            self.assertEqual((newest["rule"], newest["state"], newest["reason"]), ("disk", "ok", reason))
            self.assertEqual(active(server), [])

        fire(1)
        with open(rules, "w") as file:
            file.write(without)
        ended(1, "its rule was removed")
        with open(rules, "w") as file:
            file.write(text)
        wait_for("the rule is back", lambda: "disk" in [one["name"] for one in server.get("/api/v1/alerts/rules").json()["rules"]])
        fire(2)
        # The server is started with other rules.
        server.terminate()
        with open(rules, "w") as file:
            file.write(text.replace("[rule.disk]", "[rule.disk]\nenabled = false"))
        server = self.server(f"alerts.rules_file={rules}", **ports)
        ended(2, "its rule was switched off")
        server.terminate()

    def test_a_rule_keeps_its_clock_when_the_file_changes(self):
        receiver = Receiver()
        rules = prepare(self.folder, receiver, None)
        with open(rules, "a") as file:
            file.write("[rule.slow]\nwhen = 'test_mem.used_percent > 90'\nfor = \"10m\"\n")
        ports = {"port": free_port(), "http_port": free_port()}
        server = self.server(f"alerts.rules_file={rules}", **ports)
        begin = now()
        write(server, f"test_mem,host=web1 used_percent=95 {begin}")
        since = wait_for("it is pending", lambda: active(server))[0]["since"]
        with open(rules, "a") as file:
            file.write("[rule.more]\nwhen = 'test_x.y > 1'\n")
        wait_for("the change", lambda: "more" in [one["name"] for one in server.get("/api/v1/alerts/rules").json()["rules"]])
        write(server, f"test_mem,host=web1 used_percent=96 {now()}")
        wait_for("the next sample", lambda: active(server)[0]["value_text"] == "96 %")
        self.assertEqual(active(server)[0]["since"], since)
        server.terminate()
        server = self.server(f"alerts.rules_file={rules}", **ports)
        write(server, f"test_mem,host=web1 used_percent=97 {now()}")
        wait_for("the next sample", lambda: active(server) and active(server)[0]["value_text"] == "97 %")
        self.assertEqual((active(server)[0]["since"], active(server)[0]["state"]), (since, "pending"))
        server.terminate()

    def command(self, server, *arguments):
        sets = ["--set", f"store.directory={server.store}", "--set", f"alerts.rules_file={self.folder}/alerts.toml"]
        return subprocess.run(
            [house.program("resmon-server"), *arguments, *sets], capture_output=True, text=True, timeout=120, env=house.clean_environment()
        )

    def test_a_backup_has_the_alerts(self):
        receiver = Receiver()
        receiver.refuse = True
        rules = prepare(self.folder, receiver, None)
        secret = os.path.join(self.folder, "secrets", "hook")
        os.mkdir(os.path.dirname(secret))
        with open(secret, "w") as file:
            file.write("key\n")
        with open(rules) as file:
            text = file.read().replace('secret = "key"', f'secret_file = "{secret}"')
        with open(rules, "w") as file:
            file.write(text)
        server = self.server(f"alerts.rules_file={rules}")
        assert post(server, "/api/v1/alerts/silences", {"hosts": "web2", "for": "1h", "reason": "kept"}).status == 201
        write(server, f"test_disk,host=web1 used_percent=95 {now()}")
        wait_for("the message to wait", lambda: server.get("/api/v1/alerts").json()["waiting_messages"] >= 1)
        copy = os.path.join(self.folder, "copy.backup")
        done = self.command(server, "backup", copy)
        assert done.returncode == 0, done.stderr
        assert not [name for name in os.listdir(server.store) if name.startswith("alerts.db.copy")]
        server.kill()
        # The machine is lost: nothing but the backup and the service's token is left.
        for name in os.listdir(server.store):
            if name != "token":
                path = os.path.join(server.store, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        shutil.rmtree(os.path.dirname(secret))
        os.unlink(rules)
        done = self.command(server, "restore", "--force", copy)
        assert done.returncode == 0, done.stderr
        for path in (rules, secret, os.path.join(server.store, "alerts.db")):
            assert os.stat(path).st_mode & 0o777 == 0o600, path
        with open(rules) as file:
            assert file.read() == text
        receiver.refuse = False
        again = self.server(f"alerts.rules_file={rules}", label="again")
        assert again.store == server.store, again.store
        wait_for("the webhook after the restore", lambda: receiver.of("/in"))
        _, headers, body = receiver.of("/in")[0]
        assert headers["X-Resmon-Signature"] == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
        assert [(one["host"], one["state"]) for one in active(again)] == [("web1", "firing")]
        assert [one["reason"] for one in again.get("/api/v1/alerts/silences").json()["silences"]] == ["kept"]
        assert [one["state"] for one in again.get("/api/v1/alerts/history").json()["history"]] == ["firing"]
        again.terminate()
        refused = self.command(server, "restore", copy)
        assert refused.returncode == 1, refused.stdout
        assert "exists; --force replaces it" in refused.stderr

    def test_when_a_rule_would_have_fired(self):
        rules = prepare(self.folder, Receiver(), None)
        with open(rules, "a") as file:
            file.write("""
[rule.gone]
when = "test_disk.used_percent absent for 5m"
[rule.minute]
when = 'mean(test_cpu.usage, 1m) > 50'
[rule.both]
when = 'test_disk.used_percent > 90 and test_cpu.usage > 50'
for = "1m"
hosts = "web1"
""")
        server = self.server(f"alerts.rules_file={rules}")
        begin = now() // 10**9 - 4 * 3600
        lines = []
        for i in range(0, 3 * 3600, 10):
            at = (begin + i) * 10**9
            used = 95 if 600 <= i < 1200 or 7200 <= i < 7260 else 85 if 1200 <= i < 1800 else 50
            for host in ("web1", "web2"):
                lines.append(f"system,host={host} load1=1 {at}")
                if host == "web1" or i < 9000:
                    lines.append(f"test_disk,host={host},path=/ used_percent={used if host == 'web1' else 50} {at}")
                lines.append(f"test_cpu,host={host} usage={90 if i < 900 else 10} {at}")
        write(server, *lines)

        def tried(rule, *more, since="5h"):
            done = self.command(server, "alerts", "test", rule, "--since", since, "--json", *more)
            assert done.returncode == 0, done.stdout + done.stderr
            answer = json.loads(done.stdout)
            assert answer["fired"] == len(answer["alerts"]), answer
            found = []
            for one in answer["alerts"]:
                assert one["ended"], one
                found.append((one["host"], one["fired"] // 1000 - begin, one["ended"] // 1000 - begin))
            return found, answer

        found, answer = tried("disk")  # 85 is between both limits, so the first goes on for ten minutes more
        assert found == [("web1", 600, 1800), ("web1", 7200, 7260)], found
        assert answer["hosts"] == 2 and answer["hosts_fired"] == 1 and answer["first_row"] == begin * 1000, answer
        assert answer["alerts"][0]["value_text"] == "95 %" and answer["alerts"][0]["tags"] == {"path": "/"}, answer
        assert tried("disk", "--host", "web2")[0] == []
        assert tried("disk", since="150m")[0] == [("web1", 7200, 7260)]
        both, answer = tried("both")
        assert both == [("web1", 660, 900)] and answer["hosts"] == 1, (both, answer)
        window, _ = tried("minute")
        assert [one[0] for one in window] == ["web1", "web2"] and all(890 <= one[2] <= 960 for one in window), window
        done = self.command(server, "alerts", "test", "gone", "--since", "5h", "--json")
        gone = [(one["host"], one["fired"] // 1000 - begin) for one in json.loads(done.stdout)["alerts"]]
        assert len(gone) == 1 and gone[0][0] == "web2" and 9280 <= gone[0][1] <= 9330, done.stdout
        done = self.command(server, "alerts", "test", "disk", "--since", "5h")
        assert "web1 path=/  95 % (limit > 90 %)  for 20 min" in done.stdout, done.stdout
        assert "disk: would have fired 2 times on 1 of 2 hosts since" in done.stdout, done.stdout
        for words, code, text in (
            (("test", "nothing"), 2, "there is no rule 'nothing'"),
            (("test", "disk", "--since", "soon"), 2, "--since: 'soon'"),
            (("disk",), 2, "alerts test RULE"),
        ):
            refused = self.command(server, "alerts", *words)
            assert refused.returncode == code and text in refused.stderr, (refused.returncode, refused.stderr)
        with open(rules, "a") as file:
            file.write("[rule.bad]\nwhen = 'x >'\n")
        refused = self.command(server, "alerts", "test", "disk")
        assert refused.returncode == 3 and "rule.bad.when" in refused.stderr, refused.stderr
        server.terminate()

    def mail_rules(self, port, kind, more=""):
        rules = os.path.join(self.folder, f"{kind}.toml")
        with open(rules, "w") as file:
            file.write(f"""
[channel.mail]
kind = "smtp"
url = "smtp://localhost:{port}"
tls = "{kind}"
tls_ca_file = "{self.folder}/ca.pem"
from = "resmon <resmon@example.org>"
to = ["mia@example.org"]
username = "resmon"
password = "secret"
{more}
""")
        return rules

    def test_mail_to_a_real_server_over_tls(self):
        try:
            from aiosmtpd.controller import Controller
            from aiosmtpd.smtp import AuthResult
        except ImportError:
            self.skipTest("python3-aiosmtpd is missing")
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # a refused handshake is what is wanted
        warnings.simplefilter("ignore")
        house.make_certificates(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.folder, "good.pem"), os.path.join(self.folder, "good.key"))
        wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wrong.load_cert_chain(os.path.join(self.folder, "misnamed.pem"), os.path.join(self.folder, "misnamed.key"))

        def run(kind, tls, password=b"secret"):
            taken, passwords = [], []

            class Handler:
                async def handle_DATA(self, _server, session, envelope):
                    taken.append((session, envelope))
                    return "250 taken"

            def authenticate(_server, _session, _envelope, _mechanism, data):
                passwords.append(data.password)
                return AuthResult(success=data.login == b"resmon" and data.password == password, handled=False)

            settings = {"authenticator": authenticate, "auth_required": True, "hostname": "127.0.0.1", "port": free_port()}
            if kind == "tls":
                controller = Controller(Handler(), ssl_context=tls, auth_require_tls=False, **settings)
            else:
                controller = Controller(Handler(), tls_context=tls, require_starttls=True, **settings)
            controller.start()
            self.addCleanup(controller.stop)
            server = self.server(f"alerts.rules_file={self.mail_rules(controller.port, kind)}", label=f"{kind}-{id(tls)}-{len(password)}")
            assert post(server, "/api/v1/alerts/send-test", {"channel": "mail"}).status == 204
            return server, taken, passwords

        for kind in ("starttls", "tls"):
            server, taken, passwords = run(kind, context)
            wait_for(f"the mail by {kind}", lambda: taken)
            session, envelope = taken[0]
            assert session.ssl is not None or kind == "tls", kind
            assert envelope.mail_from == "resmon@example.org" and envelope.rcpt_tos == ["mia@example.org"], envelope.rcpt_tos
            message = email.message_from_bytes(envelope.content)
            assert message["Subject"] == "[resmon] Test message of resmon", message["Subject"]
            assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
            assert not message.defects, message.defects
            server.terminate()
            # A certificate of another name gets neither the message nor the password.
            server, taken, passwords = run(kind, wrong)
            wait_for("the failure", lambda: server.get("/api/v1/alerts").json()["channels"][0]["failing_since"])
            assert not taken and not passwords, (taken, passwords)
            server.terminate()
        server, taken, _ = run("starttls", context, b"another")
        error = wait_for("the refusal", lambda: server.get("/api/v1/alerts").json()["channels"][0]["last_error"])
        assert "AUTH: 535" in error and "secret" not in error, error
        assert not taken
        server.terminate()

    def test_a_real_alertmanager(self):
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if not program:
            self.skipTest("prometheus-alertmanager is missing")
        port = free_port()
        config = os.path.join(self.folder, "alertmanager.yml")
        with open(config, "w") as file:
            file.write("route: {receiver: none}\nreceivers: [{name: none}]\n")
        manager = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.path={self.folder}/am", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(manager.wait)
        self.addCleanup(manager.kill)

        def ready():
            try:
                return request(port, "GET", "/-/ready").status == 200
            except OSError:
                return False

        wait_for("Alertmanager", ready, 60)
        rules = os.path.join(self.folder, "am.toml")
        with open(rules, "w") as file:
            file.write(f"""
notify = ["am"]
[channel.am]
kind = "alertmanager"
url = "http://127.0.0.1:{port}"
[rule.disk]
when = 'test_disk.used_percent > 90'
severity = "critical"
help = "Free some room."
""")
        server = self.server(f"alerts.rules_file={rules}")
        write(server, f"test_disk,host=web1,my-tag.x=y,path=/var used_percent=95.2 {now()}")
        alerts = lambda: request(port, "GET", "/api/v2/alerts").json()  # noqa: E731
        wait_for("the alert", alerts)
        one = alerts()[0]
        assert one["labels"] == {"alertname": "disk", "host": "web1", "my_tag_x": "y", "path": "/var", "severity": "critical"}, one
        assert one["annotations"]["help"] == "Free some room." and "95.2 %" in one["annotations"]["summary"], one
        assert one["status"]["state"] in ("active", "unprocessed"), one
        write(server, f"test_disk,host=web1,my-tag.x=y,path=/var used_percent=10 {now()}")
        wait_for("its end", lambda: not alerts(), 60)
        server.terminate()


if __name__ == "__main__":
    house.main()
