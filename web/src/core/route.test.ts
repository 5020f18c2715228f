import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRoute, parseRoute } from "./route.ts";
import { chooseStep, kDefaultPreset, kPresets, localDay, paceOf, pan, parseLocalTime, windowOf, type Range } from "./time_range.ts";

test("every view survives being a link", () => {
  for (const hash of ["#/", "#/?q=site%3Aoslo&sort=-cpu", "#/?view=heat", "#/host/web1?range=24h", "#/?view=heat&by=disk&group=site",
    "#/compare?host=a&host=b%26c&range=live", "#/explore?q=SELECT+1%3B+%23&show=table&sort=-grew", "#/server", "#/server?level=warn", "#/access", "#/host/a%2Fb%3Fc%23d?from=1000000&to=2000000"]) {
    assert.equal(formatRoute(parseRoute(hash)), hash);
  }
  const route = parseRoute(formatRoute({ view: "host", host: "<b>%/é", range: { kind: "last", preset: kDefaultPreset } }));
  assert.equal(route.view === "host" ? route.host : "", "<b>%/é");
});

test("bad links lead somewhere sensible", () => {
  assert.equal(parseRoute("#/nowhere").view, "fleet");
  assert.equal(parseRoute("#/host/").view, "fleet");
  const stray = parseRoute("#/host/50%?range=never");
  assert.ok(stray.view === "host" && stray.host === "50%" && stray.range.kind === "last");
  const reversed = parseRoute("#/host/a?from=2000000&to=1000000");
  assert.ok(reversed.view === "host" && reversed.range.kind === "last");
  const fleet = parseRoute("#/?sort=-nonsense");
  assert.ok(fleet.view === "fleet" && fleet.sort === "state" && !fleet.descending);
});

test("what a chart asks for does not follow small differences of a host's interval", () => {
  const last = (id: string): Range => ({ kind: "last", preset: kPresets.find((preset) => preset.id === id)! });
  assert.equal(paceOf(last("15m"), undefined), 5);
  assert.equal(paceOf(last("15m"), 10), 10);
  assert.equal(paceOf(last("15m"), 9.98), 10);
  assert.equal(paceOf(last("15m"), 8.5), 8.5);
  // 27 samples in each bucket: as if it were the usual interval.
  assert.equal(paceOf(last("24h"), 8.98), 5);
  assert.equal(paceOf(last("24h"), 60), 60);
});

test("a bucket is a whole number of intervals and never smaller than one", () => {
  assert.equal(chooseStep(15 * 60_000, 5), 5000);
  assert.equal(chooseStep(3_600_000, 5), 10_000);
  assert.equal(chooseStep(3_600_000, 60), 60_000);
  assert.equal(chooseStep(900_000, 0.1), 2000);
  assert.equal(chooseStep(3_600_000, 7), 14_000);
  assert.equal(chooseStep(30 * 86_400_000, 5) % 5000, 0);
  assert.ok(chooseStep(1000, NaN) >= 1000);
});

test("windows are aligned and contain what was asked for", () => {
  const window = windowOf({ kind: "absolute", from: 1_000_003, to: 1_100_001 }, 0, 5);
  assert.ok(window.from % window.step === 0 && window.to % window.step === 0);
  assert.ok(window.from <= 1_000_003 && window.to >= 1_100_001);
  const last = windowOf({ kind: "last", preset: kDefaultPreset }, 1_700_000_001_234, 5);
  assert.ok(last.to > 1_700_000_001_234 && last.to - last.from === 900_000);
});

test("panning past the present is live again", () => {
  const back = pan({ kind: "last", preset: kDefaultPreset }, 10_000_000, -0.5);
  assert.deepEqual(back, { kind: "absolute", from: 10_000_000 - 1_350_000, to: 10_000_000 - 450_000 });
  assert.equal(pan(back, 10_000_000, 0.5).kind, "last");
});

test("times as they are typed", () => {
  assert.equal(parseLocalTime("2026-11-24T08:30"), new Date(2026, 10, 24, 8, 30).getTime());
  assert.equal(parseLocalTime(" 2026-11-24 08:30:05 "), new Date(2026, 10, 24, 8, 30, 5).getTime());
  assert.equal(parseLocalTime("2026-11-24"), new Date(2026, 10, 24).getTime());
  for (const text of ["", "yesterday", "2026-02-31", "2026-13-01", "24.11.2026"]) assert.equal(parseLocalTime(text), null, text);
  const day = localDay(new Date(2026, 2, 1, 13).getTime(), 1);
  assert.deepEqual([new Date(day.from).getDate(), new Date(day.to).getDate(), new Date(day.from).getHours()], [28, 1, 0]);
});
