import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBytes, periodOf, projected } from "./traffic.ts";

const day = (year: number, month: number, date: number, hour = 0): number => new Date(year, month - 1, date, hour).getTime();

test("a period lasts from reset day to reset day", () => {
  assert.deepEqual(periodOf(day(2026, 11, 30, 8), 1), { from: day(2026, 11, 1), to: day(2026, 12, 1) });
  assert.deepEqual(periodOf(day(2026, 1, 5), 15), { from: day(2025, 12, 15), to: day(2026, 1, 15) });
  assert.deepEqual(periodOf(day(2026, 1, 15), 15), { from: day(2026, 1, 15), to: day(2026, 2, 15) });
  assert.deepEqual(periodOf(day(2026, 2, 27), 31), { from: day(2026, 1, 31), to: day(2026, 2, 28) });
  assert.deepEqual(periodOf(day(2026, 2, 28), 31), { from: day(2026, 2, 28), to: day(2026, 3, 31) });
});

test("what it will come to goes by the pace so far", () => {
  const period = { from: day(2026, 11, 1), to: day(2026, 12, 1) };
  assert.equal(projected(100, period, day(2026, 11, 16)), 200);
  assert.equal(projected(100, period, day(2026, 11, 1, 12)), null);
});

test("quotas are read with their units", () => {
  assert.equal(parseBytes("500 GB"), 500e9);
  assert.equal(parseBytes("1.5TiB"), 1.5 * 2 ** 40);
  assert.equal(parseBytes("20t"), 20e12);
  assert.equal(parseBytes("7"), 7);
  for (const text of ["", "much", "1 PB", "-1 GB", "1 GB x"]) assert.equal(parseBytes(text), null, text);
});
