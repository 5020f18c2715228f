// Compare, explore, server, users and tokens, ranges, groups: the views beyond fleet and host, on web/mock in Debian's chromium.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { defaultNames, startMock } from "../../web/mock/server.mjs";
import { growthOf, growthText, takeHeap } from "../../bench/heap_growth.mjs";
import { checkAccessibility, hasInk, kPatienceMs, kTestMs, launch, open, overflow, shot, viewTest } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const view = (name, mockOptions, viewOptions, body) => viewTest(name, () => browser, mockOptions, viewOptions, body);

const kSink = {
  name: "influx", state: "retrying", lag_seconds: 75, backlog_entries: 12, sent_samples: 123_456, refused_samples: 2, lost_samples: 0, retries: 4,
  server_version: "1.6.7", last_error: "connection refused", failing_since: Date.now() - 200_000,
};

view("fleet: groups, filters and the heat view's figure are part of the link", {}, { hash: "#/?group=site" }, async (page) => {
  await page.waitForSelector("tr.group-row");
  assert.deepEqual(await page.locator("tr.group-row strong").allInnerTexts(), ["berlin", "oslo"]);
  await page.locator("summary", { hasText: "Filter" }).click();
  await page.getByRole("group", { name: "site" }).getByRole("button", { name: "oslo" }).click();
  await page.waitForFunction(() => location.hash.includes("q=site%3Aoslo"));
  assert.deepEqual(await page.locator("tr.group-row strong").allInnerTexts(), ["oslo"]);
  await page.keyboard.press("Escape");
  await page.locator(".menu-body").waitFor({ state: "detached" });
  await page.keyboard.press("v");
  await page.getByRole("button", { name: "Pressure" }).click();
  await page.waitForFunction(() => /view=heat/.test(location.hash) && /by=pressure/.test(location.hash));
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.className.includes("tile")), true);
});

view("fleet: scrolling gives the rows other hosts, each at its place; at rest the document has their order, too", { names: defaultNames(300) }, { hash: "#/?sort=host" }, async (page) => {
  await page.waitForSelector("tr.host-row");
  await page.getByText("live", { exact: true }).waitFor();
  const scrolled = await page.evaluate(async () => {
    const body = document.querySelector("table.fleet tbody");
    const before = new Set(body.children);
    const names = new Set();
    let misplaced = 0;
    for (let step = 1; step <= 30; ++step) {
      scrollTo(0, step * 68);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      for (const row of body.children) {
        names.add(row.dataset.host);
        if (row.offsetTop !== (row.ariaRowIndex - 2) * row.offsetHeight || row.querySelector("a").textContent !== row.dataset.host) ++misplaced;
      }
    }
    const rows = [...body.children];
    return { misplaced, hosts: names.size, rows: rows.length, born: rows.filter((row) => !before.has(row)).length };
  });
  // At the very top there are no rows above what is seen, nor where the toolbar is: those alone are born.
  assert.ok(scrolled.hosts > 80 && scrolled.rows < 60 && scrolled.born <= 16, JSON.stringify(scrolled));
  assert.equal(scrolled.misplaced, 0);
  await page.waitForFunction(() => {
    const tops = [...document.querySelectorAll("table.fleet tbody tr")].map((row) => row.offsetTop);
    return tops.every((top, at) => at === 0 || top > tops[at - 1]);
  });
});

view("fleet: the focus stays with its host when the rows get others, and goes with it out of sight", { names: defaultNames(300) }, { hash: "#/?sort=host" }, async (page, mock) => {
  await page.waitForSelector("tr.host-row");
  await page.getByText("live", { exact: true }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.closest("tr")?.dataset.host ?? document.activeElement.tagName);
  for (let press = 0; press < 12; ++press) await page.keyboard.press("j");
  const name = await focused();
  const rowOf = () => page.evaluate(() => document.activeElement.closest("tr")?.ariaRowIndex);
  assert.equal(await rowOf(), "13");
  mock.addHost("aaa");
  await page.waitForFunction(() => document.querySelector("table.fleet").ariaRowCount === "302");
  assert.deepEqual([await focused(), await rowOf()], [name, "14"]);
  // Scrolled so that its row is still drawn, and the document's order put right after a rest.
  await page.evaluate(() => scrollTo(0, 800));
  await page.waitForFunction(() => Number(document.querySelector("table.fleet tbody tr").ariaRowIndex) > 2);
  assert.equal(await focused(), name);
  await page.evaluate(() => scrollTo(0, 5000));
  await page.waitForFunction(() => document.activeElement === document.body);
});

view("samples that the server refused show at their host, and why", {}, { hash: "#/?sort=host" }, async (page, mock) => {
  await page.waitForSelector("tr.host-row");
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(await page.getByText("refused samples").count(), 0);
  const reason = "max-series-per-database limit exceeded: (50) <b>";
  mock.refuse("web1", 1234, reason);
  const tag = page.locator("tr.host-row[data-host=web1] .tag-warning");
  await tag.waitFor();
  assert.equal(await tag.innerText(), "refused samples");
  assert.equal(await tag.getAttribute("title"), `1,234 samples were refused by the server: ${reason}`);
  assert.equal(await page.locator(".tag-warning").count(), 1);
  await page.getByRole("link", { name: "web1", exact: true }).click();
  const fact = page.locator(".fact-warning");
  await fact.waitFor();
  assert.match(await fact.innerText(), /^Refused\s+1[.,]23 ?k samples max-series-per-database limit exceeded: \(50\) <b>$/);
});

