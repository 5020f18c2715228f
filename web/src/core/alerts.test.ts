import assert from "node:assert/strict";
import { test } from "node:test";
import { countOpen, decodeAlerts, decodePast, sortAlerts, whereOf } from "./alerts.ts";

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
