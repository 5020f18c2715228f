// Unit tests: every src/**/*.test.ts is bundled by esbuild and run by node's own test runner, together with tools/*.test.mjs, which read the
// sources.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";

const here = path.dirname(new URL(import.meta.url).pathname);

async function find(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(
    entries.map((entry) => {
      const full = path.join(folder, entry.name);
      return entry.isDirectory() ? find(full) : entry.name.endsWith(".test.ts") ? [full] : [];
    }),
  );
  return nested.flat();
}

const out = await mkdtemp(path.join(here, "node_modules", ".resmon-test-"));
try {
  const entryPoints = await find(path.join(here, "src"));
  await build({ entryPoints, outdir: out, outbase: here, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".test.mjs" } });
  const tools = (await readdir(path.join(here, "tools"))).filter((name) => name.endsWith(".test.mjs")).map((name) => path.join(here, "tools", name));
  const files = (await readdir(out, { recursive: true })).filter((name) => name.endsWith(".mjs")).map((name) => path.join(out, name));
  process.exitCode = spawnSync(process.execPath, ["--test", ...files, ...tools], { stdio: "inherit", cwd: here }).status ?? 1;
} finally {
  await rm(out, { recursive: true, force: true });
}
