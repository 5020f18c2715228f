// Whether an open page's memory stays flat: the fleet, a host's live view, and a page that wanders through all views, open for hours that
// pass faster. Timers of a second and more run `speed` times as fast as they say and clients report as often, so an hour has the polls,
// messages and redraws of an hour. After each hour the garbage is collected, and heap, elements and listeners are counted. A picture of the heap
// at the start and one at the end say what has become more, and what keeps it (heap_growth.mjs).
//
// The page is built anew, with the names of its source, and served before the server.
//
//   node bench/page_soak.mjs [--hours 8] [--speed 60] [--hosts 50] [--fill 960] [--json]

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../tests/browser/programs.mjs";
import { open } from "../tests/browser/browser.mjs";
import { servePage } from "../web/serve.mjs";
import { growthOf, growthText, takeHeap } from "./heap_growth.mjs";
import { kJson, option, progress, withClients } from "./page_start.mjs";

const kHours = option("hours", 8);
const kSpeed = option("speed", 60);
const kHosts = option("hosts", 50);
const kIntervalSeconds = 5;
// What all hours may add to the heap, in bytes a byte.
const kMostGrowth = 0.05;
const kMostNodes = 200;
const kMostCollections = 6;
// The ranges of charts and the fleet's trends are of real time, which does not pass faster: until then they fill. The server's own view has
// the longest.
const kFillMs = option("fill", 960) * 1000;

const kWay = [
  "#/", "#/host/sim-2?range=live", "#/host/sim-3?range=15m", "#/logs", "#/logs?show=patterns", "#/alerts", "#/?view=heat", "#/?group=state",
  `#/explore?q=${encodeURIComponent('SELECT mean("used_percent") FROM "mem" WHERE time > now() - 15m GROUP BY time(10s), "host"')}`, "#/compare?host=sim-1&host=sim-2&range=15m",
  "#/server", "#/settings", "#/access",
];

function speedUp(speed) {
  for (const name of ["setTimeout", "setInterval"]) {
    const own = globalThis[name].bind(globalThis);
    // Deadlines of connections and requests are real time: their other end is no faster than usual.
    const isDeadline = (run, delay) => name === "setTimeout" && delay >= 10_000 && /close|abort/i.test(String(run));
    globalThis[name] = (run, delay = 0, ...rest) => own(run, delay >= 1000 && !isDeadline(run, delay) ? delay / speed : delay, ...rest);
  }
}

// Collected until nothing more goes: what is finalised in one collection is free in the next.
async function sizeOf(session) {
  let usedSize = Infinity;
  for (let before = Infinity, turn = 0; turn < kMostCollections && (turn < 2 || usedSize < 0.99 * before); ++turn) {
    before = usedSize;
    await session.send("HeapProfiler.collectGarbage");
    usedSize = Math.min(usedSize, (await session.send("Runtime.getHeapUsage")).usedSize);
  }
  const { metrics } = await session.send("Performance.getMetrics");
  const named = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return { heap: usedSize, nodes: named.Nodes, listeners: named.JSEventListeners };
}

