import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHistogram, decodeLine, decodePage, decodePatterns, errorMarks, hasTerm, lineText, messageBeside, mergeNewest, Overlap, severityOf, stacks, termOf, toggleTerm } from "./log_lines.ts";

test("a line has what the server wrote, and nothing breaks on what it did not", () => {
  const line = decodeLine({ time: "2026-11-29T10:00:00.123456789Z", host: "web1", source: "system", level: "error", pid: 7, message: "m", fields: { a: "b" } });
  assert.equal(line.ms, Date.parse("2026-11-29T10:00:00.123Z"));
  assert.deepEqual(line.fields, [["a", "b"]]);
  for (const bad of [null, 5, "x", [], {}, { fields: 3, pid: "x", level: "loud" }]) assert.equal(decodeLine(bad).level, "none");
  assert.deepEqual(decodePage(null), { lines: [], cursor: "", partial: "" });
  assert.deepEqual(decodePatterns({ patterns: [{ pattern: "p", lines: 2, levels: { info: 1, error: 1 }, new: true }] }),
                   [{ pattern: "p", lines: 2, example: "", isNew: true, level: "error" }]);
});

test("a message does not repeat the time and the level that stand beside it", () => {
  const line = { time: "2026-12-01T21:08:38.120Z", level: "error", message: "" } as const;
  const beside = (message: string, more: object = {}): string => messageBeside({ ...line, message, ...more });
  assert.equal(beside("2026-12-01T21:08:38Z ERROR payment failed"), "payment failed");
  assert.equal(beside("2026-12-01T21:08:38.120456Z  payment failed"), "payment failed");
  assert.equal(beside("2026-12-01T21:08:38Z WARN low", { level: "warning" }), "low");
  assert.equal(beside("2026-12-01T21:08:38Z INFO done"), "INFO done");
  assert.equal(beside("2026-12-01T21:08:38Z ERRORS: 3"), "ERRORS: 3");
  for (const other of ["2026-12-01T21:08:37Z ERROR earlier", "2026-12-01T21:08:38+02:00 ERROR elsewhere", "2026-12-01 21:08:39 ERROR later", "2026-12-03 21:08:38 ERROR on another day",
    "Dec 11 21:08:38 x", "01/Dec/2026:21:08:38 +0100 x", "2026-13-41 21:08:38 no day", "2026-12-01T21:08:38Z", "ERROR alone", ""]) {
    assert.equal(beside(other), other);
  }
  // As Log4j, Logback, Python, syslog, nginx and the common log format write them; without a zone in any.
  for (const [message, left] of [
    ["2026-12-01 21:08:38,123 ERROR [main] org.example.Pay: failed", "[main] org.example.Pay: failed"],
    ["2026-12-01 22:08:38,123 - root - ERROR - failed", "root - ERROR - failed"],
    ["[2026-12-01 21:08:38] [ERROR] failed", "failed"],
    ["2026-12-01T22:08:38.123+01:00 ERROR: failed", "failed"],
    ["2026-12-01T22:08:38+0100  ERROR 7 --- [main] c.e.Shop : failed", "7 --- [main] c.e.Shop : failed"],
    ["2026-12-02 02:53:38 | ERROR | failed", "failed"],
    ["Dec  1 21:08:38 vm app: failed", "vm app: failed"],
    ["2026/12/01 21:08:38 [error] 9#9: *1 failed", "9#9: *1 failed"],
    ["01/Dec/2026:21:08:38 +0000 failed", "failed"],
    ["2026-12-01 21:08:38.123 UTC [71] ERROR:  failed", "[71] ERROR:  failed"],
  ] as const) assert.equal(beside(message), left, message);
  assert.equal(beside("Dec 31 23:30:00 x", { time: "2027-01-01T00:30:00Z" }), "x");
});

test("a line that comes live and is in the fetched page is shown once, two equal ones twice", () => {
  const line = (message: string, second = 0) => decodeLine({ time: `2026-12-01T10:00:0${second}Z`, host: "web1", source: "system", message });
  const page = [line("same"), line("only fetched")];
  const overlap = new Overlap(page);
  assert.deepEqual(overlap.without([line("same"), line("same"), line("only live")]).map((one) => one.message), ["same", "only live"]);
  assert.deepEqual(overlap.without([line("same")]).length, 1, "the page's stands for one only");
  assert.deepEqual(overlap.without([{ ...line("only fetched"), host: "web2" }]).length, 1, "another host's is another line");
  assert.deepEqual(mergeNewest([line("a", 1), line("b", 2)], page, 3).map((one) => one.message), ["b", "a", "same"]);
});

test("levels are stacked by severity", () => {
  const histogram = decodeHistogram({ start: 0, step: 1000, buckets: 2, levels: { error: [1, 0], critical: [2, 0], info: [0, 5] }, total: 8 });
  assert.deepEqual(stacks(histogram), [{ error: 3, warning: 0, info: 0, quiet: 0 }, { error: 0, warning: 0, info: 5, quiet: 0 }]);
  assert.equal(severityOf("warning"), "warning");
  assert.equal(severityOf("none"), "quiet");
});

test("a click adds a term, a second takes it away, and its opposite replaces it", () => {
  const term = termOf("host", "web1");
  assert.equal(term, "host:web1");
  assert.equal(termOf("user", 'Bob "B"'), 'user:="Bob \\"B\\""');
  assert.equal(termOf("unit", "/var/log/syslog"), 'unit:"/var/log/syslog"');
  const once = toggleTerm("error", term, false);
  assert.equal(once, "error host:web1");
  assert.ok(hasTerm(once, term));
  assert.equal(toggleTerm(once, term, false), "error");
  assert.equal(toggleTerm(once, term, true), "error -host:web1");
  assert.equal(toggleTerm("a OR b", term, false), "(a OR b) host:web1");
});

test("a line of a file, and marks where errors were", () => {
  const line = decodeLine({ time: "2026-11-29T10:00:00Z", host: "web1", level: "error", unit: "app", pid: 7, message: "a\nb", fields: { u: "x", v: "y z" } });
  assert.equal(lineText(line), '2026-11-29T10:00:00Z web1 app[7] error a\n  b u=x v="y z"\n');
  assert.equal(lineText(decodeLine({ time: "t", host: "h", message: "m" })), "t h - - m\n");
  const histogram = decodeHistogram({ start: 100, step: 10, buckets: 3, levels: { error: [0, 2, 0], critical: [0, 1, 0], info: [4, 4, 4] }, total: 15 });
  assert.deepEqual(errorMarks(histogram), [{ from: 110, to: 120, errors: 3 }]);
});
