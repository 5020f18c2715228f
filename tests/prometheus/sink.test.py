#!/usr/bin/env python3
"""A sink of kind remote_write, with Debian's Prometheus behind it: every sample arrives once, also through kill -9 of the server."""

import time

import peers
from peers import house

CONFIG = """
global: {scrape_interval: 1h}
storage: {tsdb: {out_of_order_time_window: 1h}}
"""


class RemoteWriteSinkTest(house.HouseTest):
    def prometheus(self):
        return peers.Prometheus(self, CONFIG, "--web.enable-remote-write-receiver", "--log.level=debug")

    def sets(self, port):
        return (
            "sink.prom.kind=remote_write", f"sink.prom.url=http://127.0.0.1:{port}/api/v1/write",
            "sink.prom.retry_last=100ms", "sink.prom.linger=50ms",
        )  # fmt: skip

    def write(self, server, lines):
        answer = house.request(
            server.http_port, "POST", "/write?db=resmon", body=lines.encode(), headers={"Authorization": f"Token {house.TOKEN}"}
        )
        self.assertEqual(answer.status, 204, answer.body)

    def test_values_of_every_type_arrive_as_they_are(self):
        prometheus = self.prometheus()
        server = self.server(*self.sets(prometheus.port))
        now = time.time_ns() // 10**6
        ns = now * 10**6
        self.write(
            server,
            f'm,host=a\\ b,data.center=north f=0.1,i=-3i,b=t,s="text" {ns}\n'
            f"m,host=a\\ b,data.center=north f=1e300,i=9007199254740992i {ns + 10**6}\n"
            f"http_requests_total,job=x value=12 {ns}\n",
        )
        labels = frozenset({("host", "a b"), ("data_center", "north")})
        want = {
            ("m_f", labels): {now: 0.1, now + 1: 1e300},
            ("m_i", labels): {now: -3.0, now + 1: 2.0**53},
            ("m_b", labels): {now: 1.0},
            ("http_requests_total", frozenset({("job", "x")})): {now: 12.0},
        }
        selector = '{__name__=~"m_.*|http_requests_total"}'
        house.wait_for("all samples", lambda: prometheus.samples(selector) == want)
        self.assertEqual(server.metrics()['resmon_sink_refused_samples_total{sink="prom"}'], 0)

    def test_nothing_is_lost_or_refused_through_kill_9_of_the_server(self):
        prometheus = self.prometheus()
        server = self.server(*self.sets(prometheus.port))
        base = time.time_ns() // 10**6 - 100_000
        want = {}
        for step in range(12):
            rows = [(base + step * 100 + i, float(step * 100 + i)) for i in range(100)]
            self.write(server, "".join(f"exact,host=a value={v} {t * 10**6}\n" for t, v in rows))
            want.update(rows)
            if step in (3, 7):
                server.kill()
                server = self.start(
                    house.Server(self.folder, *self.sets(prometheus.port), port=server.port, http_port=server.http_port)
                ).wait_ready()
        house.wait_for(
            "all samples", lambda: prometheus.samples("exact").get(("exact", frozenset({("host", "a")}))) == want, patience=60
        )
        self.assertEqual(server.metrics()['resmon_sink_refused_samples_total{sink="prom"}'], 0)

    def test_without_a_receiver_samples_wait_and_the_reason_is_told(self):
        prometheus = peers.Prometheus(self, CONFIG)  # not told to take remote write
        server = self.server(*self.sets(prometheus.port))
        self.write(server, "m value=1\n")
        server.wait_line("the database denies access", "remote write receiver needs to be enabled")
        self.assertEqual(server.metrics()['resmon_sink_refused_samples_total{sink="prom"}'], 0)

    def test_one_server_to_another_in_both_protocols(self):
        there = self.server(f"store.directory={self.folder}/there", label="there")
        here = self.server(
            "sink.a.kind=remote_write", f"sink.a.url=http://127.0.0.1:{there.http_port}/api/v1/prom/write", f"sink.a.token={house.TOKEN}",
            "sink.b.kind=otlp", f"sink.b.url=http://127.0.0.1:{there.http_port}", f"sink.b.token={house.TOKEN}",
        )  # fmt: skip
        now = time.time_ns()
        self.write(here, f'm,host=a,x=y f=1.5,i=7i,s="text" {now}\nplain,host=a value=2 {now}\n')
        tags = {"host": "a", "x": "y"}

        def found(name):
            return [(labels, rows) for _, labels, _, rows in house.query(there.http_port, f'SELECT value FROM "{name}" GROUP BY *')]

        ms = now // 10**6 * 10**6
        for name, rows in (("m_f", [[ms, 1.5]]), ("m_i", [[ms, 7.0]]), ("m.f", [[now, 1.5]]), ("m.i", [[now, 7.0]])):
            house.wait_for(name, lambda n=name, r=rows: found(n) == [(tags, r)])
        house.wait_for("what came in both", lambda: found("plain") == [({"host": "a"}, [[t, 2.0] for t in sorted({ms, now})])])


if __name__ == "__main__":
    house.main()
