import assert from "node:assert/strict";
import { test } from "node:test";
import { format, formatAgo, formatDate, formatDuration, formatSince, formatTick, formatTime, setZone, type Unit } from "./format.ts";
import { parseRangeWords } from "./range_words.ts";
import { count, setLanguage, t, tx, whole } from "./texts.ts";
import * as german from "./texts_de.ts";
import { parseLocalTime } from "./time_range.ts";

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

function inGerman(body: () => void): void {
  setZone("utc");
  setLanguage("de", german);
  try {
    body();
  } finally {
    setLanguage("en", null);
  }
}

test("since when: the clock of today, otherwise with the day, in the chosen zone", () => {
  setZone("utc");
  const now = Date.UTC(2026, 11, 2, 16, 5);
  assert.equal(formatSince(Date.UTC(2026, 11, 2, 12, 36, 59), now), "12:36");
  assert.equal(formatSince(Date.UTC(2026, 11, 1, 22, 4), now), "12-01 22:04");
  assert.equal(formatSince(Date.UTC(2025, 11, 31, 22, 4), now), "2025-12-31 22:04");
  inGerman(() => assert.equal(formatSince(Date.UTC(2026, 11, 1, 22, 4), now), "01.12. 22:04"));
});

test("texts: placeholders, counts, elements", () => {
  assert.equal(t("since {time}", { time: "9:30" }), "since 9:30");
  assert.equal(count("{n} host|{n} hosts", 1), "1 host");
  assert.equal(count("{n} host|{n} hosts", 12_345), "12,345 hosts");
  assert.deepEqual(tx("Nothing matches {search}.", { search: 7 }), ["Nothing matches ", 7, "."]);
  inGerman(() => {
    assert.equal(t("since {time}", { time: "9:30" }), "seit 9:30");
    assert.equal(count("{n} rule|{n} rules", 1), "1 Regel");
    assert.equal(count("{n} rule|{n} rules", 12_345), "12.345 Regeln");
    assert.deepEqual(tx("Nothing matches {search}.", { search: 7 }), ["Nichts passt zu ", 7, "."]);
  });
});

test("German: numbers, times and dates", () => {
  inGerman(() => {
    assert.equal(format(12.345, "percent"), "12,3 %");
    assert.equal(format(1024, "bytes"), "1,00 KiB");
    assert.equal(formatTick(1.5 * 2 ** 30, "bytes"), "1,5 GiB");
    assert.equal(formatTick(2 ** 30, "bytes"), "1 GiB");
    assert.equal(whole(12_345), "12.345");
    assert.equal(formatAgo(42), "vor 42 s");
    assert.equal(formatAgo(0), "jetzt");
    const time = Date.UTC(2026, 10, 24, 8, 30);
    assert.equal(formatDate(time), "24.11.2026");
    assert.equal(formatTime(time), "24.11.2026 08:30:00");
    assert.equal(parseLocalTime("24.11.2026 08:30"), time);
    assert.equal(parseLocalTime("2026-11-24 08:30"), time);
  });
});

test("German: ranges in words", () => {
  inGerman(() => {
    const now = Date.UTC(2026, 10, 30, 18, 20);  // a Monday
    const pairs = [
      ["gestern", "yesterday"], ["Heute", "today"], ["letzten Dienstag 14:00–15:00", "last Tuesday 14:00–15:00"], ["letzte Woche", "last week"], ["diese Woche", "this week"],
      ["3 Tage", "3 days"], ["die letzten 3 Stunden", "3 hours"], ["seit 9:30", "since 9:30"], ["seit gestern um 14 Uhr", "since yesterday at 14:00"], ["24.11.2026", "2026-11-24"], ["24.11.", "24 nov"],
      ["von gestern 22:00 bis 2:00", "yesterday 22:00 – 2:00"], ["yesterday", "yesterday"],
    ];
    for (const [german, english] of pairs) {
      assert.ok(parseRangeWords(german ?? "", now) !== null, german);
      assert.deepEqual(parseRangeWords(german ?? "", now), parseRangeWords(english ?? "", now), german);
    }
  });
});
