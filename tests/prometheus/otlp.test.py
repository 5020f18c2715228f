#!/usr/bin/env python3
"""OpenTelemetry over HTTP: requests recorded from its Python SDK (recorded/record_otlp.py), JSON, and what is refused in part."""

import gzip
import json
import os
import time

import peers
from peers import field, house

PROTOBUF = "application/x-protobuf"
NOW = time.time_ns()


def recorded(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded", f"otlp_{name}.hex")
    with open(path) as file:
        return bytes.fromhex(file.read())


def read(message):
    """{number: value} of the fields of a protobuf message: integers and bytes."""
    out = {}
    while message:
        key, message = take_varint(message)
        value, message = take_varint(message)
        if key & 7 == 2:
            value, message = message[:value], message[value:]
        out[key >> 3] = value
    return out


def take_varint(data):
    value = shift = 0
    for i, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[i + 1 :]
    raise ValueError(data)


def gauge_json(name, value, **attributes):
    listed = [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]
    return {"name": name, "gauge": {"dataPoints": [{"timeUnixNano": str(NOW), "asDouble": value, "attributes": listed}]}}


def request_json(*metrics, host="web1"):
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": host}}]}
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(metrics)}]}]}).encode()


class OtlpTest(house.HouseTest):
    def post(self, server, path, body, content_type=PROTOBUF, token=house.TOKEN, **headers):
        sent = {"Content-Type": content_type, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return house.request(server.http_port, "POST", path, body=body, headers=sent)

    def test_metrics_of_the_python_sdk(self):
        server = self.server()
        answer = self.post(server, "/v1/metrics", gzip.compress(recorded("metrics")), **{"Content-Encoding": "gzip"})
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, PROTOBUF))
        partial = read(read(answer.body)[1])
        self.assertEqual(partial[1], 1)
        self.assertIn(b"exponential histograms are not stored", partial[2])

        def series(name, columns):
            out = {}
            for _, tags, _, rows in house.query(server.http_port, f'SELECT {columns} FROM "{name}" GROUP BY *'):
                tags = {k: v for k, v in tags.items() if v and k not in ("service.instance.id", "deployment.environment.name")}
                self.assertEqual((tags.pop("host"), tags.pop("service.name", "shop")), ("sdk-host", "shop"))
                out[tuple(sorted(tags.items()))] = rows[0][1:]
            return out

        self.assertEqual(
            series("shop.orders", "value"),
            {(("country", "DE"), ("paid", "true")): [7.0], (("country", "größe"), ("paid", "false")): [1.0]},
        )
        self.assertEqual(series("shop.carts", "value"), {(): [-2.0]})
        self.assertEqual(
            series("shop.latency", 'count, sum, min, max, "0.1", "0.5", "2.5", "+Inf"'),
            {(("route", "/cart"),): [4.0, 7.55, 0.05, 7.0, 1.0, 3.0, 3.0, 4.0]},
        )
        self.assertEqual(series("cpu", "usage_user, usage_idle"), {(("cpu", "cpu0"),): [25.0, 75.0]})
        counts = server.metrics()
        self.assertEqual([counts[f'resmon_door_{what}_total{{door="otlp"}}'] for what in ("requests", "samples", "refused")], [1, 6, 1])

    def test_logs_of_the_python_sdk(self):
        server = self.server("logs.retain=0s")  # the recording is old
        answer = self.post(server, "/v1/logs", recorded("logs"))
        self.assertEqual((answer.status, answer.body), (200, b""))
        found = house.wait_for("the line", lambda: self.lines(server, "4711"))
        self.assertEqual(len(found), 1)
        line = found[0]
        self.assertEqual(
            (line["host"], line["unit"], line["level"], line["message"]),
            ("sdk-host", "shop", "error", "payment 4711 failed: größe"),
        )
        self.assertEqual(line["fields"]["order.id"], "4711")
        self.assertEqual(line["fields"]["tries"], "[1,2]")
        self.assertEqual(line["fields"]["deployment.environment.name"], "test")

    def lines(self, server, words):
        answer = server.get(f"/api/v1/logs?q={words}&start=2020-01-01")
        self.assertEqual(answer.status, 200, answer.body)
        return peers.json_of(answer)["lines"]

    def test_json_and_partial_success(self):
        server = self.server()
        body = request_json(
            gauge_json("temperature", 21.5, room="hall"),
            {"name": "e", "exponentialHistogram": {"dataPoints": [{}, {}]}},
            gauge_json("system.memory.utilization", 0.5, state="used"),
        )
        answer = self.post(server, "/v1/metrics", body, "application/json; charset=utf-8")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/json"))
        self.assertEqual(
            answer.json(),
            {
                "partialSuccess": {
                    "rejectedDataPoints": "2",
                    "errorMessage": "metric e: exponential histograms are not stored; set the aggregation to explicit buckets",
                }
            },
        )
        self.assertEqual(server.rows("SELECT value FROM temperature WHERE room = 'hall'"), [[NOW, 21.5]])
        self.assertEqual(server.rows("SELECT used_percent FROM mem WHERE host = 'web1'"), [[NOW, 50.0]])
        good = self.post(server, "/v1/metrics", request_json(gauge_json("a", 1.0)), "application/json")
        self.assertEqual((good.status, good.json()), (200, {}))
        logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 13, "body": {"stringValue": "from json"}}]}]}]}
        self.assertEqual(self.post(server, "/v1/logs", json.dumps(logs).encode(), "application/json").status, 200)
        line = house.wait_for("the line", lambda: self.lines(server, "json"))[0]
        self.assertEqual((line["host"], line["level"]), ("127.0.0.1", "warning"))

    def test_what_is_refused_as_a_whole(self):
        server = self.server()
        for path in ("/v1/metrics", "/v1/logs"):
            self.assertEqual(self.post(server, path, b"", token=None).status, 401)
            self.assertEqual(self.post(server, path, b"", "text/plain").status, 415)
            bad = self.post(server, path, b"\x0a\xff\xff\xff\xff\x0f")
            self.assertEqual((bad.status, bad.headers["content-type"]), (400, PROTOBUF))
            self.assertEqual(read(bad.body)[1], 3)
            bad = self.post(server, path, b"[" * 100_000, "application/json")
            self.assertEqual((bad.status, bad.json()["code"]), (400, 3))
            self.assertEqual(self.post(server, path, b"").status, 200)
            self.assertEqual(self.post(server, path, field(99, b"unknown")).status, 200)


if __name__ == "__main__":
    house.main()
