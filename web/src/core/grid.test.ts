import assert from "node:assert/strict";
import { test } from "node:test";
import { markGaps, mergeGrid, toGrid } from "./grid.ts";

const series = (values: [number, number | null][], tags: Record<string, string> = {}) =>
  ({ name: "m", tags, columns: ["time", "v"], values });

test("points fall into their buckets and others are left out", () => {
  const grid = toGrid([series([[100, 1], [110, null], [125, 3], [90, 7], [140, 9]])], { from: 100, to: 140, step: 10 });
  assert.deepEqual(grid.series[0]?.values, [1, null, 3, null]);
});

test("a series without any value is no series", () => {
  assert.deepEqual(toGrid([series([[100, null]])], { from: 100, to: 120, step: 10 }).series, []);
});

test("a refresh moves the window on and lays the new values over the old", () => {
  const old = toGrid([series([[100, 1], [110, 2], [120, 3]]), series([[100, 5]], { name: "gone" })], { from: 100, to: 130, step: 10 });
  const fresh = toGrid([series([[120, 30], [130, 4]]), series([[130, 8]], { name: "new" })], { from: 110, to: 140, step: 10 });
  const merged = mergeGrid(old, fresh, { from: 110, to: 140, step: 10 });
  assert.deepEqual(merged.series.map((one) => [one.tags["name"] ?? "", one.values]), [
    ["", [2, 30, 4]],
    ["new", [null, null, 8]],
  ]);
});

test("a null of the refresh erases nothing", () => {
  const old = toGrid([series([[100, 1], [110, 2]])], { from: 100, to: 120, step: 10 });
  const fresh = toGrid([series([[110, null], [120, 3]])], { from: 110, to: 130, step: 10 });
  assert.deepEqual(mergeGrid(old, fresh, { from: 100, to: 130, step: 10 }).series[0]?.values, [1, 2, 3]);
});

test("a merge over a window that has moved past the old data", () => {
  const old = toGrid([series([[100, 1]])], { from: 100, to: 110, step: 10 });
  const fresh = toGrid([series([[500, 2]])], { from: 490, to: 510, step: 10 });
  assert.deepEqual(mergeGrid(old, fresh, { from: 490, to: 510, step: 10 }).series.map((one) => one.values), [[null, 2]]);
});

test("gaps: a slow collector's rhythm is drawn through, a missed sample is not", () => {
  assert.deepEqual(markGaps([1, null, 2, null, 3, null, null, null, 4, null, 5]), [
    1, undefined, 2, undefined, 3, null, null, null, 4, undefined, 5,
  ]);
  assert.deepEqual(markGaps([1, 2, 3, null, 4, 5]), [1, 2, 3, null, 4, 5]);
  assert.deepEqual(markGaps([null, null]), [null, null]);
});
