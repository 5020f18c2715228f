// Prints, as JSON, the queries that the page sends for one host's view (web/src/charts/panels.ts), as InfluxQL and as what
// they ask for, so that a bench can put the same to a store of another language.
//
//   node bench/page_queries.mjs HOST FROM_MS TO_MS STEP_MS INTERVAL_MS

import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";
import path from "node:path";

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "web");
const esbuild = createRequire(path.join(web, "package.json"))("esbuild");
const [host, from, to, step, interval] = process.argv.slice(2).map((text, index) => (index === 0 ? text : Number(text)));

const built = await esbuild.build({
  stdin: {
    contents: 'export { kPanels } from "./src/charts/panels.ts"; export { select, withBands } from "./src/core/influxql.ts";',
    resolveDir: web,
    loader: "ts",
  },
  bundle: true,
  format: "esm",
  write: false,
  logLevel: "error",
});
const { kPanels, select, withBands } = await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString("base64")}`);

const asked = kPanels.flatMap((panel) =>
  panel.sources.map((source) => {
    const columns = step >= 2 * interval ? withBands(source.columns) : [...source.columns];
    const where = [["host", host], ...(source.where ?? [])];
    const query = { columns, from: source.from, where, by: source.by ?? [] };
    return { from: source.from, where, by: query.by, columns: columns.map((c) => c.expression), statement: select(query, { from, to, step }) };
  }),
);
process.stdout.write(JSON.stringify(asked));
