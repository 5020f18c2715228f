#!/usr/bin/env python3
"""Several servers, one picture: the list of hosts and the answers of queries have what the others have, too."""

import math
import os
import random
import shutil
import signal
import time
import urllib.parse

import house
from house import NS

KEY = {"Authorization": f"Token {house.TOKEN}"}


class PeersTest(house.HouseTest):
    def two(self, *sets, names=("server-1", "server-2")):
        """Servers that know each other; each has all addresses, its own too."""
        ports = [{"port": house.free_port(), "http_port": house.free_port()} for _ in names]
        addresses = ",".join(f"http://127.0.0.1:{one['http_port']}" for one in ports)
        out = []
        for name, one in zip(names, ports):
            folder = os.path.join(self.folder, name)
            os.makedirs(folder, exist_ok=True)
            server = house.Server(folder, f"peers.addresses={addresses}", f"peers.name={name}", "peers.interval=200ms", "peers.timeout=1s",
                                  *sets, label=name, **one)  # fmt: skip
            out.append(self.start(server).wait_ready())
        for server in out:
            self.until_peers(server, lambda peers: len(peers) == len(names) - 1 and not any(peer["away"] for peer in peers))
        return out

    def all_of(self, server):
        return server.get("/api/v1/hosts?all=1", **KEY).json()

    def hosts(self, server):
        return {host["host"]: host for host in self.all_of(server)["hosts"]}

    def until_peers(self, server, good):
        house.wait_for("the peers", lambda: good(self.all_of(server)["peers"]), 60)

    def write(self, server, lines):
        answer = house.request(server.http_port, "POST", "/write?db=resmon", body="\n".join(lines).encode(), headers=KEY)
        self.assertEqual(answer.status, 204, answer.body)

    def answer(self, server, statement, **more):
        parameters = "".join(f"&{key}={value}" for key, value in more.items())
        response = house.request(server.http_port, "POST", f"/query?db=resmon&epoch=ns{parameters}", body=f"q={urllib.parse.quote(statement)}".encode(),
                                 headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
        self.assertEqual(response.status, 200, response.body)
        return response

    def test_a_host_of_another_server_is_up_and_says_where(self):
        one, two = self.two()
        client = self.client(two, "alpha", "500ms")
        self.client(one, "beta", "500ms")
        house.wait_for("alpha on server-1", lambda: self.hosts(one).get("alpha", {}).get("connected"), 60)
        shown = self.hosts(one)["alpha"]
        self.assertEqual((shown["state"], shown["server"], shown["server_away"]), ("up", "server-2", False))
        house.wait_for("its numbers", lambda: self.hosts(one)["alpha"]["summary"]["memory_percent"] is not None)
        self.assertNotIn("alpha", one.hosts(), "without all=1 only what this server has")
        house.wait_for("beta on both", lambda: "beta" in self.hosts(one) and "beta" in self.hosts(two))
        self.assertNotIn("server", self.hosts(one)["beta"])
        self.assertEqual(self.hosts(two)["beta"]["server"], "server-1")
        self.assertEqual(self.all_of(one)["partial"], "")
        live = house.WebSocket(one.http_port, "/api/v1/live")
        self.addCleanup(live.close)
        self.assertIn("alpha", [host["host"] for host in live.message()["hosts"]])
        # What it says when it is taken off there, and when its client is gone.
        client.terminate()
        house.wait_for("late or down", lambda: self.hosts(one)["alpha"]["state"] != "up", 60)
        house.request(two.http_port, "DELETE", "/api/v1/hosts/alpha", headers=KEY)
        house.wait_for("no alpha", lambda: "alpha" not in self.hosts(one))

    def test_a_peer_that_is_away_makes_the_answer_partial(self):
        one, two = self.two()
        self.client(two, "alpha", "500ms")
        house.wait_for("alpha on server-1", lambda: self.hosts(one).get("alpha", {}).get("state") == "up", 60)
        now = time.time_ns()
        self.write(one, [f"m,host=here v=1 {now}"])
        self.write(two, [f"m,host=there v=3 {now}"])
        mean = "SELECT mean(v) FROM m"
        house.wait_for("both", lambda: one.rows(mean)[0][1] == 2)
        os.kill(two.pid, signal.SIGSTOP)
        try:
            self.until_peers(one, lambda peers: peers[0]["away"])
            answer = self.all_of(one)
            self.assertIn("server-2 does not answer: ", answer["partial"])
            alpha = {host["host"]: host for host in answer["hosts"]}["alpha"]
            self.assertEqual((alpha["state"], alpha["server"], alpha["server_away"]), ("late", "server-2", True))
            response = self.answer(one, mean)
            self.assertIn("server-2 does not answer: ", response.headers["x-resmon-partial"])
            result = response.json()["results"][0]
            self.assertEqual(result["series"][0]["values"][0][1], 1)
            self.assertEqual(result["messages"][0]["level"], "warning")
            self.assertIn("partial: server-2 does not answer", result["messages"][0]["text"])
            self.assertEqual(one.metrics()[f'resmon_peer_up{{peer="http://127.0.0.1:{two.http_port}"}}'], 0)
        finally:
            os.kill(two.pid, signal.SIGCONT)
        house.wait_for("both again", lambda: one.rows(mean)[0][1] == 2, 60)
        response = self.answer(one, mean)
        self.assertNotIn("x-resmon-partial", response.headers)
        self.assertNotIn("messages", response.json()["results"][0])

    def test_a_host_that_moves_is_up_all_the_time(self):
        one, two = self.two()
        first = self.client(one, "mover", "500ms", label="first")
        first.wait_line(" uplink connected ")
        house.wait_for("it on both", lambda: self.hosts(two).get("mover", {}).get("state") == "up", 60)
        first.terminate()
        self.client(two, "mover", "500ms", label="second").wait_line(" uplink connected ")
        house.wait_for("it there", lambda: self.hosts(one)["mover"].get("server") == "server-2")
        self.assertEqual(self.hosts(one)["mover"]["state"], "up")
        self.assertNotIn("server", self.hosts(two)["mover"])
        self.assertNotIn("also_on", self.hosts(one)["mover"])

    def test_one_name_on_two_servers_is_told_by_both(self):
        one, two = self.two()
        twins = [self.client(server, "twin", "500ms", label=f"twin-{server.port}") for server in (one, two)]
        for server, other in ((one, "server-2"), (two, "server-1")):
            house.wait_for("it to be told", lambda: self.hosts(server).get("twin", {}).get("also_on") == other, 60)
            self.assertEqual(server.hosts()["twin"]["also_on"], other)
            line = server.wait_line("WARN peers two clients use the same name", "host=twin", f"other_server={other}")
            self.assertTrue(line)
        twins[1].terminate()
        for server in (one, two):
            house.wait_for("its end", lambda: "also_on" not in self.hosts(server)["twin"], 60)
            self.assertTrue(server.wait_line("INFO peers a name is on one server again", "host=twin"))

    def lines(self, randomly):
        """(line, on which of the servers): hosts of one server each, one that moves, and what both have."""
        end = time.time_ns() // (3600 * NS) * 3600 * NS
        out = []
        for number in range(240):
            at = end - (240 - number) * 30 * NS
            for host in range(6):
                moves = host == 5
                place = (0 if number < 120 else 1) if moves else host % 2
                fields = f"v={randomly.random() * 100:.3f},third={randomly.random() / 3!r},n={randomly.randrange(1000)}i,s=\"text {number % 7}\",b={'true' if number % 3 else 'false'}"
                if host == 3:
                    fields += f",only_there={number}i"
                line = f"m,host=h{host},site=s{host % 3} {fields} {at + randomly.randrange(1000)}"
                out.append((line, {place}))
                if moves and 115 <= number < 125:
                    out[-1] = (line, {0, 1})  # sent again to the other server, since no acknowledgement came
        return end, out

    def assert_same(self, found, wanted, place):
        """Equal, but for the last digits of numbers: rows of two servers are added up in another order."""
        if isinstance(wanted, float) and isinstance(found, float):
            self.assertTrue(math.isclose(found, wanted, rel_tol=1e-10, abs_tol=1e-12), f"{place}: {found} != {wanted}")
        elif isinstance(wanted, dict) and isinstance(found, dict):
            self.assertEqual(sorted(found), sorted(wanted), place)
            for key, value in wanted.items():
                self.assert_same(found[key], value, f"{place}: {key}")
        elif isinstance(wanted, list) and isinstance(found, list):
            self.assertEqual(len(found), len(wanted), place)
            for index, value in enumerate(wanted):
                self.assert_same(found[index], value, f"{place}: {index}")
        else:
            self.assertEqual(found, wanted, place)

    def statements(self, span):
        return [
            f"SELECT mean(v), sum(n), count(v), min(v), max(v), last(v), first(third), stddev(third), median(v), percentile(v, 90) FROM m WHERE {span}",
            f"SELECT mean(v), sum(n), count(s), min(third), max(third), mean(third) FROM m WHERE {span} GROUP BY time(1m), host fill(none)",
            f"SELECT mean(v) FROM m WHERE {span} GROUP BY time(10m)",
            f"SELECT sum(third), count(third) FROM m WHERE {span} GROUP BY time(1h), site",
            f"SELECT last(s), last(b), last(n) FROM m WHERE {span} GROUP BY host",
            f"SELECT max(v) FROM m WHERE {span}",
            f"SELECT * FROM m WHERE {span} ORDER BY time DESC LIMIT 100 OFFSET 7",
            f"SELECT * FROM m WHERE {span}",
            f"SELECT v, s, only_there FROM m WHERE {span} AND v > 50 AND host =~ /h[345]/ GROUP BY *",
            f"SELECT top(v, host, 4) FROM m WHERE {span}",
            f"SELECT mean(x) FROM (SELECT max(v) AS x FROM m WHERE {span} GROUP BY host, time(5m)) GROUP BY host",
            f"SELECT derivative(mean(n), 1m) FROM m WHERE {span} GROUP BY time(2m), host SLIMIT 3 SOFFSET 1",
            f"SELECT integral(v), spread(n), distinct(b) FROM m WHERE {span}",
            f"SELECT count(only_there), count(distinct(s)) FROM m WHERE {span}",
            "SHOW SERIES FROM m", "SHOW FIELD KEYS FROM m", "SHOW TAG VALUES FROM m WITH KEY IN (host, site)",
        ]  # fmt: skip

    def compare(self, servers, alone, statements):
        """Both answer each statement as the one that has all; how many rows that were."""
        rows = 0
        for statement in statements:
            whole = self.answer(alone, statement).json()
            for server in servers:
                response = self.answer(server, statement)
                self.assertNotIn("x-resmon-partial", response.headers)
                self.assert_same(response.json(), whole, statement)
            rows += sum(len(series.get("values", [])) for result in whole["results"] for series in result.get("series", []))
        return rows

    def test_answers_are_those_of_one_server_that_has_all(self):
        seed = int(os.environ.get("RESMON_SEED") or random.randrange(1 << 31))
        print(f"# seed {seed}", flush=True)
        end, lines = self.lines(random.Random(seed))
        servers = self.two()
        alone = self.server(label="alone")
        for place, server in enumerate(servers):
            self.write(server, [line for line, places in lines if place in places])
        self.write(alone, [line for line, _ in lines])
        span = f"time >= {end - 7200 * NS} AND time < {end}"
        statements = [*self.statements(span), "SHOW MEASUREMENTS", "SHOW TAG KEYS", "SHOW SERIES CARDINALITY"]
        rows = self.compare(servers, alone, statements)
        print(f"# summary: {len(statements)} statements on each of two servers answer as one that has all: {rows} rows, seed {seed}", flush=True)
        here = [self.answer(server, f"SELECT count(v) FROM m WHERE {span}", peers="false").json()["results"][0]["series"][0]["values"][0][1] for server in servers]
        self.assertEqual(sum(here), sum(len(places) for _, places in lines))
        self.assertLess(max(here), len(lines))

    def test_many_series_come_several_at_once(self):
        one, two = self.two()
        begin = time.time_ns() // NS * NS - 600 * NS
        for server, place in ((one, 0), (two, 1)):
            for part in range(0, 1500, 300):
                self.write(server, [f"many,host=h{host} v={number} {begin + number * NS}" for host in range(part, part + 300) if host % 2 == place for number in range(200)])
        statement = f"SELECT sum(v) FROM many WHERE time >= {begin} GROUP BY host"
        key = f'resmon_peer_questions_total{{peer="http://127.0.0.1:{two.http_port}"}}'
        before = one.metrics()[key]
        took = time.monotonic()
        answer = self.answer(one, statement).json()["results"][0]["series"]
        took = time.monotonic() - took
        self.assertEqual(len(answer), 1500)
        self.assertEqual({series["values"][0][1] for series in answer}, {sum(range(200))})
        asked = one.metrics()[key] - before
        print(f"# summary: 1500 series, half of them on another server: {asked:g} questions, {took * 1000:.0f} ms", flush=True)
        self.assertLess(asked, 60 + 10 * took)  # five a second are for the list of hosts

    def test_a_field_of_another_type_there_is_refused_in_words(self):
        one, two = self.two()
        now = time.time_ns()
        self.write(one, [f"t,host=a v=1 {now}"])
        self.write(two, [f"t,host=b v=2i {now}"])
        result = self.answer(one, "SELECT mean(v) FROM t").json()["results"][0]
        self.assertIn("has another type on server-2", result["error"])
        self.assertEqual(one.rows("SELECT mean(v) FROM t WHERE host = 'a'")[0][1], 1)

    def test_a_wrong_token_is_said(self):
        one, _ = self.two("http.local_read_without_token=false")
        other = house.write_token(self.folder, "other", "another-token-of-nobody")
        folder = os.path.join(self.folder, "three")
        os.makedirs(folder)
        three = self.start(house.Server(folder, f"peers.addresses=http://127.0.0.1:{one.http_port}", f"peers.token_file={other}",
                                        label="three"))  # fmt: skip
        three.wait_ready()
        self.assertTrue(three.wait_line("WARN peers another server does not answer", "it refuses the token of peers.token_file"))
        answer = house.request(one.http_port, "GET", "/api/v1/peer/hosts")
        self.assertEqual(answer.status, 401)

    def test_servers_ask_each_other_over_tls_that_they_verify(self):
        house.make_certificates(self.folder)
        certificates = {"one": "good", "two": "good", "misnamed": "misnamed", "distrustful": "good"}
        ports = {name: {"port": house.free_port(), "http_port": house.free_port()} for name in certificates}
        address = {name: f"https://127.0.0.1:{one['http_port']}" for name, one in ports.items()}

        def launch(name, ca="ca"):
            folder = os.path.join(self.folder, name)
            os.makedirs(folder, exist_ok=True)
            sets = ["http.tls=true", f"tls.certificate_file={self.folder}/{certificates[name]}.pem", f"tls.key_file={self.folder}/{certificates[name]}.key",
                    f"peers.addresses={','.join(address.values())}", f"peers.name={name}", f"peers.tls_ca_file={self.folder}/{ca}.pem",
                    "peers.interval=200ms", "peers.timeout=1s"]  # fmt: skip
            return self.start(house.Server(folder, *sets, label=name, **ports[name])).wait_ready()

        # Before those that ask it: of a server that is away, the first reason is logged.
        _, one, _, distrustful = launch("misnamed"), launch("one"), launch("two"), launch("distrustful", ca="other-ca")
        one.wait_line("INFO peers another server answers", "server=two")
        one.wait_line("WARN peers another server does not answer", f"address={address['misnamed']}", "certificate")
        for name in ("one", "two"):
            distrustful.wait_line("WARN peers another server does not answer", f"address={address[name]}", "certificate")
        self.assertEqual(distrustful.lines("another server answers"), [])

    def shared(self, *sets, names=("server-1", "server-2")):
        """Servers that know each other only by the database that both write to."""
        influx = house.Influxd2(self) if os.environ.get("RESMON_TEST_INFLUXD2") else house.Influxd(self)
        influx.start()
        influx.create_database()
        out = []
        for name in names:
            folder = os.path.join(self.folder, name)
            os.makedirs(folder, exist_ok=True)
            server = house.Server(folder, *influx.sink, "query.backend=sink.influx", f"peers.name={name}",
                                  "sink.influx.linger=50ms", "sink.influx.retry_last=200ms", "server.report_interval=0s", *sets, label=name)  # fmt: skip
            out.append(self.start(server).wait_ready())
        for server in out:
            server.wait_line("INFO query the database answers")
        return influx, *out

    def delivered(self, influx, statement, count):
        house.wait_for("delivery", lambda: sum(values[1] for values in influx.rows(statement)) == count, 60)

    def test_a_database_that_all_write_to_answers_for_all(self):
        seed = int(os.environ.get("RESMON_SEED") or random.randrange(1 << 31))
        print(f"# seed {seed}", flush=True)
        end, lines = self.lines(random.Random(seed))
        span = f"time >= {end - 7200 * NS} AND time < {end}"
        alone = self.server(label="alone")
        self.write(alone, [line for line, _ in lines])
        # Without a window the own store has nothing to add once all is delivered; with one, all of it is read from both.
        for window in ("0s", "60s"):
            with self.subTest(window=window):
                influx, *servers = self.shared(f"sink.influx.resend_window={window}", names=(f"one-{window}", f"two-{window}"))
                for place, server in enumerate(servers):
                    self.write(server, [line for line, places in lines if place in places])
                self.delivered(influx, "SELECT count(v) FROM m", len(lines))
                house.wait_for("the catalogue", lambda: servers[0].rows("SELECT count(v) FROM m")[0][1] == len(lines), 30)
                rows = self.compare(servers, alone, self.statements(span))
                print(f"# summary: resend_window {window}: {rows} rows as of one server that has all, seed {seed}", flush=True)
                own = servers[0].rows("SELECT count(v) FROM m", peers="false")[0][1]
                self.assertLess(own, len(lines))
                influx.kill()
                shutil.rmtree(influx.folder)

    def test_rows_that_are_not_delivered_yet_are_in_the_answer(self):
        influx, one, two = self.shared("sink.influx.resend_window=0s", "sink.influx.linger=60s")
        now = time.time_ns()
        self.write(one, [f"m,host=here v=1 {now}", f"m,host=here v=2 {now - 7200 * NS}"])
        self.assertEqual(influx.rows("SELECT count(v) FROM m"), [])
        self.assertEqual(one.rows("SELECT count(v) FROM m WHERE time > now() - 1d")[0][1], 2)
        influx.write(f"m,host=there v=5 {now - 3600 * NS}")
        house.wait_for("what the database has", lambda: one.rows("SELECT sum(v) FROM m")[0][1] == 8, 30)
        self.assertEqual(two.rows("SELECT sum(v) FROM m")[0][1], 5)

    def test_a_database_that_is_away_makes_the_answer_partial(self):
        influx, one, two = self.shared()
        now = time.time_ns()
        self.write(one, [f"m,host=here v=1 {now}"])
        self.write(two, [f"m,host=there v=3 {now}"])
        mean = "SELECT mean(v) FROM m"
        house.wait_for("both", lambda: one.rows(mean)[0][1] == 2, 60)
        influx.kill()
        response = house.wait_for("a partial answer", lambda: (lambda r: r if "x-resmon-partial" in r.headers else None)(self.answer(one, mean)), 30)
        self.assertIn("the database of sink.influx does not answer: ", response.headers["x-resmon-partial"])
        self.assertIn("own stores", response.headers["x-resmon-partial"])
        self.assertEqual(response.json()["results"][0]["series"][0]["values"][0][1], 1)
        one.wait_line("WARN query the database does not answer")
        self.assertIn("sink.influx does not answer", self.all_of(one)["partial"])
        influx.start()
        house.wait_for("both again", lambda: one.rows(mean)[0][1] == 2 and "x-resmon-partial" not in self.answer(one, mean).headers, 60)
        self.assertEqual(self.all_of(one)["partial"], "")

    def test_a_host_of_another_server_is_known_by_the_database(self):
        _, one, two = self.shared()
        client = self.client(two, "alpha", "1s")
        shown = house.wait_for("alpha on server-1", lambda: (lambda h: h if h.get("state") == "up" else None)(self.hosts(one).get("alpha", {})), 60)
        self.assertEqual((shown["server"], shown["server_away"], shown["connected"]), ("server-2", False, True))
        house.wait_for("its numbers", lambda: self.hosts(one)["alpha"]["summary"]["memory_percent"] is not None, 60)
        self.assertNotIn("alpha", one.hosts())
        self.assertNotIn("server", self.hosts(two)["alpha"])
        # It stays up, whatever the rhythm of the rows.
        end = time.monotonic() + 15
        house.wait_for("15 s of it", lambda: self.assertEqual(self.hosts(one)["alpha"]["state"], "up") or time.monotonic() > end, 30, every=0.3)
        client.terminate()
        house.wait_for("late or down", lambda: self.hosts(one)["alpha"]["state"] != "up", 60)
        self.client(one, "alpha", "1s", label="moved")
        house.wait_for("it here", lambda: "server" not in self.hosts(one)["alpha"] and self.hosts(one)["alpha"]["state"] == "up", 60)
        house.wait_for("it there", lambda: self.hosts(two)["alpha"].get("server") == "server-1" and self.hosts(two)["alpha"]["state"] == "up", 60)

    def test_a_backend_that_cannot_be_one_is_refused_in_words(self):
        for sets, reason in (
            (("query.backend=sink.other",), "there is no such sink"),
            (("query.backend=sink.influx", "sink.influx.url=http://127.0.0.1:1", "sink.influx.precision=ms"), "precision must be ns"),
            (("query.backend=sink.influx", "sink.influx.url=http://127.0.0.1:1/x", "sink.influx.kind=remote_write"), "cannot be asked in InfluxQL"),
        ):
            server = self.start(house.Server(self.folder, *sets, label=f"refused-{len(reason)}"))
            self.assertEqual(server.wait(), 3)
            self.assertIn(reason, "\n".join(server.log()))


if __name__ == "__main__":
    house.main()
