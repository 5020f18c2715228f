// The pictures of README and the guide, from a running server with real data:
//
//   RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=…] [RESMON_HOST=name] [RESMON_PASSWORD_FILE=…] node screenshots.mjs [--all DIR]
//
// writes the pictures that the documents show into docs/images. RESMON_HOST is the host to show, by default the first that is up.
// --all writes every view at four widths in both themes into DIR instead, for a person to look through: VIEW-WIDTH-THEME.png, a contact
// sheet of each view (sheet-VIEW.png), and index.html with all of them. --only NAME[,NAME…] takes those views alone, --widths 390,1280 those
// widths, and --language de shows the page in German. Views for users are shown to the user admin, whose password is in RESMON_PASSWORD_FILE; without it the page asks to sign in there. Without RESMON_URL,
// --all starts the fleet of scene.mjs.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { german } from "./tools/texts.mjs";

const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const all = process.argv.indexOf("--all");
const only = option("--only")?.split(",") ?? null;
const language = option("--language") ?? "en";
const translated = language === "de" ? await german() : {};
// A text of the page in the language of the pictures.
const say = (text, values = {}) => (translated[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const scene = process.env.RESMON_URL === undefined && all > 0 ? await (await import("./scene.mjs")).startScene() : null;
const settings = { ...process.env, ...scene?.settings };
const base = settings.RESMON_URL?.replace(/\/$/, "");
if (!base) {
  console.error("usage: RESMON_URL=http://127.0.0.1:7412 [RESMON_TOKEN_FILE=FILE] [RESMON_HOST=NAME] [RESMON_PASSWORD_FILE=FILE] node screenshots.mjs [--all DIR [--only VIEW,…] [--widths 390,…] [--language de]]");
  process.exit(2);
}
const firstLine = async (file) => (file ? (await readFile(file, "utf8")).trim().split("\n")[0] : null);
const token = await firstLine(settings.RESMON_TOKEN_FILE);
const password = await firstLine(settings.RESMON_PASSWORD_FILE);
const out = all > 0 ? path.resolve(process.argv[all + 1] ?? ".") : path.join(path.dirname(fileURLToPath(import.meta.url)), "../docs/images");
await mkdir(out, { recursive: true });

const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
const answer = await fetch(`${base}/api/v1/hosts`, { headers });
if (!answer.ok) throw new Error(`${base}/api/v1/hosts answered ${answer.status}`);
const { hosts } = await answer.json();
const up = hosts.filter((one) => one.up).map((one) => one.host);
const host = settings.RESMON_HOST ?? up[0];
if (host === undefined) throw new Error("no host is up");
const busy = up.find((name) => name.startsWith("batch-")) ?? host;
const own = up.find((name) => name === "workstation") ?? host;

const charts = (least) => (page) =>
  page.waitForFunction((count) => document.querySelectorAll(".panel canvas").length >= count && !document.querySelector(".is-loading, .chart:not(:has(canvas))"), least);
const today = Math.floor(Date.now() / 86_400_000);
const kTuesday = (today - (((today + 1) % 7) + 1)) * 86_400_000;
const hostAddress = (name, range) => `#/host/${encodeURIComponent(name)}?range=${range}`;
const compared = up.slice(0, 4).map((name) => `host=${encodeURIComponent(name)}`).join("&");
const rows = async (page) => { await page.waitForSelector("tr.host-row"); await page.waitForSelector(".connection-live"); await page.waitForTimeout(1500); };
const lines = (page) => page.waitForSelector(".log-list .log-row");
const button = (name, exact = true) => (page) => page.getByRole("button", { name, exact }).first().click();
const after = (...steps) => async (page) => { for (const step of steps) await step(page); };
const selector = (text) => (page) => page.locator(text).first().waitFor();
const queried = selector(`section[aria-label="${say("Result")}"], .empty`);
const kRules = selector(`[aria-label="${say("Rules")}"] tbody tr`);

// `ready` waits until there is something to see; a view is drawn once and then pictured at every width.
const kViews = {
  fleet: { window: true, hash: "#/", ready: rows },
  heat: { window: true, hash: "#/?view=heat", ready: selector(".tile") },
  groups: { window: true, hash: "#/?group=site", ready: rows },
  filter: { window: true, hash: "#/", ready: after(rows, (page) => page.locator(".toolbar summary", { hasText: say("Filter") }).click()) },
  host: { hash: hostAddress(host, "1h"), ready: charts(10) },
  "host-busy": { hash: hostAddress(busy, "15m"), ready: charts(20) },
  // The last Tuesday that has ended, with the bad hour of scene.mjs.
  "host-past": { hash: `#/host/${encodeURIComponent(host)}?from=${kTuesday}&to=${kTuesday + 86_400_000}`, ready: charts(10) },
  "host-own": { hash: hostAddress(own, "15m"), ready: charts(10) },
  range: { window: true, hash: hostAddress(host, "1h"), ready: after(charts(10), (page) => page.locator("summary", { hasText: say("From – to") }).click()) },
  compare: { hash: `#/compare?${compared}&range=15m`, ready: charts(10) },
  explore: { hash: "#/explore", ready: after(button(say("Which disk filled up yesterday?")), queried) },
  "explore-new": { hash: "#/explore?", ready: selector(".examples") },
  "explore-wrong": { hash: `#/explore?q=${encodeURIComponent('SELECT mean("usage_activ") FROM "cpuu" WHERE time > now() - 1h GROUP BY time(1m)')}`,
    ready: after(button(say("Run it"), false), selector(".empty, .error-text:not(:empty)")) },
  logs: { window: true, hash: "#/logs?range=1h", ready: after(lines, (page) => page.locator(".log-facets button").first().waitFor({ state: "attached" })) },
  "logs-line": { window: true, hash: "#/logs?q=level:error&range=1h", ready: after(lines, (page) => page.locator(".log-row").nth(2).click(), button(say("Context")), selector(".log-context .log-row")) },
  "logs-patterns": { window: true, hash: "#/logs?show=patterns&range=1h", ready: selector(".log-patterns tbody tr") },
  "logs-tail": { window: true, hash: "#/logs?range=5m", ready: after(lines, button(say("Follow")), (page) => page.waitForTimeout(2500)) },
  alerts: { hash: "#/alerts", ready: kRules },
  "alert-rule": { hash: "#/alerts", signedIn: true, ready: after(kRules, button(say("Edit {name}", { name: "orders-waiting" })), selector(".would-have, .rule-editor textarea")) },
  server: { hash: "#/server", ready: after(selector(".log-line"), selector(".panels.is-small canvas")) },
  settings: { hash: "#/settings", ready: selector(".settings .thresholds") },
  access: { hash: "#/access", signedIn: true, ready: async (page) => {
    await page.getByRole("heading", { name: say("Users and tokens") }).waitFor();
    if (password !== null) await page.getByRole("rowheader", { name: "admin" }).waitFor();
  } },
  "add-machine": { window: true, hash: "#/", signedIn: true, ready: after(rows, button(say("Add a machine…")), async (page) => {
    await page.getByLabel(say("Name under which it reports")).fill(`new-${Math.floor(Math.random() * 1e6)}`);
    await page.keyboard.press("Enter");
    await page.locator(".made-token").first().waitFor();
  }) },
  "edit-host": { window: true, hash: hostAddress(host, "1h"), signedIn: true, ready: after(charts(10), button(say("Edit…")), selector(".host-dialog")) },
  keys: { window: true, hash: hostAddress(host, "1h"), ready: after(charts(10), button(say("Keyboard shortcuts")), selector("dialog.help")) },
  status: { path: "/status/public", ready: (page) => page.locator("main, body").first().waitFor() },
  "sign-in": { hash: "#/", guest: true, ready: after(button(say("Sign in")), selector("#user")) },
};
const kWidths = (option("--widths") ?? "390,1280,1920,2560").split(",").map(Number);
const kHeight = { 390: 844, 1280: 860, 1920: 1080, 2560: 1440 };
const kThemes = ["light", "dark"];
const kLongest = 6000;  // pixels of one picture

const browser = await chromium.launch({
  executablePath: process.env.RESMON_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

async function newContext({ guest = false, ...options }, signedIn) {
  const context = await browser.newContext({ locale: language === "de" ? "de-DE" : "en-US", reducedMotion: "reduce", ...options });
  if (token !== null && !guest && !(signedIn && password !== null)) await context.addInitScript((text) => sessionStorage.setItem("resmon.token", text), token);
  if (signedIn && password !== null) {
    const done = await context.request.post(`${base}/api/v1/login`, { data: { user: "admin", password } });
    if (!done.ok()) throw new Error(`${base}/api/v1/login answered ${done.status()}: ${await done.text()}`);
  }
  return context;
}

async function documents() {
  for (const [view, scheme] of [["fleet", "dark"], ["host", "dark"], ["explore", "light"], ["compare", "light"]]) {
    const size = { width: 1360, height: 860 };
    const context = await newContext({ colorScheme: scheme, viewport: size }, false);
    const page = await context.newPage();
    await page.goto(`${base}/${kViews[view].hash}`);
    await kViews[view].ready(page);
    await page.waitForTimeout(500);
    const bottom = await page.evaluate(() => Math.ceil(document.querySelector("main")?.lastElementChild?.getBoundingClientRect().bottom ?? 0));
    await page.screenshot({ path: path.join(out, `${view}-${scheme}.png`), clip: { x: 0, y: 0, width: size.width, height: Math.min(size.height, bottom + 20) } });
    await context.close();
  }
}

// A view at some widths. A telephone's browser is another one: it has fingers.
async function picture(view, widths, phone, signedIn) {
  const one = kViews[view];
  const touch = phone ? { hasTouch: true, isMobile: true } : {};
  const context = await newContext({ viewport: { width: widths[0], height: kHeight[widths[0]] }, guest: one.guest === true, ...touch }, signedIn && one.guest !== true);
  try {
    const page = await context.newPage();
    await page.goto(`${base}${one.path ?? `/${one.hash}`}`);
    await one.ready(page);
    // A picture of the whole page has charts that no window shows; the page leaves those undrawn.
    if (one.window !== true) await page.evaluate(() => document.querySelectorAll(".chart").forEach((chart) => { chart.style.contentVisibility = "visible"; }));
    for (const width of widths) {
      await page.setViewportSize({ width, height: kHeight[width] });
      for (const theme of kThemes) {
        await page.emulateMedia({ colorScheme: theme });
        await page.waitForTimeout(400);
        await page.evaluate(() => scrollTo(0, 0));
        // What draws only what is in the window is pictured with the window.
        const height = one.window === true ? kHeight[width] : Math.min(kLongest, await page.evaluate(() => document.documentElement.scrollHeight));
        await page.screenshot({ path: path.join(out, `${view}-${width}-${theme}.png`), fullPage: one.window !== true, clip: { x: 0, y: 0, width, height: Math.max(height, kHeight[width]) } });
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) console.log(`${view} at ${width}: the page is ${wide} pixels wider than its window`);
    }
  } finally {
    await context.close();
  }
}

const kScale = 0.4;

async function sheets(views) {
  const page = await (await browser.newContext({ viewport: { width: 2600, height: 800 } })).newPage();
  const rowOf = (view) => kThemes.map((theme) => `<div>${kWidths.map((width) =>
    `<img src="${view}-${width}-${theme}.png" width="${width * kScale}" alt="${view}, ${width}, ${theme}">`).join("")}</div>`).join("");
  const style = "<meta charset=utf-8><style>body{margin:10px;background:#888;font:16px sans-serif}img{vertical-align:top;margin:0 10px 10px 0;max-height:1400px;object-fit:cover;object-position:top}</style>";
  for (const view of views) {
    const file = path.join(out, "sheet.html");
    await writeFile(file, `${style}<h1>${view}</h1>${rowOf(view)}`);
    await page.goto(`file://${file}`);
    await page.screenshot({ path: path.join(out, `sheet-${view}.png`), fullPage: true });
  }
  const there = new Set(await readdir(out));
  const shown = Object.keys(kViews).filter((view) => there.has(`sheet-${view}.png`));
  await writeFile(path.join(out, "index.html"), `${style}${shown.map((view) => `<h1>${view}</h1>${rowOf(view)}`).join("")}`);
}

try {
  if (all > 0) {
    const views = Object.keys(kViews).filter((view) => only === null || only.includes(view));
    const done = [];
    for (const view of views) {
      try {
        const wide = kWidths.filter((width) => width > 390);
        if (wide.length < kWidths.length) await picture(view, [390], true, true);
        if (wide.length > 0) await picture(view, wide, false, true);
        done.push(view);
      } catch (error) {
        console.error(`${view}: ${error.message}`);
        process.exitCode = 1;
      }
    }
    await sheets(done);
  } else {
    await documents();
  }
} finally {
  await browser.close();
  await scene?.close();
}
console.log(`${out}: done`);
