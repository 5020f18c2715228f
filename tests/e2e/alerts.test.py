#!/usr/bin/env python3
"""Alerts from a sample to the message as a receiver gets it: webhook, ntfy, mail and a program; a kill between firing and delivery; late samples."""

import email
import hashlib
import hmac
import http.server
import json
import os
import socketserver
import threading
import time

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


class Receiver:
    """Records requests; answers 503 while it is to refuse."""

    def __init__(self):
        self.requests = []
        self.refuse = False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if receiver.refuse:
                    self.send_response(503)
                else:
                    receiver.requests.append((self.path, dict(self.headers), body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

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


if __name__ == "__main__":
    house.main()
