// Whether an open page's memory stays flat: the fleet, a host's live view, and a page that wanders through all views, open for hours that
// pass faster. Timers of a second and more run `speed` times as fast as they say and clients report as often, so an hour has the polls,
// messages and redraws of an hour. After each hour the garbage is collected, and heap, elements and listeners are counted.
//
//   node bench/page_soak.mjs [--hours 8] [--speed 60] [--hosts 50] [--fill 300] [--json]

import { open } from "../tests/browser/browser.mjs";
import { kJson, option, progress, withClients } from "./page_start.mjs";

const kHours = option("hours", 8);
const kSpeed = option("speed", 60);
const kHosts = option("hosts", 50);
const kIntervalSeconds = 5;
// What the second half of the hours may add: a cache that fills, never a line that goes on.
const kMostGrowth = 0.1;
const kMostNodes = 200;
// The live view is of the last five minutes, which do not pass faster: until then its charts fill.
const kFillMs = option("fill", 300) * 1000;

const kWay = ["#/", "#/host/sim-2?range=15m", "#/logs", "#/alerts", "#/?view=heat", "#/explore", "#/compare?host=sim-1&host=sim-2&range=15m", "#/server", "#/settings"];

function speedUp(speed) {
  for (const name of ["setTimeout", "setInterval"]) {
    const own = globalThis[name].bind(globalThis);
    // Deadlines of connections and requests are real time: their other end is no faster than usual.
    const isDeadline = (run, delay) => name === "setTimeout" && delay >= 10_000 && /close|abort/i.test(String(run));
    globalThis[name] = (run, delay = 0, ...rest) => own(run, delay >= 1000 && !isDeadline(run, delay) ? delay / speed : delay, ...rest);
  }
}

async function sizeOf(session) {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { metrics } = await session.send("Performance.getMetrics");
  const named = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return { heap: usedSize, nodes: named.Nodes, listeners: named.JSEventListeners };
}

await withClients(kHosts, `${Math.max(100, Math.round((kIntervalSeconds * 1000) / kSpeed))}ms`, async (browser, programs) => {
  const kinds = { "fleet": "#/", "host, live": "#/host/sim-1?range=5m", "all views in turn": "#/" };
  const pages = [];
  for (const [name, hash] of Object.entries(kinds)) {
    const view = await open(browser, "about:blank", { expected: /./ });
    await view.context.addInitScript(speedUp, kSpeed);
    await view.page.goto(`${programs.url}/${hash}`);
    await view.page.locator(".connection-live").waitFor();
    const session = await view.context.newCDPSession(view.page);
    await session.send("Performance.enable");
    await session.send("HeapProfiler.enable");
    pages.push({ name, page: view.page, session, sizes: [] });
  }
  const wanderer = pages.at(-1);
  await new Promise((resolve) => setTimeout(resolve, kFillMs));
  let step = 0;
  for (let hour = 0; hour <= kHours; ++hour) {
    for (const end = Date.now() + 3_600_000 / kSpeed; hour > 0 && Date.now() < end; ) {
      // Thirty times an hour somebody looks at something else.
      await wanderer.page.evaluate((hash) => { location.hash = hash; }, kWay[++step % kWay.length]);
      await wanderer.page.waitForTimeout(Math.min(120_000 / kSpeed, Math.max(0, end - Date.now())));
    }
    await wanderer.page.evaluate(() => { location.hash = "#/"; });
    // A handle on an element would keep the whole view that it was in.
    await wanderer.page.locator("tr.host-row").first().waitFor();
    for (const one of pages) one.sizes.push(await sizeOf(one.session));
    progress(`hour ${hour} of ${kHours}: ${pages.map((one) => `${one.name} ${(one.sizes.at(-1).heap / 2 ** 20).toFixed(2)} MiB, ${one.sizes.at(-1).nodes} nodes`).join("; ")}`);
  }
  const half = Math.floor(kHours / 2);
  const result = pages.map(({ name, sizes }) => {
    const [middle, last] = [sizes[half], sizes.at(-1)];
    // The least of each half: what the browser has not collected yet is no growth.
    const least = (some) => Math.min(...some.map((one) => one.heap));
    const growth = least(sizes.slice(half + 1)) / least(sizes.slice(0, half + 1)) - 1;
    return { name, sizes, growth, flat: growth <= kMostGrowth && last.nodes - middle.nodes <= kMostNodes };
  });
  if (kJson) {
    console.log(JSON.stringify({ hours: kHours, speed: kSpeed, hosts: kHosts, views: result }));
  } else {
    console.log(`${kHosts} hosts, ${kHours} hours at ${kSpeed} times the speed; after a collection of garbage`);
    console.log(`${"view".padEnd(20)}${["start", "half", "end"].map((word) => word.padStart(12)).join("")}${"2nd half".padStart(12)}${"nodes".padStart(20)}${"listeners".padStart(18)}`);
    for (const { name, sizes, growth, flat } of result) {
      const three = [sizes[0], sizes[half], sizes.at(-1)];
      console.log(name.padEnd(20) + three.map((one) => `${(one.heap / 2 ** 20).toFixed(2)} MiB`.padStart(12)).join("") + `${(100 * growth).toFixed(1)} %`.padStart(12) +
        three.map((one) => one.nodes).join(" → ").padStart(20) + three.map((one) => one.listeners).join(" → ").padStart(18) + (flat ? "  flat" : "  GROWS"));
    }
  }
  if (result.some((one) => !one.flat)) process.exitCode = 1;
});
