import assert from "node:assert/strict";
import { test } from "node:test";
import { seriesLabel, tagLabel } from "./tags.ts";

test("a tag's value stands alone where it is a word; a flag or a number has the tag's name", () => {
  assert.equal(tagLabel("path", "/var"), "/var");
  assert.equal(tagLabel("package_id", "0"), "package_id=0");
  assert.equal(seriesLabel({ simulated: "true", name: "orders", room: "", shard: "-1" }), "simulated=true orders shard=-1");
  assert.equal(seriesLabel({}), "");
});
