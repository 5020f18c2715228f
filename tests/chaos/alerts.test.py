#!/usr/bin/env python3
"""Every crossing has its message: rules cross while the server is killed with -9 at random and the receiver is slow or refuses.

    RESMON_CHAOS_SEED=7 RESMON_CHAOS_SECONDS=600 tests/chaos/alerts.test.py

A crossing is told by a message about it, or by that of its end when both waited together. What arrives twice is counted: a message
that was under way when the server was killed is sent again.
"""

import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import house  # noqa: E402
from house import TOKEN, free_port, request, wait_for  # noqa: E402

SEED = int(os.environ.get("RESMON_CHAOS_SEED") or random.SystemRandom().randrange(1, 1_000_000))
SECONDS = int(os.environ.get("RESMON_CHAOS_SECONDS") or 30)
RULES = 30
PERIOD = 45  # seconds between two crossings of one rule: more than messages of one rule are held together


class Receiver(house.HttpReceiver):
    """Keeps what it answered with 200; refuses and waits at random."""

    def __init__(self, seed):
        self.messages = []
        self.refused = 0
        self.calm = False
        self.random = random.Random(seed)
        super().__init__(self.take)

    def take(self, _path, _headers, body):
        time.sleep(self.random.random() * 0.3)
        if not self.calm and self.random.random() < 0.1:
            self.refused += 1
            return 503
        self.messages.append((time.time(), json.loads(body)))
        return 200


class AlertChaosTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver(SEED)
        self.rules = os.path.join(self.folder, "alerts.toml")
        with open(self.rules, "w") as file:
            file.write(f"""notify = ["hook"]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:{self.receiver.port}/"
most_per_hour = 10000
""")
            for i in range(RULES):
                file.write(f"[rule.r{i}]\nwhen = 'chaos{{n=\"{i}\"}}.value > 50'\n")
        self.ports = {"port": free_port(), "http_port": free_port()}

    def run_server(self):
        self.served = self.server(f"alerts.rules_file={self.rules}", **self.ports)

    def write(self, host, value):
        """Until it is acknowledged; the sample's time is that of the first attempt."""
        at = time.time_ns()
        line = f"chaos,host=h{host},n={host} value={value} {at}".encode()
        while True:
            try:
                if request(self.ports["http_port"], "POST", "/write?db=resmon", line, {"Authorization": f"Token {TOKEN}"}).status == 204:
                    return at
            except OSError:
                pass
            time.sleep(0.05)

    def cross(self, host, crossings, end):
        choice = random.Random(SEED * 1000 + host)
        time.sleep(choice.random() * 15)
        while time.monotonic() < end - 12:
            begin = time.monotonic()
            crossings.append((host, self.write(host, 90)))
            time.sleep(3 + choice.random() * 8)
            self.write(host, 10)
            time.sleep(max(0, PERIOD - (time.monotonic() - begin)))

    def test_every_crossing_has_its_message(self):
        print(f"# seed {SEED}, {SECONDS} s", flush=True)
        self.run_server()
        crossings, kills = [], 0
        end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self.cross, args=(host, crossings, end)) for host in range(RULES)]
        for thread in threads:
            thread.start()
        choice = random.Random(SEED)
        while time.monotonic() < end - 3:
            time.sleep(1 + choice.random() * 4)
            self.served.kill()
            kills += 1
            self.run_server()
        for thread in threads:
            thread.join()
        self.receiver.calm = True

        def told():
            """By crossing: how often its beginning and its end came."""
            out = {}
            for _, message in self.receiver.messages:
                for item in message["alerts"]:
                    counts = out.setdefault((item["host"], item["since"]), [0, 0])
                    counts[1 if item["ended"] else 0] += 1
            return out

        def key(crossing):
            host, at = crossing
            return (f"h{host}", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // 10**9)))

        # 5 s and more after a refusal, and 30 s where messages of one rule wait for each other.
        wait_for("all ends to be told", lambda: all(told().get(key(one), [0, 0])[1] for one in crossings), 120)
        counts = told()
        untold = [key(one) for one in crossings if sum(counts.get(key(one), [0, 0])) == 0]
        self.assertEqual(untold, [])
        self.assertEqual(set(counts), {key(one) for one in crossings})
        twice = sum(max(0, one - 1) for both in counts.values() for one in both)
        alone = sum(1 for both in counts.values() if both[0] == 0)
        print(f"# summary: alerts: {len(crossings)} crossings, {kills} kills, {self.receiver.refused} refusals: {len(self.receiver.messages)} messages,"
              f" {twice} alerts told twice, {alone} told by their end alone")  # fmt: skip
        self.assertLessEqual(twice, 10 * kills)  # what was under way at a kill: one message, of some alerts
        self.served.terminate()


if __name__ == "__main__":
    house.main()
