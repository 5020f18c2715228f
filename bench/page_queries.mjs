// Prints, as JSON, what the page asks for one host's view over a range: the window that it chooses, and each statement, as InfluxQL and as
// what it asks for, so that a bench can put the same to a store of another language. The page's own modules make them.
//
//   node bench/page_queries.mjs HOST FROM_MS TO_MS INTERVAL_MS

import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";
import path from "node:path";

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "web");
const esbuild = createRequire(path.join(web, "package.json"))("esbuild");
const [host, from, to, interval] = process.argv.slice(2).map((text, index) => (index === 0 ? text : Number(text)));

const built = await esbuild.build({
  stdin: {
    contents: `
      export { kPanels } from "./src/charts/panels.ts";
      export { askFor } from "./src/charts/statements.ts";
      export { bandStep, windowOf } from "./src/core/time_range.ts";`,
    resolveDir: web,
    loader: "ts",
  },
  bundle: true,
  format: "esm",
  write: false,
  logLevel: "error",
});
const { askFor, bandStep, kPanels, windowOf } = await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString("base64")}`);

const window = windowOf({ kind: "absolute", from, to }, to, interval / 1000);
const asked = kPanels.flatMap(({ sources }) => sources).flatMap((source) => {
  const { query, statement, bands } = askFor(source, [host], window, window, interval);
  const about = (columns) => ({ from: query.from, where: [["host", host], ...(source.where ?? [])], columns: columns.map((one) => one.expression) });
  const asks = [{ ...about(query.columns), statement }];
  if (bands !== null) asks.push({ ...about(query.columns.filter((one) => one.isRate)), statement: bands, band_seconds: bandStep(window, interval) / 1000 });
  return asks;
});
process.stdout.write(JSON.stringify({ ...window, asked }));
