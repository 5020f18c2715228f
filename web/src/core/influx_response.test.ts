import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeResponse, errorText } from "./influx_response.ts";

test("results by statement, with an error and an empty one", () => {
  const decoded = decodeResponse(
    { results: [
      { statement_id: 0, series: [{ name: "cpu", tags: { host: "a" }, columns: ["time", "v"], values: [[1, 2.5], [2, null]] }] },
      { statement_id: 1 },
      { statement_id: 2, error: "no such thing" },
    ] },
    3,
  );
  assert.deepEqual(decoded[0]?.series[0]?.values, [[1, 2.5], [2, null]]);
  assert.deepEqual(decoded[1], { series: [], error: null });
  assert.equal(decoded[2]?.error, "no such thing");
});

test("a statement that was not answered is an error, not an empty chart", () => {
  assert.equal(decodeResponse({ results: [{ statement_id: 0 }] }, 2)[1]?.error, "no answer");
});

test("what is not an answer is refused", () => {
  for (const body of [null, 3, [], {}, { results: {} }, { results: [null] }, { results: [{ statement_id: 9 }] },
    { results: [{ series: [{ columns: ["time"], values: [[1, 2]] }] }] }, { results: [{ series: [{ values: [] }] }] }]) {
    assert.throws(() => decodeResponse(body, 1));
  }
  assert.throws(() => decodeResponse({ error: "error parsing query" }, 1), /error parsing query/);
});

test("error bodies of several products", () => {
  assert.equal(errorText('{"error":"database not found"}', 404), "database not found");
  assert.equal(errorText('{"code":"unauthorized","message":"no token"}', 403), "no token");
  assert.equal(errorText("cannot parse\n", 400), "cannot parse");
  assert.equal(errorText("<html>Bad Gateway</html>", 502), "HTTP status 502");
  assert.equal(errorText("", 500), "HTTP status 500");
});
