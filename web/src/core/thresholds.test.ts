import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkThresholds, kThresholds, levelOf, withLimit } from "./thresholds.ts";

test("levels", () => {
  assert.equal(levelOf(kThresholds.disk, null), "none");
  assert.equal(levelOf(kThresholds.disk, 79.9), "calm");
  assert.equal(levelOf(kThresholds.disk, 80), "raised");
  assert.equal(levelOf(kThresholds.disk, 95), "high");
});

test("they agree with the server's built-in alerts", () => {
  const rules = readFileSync("../lib/alert/default_rules.cc", "utf8");
  const when = (rule: string): string => new RegExp(`\\[rule\\.${rule}\\]\\s+when = '([^']*)'`).exec(rules)?.[1] ?? "";
  assert.ok(new RegExp(`used_percent >= ${kThresholds.disk.high}$`).test(when("disk-full")));
  assert.ok(new RegExp(`avg300 > ${kThresholds.pressure.high}$`).test(when("io-pressure")));
  assert.ok(new RegExp(`system\\.n_cpus > ${kThresholds.load.high}$`).test(when("cpu-pressure")));
});

test("what a person gave counts only where it makes sense", () => {
  const made = checkThresholds({ cpu: { raised: 50, high: 70 }, disk: { raised: 99, high: 10 }, memory: "much", pressure: { raised: 0, high: 5 } });
  assert.deepEqual(made.cpu, { raised: 50, high: 70 });
  assert.deepEqual(Object.keys(made), ["cpu"]);
  assert.deepEqual(checkThresholds(null), {});
});

test("of two limits the one that was typed counts, and none is the base's again", () => {
  assert.deepEqual(withLimit({}, kThresholds, "cpu", "high", 50), { cpu: { raised: 50, high: 50 } });
  assert.deepEqual(withLimit({ disk: { raised: 10, high: 20 } }, kThresholds, "disk", "raised", 30), { disk: { raised: 30, high: 30 } });
  assert.deepEqual(withLimit({ disk: { raised: 10, high: 20 } }, kThresholds, "disk", "high", null), {});
});