view("fleet: what is in trouble comes first, with its reasons and since when; one table of thresholds decides", { alerts: true }, {}, async (page) => {
  const strip = page.getByRole("region", { name: "In trouble" });
  await strip.getByText("disk-full /var 96.1 %").waitFor();
  const [web, db, down] = ["web1", "db1", "cache1"];
  for (const [name, words] of [[web, /disk-full .* for 12 min, since (\d\d-\d\d )?\d\d:\d\d$/], [db, /memory-pressure 24 %.* for 3 min, since/], [down, /down.* for 3 h, since/]])
    assert.match((await strip.getByRole("listitem").filter({ hasText: name }).innerText()).replaceAll("\n", " "), words);
  await page.waitForFunction(() => document.title.startsWith("(3) "));
  for (const [name, words] of [[web, /^since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/], [down, /^silent since/]])
    assert.match(await page.locator(`tr[data-host="${name}"] .col-state, tr[data-host="${name}"] .col-state .state`).evaluateAll((all) => all.map((one) => one.title).join("")), words);
  assert.match(await page.locator(`tr[data-host="${web}"]`).innerText(), /Trouble 12 min\s+web1\s*disk-full \/var 96.1 %/);
  const names = () => page.locator("tr.host-row").evaluateAll((rows) => rows.map((row) => row.dataset.host));
  await page.waitForFunction((wanted) => [...document.querySelectorAll("tr.host-row")].slice(0, 3).map((row) => row.dataset.host).join() === wanted, `${down},${db},${web}`);
  await page.getByRole("button", { name: /^Trouble/ }).click();
  await page.waitForFunction(() => location.hash.includes("state%3Atrouble"));
  assert.deepEqual(await names(), [db, web], "what is down is counted by its own chip");
  // The chips add up to the fleet.
  const chips = await page.locator(".counts .chip strong").allInnerTexts();
  assert.equal(String(chips.reduce((sum, text) => sum + Number(text), 0)), (await page.locator(".count-all").innerText()).match(/of (\d+)/)[1]);
  await page.getByRole("button", { name: /^Trouble/ }).click();
  // A lower threshold makes others trouble, too; the settings stay.
  await page.keyboard.press("g");
  await page.keyboard.press(",");
  const field = page.getByLabel("Memory, high");
  await field.fill("5");
  await field.press("Enter");
  await checkAccessibility(page);
  await page.reload();
  assert.equal(await page.getByLabel("Memory, high").inputValue(), "5");
  assert.equal(await page.getByLabel("Memory, raised").inputValue(), "5");
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  await page.getByRole("button", { name: "and 2 more" }).waitFor();
  assert.match(await page.locator('tr[data-host="mail1"]').innerText(), /Trouble/);
  await checkAccessibility(page);
});

// Hosts whose first sample came 86 s ago, within the newest step or the one before.
const kFirst = Math.floor((Date.now() - 86_000) / 1000) * 1000;
function answerYoung(text) {
  const statements = text.split(";").filter((one) => one.trim() !== "");
  if (!statements.every((one) => one.includes('FROM "mem"') && one.includes('AS "value"') && /time\((300|1)s\)/.test(one))) return undefined;
  const step = text.includes("time(300s)") ? 300_000 : 5000;
  const times = [];
  for (let at = Math.floor(kFirst / step) * step; at <= Date.now(); at += step) times.push(Math.max(at, step === 5000 ? kFirst : 0));
  return { results: statements.map((_, id) => ({ statement_id: id, series: [{ name: "mem", columns: ["time", "value"], values: times.map((time) => [time, 90]) }] })) };
}

view("fleet: a host is in trouble since its first sample, not since a round time before, and nothing says over", { canned: answerYoung }, { hash: "#/settings" }, async (page) => {
  const field = page.getByLabel("Memory, high");
  await field.fill("5");
  await field.press("Enter");
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  const strip = page.getByRole("region", { name: "In trouble" });
  const item = strip.getByRole("listitem").filter({ hasText: /memory/ }).first();
  await item.getByText(/^for \d+ (s|min), since \d\d:\d\d/).waitFor();
  const title = await item.locator("[title^='since ']").getAttribute("title");
  const shown = new Date(kFirst).toTimeString().slice(0, 8);
  assert.ok(title.endsWith(shown), `${title}, not ${shown}`);
});

view("fleet: a long name keeps what tells it apart, and tags are counted rather than squeezed", {
  names: Array.from({ length: 12 }, (_, at) => `ip-10-0-12-${130 + at}.eu-central-1.compute.internal`),
}, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  const cells = await page.locator("tr.host-row .host-cell").evaluateAll((all) => all.map((cell) => {
    const own = cell.querySelector(".name-own");
    const [box, link] = [own.getBoundingClientRect(), cell.querySelector("a").getBoundingClientRect()];
    return { own: own.textContent, whole: cell.querySelector("a").textContent, seen: own.scrollWidth <= own.clientWidth && box.right <= link.right + 1 };
  }));
  assert.equal(new Set(cells.map((cell) => cell.own)).size, 12);
  assert.ok(cells.every((cell) => cell.seen && cell.whole.endsWith(".compute.internal")), JSON.stringify(cells[0]));
  assert.ok((await page.locator("tr.host-row .tag").allInnerTexts()).every((tag) => /^(berlin|oslo|\+1)$/.test(tag)));
});

view("host: its header says why: trouble, what fails, sinks that wait, an old client, and what is unusual", {
  alerts: true, sinks: [{ ...kSink }], version: "0.2.0", failing: [{ host: "web1", collector: "script.queue", code: 2 }, { host: "web1", collector: "disk", code: null }],
}, { hash: "#/host/web1?range=15m" }, async (page) => {
  const why = page.locator(".why");
  await why.getByText(/disk-full \/var 96.1 % for 12 min, since (\d\d-\d\d )?\d\d:\d\d$/).waitFor();
  await why.getByText("script queue (exit code 2), collector disk").waitFor();
  await why.getByText(/wait for influx for \d+ min/).waitFor();
  await why.getByText("resmon-client 0.1.0 is older than the server (0.2.0).").waitFor();
  await why.getByText(/Unusual|As usual/).waitFor();
  // On every other view, too.
  await page.goto(`${new URL(page.url()).origin}/#/explore`);
  await page.locator(".banner", { hasText: "The script queue (exit code 2) fails on web1." }).getByRole("link", { name: "web1" }).click();
  await page.waitForFunction(() => location.hash.startsWith("#/host/web1"));
});

view("host: a measurement of a script has a chart by its tags and a table of its texts", {}, { hash: "#/host/web1?range=15m" }, async (page) => {
  await page.waitForSelector("#panel-other-queue-waiting-percent canvas");
  await page.getByRole("heading", { name: "Mail queue" }).waitFor();
  assert.deepEqual((await page.locator("#panel-other-queue-waiting-percent .legend-label").allInnerTexts()).sort(), ["mails", "orders"]);
  assert.match(await page.locator("#panel-other-queue-waiting-percent .legend-value").first().innerText(), / %$/);
  const table = page.getByRole("region", { name: "queue" }).getByRole("table");
  await table.getByRole("row", { name: /mails\s+drained/ }).waitFor();
  // Far below: a link leads there.
  const heading = page.getByRole("heading", { name: "From scripts, inputs and metrics of logs" });
  await page.getByRole("navigation", { name: "Sections" }).getByRole("button", { name: "Scripts, inputs" }).click();
  await page.waitForFunction((element) => element.getBoundingClientRect().top < innerHeight, await heading.elementHandle());
});

