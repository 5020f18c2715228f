import assert from "node:assert/strict";
import { test } from "node:test";
import { dataBegan, kExamples, rangeOf } from "./examples.ts";

test("a query's own range goes with the host that is opened from it", () => {
  assert.deepEqual(rangeOf("SELECT x FROM y WHERE time >= '2026-11-23T00:00:00Z' AND time < '2026-11-24T00:00:00Z'"),
    { from: Date.UTC(2026, 10, 23), to: Date.UTC(2026, 10, 24) });
  assert.deepEqual(rangeOf("… time > 1000ms AND time <= 5000ms"), { from: 1000, to: 5000 });
  for (const query of ["", "time > now() - 1h", "time >= 'nonsense' AND time < 'x'"]) assert.equal(rangeOf(query), null);
  const yesterday = rangeOf(kExamples[0]?.route(Date.now()).query ?? "");
  assert.ok(yesterday !== null && yesterday.to <= Date.now() && Date.now() - yesterday.from < 2.1 * 86_400_000);
});

test("an answer that begins late has that told", () => {
  const day = 86_400_000;
  assert.equal(dataBegan("… time > now() - 7d", 9 * day, 10 * day), 9 * day);
  assert.equal(dataBegan("… time > now() - 7d", 3.1 * day, 10 * day), null);
  assert.equal(dataBegan("… no time", 9 * day, 10 * day), null);
  assert.equal(dataBegan("… time > now() - 7d", undefined, 10 * day), null);
});
