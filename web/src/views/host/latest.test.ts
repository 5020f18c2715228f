import assert from "node:assert/strict";
import { test } from "node:test";
import { latestQuery, latestRows, type LatestSource } from "./latest.ts";

const kSource: LatestSource = { from: "procstat", by: ["process_name", "user", "systemd_unit"], columns: ["cpu_usage", "memory_rss"] };

test("the query of a table quotes what comes from outside", () => {
  assert.equal(
    latestQuery(kSource, "a'b", 1000, 2000),
    `SELECT last("cpu_usage") AS "cpu_usage", last("memory_rss") AS "memory_rss" FROM "procstat" WHERE "host" = 'a\\'b' ` +
      `AND time >= 1000ms AND time < 2000ms GROUP BY "process_name", "user", "systemd_unit"`);
});

test("a table's rows are the largest first, and those without values are left out", () => {
  const columns = ["time", "cpu_usage", "memory_rss"];
  const series = (process_name: string, user: string, values: (number | null)[]) =>
    ({ name: "procstat", tags: { process_name, user, systemd_unit: "" }, columns, values: [[0, ...values]] });
  const rows = latestRows(kSource, { error: null, series: [
    series("idle", "root", [0, 5]), series("busy", "ada", [90, 7]), series("large", "root", [0, 9]), series("none", "root", [null, null]),
  ] });
  assert.deepEqual(rows, [
    { name: "busy", about: "ada", values: [90, 7] },
    { name: "large", about: "root", values: [0, 9] },
    { name: "idle", about: "root", values: [0, 5] },
  ]);
});
