import assert from "node:assert/strict";
import { test } from "node:test";
import { kTrendPoints, kTrendStepMs, Trend, trendCeiling, trendPath } from "./trend.ts";

test("a trend holds means of half minutes and forgets the old ones", () => {
  const trend = new Trend();
  trend.add(0, 90);
  trend.seed(40 * kTrendStepMs, 10);
  trend.add(41 * kTrendStepMs, 20);
  trend.add(41 * kTrendStepMs + 1, 40);
  const values = trend.values(41 * kTrendStepMs);
  assert.equal(values.length, kTrendPoints);
  assert.deepEqual(values.slice(-3), [null, 10, 30]);
  assert.equal(trend.values(0).filter((value) => value !== null).length, 0);
});

test("the path lifts the pen over a gap", () => {
  assert.equal(trendPath([0, 100, null, null, 50], 40, 10), "M0.0 10.0L10.0 0.0M40.0 5.0h1");
  assert.equal(trendPath([0, null, 100, null, 50], 40, 10), "M0.0 10.0L20.0 0.0L40.0 5.0", "a host that reports every minute has a line");
  assert.equal(trendPath([0, 25], 30, 10, 25), "M0.0 10.0L30.0 0.0");
  assert.deepEqual([[3, null], [26], [50.1, 2]].map(trendCeiling), [25, 50, 100]);
});
