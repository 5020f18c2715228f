// The page on a real InfluxDB: the host view's own queries, answered by Debian's influxd from data in Telegraf's schema. It shows
// that nothing the page asks is a dialect of resmon's store. Skipped, and said so, where influxd is not installed.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startMock } from "../../web/mock/server.mjs";
import { lines } from "../../web/mock/lines.mjs";
import { rate } from "../../web/mock/values.mjs";
import { hasInk, kPatienceMs, kTestMs, launch, open, shot } from "./browser.mjs";
import { freePort } from "./programs.mjs";

const missing = spawnSync("influxd", ["version"]).error !== undefined;

async function startInflux() {
  const folder = await mkdtemp(path.join(tmpdir(), "resmon-influx-"));
  const [rpc, http] = [await freePort(), await freePort()];
  const child = spawn("influxd", ["run", "-config", "/dev/null"], {
    stdio: "ignore",
    env: {
      ...process.env, INFLUXDB_REPORTING_DISABLED: "true", INFLUXDB_BIND_ADDRESS: `127.0.0.1:${rpc}`,
      INFLUXDB_META_DIR: `${folder}/meta`, INFLUXDB_DATA_DIR: `${folder}/data`, INFLUXDB_DATA_WAL_DIR: `${folder}/wal`,
      INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${http}`, INFLUXDB_MONITOR_STORE_ENABLED: "false", INFLUXDB_HTTP_LOG_ENABLED: "false",
    },
  });
  const url = `http://127.0.0.1:${http}`;
  for (const deadline = Date.now() + kPatienceMs; ; ) {
    if (await fetch(`${url}/ping`).then((answer) => answer.ok, () => false)) break;
    assert.ok(Date.now() < deadline && child.exitCode === null, "influxd did not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test("every chart of the host view on Debian's influxd", { skip: missing && "influxd is not installed", timeout: kTestMs }, async () => {
  const host = "it's \"one\", a=b\\c";
  const influx = await startInflux();
  let mock = null;
  let browser = null;
  try {
    mock = await startMock({ names: [host], upstream: influx.url });
    browser = await launch();
    const created = await fetch(`${influx.url}/query`, { method: "POST", body: new URLSearchParams({ q: 'CREATE DATABASE "resmon"' }) });
    assert.equal(created.status, 200);
    const written = await fetch(`${influx.url}/write?db=resmon&precision=ms`, { method: "POST", body: [...lines(host, Date.now() - 900_000, Date.now(), 5000)].join("\n") });
    assert.equal(written.status, 204, await written.text());
    const view = await open(browser, `${mock.url}/#/host/${encodeURIComponent(host)}?range=15m`);
    await view.page.waitForSelector("#panel-files canvas");
    // The panels come one after another, the most costly last.
    await view.page.waitForFunction(() => ![...document.querySelectorAll(".panel-blank")].some((one) => one.textContent.includes("Loading")));
    const panels = await view.page.locator("article.panel").evaluateAll((all) => all.map((one) => one.id.replace("panel-", "")));
    for (const panel of panels) {
      const blank = view.page.locator(`#panel-${panel} .panel-blank, #panel-${panel}.is-blank`);
      if (/^(swap|swap-traffic|network-errors)$/.test(panel) && (await blank.count()) > 0) continue;
      assert.equal(await blank.count(), 0, `${panel}: ${await blank.allInnerTexts()}`);
      assert.ok(await hasInk(view.page, panel), panel);
    }
    // A counter's rate must be the rate that was written, not merely a line.
    const told = await view.page.locator("#panel-forks .legend-value").innerText();
    const now = Math.floor(Date.now() / 5000) * 5000;
    const around = [-10, -5, 0].map((back) => rate(host, "kernel", { host }, "processes_forked", now + back * 1000));
    assert.ok(Number.parseFloat(told) >= Math.min(...around) - 1.5 && Number.parseFloat(told) <= Math.max(...around) + 1.5,
      `${told} for ${around.map((one) => one.toFixed(1))}`);
    await shot(view.page, "host-on-influxdb", { fullPage: true });
    // The table of file systems asks in its own words, and so do the questions of the explore view.
    await view.page.waitForSelector(".disks tbody tr");
    await view.page.goto(`${mock.url}/#/explore`);
    const questions = view.page.getByRole("group", { name: "Questions" }).getByRole("button");
    for (let index = 0; index < (await questions.count()); ++index) {
      const title = await questions.nth(index).innerText();
      await questions.nth(index).click();
      await view.page.locator('section[aria-label="Result"], .empty').first().waitFor();
      assert.equal(await view.page.locator("p.error-text:not(:empty)").count(), 0, title);
    }
    await view.page.goto(`${mock.url}/#/compare?host=${encodeURIComponent(host)}&range=15m`);
    await view.page.waitForSelector("#panel-received canvas");
    assert.ok(await hasInk(view.page, "received"));
    assert.deepEqual(view.faults, []);
  } finally {
    await browser?.close();
    await mock?.close();
    await influx.stop();
  }
});
