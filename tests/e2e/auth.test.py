#!/usr/bin/env python3
"""Signing in, and who may do what, on the real server."""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import pty
import re
import shutil
import signal
import stat
import struct
import subprocess
import termios
import threading
import time

import house

JSON = {"Content-Type": "application/json"}


class AuthTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.server_ = self.server("http.local_read_without_token=false")
        line = self.server_.wait_line("made the first administrator", "user=admin")
        self.password = re.search(r" password=(\S+)$", line)[1]

    def call(self, method, path, body=None, cookie=None, **headers):
        headers = {**(JSON if body is not None else {}), **({"Cookie": cookie} if cookie else {}), **headers}
        return house.request(self.server_.http_port, method, path, body=json.dumps(body) if body is not None else None, headers=headers)

    def log_in(self, user="admin", password=None):
        answer = self.call("POST", "/api/v1/login", {"user": user, "password": password or self.password})
        self.assertEqual(answer.status, 200, answer.body)
        cookie = answer.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
            self.assertIn(part, cookie)
        self.assertNotIn("Secure", cookie)
        return cookie.split(";")[0]

    def command(self, *words, text=""):
        done = subprocess.run(
            [house.program("resmon-server"), "--set", f"store.directory={self.server_.store}", *words],
            input=text, capture_output=True, text=True, timeout=60, env=house.clean_environment(),
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def code(self, secret, step):
        """Of a second factor, as a phone makes it (RFC 6238)."""
        digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
        at = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"

    def picture(self, qr, path):
        """A code as a picture, of what a browser draws of its path: three pixels a module, and the quiet zone."""
        scale, quiet = 3, 4
        side = (qr["size"] + 2 * quiet) * scale
        pixels = [bytearray(b"\xff" * side) for _ in range(side)]
        runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", qr["path"])
        self.assertEqual("".join(f"M{x} {y}h{n}v1h-{n}z" for x, y, n in runs), qr["path"])
        for x, y, length in (map(int, run) for run in runs):
            for row in range((y + quiet) * scale, (y + quiet + 1) * scale):
                begin = (x + quiet) * scale
                pixels[row][begin : begin + length * scale] = bytes(length * scale)
        with open(path, "wb") as file:
            file.write(b"P5 %d %d 255\n" % (side, side) + b"".join(pixels))

    def test_a_cameras_program_reads_the_code_of_a_second_factor(self):
        admin = self.log_in()
        sizes = set()
        for name in ("a", "b" * 20, "c" * 45, "d" * 64, "ü" * 20, "ä" * 32):
            password = "a good long password"
            self.assertEqual(self.call("POST", "/api/v1/users", {"user": name, "password": password}, admin).status, 201)
            cookie = self.log_in(name, password)
            begun = self.call("POST", "/api/v1/me/second_factor", {"current_password": password}, cookie).json()
            path = os.path.join(self.folder, "code.pgm")
            self.picture(begun["qr"], path)
            read = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, text=True, timeout=60)
            self.assertEqual(read.stdout, begun["uri"] + "\n", (name, read.stderr))
            self.assertIn(f"secret={begun['secret']}&", begun["uri"])
            sizes.add(begun["qr"]["size"])
        self.assertGreaterEqual(len(sizes), 5, sizes)

    def test_a_backup_keeps_second_factors_invitations_and_what_people_say_of_hosts(self):
        cookie = self.log_in()
        begun = self.call("POST", "/api/v1/me/second_factor", {"current_password": self.password}, cookie).json()
        step = int(time.time()) // 30
        confirmed = self.call("PUT", "/api/v1/me/second_factor", {"code": self.code(begun["secret"], step)}, cookie)
        self.assertEqual(confirmed.status, 200, confirmed.body)
        recovery = confirmed.json()["recovery_codes"]
        invited = self.call("POST", "/api/v1/invitations", {"user": "mia", "role": "viewer"}, cookie)
        self.assertEqual(invited.status, 201, invited.body)
        invitation = invited.json()["path"].rsplit("/", 1)[1]
        self.assertEqual(self.call("PUT", "/api/v1/me/settings", {"theme": "dark"}, cookie).status, 204)
        token = {"Authorization": f"Bearer {house.TOKEN}"}
        line = f"system,host=web-1 load1=1 {time.time_ns()}".encode()
        self.assertEqual(house.request(self.server_.http_port, "POST", "/write?db=resmon", line, token).status, 204)
        house.wait_for("the host to be listed", lambda: any(one["host"] == "web-1" for one in house.request(self.server_.http_port, "GET", "/api/v1/hosts", headers=token).json()["hosts"]))
        said = {"name": "Front door", "note": "rack 7", "tags": {"role": "edge"}, "paused": True, "thresholds": {"cpu": {"raised": 10, "high": 20}}}
        self.assertEqual(self.call("PATCH", "/api/v1/hosts/web-1", said, cookie).status, 200)
        fleet = {"disk": {"raised": 60, "high": 70}}
        self.assertEqual(self.call("PUT", "/api/v1/thresholds", fleet, cookie).status, 200)
        store = self.server_.store
        hosts = os.path.join(store, "hosts.json")
        house.wait_for("what was said to be on disk", lambda: os.path.exists(hosts) and "Front door" in open(hosts).read() and '"high":70' in open(hosts).read())
        copy = os.path.join(self.folder, "copy.backup")
        code, out, err = self.command("--set", f"auth.token_file={self.server_.token_file}", "backup", copy)
        self.assertEqual(code, 0, out + err)
        # The machine is lost: nothing but the backup and the service's token is left.
        self.server_.kill()
        shutil.rmtree(store)
        code, out, err = self.command("--set", f"auth.token_file={self.server_.token_file}", "restore", "--force", copy)
        self.assertEqual(code, 0, out + err)
        for name in ("accounts", "accounts.factors", "accounts.invitations", "accounts.settings", "hosts.json"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(store, name)).st_mode), 0o600, name)
        self.server_ = self.server("http.local_read_without_token=false", label="again")
        self.assertEqual(self.server_.store, store)
        # Without a code nobody gets in, and one of the recovery codes counts once.
        without = self.call("POST", "/api/v1/login", {"user": "admin", "password": self.password})
        self.assertEqual((without.status, without.json()["code_needed"]), (401, True))
        wanted = {"user": "admin", "password": self.password, "code": recovery[0]}
        self.assertEqual(self.call("POST", "/api/v1/login", wanted).status, 200)
        self.assertEqual(self.call("POST", "/api/v1/login", wanted).status, 401)
        cookie = self.call("POST", "/api/v1/login", {**wanted, "code": self.code(begun["secret"], int(time.time()) // 30)}).headers["set-cookie"].split(";")[0]
        self.assertEqual(self.call("GET", "/api/v1/me/second_factor", cookie=cookie).json(), {"enabled": True, "recovery_codes": 9})
        self.assertEqual(self.call("GET", "/api/v1/me/settings", cookie=cookie).json(), {"theme": "dark"})
        self.assertEqual(self.call("GET", "/api/v1/thresholds", cookie=cookie).json(), fleet)
        (host,) = [one for one in self.call("GET", "/api/v1/hosts", cookie=cookie).json()["hosts"] if one["host"] == "web-1"]
        self.assertEqual(host["settings"], said)
        taken = self.call("POST", "/api/v1/invitation", {"invitation": invitation, "password": "a good long one"})
        self.assertEqual((taken.status, taken.json()["user"]), (200, "mia"), taken.body)

    def test_signing_in_and_out(self):
        self.assertEqual(self.call("GET", "/api/v1/session").json(), {"accounts": True})
        self.assertEqual(self.call("GET", "/api/v1/hosts").status, 401)
        cookie = self.log_in()
        self.assertEqual(self.call("GET", "/api/v1/session", cookie=cookie).json(), {"accounts": True, "user": "admin", "role": "admin"})
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=cookie).status, 200)
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=cookie + "0").status, 401)
        accounts = os.path.join(self.server_.store, "accounts")
        self.assertEqual(stat.S_IMODE(os.stat(accounts).st_mode), 0o600)
        for name in os.listdir(self.server_.store):
            path = os.path.join(self.server_.store, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
                self.assertNotIn(self.password.encode(), content, name)
                self.assertNotIn(cookie.split("=")[1].encode(), content, name)
        # A restart signs nobody out, and makes no other administrator.
        self.server_.terminate()
        self.server_ = self.server("http.local_read_without_token=false", port=self.server_.port, http_port=self.server_.http_port)
        self.assertEqual(self.server_.lines("made the first administrator"), [])
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=cookie).status, 200)
        self.assertEqual(self.call("POST", "/api/v1/logout", cookie=cookie).status, 204)
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=cookie).status, 401)

    def test_settings_are_kept_in_the_account(self):
        admin = self.log_in()
        path = "/api/v1/me/settings"
        self.assertEqual(self.call("GET", path).status, 401)
        self.assertEqual(self.call("GET", path, Authorization=f"Token {house.TOKEN}").status, 403)
        self.assertEqual(self.call("GET", path, cookie=admin).json(), {})
        self.assertEqual(self.call("PUT", path, {"theme": "dark"}, cookie=admin).status, 204)
        self.assertEqual(self.call("PUT", path, {"x": "y" * 20_000}, cookie=admin).status, 413)
        self.assertEqual(self.call("PUT", path, [1], cookie=admin).status, 400)
        self.server_.kill()
        self.server_ = self.server("http.local_read_without_token=false", port=self.server_.port, http_port=self.server_.http_port)
        self.assertEqual(self.call("GET", path, cookie=admin).json(), {"theme": "dark"})

    def test_hosts_and_thresholds_are_an_administrators(self):
        admin = self.log_in()
        self.assertEqual(self.call("POST", "/api/v1/users", {"user": "mia", "password": "a long password"}, cookie=admin).status, 201)
        mia = self.log_in("mia", "a long password")
        answer = house.request(self.server_.http_port, "POST", "/write?db=resmon", f"mem,host=web1,role=db used_percent=40 {time.time_ns()}\n", {"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204)

        def host():
            return {one["host"]: one for one in self.call("GET", "/api/v1/hosts", cookie=mia).json()["hosts"]}.get("web1")

        house.wait_for("the host", host)
        self.assertNotIn("settings", host())
        change = {"name": "Front door", "note": "rack 7", "tags": {"role": "edge"}, "paused": True, "thresholds": {"cpu": {"raised": 10, "high": 20}}}
        self.assertEqual(self.call("PATCH", "/api/v1/hosts/web1", change, cookie=mia).status, 403)
        self.assertEqual(self.call("PATCH", "/api/v1/hosts/web2", change, cookie=admin).status, 404)
        for wrong in ({"nam": "x"}, {"paused": "yes"}, {"tags": {"a": 1}}, {"thresholds": {"cpu": {"raised": 30, "high": 20}}}, {"note": "x" * 5000}):
            self.assertEqual(self.call("PATCH", "/api/v1/hosts/web1", wrong, cookie=admin).status, 400, wrong)
        self.assertEqual(self.call("PATCH", "/api/v1/hosts/web1", change, cookie=admin).json(), change)
        self.assertEqual(self.call("PATCH", "/api/v1/hosts/web1", {"note": None}, cookie=admin).status, 200)
        del change["note"]
        limits = {"disk": {"raised": 70, "high": 85}}
        self.assertEqual(self.call("PUT", "/api/v1/thresholds", limits, cookie=mia).status, 403)
        self.assertEqual(self.call("PUT", "/api/v1/thresholds", {"disk": 3}, cookie=admin).status, 400)
        self.assertEqual(self.call("PUT", "/api/v1/thresholds", limits, cookie=admin).json(), limits)
        self.server_.kill()
        self.server_ = self.server("http.local_read_without_token=false", port=self.server_.port, http_port=self.server_.http_port)
        house.wait_for("the host again", host)
        self.assertEqual(host()["settings"], change)
        self.assertEqual(self.call("GET", "/api/v1/thresholds", cookie=mia).json(), limits)
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=mia).json()["thresholds"], limits)

    def test_a_status_page_shows_what_it_names_and_nothing_else(self):
        config = os.path.join(self.folder, "status.toml")
        with open(config, "w") as file:
            file.write('[status.public]\ntitle = "Our <machines>"\nhosts = "web"\nshow = ["memory"]\nframe_ancestors = "https://wiki.example.org"\n')
        self.server_.terminate()
        self.server_ = self.server("http.local_read_without_token=false", config=config)
        lines = "".join(f"mem,host={name},role={role} used_percent=41.7 {time.time_ns()}\n" for name, role in (("web10", "web"), ("web1", "web"), ("web9", "web"), ("secret1", "db")))
        house.request(self.server_.http_port, "POST", "/write?db=resmon", lines, {"Authorization": f"Token {house.TOKEN}"})
        page = house.wait_for("the host", lambda: (lambda answer: "web9" in answer.body.decode() and answer)(self.call("GET", "/status/public")))
        text = page.body.decode()
        self.assertIn("Our &lt;machines&gt;", text)
        self.assertIn("42 %", text)
        self.assertEqual(re.findall(r'<th scope="row"><span>(.*?)</span></th>', text), ["web1", "web9", "web10"])
        self.assertNotIn("secret1", text)
        self.assertIn('src="/status.js"', text)
        self.assertIn("frame-ancestors https://wiki.example.org", page.headers["content-security-policy"])
        self.assertNotIn("x-frame-options", page.headers)
        self.assertIn("max-age=5", page.headers["cache-control"])
        other = self.call("GET", "/status/private")
        self.assertEqual((other.status, other.headers["x-frame-options"]), (404, "DENY"))
        self.assertIn("frame-ancestors 'none'", self.call("GET", "/").headers["content-security-policy"])
        self.assertEqual(self.call("GET", "/api/v1/hosts").status, 401)

    def test_a_damaged_line_costs_itself(self):
        admin = self.log_in()
        self.assertEqual(self.call("POST", "/api/v1/users", {"user": "mia", "password": "a long password"}, cookie=admin).status, 201)
        self.server_.terminate()
        accounts = os.path.join(self.server_.store, "accounts")
        with open(accounts, "rb") as file:
            lines = file.read().splitlines()
        damaged = next(line for line in lines if line.startswith(b"user mia")).replace(b"viewer", b"view\x00r")
        with open(accounts, "wb") as file:
            file.write(b"\n".join(damaged if line.startswith(b"user mia") else line for line in lines) + b"\n")
        tokens = house.write_token(self.folder, "tokens", "\x00" * 30 + "\n" + house.TOKEN)
        ports = {"port": self.server_.port, "http_port": self.server_.http_port}
        self.server_ = self.server("http.local_read_without_token=false", f"auth.token_file={tokens}", **ports)
        self.server_.wait_line("a damaged line of the accounts file is left out", "line=3")
        self.server_.wait_line("a damaged line of the token file is left out", "line=1")
        with open(accounts + ".damaged", "rb") as file:
            self.assertEqual(file.read(), damaged + b"\n")
        with open(tokens + ".damaged", "rb") as file:
            self.assertEqual(file.read(), b"\x00" * 30 + b"\n")
        self.log_in()
        self.assertEqual(self.call("POST", "/api/v1/login", {"user": "mia", "password": "a long password"}).status, 401)
        self.assertEqual(self.call("GET", "/api/v1/server", Authorization=f"Token {house.TOKEN}").status, 200)

    def test_a_flood_of_sign_ins_keeps_nobody_out(self):
        self.log_in()
        stop = threading.Event()
        self.addCleanup(stop.set)

        def flood(number):
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    self.call("POST", "/api/v1/login", {"user": f"name-{number}", "password": "not this one"})

        threads = [threading.Thread(target=flood, args=(number,), daemon=True) for number in range(32)]
        for thread in threads:
            thread.start()
        # From the same address, whose bound for all names is used up; this user has signed in from it before.
        house.wait_for("the bound", lambda: self.call("POST", "/api/v1/login", {"user": "else", "password": "not this one"}).status == 429)
        for _ in range(5):
            self.log_in()
        stop.set()
        for thread in threads:
            thread.join(house.PATIENCE)

    def test_guessing_is_refused_and_then_slowed(self):
        for _ in range(5):
            answer = self.call("POST", "/api/v1/login", {"user": "admin", "password": "not this one"})
            self.assertEqual(answer.status, 401)
            self.assertNotIn("set-cookie", answer.headers)
        answer = self.call("POST", "/api/v1/login", {"user": "admin", "password": self.password})
        self.assertEqual(answer.status, 429)
        self.assertGreater(int(answer.headers["retry-after"]), 200)
        for body in (b"", b"[]", b"{", b'{"user":1,"password":[]}', b'{"user":"' + b"a" * 10_000 + b'"}'):
            answer = house.request(self.server_.http_port, "POST", "/api/v1/login", body=body, headers=JSON)
            self.assertIn(answer.status, (400, 401, 429), body[:20])
        form = house.request(self.server_.http_port, "POST", "/api/v1/login", body=b"user=admin", headers={})
        self.assertEqual(form.status, 400)
        self.assertTrue(self.server_.healthy())

    def test_refusals_of_one_address_are_summed_up_in_the_log(self):
        for number in range(12):
            answer = self.call("POST", "/api/v1/login", {"user": f"name-{number % 3}", "password": "not this one"})
            self.assertIn(answer.status, (401, 429))
        lines = [line for line in self.server_.log() if "not signed in" in line or "too many attempts" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("address=127.0.0.1", lines[0])

    def test_users_behind_a_trusted_proxy_have_bounds_of_their_own(self):
        folder = os.path.join(self.folder, "behind-a-proxy")
        os.mkdir(folder)
        server = self.start(house.Server(folder, "http.trusted_proxies=127.0.0.1,10.0.0.0/8")).wait_ready()
        line = server.wait_line("made the first administrator", "user=admin")
        password = re.search(r" password=(\S+)$", line)[1]

        def log_in(password, forwarded_for, to=server):
            body = json.dumps({"user": "admin", "password": password})
            return house.request(to.http_port, "POST", "/api/v1/login", body, {**JSON, "X-Forwarded-For": forwarded_for}).status

        for _ in range(5):
            self.assertEqual(log_in("wrong", "203.0.113.5"), 401)
        self.assertEqual(log_in("wrong", "203.0.113.5"), 429)
        # What stands before is what the proxy was sent, and anybody can write it.
        self.assertEqual(log_in("wrong", "198.51.100.7, 203.0.113.5, 10.1.1.1"), 429)
        self.assertEqual(log_in(password, "203.0.113.6"), 200)
        server.wait_line("signed in", "address=203.0.113.6")
        # Without the setting the header is nobody's word.
        for number in range(5):
            self.assertEqual(log_in("wrong", f"203.0.113.{number}", self.server_), 401)
        self.assertEqual(log_in(self.password, "203.0.113.9", self.server_), 429)
        done = self.command("--set", "http.trusted_proxies=proxy.example", "user", "list")
        self.assertNotEqual(done[0], 0, done)
        self.assertIn("http.trusted_proxies: 'proxy.example' is neither an address nor a network", done[2])

    def test_a_viewer_reads_and_changes_nothing(self):
        admin = self.log_in()
        made = self.call("POST", "/api/v1/users", {"user": "mia", "password": "a long password"}, cookie=admin)
        self.assertEqual((made.status, made.json()), (201, {"user": "mia", "role": "viewer"}))
        mia = self.log_in("mia", "a long password")
        self.assertEqual(self.call("GET", "/query?q=SHOW+DATABASES", cookie=mia).status, 200)
        write = lambda cookie: house.request(self.server_.http_port, "POST", "/write?db=resmon", body=b"m v=1\n", headers={"Cookie": cookie})  # noqa: E731
        self.assertEqual(write(mia).status, 403)
        self.assertEqual(write(admin).status, 204)
        for method, path, body in (
            ("GET", "/api/v1/users", None), ("GET", "/api/v1/tokens", None), ("DELETE", "/api/v1/users?user=admin", None),
            ("POST", "/api/v1/users", {"user": "eve", "password": "a long password", "role": "admin"}),
            ("POST", "/api/v1/tokens", {"name": "mine", "access": "write"}), ("POST", "/api/v1/client_tokens", {"host": "web1"}),
        ):  # fmt: skip
            self.assertEqual(self.call(method, path, body, cookie=mia).status, 403, path)
            self.assertEqual(self.call(method, path, body).status, 401, path)
            token = self.call(method, path, body, Authorization=f"Bearer {house.TOKEN}")
            self.assertEqual(token.status, 403, "a token is no administrator")
        changed = self.call("POST", "/api/v1/password", {"current_password": "a long password", "password": "a longer password"}, cookie=mia)
        self.assertEqual(changed.status, 204, changed.body)
        self.log_in("mia", "a longer password")
        self.assertEqual(self.call("DELETE", "/api/v1/users?user=admin", cookie=admin).status, 400, "the only administrator")
        self.assertEqual(self.call("DELETE", "/api/v1/users?user=mia", cookie=admin).status, 204)
        self.assertEqual(self.call("GET", "/api/v1/hosts", cookie=mia).status, 401)

    def test_tokens_are_made_and_revoked(self):
        admin = self.log_in()
        made = {}
        for access in ("read", "write"):
            answer = self.call("POST", "/api/v1/tokens", {"name": f"to {access}", "access": access}, cookie=admin)
            self.assertEqual(answer.status, 201, answer.body)
            made[access] = answer.json()
        get = lambda token: self.call("GET", "/api/v1/hosts", Authorization=f"Bearer {token}").status  # noqa: E731
        write = lambda token: house.request(self.server_.http_port, "POST", "/write?db=resmon", body=b"m v=1\n", headers={"Authorization": f"Token {token}"}).status  # noqa: E731
        reader, writer = made["read"]["token"], made["write"]["token"]
        self.assertEqual((get(reader), get(writer), write(reader), write(writer)), (200, 200, 403, 204))
        self.assertEqual((get(house.TOKEN), write(house.TOKEN)), (200, 204), "the token file's")
        for token, accepted in ((writer, True), (reader, False)):
            path = house.write_token(self.folder, f"token-{accepted}", token)
            arguments = house.client_arguments(self.server_.port, path, f"client-{accepted}", "200ms")
            client = self.start(house.Process("resmon-client", arguments, self.folder, f"client-{accepted}"))
            client.wait_line("uplink connected" if accepted else "the server refused: token")
        bound = self.call("POST", "/api/v1/client_tokens", {"host": "web1"}, cookie=admin)
        self.assertEqual(bound.status, 201, bound.body)
        self.assertEqual(bound.json()["host"], "web1")
        # The server reads the token file each second. It is no token for programs.
        house.wait_for("the new token counts", lambda: get(bound.json()["token"]) == 403)
        path = house.write_token(self.folder, "token-bound", bound.json()["token"])
        client = self.start(house.Process("resmon-client", house.client_arguments(self.server_.port, path, "web1", "200ms"), self.folder, "client-bound"))
        client.wait_line("uplink connected")
        self.assertEqual(self.call("POST", "/api/v1/client_tokens", {"host": "# x"}, cookie=admin).status, 400)
        listed = self.call("GET", "/api/v1/tokens", cookie=admin).json()["tokens"]
        self.assertEqual([(t["name"], t["access"], t["last_used"] is not None) for t in listed], [("to read", "read", True), ("to write", "write", True)])
        self.assertEqual(self.call("DELETE", f"/api/v1/tokens?id={made['read']['id']}", cookie=admin).status, 204)
        self.assertEqual(self.call("DELETE", "/api/v1/tokens?id=none", cookie=admin).status, 404)
        self.assertEqual(get(reader), 401)

    def live(self, cookie=None, token=None):
        """A live connection that has had its snapshot."""
        live = house.WebSocket(self.server_.http_port, "/api/v1/live", [f"Cookie: {cookie}"] if cookie else [])
        self.addCleanup(live.close)
        if token:
            live.send(json.dumps({"token": token}))
        self.assertEqual(live.message()["type"], "snapshot")
        return live

    def test_a_live_connection_ends_with_what_it_began_with(self):
        admin = self.log_in()
        self.assertEqual(self.call("POST", "/api/v1/users", {"user": "mia", "password": "a long password"}, cookie=admin).status, 201)
        mia, here = self.log_in("mia", "a long password"), self.log_in("mia", "a long password")
        made = self.call("POST", "/api/v1/tokens", {"name": "screen", "access": "read"}, cookie=admin).json()
        other = self.log_in()
        leaves, elsewhere, stays = self.live(other), self.live(mia), self.live(here)
        token, owner = self.live(token=made["token"]), self.live(admin)
        gone = {"closed": 1008}

        self.assertEqual(self.call("POST", "/api/v1/logout", cookie=other).status, 204)
        self.assertEqual(leaves.message(), gone, "signed out")
        changed = {"current_password": "a long password", "password": "a longer password"}
        self.assertEqual(self.call("POST", "/api/v1/password", changed, cookie=here).status, 204)
        self.assertEqual(elsewhere.message(), gone, "another password")
        self.assertEqual(self.call("DELETE", f"/api/v1/tokens?id={made['id']}", cookie=admin).status, 204)
        self.assertEqual(token.message(), gone, "token revoked")
        # The sessions that are still good have seen nothing but what changed; a client makes something change.
        self.start(house.Process("resmon-client", house.client_arguments(self.server_.port, self.server_.token_file, "web1", "200ms"), self.folder, "web1"))
        for live in (stays, owner):
            self.assertEqual(live.message()["type"], "update")
        self.assertEqual(self.command("user", "remove", "mia")[0], 0)
        while (last := stays.message()).get("type") == "update":
            pass
        self.assertEqual(last, gone, "user removed by a command")
        self.assertEqual(owner.message()["type"], "update")

    def test_a_body_of_somebody_unknown_is_not_taken(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for path, status in (("/query", 401), ("/nowhere", 413), ("/ping", 413)):
            answer = house.request(self.server_.http_port, "POST", path, body="q=SHOW+DATABASES&x=" + "x" * 20_000, headers=form)
            self.assertEqual(answer.status, status, path)
            self.assertEqual(answer.headers["connection"], "close", path)
        with open(self.server_.token_file, encoding="utf-8") as file:
            token = file.read().split()[0]
        small = house.request(self.server_.http_port, "POST", "/query", body=f"q=SHOW+DATABASES&u=x&p={token}", headers=form)
        self.assertEqual(small.status, 200, small.body)
        large = house.request(
            self.server_.http_port, "POST", "/query", body="q=SHOW+DATABASES&x=" + "x" * 20_000, headers={**form, "Authorization": f"Token {token}"}
        )
        self.assertEqual(large.status, 200, large.body)

    def test_other_sites_cannot_use_a_session(self):
        admin = self.log_in()
        body = {"name": "stolen", "access": "write"}
        own = f"http://127.0.0.1:{self.server_.http_port}"
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": own + "0"}):
            self.assertEqual(self.call("POST", "/api/v1/tokens", body, cookie=admin, **headers).status, 403, headers)
        self.assertEqual(self.call("POST", "/api/v1/tokens", body, cookie=admin, Origin=own).status, 201)
        # /query writes by GET, too.
        create = "/query?q=CREATE+DATABASE+stolen"
        self.assertIn("error", self.call("GET", create, cookie=admin, Origin=own + "0").json()["results"][0])
        self.assertNotIn(b"stolen", self.call("GET", "/query?q=SHOW+DATABASES", cookie=admin).body)
        self.assertNotIn("error", self.call("GET", create, cookie=admin, Origin=own).json()["results"][0])
        page = self.call("GET", "/")
        for name in ("content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"):
            self.assertIn(name, page.headers)
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        for path in ("/../accounts", "/%2e%2e/accounts", "/accounts", "/..%2faccounts", "//etc/passwd", "/assets/../../accounts"):
            self.assertEqual(self.call("GET", path).status, 404, path)

    def test_a_changed_token_file_counts_without_a_restart(self):
        new = "another-token-0123456789abcdef"
        server = self.server_
        own = {host: house.write_token(self.folder, f"{host}.token") for host in ("rotated", "stays")}
        client, stays = (
            self.start(house.Process("resmon-client", house.client_arguments(server.port, own[host], host, "200ms"), self.folder, host)) for host in own
        )
        get = lambda token, path="/api/v1/hosts": self.call("GET", path, Authorization=f"Bearer {token}")  # noqa: E731
        hosts = lambda token: {host["host"]: host for host in get(token).json()["hosts"]}  # noqa: E731
        house.wait_for("both clients", lambda: len([h for h in hosts(house.TOKEN).values() if h["received_samples"] > 0]) == 2)

        def replace(path, *tokens):
            house.write_token(self.folder, "next", "\n".join(tokens))
            os.replace(os.path.join(self.folder, "next"), path)
            return os.stat(path).st_mtime_ns // 1000

        self.assertEqual(get(new).status, 401)
        modified = replace(server.token_file, house.TOKEN, new)
        house.wait_for("the new token", lambda: get(new).status == 200)
        house.wait_for("its time", lambda: get(new, "/api/v1/server").json()["token_file"]["modified_microseconds"] == modified)
        # The client takes its own new token, while the old one is still good: nobody is refused.
        since = hosts(new)["rotated"]["connected_since"]
        replace(own["rotated"], new)
        house.wait_for("the client to come with it", lambda: hosts(new)["rotated"]["connected_since"] > since)
        replace(server.token_file, new)
        server.wait_line("client refused", "host=stays", "taken back")
        self.assertEqual(get(house.TOKEN).status, 401)
        before = hosts(new)["rotated"]["received_samples"]
        house.wait_for("more of the client", lambda: hosts(new)["rotated"]["received_samples"] > before)
        self.assertEqual(server.lines("client refused", "host=rotated"), [])
        self.assertEqual(client.lines("dropped"), [])
        # The one that was left out keeps its samples until it may come in again; a file that is no good changes nothing.
        replace(server.token_file, "short")
        server.wait_line("the token file cannot be read")
        self.assertEqual(get(new).status, 200)
        begin = len(stays.log())
        replace(server.token_file, new, house.TOKEN)
        stays.wait_line("uplink connected", begin=begin)
        self.assertGreater(hosts(new)["stays"]["connected_since"], since)

    @house.unittest.skipIf(house.SANITIZER == "thread", "the thread sanitizer holds signals back while the C library reads")
    def test_an_interrupted_password_leaves_the_terminal_as_it_was(self):
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        asking = subprocess.Popen(
            [house.program("resmon-server"), "--set", f"store.directory={self.server_.store}", "passwd", "admin"],
            stdin=follower, stdout=follower, stderr=follower, env=house.clean_environment(), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.addCleanup(asking.kill)
        echo = lambda: bool(termios.tcgetattr(follower)[3] & termios.ECHO)  # noqa: E731
        house.wait_for("the question", lambda: not echo())
        os.write(leader, b"\x03")
        self.assertEqual(asking.wait(house.PATIENCE), -signal.SIGINT)
        self.assertTrue(echo())
        os.close(follower)

    def test_by_command(self):
        code, out, _ = self.command("user", "add", "mia", "viewer")
        self.assertEqual(code, 0)
        mia = out.strip()  # an empty answer makes a password
        answer = house.wait_for(
            "the server to notice", lambda: (a := self.call("POST", "/api/v1/login", {"user": "mia", "password": mia})).status == 200 and a, every=1.5
        )
        self.assertEqual(answer.json()["role"], "viewer")
        self.assertEqual(self.command("user", "list")[1], "admin\tadmin\nmia\tviewer\n")
        self.assertEqual(self.command("passwd", "admin", text="set by command\n")[:2], (0, ""))
        house.wait_for("the new password", lambda: self.call("POST", "/api/v1/login", {"user": "admin", "password": "set by command"}).status == 200, every=1.5)
        code, token, _ = self.command("token", "add", "grafana")
        get = lambda: self.call("GET", "/api/v1/hosts", Authorization=f"Bearer {token.strip()}").status  # noqa: E731
        house.wait_for("the token", lambda: get() == 200)
        identity = self.command("token", "list")[1].split("\t")[0]
        self.assertEqual(self.command("token", "revoke", identity)[0], 0)
        house.wait_for("the token to go", lambda: get() == 401)
        for words, text, code in ((("user", "add"), "", 2), (("frobnicate",), "", 2), (("user", "add", "a b"), "", 1), (("passwd", "mia"), "short\n", 1), (("user", "remove", "admin"), "", 1), (("user", "init"), "", 0)):
            self.assertEqual(self.command(*words, text=text)[0], code, words)


if __name__ == "__main__":
    house.main()
