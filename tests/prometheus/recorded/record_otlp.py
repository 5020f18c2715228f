#!/usr/bin/env python3
"""Records what OpenTelemetry's Python SDK sends, as otlp_metrics.hex and otlp_logs.hex beside this file. Not run by the tests:

python3 -m venv /tmp/venv && /tmp/venv/bin/pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
/tmp/venv/bin/python tests/prometheus/recorded/record_otlp.py
"""

import gzip
import http.server
import os
import threading

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

bodies = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        bodies.setdefault(self.path, (self.headers["Content-Type"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
resource = Resource.create({"host.name": "sdk-host", "service.name": "shop", "deployment.environment.name": "test"})

reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=3_600_000)
views = [View(instrument_name="exponential.*", aggregation=ExponentialBucketHistogramAggregation())]
provider = MeterProvider(resource=resource, metric_readers=[reader], views=views)
meter = provider.get_meter("recorded")
orders = meter.create_counter("shop.orders", unit="{order}")
orders.add(3, {"paid": True, "country": "DE"})
orders.add(4, {"paid": True, "country": "DE"})
orders.add(1, {"paid": False, "country": "größe"})
meter.create_up_down_counter("shop.carts").add(-2)
latency = meter.create_histogram("shop.latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 0.5, 2.5])
for value in (0.05, 0.2, 0.3, 7.0):
    latency.record(value, {"route": "/cart"})
meter.create_gauge("system.cpu.utilization").set(0.25, {"state": "user", "cpu": "cpu0"})
meter.create_gauge("system.cpu.utilization").set(0.75, {"state": "idle", "cpu": "cpu0"})
meter.create_histogram("exponential.latency").record(1.5)
provider.force_flush()

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
logs.get_logger("recorded").emit(
    body="payment 4711 failed: größe", severity_number=SeverityNumber.ERROR, severity_text="ERROR",
    attributes={"order.id": 4711, "tries": [1, 2]}, timestamp=1_764_500_000_000_000_000,
)  # fmt: skip
logs.force_flush()

folder = os.path.dirname(os.path.abspath(__file__))
for name in ("metrics", "logs"):
    kind, body = bodies[f"/v1/{name}"]
    assert kind == "application/x-protobuf", kind
    with open(os.path.join(folder, f"otlp_{name}.hex"), "w") as file:
        text = body.hex()
        file.writelines(text[i : i + 128] + "\n" for i in range(0, len(text), 128))
