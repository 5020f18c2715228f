#!/usr/bin/env python3
"""Nothing is lost: real processes, killed, cut off, slowed down and out of disk space by a schedule made from a seed; at the end what
was taken is compared with what the embedded store and InfluxDB hold, sample by sample.

    RESMON_CHAOS_SEED=7 RESMON_CHAOS_SECONDS=600 ./resmon test chaos

"Taken" is what a client's spool has taken, by the client's own ledger (app/load/ledger.h), written with one system call a line, so
that the ledger knows all that a killed process knew. The ledgers are on no disk that is filled.
"""

import collections
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import house  # noqa: E402
import ledger  # noqa: E402
import plan  # noqa: E402
import stage  # noqa: E402

SEED = int(os.environ.get("RESMON_CHAOS_SEED") or random.SystemRandom().randrange(1, 1_000_000))
SECONDS = int(os.environ.get("RESMON_CHAOS_SECONDS") or 60)

CLIENTS = ("load-1", "load-2", "agent")

SMALL_SPOOL = ["load.spool_limit_bytes=128KiB"]
SMALL_LOG = ["journal.limit_bytes=2MiB"]


def say(text):
    print(f"# {text}", flush=True)


def summary(text):
    say(f"summary: {text}")


class PlanTest(house.HouseTest):
    def test_a_seed_gives_one_schedule(self):
        for seed in (1, 2, SEED):
            self.assertEqual(plan.make(seed, 300), plan.make(seed, 300))
        self.assertNotEqual(plan.make(1, 300), plan.make(2, 300))

    def test_a_longer_run_begins_like_a_shorter_one(self):
        self.assertEqual(plan.make(SEED, 300)[: len(plan.make(SEED, 40))], plan.make(SEED, 40))

    def test_every_kind_comes_and_none_overlaps_itself(self):
        faults = plan.make(SEED, 300)
        self.assertEqual({(f.kind, f.target) for f in faults if f.kind != "kill"}, {(k, t) for k, ts, *_ in plan.KINDS for t in ts if k != "kill"})
        until = collections.defaultdict(float)
        for f in faults:
            for target in plan.busy_targets(f.target):
                self.assertGreaterEqual(f.at, until[target] - 0.01, plan.describe(f))
                until[target] = f.at + f.seconds


class StageTest(house.HouseTest):
    def test_clients_that_were_started_a_moment_ago_end_well_too(self):
        house_stage = stage.Stage(self, SEED)
        house_stage.start_all("server")
        house_stage.until("the server", lambda: house_stage.server().healthy())
        for pause in (0, 0.1):  # running already, and not yet again
            for name in CLIENTS:
                house_stage.parts[name].kill(pause)
                house_stage.parts[name].wanted = True
                house_stage.parts[name].look_after()
            for name, line in house_stage.stop_clients(*CLIENTS).items():
                self.assertIn(" stopped ", line, name)


