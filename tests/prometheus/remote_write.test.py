#!/usr/bin/env python3
"""Prometheus' remote write to the server: by Debian's Prometheus, compared sample by sample, and by hand."""

import base64
import math
import time

import peers
from peers import field, house, sample, series_one

ONE = "application/x-protobuf"
TWO = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


def odd_metrics(scrape):
    if scrape >= 4:
        return None  # the target is away from now on: its series end with a stale marker
    values = ["0.1", "1e300", "-0", "NaN"]
    return (
        "# TYPE odd_gauge gauge\n"
        f'odd_gauge{{text="a \\"b\\", c=d \\\\ e\\nf",utf="größe ☃"}} {values[scrape]}\n'
        f'odd_gauge{{text="inf"}} +Inf\n'
        f"odd_counter_total {scrape * 1000000007}\n"
        "# TYPE odd_seconds histogram\n"
        f'odd_seconds_bucket{{le="0.5"}} {scrape}\nodd_seconds_bucket{{le="+Inf"}} {scrape + 1}\n'
        f"odd_seconds_sum {scrape / 3}\nodd_seconds_count {scrape + 1}\n"
        f"odd:recorded:name {2**53 + scrape}\n"
    )


class RemoteWriteTest(house.HouseTest):
    def post(self, server, message, content_type=ONE, token=house.TOKEN, path="/api/v1/prom/write?db=resmon", **headers):
        sent = {"Content-Type": content_type, "Content-Encoding": "snappy", **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return house.request(server.http_port, "POST", path, body=peers.snappy(message), headers=sent)

    def written(self, answer):
        return [int(answer.headers[f"x-prometheus-remote-write-{what}-written"]) for what in ("samples", "histograms", "exemplars")]

    def test_prometheus_itself_sample_by_sample(self):
        server = self.server()
        target = peers.Target(self, odd_metrics)
        prometheus = peers.Prometheus(
            self,
            f"""
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: odd
    static_configs: [{{targets: ["127.0.0.1:{target.port}"], labels: {{site: north}}}}]
remote_write:
  - url: http://127.0.0.1:{server.http_port}/api/v1/prom/write?db=resmon
    basic_auth: {{username: prometheus, password: {house.TOKEN}}}
    queue_config: {{batch_send_deadline: 200ms}}
    metadata_config: {{send_interval: 1s}}
""",
        )
        house.wait_for("the target to go away", lambda: target.scrapes > 5)
        house.wait_for("a stale marker", lambda: server.metrics()['resmon_door_stale_markers_total{door="remote_write"}'] >= 7)
        theirs = prometheus.samples('{job="odd",__name__=~"odd.*"}')
        self.assertEqual(len(theirs), 8)
        ours = {}
        for name in {name for name, _ in theirs}:
            ours.update(peers.stored(server, name))
        self.assertEqual(ours, peers.finite(theirs))
        self.assertEqual(sum(len(values) for values in ours.values()), 7 * 4 - 1)
        self.assertEqual(server.metrics()['resmon_door_refused_total{door="remote_write"}'], 0)
        failed = [line for line in prometheus.log().splitlines() if "remote" in line and "level=error" in line]
        self.assertEqual(failed, [])

    def test_version_two_with_exact_counts(self):
        server = self.server()
        now = int(time.time() * 1000)
        message = peers.message_two(
            ({"__name__": "up", "job": "node"}, [sample(1, now), sample(0, now + 1)], field(4, b"exemplar")),
            ({"__name__": "up", "job": "stale"}, [sample(peers.STALE, now)], b""),
            ({"__name__": "up", "job": "nan"}, [sample(math.nan, now)], b""),
        )
        answer = self.post(server, message, TWO)
        self.assertEqual((answer.status, answer.body, self.written(answer)), (204, b"", [3, 0, 0]), "the marker counts as written")
        self.assertEqual(peers.stored(server, "up"), {("up", frozenset({("job", "node")})): {now: 1.0, now + 1: 0.0}})

        bad = peers.message_two(
            ({"__name__": "up", "job": "node"}, [sample(5, now + 2)], b""),
            ({"job": "nameless"}, [sample(1, now), sample(2, now)], b""),
            ({"__name__": "native"}, [], field(3, b"") + field(3, b"")),
            ({"__name__": "up", "job": "node"}, [sample(6, now + 10**10)], b""),
        )
        answer = self.post(server, bad, TWO)
        self.assertEqual((answer.status, self.written(answer)), (400, [1, 0, 0]))
        self.assertEqual(
            answer.json()["error"], "partial write: series 2: no metric name: label __name__ is missing dropped=5"
        )
        self.assertEqual(peers.stored(server, "up")["up", frozenset({("job", "node")})], {now: 1.0, now + 1: 0.0, now + 2: 5.0})
        counts = server.metrics()
        self.assertEqual(
            [counts[f'resmon_door_{what}_total{{door="remote_write"}}'] for what in
             ("requests", "samples", "stale_markers", "not_finite", "refused")],
            [2, 3, 1, 1, 5],
        )  # fmt: skip

    def test_samples_may_come_in_any_order_and_twice(self):
        server = self.server()
        now = int(time.time() * 1000)
        for times in ([5, 3], [4, 3]):
            self.assertEqual(self.post(server, series_one({"__name__": "m"}, *(sample(t, now + t) for t in times))).status, 204)
        self.assertEqual(peers.stored(server, "m")["m", frozenset()], {now + 3: 3.0, now + 4: 4.0, now + 5: 5.0})

    def test_who_may_write_and_what_is_refused_as_a_whole(self):
        server = self.server()
        good = series_one({"__name__": "m"}, sample(1, int(time.time() * 1000)))
        self.assertEqual(self.post(server, good, token=None).status, 401)
        self.assertEqual(self.post(server, good, token="not-the-token-0123456789").status, 401)
        basic = {"Authorization": "Basic " + base64.b64encode(f"any:{house.TOKEN}".encode()).decode()}
        self.assertEqual(self.post(server, good, token=None, **basic).status, 204)
        self.assertEqual(self.post(server, good, path="/api/v1/prom/write").status, 204)
        self.assertEqual(self.post(server, good, path="/api/v1/prom/write?db=other").status, 404)
        other = self.post(server, good, content_type="application/x-protobuf;proto=io.prometheus.write.v9.Request")
        self.assertEqual(other.status, 415)
        self.assertIn("proto=io.prometheus.write.v2.Request", other.json()["error"])
        for bad in (b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 1000, good + b"\x0b"):
            answer = self.post(server, bad)
            self.assertEqual((answer.status, self.written(answer)), (400, [0, 0, 0]), answer.body)
        raw = house.request(
            server.http_port, "POST", "/api/v1/prom/write", body=b"\xff\xff\xff\xff\x0f" + b"x" * 100,
            headers={"Content-Encoding": "snappy", "Authorization": f"Bearer {house.TOKEN}"},
        )  # fmt: skip
        self.assertIn(raw.status, (400, 413), raw.body)
        self.assertEqual(self.post(server, good).status, 204)


if __name__ == "__main__":
    house.main()
