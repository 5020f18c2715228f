import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { kKnownMeasurements } from "./known.ts";

test("every measurement of the schema is known", () => {
  const schema = readFileSync("../docs/schema.md", "utf8");
  const names = [...schema.matchAll(/^## ([a-z_0-9]+)$/gm)].map((found) => found[1] ?? "");
  assert.ok(names.length > 40);
  assert.deepEqual(names.filter((name) => !kKnownMeasurements.has(name)), []);
});
