import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, type Catalog } from "./completion.ts";

const catalog: Catalog = {
  measurements: ["cpu", "disk", "linux_sysctl_fs"],
  fields: new Map([["cpu", ["usage_active", "usage_user"]], ["disk", ["used", "used_percent"]], ["linux_sysctl_fs", ["file-nr"]]]),
  tags: new Map([["cpu", ["cpu", "host"]], ["disk", ["host", "path"]]]),
  values: new Map([["disk\npath", ["/", "/it's"]]]),
};
// The cursor is where the bar stands.
const at = (marked: string) => {
  const cursor = marked.indexOf("|");
  return complete(marked.replace("|", ""), cursor, catalog);
};
const labels = (marked: string): string[] => at(marked).options.map((one) => one.label);

test("what may stand at the cursor", () => {
  assert.equal(labels("|")[0], "SELECT");
  assert.deepEqual(labels("SELECT us| FROM disk"), ["used", "used_percent"]);
  assert.deepEqual(labels("SELECT mean(u| FROM cpu").slice(0, 2), ["usage_active", "usage_user"]);
  assert.deepEqual(labels("SELECT x FROM d|"), ["disk"]);
  assert.deepEqual(labels("SELECT x FROM |"), ["cpu", "disk", "linux_sysctl_fs"]);
  assert.deepEqual(labels("SELECT x FROM disk WHERE p|"), ["path", "used_percent"]);
  assert.deepEqual(labels("SELECT x FROM disk GROUP BY time(1m), |").slice(1, 3), ["host", "path"]);
  assert.ok(labels("SELECT me|").includes("mean("));
  assert.deepEqual(labels("SHOW T|").slice(0, 2), ["TAG KEYS", "TAG VALUES"]);
});

test("a value is quoted as InfluxQL wants it, and asked for when it is not known", () => {
  const known = at("SELECT used FROM disk WHERE path = '|");
  assert.deepEqual(known.options.map((one) => one.text), ["'/'", "'/it\\'s'"]);
  assert.equal(known.from, "SELECT used FROM disk WHERE path = ".length);
  assert.equal(at("SELECT used FROM disk WHERE host = |").needs, "disk\nhost");
});

test("the second statement is completed by itself", () => {
  assert.deepEqual(labels("SELECT used FROM disk; SELECT fi| FROM linux_sysctl_fs")[0], "file-nr");
});

test("a quoted word in the making is replaced with its quote", () => {
  const found = at('SELECT "used_p| FROM disk');
  assert.deepEqual([found.from, found.options[0]?.text], [7, '"used_percent"']);
});

test("never an exception, whatever is typed", () => {
  for (const text of ["'", '"', "((", "SELECT", "FROM FROM", ";;;", "WHERE = =", "\\", "SELECT '\\", "GROUP BY ,"]) {
    for (let cursor = 0; cursor <= text.length; ++cursor) assert.ok(Array.isArray(complete(text, cursor, catalog).options));
  }
});
