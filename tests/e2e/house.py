"""What the end-to-end tests share: the real programs in scratch folders on free ports, waiting for conditions with a deadline,
raw clients, HTTP, and a runner that prints TAP."""

import base64
import contextlib
import gzip
import http.client
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RESMON_BUILD_DIR") or os.path.join(ROOT, "build")
SANITIZER = {"build-asan": "address", "build-tsan": "thread"}.get(os.path.basename(BUILD), "")  # that the programs were built with
TOKEN = "e2e-token-0123456789abcdef"
# Of a wait for something that should be there in milliseconds: a slow machine is no failure, a hanging one is.
PATIENCE = 30.0
# Of one answer, which on a machine that is busy with other things may take what a query may take.
ANSWER_PATIENCE = 60.0
NS = 10**9


def program(name):
    path = os.path.join(BUILD, "bin", name)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{path} is not built")
    return path


def preloadable_client():
    """The client with the shared C library, before which a test can put a library of its own."""
    return "resmon-client-dynamic" if os.path.exists(os.path.join(BUILD, "bin", "resmon-client-dynamic")) else "resmon-client"


def wait_for(what, condition, patience=PATIENCE, every=0.02):
    """The first true value of `condition()`; an AssertionError that names `what` when there is none in time."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s for {what}")
        time.sleep(every)


def wait_seconds(seconds):
    """Only where time itself is the condition: for samples that nobody can see yet."""
    until = time.monotonic() + seconds
    wait_for(f"{seconds} s to pass", lambda: time.monotonic() > until, seconds + PATIENCE)


def own_address():
    """An address of this machine that others reach; all of them where that is not known."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
            return probe.getsockname()[0]
        except OSError:
            return "0.0.0.0"


def free_port():
    """One that nobody has now, from below the range out of which the kernel takes the ports of outgoing connections: from within it, a
    port whose server is down for a while may be gone when it comes back, or a client that tries it may even connect to itself."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def wait_listening(port, protocol="tcp"):
    """Waits until a socket of 127.0.0.1 is open for what others send: a file that is made beside it says nothing of it."""

    def listens():
        with open(f"/proc/net/{protocol}") as sockets:
            rows = [line.split() for line in sockets]
        state = {"tcp": "0A", "udp": "07"}[protocol]  # TCP_LISTEN, TCP_CLOSE: as include/net/tcp_states.h in Linux numbers them
        return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows[1:])

    wait_for(f"{protocol} port {port}", listens)


def clean_environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RESMON_", "INFLUX_"))}
    return {**kept, **more}


class Process:
    """One of our programs, its log in a file."""

    def __init__(self, name, arguments, folder, label=None, environment=None, prefix=()):
        self.label = label or name
        self.log_path = os.path.join(folder, f"{self.label}.log")
        self.log_begin = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        self.command = [*prefix, program(name), *arguments]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=clean_environment(**(environment or {})),
            )

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """Whole lines since this process began."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_begin)
            content = file.read().decode(errors="replace")
        return content[: content.rfind("\n") + 1].splitlines()

    def lines(self, *patterns, begin=0):
        return [line for line in self.log()[begin:] if all(re.search(p, line) for p in patterns)]

    def wait_line(self, *patterns, patience=PATIENCE, begin=0):
        def look():
            found = self.lines(*patterns, begin=begin)
            if not found and self.process.poll() is not None:
                found = self.lines(*patterns, begin=begin)
                if not found:
                    tail = "\n".join(self.log()[-5:])
                    raise AssertionError(f"{self.label} ended with {self.process.returncode}:\n{tail}")
            return found

        return wait_for(f"{patterns} in {self.label}'s log", look, patience)[0]

    def running(self):
        return self.process.poll() is None

    def wait(self, patience=PATIENCE):
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.label} still runs after {patience:g} s") from None

    def terminate(self, patience=PATIENCE):
        """SIGTERM; returns exit code and seconds."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.wait(patience), time.monotonic() - begin

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()


def fields_of(line):
    """key=value pairs of one text log line."""
    out = {}
    for key, quoted, plain in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line):
        out[key] = json.loads(f'"{quoted}"') if quoted else plain
    return out


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


def request(port, method, path, body=None, headers=None, timeout=ANSWER_PATIENCE):
    """One HTTP request over a new connection. No redirection, no unpacking, no added headers but Host and Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def query(port, statement, headers=None, **parameters):
    """The series of an InfluxQL statement, or of several, each as (measurement, tags, columns, rows)."""
    arguments = urllib.parse.urlencode({"db": "resmon", "q": statement, "epoch": "ns", **parameters})
    answer = request(port, "GET", f"/query?{arguments}", headers=headers)
    if answer.status != 200:
        raise AssertionError(f"{statement}: {answer.status} {answer.body!r}")
    results = answer.json()["results"]
    for result in results:
        if "error" in result:
            raise AssertionError(f"{statement}: {result['error']}")
    return [(s.get("name"), s.get("tags", {}), s["columns"], s["values"]) for result in results for s in result.get("series", [])]


