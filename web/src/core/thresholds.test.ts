import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkThresholds, kThresholds, levelOf } from "./thresholds.ts";

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
  assert.deepEqual([made.disk, made.memory, made.pressure], [kThresholds.disk, kThresholds.memory, kThresholds.pressure]);
  assert.deepEqual(checkThresholds(null), kThresholds);
});
