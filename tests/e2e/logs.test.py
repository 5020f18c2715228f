#!/usr/bin/env python3
"""Log lines from files to the server: what was written is stored, each line once and in order, while files are rotated in every way,
client and server are killed, their disks are full, and the network between them fails in every way of tests/chaos/proxy.py.
RESMON_LOGS_SECONDS=1800 RESMON_LOGS_SEED=7 for longer.

Files are written to and rotated by one thread, so nothing is written between a copy and the truncation of its original: what logrotate
itself loses there is not what is tested. A file is deleted only while the client runs, and the client is not killed shortly after."""

import json
import os
import random
import shutil
import sys
import time
import urllib.parse

import house

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import disk
import proxy

WRITERS = 10
SECONDS = float(os.environ.get("RESMON_LOGS_SECONDS", "10"))
SEED = int(os.environ.get("RESMON_LOGS_SEED", "1"))


class Writer:
    """Numbered lines to one file."""

    def __init__(self, folder, number, rng):
        self.path = os.path.join(folder, f"w{number}.log")
        self.name = f"w{number}"
        self.rng = rng
        self.next = 0
        self.file = None
        self.rotated_at = 0.0

    def write(self):
        if self.file is None:
            self.rotated_at = time.monotonic()
            self.file = open(self.path, "ab", buffering=0)
        for _ in range(self.rng.randrange(1, 20)):
            line = f"{self.name} {self.next} {'.' * self.rng.randrange(60)}\n".encode()
            half = self.rng.randrange(len(line)) if self.rng.random() < 0.1 else 0
            for piece in (line[:half], line[half:]):
                if piece:
                    self.file.write(piece)
            self.next += 1

    def close(self):
        if self.file:
            self.file.close()
            self.file = None

    def shift(self):
        for i in range(5, 0, -1):
            if os.path.exists(f"{self.path}.{i}"):
                os.rename(f"{self.path}.{i}", f"{self.path}.{i + 1}")
        return f"{self.path}.1"

    def rename(self):
        os.rename(self.path, self.shift())
        if self.rng.random() < 0.5:
            self.write()
        self.close()

    def copy_and_truncate(self):
        shutil.copyfile(self.path, self.shift())
        os.truncate(self.path, 0)

    def delete(self):
        os.remove(self.path)
        self.close()


class LogsTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.logs = os.path.join(self.folder, "logs")
        os.makedirs(self.logs)

    def log_server(self, **ports):
        server = self.server(**ports)
        if server.get("/api/v1/logs?limit=1").status == 404:
            self.skipTest("this server keeps no logs")
        return server

    def log_client(self, port, token_file, *sets, host="web1"):
        arguments = house.client_arguments(
            port, token_file, host, "1s", f"spool.directory={self.folder}/spool", f"logs.app.files={self.logs}/*.log", *sets
        )
        return self.start(house.Process("resmon-client", arguments, self.folder, "client"))

    def stored(self, server, query=""):
        """Messages, oldest first."""
        out, cursor = [], ""
        while True:
            arguments = {"q": query, "hosts": "web1", "limit": 10000, "direction": "oldest", "cursor": cursor}
            answer = server.get("/api/v1/logs?" + urllib.parse.urlencode(arguments))
            self.assertEqual(answer.status, 200, answer.body)
            found = json.loads(answer.body)
            out += found["lines"]
            cursor = found["cursor"]
            if not cursor or not found["lines"]:
                return out

    def count(self, server):
        arguments = {"q": "", "hosts": "web1", "start": f"-{SECONDS * 4 + 3600:.0f}s", "end": "now", "buckets": 10}
        answer = server.get("/api/v1/logs/histogram?" + urllib.parse.urlencode(arguments))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["total"]

    def test_lines_arrive_parsed_and_without_secrets(self):
        server = self.log_server()
        with open(os.path.join(self.logs, "app.log"), "w") as file:
            file.write('{"level":"error","msg":"payment failed","order":17}\n')
            file.write("health check\n")
            file.write("x" * 5000 + "\n")
            file.write("2026-11-29 12:00:01 ERROR login password=hunter2\n\tat one\n")
        self.log_client(
            server.port, server.token_file, "logs.app.multiline=indent", "logs.app.exclude=health", "logs.app.max_line_bytes=1KiB"
        )
        lines = house.wait_for("three lines", lambda: len(found := self.stored(server)) >= 3 and found)
        by_text = {line["message"][:7]: line for line in lines}
        self.assertEqual(len(lines), 3)
        self.assertEqual(by_text["payment"]["level"], "error")
        self.assertEqual(by_text["payment"]["fields"], {"order": "17"})
        self.assertEqual(by_text["payment"]["source"], "app")
        self.assertEqual(by_text["2026-11"]["message"], "2026-11-29 12:00:01 ERROR login password=[redacted]\n\tat one")
        self.assertEqual(by_text["2026-11"]["unit"], os.path.join(self.logs, "app.log"))
        self.assertTrue(by_text["xxxxxxx"]["cut"])
        self.assertEqual(len(by_text["xxxxxxx"]["message"]), 1024)
        # What is being sent is no reason for lines of its own.
        numbers = "SELECT last(lines), last(excluded_lines), last(cut_lines) FROM internal_logs WHERE source = 'app'"
        house.wait_for("the client's own numbers", lambda: [row[1:] for row in server.rows(numbers)] == [[3, 1, 1]])

    def test_every_line_once_whatever_happens(self):
        rng = random.Random(SEED)
        disks = [disk.Disk(self, os.path.join(self.folder, name), size) for name, size in (("store", "96m"), ("spool", "24m"))]
        disks = [one for one in disks if one.mounted]  # not as an ordinary user
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        server = self.log_server(**ports)
        network = proxy.Proxy(ports["port"])
        self.addCleanup(network.close)
        begin = lambda: self.log_client(  # noqa: E731
            network.port, server.token_file, f"logs.app.files={self.logs}/*.log,{self.logs}/*[02468].log.*", "logs.app.parse=none"
        )
        client = begin()
        writers = [Writer(self.logs, n, rng) for n in range(WRITERS)]
        counts = {"rotations": 0, "kills of the client": 0, "kills of the server": 0, "network failures": 0, "full disks": 0}
        until = time.monotonic() + SECONDS
        client_since = time.monotonic()
        spare_client_until = 0.0
        next_trouble = time.monotonic() + 1.5
        network_until = disk_until = 0.0
        full = None
        while (now := time.monotonic()) < until:
            writer = rng.choice(writers)
            writer.write()
            if rng.random() < 0.1 and os.path.exists(writer.path) and now - max(writer.rotated_at, client_since) > 2.5:
                way = rng.randrange(8)
                if way < 3:
                    writer.rename()
                elif way < 7:
                    writer.copy_and_truncate()
                elif now - client_since > 4:
                    writer.delete()
                    spare_client_until = now + 4
                writer.rotated_at = now
                counts["rotations"] += 1
            if network_until and now > network_until:
                network.set_mode("open")
                network_until = 0.0
            if full and now > disk_until:
                full.heal()
                full = None
            if now > next_trouble:
                next_trouble = now + rng.uniform(0.5, 3)
                what = rng.randrange(4)
                if what == 0 and now > spare_client_until:
                    client.kill()
                    client = begin()
                    client_since = time.monotonic()
                    counts["kills of the client"] += 1
                elif what == 1:
                    server.kill()
                    server = self.server(**ports)
                    counts["kills of the server"] += 1
                elif what == 2:
                    if disks and not full:
                        full = rng.choice(disks)
                        full.fill()
                        disk_until = now + rng.uniform(0.5, 5)
                        counts["full disks"] += 1
                else:
                    network.set_mode(rng.choice(("cut", "stall", "half", "tear")))
                    network_until = now + rng.uniform(0.1, 2)
                    counts["network failures"] += 1
            time.sleep(0.004)
        network.set_mode("open")
        if full:
            full.heal()
        written = sum(writer.next for writer in writers)
        # As long as lines come; to count them is cheaper than to read them.
        there, changed = -1, time.monotonic()
        while there < written and time.monotonic() - changed < 60:
            found = self.count(server)
            if found != there:
                there, changed = found, time.monotonic()
            time.sleep(0.5)
        lines = self.stored(server)
        stored = {writer.name: [] for writer in writers}
        for line in lines:
            name, number, _ = line["message"].split(" ", 2)
            stored[name].append(int(number))
        for writer in writers:
            self.assertEqual(sorted(stored[writer.name]), list(range(writer.next)), writer.name)
            breaks = [at for at in range(1, writer.next) if stored[writer.name][at] != stored[writer.name][at - 1] + 1]
            around = [(line["time"], line["message"][:20]) for line in lines if line["message"].startswith(f"{writer.name} ")]
            self.assertEqual([around[at - 2 : at + 2] for at in breaks[:4]], [], f"{writer.name} is out of order, {self.folder}")
        print(f"# {written} lines in {SECONDS:g} s:", ", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)


if __name__ == "__main__":
    house.main()
