// The view of log lines, on web/mock in Debian's chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { defaultNames } from "../../web/mock/server.mjs";
import { checkAccessibility, launch, overflow, shot, viewTest } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const view = (name, logLines, viewOptions, body) =>
  viewTest(name, () => browser, { names: defaultNames(4), logLines }, { hash: "#/logs", ...viewOptions }, body);

const messages = (page) => page.locator(".log-list .log-message").allInnerTexts();
const firstMessage = (page, text) => page.locator(".log-list .log-row").first().getByText(text).waitFor();

view("logs: lines, histogram and values; search is part of the link", 2000, {}, async (page) => {
  await page.waitForSelector(".log-list .log-row");
  assert.match((await messages(page))[0], /line number 0 of the log/);
  await page.waitForSelector("rect.severity-error");
  await page.locator(".log-facets button", { hasText: "sshd" }).click();
  await page.waitForFunction(() => /q=unit%3Asshd/.test(location.hash));
  await page.waitForFunction(() => [...document.querySelectorAll(".log-list .log-unit")].every((cell) => cell.textContent === "sshd"));
  await page.locator(".log-facets button[aria-pressed=true]").click();
  await page.waitForFunction(() => !location.hash.includes("q="));
  await page.keyboard.press("/");
  await page.keyboard.type("number 7");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /q=number\+7/.test(location.hash));
  await firstMessage(page, "line number 7 of the log");
  await checkAccessibility(page);
  await shot(page, "logs");
});

view("logs: an error names its place, and an empty answer says how lines come", 0, {}, async (page, mock, opened) => {
  await page.getByText("No line matches in this range.").waitFor();
  opened.faults.length = 0;
  await page.keyboard.press("/");
  await page.keyboard.type("(x");
  await page.keyboard.press("Enter");
  await page.getByText("the '(' is not closed, at character 1").waitFor();
  opened.faults.length = 0;  // the browser notes the refusal
});

view("logs: a line opens to its fields and its context, and a field narrows the search", 500, {}, async (page) => {
  await page.locator(".log-list .log-row").first().click();
  const detail = page.locator(".log-detail");
  await detail.getByText("line number 0 of the log").waitFor();
  const allSeen = () => page.waitForFunction(() => {
    const { top, bottom } = document.querySelector(".log-detail").getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  await allSeen();
  await detail.getByRole("button", { name: "Context" }).click();
  await page.waitForSelector(".log-context .log-row.is-chosen");
  await allSeen();
  await checkAccessibility(page);
  await detail.getByRole("button", { name: "Only user root" }).click();
  await page.waitForFunction(() => /user/.test(location.hash));
  await page.waitForFunction(() => document.querySelectorAll(".log-list .log-row").length > 0);
});

view("logs: a hundred thousand lines scroll, with a screenful of them on the page", 100_000, { hash: "#/logs?range=24h" }, async (page) => {
  await page.waitForSelector(".log-list .log-row");
  const list = page.locator(".log-list");
  for (let turn = 0; turn < 120; ++turn) {
    const height = await list.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
      return element.scrollHeight;
    });
    if (height >= 99_000 * 21) break;
    await page.waitForFunction((old) => document.querySelector(".log-list").scrollHeight > old, height);
  }
  await page.locator(".log-list .log-message", { hasText: "line number 99999 of the log" }).waitFor();
  assert.ok((await page.locator(".log-list .log-row").count()) < 150);
  const slowest = await list.evaluate(async (element) => {
    let worst = 0;
    for (let turn = 0; turn < 30; ++turn) {
      const begin = performance.now();
      element.scrollTop = turn * 60_000;
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      worst = Math.max(worst, performance.now() - begin);
    }
    return worst;
  });
  assert.ok(slowest < 2000, `a jump took ${slowest} ms`);
});

