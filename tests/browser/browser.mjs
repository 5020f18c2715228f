// What every browser test needs: Debian's chromium, a server to look at, and a page that fails its test on any script error or
// any request that leaves the origin.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { defaultNames, startMock } from "../../web/mock/server.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
export const kArtefacts = path.join(here, "../artefacts");
const fromWeb = createRequire(path.join(here, "../../web/package.json"));
const { chromium } = fromWeb("playwright-core");
const kAxePath = fromWeb.resolve("axe-core/axe.min.js");

// How long a condition may take: for machines that have much else to do. What waits this long has failed; nothing is ever this slow.
export const kPatienceMs = 30_000;
// How long a test may take, which waits for some of them.
export const kTestMs = 4 * kPatienceMs;

// The page speaks the browser's language; tests name its texts in English.
export const kLocale = "en-US";

// What the browser leaves off: the list that playwright-core gives it (a second one replaces the first), and the pages of the browser's own
// address bar, which it loads anew for each window: over a second of processor time, in the midst of what a test or a benchmark looks at.
const kFeaturesOff = [
  "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "AvoidUnnecessaryBeforeUnloadCheckSync", "BoundaryEventDispatchTracksNodeRemoval", "DestroyProfileOnBrowserClose",
  "DialMediaRouteProvider", "GlobalMediaControls", "HttpsUpgrades", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "Translate", "AutoDeElevate",
  "RenderDocument", "OptimizationHints",
];

export async function launch() {
  await mkdir(kArtefacts, { recursive: true });
  return chromium.launch({
    executablePath: process.env.RESMON_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", `--disable-features=${kFeaturesOff.join(",")}`,
    ],
  });
}

// Opens `url` in a browser context of its own. `faults` collects what must not happen; closing asserts nothing, check() does.
// `expected` is a pattern for console errors that the test provokes.
export async function open(browser, url, { scheme = "dark", width = 1280, height = 860, expected = null, token = null, locale = kLocale } = {}) {
  const context = await browser.newContext({ locale, colorScheme: scheme, viewport: { width, height }, reducedMotion: "reduce" });
  if (token !== null) await context.addInitScript((text) => sessionStorage.setItem("resmon.token", text), token);
  const page = await context.newPage();
  page.setDefaultTimeout(kPatienceMs);
  const origin = new URL(url).origin;
  const faults = [];
  const requests = [];
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !(expected?.test(message.text()) ?? false)) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    requests.push(request.url());
    const target = new URL(request.url());
    if (target.origin !== origin && target.protocol !== "data:") faults.push(`a request left the machine's page: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    requests.push(socket.url());
    if (new URL(socket.url()).host !== new URL(url).host) faults.push(`a WebSocket left the origin: ${socket.url()}`);
  });
  await page.goto(url);
  return { page, context, faults, requests };
}

// A test of a view on a mock of its own: body(page, mock, opened). It fails if the page reports a fault.
export function viewTest(name, browser, mockOptions, { hash = "", ...options }, body) {
  test(name, { timeout: kTestMs }, async () => {
    const mock = await startMock({ names: defaultNames(8), ...mockOptions });
    const opened = await open(browser(), `${mock.url}/${hash}`, options);
    try {
      await body(opened.page, mock, opened);
      assert.deepEqual(opened.faults, []);
    } finally {
      await opened.context.close();
      await mock.close();
    }
  });
}

export const shot = (page, name, options = {}) => page.screenshot({ path: path.join(kArtefacts, `${name}.png`), ...options });

// True when something is drawn on the panel's canvas.
function hasInkNow(page, panel) {
  return page.locator(`#panel-${panel} canvas`).evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let coloured = 0;
    // Grid and labels are grey; a series is not.
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b, a] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
      if (a > 20 && Math.max(r, g, b) - Math.min(r, g, b) > 40) ++coloured;
    }
    return coloured > 50;
  });
}

// The same, in time: a rate has its first value with the host's second gather, and drawing follows the answer. New values of a chart that nobody
// sees are not drawn, so it is looked at.
export async function hasInk(page, panel) {
  await page.locator(`#panel-${panel}`).scrollIntoViewIfNeeded();
  for (const deadline = Date.now() + kPatienceMs; ; ) {
    if (await hasInkNow(page, panel)) return true;
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// `where` is for the message.
export async function checkAccessibility(page, where = "") {
  // The policy forbids injected scripts, so axe is evaluated by the debugger rather than added to the document.
  await page.evaluate(await readFile(kAxePath, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`), [], where);
}

// By how many pixels the page is wider than its window.
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
