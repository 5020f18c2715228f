import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeLog, decodeServer, ratesOf } from "./server_state.ts";

test("what is missing is unknown, and a store without tiers is one tier", () => {
  assert.equal(decodeServer({}), null);
  assert.equal(decodeServer("<html>"), null);
  const state = decodeServer({ version: "1", clients: 3, store: { disk_bytes: 7, retain_seconds: 60 }, sinks: [{ name: "a", lag_seconds: "x" }, 3] });
  assert.equal(state?.clients, 3);
  assert.equal(state?.receivedBytes, null);
  assert.deepEqual(state?.store.tiers.map((tier) => [tier.name, tier.diskBytes, tier.retainSeconds]), [["raw", 7, 60]]);
  assert.deepEqual(state?.sinks.map((sink) => [sink.name, sink.lagSeconds]), [["a", null]]);
  assert.deepEqual(decodeLog({ lines: [null, { text: "x" }] }).map((line) => line.text), ["x"]);
});

test("rates: over a span, none before it is there, none over a restart", () => {
  const reading = (at: number, samples: number | null) => ({ at, samples, bytes: null, requests: null, backlog: null });
  const steps = [reading(0, 0), reading(2000, 50), reading(4000, 50), reading(6000, 100), reading(8000, 100), reading(10_000, 100)];
  assert.deepEqual(ratesOf(steps, (one) => one.samples, 4000), [null, null, 12.5, 12.5, 12.5, 0]);
  const restarted = [reading(0, 500), reading(2000, 600), reading(4000, 5), reading(6000, 700), reading(8000, null), reading(10_000, 720)];
  assert.deepEqual(ratesOf(restarted, (one) => one.samples, 2000), [null, 50, null, 347.5, null, null]);
});
