// The README's pictures, from a running server with real data:
//
//   RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=…] [RESMON_HOST=name] node screenshots.mjs
//
// writes docs/images/{fleet,host}-{dark,light,phone}.png. RESMON_HOST is the host to show, by default the first that
// is up.

import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const base = process.env.RESMON_URL?.replace(/\/$/, "");
if (!base) {
  console.error("usage: RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=FILE] [RESMON_HOST=NAME] node screenshots.mjs");
  process.exit(2);
}
const tokenFile = process.env.RESMON_TOKEN_FILE;
const token = tokenFile ? (await readFile(tokenFile, "utf8")).trim() : null;
const out = path.join(path.dirname(fileURLToPath(import.meta.url)), "../docs/images");
await mkdir(out, { recursive: true });

const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
const answer = await fetch(`${base}/api/v1/hosts`, { headers });
if (!answer.ok) throw new Error(`${base}/api/v1/hosts answered ${answer.status}`);
const { hosts } = await answer.json();
const host = process.env.RESMON_HOST ?? hosts.find((one) => one.up)?.host;
if (host === undefined) throw new Error("no host is up");

const browser = await chromium.launch({
  executablePath: process.env.RESMON_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  for (const [name, colorScheme, width, height] of [["dark", "dark", 1360, 860], ["light", "light", 1360, 860], ["phone", "dark", 390, 844]]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height }, reducedMotion: "reduce" });
    if (token !== null) await context.addInitScript((text) => sessionStorage.setItem("resmon.token", text), token);
    const page = await context.newPage();
    await page.goto(`${base}/`);
    await page.waitForSelector("tr.host-row");
    await page.waitForSelector(".connection-live");
    await page.waitForTimeout(1500);
    const used = await page.locator("table.fleet").boundingBox();
    await page.screenshot({
      path: path.join(out, `fleet-${name}.png`),
      clip: { x: 0, y: 0, width, height: Math.min(height, Math.ceil(used.y + used.height + 24)) },
    });
    await page.goto(`${base}/#/host/${encodeURIComponent(host)}?range=15m`);
    await page.waitForSelector("#panel-cpu canvas");
    await page.waitForTimeout(800);
    await page.screenshot({ path: path.join(out, `host-${name}.png`) });
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(`${out}: done`);
