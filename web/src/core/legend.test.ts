import assert from "node:assert/strict";
import { test } from "node:test";
import { figuresOf } from "./legend.ts";

test("a line's figures: of its values, and of its band where it has one", () => {
  assert.deepEqual(figuresOf([1, null, 3, 8, null]), { min: 1, mean: 4, max: 8, last: 8 });
  assert.deepEqual(figuresOf([2, 4], [1, null], [9, 5]), { min: 1, mean: 3, max: 9, last: 4 });
  assert.deepEqual(figuresOf([null]), { min: null, mean: null, max: null, last: null });
});
