import assert from "node:assert/strict";
import { test } from "node:test";
import { doubtOf, nearest, withSuggestion } from "./nearest.ts";

const names = {
  measurements: ["cpu", "mem", "disk", "diskio"], fields: new Map([["cpu", ["usage_active", "usage_user"]]]), tags: new Map([["cpu", ["cpu", "host"]]]),
};

test("the nearest name, if it is near", () => {
  assert.equal(nearest("cpuu", names.measurements), "cpu");
  assert.equal(nearest("Disk", names.measurements), "disk");
  assert.equal(nearest("memory", ["mem", "memory_used"]), "memory_used");
  assert.equal(nearest("weather", names.measurements), null);
});

test("a wrong measurement, field or tag is found, and put right", () => {
  const query = 'SELECT mean("usage_activ") AS "what" FROM "cpu" WHERE "host" = \'no "name"\' GROUP BY "host"';
  const doubt = doubtOf(query, names);
  assert.deepEqual(doubt, { unknown: "usage_activ", of: "cpu", suggestion: "usage_active" });
  assert.ok(doubt !== null && withSuggestion(query, doubt).includes('mean("usage_active") AS'));
  const other = "SELECT last(x) FROM cpuu";
  const wrong = doubtOf(other, names);
  assert.deepEqual(wrong, { unknown: "cpuu", of: "", suggestion: "cpu" });
  assert.ok(wrong !== null && withSuggestion(other, wrong) === 'SELECT last(x) FROM "cpu"');
});

test("no doubt where all is known, or where too little is", () => {
  for (const query of ['SELECT mean("usage_user") FROM "cpu" GROUP BY time(1m), "host"', "SHOW DATABASES", 'SELECT * FROM (SELECT "x" FROM "y")', 'SELECT "x" FROM "mem"'])
    assert.equal(doubtOf(query, names), null);
  assert.equal(doubtOf("SELECT x FROM cpuu", { ...names, measurements: [] }), null);
});
