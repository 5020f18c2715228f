// Every Flux query of the generated dashboards through InfluxData's own compiler (the language server's WebAssembly build): syntax,
// function names, their arguments and types. No InfluxDB 2 runs here, so whether a query returns rows is not known; that its
// measurements, tags and fields exist is dashboards.test.py's part.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const { is_valid_flux: valid } = createRequire(import.meta.url)("@influxdata/flux-lsp-node");
const root = fileURLToPath(new URL("../..", import.meta.url));

// What Grafana and InfluxDB give a query: v is theirs.
const kVariables = `option v = {resmon_bucket: "resmon", defaultBucket: "resmon", organization: "resmon", resmon_host: "web-1",
  resmon_hosts: "(all)", resmon_interface: "eth0", resmon_disk: "sda", resmon_mount: "/", resmon_server: "server-1",
  timeRangeStart: -1h, timeRangeStop: now(), windowPeriod: 10s}
`;

// imports stand first in a Flux file; a ${name:regex} is what Grafana puts in place.
function whole(query) {
  const replaced = query.replace(/\$\{[a-z]+:regex\}/g, "(web-1|web-2)");
  const imports = replaced.match(/^import .*\n+/gm) ?? [];
  return imports.join("") + kVariables + replaced.replace(/^import .*\n+/gm, "");
}

const directory = mkdtempSync(join(tmpdir(), "resmon-flux-"));
test.after(() => rmSync(directory, { recursive: true }));
execFileSync("python3", [join(root, "deploy/dashboards/generate.py"), directory]);

test("the compiler that checks tells right from wrong", () => {
  const right = 'from(bucket: v.resmon_bucket) |> range(start: v.timeRangeStart) |> filter(fn: (r) => r._field == "x")';
  assert.ok(valid(whole(right)));
  for (const wrong of [right.slice(0, -1), right.replace("from", "form"), right.replace("bucket:", "bukket:"), right.replace("v.resmon_bucket", "7")])
    assert.ok(!valid(whole(wrong)), wrong);
});

function* queriesIn(value, path) {
  if (Array.isArray(value)) for (const [i, one] of value.entries()) yield* queriesIn(one, `${path} ${one?.title ?? one?.name ?? i}`);
  else if (value && typeof value === "object")
    for (const [key, one] of Object.entries(value))
      if (key === "query" && typeof one === "string") yield [path, one];
      else yield* queriesIn(one, path);
}

let count = 0;
for (const [name, file] of [
  ...readdirSync(join(directory, "grafana/dashboards")).filter((f) => f.includes("-flux")).map((f) => [`Grafana ${f}`, join(directory, "grafana/dashboards", f)]),
  ["InfluxDB template", join(directory, "influxdb/resmon.json")],
]) {
  test(`${name}: every query compiles`, () => {
    const queries = [...queriesIn(JSON.parse(readFileSync(file, "utf8")), "")];
    assert.ok(queries.length > 5, `only ${queries.length} queries were found`);
    const wrong = queries.filter(([, query]) => !valid(whole(query)));
    assert.deepEqual(wrong.map(([path, query]) => `${path}\n${query}`), []);
    count += queries.length;
  });
}

test("all of them were looked at", (t) => {
  assert.ok(count > 100, `only ${count}`);
  t.diagnostic(`summary: ${count} Flux queries compile`);
});