view("host: a range before its first sample says when that was, and leads to now", {
  canned: (query) => (query.includes("SELECT") ? { results: query.split(";").map((_, index) => ({ statement_id: index })) } : undefined),
}, { hash: "#/host/web1?from=1764000000000&to=1764003600000" }, async (page) => {
  await page.getByText("Nothing is stored of").waitFor();
  await page.getByText(/^Its first sample is of \d{4}-/).waitFor();
  await page.getByRole("heading", { name: "Monday, 2025-11-24, 16:00–17:00" }).waitFor();
  assert.equal(await page.locator(".facts").count(), 0, "of nothing there are no figures");
  await page.getByRole("link", { name: "Show how it is now" }).waitFor();
  await page.getByRole("button", { name: "Show the time since then" }).click();
  await page.waitForFunction(() => !location.hash.includes("from=1764000000000"));
});

view("explore: a wrong name is answered with the right one, and a query is saved", {
  canned: (query) => (query.includes('"cpuu"') || query.includes('usage_activ"') ? { results: [{ statement_id: 0 }] }
    : query.startsWith("SELECT mean") ? { results: [{ statement_id: 0, series: [{ name: "cpu", columns: ["time", "mean"], values: [[Date.now() - 1000, 1], [Date.now(), 5]] }] }] } : undefined),
}, { hash: "#/explore" }, async (page) => {
  await page.waitForSelector(".completion");
  await page.locator("#query").fill('SELECT mean("usage_activ") FROM "cpuu" WHERE time > now() - 7d');
  await page.keyboard.press("Control+Enter");
  await page.getByText("No measurement is called cpuu. Did you mean cpu?").waitFor();
  await checkAccessibility(page);
  await page.getByRole("button", { name: "Ask for cpu" }).click();
  await page.getByText("cpu has no field or tag that is called usage_activ. Did you mean usage_active?").waitFor();
  await page.getByRole("button", { name: "Ask for usage_active" }).click();
  await page.waitForSelector("#panel-result canvas");
  assert.equal(await page.locator(".completion").count(), 0, "a query that was run has no suggestions under it");
  await page.getByText(/data since \d{4}-/).waitFor();
  await page.locator("#panel-result .legend-head").getByText("mean").waitFor();
  await page.getByRole("button", { name: "Save this query…" }).click();
  await page.getByLabel("Name of the query").fill("CPU of a week");
  await page.keyboard.press("Enter");
  await page.reload();
  const saved = page.getByRole("group", { name: "Saved queries" });
  await saved.getByRole("button", { name: "CPU of a week", exact: true }).click();
  await page.waitForSelector("#panel-result canvas");
  await checkAccessibility(page);
  await saved.getByRole("button", { name: "Remove CPU of a week" }).click();
  await saved.getByRole("button", { name: "Save this query…" }).waitFor();
});

view("a phone: a row's second line, the range and the host's name in sight, targets for fingers", { alerts: true }, { width: 390, height: 844 }, async (page) => {
  await page.locator('tr[data-host="mail1"] .second-line').getByText(/^load [\d.]+ · pressure \d+ % · in .+, out .+/).waitFor();
  await page.locator('tr[data-host="web1"] .second-line').getByText(/disk-full \/var 96.1 % for 12 min/).waitFor();
  // Anywhere in the row.
  const box = await page.locator('tr[data-host="mail1"]').boundingBox();
  assert.ok(box.height >= 44);
  await page.mouse.click(box.x + box.width - 40, box.y + box.height - 8);
  await page.waitForSelector("#panel-files canvas");
  await page.locator("#panel-files").scrollIntoViewIfNeeded();
  const bar = await page.locator(".range-bar").boundingBox();
  assert.ok(bar.y >= 0 && bar.y < 10, `the range bar is at ${bar.y}`);
  assert.equal(await page.locator(".bar-name").innerText(), "mail1");
  assert.ok((await overflow(page)) <= 0);
});

view("settings: theme, zone, units and the first range", {}, { hash: "#/settings" }, async (page) => {
  const press = (group, name) => page.getByRole("group", { name: group }).getByRole("button", { name, exact: true }).click();
  await press("Theme", "Light");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(243, 245, 246)");
  await checkAccessibility(page);
  await press("Network rates in", "Bytes");
  await press("Times in", "UTC");
  await page.getByLabel("Range of charts at first").selectOption("1h");
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  await page.waitForSelector("tr.host-row");
  assert.match(await page.locator("tr.host-row .col-receive").first().innerText(), /B\/s$/);
  await page.getByRole("link", { name: "web1", exact: true }).click();
  await page.waitForSelector("#panel-cpu canvas");
  assert.match(page.url(), /range=1h/);
});

view("settings: what is typed stays while the rest of the page still comes", { alerts: true }, { hash: "#/settings" }, async (page) => {
  const field = page.getByLabel("Memory, high");
  await field.fill("5");
  await field.press("Enter");
  await page.waitForFunction(() => JSON.parse(localStorage.getItem("resmon.settings") ?? "null")?.thresholds.memory?.high === 5);
  assert.equal(await field.inputValue(), "5");
});

