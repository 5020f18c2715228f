import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHistory, decodeLog, decodeServer, ratesOf, thinned } from "./server_state.ts";

test("what is missing is unknown, and a store without tiers is one tier", () => {
  assert.equal(decodeServer({}), null);
  assert.equal(decodeServer("<html>"), null);
  const state = decodeServer({ version: "1", clients: 3, store: { disk_bytes: 7, retain_seconds: 60 }, sinks: [{ name: "a", lag_seconds: "x" }, 3] });
  assert.equal(state?.clients, 3);
  assert.equal(state?.receivedBytes, null);
  assert.deepEqual(state?.store.tiers.map((tier) => [tier.name, tier.diskBytes, tier.retainSeconds]), [["raw", 7, 60]]);
  assert.deepEqual(state?.sinks.map((sink) => [sink.name, sink.lagSeconds]), [["a", null]]);
  assert.deepEqual([state?.sinks[0]?.failingSince, state?.removedSinks], [null, []]);
  const failing = decodeServer({ version: "1", sinks: [{ name: "a", failing_since: 5 }], removed_sinks: [{ name: "b", backlog_entries: 3 }] });
  assert.deepEqual([failing?.sinks[0]?.failingSince, failing?.removedSinks], [5, [{ name: "b", backlogEntries: 3 }]]);
  assert.deepEqual(decodeLog({ lines: [null, { text: "x" }] }).map((line) => line.text), ["x"]);
});

test("rates: over a span, none before it is there, none over a restart", () => {
  const reading = (at: number, samples: number | null) => ({ at, samples, bytes: null, requests: null, backlog: null });
  const steps = [reading(0, 0), reading(2000, 50), reading(4000, 50), reading(6000, 100), reading(8000, 100), reading(10_000, 100)];
  assert.deepEqual(ratesOf(steps, (one) => one.samples, 4000), [null, null, 12.5, 12.5, 12.5, 0]);
  const restarted = [reading(0, 500), reading(2000, 600), reading(4000, 5), reading(6000, 700), reading(8000, null), reading(10_000, 720)];
  assert.deepEqual(ratesOf(restarted, (one) => one.samples, 2000), [null, 50, null, 347.5, null, null]);
});

test("history: readings of one server, thinned to what a half hour needs", () => {
  const columns = ["time", "samples", "received_bytes", "http_requests", "store_backlog_entries"];
  const one = { name: "internal_server", tags: { server: "a" }, columns, values: [[1000, 5, 6, 7, null]] };
  assert.deepEqual(decodeHistory({ series: [one], error: null }), [{ at: 1000, samples: 5, bytes: 6, requests: 7, backlog: null }]);
  assert.deepEqual(decodeHistory({ series: [one, { ...one, tags: { server: "b" } }], error: null }), []);
  assert.deepEqual(decodeHistory(undefined), []);
  const every = Array.from({ length: 2000 }, (_, index) => ({ at: index * 2000, samples: index, bytes: null, requests: null, backlog: null }));
  const kept = thinned(every);
  assert.equal(kept.at(-1), every.at(-1));
  assert.ok(kept.length > 180 && kept.length < 215, String(kept.length));
  assert.deepEqual(thinned(kept), kept);
});