def rows(port, statement, **parameters):
    found = query(port, statement, **parameters)
    return found[0][3] if found else []


class Server(Process):
    def __init__(self, folder, *sets, port=None, http_port=None, label="server", environment=None, prefix=(), config=None):
        self.folder = folder
        self.port = port or free_port()
        self.http_port = http_port or free_port()
        self.token_file = write_token(folder)
        self.store = os.path.join(folder, "store")
        arguments = ["--config", config] if config else []
        for pair in (
            f"listen.address=127.0.0.1:{self.port}",
            f"http.address=127.0.0.1:{self.http_port}",
            f"auth.token_file={self.token_file}",
            f"store.directory={self.store}",
            "store.retain=0s",  # tests write times such as 1
            *sets,
        ):
            arguments += ["--set", pair]
        super().__init__("resmon-server", arguments, folder, label, environment, prefix)

    def wait_ready(self):
        self.wait_line(r" server started ")
        return self

    def healthy(self):
        answer = request(self.http_port, "GET", "/healthz")
        return answer.status == 200 and answer.body == b"ok\n"

    def get(self, path, **headers):
        return request(self.http_port, "GET", path, headers=headers)

    def rows(self, statement, **parameters):
        return rows(self.http_port, statement, **parameters)

    def hosts(self):
        return {host["host"]: host for host in self.get("/api/v1/hosts").json()["hosts"]}

    def metrics(self):
        out = {}
        for line in self.get("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out


def write_token(folder, name="token", token=TOKEN, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(token + "\n")
    os.chmod(path, mode)
    return path


def client_arguments(server_port, token_file, host, interval, *sets):
    arguments = ["--server", f"127.0.0.1:{server_port}", "--token-file", token_file, "--host", host, "--interval", interval]
    arguments += ["--set", "client.default_logs=false"]  # of the machine that the tests run on
    for pair in sets:
        arguments += ["--set", pair]
    return arguments


class Connection:
    """A raw connection to the client port that speaks wire.py's frames."""

    def __init__(self, port, tls=None, timeout=ANSWER_PATIENCE, name=None, source=None):
        # From an address of its own: what the server logs of one address it sums up, and what it allows one is a share.
        source = source or ".".join(["127", *(str(random.randrange(1, 255)) for _ in range(3))])
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.address = "%s:%d" % self.socket.getsockname()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=name or "127.0.0.1")
        self.frames = wire.Frames()
        self.encoder = wire.Encoder()
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next frame; None when the server has ended the stream."""
        while True:
            found = self.frames.next()
            if found is not None:
                return found
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                data = b""
            if not data:
                self.closed = True
                return None
            self.frames.append(data)

    def wait_closed(self):
        """What the server still says until it ends the stream."""
        out = []
        while (found := self.receive()) is not None:
            out.append(found)
        return out

    def hello(self, client, stream, token=TOKEN, **more):
        more.setdefault("clock", time.time_ns())
        self.send(wire.hello(client, token, stream, **more))
        return self.receive()

    def declare(self, measurement, tags, fields, complements=()):
        number, data = self.encoder.declare(measurement, tags, fields, complements)
        self.send(data)
        return number

    def samples(self, first, batches):
        self.send(self.encoder.samples(first, batches))

    def acknowledged(self, sequence):
        """Reads until the acknowledgement of `sequence`; other frames but notices are failures."""
        while True:
            found = self.receive()
            if found is not None and found["type"] == wire.NOTICE:
                continue
            if found is None or found["type"] != wire.ACK or found["sequence"] > sequence:
                raise AssertionError(f"waiting for the acknowledgement of {sequence}: {found}")
            if found["sequence"] == sequence:
                return


class WebSocket:
    """The least of RFC 6455: a handshake, text messages in, one text message out."""

    def __init__(self, port, path, headers=(), host=None, connection=None):
        self.socket = connection or socket.create_connection(("127.0.0.1", port), timeout=ANSWER_PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data

    def take(self, count):
        while len(self.buffer) < count:
            self.buffer += self.more()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def frame(self):
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self.take(2), "big")
        elif length == 127:
            length = int.from_bytes(self.take(8), "big")
        return first, self.take(length)

    def message(self):
        whole = b""
        while True:
            first, data = self.frame()
            kind = first & 0x0F
            if kind == 8:
                return {"closed": int.from_bytes(data[:2], "big")}
            if kind in (0, 1):
                whole += data
                if first & 0x80:
                    return json.loads(whole)

    def send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def close(self):
        self.socket.close()


class HttpReceiver:
    """What a test puts in the place of a database or of whoever gets messages. `answer(path, headers, body)` is called for each POST,
    with the body unpacked; it returns a status, or a status, headers and a body. `greet()` does that for each GET."""

    def __init__(self, answer, greet=None, port=0, keep_alive=False):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if keep_alive else "HTTP/1.0"

            def reply(self, answered):
                status, headers, body = answered if isinstance(answered, tuple) else (answered, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply(greet() if greet else 404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.reply(answer(self.path, self.headers, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class HouseTest(unittest.TestCase):
    """Each test has a scratch folder; whatever it started is ended with it."""

    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="resmon-e2e-")
        self.addCleanup(self.clean_up)

    def clean_up(self):
        failed = any(error for _, error in getattr(getattr(self, "_outcome", None), "errors", []) or []) or bool(
            getattr(getattr(self, "_outcome", None), "success", True) is False
        )
        if failed:
            for name in sorted(os.listdir(self.folder)):
                if name.endswith(".log"):
                    with open(os.path.join(self.folder, name), errors="replace") as file:
                        tail = file.read().splitlines()[-30:]
                    print(f"# --- {name}", *(f"# {line}" for line in tail), sep="\n", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, process):
        self.addCleanup(process.kill)
        return process

    def server(self, *sets, **more):
        return self.start(Server(self.folder, *sets, **more)).wait_ready()

    def client(self, server, host, interval="100ms", *sets, label=None):
        arguments = client_arguments(server.port, server.token_file, host, interval, *sets)
        return self.start(Process("resmon-client", arguments, self.folder, label or host))

    def load(self, server, clients=2, interval="200ms", *sets):
        arguments = ["--server", f"127.0.0.1:{server.port}", "--token-file", server.token_file, "--clients", str(clients)]
        arguments += ["--interval", interval]
        for pair in sets:
            arguments += ["--set", pair]
        return self.start(Process("resmon-load", arguments, self.folder, "load"))


class Influxd:
    """Debian's InfluxDB with its data in the test's folder."""

    headers = {}

    def __init__(self, test):
        if not shutil.which("influxd"):
            test.skipTest("influxd is not installed")
        self.folder = os.path.join(test.folder, "influxdb")
        self.port = free_port()
        self.rpc = free_port()
        self.test = test
        self.process = None
        test.addCleanup(self.kill)

    def launch(self):
        settings = {
            "REPORTING_DISABLED": "true", "BIND_ADDRESS": f"127.0.0.1:{self.rpc}", "META_DIR": f"{self.folder}/meta",
            "DATA_DIR": f"{self.folder}/data", "DATA_WAL_DIR": f"{self.folder}/wal", "HTTP_BIND_ADDRESS": f"127.0.0.1:{self.port}",
            "HTTP_LOG_ENABLED": "false", "MONITOR_STORE_ENABLED": "false", "DATA_INDEX_VERSION": "inmem",
        }  # fmt: skip
        environment = {**clean_environment(), **{f"INFLUXDB_{k}": v for k, v in settings.items()}}
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.test.folder, "influxd.log"), "ab") as log:
            self.process = subprocess.Popen(
                ["influxd", "run", "-config", "/dev/null"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self):
        self.launch()

        def answers():
            try:
                return request(self.port, "GET", "/ping").status == 204
            except OSError:
                self.test.assertIsNone(self.process.poll(), "influxd ended")
                return False

        wait_for("influxd", answers, 60)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def query(self, statement):
        return query(self.port, statement, headers=self.headers)

    def rows(self, statement):
        found = self.query(statement)
        return found[0][3] if found else []

    def write(self, lines):
        answer = request(self.port, "POST", "/write?db=resmon", body=lines.encode(), headers=self.headers)
        self.test.assertEqual(answer.status, 204, answer.body)

    def create_database(self):
        request(self.port, "POST", "/query", body=b"q=CREATE DATABASE resmon", headers={"Content-Type": "application/x-www-form-urlencoded"})

    @property
    def sink(self):
        """Settings of a sink `influx` that writes here."""
        return [f"sink.influx.url=http://127.0.0.1:{self.port}"]


class Influxd2(Influxd):
    """InfluxDB 2, which Debian does not have: RESMON_TEST_INFLUXD2 names its influxd."""

    TOKEN = "a-token-of-the-tests"
    headers = {"Authorization": f"Token {TOKEN}"}

    def launch(self):
        os.makedirs(self.folder, exist_ok=True)
        paths = [f"--{name}-path={self.folder}/{name}" for name in ("bolt", "sqlite", "engine")]
        with open(os.path.join(self.test.folder, "influxd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.environ["RESMON_TEST_INFLUXD2"], "run", *paths, f"--http-bind-address=127.0.0.1:{self.port}", "--reporting-disabled"],
                env={**clean_environment(), "HOME": self.folder}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def create_database(self):
        words = {"username": "resmon", "password": "a password of the tests", "org": "resmon", "bucket": "resmon", "token": self.TOKEN}
        answer = request(self.port, "POST", "/api/v2/setup", body=json.dumps(words).encode())
        self.test.assertEqual(answer.status, 201, answer.body)

    @property
    def sink(self):
        return [*super().sink, "sink.influx.org=resmon", "sink.influx.bucket=resmon", f"sink.influx.token={self.TOKEN}"]


class VictoriaMetrics:
    """Debian's, with its data in the test's folder."""

    def __init__(self, test, *flags):
        if not shutil.which("victoria-metrics"):
            test.skipTest("victoria-metrics is not installed")
        self.test = test
        self.flags = flags
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        test.addCleanup(self.kill)

    def launch(self):
        with open(os.path.join(self.test.folder, "victoria-metrics.log"), "ab") as log:
            folder = os.path.join(self.test.folder, "victoria-metrics")
            command = ["victoria-metrics", f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{self.port}", *self.flags]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()

        def answers():
            with contextlib.suppress(OSError):
                return request(self.port, "GET", "/health").status == 200
            return False

        wait_for("victoria-metrics", answers, 60)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def points(self, name="m_n"):
        """All points of a metric as (host, milliseconds, value), as a list, so that a repeated one shows."""
        text = request(self.port, "GET", "/api/v1/export?" + urllib.parse.urlencode({"match[]": name}), timeout=120).body.decode()
        series = [json.loads(line) for line in text.splitlines()]
        return sorted((s["metric"]["host"], time, value) for s in series for time, value in zip(s["timestamps"], s["values"]))


def unexplained_gaps(server, host, times, interval_ns):
    """Steps between neighbouring times of a client's samples that are not the interval. Where the client says that it did not get to
    run as many times as there are missing, on a machine busy with other things, nothing was taken and nothing is lost."""
    skipped = wait_for(  # the rows of one gather are not shown in one instant
        f"what {host} says of its gathers",
        lambda: times[-1] in (said := dict(server.rows(f"SELECT skipped_gathers FROM internal_client WHERE host = '{host}'"))) and said,
    )
    return [(a, b) for a, b in zip(times, times[1:]) if b - a != interval_ns * (1 + skipped[b] - skipped[a])]


def unpack(answer):
    return gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body


def run_openssl(folder, *arguments, text=None):
    done = subprocess.run(["openssl", *arguments], cwd=folder, input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")


def make_certificates(folder):
    """ca.pem and other-ca.pem; good, expired, foreign (of the other CA) and misnamed certificates with their keys."""
    run = lambda *arguments: run_openssl(folder, *arguments)  # noqa: E731
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ("ca", "other-ca"):
        run("req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN=resmon e2e {name}", "-days", "30")
    os.makedirs(os.path.join(folder, "issued"), exist_ok=True)
    for name, ca, names, dates in (
        ("good", "ca", "DNS:localhost,IP:127.0.0.1", None),
        ("expired", "ca", "DNS:localhost,IP:127.0.0.1", ("20200101000000Z", "20200201000000Z")),
        ("foreign", "other-ca", "DNS:localhost,IP:127.0.0.1", None),
        ("misnamed", "ca", "DNS:elsewhere.example", None),
    ):
        run("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open(os.path.join(folder, "ca.cnf"), "w") as file:
            file.write(
                "[ca]\ndefault_ca=c\n[c]\nnew_certs_dir=issued\ndatabase=index.txt\nrand_serial=yes\ndefault_md=sha256\n"
                "policy=p\nunique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n"
                f"[e]\nsubjectAltName={names}\nbasicConstraints=CA:FALSE\n"
            )
        open(os.path.join(folder, "index.txt"), "a").close()
        when = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "10"]
        run(
            "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", f"{ca}.pem", "-keyfile", f"{ca}.key", *when,
            "-in", f"{name}.csr", "-out", f"{name}.pem",
        )  # fmt: skip


def tls_trusting(ca_file):
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


MOST_REPEATED = 2


class TapResult(unittest.TestResult):
    """TAP as it comes. The verdict on a test that failed waits for settle()."""

    def __init__(self, total):
        super().__init__()
        self.count = 0
        self.began = 0.0
        self.failed = {}  # test: its first error's text
        print(f"1..{total}", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.told = False

    def point(self, good, test, note="", error=""):
        self.told = True
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {test.id().removeprefix('__main__.')}{note}", flush=True)
        self.explain(error)

    def explain(self, error):
        print(*(f"# {line}" for line in error.splitlines()), sep="\n", end="\n" if error else "", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        print(f"# {time.monotonic() - self.began:.1f} s", flush=True)

    def addSuccess(self, test):
        self.point(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.point(True, test, f" # SKIP {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.keep(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.keep(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.keep(subtest, error)

    def keep(self, test, error):
        text = self._exc_info_to_string(error, test)
        self.explain(text)
        if not self.told or not isinstance(test, unittest.TestCase):  # such as a class that could not be set up
            self.failed.setdefault(getattr(test, "test_case", test), text)

    def settle(self):
        """Runs each test that failed once more, alone, unless there are more than a few. One that passes then is told as unsteady,
        with how it failed: a defect of the test or of what it tests, which the summary of the whole run names. How many failed for
        good."""
        first, self.failed = self.failed, {}
        repeated = {t: text for t, text in first.items() if isinstance(t, unittest.TestCase) and len(first) <= MOST_REPEATED}
        bad = len(first) - len(repeated)
        for test in (t for t in first if t not in repeated):
            self.point(False, test, error=first[test])
        for test, text in repeated.items():
            print(f"# once more, alone: {test.id().removeprefix('__main__.')}", flush=True)
            self._previousTestClass = None  # or a class whose tests were the last would not be set up again
            unittest.TestSuite([type(test)(test._testMethodName)]).run(self)
            if self.failed:
                bad += 1
                self.point(False, test, error=next(iter(self.failed.values())))
            else:
                reason = text.strip().splitlines()[-1]
                print(f"# unsteady: {test.id().removeprefix('__main__.')}: {reason}", flush=True)
            self.failed = {}
        return bad


def main():
    """Runs the calling file's tests, or those whose names hold one of the arguments. Exit code 1 when any fails."""
    loader = unittest.TestLoader()
    tests = loader.loadTestsFromModule(sys.modules["__main__"])

    def flat(suite):
        for test in suite:
            yield from flat(test) if isinstance(test, unittest.TestSuite) else (test,)

    chosen = [t for t in flat(tests) if len(sys.argv) < 2 or any(word in t.id() for word in sys.argv[1:])]
    result = TapResult(len(chosen))
    unittest.TestSuite(chosen).run(result)
    bad = result.settle()
    print(f"# {len(chosen)} tests, {bad} failed, {len(result.skipped)} skipped", flush=True)
    sys.exit(1 if bad else 0)
