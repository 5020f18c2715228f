"""Debian's Prometheus and a target for it to scrape, in a test's folder on free ports; remote write's messages by hand."""

import contextlib
import http.server
import json
import math
import os
import struct
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import house  # noqa: E402


class Program:
    """A program of others, its output in a file."""

    def __init__(self, test, label, *command):
        self.test = test
        self.log_path = os.path.join(test.folder, f"{label}.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=test.folder, env=house.clean_environment()
            )
        test.addCleanup(self.kill)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def wait_ready(self, port, path):
        def ready():
            self.test.assertIsNone(self.process.poll(), self.log())
            try:
                return house.request(port, "GET", path).status == 200
            except OSError:
                return False

        house.wait_for(f"{self.log_path} to answer", ready, 60)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Prometheus(Program):
    def __init__(self, test, config, *flags):
        self.port = house.free_port()
        path = os.path.join(test.folder, "prometheus.yml")
        with open(path, "w") as file:
            file.write(config)
        super().__init__(
            test, "prometheus", "prometheus", f"--config.file={path}", f"--storage.tsdb.path={test.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.port}", *flags,
        )  # fmt: skip
        self.wait_ready(self.port, "/-/ready")

    def api(self, path, **parameters):
        answer = house.request(self.port, "GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        self.test.assertEqual(answer.status, 200, answer.body)
        return answer.json()["data"]

    def samples(self, selector):
        """{(name, labels): {milliseconds: value}} of the last hour."""
        out = {}
        for series in self.api("query", query=f"{selector}[1h]")["result"]:
            labels = dict(series["metric"])
            name = labels.pop("__name__")
            out[name, frozenset(labels.items())] = {round(t * 1000): float(v) for t, v in series["values"]}
        return out


def stored(server, name):
    """The same of what the server has stored as measurement `name`."""
    out = {}
    quoted = name.replace('"', '\\"')
    for _, tags, columns, rows in house.query(server.http_port, f'SELECT value FROM "{quoted}" GROUP BY *'):
        assert columns == ["time", "value"], columns
        labels = frozenset((k, v) for k, v in tags.items() if v)
        out[name, labels] = {t // 10**6: float(v) for t, v in rows}
    return out


def finite(samples):
    out = {series: {t: v for t, v in values.items() if math.isfinite(v)} for series, values in samples.items()}
    return {series: values for series, values in out.items() if values}


class Target:
    """Answers /metrics with what `text(n)` gives at the n-th scrape, from 0; with an error when that is None."""

    def __init__(self, test, text, content_type="text/plain; version=0.0.4; charset=utf-8"):
        self.scrapes = 0
        self.headers = {}
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                target.headers = {k.lower(): v for k, v in self.headers.items()}
                body = text(target.scrapes)
                target.scrapes += 1
                self.send_response(200 if body is not None else 500)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len((body or "").encode())))
                self.end_headers()
                with contextlib.suppress(OSError):  # who asked need not wait for it
                    self.wfile.write((body or "").encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)


# Protobuf and Snappy, as few of them as remote write needs.


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def snappy(data):
    out = varint(len(data))
    for begin in range(0, len(data), 60):
        piece = data[begin : begin + 60]
        out += bytes([(len(piece) - 1) << 2]) + piece
    return out


def sample(value, milliseconds):
    return field(1, float(value)) + field(2, milliseconds)


def series_one(labels, *samples, more=b""):
    return field(1, b"".join(field(1, field(1, k) + field(2, v)) for k, v in labels.items()) + b"".join(field(2, s) for s in samples) + more)


def message_two(*series):
    """Of (labels, samples, more)."""
    symbols = [""]
    out = b""
    for labels, samples, more in series:
        references = b""
        for text in (text for pair in labels.items() for text in pair):
            if text not in symbols:
                symbols.append(text)
            references += varint(symbols.index(text))
        out += field(5, field(1, references) + b"".join(field(2, s) for s in samples) + more)
    return b"".join(field(4, symbol) for symbol in symbols) + out


STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def json_of(answer):
    return json.loads(house.unpack(answer))