view("compare: a link opens it, hosts are added and removed", {}, { hash: "#/compare?host=web1&host=db1&range=1h" }, async (page) => {
  await page.waitForSelector("#panel-cpu canvas");
  assert.ok(await hasInk(page, "cpu"));
  assert.deepEqual(await page.locator("#panel-cpu .legend-label").allInnerTexts(), ["web1", "db1"]);
  await page.keyboard.press("/");
  await page.keyboard.type("cache");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#panel-memory .legend-label").length === 3);
  assert.match(page.url(), /host=web1&host=db1&host=cache1/);
  await page.getByRole("button", { name: "Remove db1" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#panel-memory .legend-label").length === 2);
  await page.getByLabel("Add a host").fill("nobody");
  await page.keyboard.press("Enter");
  await page.getByText("No host is called nobody.").waitFor();
});

view("compare: without hosts it suggests some", {}, { hash: "#/compare" }, async (page) => {
  await page.getByRole("button", { name: "Fullest disks" }).click();
  await page.waitForSelector("#panel-disk canvas");
  assert.equal(await page.locator(".picked-host").count(), 5);
});

const kFilled = {
  results: [{ statement_id: 0, series: [["web1", "/", 1.5, 60], ["db1", "/var", 41.2, 97.3], ["=1+1", "/", null, 20]].map(([host, path, grew, highest]) => ({
    name: "disk", tags: { host, path }, columns: ["time", "grew", "highest"], values: [[1_764_000_000_000, grew, highest]],
  })) }],
};
view("explore: which host filled its disk yesterday", { canned: (query) => (query.includes('"grew"') ? kFilled : undefined) }, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.getByRole("button", { name: "Which disk filled up yesterday?" }).click();
  await page.waitForSelector("table.plain tbody tr");
  const firstCells = () => page.locator("table.plain tbody tr td:first-child").allInnerTexts();
  assert.deepEqual(await firstCells(), ["db1", "web1", "=1+1"]);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const csv = await readFile(await download.path(), "utf8");
  assert.match(csv, /^host,path,time,grew,highest\r\n/);
  assert.match(csv, /\r\n'=1\+1,\/,/);
  await page.getByRole("columnheader", { name: "highest" }).getByRole("button").click();
  await page.waitForFunction(() => /sort=-highest/.test(location.hash));
  await page.getByRole("link", { name: "db1", exact: true }).click();
  await page.waitForSelector("#panel-disk canvas");
  const [, from, to] = /from=(\d+)&to=(\d+)/.exec(page.url());
  const yesterday = new Date(Number(from));
  assert.ok(yesterday.getHours() === 0 && to - from >= 23 * 3_600_000 && to - from <= 25 * 3_600_000, page.url());
  await page.goBack();
  await page.waitForFunction(() => /sort=-highest/.test(location.hash));
});

view("explore: completion by keyboard, a chart, and an error in the server's words", {
  canned: (query) => query.startsWith("SELECT \"used_percent\"") ? {
    results: [{ statement_id: 0, series: [{ name: "disk", columns: ["time", "used_percent"], values: [[1000, 1], [2000, 5], [3000, 2]] }] }],
  } : undefined,
}, { hash: "#/explore", expected: /400/ }, async (page) => {
  await page.waitForSelector(".completion");
  await page.keyboard.press("/");
  await page.keyboard.type("sel");
  await page.keyboard.press("Tab");
  await page.keyboard.type("used_p");
  await page.waitForFunction(() => document.querySelector(".completion")?.textContent === "used_percent");
  await page.keyboard.press("Tab");
  await page.keyboard.type("FROM di");
  await page.keyboard.press("Tab");
  assert.equal(await page.locator("#query").inputValue(), 'SELECT "used_percent" FROM "disk" ');
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".panel canvas");
  await page.getByText("3 rows").waitFor();
  await page.locator("#query").fill("nonsense");
  await page.keyboard.press("Control+Enter");
  await page.getByText("error parsing query: nonsense").waitFor();
  await page.locator("#query").fill("");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => document.activeElement.id), "query", "the box kept the Tab key for itself");
});

view("explore: a query that came with a link waits to be run", { canned: (query) => (query.includes('"grew"') ? kFilled : undefined) },
  { hash: `#/explore?q=${encodeURIComponent('SELECT spread("used_percent") AS "grew" FROM "disk"')}` }, async (page, mock) => {
    const asked = () => mock.queries.filter((text) => text.includes('"grew"')).length;
    await page.getByText("nothing has been asked yet").waitFor();
    assert.match(await page.locator("#query").inputValue(), /^SELECT spread/);
    await page.waitForSelector("nav.places");
    assert.equal(asked(), 0);
    await checkAccessibility(page);
    await page.getByRole("button", { name: "Run it" }).click();
    await page.waitForSelector("table.plain tbody tr");
    assert.equal(await page.getByText("nothing has been asked yet").count(), 0);
    assert.equal(asked(), 1);
    // Another link in the same tab waits as well; coming back to what was asked does not.
    await page.evaluate(() => { location.hash = "#/explore?q=SHOW%20MEASUREMENTS"; });
    await page.getByText("nothing has been asked yet").waitFor();
    await page.goBack();
    await page.waitForSelector("table.plain tbody tr");
    assert.equal(asked(), 2);
  });

for (const [name, hash] of [["fleet", "#/"], ["compare", "#/compare"], ["explore", "#/explore"], ["server", "#/server"]])
  view(`a database that fails shows on every view: ${name}`, { sinks: [kSink] }, { hash }, async (page) => {
    const banner = page.locator(".banner", { hasText: "The database influx gets no samples" });
    await banner.waitFor();
    assert.match(await banner.innerText(), /connection refused\..*For \d+ min/);
    await checkAccessibility(page);
    await banner.getByRole("link", { name: "Server" }).click();
    await page.getByText("2.70 GiB of 10.0 GiB").waitFor();
  });
view("a database that is well shows nothing", { sinks: [{ ...kSink, state: "ok", last_error: "", failing_since: null }] }, {}, async (page, mock, opened) => {
  await page.waitForSelector("tr.host-row");
  while (!opened.requests.some((url) => url.endsWith("/api/v1/server"))) await page.waitForTimeout(20);
  assert.equal(await page.locator(".banner").count(), 0);
});
view("server: its state, its sinks, and its log as it grows", { sinks: [kSink] }, {}, async (page, mock) => {
  await page.waitForSelector("tr.host-row");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByText("2.70 GiB of 10.0 GiB").waitFor();
  const tier = await page.getByRole("row", { name: /^minutes/ }).innerText();
  const since = new Date(Date.now() - 200 * 86_400_000).toLocaleDateString("sv-SE");
  assert.ok(tier.includes("1 y") && tier.includes(since), `kept for, and since: ${tier}`);
  await page.getByText("influx: connection refused").waitFor();
  await page.getByText("1 min 15 s").waitFor();
  await page.getByText("started version=0.1.0").waitFor();
  assert.equal(await page.getByText("sealed chunks").count(), 0);
  await page.getByRole("button", { name: "debug" }).click();
  await page.getByText("sealed chunks").waitFor();
  await page.getByRole("button", { name: "warn" }).click();
  await page.waitForFunction(() => /level=warn/.test(location.hash));
  await page.getByText("client refused").waitFor();
  mock.log("error", "the disk is on fire");
  await page.getByText("the disk is on fire").waitFor();
  // From what the server wrote of itself: at once, not after ten seconds of watching.
  await page.waitForSelector('section[aria-label="Samples received"] canvas');
  assert.ok(mock.queries.some((text) => text.includes('FROM "internal_server"')));
});