view("logs: live lines come on top, and wait while it is paused", 100, {}, async (page, mock) => {
  await page.waitForSelector(".log-list .log-row");
  await page.getByRole("button", { name: "Follow" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  const line = (message) => ({ time: new Date().toISOString(), host: "web1", source: "system", level: "error", unit: "sshd", message });
  const until = async (found) => {
    while (!(await found())) {
      mock.addLines([]);  // until the page's connection is there
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  let sent = 0;
  await until(async () => {
    if (sent < 200) mock.addLines([line(`fresh ${sent++}`)]);
    return (await messages(page))[0]?.startsWith("fresh");
  });
  await page.getByRole("button", { name: "Pause" }).click();
  mock.addLines([line("while paused")]);
  await page.getByRole("button", { name: "Go on (1 new)" }).click();
  await firstMessage(page, "while paused");
});

view("logs: what came while the connection was away is there after it", 100, {}, async (page, mock, opened) => {
  await page.waitForSelector(".log-list .log-row");
  await page.getByRole("button", { name: "Follow" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  const line = (message) => ({ time: new Date().toISOString(), host: "web1", source: "system", level: "error", unit: "sshd", message });
  await firstMessage(page, "line number 0 of the log");
  for (const pause of [false, true]) {
    if (pause) await page.getByRole("button", { name: "Pause" }).click();
    mock.dropConnections();
    await page.getByText("the connection was lost; trying again").waitFor();
    mock.addLines([line(`while away, ${pause ? "second" : "first"}`)]);
    mock.acceptAgain();
    await page.getByText("the connection was lost; trying again").waitFor({ state: "detached" });
    if (pause) await page.getByRole("button", { name: "Go on" }).click();
    await firstMessage(page, `while away, ${pause ? "second" : "first"}`);
  }
  assert.equal((await messages(page)).filter((text) => text.startsWith("while away")).length, 2);
  opened.faults.length = 0;  // requests that failed meanwhile
});

view("logs: patterns, and nothing sticks out on a phone", 300, { hash: "#/logs?show=patterns", width: 390 }, async (page) => {
  await page.getByText("line number <*> of the log").waitFor();
  assert.ok((await overflow(page)) <= 0);
  await page.getByRole("button", { name: "Lines", exact: true }).click();
  await page.waitForSelector(".log-list .log-row");
  assert.ok((await overflow(page)) <= 0);
});

view("logs: the search completes names and values", 500, {}, async (page) => {
  await page.waitForSelector(".log-facets button");
  await page.keyboard.press("/");
  await page.keyboard.type("number un");
  await page.locator(".log-completions .completion", { hasText: "unit:" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("ss");
  await page.locator(".log-completions .completion", { hasText: "sshd" }).waitFor();
  await checkAccessibility(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /q=number\+unit%3Asshd/.test(location.hash));
  await page.waitForFunction(() => document.querySelector(".log-completions") === null);
});

view("logs: all lines of a search come as a file", 7000, { hash: "#/logs?q=unit:nginx&range=1h" }, async (page) => {
  await page.waitForSelector(".log-list .log-row");
  const waits = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const download = await waits;
  assert.match(download.suggestedFilename(), /^logs-\d{4}-.*\.log$/);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 1750);
  assert.match(lines[0], / \w+ nginx\[\d+\] \w+ line number 1 of the log$/);
});

view("a host's charts show where its log has errors", 2000, { hash: "#/host/web1?range=15m" }, async (page) => {
  await page.locator("#section-logs .log-row").first().waitFor();
  const chart = page.locator(".panel .chart").first();
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width - 3, box.y + 40);
  await page.locator(".panel-clock", { hasText: /errors? in the log/ }).first().waitFor();
  await shot(page, "host-error-marks");
});

view("a host's page shows its lines and leads to those of a dragged range", 2000, { hash: "#/host/web1?range=15m" }, async (page) => {
  const section = page.locator("#section-logs");
  await section.locator(".log-row").first().waitFor();
  await page.keyboard.press("l");
  await page.waitForFunction(() => location.hash.startsWith("#/logs?q=host%3Aweb1"));
  await page.goBack();
  await section.locator("svg").scrollIntoViewIfNeeded();
  const box = await section.locator("svg").boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.99, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.getByRole("link", { name: "Logs of this range" }).click();
  await page.waitForFunction(() => /^#\/logs\?q=host%3Aweb1&from=\d+&to=\d+/.test(location.hash));
  await page.waitForSelector(".log-list .log-row");
});
