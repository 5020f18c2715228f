// Builds the page into dist/: one script and one style sheet, named by their content so that browsers may keep them for ever,
// and an index.html that names them. One script rather than lazily loaded parts: it is small, and a page left open over a
// server upgrade would otherwise ask for parts that are gone.
//
// esbuild bundles; terser makes what it wrote another twentieth smaller, which takes seconds, so --quick leaves that out.
//
// node build.mjs [--out DIR] [--dev | --quick]

import { createHash } from "node:crypto";
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
  entryPoints: { app: "src/main.tsx" },
  outdir: out,
  entryNames: "[name]-[hash]",
  bundle: true,
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

const names = Object.keys(result.metafile.outputs).map((file) => path.basename(file));
let script = names.find((name) => name.endsWith(".js"));
if (!quick) {
  const bundled = await readFile(path.join(out, script), "utf8");
  const { code } = await minify(bundled, { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true } });
  await rm(path.join(out, script));
  // Named by its own content, as esbuild does: eight letters of base 32.
  const digest = createHash("sha256").update(code).digest();
  script = `app-${Array.from(digest.subarray(0, 8), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte & 31]).join("")}.js`;
  await writeFile(path.join(out, script), code);
}
const style = names.find((name) => name.endsWith(".css"));
const template = await readFile(path.join(here, "src/index.html"), "utf8");
await writeFile(path.join(out, "index.html"), template.replace("SCRIPT", `/${script}`).replace("STYLE", `/${style}`));
for (const name of ["favicon.svg", "icon.svg", "manifest.webmanifest"]) await writeFile(path.join(out, name), await readFile(path.join(here, "src", name)));

let total = 0;
for (const name of (await readdir(out)).sort()) {
  const bytes = await readFile(path.join(out, name));
  const packed = gzipSync(bytes, { level: 9 }).length;
  total += packed;
  console.log(`${name.padEnd(24)} ${String(bytes.length).padStart(8)} B  ${String(packed).padStart(7)} B gzip`);
}
console.log(`${"total".padEnd(24)} ${" ".repeat(10)}  ${String(total).padStart(7)} B gzip`);