view("server: at phone width its tiers are told without scrolling sideways", {}, { hash: "#/server", width: 390, height: 844 }, async (page) => {
  const box = page.getByLabel("Disk use by tier");
  await box.getByText("Since").waitFor();
  assert.ok(await box.evaluate((element) => element.scrollWidth <= element.clientWidth));
});

const kPeople = { admin: { password: "correct horse", role: "admin" }, eve: { password: "only to look", role: "viewer" } };
view("signing in: a bad password, then the right one; users, tokens, and out again", { people: kPeople }, { expected: /40[019]|Failed to load resource/ }, async (page) => {
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("wrong name or password").waitFor();
  await checkAccessibility(page);
  await page.getByLabel("Password").fill("correct horse");
  await page.keyboard.press("Enter");
  await page.waitForSelector("tr.host-row");
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "", "a script can read the session");
  await page.reload();
  await page.waitForSelector("tr.host-row");
  await page.locator("summary", { hasText: "admin" }).click();
  await page.getByRole("link", { name: "Users and tokens" }).click();
  await page.getByRole("rowheader", { name: "eve" }).waitFor();
  const tokens = page.getByRole("region", { name: "API tokens" });
  await tokens.getByLabel("Name").fill("grafana");
  await tokens.getByRole("button", { name: "Make token" }).click();
  await tokens.locator("code", { hasText: "resmon_" }).waitFor();
  await tokens.getByRole("button", { name: "I have it" }).click();
  await checkAccessibility(page);
  await shot(page, "access", { fullPage: true });
  await tokens.getByRole("button", { name: "Revoke grafana" }).click();
  await tokens.getByRole("button", { name: "Really Revoke grafana" }).click();
  await tokens.getByText("None yet.").waitFor();
  const users = page.getByRole("region", { name: "Users" });
  await users.getByLabel("Name").fill("eve");
  await users.getByLabel("Password").fill("another password");
  await users.getByRole("button", { name: "Add user" }).click();
  await users.getByText("there is a user eve already").waitFor();
  await page.locator("summary", { hasText: "admin" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#password").waitFor();
});

view("an administrator adds a machine: its token, the line to paste, and its first sample", { people: kPeople, names: ["web1"] }, { expected: /40[14]|Failed to load resource/ }, async (page, mock) => {
  await page.locator("#user").fill("admin");
  await page.locator("#password").fill(kPeople.admin.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Add a machine…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name under which it reports").fill("db7");
  await page.keyboard.press("Enter");
  await dialog.getByText(/resmon-client --server 127\.0\.0\.1:7411 --host db7 --token-file/).waitFor();
  await dialog.getByText("Waiting for the first sample of db7").waitFor();
  await checkAccessibility(page);
  await shot(page, "add-machine");
  mock.addHost("db7");
  await dialog.getByRole("link", { name: "Show it" }).click();
  await page.waitForSelector("#panel-cpu canvas");
});

view("an annotation shows on the charts of its host, with its author", { people: kPeople, names: ["web1", "db1"] }, { expected: /40[14]|Failed to load resource/ }, async (page) => {
  await page.locator("#user").fill("admin");
  await page.locator("#password").fill(kPeople.admin.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "web1", exact: true }).click();
  await page.getByRole("button", { name: "Annotate…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What happened").fill("deploy of shop 2.4");
  await checkAccessibility(page);
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "Events in this range" }).getByText("deploy of shop 2.4 (admin)").waitFor();
  await page.waitForSelector("#panel-cpu canvas");
  const box = await page.locator("#panel-cpu .u-over").boundingBox();
  await page.mouse.move(box.x + box.width - 2, box.y + 40);
  await page.waitForFunction(() => document.querySelector("#panel-cpu .panel-clock").textContent.includes("deploy of shop 2.4 (admin)"));
  await page.keyboard.press("]");
  await page.getByRole("heading", { name: "db1" }).waitFor();
  await page.waitForFunction(() => !document.body.textContent.includes("deploy of shop"));
});