// The page from today's sources, not minified, so that the heap's names are those of the source.
function builtPage() {
  const folder = mkdtempSync(path.join(tmpdir(), "resmon-soak-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const build = path.join(path.dirname(fileURLToPath(import.meta.url)), "../web/build.mjs");
  const made = spawnSync(process.execPath, [build, "--dev", "--out", folder], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`the page does not build: ${made.stderr || made.error}`);
  return folder;
}

// Somebody who looks at something else thirty times an hour, and is back in the fleet at the end.
async function wander({ page }, end, step) {
  for (; Date.now() < end; ++step) {
    await page.evaluate((hash) => { location.hash = hash; }, kWay[step % kWay.length]);
    const stay = Math.min(120_000 / kSpeed, Math.max(0, end - Date.now()));
    await page.waitForTimeout(stay / 4);
    // A query that came with a link waits for this button.
    await page.evaluate(() => document.querySelector(".notice .primary")?.click());
    await page.waitForTimeout((3 * stay) / 4);
  }
  await page.evaluate(() => { location.hash = "#/"; });
  // A handle on an element would keep the whole view that it was in.
  await page.locator("tr.host-row").first().waitFor();
  return step;
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

await withClients(kHosts, `${Math.max(100, Math.round((kIntervalSeconds * 1000) / kSpeed))}ms`, async (browser, programs) => {
  const server = await servePage(programs.url, await freePort(), builtPage());
  const url = `http://127.0.0.1:${server.address().port}`;
  const kinds = { "fleet": "#/", "host, live": "#/host/sim-1?range=live", "all views in turn": "#/" };
  const pages = [];
  for (const [name, hash] of Object.entries(kinds)) {
    const view = await open(browser, "about:blank", { expected: /./ });
    await view.context.addInitScript(speedUp, kSpeed);
    await view.page.goto(`${url}/${hash}`);
    await view.page.locator(".connection-live").waitFor();
    const session = await view.context.newCDPSession(view.page);
    await session.send("Performance.enable");
    await session.send("HeapProfiler.enable");
    pages.push({ name, page: view.page, session, sizes: [], first: null });
  }
  const wanderer = pages.at(-1);
  progress(`${kFillMs / 1000} s until all ranges are full`);
  let step = await wander(wanderer, Date.now() + kFillMs, 0);
  for (const one of pages) one.first = await takeHeap(one.session);
  for (let hour = 0; hour <= kHours; ++hour) {
    if (hour > 0) step = await wander(wanderer, Date.now() + 3_600_000 / kSpeed, step);
    for (const one of pages) one.sizes.push(await sizeOf(one.session));
    progress(`hour ${hour} of ${kHours}: ${pages.map((one) => `${one.name} ${mebibytes(one.sizes.at(-1).heap)}, ${one.sizes.at(-1).nodes} nodes`).join("; ")}`);
  }
  const half = Math.floor(kHours / 2);
  const result = [];
  for (const { name, session, sizes, first } of pages) {
    // The least of each half: what the browser has not collected yet is no growth.
    const least = (some, of) => Math.min(...some.map((one) => one[of]));
    const halves = (of) => [least(sizes.slice(0, half + 1), of), least(sizes.slice(half + 1), of)];
    const [before, after] = halves("heap");
    const [nodesBefore, nodesAfter] = halves("nodes");
    const growth = after / before - 1;
    result.push({ name, sizes, growth, flat: growth <= kMostGrowth && nodesAfter - nodesBefore <= kMostNodes, growers: growthOf(first, await takeHeap(session)) });
  }
  server.close();
  server.closeAllConnections();
  if (kJson) {
    console.log(JSON.stringify({ hours: kHours, speed: kSpeed, hosts: kHosts, views: result }));
  } else {
    console.log(`${kHosts} hosts, ${kHours} hours at ${kSpeed} times the speed, after ${kFillMs / 1000} s in which all ranges were filled; after a collection of garbage`);
    console.log(`${"view".padEnd(20)}${"2nd half".padStart(10)}  ${"nodes".padEnd(16)}${"listeners".padEnd(14)}MiB of heap, each hour`);
    for (const { name, sizes, growth, flat } of result) {
      const ends = (of) => `${sizes[0][of]} → ${sizes.at(-1)[of]}`;
      console.log(name.padEnd(20) + `${growth >= 0 ? "+" : ""}${(100 * growth).toFixed(1)} %`.padStart(10) + `  ${ends("nodes").padEnd(16)}${ends("listeners").padEnd(14)}` +
        sizes.map((one) => (one.heap / 2 ** 20).toFixed(2)).join(" ") + (flat ? "  flat" : "  GROWS"));
    }
    for (const { name, growers } of result) console.log(`\nmore at the end than at the start: ${name}\n${growthText(growers)}`);
  }
  if (result.some((one) => !one.flat)) process.exitCode = 1;
});
