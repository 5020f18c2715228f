// Grafana's dashboards against the types that Grafana publishes for them (@grafana/schema): dashboard, variables, rows, panels, each
// panel's options and how its lines are drawn. A name that is misspelt or a value that there is not fails to compile. No Grafana runs
// here; what one makes of them is not known.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "resmon-grafana-"));
test.after(() => rmSync(directory, { recursive: true }));
execFileSync("python3", [join(here, "../../deploy/dashboards/generate.py"), directory]);

// The types' enumerations do not take the strings that they stand for in JSON, so they become unions of those, in a copy.
const schema = join(directory, "node_modules/@grafana/schema");
mkdirSync(schema, { recursive: true });
cpSync(join(here, "node_modules/@grafana/schema"), schema, { recursive: true });
let unions = 0;
function* filesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}
for (const name of filesIn(schema)) {
  if (!/\.d\.[cm]?ts$/.test(name)) continue;
  const text = readFileSync(name, "utf8");
  const changed = text.replace(/(?:declare )?enum (\w+) \{([^}]*)\}/g, (whole, type, body) => {
    const values = [...body.matchAll(/=\s*("[^"]*"|-?\d+)/g)].map((match) => match[1]);
    if (!values.length) return whole;
    unions++;
    return `type ${type} = ${values.join(" | ")};`;
  });
  if (changed !== text) writeFileSync(name, changed);
}

const kPanels = {
  timeseries: ["timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen", true],
  stat: ["stat/panelcfg/x/StatPanelCfg_types.gen", false],
  table: ["table/panelcfg/x/TablePanelCfg_types.gen", true],
};
const kRaw = "./node_modules/@grafana/schema/dist/esm/raw";

test("every dashboard has the types that Grafana publishes", (t) => {
  assert.ok(unions > 20, `only ${unions} enumerations were found`);
  const lines = [`import type { Dashboard, Panel, RowPanel } from "${kRaw}/dashboard/x/dashboard_types.gen";`];
  for (const [name, [path]] of Object.entries(kPanels)) lines.push(`import type * as ${name} from "${kRaw}/composable/${path}";`);
  let count = 0;
  const is = (type, value) => lines.push(`export const value${count++}: ${type} = ${JSON.stringify(value)};`);
  const files = readdirSync(join(directory, "grafana/dashboards"));
  assert.equal(files.length, 6);
  for (const file of files) {
    const { panels, ...board } = JSON.parse(readFileSync(join(directory, "grafana/dashboards", file), "utf8"));
    // What belongs to the data source is not in the types: a target's published form is that of Grafana's own source. Nor is a
    // variable's definition, which Grafana writes and shows in its list of variables.
    for (const annotation of board.annotations.list)
      for (const key of ["target", "query", "titleColumn", "textColumn", "tagsColumn", "timeEndColumn"]) delete annotation[key];
    for (const variable of board.templating.list) delete variable.definition;
    is("Dashboard", board);
    for (const panel of panels) {
      if (panel.type === "row") {
        is("RowPanel", panel);
        continue;
      }
      is("Panel", panel);
      is(`Partial<${panel.type}.Options>`, panel.options);
      const { custom } = panel.fieldConfig.defaults;
      if (custom && kPanels[panel.type][1]) is(`Partial<${panel.type}.FieldConfig>`, custom);
    }
  }
  // That it can fail.
  lines.push("// @ts-expect-error");
  is("Partial<timeseries.FieldConfig>", { showPoints: "nevr" });
  lines.push("// @ts-expect-error");
  is("Partial<stat.Options>", { colourMode: "value" });
  writeFileSync(join(directory, "check.ts"), lines.join("\n"));
  const done = spawnSync(
    process.execPath,
    [join(here, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext", "--target", "es2022", "check.ts"],
    { cwd: directory, encoding: "utf8" },
  );
  assert.equal(done.status, 0, done.stdout.slice(0, 3000));
  t.diagnostic(`summary: ${count - 2} pieces of ${files.length} dashboards are of Grafana's published types`);
});
