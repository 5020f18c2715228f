import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAlerts } from "./alerts.ts";
import { decodeFeed, type Host } from "./hosts.ts";
import { beganAbove, firstAbove } from "./since.ts";
import { kThresholds } from "./thresholds.ts";
import { causeWords, isCritical, sinceOf, troubleOf } from "./trouble.ts";

function hostWith(summary: Record<string, unknown>, state = "up"): Host {
  const feed = decodeFeed({ server_time: 10_000, hosts: [{ host: "vm", state, last_seen: 4000, summary }] });
  assert.ok(feed !== null && feed.kind !== "removed" && feed.hosts[0] !== undefined);
  return feed.hosts[0];
}
const alertsOf = (...alerts: object[]) => decodeAlerts({ alerts })?.alerts ?? [];
const lasting = (host: Host): number | null => host.summary.cpu_percent;

test("a host is in trouble for its figures, in words", () => {
  const host = hostWith({ cpu_percent: 99.7, memory_percent: 50, pressure_percent: 97.6, pressure_resource: "cpu", disk_percent: 12, disk_path: "/" });
  const trouble = troubleOf(host, kThresholds, [], lasting, undefined);
  assert.equal(trouble === null ? "" : causeWords(trouble), "CPU 100 %, CPU pressure 98 %");
  assert.equal(troubleOf(hostWith({ cpu_percent: 40, swap_percent: 100 }), kThresholds, [], lasting, undefined), null);
});

test("a paused host is never in trouble", () => {
  const feed = decodeFeed({ server_time: 10_000, hosts: [{ host: "vm", state: "down", settings: { paused: true }, summary: { cpu_percent: 100 } }] });
  assert.ok(feed !== null && feed.kind !== "removed" && feed.hosts[0] !== undefined);
  assert.equal(troubleOf(feed.hosts[0], kThresholds, [], lasting, undefined), null);
});

test("one busy sample is no trouble, and trouble ends a little below the limit", () => {
  const busy = hostWith({ cpu_percent: 100 });
  assert.equal(troubleOf(busy, kThresholds, [], () => 60, undefined), null);
  const before = troubleOf(busy, kThresholds, [], lasting, undefined);
  assert.ok(before !== null);
  const less = hostWith({ cpu_percent: 93 });
  assert.equal(troubleOf(less, kThresholds, [], lasting, undefined), null);
  assert.ok(troubleOf(less, kThresholds, [], lasting, before) !== null);
  assert.equal(troubleOf(hostWith({ cpu_percent: 80 }), kThresholds, [], lasting, before), null);
});

test("alerts: one that says the same lends its begin; another is a cause of its own; acknowledged and harmless ones are none", () => {
  const full = hostWith({ disk_percent: 96.2, disk_path: "/var" });
  const alert = { rule: "disk-full", host: "vm", severity: "critical", state: "firing", since: 1000, tags: { path: "/var" }, value_text: "96 %" };
  const trouble = troubleOf(full, kThresholds, alertsOf(alert), lasting, undefined);
  assert.ok(trouble !== null);
  assert.equal(causeWords(trouble), "disk /var 96 %");
  assert.equal(sinceOf(trouble), 1000);
  assert.ok(isCritical(trouble), "the same cause is critical because of the alert");
  const mild = troubleOf(hostWith({}), kThresholds, alertsOf({ ...alert, rule: "unit-failed", severity: "warning" }), lasting, undefined);
  assert.ok(mild !== null && !isCritical(mild));
  const unit = troubleOf(hostWith({}), kThresholds, alertsOf({ ...alert, rule: "unit-failed", tags: { name: "ssh" }, value_text: "" }), lasting, undefined);
  assert.equal(unit === null ? "" : causeWords(unit), "unit-failed ssh");
  for (const change of [{ acknowledged_by: "mia" }, { held_by: "silenced" }, { severity: "info" }, { state: "pending" }])
    assert.equal(troubleOf(hostWith({}), kThresholds, alertsOf({ ...alert, rule: "unit-failed", ...change }), lasting, undefined), null);
});

test("a host that is down is so since it was last heard, and only that", () => {
  const trouble = troubleOf(hostWith({ cpu_percent: 100 }, "down"), kThresholds, alertsOf({ rule: "disk-full", host: "vm", state: "firing", since: 1 }), lasting, undefined);
  assert.deepEqual(trouble?.causes, [{ key: "down", words: "down", since: 4000 }]);
});

test("since when a figure has been high", () => {
  const points = (...values: number[]) => values.map((value, at) => ({ time: at * 10, value }));
  assert.deepEqual(beganAbove(points(10, 96, 97, 90, 99), 95, 0), { since: 10, least: false });
  assert.deepEqual(beganAbove(points(99, 96, 97), 95, 0), { since: 0, least: true });
  // The newest stretch is not over yet.
  assert.deepEqual(beganAbove(points(10, 99, 99, 50), 95, 0), { since: 10, least: false });
  assert.deepEqual(beganAbove(points(10, 20, 30), 95, 0), { since: 20, least: false });
  assert.deepEqual(beganAbove([], 95, 0), { since: null, least: false });
  // Samples that begin later than what was looked at: nothing is known of before, so it is no "over".
  assert.deepEqual(beganAbove(points(99, 96, 97), 95, -1000), { since: 0, least: false });
});

test("a stretch began with its first sample above the limit, which is never before the first sample", () => {
  assert.equal(firstAbove([{ time: 7, value: 10 }, { time: 8, value: 96 }, { time: 9, value: 20 }], 95), 8);
  assert.equal(firstAbove([{ time: 7, value: 10 }], 95), 7);
  assert.equal(firstAbove([], 95), null);
});
