// What uses a machine and what its hardware says, on the page: with the real programs and machines that do not exist.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { kPatienceMs, checkAccessibility, kTestMs, launch, open, overflow, shot } from "./browser.mjs";
import { programsAreBuilt, startPrograms, until } from "./programs.mjs";

let browser;
let programs;

before(async () => {
  if (!programsAreBuilt) return;
  browser = await launch();
  programs = await startPrograms({ settings: { "http.processes": "readers" } });
  programs.startLoad(4, "1s", { seed: 3 });
  await until("services are known", async () => (await programs.query('SELECT last("active_code") FROM "systemd_units"')).length > 0);
});

after(async () => {
  await browser?.close();
  await programs?.close();
});

function hardwareTest(name, hash, options, body) {
  test(name, { timeout: kTestMs, skip: !programsAreBuilt }, async () => {
    const view = await open(browser, `${programs.url}/#${hash}`, options);
    try {
      await body(view.page, view);
      assert.deepEqual(view.faults, []);
    } finally {
      await view.context.close();
    }
  });
}

const tableOf = (page, label) => page.getByRole("region", { name: label, exact: true });
const names = (table) => table.locator("tbody tr:not(.opened) > th").evaluateAll((cells) => cells.map((cell) => cell.innerText.trim().split("\n")[0]));

hardwareTest("tables are sorted by any column, searched, and a row opens its own charts", "/host/sim-1?range=5m", {}, async (page) => {
  const table = tableOf(page, "Processes");
  await table.waitFor();
  const byCpu = await names(table);
  assert.ok(byCpu.length > 6);
  await table.getByRole("button", { name: "Processes" }).click();
  const sorted = await names(table);
  assert.notDeepEqual(sorted, byCpu);
  assert.match(await table.getByRole("columnheader", { name: /^Processes/ }).getAttribute("aria-sort"), /scending$/);
  await table.getByRole("searchbox").fill("nginx");
  await page.waitForFunction(() => document.querySelectorAll('[aria-label="Processes"] tbody tr').length === 1);
  await table.getByRole("button", { name: "nginx" }).click();
  await table.locator(".row-charts canvas").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('[aria-label="Processes"] .row-charts .panel').length === 3);
  await table.getByRole("button", { name: "nginx" }).click();
  assert.equal(await table.locator(".row-charts").count(), 0);
});

hardwareTest("containers and services tell their states", "/host/sim-1?range=5m", {}, async (page) => {
  const containers = tableOf(page, "Containers");
  await containers.waitFor();
  assert.match(await containers.innerText(), /healthy/);
  assert.match(await containers.innerText(), /opensearch/);
  await containers.getByRole("button", { name: "search" }).click();
  await containers.locator(".row-charts canvas").first().waitFor();
  assert.match(await tableOf(page, "Services").innerText(), /running/);
});

hardwareTest("hardware is told in words, what is broken first", "/host/sim-1?range=5m", {}, async (page) => {
  const hardware = tableOf(page, "Health");
  await hardware.waitFor();
  const states = await hardware.locator("tbody tr").allInnerTexts();
  assert.ok(states.some((text) => /md0/.test(text) && /disks/.test(text)), states.join("\n"));
  assert.ok(states.some((text) => /synchronised/.test(text)));
  const rank = (text) => ["degraded", "failing", "ageing", "not synchronised"].some((word) => text.includes(word)) ? 0 : 1;
  const ranks = states.map(rank);
  assert.deepEqual(ranks, ranks.slice().sort());
  assert.match(await tableOf(page, "Sensors").innerText(), /°C/);
  await page.waitForSelector("#panel-fans canvas");
});

hardwareTest("the fleet is searched by what hosts are, and a pointer on the CPU tells what uses it", "/", {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  await page.locator(".search input").fill("os:debian kernel<7");
  await page.waitForFunction(() => document.querySelectorAll("tr.host-row").length > 0);
  await page.locator(".search input").fill("kernel>7");
  await page.getByText("No host matches").waitFor();
  await page.locator(".search input").fill("");
  await page.locator("tr.host-row td.col-cpu").first().hover();
  const hint = page.getByRole("tooltip");
  await hint.waitFor({ timeout: kPatienceMs });
  assert.match(await hint.innerText(), /What uses sim-\d[\s\S]*%/);
});

hardwareTest("processes of now are asked from the host while they are shown", "/host/real?range=5m", {}, async (page) => {
  const client = programs.startClient("real", "1s");
  try {
    await page.getByRole("button", { name: "Show all processes of now" }).waitFor({ timeout: kPatienceMs });
    await until("the client is connected", async () => (await (await fetch(`${programs.url}/api/v1/hosts`)).json()).hosts.some((host) => host.host === "real" && host.connected));
    await page.getByRole("button", { name: "Show all processes of now" }).click();
    const table = tableOf(page, "Processes now");
    await table.waitFor({ timeout: kPatienceMs });
    await table.getByRole("searchbox").fill("resmon-client");
    await page.waitForFunction(() => [...document.querySelectorAll('[aria-label="Processes now"] tbody th')].some((cell) => cell.innerText.includes("resmon-client")));
    const asked = [];
    page.on("request", (request) => request.url().endsWith("/processes") && asked.push(request.url()));
    await page.getByRole("button", { name: "Hide the processes of now" }).click();
    await page.waitForTimeout(4000);
    assert.ok(asked.length <= 1, "nobody looks, so nobody asks");
  } finally {
    client.kill();
    await client.gone;
  }
});

for (const [width, scheme] of [[390, "light"], [1280, "dark"], [1280, "light"], [390, "dark"]]) {
  hardwareTest(`tables fit ${width} px, ${scheme}, and are accessible`, "/host/sim-1?range=5m", { width, scheme }, async (page) => {
    await tableOf(page, "Health").waitFor();
    await tableOf(page, "Services").waitFor();
    await tableOf(page, "Services").getByRole("button", { name: "nginx.service" }).click();
    await page.waitForSelector(".row-charts canvas");
    assert.ok((await overflow(page)) <= 0);
    await checkAccessibility(page);
    await tableOf(page, "Containers").scrollIntoViewIfNeeded();
    await shot(page, `host-use-${width}-${scheme}`);
    await tableOf(page, "Health").scrollIntoViewIfNeeded();
    await shot(page, `host-hardware-${width}-${scheme}`);
  });
}
