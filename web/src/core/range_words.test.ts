import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTime, setZone } from "./format.ts";
import * as german from "./texts_de.ts";
import { setLanguage } from "./texts.ts";
import { parseRangeWords } from "./range_words.ts";

setZone("utc");
const kNow = Date.UTC(2026, 10, 30, 18, 20);  // a Monday
const shown = (text: string): string => {
  const range = parseRangeWords(text, kNow);
  if (range === null) return "";
  return range.kind === "last" ? range.preset.id : `${formatTime(range.from).slice(0, 16)} ${formatTime(range.to).slice(0, 16)}`;
};

test("days", () => {
  assert.equal(shown("yesterday"), "2026-11-29 00:00 2026-11-30 00:00");
  assert.equal(shown("Today"), "2026-11-30 00:00 2026-12-01 00:00");
  assert.equal(shown("tuesday"), "2026-11-24 00:00 2026-11-25 00:00");
  assert.equal(shown("last Monday"), "2026-11-23 00:00 2026-11-24 00:00");
  assert.equal(shown("mon"), "2026-11-30 00:00 2026-12-01 00:00");
  assert.equal(shown("2026-11-24"), "2026-11-24 00:00 2026-11-25 00:00");
  assert.equal(shown("24 nov"), "2026-11-24 00:00 2026-11-25 00:00");
  assert.equal(shown("december 24"), "2025-12-24 00:00 2025-12-25 00:00");
});

test("clocks", () => {
  assert.equal(shown("last Tuesday 14:00–15:00"), "2026-11-24 14:00 2026-11-24 15:00");
  assert.equal(shown("yesterday 9:30-10:15"), "2026-11-29 09:30 2026-11-29 10:15");
  assert.equal(shown("yesterday at 14:00"), "2026-11-29 14:00 2026-11-29 15:00");
  assert.equal(shown("14:00 to 15:30"), "2026-11-30 14:00 2026-11-30 15:30");
  assert.equal(shown("yesterday 22:00 – 2:00"), "2026-11-29 22:00 2026-11-30 02:00");
  assert.equal(shown("yesterday 22:00 – today 2:00"), "2026-11-29 22:00 2026-11-30 02:00");
  assert.equal(shown("2026-11-24 08:00 - 2026-11-25 09:00"), "2026-11-24 08:00 2026-11-25 09:00");
  assert.equal(shown("yesterday 14-15"), "2026-11-29 14:00 2026-11-29 15:00");
});

test("parts of a day", () => {
  assert.equal(shown("last Tuesday afternoon"), "2026-11-24 12:00 2026-11-24 18:00");
  assert.equal(shown("yesterday morning"), "2026-11-29 06:00 2026-11-29 12:00");
  assert.equal(shown("yesterday in the evening"), "2026-11-29 18:00 2026-11-30 00:00");
  assert.equal(shown("today night"), "2026-11-30 00:00 2026-11-30 06:00");
  assert.equal(shown("last night"), "2026-11-30 00:00 2026-11-30 06:00");
  assert.equal(shown("this morning"), "2026-11-30 06:00 2026-11-30 12:00");
  assert.equal(shown("2026-11-24 evening"), "2026-11-24 18:00 2026-11-25 00:00");
  assert.equal(shown("24 nov afternoon"), "2026-11-24 12:00 2026-11-24 18:00");
  assert.equal(shown("since yesterday evening"), "2026-11-29 18:00 2026-11-30 18:20");
  assert.equal(shown("yesterday morning – yesterday evening"), "2026-11-29 06:00 2026-11-30 00:00");
  for (const text of ["soon afternoon", "last afternoon", "afternoon tuesday", "constructor"]) assert.equal(shown(text), "", text);
});

test("parts of a day in German", () => {
  setLanguage("de", german);
  try {
    const meant = (text: string): string => {
      const range = parseRangeWords(text, kNow);
      return range?.kind === "absolute" ? new Date(range.from).toISOString().slice(0, 13) + new Date(range.to).toISOString().slice(10, 13) : "";
    };
    assert.equal(meant("letzten Dienstag Nachmittag"), "2026-11-24T12T18");
    assert.equal(meant("letzten Dienstagnachmittag"), "2026-11-24T12T18");
    assert.equal(meant("gestern Vormittag"), "2026-11-29T06T12");
    assert.equal(meant("gestern Morgen"), "2026-11-29T06T12");
    assert.equal(meant("heute früh"), "2026-11-30T06T12");
    assert.equal(meant("gestern am Abend"), "2026-11-29T18T00");
    assert.equal(meant("heute in der Nacht"), "2026-11-30T00T06");
    assert.equal(meant("24.11. nachmittags"), "2026-11-24T12T18");
  } finally {
    setLanguage("en", null);
  }
});

test("spans and periods", () => {
  assert.equal(shown("last hour"), "1h");
  assert.equal(shown("15 min"), "15m");
  assert.equal(shown("7 days"), "7d");
  assert.equal(shown("3 h"), "2026-11-30 15:20 2026-11-30 18:20");
  assert.equal(shown("last week"), "2026-11-23 00:00 2026-11-30 00:00");
  assert.equal(shown("this month"), "2026-11-01 00:00 2026-12-01 00:00");
  assert.equal(shown("since 9:30"), "2026-11-30 09:30 2026-11-30 18:20");
  assert.equal(shown("since yesterday"), "2026-11-29 00:00 2026-11-30 18:20");
  assert.equal(shown("monday – wednesday"), "");
  assert.equal(shown("last tuesday – last thursday"), "2026-11-24 00:00 2026-11-27 00:00");
});

test("ago", () => {
  assert.equal(shown("90 minutes ago"), "2026-11-30 16:50 2026-11-30 18:20");
  assert.equal(shown("an hour ago"), "2026-11-30 17:20 2026-11-30 18:20");
  assert.equal(shown("3 h ago – 2 h ago"), "2026-11-30 15:20 2026-11-30 16:20");
  assert.equal(shown("since 10 min ago"), "2026-11-30 18:10 2026-11-30 18:20");
  assert.equal(shown("2 weeks ago"), "2026-11-16 00:00 2026-11-17 00:00");
  assert.equal(shown("a day ago"), "2026-11-29 00:00 2026-11-30 00:00");
});

test("what is not understood is nothing", () => {
  for (const text of ["", "soon", "25:00", "2026-02-31", "yesterday 14:00 –", "–", "to", "last", "- - -", "1 2 3", "99999999999 h ago"]) assert.equal(shown(text), "", text);
});
