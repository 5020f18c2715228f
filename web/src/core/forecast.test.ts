import assert from "node:assert/strict";
import { test } from "node:test";
import { forecast } from "./forecast.ts";

const rising = Array.from({ length: 100 }, (_, index) => (index % 7 === 3 ? null : 80 + index * 0.1));

test("a disk that fills steadily has a date and a pace", () => {
  const found = forecast(rising, 3_600_000);
  assert.ok(Math.abs((found?.fullInMs ?? 0) / 3_600_000 - 101) < 2);
  assert.ok(Math.abs((found?.percentPerDay ?? 0) - 2.4) < 1e-6);
});

test("an ebb, noise, a crawl and a flat line have no date", () => {
  const ebb = forecast(rising.map((value) => (value === null ? null : 180 - value)), 3_600_000);
  assert.ok(ebb !== null && ebb.fullInMs === null && ebb.percentPerDay < 0);
  for (const values of [rising.map((_, at) => 50 + 5 * Math.sin(at * 2)), rising.map((_, at) => 50 + at * 0.0001), rising.map(() => 40)]) {
    assert.equal(forecast(values, 1000)?.fullInMs, null);
  }
});

test("growth that has ended has no date", () => {
  const filled = Array.from({ length: 90 }, (_, at) => Math.min(97.8, 50 + at));
  assert.equal(forecast(filled, 3_600_000)?.fullInMs, null);
  // A day, through three hours of which it grew; it ended a quarter of the day ago.
  const burst = Array.from({ length: 96 }, (_, at) => 52 + 46.6 * Math.min(1, Math.max(0, (at - 57) / 13)));
  assert.equal(forecast(burst, 900_000)?.fullInMs, null);
});

test("too little says nothing", () => {
  assert.equal(forecast(rising.slice(0, 10), 1000), null);
  assert.equal(forecast([], 1000), null);
});