view("an administrator takes a host that is down off the list, after a question", { people: kPeople }, { expected: /40[19]|Failed to load resource/ }, async (page, mock) => {
  const [up, , down] = defaultNames(8);
  const signIn = async (name) => {
    await page.locator("#user").fill(name);
    await page.locator("#password").fill(kPeople[name].password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("live", { exact: true }).waitFor();
  };
  const show = async (host) => {
    await page.goto(`${new URL(page.url()).origin}/#/host/${encodeURIComponent(host)}`);
    await page.getByRole("heading", { name: host, exact: true }).waitFor();
  };
  await signIn("eve");
  await show(down);
  assert.equal(await page.getByRole("button", { name: "Forget…" }).count(), 0, "a viewer may not");
  await page.locator("summary", { hasText: "eve" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn("admin");
  await show(up);
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Forget…" }).click();
  await checkAccessibility(page);
  await dialog.getByRole("button", { name: "Forget", exact: true }).click();
  await dialog.getByText("its client is connected").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.deepEqual(mock.forgotten, []);
  await show(down);
  await page.getByRole("button", { name: "Forget…" }).click();
  await dialog.getByLabel("Delete its stored data").check();
  await dialog.getByRole("button", { name: "Forget and delete" }).click();
  await page.waitForSelector("tr.host-row");
  assert.deepEqual(mock.forgotten, [`${down}?purge=true`]);
  assert.equal(await page.getByRole("link", { name: down, exact: true }).count(), 0);
});

view("a viewer changes nothing, and attempts are counted", { people: kPeople }, { expected: /4\d\d|Failed to load resource/ }, async (page) => {
  const attempt = async (password) => {
    await page.locator("#user").fill("eve");
    await page.locator("#password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await attempt("only to look");
  await page.waitForSelector("tr.host-row");
  await page.goto(`${new URL(page.url()).origin}/#/access`);
  await page.getByText("Only an administrator can change users and tokens.").waitFor();
  assert.equal(await page.getByRole("region", { name: "API tokens" }).count(), 0);
  await page.locator("summary", { hasText: "eve" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (let count = 0; count < 8; ++count) {
    await page.waitForFunction(() => document.querySelector(".sign-in button.primary")?.disabled === false);
    await attempt(`wrong ${count}`);
  }
  await page.getByText("too many attempts (wait 30 s)").waitFor();
});

view("ranges: absolute, refused, a whole day, panned and zoomed out", {}, { hash: "#/host/web1?range=15m" }, async (page) => {
  await page.waitForSelector("#panel-cpu canvas");
  await page.locator("summary", { hasText: "From" }).click();
  await page.getByLabel("From", { exact: true }).fill("2026-11-24T09:00");
  await page.getByLabel("To", { exact: true }).fill("2026-11-24T08:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("The end must lie at least ten seconds after the begin.").waitFor();
  await page.getByLabel("To", { exact: true }).fill("2026-11-24T10:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.waitForFunction((from) => location.hash.endsWith(`from=${from}&to=${from + 3_600_000}`), new Date(2026, 10, 24, 9).getTime());
  await page.keyboard.press("-");
  await page.waitForFunction(() => /from=(\d+)&to=(\d+)/.exec(location.hash)?.slice(1).map(Number).reduce((from, to) => to - from) > 5_000_000);
  await page.locator("summary", { hasText: "From" }).click();
  await page.getByRole("button", { name: "Yesterday" }).click();
  await page.waitForFunction(() => {
    const [, from, to] = /from=(\d+)&to=(\d+)/.exec(location.hash) ?? [];
    return new Date(Number(from)).getHours() === 0 && new Date(Number(to)).getHours() === 0 && Number(to) <= Date.now();
  });
  await page.waitForFunction(() => document.querySelector(".busy.is-busy") === null);
  const before = /from=(\d+)/.exec(page.url())[1];
  const box = await page.locator("#panel-cpu .u-over").boundingBox();
  await page.keyboard.down("Shift");
  await page.mouse.move(box.x + 60, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 160, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await page.waitForFunction((from) => Number(/from=(\d+)/.exec(location.hash)[1]) < Number(from), before);
});

view("ranges: in words", {}, { hash: "#/host/web1?range=15m" }, async (page) => {
  await page.waitForSelector("#panel-cpu canvas");
  await page.locator("summary", { hasText: "From" }).click();
  await page.getByLabel("In words").fill("some day");
  await page.keyboard.press("Enter");
  await page.getByText("Not understood.").waitFor();
  await page.getByLabel("In words").fill("yesterday 14:00–15:30");
  await page.getByText(/ 14:00:00 – 15:30:00 \(1 h 30 min\)/).waitFor();
  await checkAccessibility(page);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => {
    const [, from, to] = /from=(\d+)&to=(\d+)/.exec(location.hash) ?? [];
    return new Date(Number(from)).getHours() === 14 && to - from === 5_400_000;
  });
});

view("charts: full screen, a table of values, CSV, picture, and the query in Explore", {}, { hash: "#/host/web1?range=1h" }, async (page, mock) => {
  await page.waitForSelector("#panel-load canvas");
  await page.hover("#panel-load .chart");
  await page.keyboard.press("f");
  await page.waitForSelector("#panel-load.is-full");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#panel-load.is-full", { state: "detached" });
  const menu = page.locator("#panel-load summary");
  const choose = async (name) => {
    await menu.click();
    await page.locator("#panel-load").getByRole("menuitem", { name }).click();
  };
  await choose("Legends as tables");
  await page.locator("#panel-load .legend-head").getByText("max").waitFor();
  assert.match(await page.locator("#panel-load .legend li").nth(1).innerText(), /1 min\s+[\d.]+(\s+[\d.]+){4}/);
  await checkAccessibility(page);
  await page.keyboard.press("Escape");
  for (const [name, begin] of [["Save as CSV", /^time,1 min,5 min,15 min,CPUs\r\n\d{4}-/], ["Save as PNG", /^\u0089PNG/]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), choose(name)]);
    assert.match(await readFile(await download.path(), "latin1"), begin);
    await page.keyboard.press("Escape");
  }
  await choose("Open in Explore");
  await page.getByRole("heading", { name: "Explore" }).waitFor();
  await page.waitForSelector("#panel-result canvas");
  assert.match(await page.locator("#query").inputValue(), /FROM "system" WHERE "host" = 'web1'/);
});

view("charts: the menu by keys alone, and f for the chart that has the focus", {}, { hash: "#/host/web1?range=1h" }, async (page) => {
  await page.waitForSelector("#panel-load canvas");
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  const menu = page.locator("#panel-load summary");
  await menu.focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.activeElement.getAttribute("role") === "menuitem");
  assert.match(await focused(), /^Full screen/);
  await checkAccessibility(page);
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "Open in Explore", "the first follows the last");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "Legends as tables");
  await page.keyboard.press("End");
  assert.equal(await focused(), "Open in Explore");
  await page.keyboard.press("s");
  assert.equal(await focused(), "Save as PNG");
  await page.keyboard.press("s");
  assert.equal(await focused(), "Save as CSV");
  await page.keyboard.press("Escape");
  assert.ok(await menu.evaluate((one) => one === document.activeElement && !one.parentElement.open));
  await page.keyboard.press("ArrowUp");
  await page.waitForFunction(() => document.activeElement.textContent === "Open in Explore");
  await page.keyboard.press("Tab");
  await page.locator(".menu-body").waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => document.activeElement.closest("#panel-load") !== null && document.activeElement.tagName !== "SUMMARY"));
  // The pointer rests on another chart.
  await page.hover("#panel-cpu .chart");
  await page.keyboard.press("f");
  await page.waitForSelector("#panel-load.is-full");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#panel-load.is-full", { state: "detached" });
  // Help begins with the keys of the view that is shown.
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  assert.deepEqual(await page.locator("dialog.help h3").allInnerTexts(), ["Host", "Everywhere"]);
});

view("a long range has peaks and bands, and every mount a forecast", {}, { hash: "#/host/web1?range=24h" }, async (page, mock) => {
  await page.waitForSelector("#panel-cpu canvas");
  await page.locator("#panel-cpu .legend-label", { hasText: "peak" }).waitFor();
  assert.ok(mock.queries.some((text) => text.includes('min("load1") AS "load1 low"')));
  assert.ok(mock.queries.some((text) => text.includes('max("received") AS "received high"')));
  await page.waitForSelector(".disks tbody tr");
  assert.ok((await page.locator(".disks tbody tr").count()) >= 2);
});

// Each theme and each width once: colours do not depend on the width.
for (const [scheme, kind, width, height] of [["light", "wide", 1280, 860], ["dark", "phone", 390, 844]]) {
  view(`axe-core and width: ${scheme}, ${kind}`, { canned: (query) => (query.includes('"grew"') ? kFilled : undefined), sinks: [kSink] },
    { scheme, width, height, hash: "#/compare?host=web1&host=db1" }, async (page, mock) => {
      const look = async (name) => {
        await shot(page, `${name}-${scheme}-${kind}`);
        await checkAccessibility(page);
        assert.ok((await overflow(page)) <= 0, `${name} is wider than the window`);
      };
      await page.waitForSelector("#panel-cpu canvas");
      await look("compare");
      await page.goto(`${mock.url}/#/explore`);
      await page.getByRole("button", { name: "Which disk filled up yesterday?" }).click();
      await page.waitForSelector("table.plain tbody tr");
      await look("explore");
      await page.goto(`${mock.url}/#/server`);
      await page.getByText("started version=0.1.0").waitFor();
      await look("server");
      await page.goto(`${mock.url}/#/?view=heat&group=site`);
      await page.waitForSelector(".tile");
      await look("groups");
    });
}

// What each view needs until there is all of it to see, and what can be opened over it.
const kLooks = [
  ["#/", "tr.host-row", (page) => page.locator("summary", { hasText: "Filter" }).click()],
  ["#/?group=site", "tr.group-row", (page) => page.keyboard.press("?")],
  ["#/?view=heat&group=site", ".tile"],
  ["#/", "tr.host-row", (page) => page.getByRole("button", { name: "Add a machine…" }).click()],
  ["#/host/web1?range=15m", "#panel-files canvas", (page) => page.locator("summary", { hasText: "From – to" }).click()],
  ["#/host/web1?range=15m", "#panel-files canvas", (page) => page.getByRole("button", { name: "Edit…" }).click()],
  ["#/host/web1?range=15m", "#panel-files canvas", (page) => page.getByRole("button", { name: "Annotate…" }).click()],
  [`#/host/web1?from=${Date.now() - 7_200_000}&to=${Date.now() - 3_600_000}`, ".facts.is-past a"],
  ["#/compare?host=web1&host=db1", "#panel-cpu canvas"],
  ["#/compare", ".picked"],
  ["#/explore", ".examples button", (page) => page.getByRole("button", { name: "Which disk filled up yesterday?" }).click()],
  ["#/logs?range=1h", ".log-row", (page) => page.locator(".log-row").nth(2).click()],
  ["#/logs?show=patterns", ".log-patterns tbody tr"],
  ["#/alerts", '[aria-label="Rules"] tbody tr', (page) => page.getByRole("button", { name: /^Edit / }).first().click()],
  ["#/server", "main:has(.log-line) .panels.is-small canvas"],
  ["#/settings", ".thresholds"],
  ["#/access", '[aria-label="List of users"] tbody tr'],
];

const kOpened = "dialog[open], details[open] .menu-body, section[aria-label=Result], .log-detail, .rule-editor";

for (const scheme of ["dark", "light"]) {
  test(`every view, and what opens over it, without any finding of axe-core: ${scheme}`, { timeout: 2 * kTestMs }, async () => {
    const mock = await startMock({ names: defaultNames(8), people: kPeople, sinks: [kSink], logLines: 500, alerts: true,
      canned: (query) => (query.includes('"grew"') ? kFilled : undefined) });
    const { page, context } = await open(browser, mock.url, { scheme, expected: /./ });
    try {
      await page.locator("#user").fill("admin");
      await checkAccessibility(page);
      await page.locator("#password").fill(kPeople.admin.password);
      await page.keyboard.press("Enter");
      await page.waitForSelector("tr.host-row");
      for (const [hash, ready, over] of kLooks) {
        await page.goto("about:blank");
        await page.goto(`${mock.url}/${hash}`);
        await page.locator(ready).first().waitFor();
        await checkAccessibility(page, hash);
        if (over === undefined) continue;
        await over(page);
        await page.locator(kOpened).first().waitFor();
        await checkAccessibility(page, `${hash}, opened`);
      }
    } finally {
      await context.close();
      await mock.close();
    }
  });
}

// Timers that run, which no browser counts.
function countTimers() {
  const running = new Map();
  globalThis.runningTimers = () => [...running.values()];
  for (const [set, clear, once] of [["setTimeout", "clearTimeout", true], ["setInterval", "clearInterval", false]]) {
    const [ownSet, ownClear] = [globalThis[set].bind(globalThis), globalThis[clear].bind(globalThis)];
    globalThis[set] = (run, delay, ...rest) => {
      const id = ownSet((...given) => {
        if (once) running.delete(id);
        run(...given);
      }, delay, ...rest);
      running.set(id, `${String(run).slice(0, 60)} in ${delay} ms`);
      return id;
    };
    globalThis[clear] = (id) => {
      running.delete(id);
      ownClear(id);
    };
  }
}

// All of a page that a view can leave behind. `guest`: the host that went last. Until something else happens, what was drawn last has the fleet
// as it was then, with the guest or without; a guest that stays longer counts in the next round.
async function leftBehind(session, guest) {
  await session.send("HeapProfiler.collectGarbage");
  const evaluate = async (expression) => (await session.send("Runtime.evaluate", { expression })).result;
  const sumOf = async (kind, each) => {
    const { objectId } = await evaluate(`${kind}.prototype`);
    const { objects } = await session.send("Runtime.queryObjects", { prototypeObjectId: objectId, objectGroup: "counted" });
    const { result } = await session.send("Runtime.callFunctionOn", {
      functionDeclaration: `function () { return this.reduce((sum, one) => sum + (${each}), 0); }`, objectId: objects.objectId, returnByValue: true,
    });
    await session.send("Runtime.releaseObjectGroup", { objectGroup: "counted" });
    return result.value;
  };
  const { metrics } = await session.send("Performance.getMetrics");
  const metric = (name) => metrics.find((one) => one.name === name).value;
  return {
    elements: metric("Nodes"), listeners: metric("JSEventListeners"), timers: (await evaluate("runningTimers().length")).value,
    observers: await sumOf("ResizeObserver", "1") + await sumOf("IntersectionObserver", "1"), sockets: await sumOf("WebSocket", "Number(one.readyState < 2)"),
    canvases: await sumOf("HTMLCanvasElement", "1"),
    // Tables by time have as many entries as the time that they are about.
    entries: await sumOf("Map", `[...one.keys()].filter((key) => typeof key !== "number" && !(typeof key === "string" && key.includes("${guest}"))).length`) + await sumOf("Set", "one.size"),
  };
}

test("a view that is left leaves nothing behind: five rounds through all of them are as three, or seven as five", { timeout: 4 * kTestMs }, async () => {
  const mock = await startMock({ names: defaultNames(8), people: kPeople, sinks: [kSink], logLines: 500, alerts: true,
    canned: (query) => (query.includes('"grew"') ? kFilled : undefined) });
  const { page, context } = await open(browser, "about:blank", { expected: /./ });
  try {
    await page.addInitScript(countTimers);
    await page.goto(mock.url);
    await page.locator("#user").fill("admin");
    await page.locator("#password").fill(kPeople.admin.password);
    await page.keyboard.press("Enter");
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    await session.send("HeapProfiler.enable");
    // Hosts come and go, and the server is away now and then: of those that are gone meanwhile nothing is kept.
    let guests = 0;
    // A locator's handle on an element would keep it.
    const shown = (selector) => page.waitForFunction((one) => document.querySelector(one) !== null, selector);
    const round = async () => {
      const guest = `guest${++guests}`;
      mock.addHost(guest);
      for (const [hash, ready, over] of kLooks) {
        // Two frames later the view before is gone, which may have the same elements.
        await page.evaluate((next) => new Promise((done) => {
          location.hash = next;
          requestAnimationFrame(() => requestAnimationFrame(done));
        }), hash);
        await shown(ready);
        if (over === undefined) continue;
        await over(page);
        await shown(kOpened);
        // What has just opened may not hear a key yet.
        const closed = (timeout) => page.waitForFunction(() => document.querySelector("dialog[open], details[open] .menu-body") === null, undefined, { timeout });
        for (let left = 5; left > 0; --left) {
          await page.keyboard.press("Escape");
          if (left === 1) await closed(kPatienceMs);
          else if (await closed(2000).then(() => true, () => false)) break;
        }
      }
      await page.evaluate(() => { location.hash = "#/"; });
      await shown("tr.host-row");
      if (guests % 2 === 0) mock.dropConnections();
      mock.removeHost(guest);
      mock.acceptAgain();
      await page.waitForFunction((name) => document.querySelector(`tr[data-host="${name}"]`) === null, guest);
      await shown(".connection-live");
    };
    // What is loaded when it is first needed is there after one; what a view asked for last comes in the next. Charts are made when there is time:
    // a view that was left before has them for the first time in a later round, and with them their widths and the colours of their names.
    await round();
    await round();
    // After a round of the same kind as the last one: what is mounted right after a lost connection is less.
    await round();
    let before = await leftBehind(session, `guest${guests}`);
    let picture = await takeHeap(session);
    // What is made late for the first time grows once, what is left behind grows each time.
    let suspects = Object.keys(before);
    for (let turn = 1; turn <= 2 && suspects.length > 0; ++turn) {
      for (let rounds = 0; rounds < 2; ++rounds) await round();
      // Questions that were under way end by themselves.
      let after = await leftBehind(session, `guest${guests}`);
      const more = () => suspects.filter((what) => after[what] > before[what]);
      for (const deadline = Date.now() + kPatienceMs; more().length > 0 && Date.now() < deadline; ) after = await leftBehind(session, `guest${guests}`);
      suspects = more();
      if (suspects.length === 0) break;
      const grown = await takeHeap(session);
      const told = () => `before: ${JSON.stringify(before)}\nafter: ${JSON.stringify(after)}\n${growthText(growthOf(picture, grown))}`;
      if (turn === 1) console.log(`# grew once: ${suspects.join(", ")}\n${told()}`.replaceAll("\n", "\n#   "));
      else assert.deepEqual(suspects, [], `${told()}\n${(await page.evaluate("runningTimers()")).join("\n")}`);
      [before, picture] = [after, grown];
    }
  } finally {
    await context.close();
    await mock.close();
  }
});

test("what grows in a heap is named, with what keeps it", { timeout: kTestMs }, async () => {
  const { page, context } = await open(browser, "about:blank");
  try {
    const session = await context.newCDPSession(page);
    await session.send("HeapProfiler.enable");
    await page.evaluate(() => {
      class Sample { constructor(value) { this.value = { value }; } }
      const kept = [];
      globalThis.keep = (count) => {
        for (let at = 0; at < count; ++at) kept.push(new Sample(at));
      };
      globalThis.table = new Map();
      globalThis.replace = () => { for (let at = 0; at < 1000; ++at) table.set(at, new Sample(at)); };
      keep(10);
      replace();
    });
    const before = await takeHeap(session);
    await page.evaluate(() => { keep(1000); replace(); });
    const { kinds, places, detached } = growthOf(before, await takeHeap(session));
    assert.equal(kinds.find(({ what }) => what === "Sample")?.count, 1000, JSON.stringify(kinds));
    assert.match(places[0].what, /\.kept > Array/);
    // A thousand were replaced. Notes of a few bytes are the engine's own.
    assert.ok(places.every(({ what, bytes }) => !what.includes("table") || bytes < 1000), JSON.stringify(places));
    assert.deepEqual(detached, [0, 0]);
  } finally {
    await context.close();
  }
});

// A picture of a heap, as the browser sends it: [id, name, [edge, id of its end]…] of each object, the root first.
function heapOf(objects) {
  const strings = [];
  const text = (one) => (strings.includes(one) ? strings.indexOf(one) : strings.push(one) - 1);
  const at = new Map(objects.map(([id], index) => [id, index]));
  const meta = { node_fields: ["type", "name", "id", "self_size", "edge_count"], node_types: [["object"]], edge_fields: ["type", "name_or_index", "to_node"], edge_types: [["property", "shortcut"]] };
  const nodes = objects.flatMap(([id, name, ...edges]) => [0, text(name), id, 100, edges.length]);
  const edges = objects.flatMap(([, , ...all]) => all.flatMap(([name, to]) => [0, text(name), at.get(to) * meta.node_fields.length]));
  const chunk = JSON.stringify({ snapshot: { meta }, nodes, edges, strings });
  return takeHeap({ on: (_, take) => take({ chunk }), off: () => undefined, send: () => Promise.resolve() });
}

test("what was replaced by as much has not grown, when another way leads to it meanwhile", async () => {
  const before = await heapOf([[1, "root", ["window", 3]], [3, "Window", ["table", 5]], [5, "Map", ["value", 7]], [7, "Sample"]]);
  // Code that runs has it in its hands.
  const after = await heapOf([[1, "root", ["window", 3], ["hand", 5]], [3, "Window", ["table", 5], ["fresh", 11]], [5, "Map", ["value", 9]], [9, "Sample"], [11, "Sample"]]);
  assert.deepEqual(growthOf(before, after).places, [{ what: "Window.fresh", count: 1, bytes: 100 }]);
});
