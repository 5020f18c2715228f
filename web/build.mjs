// Builds the page into dist/: scripts, named by their content so that browsers may keep them for ever, and an index.html that names them. It
// contains the style sheet and the first script (src/first.ts), since the browser shows nothing before it has both; that one has the
// page's own script read. What src/more.ts names is a script of its own, which is loaded when a view first needs it; what it shares
// with the rest is another, which the first view loads as well. Each language but English is a script, too.
//
// esbuild bundles; terser makes what it wrote another twentieth smaller, which takes seconds, so --quick leaves that out.
//
// node build.mjs [--out DIR] [--dev | --quick]

import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { minify } from "terser";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const flag = process.argv.indexOf("--out");
const out = path.resolve(flag > 0 ? process.argv[flag + 1] : path.join(here, "dist"));
const dev = process.argv.includes("--dev");
const quick = dev || process.argv.includes("--quick");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", ask: "src/ask.ts" },
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !dev,
  charset: "utf8",
  sourcemap: dev ? "inline" : false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs).map(([file, { entryPoint, imports }]) => ({ name: path.basename(file), entryPoint, imports }));
const names = outputs.map((one) => one.name);
if (!quick) {
  // The name stays that of esbuild's output: of the same output terser makes the same script.
  for (const name of names.filter((one) => one.endsWith(".js"))) {
    const { code } = await minify(await readFile(path.join(out, name), "utf8"), { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true } });
    await writeFile(path.join(out, name), code);
  }
}
const made = (source) => outputs.find((one) => one.name.endsWith(".js") && one.entryPoint === source);
const importsOf = ({ imports }) => imports.filter((one) => one.kind === "import-statement").map((one) => path.basename(one.path));
const app = made("src/main.tsx");
const charted = made("src/charted.ts");
const ask = made("src/ask.ts");
// Asked for at once, rather than when the script that imports them has been read.
const shared = importsOf(app);
const charts = [...new Set([ask, charted].flatMap((one) => [one.name, ...importsOf(one)]))].filter((name) => name !== app.name && !shared.includes(name));
const later = new Set(names.filter((name) => name.endsWith(".js") && name !== app.name && !shared.includes(name) && !charts.includes(name)));
const style = names.find((name) => name.endsWith(".css"));
// The dark colours stand once in the source (style/base.css): for a person who chose them, and here for a system that asks for them.
const kDark = /:root\[data-theme="?dark"?\]\s*(\{[^}]*\})/;
const rules = await readFile(path.join(out, style), "utf8");
await rm(path.join(out, style));
names.splice(names.indexOf(style), 1);
if (!kDark.test(rules)) throw new Error("build: style/base.css has no block of dark colours");
const sheet = rules.replace(kDark, (block, colours) => `@media (prefers-color-scheme:dark){:root:not([data-theme=light])${colours}}${block}`);
const first = await build({ absWorkingDir: here, entryPoints: ["src/first.ts"], write: false, bundle: true, format: "iife", target: ["es2022"], minify: !dev, charset: "utf8",
  logLevel: "warning" });
const parts = {
  STYLE: sheet.trim(), FIRST: first.outputFiles[0].text.trim(), ASK: `/${ask.name}`, PAGE: `/${app.name}`,
  CHARTS: charts.map((name) => `/${name}`).join(" "), "<!-- SHARED -->": shared.map((name) => `<link rel="modulepreload" href="/${name}">`).join(""),
};
const template = await readFile(path.join(here, "src/index.html"), "utf8");
await writeFile(path.join(out, "index.html"), template.replace(/\b(STYLE|FIRST|ASK|PAGE|CHARTS)\b|<!-- SHARED -->/g, (name) => parts[name]));
for (const name of ["favicon.svg", "icon.svg", "manifest.webmanifest"]) await writeFile(path.join(out, name), await readFile(path.join(here, "src", name)));
// The guest page's, which the server makes.
await build({ absWorkingDir: here, entryPoints: ["src/status.css", "src/status.ts"], outdir: out, minify: !dev, charset: "utf8" });
later.add("status.css").add("status.js");

// bench/page.mjs holds what a view of charts loads (the first two of these) to its bound, assets_test.cc all.
const totals = { "the fleet": 0, "views of charts": 0, "on demand": 0, "languages": 0 };
const partOf = (name) => (name.startsWith("texts_") ? "languages" : later.has(name) ? "on demand" : charts.includes(name) ? "views of charts" : "the fleet");
for (const name of (await readdir(out)).sort()) {
  const bytes = await readFile(path.join(out, name));
  const packed = gzipSync(bytes, { level: 9 }).length;
  totals[partOf(name)] += packed;
  console.log(`${name.padEnd(24)} ${String(bytes.length).padStart(8)} B  ${String(packed).padStart(7)} B gzip${partOf(name) === "the fleet" ? "" : `  ${partOf(name)}`}`);
}
for (const [what, packed] of Object.entries(totals)) console.log(`${what.padEnd(24)} ${" ".repeat(10)}  ${String(packed).padStart(7)} B gzip`);
