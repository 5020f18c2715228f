// How the page does, in Debian's chromium, against the real server on loopback. Figures of loading are medians over browser contexts
// with nothing in their caches, each next to a floor taken in the same run: the server's plainest text (/healthz) in the same browser,
// which is what a page of nothing costs. The window is open and at rest before the address is entered. The page itself notes when the frame
// that has a row or a chart has been handed to the compositor; a question through the debugger would come later, and take time of its own. Frames are the distances between requestAnimationFrame calls; chromium draws in software here,
// so a frame's price is the processor's and not a graphics card's. A dropped frame is one that came a whole frame late.

import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../tests/browser/browser.mjs";
import { lines } from "../web/mock/lines.mjs";
import { kJson, option, progress, withClients } from "./page_start.mjs";

const kHosts = option("hosts", 1000);
const kSeconds = option("seconds", 15);
const kRounds = option("rounds", 9);
const kFrameMs = 1000 / 60;
const kDay = 86_400_000;
const kDayHost = "a-day";

const quantile = (values, share) => values.slice().sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = (values) => quantile(values, 0.5);

// A day of one machine, every five seconds, as Telegraf would have sent it.
async function writeDay(programs) {
  let batch = [];
  let count = 0;
  for (const gather of lines(kDayHost, Date.now() - kDay, Date.now(), 5000)) {
    batch.push(gather);
    count += gather.split("\n").length;
    if (batch.length === 500) {
      await programs.write(batch.join("\n"));
      batch = [];
    }
  }
  await programs.write(batch.join("\n"));
  return count;
}

