import assert from "node:assert/strict";
import { test } from "node:test";
import { completeLogs } from "./log_completion.ts";

const facets = [
  { name: "host", others: 0, values: [{ value: "web1", lines: 9 }, { value: "db web", lines: 4 }] },
  { name: "level", others: 0, values: [{ value: "error", lines: 3 }] },
  { name: "user", others: 0, values: [{ value: "root", lines: 2 }] },
];
const texts = (text: string, cursor = text.length): string[] => completeLogs(text, cursor, facets).options.map((one) => one.text);

test("names first, also of fields that the lines have", () => {
  assert.deepEqual(texts("error us"), ["user:"]);
  assert.deepEqual(texts("-ho"), ["host:"]);
  assert.equal(completeLogs("-ho", 3, facets).from, 1);
  assert.ok(texts("").includes("level:"));
});

test("behind a name the values, those that begin so first", () => {
  assert.deepEqual(texts("host:"), ["host:web1", 'host:"db web"']);
  assert.deepEqual(texts("x (host:WEB"), ["host:web1", 'host:"db web"']);
  assert.deepEqual(texts('host:"db w'), ['host:"db web"']);
  assert.deepEqual(texts("level:>=err"), ["level:>=error"]);
  assert.deepEqual(texts("user:="), ["user:=root"]);
  assert.equal(completeLogs("level:err", 9, facets).options[0]?.lines, 3);
});

test("nothing in a phrase, a regex, or for a word that is whole", () => {
  assert.deepEqual(texts('"ho'), []);
  assert.deepEqual(texts("/ho"), []);
  assert.deepEqual(texts("host:web1"), []);
  assert.deepEqual(texts('"a b" ho', 3), []);
});
