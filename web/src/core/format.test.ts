import assert from "node:assert/strict";
import { test } from "node:test";
import { format, formatAgo, formatDuration, formatTick, type Unit } from "./format.ts";

test("numbers with their units", () => {
  const rows: [number | null, Unit, string][] = [
    [null, "percent", "–"],
    [NaN, "bytes", "–"],
    [0, "percent", "0.0 %"],
    [12.345, "percent", "12.3 %"],
    [99.96, "percent", "100 %"],
    [0, "bytes", "0 B"],
    [1023, "bytes", "1023 B"],
    [1024, "bytes", "1.00 KiB"],
    [1023.7 * 1024, "bytes", "1.00 MiB"],
    [16 * 2 ** 30, "bytes", "16.0 GiB"],
    [123456, "bytes_per_second", "121 KiB/s"],
    [999, "bits_per_second", "999 bit/s"],
    [999.6, "bits_per_second", "1.00 kbit/s"],
    [9_876_543, "bits_per_second", "9.88 Mbit/s"],
    [1e21, "bits_per_second", "1000 Ebit/s"],
    [0.25, "per_second", "0.25 /s"],
    [1800, "count", "1.80 k"],
    [3, "count", "3"],
    [0.4, "load", "0.40"],
    [0.31, "milliseconds", "0.31 ms"],
    [1500, "milliseconds", "1.50 s"],
  ];
  for (const [value, unit, want] of rows) assert.equal(format(value, unit), want, `${value} ${unit}`);
});

test("axis labels have no trailing zeros, and lose no digits that count", () => {
  const rows: [number, Unit, string][] = [
    [2 ** 30, "bytes", "1 GiB"],
    [1.5 * 2 ** 30, "bytes", "1.5 GiB"],
    [100, "bytes", "100 B"],
    [500, "per_second", "500 /s"],
    [50, "percent", "50 %"],
    [0.5, "load", "0.5"],
    [2000, "count", "2 k"],
    [0, "bits_per_second", "0 bit/s"],
    [20_000_000, "bits_per_second", "20 Mbit/s"],
  ];
  for (const [value, unit, want] of rows) assert.equal(formatTick(value, unit), want);
});

test("durations", () => {
  assert.equal(formatDuration(0.4), "0 s");
  assert.equal(formatDuration(65), "1 min 5 s");
  assert.equal(formatDuration(3600), "1 h");
  assert.equal(formatDuration(90061), "1 d 1 h");
  assert.equal(formatDuration(null), "–");
  assert.equal(formatAgo(0.2), "now");
  assert.equal(formatAgo(-3), "now");
  assert.equal(formatAgo(42.9), "42 s ago");
  assert.equal(formatAgo(3 * 86400), "3 d ago");
});
