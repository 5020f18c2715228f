import assert from "node:assert/strict";
import { test } from "node:test";
import { chartPath, countOpen, decodeAlerts, decodePast, decodePreview, fieldsOf, firedBefore, placeOf, sortAlerts, spansOf, whereOf } from "./alerts.ts";

const given = {
  alerts: [
    { id: "1", rule: "disk", severity: "warning", host: "web1", tags: { path: "/" }, state: "firing", since: 10, held_by: "", acknowledged_by: "" },
    { id: "2", rule: "silent", severity: "critical", host: "web2", state: "firing", since: 5, held_by: "", acknowledged_by: "mia" },
    { id: "3", rule: "cpu", severity: "critical", host: "web3", state: "pending", since: 20 },
    { id: "4", rule: "boot", severity: "info", host: "web4", state: "firing", since: 20 },
    "nonsense",
  ],
  channels: [{ name: "phone", kind: "ntfy", place: "ntfy.sh", failing_since: null }],
};

test("alerts are decoded, sorted by need and counted", () => {
  const state = decodeAlerts(given);
  assert.ok(state !== null);
  assert.deepEqual(sortAlerts(state.alerts).map((one) => one.id), ["2", "1", "4", "3"]);
  assert.equal(countOpen(state.alerts), 1);
  assert.equal(whereOf(state.alerts[0] ?? { host: "", tags: {} }), "web1 path=/");
  assert.equal(state.channels[0]?.failingSince, null);
});

test("what is no list of alerts is none", () => {
  assert.equal(decodeAlerts({}), null);
  assert.equal(decodeAlerts("x"), null);
  assert.deepEqual(decodePast({ history: [1, { id: 2 }] }).map((one) => one.id), [2]);
});

test("spans are made of what fired and ended, whatever is missing", () => {
  const past = decodePast({ history: [
    { id: 5, time: 500, rule: "disk", host: "a", tags: { path: "/" }, state: "firing", since: 480, severity: "critical" },
    { id: 4, time: 400, rule: "cpu", host: "a", state: "ok", since: 90 },
    { id: 3, time: 300, rule: "disk", host: "a", tags: { path: "/" }, state: "ok", since: 100 },
    { id: 2, time: 150, rule: "disk", host: "a", tags: { path: "/home" }, state: "firing", since: 150 },
    { id: 1, time: 110, rule: "disk", host: "a", tags: { path: "/" }, state: "firing", since: 100 },
  ] });
  assert.deepEqual(spansOf(past).map((one) => [one.what, one.rule, one.from, one.to]), [
    ["a path=/", "disk", 110, 300], ["a path=/home", "disk", 150, null], ["a", "cpu", 90, 400], ["a path=/", "disk", 500, null],
  ]);
});

test("an end counts from when its alert fired, not from when the condition became true", () => {
  const entry = (id: number, time: number, state: string, since: number, path = "/") => ({ id, time, rule: "disk", host: "a", tags: { path }, state, since });
  const past = decodePast({ history: [
    entry(6, 900, "ok", 650), entry(5, 500, "ok", 380), entry(4, 450, "firing", 380, "/home"), entry(3, 440, "firing", 380), entry(2, 300, "ok", 100),
  ] });
  assert.deepEqual([...firedBefore(past)], [[5, 440]], "of the others the list has no begin");
  const kept = decodePast({ history: [entry(1, 110, "firing", 100), entry(2, 300, "ok", 200)] });
  assert.deepEqual([...firedBefore(kept)], [], "the begin of an earlier time");
});

test("a condition's fields are found and its texts are not", () => {
  assert.deepEqual(fieldsOf('max(disk{path="/a.b|x.y"}.used_percent, 5m) > 90.5 and system.load5 / system.n_cpus > 4'), ["disk.used_percent", "system.load5", "system.n_cpus"]);
  assert.deepEqual(fieldsOf("logs('a.b c.d') > 3 in 5m"), []);
  assert.deepEqual(fieldsOf("host silent"), []);
});

test("a place in a text", () => {
  assert.equal(placeOf("ab\ncde\n", 2, 3), 5);
  assert.equal(placeOf("ab\ncde", 2, 99), 6);
  assert.equal(placeOf("ab", 0, 0), 0);
  assert.equal(placeOf("ab", 9, 1), 2);
});

test("a preview and its chart", () => {
  const preview = decodePreview({ mistakes: [], fired: 3, chart: { host: "a", limit: 90, values: [0, null, 50, 100] }, alerts: [{ host: "a", fired: 1 }] });
  assert.equal(preview?.chart?.values[1], null);
  assert.equal(preview?.alerts[0]?.ended, null);
  const path = chartPath([0, null, 50, 100], 90, 40, 24);
  assert.equal(path.line, "M5.0 22.0h1M25.0 12.0L35.0 2.0");
  assert.equal(path.limitY, 4);
  assert.deepEqual([path.low, path.high], [0, 100]);
  assert.equal(chartPath([100, 99.6, 99.5], null, 30, 24).line, "M5.0 11.5L15.0 12.3L25.0 12.5", "a value that hardly moves is no cliff");
  assert.deepEqual(chartPath([null], 1, 10, 10), { line: "", limitY: null, low: 0, high: 0 });
  assert.equal(decodePreview(3), null);
});