const paintOf = (page) => page.evaluate(async () => {
  for (;;) {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (paint !== undefined) return paint.startTime;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

// Runs in the page before its own scripts: after which frame each of `wanted` was first there, and each panel's chart. What is put into the page
// while a frame is made is in that frame, so that a callback of the next one would be one frame late: a size is told within the same one. The message
// comes behind what else waits, so the begin of the next frame counts where that is earlier.
function watchFor(wanted) {
  globalThis.seenAt = {};
  globalThis.chartAt = {};
  const begun = new Set();
  const charts = new Set();
  const afterFrame = (note) => {
    const sizes = new ResizeObserver(() => {
      sizes.disconnect();
      let isNoted = false;
      const once = () => {
        if (!isNoted) note(performance.now());
        isNoted = true;
      };
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = once;
      port2.postMessage(null);
      requestAnimationFrame(once);
    });
    sizes.observe(document.documentElement);
  };
  const look = () => {
    for (const [name, [there, not, least]] of Object.entries(wanted)) {
      if (begun.has(name) || document.querySelectorAll(there).length < least || (not !== "" && document.querySelector(not) !== null)) continue;
      begun.add(name);
      afterFrame((now) => { globalThis.seenAt[name] = now; });
    }
    const fresh = [...document.querySelectorAll(".panel:has(canvas)")].map((panel) => panel.id).filter((id) => !charts.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) charts.add(id);
    afterFrame((now) => { for (const id of fresh) globalThis.chartAt[id] = now; });
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributeFilter: ["class"] });
}

// When the last of the charts that are in the window was seen. Asked once all are there.
const windowOf = (page) => page.evaluate(() => Math.max(...Object.entries(globalThis.chartAt)
  .filter(([id]) => document.getElementById(id)?.getBoundingClientRect().top < innerHeight).map(([, when]) => when)));

const kRow = { row: ["tr.host-row", "", 1] };
const kCharts = { first: [".panel canvas", "", 1], all: [".panel canvas", ".is-loading, .chart:not(:has(canvas))", 21] };
const kRestMs = 500;

// Opens `url` in a window that is at rest, and resolves when all of `wanted` has been seen, with when.
async function load(browser, url, wanted) {
  const { page, context } = await open(browser, "about:blank", kQuiet);
  await page.addInitScript(watchFor, wanted);
  await page.waitForTimeout(kRestMs);
  await page.goto(url);
  await page.waitForFunction((count) => Object.keys(globalThis.seenAt).length === count, Object.keys(wanted).length, { timeout: 60_000, polling: 100 });
  return { page, context, seen: await page.evaluate(() => globalThis.seenAt) };
}

// Of the page's own files.
const bytesOf = (page) => page.evaluate(() => {
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return Object.fromEntries(entries.filter((one) => !one.name.includes("/api/") && !one.name.includes("/query"))
    .map((one) => [new URL(one.name).pathname.replace(/-\w+(?=\.)/, ""), one.encodedBodySize]));
});

const kQuiet = { expected: /./ };

async function loading(browser, programs) {
  const floor = [];
  const paints = [];
  const rows = [];
  const firstCharts = [];
  const windowCharts = [];
  const allCharts = [];
  let bytes = null;
  let answered = 0;
  for (let round = 0; round < kRounds; ++round) {
    const plain = await load(browser, `${programs.url}/healthz`, {});
    floor.push(await paintOf(plain.page));
    await plain.context.close();

    const fleet = await load(browser, `${programs.url}/`, kRow);
    rows.push(fleet.seen.row);
    paints.push(await paintOf(fleet.page));
    await fleet.context.close();

    const host = await load(browser, `${programs.url}/#/host/${kDayHost}?range=24h`, kCharts);
    firstCharts.push(host.seen.first);
    windowCharts.push(await windowOf(host.page));
    allCharts.push(host.seen.all);
    bytes ??= await bytesOf(host.page);
    answered = await host.page.evaluate(() =>
      performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/query")).reduce((sum, one) => sum + one.encodedBodySize, 0));
    await host.context.close();
  }
  return { floor, paints, rows, firstCharts, windowCharts, allCharts, bytes, answered };
}

// Frames, and what the page's main thread did meanwhile. Its times are the thread's own processor time, so that they say the same on a
// machine that is busy with other things; a frame's distance from the next does not.
function frames(page, seconds, scrolling) {
  return page.evaluate(({ seconds, scrolling }) => new Promise((resolve) => {
    const times = [];
    let long = 0;
    const observer = new PerformanceObserver((list) => { long += list.getEntries().length; });
    observer.observe({ entryTypes: ["longtask"] });
    // Asked once: asking in every frame would make the browser lay out what it could have left for later.
    const bottom = document.documentElement.scrollHeight - innerHeight;
    const began = performance.now();
    let last = began;
    const tick = (now) => {
      times.push(now - last);
      last = now;
      const share = (now - began) / (seconds * 1000);
      if (scrolling) scrollTo(0, share * bottom);
      if (share < 1) return requestAnimationFrame(tick);
      observer.disconnect();
      resolve({ times: times.slice(1), long });
    };
    requestAnimationFrame(tick);
  }), { seconds, scrolling });
}

async function metricsOf(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

// As tall as the fleet and as full of text, drawn once and never changed: what scrolling itself costs this browser on this machine. Without a
// graphics card it puts together every pixel of every frame by the processor.
const plainRows = (page) => page.evaluate((hosts) => {
  document.body.textContent = "";
  for (let row = 0; row < hosts; ++row) {
    const line = document.createElement("div");
    line.style.height = "34px";
    line.textContent = `sim-${row} ${"12.3 % 45.6 % ".repeat(6)}`;
    document.body.append(line);
  }
}, kHosts);

async function framesOf(browser, url, wait, scrolling) {
  const view = await open(browser, url, { ...kQuiet, width: 1440, height: 900 });
  if (wait === null && scrolling) await plainRows(view.page);
  if (wait !== null) {
    await view.page.waitForSelector(wait);
    await view.page.waitForSelector(".connection-live");
    await view.page.waitForTimeout(2000);
  }
  const session = await view.context.newCDPSession(view.page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await metricsOf(session);
  const { times, long } = await frames(view.page, kSeconds, scrolling);
  const after = await metricsOf(session);
  await view.context.close();
  const cost = (name) => ((after[name] - before[name]) * 1000) / kSeconds;
  return {
    frames: times.length, median_ms: median(times), p99_ms: quantile(times, 0.99), longest_ms: Math.max(...times),
    dropped: times.filter((time) => time >= 2 * kFrameMs - 1).length, long_tasks: long,
    script_ms_per_second: cost("ScriptDuration"), style_ms_per_second: cost("RecalcStyleDuration"), layout_ms_per_second: cost("LayoutDuration"),
    main_thread_ms_per_second: cost("TaskDuration"), nodes: after.Nodes,
  };
}

let written = 0;
await withClients(kHosts, "5s", async (browser, programs) => {
  progress("loading");
  const loads = await loading(browser, programs);
  progress("frames");
  const kinds = {
    floor: await framesOf(browser, `${programs.url}/healthz`, null, false),
    scrolling_floor: await framesOf(browser, `${programs.url}/healthz`, null, true),
    still: await framesOf(browser, `${programs.url}/`, "tr.host-row", false),
    scrolling: await framesOf(browser, `${programs.url}/`, "tr.host-row", true),
    heat: await framesOf(browser, `${programs.url}/#/?view=heat`, ".tile", false),
  };
  const wire = Object.values(loads.bytes).reduce((sum, one) => sum + one, 0);
  const cpu = (await readFile("/proc/cpuinfo", "utf8")).match(/model name\s*: (.*)/)?.[1] ?? "";
  const result = {
    machine: { cpu, cpus: cpus().length, load_average: loadavg()[0] }, hosts: kHosts, lines_of_the_day: written,
    bytes_over_the_wire: wire, bytes_by_file: loads.bytes,
    first_paint_ms: median(loads.paints), first_paint_floor_ms: median(loads.floor), first_row_ms: median(loads.rows),
    host_day_first_chart_ms: median(loads.firstCharts), host_day_window_ms: median(loads.windowCharts), host_day_all_charts_ms: median(loads.allCharts), host_day_answer_bytes: loads.answered,
    frames: kinds,
  };
  if (process.env.RESMON_BENCH_FIGURES) await writeFile(process.env.RESMON_BENCH_FIGURES, JSON.stringify(result));
  if (kJson) {
    console.log(JSON.stringify(result));
  } else {
    const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
    const row = (name, value, goal = "", met = null) => console.log(`${name.padEnd(46)} ${value.padStart(12)}   ${goal}${met === null ? "" : met ? "  met" : "  MISSED"}`);
    console.log(`${cpu}, ${cpus().length} cores, load average ${loadavg()[0].toFixed(1)}; ${kHosts} live hosts; medians of ${kRounds} loads`);
    row("bytes over the wire, compressed", `${(wire / 1024).toFixed(1)} KiB`, "≤ 120 KiB", wire <= 120 * 1024);
    const times = result.first_paint_ms / result.first_paint_floor_ms;
    row("first paint of the fleet", ms(result.first_paint_ms), `${times.toFixed(2)} × the floor; ≤ 1.3`, times <= 1.3);
    row("  floor: /healthz in the same browser", ms(result.first_paint_floor_ms));
    row("first row of the fleet", ms(result.first_row_ms), "≤ 400 ms", result.first_row_ms <= 400);
    row("host with a day of data, first chart", ms(result.host_day_first_chart_ms));
    row("host with a day of data, charts in the window", ms(result.host_day_window_ms), "≤ 600 ms", result.host_day_window_ms <= 600);
    row("host with a day of data, all charts", ms(result.host_day_all_charts_ms), `${(loads.answered / 1024).toFixed(0)} KiB of answers; ≤ 600 ms`, result.host_day_all_charts_ms <= 600);
    console.log(`\n${"frames".padEnd(24)}${["median", "p99", "longest", "dropped", "> 50 ms", "script", "style", "layout", "main thread"].map((word) => word.padStart(12)).join("")}`);
    for (const [name, one] of Object.entries(kinds)) {
      const label = { floor: "floor: an empty page", scrolling_floor: "floor: text, scrolling", still: "fleet, live", scrolling: "fleet, live, scrolling", heat: "heat view, live" }[name];
      console.log(label.padEnd(24) + [
        ms(one.median_ms), ms(one.p99_ms), ms(one.longest_ms), `${one.dropped} of ${one.frames}`, String(one.long_tasks),
        ...[one.script_ms_per_second, one.style_ms_per_second, one.layout_ms_per_second, one.main_thread_ms_per_second].map((cost) => `${cost.toFixed(1)} ms/s`),
      ].map((word) => word.padStart(12)).join(""));
    }
    console.log("script, style, layout, main thread: the page's main thread's processor time in each second");
  }
}, async (programs) => {
  progress("writing a day of one host");
  written = await writeDay(programs);
  progress(`${written} lines written; starting ${kHosts} clients`);
});
