#!/usr/bin/env python3
"""Tokens that are bound to a client's name: who comes in with them, and who does not."""

import hashlib
import os

import house

NAMES = ("web1", "web1-next")
TOKENS = {name: f"{name}-token-0123456789abcdef" for name in NAMES}


class BoundTokensTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.tokens = os.path.join(self.folder, "tokens")
        # A damaged line costs itself.
        house.write_token(self.folder, "tokens", f"{house.TOKEN}\nshort web2\n{TOKENS['web1-next']} a\x01b\n{TOKENS['web1']} web1")
        self.begin()

    def begin(self, sets=(), **more):
        self.server_ = self.server(f"auth.token_file={self.tokens}", *sets, **more).wait_ready()

    def replace(self, *lines):
        before = len(self.server_.log())
        os.replace(house.write_token(self.folder, "next", "\n".join(lines)), self.tokens)
        self.server_.wait_line("the token file has changed", begin=before)

    def start_client(self, name, tokens, label=None):
        file = house.write_token(self.folder, f"{label or name}.token", tokens)
        arguments = house.client_arguments(self.server_.port, file, name, "200ms")
        return self.start(house.Process("resmon-client", arguments, self.folder, label or name))

    def host(self, name):
        return self.server_.hosts().get(name, {})

    def more_of(self, name):
        before = self.host(name).get("received_samples", 0)
        house.wait_for(f"more of {name}", lambda: self.host(name).get("received_samples", 0) > before)

    def refused(self):
        return self.server_.get("/api/v1/server").json()["ingest"]["refused_clients"]

    def ask(self, token, method="GET", path="/api/v1/hosts", body=None):
        headers = {"Authorization": f"Token {token}", "X-Forwarded-For": "192.0.2.1"}
        return house.request(self.server_.http_port, method, path, body=body, headers=headers)

    def test_a_clients_token_downloads_clients(self):
        downloads = os.path.join(self.folder, "clients")
        os.mkdir(downloads)
        program = os.urandom(300_000)
        for name, content in (("resmon-client-x86_64", program), ("resmon-client-aarch64", b"arm"), (".hidden", b"x"), ("a b", b"x")):
            with open(os.path.join(downloads, name), "wb") as file:
                file.write(content)
        os.symlink("/etc", os.path.join(downloads, "folder"))
        self.server_.terminate()
        self.begin(sets=[f"downloads.directory={downloads}"])
        digest = hashlib.sha256(program).hexdigest()
        for name in ("resmon-client-x86_64", "resmon-client-amd64"):
            answer = self.ask(TOKENS["web1"], path=f"/download/{name}")
            self.assertEqual((answer.status, answer.body), (200, program))
            self.assertEqual(answer.headers["x-checksum-sha256"], digest)
        answer = self.ask(TOKENS["web1"], path="/download/resmon-client-amd64.sha256")
        self.assertEqual(answer.body.decode(), f"{digest}  resmon-client-x86_64\n")
        listed = self.ask(house.TOKEN, path="/download/").json()["files"]
        self.assertEqual([(one["name"], one["bytes"]) for one in listed], [("resmon-client-aarch64", 3), ("resmon-client-x86_64", 300_000)])
        for name in (".hidden", "a%20b", "folder", "none", "..%2ftokens", "../tokens", "folder/passwd"):
            self.assertEqual(self.ask(TOKENS["web1"], path=f"/download/{name}").status, 404, name)
        # Reading from this machine needs no token; this does.
        self.assertEqual(self.server_.get("/download/").status, 401)
        self.assertEqual(self.ask("wrong-token-0123456789", path="/download/resmon-client-x86_64").status, 401)
        # A newer file is noticed.
        with open(os.path.join(downloads, "resmon-client-aarch64"), "wb") as file:
            file.write(b"newer")
        self.assertEqual(self.ask(TOKENS["web1"], path="/download/resmon-client-arm64").body, b"newer")

    def test_a_token_lets_in_the_client_of_its_name_only(self):
        right, wrong = self.start_client("web1", TOKENS["web1"]), self.start_client("web2", TOKENS["web1"])
        self.server_.wait_line("client refused", "host=web2", "code=wrong_name", "the token of 'web1'")
        said = wrong.wait_line("cannot connect", "wrong_name")
        self.assertIn("'web2'", said)
        self.assertNotIn("web1", said)
        right.wait_line("uplink connected")
        self.more_of("web1")
        self.assertEqual(self.host("web2"), {})
        self.assertEqual([(one["host"], one["address"], one["code"]) for one in self.refused()], [("web2", "127.0.0.1", "wrong_name")])

        # After a restart of the server it is the same.
        self.server_.terminate()
        begin = len(wrong.log())
        self.begin(port=self.server_.port, http_port=self.server_.http_port)
        wrong.wait_line("wrong_name", begin=begin)
        self.more_of("web1")
        self.assertEqual(self.host("web2"), {})

        # A new token while the old one is still good, and then without it: nobody is refused, nothing is lost.
        since = self.host("web1")["connected_since"]
        self.replace(house.TOKEN, f"{TOKENS['web1-next']} web1", f"{TOKENS['web1']} web1")
        house.write_token(self.folder, "web1.token", TOKENS["web1-next"])
        house.wait_for("web1 with its new token", lambda: self.host("web1")["connected"] and self.host("web1")["connected_since"] > since)
        self.replace(house.TOKEN, f"{TOKENS['web1-next']} web1")
        self.more_of("web1")
        self.assertEqual(self.server_.lines("client refused", "host=web1"), [])
        self.assertEqual(right.lines("dropped"), [])

        # The other comes in as soon as there is a token for it, with all that it kept meanwhile.
        self.replace(house.TOKEN, f"{TOKENS['web1-next']} web1", f"{TOKENS['web1']} web2")
        self.more_of("web2")
        self.assertEqual(wrong.lines("dropped"), [])
        self.assertEqual(self.refused(), [])
        # Bound to another name under its connection, it ends that.
        begin = len(right.log())
        self.replace(house.TOKEN, f"{TOKENS['web1-next']} web3", f"{TOKENS['web1']} web2")
        right.wait_line("connection lost", "taken back", begin=begin)
        right.wait_line("cannot connect", "wrong_name", begin=begin)
        self.more_of("web2")

    def test_it_is_a_token_for_nothing_else(self):
        for method, path, body in (
            ("GET", "/api/v1/hosts", None),
            ("GET", "/query?db=resmon&q=SHOW+DATABASES", None),
            ("POST", "/write?db=resmon", "probe,host=web1 value=1"),
            ("POST", "/api/v2/write?bucket=resmon", "probe,host=web1 value=1"),
        ):
            answer = self.ask(TOKENS["web1"], method, path, body)
            self.assertEqual(answer.status, 403, (path, answer.body))
            self.assertNotIn(b"web1", answer.body)
            self.assertLess(self.ask(house.TOKEN, method, path, body).status, 300)

    def test_a_client_takes_the_token_of_its_file_that_is_good_for_it(self):
        self.start_client("web4", f"{TOKENS['web1']} web1\n{house.TOKEN}").wait_line("uplink connected")
        client = self.start_client("web1", f"{house.TOKEN}0 web5\n{TOKENS['web1']} web1", "own")
        client.wait_line("uplink connected")
        self.more_of("web1")
        # With none it does not start, and says why.
        nothing = self.start_client("web3", f"{TOKENS['web1']} web1", "nothing")
        self.assertEqual(nothing.wait(), 3)
        self.assertIn("has no token for a client named 'web3'", nothing.log()[-1])


if __name__ == "__main__":
    house.main()
