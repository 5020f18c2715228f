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

test("rates: none for the first reading, none over a restart", () => {
  const reading = (at: number, samples: number | null) => ({ at, samples, bytes: null, requests: null, backlog: null });
  assert.deepEqual(ratesOf([reading(0, 10), reading(2000, 30), reading(4000, 5), reading(5000, null), reading(6000, 8)], (one) => one.samples),
    [null, 10, null, null, null]);
});
