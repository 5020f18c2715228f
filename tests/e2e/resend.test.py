#!/usr/bin/env python3
"""A database that acknowledges before its data is durable, killed with -9 several times: in the end it has everything."""

import threading
import time

import house


class ResendTest(house.HouseTest):
    def test_a_database_killed_again_and_again_has_all(self):
        database = house.VictoriaMetrics(self, "-dedup.minScrapeInterval=1ms")
        database.start()
        sets = (f"sink.vm.url={database.url}", "sink.vm.retry_last=200ms", "sink.vm.linger=50ms")
        server = self.server(*sets)
        self.assertEqual(server.lines("stores samples that are sent again twice"), [])
        expected, stop = [], threading.Event()

        def write():
            base = int(time.time()) - 100_000
            number = 0
            while not stop.is_set():
                lines = []
                for host in "ab":
                    expected.append((host, (base + number) * 1000, number))
                    lines.append(f"m,host={host} n={number}i {(base + number) * house.NS}\n")
                number += 1
                house.request(server.http_port, "POST", "/write?db=resmon", "".join(lines).encode(), {"Authorization": f"Token {house.TOKEN}"})
                time.sleep(0.01)

        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(stop.set)
        sink = lambda: server.get("/api/v1/server").json()["sinks"][0]  # noqa: E731
        for _ in range(3):
            sent = sink()["sent_samples"]
            house.wait_for("samples to be acknowledged", lambda sent=sent: sink()["sent_samples"] > sent + 100)
            database.kill()
            database.start()
        stop.set()
        writer.join()
        house.wait_for("the delivery of all", lambda: sink()["backlog_samples"] == 0, 90)
        told = sink()
        self.assertGreater(told["resent_samples"], 0)
        self.assertEqual((told["lost_samples"], told["refused_samples"]), (0, 0))
        # Both at once: the server's cursor is a window behind what it delivered.
        server.kill()
        database.kill()
        database.start()
        server = self.server(*sets, port=server.port, http_port=server.http_port)
        house.wait_for("all points", lambda: database.points() == sorted(expected), 90, 0.5)
        print(f"# {len(expected)} points, {told['resent_samples']} samples sent again", flush=True)

    def test_a_database_that_keeps_repeats_is_named(self):
        database = house.VictoriaMetrics(self)
        database.start()
        server = self.server(f"sink.vm.url={database.url}")
        self.assertTrue(server.wait_line("WARN sink VictoriaMetrics stores samples that are sent again twice", "-dedup.minScrapeInterval=1ms"))


if __name__ == "__main__":
    house.main()
