#!/usr/bin/env python3
"""Clock trouble, with the real client under a wall clock of the test's making (libfaketime; the steady clock stays the machine's):
steps forward and back, a sleep, and a client that goes on from a copy of its past."""

import glob
import os
import shutil
import signal
import time

import house
from house import NS

INTERVAL = "200ms"
INTERVAL_NS = NS // 5
HOUR = 3600


def libfaketime():
    if house.SANITIZER:
        raise house.unittest.SkipTest("a sanitizer's library has to be loaded first")
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        raise house.unittest.SkipTest("libfaketime is not installed")
    return found[0]


class ClockTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        self.offset_file = os.path.join(self.folder, "offset")

    def step(self, seconds):
        """The clients' wall clock from now on: `seconds` off. One write, so that nobody reads half of it."""
        with open(self.offset_file + ".new", "w") as file:
            file.write(f"{seconds:+d}s\n")
        os.rename(self.offset_file + ".new", self.offset_file)

    def stepped_client(self, server, *sets):
        environment = house.clean_environment(
            LD_PRELOAD=libfaketime(), FAKETIME_TIMESTAMP_FILE=self.offset_file, FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1"
        )
        arguments = house.client_arguments(server.port, server.token_file, "stepping", INTERVAL, *sets)
        return self.start(house.Process(house.preloadable_client(), arguments, self.folder, "stepping", environment))

    def times(self, server, host="stepping"):
        return [row[0] for row in server.rows(f"SELECT load1 FROM system WHERE host = '{host}'")]

    def wait_times(self, server, what, good, count=3, host="stepping"):
        return house.wait_for(what, lambda: len(found := [t for t in self.times(server, host) if good(t)]) >= count and found)

    def lost_nothing(self, server, client, host="stepping"):
        self.assertEqual(server.metrics()["resmon_missing_batches_total"], 0)
        dropped = server.rows(f"SELECT max(dropped_samples) FROM internal_client WHERE host = '{host}'")
        self.assertEqual(dropped[0][1], 0)
        self.assertTrue(client.running())

    def test_a_clock_set_forward_leaves_a_gap_and_no_back_filling(self):
        self.step(0)
        server = self.server()
        client = self.stepped_client(server)
        before = self.wait_times(server, "samples before", lambda _: True)
        self.step(HOUR)
        after = self.wait_times(server, "samples an hour ahead", lambda t: t > before[-1] + HOUR * NS // 2)
        found = self.times(server)
        between = [t for t in found if after[0] - 3000 * NS < t < after[0]]
        self.assertEqual(between, [])
        self.assertEqual({t % INTERVAL_NS for t in found}, {0}, "aligned to the interval on both sides")
        self.lost_nothing(server, client)

    def test_a_clock_set_back_is_gone_along_with_at_once(self):
        self.step(0)
        server = self.server()
        client = self.stepped_client(server)
        before = self.wait_times(server, "samples before", lambda _: True)
        stepped = time.monotonic()
        self.step(-HOUR)
        after = self.wait_times(server, "samples an hour back", lambda t: t < before[0] - HOUR * NS // 2)
        # Not when the old time comes round again.
        self.assertLess(time.monotonic() - stepped, house.PATIENCE + 5)
        self.assertEqual(house.unexplained_gaps(server, "stepping", after, INTERVAL_NS), [])
        self.lost_nothing(server, client)

    def test_of_repeated_times_the_later_written_value_stays(self):
        """Set back by a little, the client writes times again that it had already: each is stored once, with the second value."""
        self.step(0)
        server = self.server()
        client = self.stepped_client(server)
        first = self.wait_times(server, "samples before", lambda _: True, count=10)
        self.step(-60)
        self.wait_times(server, "samples a minute back", lambda t: t < first[0] - 10 * NS)
        self.step(-1)  # and now into the times of the first samples, or close behind them
        last = self.times(server)[-1]
        self.wait_times(server, "samples after the last", lambda t: t > max(last, first[-1]))
        found = self.times(server)
        self.assertEqual(len(found), len(set(found)))
        acknowledged = server.rows("SELECT acknowledged_samples FROM internal_client WHERE host = 'stepping'")
        self.assertEqual(acknowledged[-1][1], max(value for _, value in acknowledged))
        self.lost_nothing(server, client)

    def test_a_sleep_leaves_a_gap_that_is_explained(self):
        server = self.server()
        client = self.client(server, "sleeping", INTERVAL)
        before = self.wait_times(server, "samples before", lambda _: True, host="sleeping")
        client.process.send_signal(signal.SIGSTOP)
        self.addCleanup(client.process.send_signal, signal.SIGCONT)
        house.wait_seconds(2)
        woken = time.time_ns()
        client.process.send_signal(signal.SIGCONT)
        after = self.wait_times(server, "samples after", lambda t: t >= woken - INTERVAL_NS, host="sleeping")
        found = self.times(server, "sleeping")
        self.assertEqual([t for t in found if woken - NS < t < woken - INTERVAL_NS], [], "no back-filling")
        self.assertLess(before[-1], after[0])
        # The steady clock went on, as it does for a process that is kept from running: each gather is counted as never taken.
        self.assertEqual(house.unexplained_gaps(server, "sleeping", found, INTERVAL_NS), [])
        skipped = server.rows("SELECT last(skipped_gathers) FROM internal_client WHERE host = 'sleeping'")
        self.assertGreaterEqual(skipped[0][1], 5)
        self.lost_nothing(server, client, "sleeping")

    def test_a_client_that_goes_on_from_a_snapshot_doubles_and_hides_nothing(self):
        server = self.server()
        spool, snapshot = os.path.join(self.folder, "spool"), os.path.join(self.folder, "snapshot")
        sets = (f"spool.directory={spool}",)
        client = self.client(server, "restored", INTERVAL, *sets)
        self.wait_times(server, "samples", lambda _: True, host="restored")
        client.terminate()
        shutil.copytree(spool, snapshot)
        # Its future, of which the snapshot knows nothing.
        client = self.client(server, "restored", INTERVAL, *sets)
        first = self.wait_times(server, "more samples", lambda _: True, count=10, host="restored")
        client.terminate()
        shutil.rmtree(spool)
        os.rename(snapshot, spool)
        restored = time.time_ns()
        client = self.client(server, "restored", INTERVAL, *sets)
        self.wait_times(server, "samples of the restored client", lambda t: t > restored, host="restored")
        client.wait_line("which was not sent from here")
        found = self.times(server, "restored")
        self.assertEqual(len(found), len(set(found)))
        self.assertLessEqual(set(first), set(found))
        new = [t for t in found if t > restored]
        self.assertEqual(house.unexplained_gaps(server, "restored", new, INTERVAL_NS), [])


if __name__ == "__main__":
    house.main()
