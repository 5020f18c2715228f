// The pictures of README and the guide, from a running server with real data:
//
//   RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=…] [RESMON_HOST=name] [RESMON_PASSWORD_FILE=…] node screenshots.mjs [--all DIR]
//
// writes the pictures that the documents show into docs/images. RESMON_HOST is the host to show, by default the first that is up.
// --all writes every view in both themes and at phone width into DIR instead, for a person to look through; the users and tokens
// among them are shown to the user admin, whose password is in RESMON_PASSWORD_FILE; without it the page asks to sign in there.

import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const base = process.env.RESMON_URL?.replace(/\/$/, "");
if (!base) {
  console.error("usage: RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=FILE] [RESMON_HOST=NAME] [RESMON_PASSWORD_FILE=FILE] node screenshots.mjs [--all DIR]");
  process.exit(2);
}
const all = process.argv.indexOf("--all");
const firstLine = async (file) => (file ? (await readFile(file, "utf8")).trim().split("\n")[0] : null);
const token = await firstLine(process.env.RESMON_TOKEN_FILE);
const password = await firstLine(process.env.RESMON_PASSWORD_FILE);
const out = all > 0 ? path.resolve(process.argv[all + 1] ?? ".") : path.join(path.dirname(fileURLToPath(import.meta.url)), "../docs/images");
await mkdir(out, { recursive: true });

const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
const answer = await fetch(`${base}/api/v1/hosts`, { headers });
if (!answer.ok) throw new Error(`${base}/api/v1/hosts answered ${answer.status}`);
const { hosts } = await answer.json();
const up = hosts.filter((one) => one.up).map((one) => one.host);
const host = process.env.RESMON_HOST ?? up[0];
if (host === undefined) throw new Error("no host is up");

const charts = (least) => (page) =>
  page.waitForFunction((count) => document.querySelectorAll(".panel canvas").length >= count && !document.querySelector(".is-loading"), least);
const kViews = {
  fleet: { hash: "#/?sort=-cpu", ready: async (page) => { await page.waitForSelector("tr.host-row"); await page.waitForSelector(".connection-live"); await page.waitForTimeout(1500); } },
  heat: { hash: "#/?view=heat", ready: (page) => page.waitForSelector(".tile") },
  host: { hash: `#/host/${encodeURIComponent(host)}?range=15m`, ready: charts(20) },
  compare: { hash: `#/compare?${up.slice(0, 4).map((name) => `host=${encodeURIComponent(name)}`).join("&")}&range=15m`, ready: charts(10) },
  explore: { hash: "#/explore", ready: async (page) => {
    await page.getByRole("button", { name: "Which disk filled up yesterday?" }).click();
    await page.locator('section[aria-label="Result"], .empty').first().waitFor();
  } },
  server: { hash: "#/server", ready: async (page) => { await page.waitForSelector(".log-line"); await page.waitForSelector(".panels.is-small canvas"); } },
  access: { hash: "#/access", signedIn: true, ready: async (page) => {
    await page.getByRole("heading", { name: "Users and tokens" }).waitFor();
    if (password !== null) await page.getByRole("rowheader", { name: "admin" }).waitFor();
  } },
};
const kShapes = { dark: ["dark", 1360, 860], light: ["light", 1360, 860], "dark-phone": ["dark", 390, 844], "light-phone": ["light", 390, 844] };
const kShown = [["fleet", "dark"], ["host", "dark"], ["explore", "light"], ["compare", "light"]];
const wanted = all > 0 ? Object.keys(kViews).flatMap((view) => Object.keys(kShapes).map((shape) => [view, shape])) : kShown;

const browser = await chromium.launch({
  executablePath: process.env.RESMON_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  for (const [view, shape] of wanted) {
    const [colorScheme, width, height] = kShapes[shape];
    const context = await browser.newContext({ colorScheme, viewport: { width, height }, reducedMotion: "reduce" });
    if (token !== null) await context.addInitScript((text) => sessionStorage.setItem("resmon.token", text), token);
    if (kViews[view].signedIn && password !== null) {
      const signedIn = await context.request.post(`${base}/api/v1/login`, { data: { user: "admin", password } });
      if (!signedIn.ok()) throw new Error(`${base}/api/v1/login answered ${signedIn.status()}: ${await signedIn.text()}`);
    }
    const page = await context.newPage();
    await page.goto(`${base}/${kViews[view].hash}`);
    await kViews[view].ready(page);
    await page.waitForTimeout(500);
    const bottom = await page.evaluate(() => Math.ceil(document.querySelector("main")?.lastElementChild?.getBoundingClientRect().bottom ?? 0));
    await page.screenshot({
      path: path.join(out, `${view}-${shape}.png`),
      ...(all > 0 ? { fullPage: true } : { clip: { x: 0, y: 0, width, height: Math.min(height, bottom + 20) } }),
    });
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(`${out}: done`);
