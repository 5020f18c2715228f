import assert from "node:assert/strict";
import { test } from "node:test";
import { unusualWords, type Figure } from "./usual.ts";

const figure = (change: Partial<Figure>): Figure => ({ title: "CPU", unit: "percent", least: 10, now: 20, yesterday: 20, weekAgo: 20, ...change });

test("what differs from its usual is said, with both days", () => {
  assert.equal(unusualWords(figure({ now: 60, yesterday: 21, weekAgo: 19 })), "CPU 60.0 %, 3 × its usual for this hour (yesterday 21.0 %, a week ago 19.0 %)");
  assert.equal(unusualWords(figure({ now: 8, yesterday: 40, weekAgo: null })), "CPU 8.0 %, 0.2 × its usual for this hour (yesterday 40.0 %)");
  assert.equal(unusualWords(figure({ now: 50, yesterday: 0, weekAgo: 0 })), "CPU 50.0 %, far above its usual for this hour (yesterday 0.0 %, a week ago 0.0 %)");
});

test("what is as usual, small, or has no past is not", () => {
  assert.equal(unusualWords(figure({ now: 25 })), null);
  assert.equal(unusualWords(figure({ now: 9, yesterday: 1, weekAgo: 1 })), null);
  assert.equal(unusualWords(figure({ now: 90, yesterday: null, weekAgo: null })), null);
  // One of the two days was like this one.
  assert.equal(unusualWords(figure({ now: 60, yesterday: 58, weekAgo: 5 })), null);
});

test("a time of the past is compared with the days before it", () => {
  assert.equal(unusualWords(figure({ now: 60, yesterday: 21, weekAgo: 19 }), true), "CPU 60.0 %, 3 × its usual (the day before 21.0 %, a week before 19.0 %)");
});
