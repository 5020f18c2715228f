import assert from "node:assert/strict";
import { test } from "node:test";
import { numberFormat, sortRows, toCsv, toPoints, toTable } from "./result_table.ts";

const series = [
  { name: "disk", tags: { host: "a,b", path: "/" }, columns: ["time", "used"], values: [[1000, 5], [2000, null]] },
  { name: "disk", tags: { host: "=cmd", path: "/var" }, columns: ["time", "used"], values: [[1000, 50]] },
];

test("series become one table, with their tags as columns", () => {
  const table = toTable(series);
  assert.deepEqual(table.columns, ["host", "path", "time", "used"]);
  assert.deepEqual(table.rows, [["a,b", "/", 1000, 5], ["a,b", "/", 2000, null], ["=cmd", "/var", 1000, 50]]);
  assert.deepEqual(sortRows(table.rows, 3, true).map((row) => row[3]), [50, 5, null]);
  assert.deepEqual(sortRows(table.rows, 3, false).map((row) => row[3]), [5, 50, null]);
});

test("CSV is quoted, and no text is a formula", () => {
  assert.equal(toCsv(toTable(series)),
    'host,path,time,used\r\n"a,b",/,1970-01-01T00:00:01.000Z,5\r\n"a,b",/,1970-01-01T00:00:02.000Z,\r\n\'=cmd,/var,1970-01-01T00:00:01.000Z,50\r\n');
});

test("lines lie on one axis of all times", () => {
  const points = toPoints(series);
  assert.deepEqual(points?.times, [1000, 2000]);
  assert.deepEqual(points?.lines, [{ label: "a,b /", values: [5, null] }, { label: "=cmd /var", values: [50, null] }]);
  assert.equal(toPoints([{ name: "x", tags: {}, columns: ["name"], values: [["cpu"]] }]), null);
  const many = Array.from({ length: 30 }, (_, index) => ({ ...series[0]!, tags: { host: `h${index}` } }));
  assert.deepEqual([toPoints(many)?.lines.length, toPoints(many)?.left], [24, 6]);
});

test("a column's numbers have equally many decimals, where those are few", () => {
  const write = (...values: (number | null)[]): string[] => {
    const rows = values.map((value) => [value]);
    const format = numberFormat(rows, 0);
    return values.filter((value) => value !== null).map(format);
  };
  assert.deepEqual(write(46.59, 0.3, null, -0.18, 7), ["46.59", "0.30", "-0.18", "7.00"]);
  assert.deepEqual(write(3, 1500), ["3", "1500"]);
  assert.deepEqual(write(1 / 3, 2), ["0.33333333", "2"]);
  assert.deepEqual(write(1e-9, 2), ["1e-9", "2"]);
});
