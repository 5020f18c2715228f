#!/usr/bin/env python3
"""The power goes: a file system of its own loses at one moment everything that was not made durable (ext4's own shutdown, which
drops dirty pages and the log's tail as a power cut does), and the process on it is killed. Of the server nothing that it has
acknowledged may be gone; of a client at most what its spool took since it last had to be durable."""

import contextlib
import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import house  # noqa: E402
import ledger  # noqa: E402
from house import NS  # noqa: E402

EXT4_IOC_SHUTDOWN = 0x8004587D  # linux/ext4.h
SHUTDOWN_WITHOUT_LOG_FLUSH = 2
SYNC_SECONDS = 10  # spool.sync_interval's default, which resmon-load has, too


class PowerDisk:
    """ext4 in a file, that can lose power."""

    def __init__(self, test, folder, size):
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            raise unittest.SkipTest("only root can mount a file system, and mkfs.ext4 makes it")
        self.folder = folder
        self.image = folder + ".img"
        os.makedirs(folder)
        with open(self.image, "wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True, capture_output=True)
        test.addCleanup(subprocess.run, ["umount", "-l", folder], capture_output=True)
        self.plug_in()

    def plug_in(self):
        mounted = subprocess.run(["mount", "-o", "loop", self.image, self.folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise unittest.SkipTest(f"no loop device can be mounted here: {mounted.stderr.strip()}")

    def cut(self):
        disk = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(disk, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_LOG_FLUSH))
        finally:
            os.close(disk)

    def come_back(self):
        """Once nobody uses it: as the next boot finds it."""
        house.wait_for("the disk to be let go", lambda: subprocess.run(["umount", self.folder], capture_output=True).returncode == 0)
        self.plug_in()


class PowerTest(house.HouseTest):
    def load(self, ports, token, spool_folder):
        arguments = ["--server", f"127.0.0.1:{ports['port']}", "--token-file", token, "--clients", "3", "--interval", "100ms"]
        for pair in (f"ledger_directory={self.folder}/ledgers", f"spool_directory={spool_folder}", "numbered=true", "profile=mixed"):
            arguments += ["--set", f"load.{pair}"]
        return self.start(house.Process("resmon-load", arguments, self.folder, "load"))

    def books(self):
        with contextlib.suppress(FileNotFoundError):
            return ledger.read_all(f"{self.folder}/ledgers")
        return {}

    def taken(self):
        return sum(len(book.taken) for book in self.books().values())

    def differences(self, server):
        return {host: ledger.Difference(book, ledger.stored_rows(server.http_port, host)) for host, book in self.books().items()}

    def settled(self, server, good):
        """The differences when they are `good`, or as they are when that does not come."""
        with contextlib.suppress(AssertionError):
            house.wait_for("the store", lambda: good(self.differences(server)), 60, every=0.5)
        return self.differences(server)

    def test_a_server_that_loses_power_has_all_that_it_acknowledged(self):
        os.makedirs(f"{self.folder}/ledgers")
        disk = PowerDisk(self, os.path.join(self.folder, "server"), 256 << 20)
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        token = house.write_token(self.folder)
        seed = int(os.environ.get("RESMON_CHAOS_SEED") or random.randrange(1 << 31))
        print(f"# seed {seed}", flush=True)
        dice = random.Random(seed)
        load = self.load(ports, token, f"{self.folder}/spools")
        cuts = 5
        for number in range(cuts):
            server = house.Server(disk.folder, **ports, label=f"server-{number}")
            self.start(server).wait_ready()
            load.wait_line(" uplink connected ")
            enough = self.taken() + dice.randrange(30, 90)
            house.wait_for("more gathers", lambda enough=enough: self.taken() >= enough, 120)
            disk.cut()
            server.kill()
            disk.come_back()
        server = self.start(house.Server(disk.folder, **ports, label="server-last")).wait_ready()
        last = self.taken() + 30
        house.wait_for("gathers after the last cut", lambda: self.taken() >= last, 120)
        self.assertEqual(load.terminate()[0], 0)
        found = self.settled(server, lambda all_of_it: not any(all_of_it.values()))
        self.assertEqual({host: str(difference) for host, difference in found.items()}, dict.fromkeys(found, "the same"))
        stored = sum(difference.stored_samples for difference in found.values())
        print(f"# summary: the server's disk lost power {cuts} times, seed {seed}: {stored} samples, 0 lost, 0 duplicated", flush=True)

    def test_a_client_that_loses_power_loses_no_more_than_its_sync_interval(self):
        os.makedirs(f"{self.folder}/ledgers")
        disk = PowerDisk(self, os.path.join(self.folder, "client"), 64 << 20)
        ports = {"port": house.free_port(), "http_port": house.free_port()}
        token = house.write_token(self.folder)
        load = self.load(ports, token, f"{disk.folder}/spools")  # no server: only the spool has it
        begin = time.time_ns()
        house.wait_for("more than two syncs", lambda: time.time_ns() - begin > (2 * SYNC_SECONDS + 2) * NS, 60)
        cut = time.time_ns()
        disk.cut()
        load.kill()
        disk.come_back()
        load = self.load(ports, token, f"{disk.folder}/spools")
        more = self.taken() + 30
        house.wait_for("gathers after the cut", lambda: self.taken() >= more, 120)
        server = self.start(house.Server(self.folder, **ports)).wait_ready()
        load.wait_line(" uplink connected ")
        self.assertEqual(load.terminate()[0], 0)

        def only_the_last(all_of_it):
            return all(
                not difference.duplicated and not difference.moved and all(cut - (SYNC_SECONDS + 3) * NS <= self.books()[host].offered[n][0] <= cut for n in difference.lost)
                for host, difference in all_of_it.items()
            )  # fmt: skip

        found = self.settled(server, only_the_last)
        self.assertTrue(only_the_last(found), {host: str(difference) for host, difference in found.items()})
        lost = sum(difference.lost_samples for difference in found.values())
        kept = sum(difference.stored_samples for difference in found.values())
        self.assertGreater(kept, lost, "what was older than the interval is there")
        print(f"# summary: a client's disk lost power: {kept} samples stored, {lost} of the last {SYNC_SECONDS} s lost", flush=True)


if __name__ == "__main__":
    house.main()
