// The view of alerts, on web/mock in Debian's chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { defaultNames, startMock } from "../../web/mock/server.mjs";
import { checkAccessibility, kTestMs, launch, open, overflow, shot } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

function view(name, alerts, viewOptions, body) {
  test(name, { timeout: kTestMs }, async () => {
    const mock = await startMock({ names: defaultNames(4), alerts });
    const opened = await open(browser, `${mock.url}/${viewOptions.hash ?? "#/alerts"}`, viewOptions);
    try {
      await body(opened.page, mock, opened);
      assert.deepEqual(opened.faults, []);
    } finally {
      await opened.context.close();
      await mock.close();
    }
  });
}

const firing = (page) => page.locator("table", { hasText: "Now" }).first().locator("tbody tr");
const cells = async (page, row) => (await firing(page).nth(row).locator("td").allInnerTexts()).map((text) => text.trim());

view("alerts: what fires, worst first, and the badge counts it on every view", true, {}, async (page, mock) => {
  const [first, second] = mock.alerts.alerts.map((one) => one.host);
  await firing(page).first().waitFor();
  assert.deepEqual((await cells(page, 0)).slice(0, 5), ["critical", `${first} path=/var`, "disk-full", "96.1 % (>= 95 %)", "firing"]);
  assert.match((await cells(page, 0))[5], /^1\d min/);
  assert.deepEqual((await cells(page, 1)).slice(0, 5), ["warning", second, "memory-pressure", "24 % (> 20 %)", "firing"]);
  assert.equal((await cells(page, 2))[4], "pending");
  await page.waitForFunction(() => document.title.startsWith("(2) Alerts"));
  assert.match(await page.locator("nav.places .badge").innerText(), /2$/);
  await page.getByText("disk.used_percent >= 95").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.waitForFunction(() => document.title.startsWith("(2) Fleet"));
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await firing(page).first().waitFor();
  await checkAccessibility(page);
  await shot(page, "alerts");
});

view("alerts: acknowledge and silence, and end the silence", true, {}, async (page, mock) => {
  const [first, second] = mock.alerts.alerts.map((one) => one.host);
  await page.getByRole("button", { name: `Acknowledge disk-full on ${first} path=/var` }).click();
  await page.getByText("acknowledged by admin").waitFor();
  await page.waitForFunction(() => document.title.startsWith("(1) Alerts"));
  assert.equal(mock.alerts.alerts[0].acknowledged_by, "admin");
  await page.getByRole("button", { name: `Silence 2 h: memory-pressure on ${second}` }).click();
  await page.waitForFunction(() => document.title.startsWith("Alerts"));
  assert.equal(await page.locator("nav.places .badge").count(), 0);
  assert.equal((await cells(page, 1))[4], "silenced");
  await page.getByRole("button", { name: `End the silence of ${second}` }).click();
  await page.waitForFunction(() => document.title.startsWith("(1) Alerts"));
  assert.equal(mock.alerts.silences[0].active, false);
});

view("alerts: a silence from the form, its error, and a test message", true, { expected: /400/ }, async (page, mock) => {
  const form = page.getByRole("region", { name: "Silences" });
  await form.getByLabel("Hosts").fill("site:north");
  await form.getByLabel("For").fill("soon");
  await form.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByText("for is how long").waitFor();
  await form.getByLabel("Hosts").fill("site:north");
  await form.getByLabel("For").fill("3h");
  await form.getByLabel("Reason").fill("new switch");
  await form.getByRole("button", { name: "Silence", exact: true }).click();
  await form.getByText(/^site:north, rule \*, until .*, by admin: new switch$/).waitFor();
  await page.getByRole("button", { name: "Send a test message to phone" }).click();
  for (; mock.alerts.tested.length === 0;) await page.waitForTimeout(20);
  assert.deepEqual(mock.alerts.tested, ["phone"]);
});

view("alerts: where nothing fires and nobody is told", false, {}, async (page) => {
  await page.getByText("Nothing fires.").waitFor();
  await page.getByText("No channel is configured").waitFor();
  assert.equal(await page.locator("nav.places .badge").count(), 0);
  assert.equal(await page.title(), "Alerts · resmon");
});

view("alerts: at phone width, light", true, { scheme: "light", width: 390 }, async (page) => {
  await firing(page).first().waitFor();
  assert.ok((await overflow(page)) <= 0);
  await checkAccessibility(page);
  await shot(page, "alerts-phone");
});
