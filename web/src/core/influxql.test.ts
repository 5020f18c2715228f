import assert from "node:assert/strict";
import { test } from "node:test";
import { banded, bandedBusy, bandedRate, busy, identifier, literal, mean, rate, select, selectRateBands, withBands } from "./influxql.ts";

const window = { from: 1_700_000_000_000, to: 1_700_000_060_000, step: 10_000 };

test("a statement", () => {
  assert.equal(
    select({ columns: [mean("usage_user", "user"), rate("bytes_recv")], from: "net", where: [["host", "web1"]], by: ["interface"] }, window),
    'SELECT mean("usage_user") AS "user", non_negative_derivative(max("bytes_recv"), 1s) AS "bytes_recv" FROM "net" ' +
      "WHERE \"host\" = 'web1' AND time >= 1700000000000ms AND time < 1700000060000ms GROUP BY time(10s), \"interface\" fill(null)",
  );
});

test("a hostile host name stays inside its quotes", () => {
  for (const name of ["'; DROP DATABASE resmon; --", "a\\", "a\\' OR 1=1", "line\nbreak", 'double"quote', "日本 🚀"]) {
    const quoted = literal(name);
    // Scanned as InfluxQL does: a backslash takes the next character with it; the first bare quote must be the last character.
    let at = 1;
    while (at < quoted.length && quoted[at] !== "'") at += quoted[at] === "\\" ? 2 : 1;
    assert.equal(at, quoted.length - 1, name);
    assert.ok(!quoted.includes("\n"));
    const back = quoted.slice(1, -1).replace(/\\(n|.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    assert.equal(back, name);
  }
  assert.equal(identifier('a"b\\'), '"a\\"b\\\\"');
});

test("several hosts, and bands beside means", () => {
  assert.equal(
    select({ columns: withBands([banded("load1"), mean("load5")]), from: "system", where: [["host", ["a", "b'"]]], by: ["host"] }, window),
    'SELECT mean("load1") AS "load1", min("load1") AS "load1 low", max("load1") AS "load1 high", mean("load5") AS "load5" FROM "system" ' +
      "WHERE (\"host\" = 'a' OR \"host\" = 'b\\'') AND time >= 1700000000000ms AND time < 1700000060000ms GROUP BY time(10s), \"host\" fill(null)",
  );
});

test("bands of rates are of shorter stretches, and of a stretch before the first bucket", () => {
  const query = { columns: [bandedRate("bytes_recv", "in", 8), rate("err_in")], from: "net", where: [["host", "a"]] as const, by: ["interface"] };
  assert.equal(
    selectRateBands(query, { ...window, step: 20_000 }, 5000),
    'SELECT min("in") AS "in low", max("in") AS "in high" FROM (SELECT non_negative_derivative(max("bytes_recv"), 1s) * 8 AS "in" FROM "net" ' +
      "WHERE \"host\" = 'a' AND time >= 1699999995000ms AND time < 1700000060000ms GROUP BY time(5s), \"interface\" fill(none)) " +
      'WHERE time >= 1699999995000ms AND time < 1700000060000ms GROUP BY time(20s), "interface" fill(null)',
  );
  assert.equal(selectRateBands(query, { ...window, step: 5000 }, 5000), null);
  assert.equal(selectRateBands({ ...query, columns: [rate("err_in")] }, window, 5000), null);
});

test("CPU is all but idle, for those who write no usage_active", () => {
  assert.equal(
    select({ columns: [busy("now"), ...withBands([bandedBusy("active")])], from: "cpu", where: [], by: ["host"] }, window),
    'SELECT 100 - mean("usage_idle") AS "now", 100 - mean("usage_idle") AS "active", 100 - max("usage_idle") AS "active low", ' +
      '100 - min("usage_idle") AS "active high" FROM "cpu" WHERE time >= 1700000000000ms AND time < 1700000060000ms ' +
      'GROUP BY time(10s), "host" fill(null)',
  );
});
