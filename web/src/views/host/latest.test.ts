import assert from "node:assert/strict";
import { test } from "node:test";
import { findRows, latestQuery, latestRows, sortRows, type Part } from "./latest.ts";

const kProcesses: Part = { from: "procstat", by: ["process_name", "user", "systemd_unit"], columns: ["cpu_usage", "memory_rss"], lookBackMs: 1000 };

const result = (...series: object[]) => ({ error: null, series: series as never[] });
const series = (tags: Record<string, string>, values: Record<string, unknown>) =>
  ({ name: "x", tags, columns: ["time", ...Object.keys(values)], values: [[0, ...Object.values(values)]] });

test("the query of a table quotes what comes from outside", () => {
  assert.equal(
    latestQuery(kProcesses, "a'b", 2000),
    `SELECT last("cpu_usage") AS "cpu_usage", last("memory_rss") AS "memory_rss" FROM "procstat" WHERE "host" = 'a\\'b' ` +
      `AND time >= 1000ms AND time < 2000ms GROUP BY "process_name", "user", "systemd_unit"`);
});

test("a series without values is left out, and one name may have several rows", () => {
  const rows = latestRows([kProcesses], [result(
    series({ process_name: "sh", user: "ada", systemd_unit: "" }, { cpu_usage: 90, memory_rss: 7 }),
    series({ process_name: "sh", user: "root", systemd_unit: "a.service" }, { cpu_usage: 0, memory_rss: null }),
    series({ process_name: "none", user: "root", systemd_unit: "" }, { cpu_usage: null, memory_rss: null }),
  )], false);
  assert.deepEqual(rows.map((row) => [row.name, row.about, row.values]), [
    ["sh", "ada", { cpu_usage: 90, memory_rss: 7 }],
    ["sh", "root · a.service", { cpu_usage: 0 }],
  ]);
  assert.deepEqual(rows[0]?.tags, { process_name: "sh", user: "ada" });
});

test("parts of one thing are one row, whatever part is missing", () => {
  const parts: Part[] = [
    { from: "a", by: ["name"], columns: ["cpu"], lookBackMs: 1 }, { from: "b", by: ["name", "image"], columns: ["state", "good"], lookBackMs: 1 },
  ];
  const rows = latestRows(parts, [
    result(series({ name: "one" }, { cpu: 5 })),
    result(series({ name: "one", image: "redis" }, { state: "up", good: true }), series({ name: "two", image: "" }, { state: "down", good: false })),
  ], true);
  assert.deepEqual(rows.map((row) => [row.name, row.about, row.values]), [
    ["one", "redis", { cpu: 5, state: "up", good: 1 }], ["two", "", { state: "down", good: 0 }],
  ]);
  assert.equal(latestRows(parts, [undefined, { error: "no", series: [] }], true).length, 0);
});

test("rows are sorted with the unknown last, and found by words", () => {
  const rows = [{ n: "b", v: 1 }, { n: "c", v: null }, { n: "a", v: 1 }, { n: "d", v: 9 }];
  const names = (descending: boolean) => sortRows(rows, (row) => row.v, (row) => row.n, descending).map((row) => row.n).join("");
  assert.equal(names(true), "dabc");
  assert.equal(names(false), "abdc");
  assert.deepEqual(findRows(rows, " C ", (row) => [row.n]), [rows[1]]);
  assert.equal(findRows(rows, "", (row) => [row.n]).length, 4);
  assert.equal(findRows(rows, "a b", (row) => [row.n]).length, 0);
});
