import assert from "node:assert/strict";
import { test } from "node:test";
import { annotationLine, decodeAnnotations, withStarts } from "./annotations.ts";

test("an annotation is a line that nothing breaks out of", () => {
  assert.equal(annotationLine("", "deploy 2.4", "mia", 1000.4), 'annotation text="deploy 2.4",author="mia" 1000\n');
  assert.equal(annotationLine("a b,c=d", 'say "no"\nannotation x=1', "", 5), 'annotation,about=a\\ b\\,c\\=d text="say \\"no\\" annotation x=1",author="" 5\n');
});

test("annotations of a host and of all", () => {
  const series = (about: string, text: string) =>
    ({ name: "annotation", tags: { about }, columns: ["time", "text", "author"], values: [[7, text, "mia"], [8, "", ""]] });
  const result = { series: [series("", "for all"), series("web1", "for it"), series("db1", "for another")], error: null };
  assert.deepEqual(decodeAnnotations(result, ["web1"]), [{ time: 7, words: "for all (mia)" }, { time: 7, words: "for it (mia)" }]);
  assert.deepEqual(decodeAnnotations(result, ["web1", "db1"]).map((one) => one.words), ["for all (mia)", "web1: for it (mia)", "db1: for another (mia)"]);
});

test("starts that samples name join those that the host tells, each once", () => {
  const told = [{ time: 500_000, words: "the machine started" }, { time: 9, words: "deploy" }];
  assert.deepEqual(withStarts(told, [501_000, 900_000]), [...told, { time: 900_000, words: "the machine started" }]);
  assert.equal(withStarts(told, [499_000]), told);
});
