#!/usr/bin/env python3
"""The client's spool: what was taken once is stored once, whatever happens to the client meanwhile, or it is counted."""

import ctypes
import os
import time

import house
from house import NS


def ledger(folder, client):
    """{sequence: samples} of what the client's spool took, and of what it was only offered."""
    offered, taken = {}, set()
    with open(os.path.join(folder, f"{client}.ledger")) as file:
        for line in file.read().splitlines():
            word, *numbers = line.split(" ")
            if word == "offered":
                offered[int(numbers[0])] = int(numbers[2])
            else:
                taken.add(int(numbers[0]))
    return {n: offered[n] for n in taken}, {n: s for n, s in offered.items() if n not in taken}


class SpoolTest(house.HouseTest):
    def numbered(self, port, token, *sets, interval="100ms", profile="none"):
        arguments = ["--server", f"127.0.0.1:{port}", "--token-file", token, "--clients", "1", "--interval", interval]
        arguments += ["--load-profile", profile, "--set", "load.numbered=true"]
        for pair in (f"load.ledger_directory={self.folder}", f"load.spool_directory={self.folder}/spool", *sets):
            arguments += ["--set", pair]
        return self.start(house.Process("resmon-load", arguments, self.folder, "load"))

    def stored(self, server):
        return [row[1] for row in server.rows("SELECT sequence FROM numbered WHERE host = 'sim-1'")]

    def taken(self):
        try:
            return ledger(self.folder, "sim-1")[0]
        except FileNotFoundError:
            return {}

    def wait_taken(self, more):
        enough = len(self.taken()) + more
        house.wait_for(f"{more} gathers", lambda: len(self.taken()) >= enough)

    def test_kill_9_of_a_client_loses_nothing_that_was_taken(self):
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        token = house.write_token(self.folder)
        for _ in range(3):  # without a server: only the spool has it
            client = self.numbered(ports["port"], token)
            self.wait_taken(5)
            client.kill()
        server = self.server(**ports)
        for _ in range(3):  # and with one
            client = self.numbered(ports["port"], token)
            self.wait_taken(5)
            client.kill()
        client = self.numbered(ports["port"], token)
        self.wait_taken(2)
        client.terminate()
        taken, only_offered = ledger(self.folder, "sim-1")
        stored = house.wait_for("all that was taken", lambda: set(taken) <= set(s := self.stored(server)) and s)
        self.assertEqual(len(stored), len(set(stored)))
        self.assertLessEqual(set(stored), set(taken) | set(only_offered))

    def test_a_full_spool_drops_the_oldest_and_counts_them_exactly(self):
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        token = house.write_token(self.folder)
        client = self.numbered(ports["port"], token, "load.spool_limit_bytes=128KiB", profile="busy")
        spool = os.path.join(self.folder, "spool", "sim-1")
        oldest = lambda: min(int(name[:20]) for name in os.listdir(spool) if name.endswith(".seg"))  # noqa: E731
        house.wait_for("the first segment", lambda: os.path.isdir(spool) and any(n.endswith(".seg") for n in os.listdir(spool)))
        house.wait_for("the oldest to go", lambda: oldest() > 1, patience=120)
        size = sum(os.stat(os.path.join(spool, name)).st_blocks * 512 for name in os.listdir(spool))
        self.assertLessEqual(size, 128 << 10)
        client.kill()
        client = self.numbered(ports["port"], token, "load.spool_limit_bytes=128KiB", profile="busy")
        self.wait_taken(3)
        server = self.server(**ports)
        client.wait_line("uplink connected")
        self.wait_taken(5)
        client.terminate()
        taken, _ = ledger(self.folder, "sim-1")
        stored = house.wait_for("the newest", lambda: max(taken) in (s := self.stored(server)) and s)
        lost = sum(samples for number, samples in taken.items() if number not in set(stored))
        dropped = server.rows("SELECT last(dropped_samples) FROM internal_client WHERE host = 'sim-1'")[0][1]
        self.assertGreater(lost, 0)
        self.assertEqual(dropped, lost)
        self.assertEqual([n for n in taken if n > min(stored) and n not in stored], [], "the oldest go, and nothing in between")

    def test_the_real_client_goes_on_where_it_was_killed(self):
        server = self.server()
        sets = (f"spool.directory={self.folder}/spool",)
        client = self.client(server, "real", "200ms", *sets)
        times = lambda: [r[0] for r in server.rows("SELECT load1 FROM system WHERE host = 'real'")]  # noqa: E731
        house.wait_for("samples", times)
        server.terminate()
        away = time.time_ns()
        client.wait_line(" WARN uplink ")
        house.wait_seconds(1.5)
        client.kill()
        killed = time.time_ns()
        server = self.server(port=server.port, http_port=server.http_port)
        client = self.client(server, "real", "200ms", *sets)
        client.wait_line("an earlier run left samples that no server has acknowledged")
        found = house.wait_for("samples of the new run", lambda: (t := times()) and t[-1] > killed + NS and t)
        between = [t for t in found if away < t < killed]
        self.assertGreaterEqual(len(between), 2, "what only the killed client's spool had")
        first_run = [t for t in found if t < killed]
        self.assertEqual(house.unexplained_gaps(server, "real", first_run, NS // 5), [])
        code, _ = client.terminate()
        self.assertEqual(code, 0)
        self.assertEqual(client.lines("WARN"), [])

    def test_a_client_stopped_without_a_server_keeps_its_samples(self):
        port = house.free_port()
        token = house.write_token(self.folder)
        sets = (f"spool.directory={self.folder}/spool", "spool.stop_patience=100ms")
        start = lambda: self.start(house.Process("resmon-client", house.client_arguments(port, token, "kept", "100ms", *sets), self.folder, "kept"))  # noqa: E731
        client = start()
        client.wait_line(" WARN uplink ")
        house.wait_seconds(0.5)
        client.terminate()
        kept = int(house.fields_of(client.wait_line("they are kept"))["samples"])
        client = start()
        left = int(house.fields_of(client.wait_line("an earlier run left samples"))["samples"])
        self.assertEqual(left, kept)

    def test_two_clients_on_one_directory(self):
        server = self.server()
        sets = (f"spool.directory={self.folder}/spool",)
        self.client(server, "first", "200ms", *sets).wait_line("uplink connected")
        second = self.client(server, "second", "200ms", *sets)
        second.wait_line(" WARN client spool cannot be written: samples are kept in memory")
        house.wait_for("samples of the second", lambda: server.rows("SELECT load1 FROM system WHERE host = 'second'"))

    def test_a_full_disk_costs_no_sample(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small tmpfs needs root")
        mount = os.path.join(self.folder, "small")
        os.mkdir(mount)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", mount.encode(), b"tmpfs", 0, b"size=1m") != 0:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(lambda: libc.umount2(mount.encode(), 2))
        filler = os.path.join(mount, "filler")
        with open(filler, "wb") as file:
            file.write(b"x" * (1 << 20))
        port = house.free_port()
        token = house.write_token(self.folder)
        arguments = house.client_arguments(port, token, "full", "200ms", f"spool.directory={mount}/spool")
        client = self.start(house.Process("resmon-client", arguments, self.folder, "full"))
        client.wait_line(" WARN client spool cannot be written: samples are kept in memory until it can", "reason=.*[Nn]o space")
        begin = time.time_ns()
        house.wait_seconds(1)
        os.remove(filler)
        client.wait_line(" INFO client spool can be written again")
        client.kill()  # by now the disk has what was in memory
        server = self.server(port=port)
        self.start(house.Process("resmon-client", arguments, self.folder, "full"))
        found = house.wait_for("samples", lambda: server.rows("SELECT load1 FROM system WHERE host = 'full'"))
        self.assertLess(found[0][0], begin + NS, "what was taken while the disk was full")


if __name__ == "__main__":
    house.main()