class ChaosTest(house.HouseTest):
    def compare(self, ledgers, port, store):
        """The differences by host; what is wrong is told."""
        rows = lambda host: ledger.agent_rows(port, host) if host == "agent" else ledger.stored_rows(port, host)  # noqa: E731
        out = {host: ledger.Difference(book, rows(host)) for host, book in ledgers.items()}
        if "agent" in out:
            # A kill between the spool and the log's line; no more than one a kill.
            self.assertLessEqual(len(out["agent"].unknown), self.agent_kills, f"the agent's gathers that its log knows nothing of, in {store}")
            out["agent"].unknown = []
        for host, difference in out.items():
            if difference:
                say(f"{host} in {store}: {difference}")
        return out

    def check_other_series(self, ledgers, port, store):
        """A gather is whole: the machine's load is there at the times of the numbers."""
        for host in ledgers:
            if not host.startswith("load-2"):
                continue
            numbered = {t for t, _ in ledger.stored_rows(port, host)}
            loads = {row[0] for row in house.rows(port, f"SELECT load1 FROM system WHERE host = '{host}'")}
            self.assertEqual(sorted(numbered ^ loads), [], f"{host} in {store}: gathers in part")

    def test_nothing_is_lost_whatever_happens(self):
        house_stage = stage.Stage(self, SEED)
        faults = plan.make(SEED, SECONDS)
        skipped = [f for f in faults if not house_stage.can(f)]
        faults = [f for f in faults if house_stage.can(f)]
        say(f"seed {SEED}, {SECONDS} s, {len(faults)} faults; the same again: RESMON_CHAOS_SEED={SEED} RESMON_CHAOS_SECONDS={SECONDS}")
        for fault in faults:
            say(plan.describe(fault))
        if skipped:
            say(f"not possible here: {sorted({f'{f.kind} {f.target}' for f in skipped})}")
        house_stage.start_all()
        began = time.monotonic()
        house_stage.play(faults, SECONDS, lambda f: say(f"{time.monotonic() - began:7.2f} s  {f.kind} {f.target}"))

        house_stage.until("the server", lambda: house_stage.server().healthy())
        last_words = house_stage.stop_clients(*CLIENTS)
        house_stage.wait_delivered()
        ledgers = ledger.read_all(house_stage.ledgers)
        ledgers["agent"] = ledger.AgentLog(os.path.join(house_stage.folder, "agent.log"))
        self.agent_kills = sum(f.kind == "kill-all" or f.target == "agent" for f in faults)
        stores = {"the embedded store": house_stage.http_port, "influxd": house_stage.influxd.port}
        found = {store: self.compare(ledgers, port, store) for store, port in stores.items()}
        for store, port in stores.items():
            self.check_other_series(ledgers, port, store)

        # Once more after a last kill -9: what the store said, it must still say.
        house_stage.parts["server"].kill()
        house_stage.until("the server again", lambda: house_stage.server().healthy())
        again = "the embedded store after a last kill -9"
        house_stage.until("its log to be read", lambda: house_stage.server().metrics()["resmon_store_backlog_entries"] == 0)
        found[again] = self.compare(ledgers, house_stage.http_port, again)

        kinds = collections.Counter(f"{f.kind} {f.target}" for f in faults)
        summary(f"1 run of {SECONDS} s, seed {SEED}, {len(faults)} faults: " + ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())))
        taken = sum(book.samples(book.taken) for book in ledgers.values())
        for store, by_host in found.items():
            total = collections.Counter()
            for d in by_host.values():
                total.update(stored=d.stored_samples, gathers=len(d.stored), duplicated=len(d.duplicated), lost=d.lost_samples)
            summary(
                f"{taken} samples taken in {sum(len(b.taken) for b in ledgers.values())} gathers; {store}: {total['stored']} stored in "
                f"{total['gathers']} gathers, {total['duplicated']} gathers duplicated, {total['lost']} samples lost"
            )
        for name, part in house_stage.parts.items():
            self.assertEqual(self.unexpected(part, faults), [], f"{name} ended by itself")
        for name, line in last_words.items():
            self.assertIn(" stopped ", line, name)
        wrong = [f"{host} in {store}: {d}" for store, by_host in found.items() for host, d in by_host.items() if d]
        self.assertEqual(wrong, [])
        self.assertGreater(min(len(book.taken) for book in ledgers.values()), 0)

    def test_the_store_keeps_its_limit_whatever_happens(self):
        limit = 6 << 20
        house_stage = stage.Stage(self, SEED, server_sets=[f"store.disk_limit_bytes={limit}", "journal.limit_bytes=32MiB"])  # of which a quarter of the disk, 24 MiB, is used
        seconds = max(SECONDS // 2, 20)
        wanted = ("server", "server-disk", "server-sync", "network")
        faults = [f for f in plan.make(SEED, seconds) if f.target in wanted and house_stage.can(f)]
        files = stage.Sizes(os.path.join(house_stage.server_disk.folder, "store"))
        noise = stage.Noise(house_stage.http_port, SEED)
        self.addCleanup(files.stop)
        self.addCleanup(noise.stop)
        house_stage.start_all("server", "load-2")
        house_stage.play(faults, seconds, lambda f: say(f"{f.kind} {f.target}"))
        house_stage.until("the server", lambda: house_stage.server().healthy())

        def evicted():
            return house_stage.server().get("/api/v1/server").json()["store"]["evicted_chunks"]

        house_stage.until("chunks to make room for others", lambda: evicted() > 0)
        noise.stop()
        files.stop()
        summary(f"the store's limit: {limit} bytes, at most {files.largest} in {files.looks} looks, {len(faults)} faults, {noise.taken} rows taken, seed {SEED}")
        self.assertLessEqual(files.largest, limit, files.largest_files)
        self.assertGreater(files.largest, limit // 2)
        self.assertGreater(noise.taken, 0)

    def caught_up(self, house_stage):
        """The store has all but a client's last second, by ledger and rows: what /api/v1/hosts says of a client that has just come
        back is what it said before the server was away."""
        offered = {host: max(book.offered) for host, book in ledger.read_all(house_stage.ledgers).items()}
        return all(self.last_of(house_stage.http_port, "sequence", host, "numbered") >= newest - 50 for host, newest in offered.items())

    def last_of(self, port, field, host, measurement="internal_client"):
        return house.rows(port, f"SELECT {field} FROM {measurement} WHERE host = '{host}' ORDER BY time DESC LIMIT 1")[0][1]

    def test_a_server_away_beyond_the_spool_loses_what_the_counter_says(self):
        house_stage = stage.Stage(self, SEED, load_sets=SMALL_SPOOL, intervals=("20ms", "20ms"))
        house_stage.start_all("server", "load-2")
        house_stage.until("samples of all", lambda: len(house_stage.server().hosts()) == 2)
        house_stage.parts["server"].kill(10**6)

        def offered(least):
            books = ledger.read_all(house_stage.ledgers)
            return len(books) == 2 and all(len(book.offered) >= least for book in books.values())

        house_stage.until("spools to overflow", lambda: offered(1500), 150)
        house_stage.parts["server"].start_at = 0
        house_stage.until("the server", lambda: house_stage.server().healthy())
        # A sample says what was lost before it, so one is needed that was taken after the last loss: with a server there. Clients may
        # take a minute to come back.
        house_stage.until("clients to catch up", lambda: self.caught_up(house_stage), 150)
        back = max(max(book.offered) for book in ledger.read_all(house_stage.ledgers).values())
        house_stage.until("samples of after that", lambda: offered(back + 20))
        house_stage.stop_clients("load-2")
        house_stage.until("the store to have all", lambda: house_stage.server().metrics()["resmon_store_backlog_entries"] == 0)
        hosts = house_stage.server().hosts()
        total = counted = taken = 0
        for host, book in ledger.read_all(house_stage.ledgers).items():
            found = ledger.Difference(book, ledger.stored_rows(house_stage.http_port, host))
            self.assertEqual((found.duplicated, found.unknown, found.moved), ([], [], []), host)
            say(f"{host}: {found}; the counter says {hosts[host]['dropped_samples']} samples, lost are {found.lost_samples}")
            self.assertGreater(len(found.lost), 0, f"{host}: its spool never overflowed")
            self.assertEqual(found.lost, list(range(found.lost[0], found.lost[-1] + 1)), f"{host}: not the oldest were dropped")
            self.assertEqual(found.lost_samples, hosts[host]["dropped_samples"], f"{host} in /api/v1/hosts")
            self.assertEqual(found.lost_samples, self.last_of(house_stage.http_port, "dropped_samples", host), f"{host} in the store")
            total, counted, taken = total + found.lost_samples, counted + hosts[host]["dropped_samples"], taken + book.samples(book.taken)
        summary(f"server away beyond the spools' bound: {taken} samples taken, {total} lost, {counted} counted as dropped")

    def test_a_database_away_beyond_the_log_loses_what_the_counter_says(self):
        house_stage = stage.Stage(self, SEED, server_sets=SMALL_LOG, intervals=("20ms", "20ms"))
        house_stage.start_all("server", "influxd", "load-1", "load-2")
        house_stage.until("samples in influxd", lambda: house_stage.influxd.query("SHOW MEASUREMENTS"))
        house_stage.parts["influxd"].kill(10**6)
        sink = lambda: house_stage.server().get("/api/v1/server").json()["sinks"][0]  # noqa: E731
        house_stage.until("the sink to lose samples", lambda: sink()["lost_samples"] > 10_000, 150)
        house_stage.parts["influxd"].start_at = 0
        house_stage.stop_clients("load-1", "load-2")
        house_stage.wait_delivered()
        ledgers = ledger.read_all(house_stage.ledgers)
        lost = 0
        for host, book in ledgers.items():
            ours = ledger.Difference(book, ledger.stored_rows(house_stage.http_port, host))
            theirs = ledger.Difference(book, ledger.stored_rows(house_stage.influxd.port, host))
            self.assertFalse(ours, f"{host} in the embedded store: {ours}")
            self.assertEqual((theirs.duplicated, theirs.unknown, theirs.moved), ([], [], []), host)
            say(f"{host} in influxd: {theirs}")
            lost += theirs.lost_samples
        summary(f"database away beyond the log's bound: {lost} samples lost there, {sink()['lost_samples']} counted, none in the store")
        self.assertEqual(lost, sink()["lost_samples"])

    def unexpected(self, part, faults):
        """A program may give up on a full disk when it starts, and a service manager starts it again; at no other time."""
        full = {"server": "server-disk", "load-1": "client-disk"}.get(part.name)
        return [] if any(f.target == full for f in faults) else part.ended


if __name__ == "__main__":
    house.main()
