// Makes assets.cc from a built page: node tools/embed.mjs DIST OUT.cc
//
// Each file is compressed once here and taken into the object file by the assembler's .incbin. The same bytes as a C++ array
// cost the compiler seconds and hundreds of megabytes; as a string literal they hit limits and escape rules.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { inlineSources } from "./inline.mjs";

const [dist, out] = process.argv.slice(2);
if (dist === undefined || out === undefined) {
  console.error("usage: node tools/embed.mjs DIST OUT.cc");
  process.exit(2);
}

const kTypes = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

const packed = `${out}.d`;
await rm(packed, { recursive: true, force: true });
await mkdir(packed, { recursive: true });

const assets = [];
for (const name of (await readdir(dist)).sort()) {
  const type = kTypes[path.extname(name)];
  if (type === undefined) throw new Error(`${name}: no content type is known for it`);
  const content = await readFile(path.join(dist, name));
  const body = gzipSync(content, { level: 9 });
  // The operating system byte of gzip's header differs between builds of zlib; the same page must give the same binary.
  body[9] = 255;
  const file = path.resolve(packed, `${name}.gz`);
  await writeFile(file, body);
  assets.push({
    path: name === "index.html" ? "/" : `/${name}`,
    type,
    etag: createHash("sha256").update(body).digest("hex").slice(0, 20),
    file,
    size: body.length,
    immutable: /-[A-Z0-9]{8}\.js$/.test(name),
    inline: type === kTypes[".html"] ? inlineSources(content.toString()) : { script: "", style: "" },
  });
}
assets.sort((a, b) => (a.path < b.path ? -1 : 1));

const quoted = (text) => JSON.stringify(text);
const include = (asset, index) => `__asm__(
    ".pushsection .rodata.resmon_web_asset_${index}, \\"a\\"\\n"
    ".globl resmon_web_asset_${index}\\n.hidden resmon_web_asset_${index}\\n.balign 16\\n"
    "resmon_web_asset_${index}:\\n"
    ".incbin \\"${asset.file.replace(/["\\]/g, "\\\\\\$&")}\\"\\n"
    ".popsection\\n");
extern "C" __attribute__((visibility("hidden"))) const unsigned char resmon_web_asset_${index}[${asset.size}];
`;
const row = (asset, index) =>
  `    {${quoted(asset.path)}, ${quoted(asset.type)}, "\\"${asset.etag}\\"", {resmon_web_asset_${index}, ${asset.size}}, ${asset.immutable}, ${quoted(asset.inline.script)}, ${quoted(asset.inline.style)}},`;

await writeFile(out, `// Made by web/tools/embed.mjs from the built page.

#include "web/assets.h"

${assets.map(include).join("")}
namespace resmon::web {
namespace {

const Asset kAssets[] = {
${assets.map(row).join("\n")}
};

}  // namespace

std::span<const Asset> assets() { return kAssets; }

}  // namespace resmon::web
`);
