// The catalogue of texts (src/core/texts.ts) against the sources and against German.

import assert from "node:assert/strict";
import { test } from "node:test";
import { german, scan } from "./texts.mjs";

const kGerman = await german();
const { keys, literals, notLiteral } = scan();

test("every text is translated, and every translation is used", () => {
  assert.deepEqual([...keys.keys()].filter((key) => !Object.hasOwn(kGerman, key)), []);
  assert.deepEqual(Object.keys(kGerman).filter((key) => !keys.has(key)), []);
});

test("a translation has the text's placeholders and forms, and no blanks of its own", () => {
  const shape = (text) => JSON.stringify(text.split("|").map((form) => /^\s|\s$/.test(form)));
  const names = (text) => JSON.stringify([...new Set([...text.matchAll(/\{\w+\}/g)].map(([name]) => name))].sort());
  assert.deepEqual(Object.entries(kGerman).filter(([key, text]) => shape(key) !== shape(text) || names(key) !== names(text) || text === ""), []);
});

test("every text is named where it is used, so that this test sees it", () => assert.deepEqual(notLiteral, []));

test("no view has a text beside the catalogue", () => assert.deepEqual(literals, []));
