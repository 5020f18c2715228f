// The view of alerts, on web/mock in Debian's chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { defaultNames, startMock } from "../../web/mock/server.mjs";
import { checkAccessibility, kTestMs, launch, open, overflow, shot, viewTest } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const view = (name, alerts, viewOptions, body) =>
  viewTest(name, () => browser, { names: defaultNames(4), alerts }, { hash: "#/alerts", ...viewOptions }, body);

const firing = (page) => page.locator("table", { hasText: "Now" }).first().locator("tbody tr");
const cells = async (page, row) => (await firing(page).nth(row).locator("td").allInnerTexts()).map((text) => text.trim());

view("alerts: what fires, worst first, and the badge counts it on every view", true, {}, async (page, mock) => {
  const [first, second] = mock.alerts.alerts.map((one) => one.host);
  await firing(page).first().waitFor();
  assert.deepEqual((await cells(page, 0)).slice(0, 5), ["critical", `${first} path=/var`, "disk-full", "96.1 % (>= 95 %)", "firing"]);
  assert.match((await cells(page, 0))[5], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d for 1\d min/);
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
  const badge = (count) => page.waitForFunction((wanted) => (document.querySelector("nav.places .badge")?.lastChild.textContent ?? "0") === wanted, count);
  await badge("1");
  assert.equal(mock.alerts.alerts[0].acknowledged_by, "admin");
  await page.getByRole("button", { name: `Silence 2 h: memory-pressure on ${second}` }).click();
  await badge("0");
  assert.equal((await cells(page, 1))[4], "silenced");
  await page.getByRole("button", { name: `End the silence of ${second}` }).click();
  await badge("1");
  assert.equal(mock.alerts.silences[0].active, false);
});

view("alerts: a silence from the form, its error, and a test message", true, { expected: /400/ }, async (page, mock) => {
  const form = page.getByRole("region", { name: "Silences" });
  await form.getByLabel("Hosts").fill("site:north");
  await form.getByLabel("For").fill("soon");
  await form.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByText("for must be a duration").waitFor();
  await form.getByLabel("Hosts").fill("site:north");
  await form.getByLabel("For").fill("3h");
  await form.getByLabel("Reason").fill("new switch");
  await form.getByRole("button", { name: "Silence", exact: true }).click();
  await form.getByText(/^until .* · admin · new switch$/).waitFor();
  await page.getByRole("button", { name: "Send a test message to phone" }).click();
  for (; mock.alerts.tested.length === 0;) await page.waitForTimeout(20);
  assert.deepEqual(mock.alerts.tested, ["phone"]);
});

view("alerts: where nothing fires and nobody is told", false, {}, async (page) => {
  await page.getByText("No alert fires.").waitFor();
  await page.getByText("No channel is configured").waitFor();
  await page.getByText("No alert has fired yet.").waitFor();
  assert.equal(await page.locator("nav.places .badge").count(), 0);
  assert.equal(await page.title(), "Alerts · resmon");
});

viewTest("alerts: where nothing fires, hosts that are in trouble all the same lead to the fleet", () => browser, { names: defaultNames(8) }, { hash: "#/alerts" }, async (page) => {
  await page.getByRole("link", { name: "1 host is down." }).waitFor();
  await page.evaluate(() => localStorage.setItem("resmon.settings", JSON.stringify({ thresholds: { memory: { raised: 1, high: 1 } } })));
  await page.reload();
  await page.getByText(/^No alert fires\. 7 hosts are in trouble by their thresholds\. 1 host is down\.$/).waitFor();
  await shot(page, "alerts-none-but-trouble");
  await page.getByRole("link", { name: "7 hosts are in trouble by their thresholds." }).click();
  await page.waitForFunction(() => location.hash.includes("state%3Atrouble"));
  await page.waitForFunction(() => document.querySelectorAll("tr.host-row").length === 7);
});

view("alerts: at phone width, light", true, { scheme: "light", width: 390 }, async (page) => {
  await firing(page).first().waitFor();
  assert.ok((await overflow(page)) <= 0);
  await checkAccessibility(page);
  await shot(page, "alerts-phone");
});

// As an administrator.
function asAdmin(name, viewOptions, body) {
  test(name, { timeout: kTestMs }, async () => {
    const mock = await startMock({ names: defaultNames(4), alerts: true, people: { admin: { password: "correct horse", role: "admin" } } });
    const opened = await open(browser, `${mock.url}/#/alerts`, { expected: /4\d\d|Failed to load resource/, ...viewOptions });
    try {
      await opened.page.getByLabel("Name").fill("admin");
      await opened.page.getByLabel("Password").fill("correct horse");
      await opened.page.getByRole("button", { name: "Sign in" }).click();
      await opened.page.getByText("live", { exact: true }).waitFor();
      await body(opened.page, mock, opened);
      assert.deepEqual(opened.faults, []);
    } finally {
      await opened.context.close();
      await mock.close();
    }
  });
}

asAdmin("alerts: a rule is changed, and what it would have done is shown while one types", {}, async (page, mock) => {
  await page.getByRole("button", { name: "Edit busy" }).click();
  const box = page.getByLabel("Text of the rule");
  assert.match(await box.inputValue(), /^# Mia asked for this\./);
  await page.getByText(/^Would have fired/).waitFor();
  await box.fill("[rule.busy]\nwhen = 'mean(cpu.usage_active, 5m) > '\n");
  await page.getByText("rule.when: expected a number").waitFor();
  assert.ok(await page.getByRole("button", { name: "Save" }).isDisabled());
  await page.getByRole("button", { name: /^line 2, column/ }).click();
  assert.equal(await box.evaluate((element) => element.value.slice(0, element.selectionStart).split("\n").length), 2);
  await page.keyboard.type("0");
  await box.fill("# Mia asked for this.\n[rule.busy]\nwhen = 'mean(cpu.usage_active, 5m) > 70'\n");
  await page.getByText("Would have fired 3 times on 1 of 4 hosts in 30 d.").waitFor();
  assert.equal(await page.locator(".rule-chart rect.fired").count(), 3);
  await checkAccessibility(page);
  await shot(page, "alerts-rule", { fullPage: true });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("mean(cpu.usage_active, 5m) > 70").waitFor();
  assert.equal(mock.alerts.texts.get("busy"), "# Mia asked for this.\n[rule.busy]\nwhen = 'mean(cpu.usage_active, 5m) > 70'\n");
  // A new one, and its removal.
  await page.getByLabel("New rule").fill("mine");
  await page.getByRole("button", { name: "Write" }).click();
  await page.getByText(/^Would have fired/).waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The rule mine is saved and in force.").waitFor();
  await page.locator("tr#rule-mine.is-marked").waitFor();
  const names = await page.locator("table", { hasText: "Channels" }).last().locator("tbody th").allInnerTexts();
  assert.deepEqual(names, ["busy", "mine", "disk-full"], "one's own come first");
  await page.getByRole("button", { name: "Edit mine" }).click();
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByText("Its alerts that fire end, and their channels are told.").waitFor();
  assert.ok(mock.alerts.texts.has("mine"), "it asks first");
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("button", { name: "Remove…" }).click();
  await checkAccessibility(page);
  await page.getByRole("button", { name: "Yes, remove" }).click();
  await page.getByText("The rule mine is removed.").waitFor();
  await page.getByRole("button", { name: "Edit mine" }).waitFor({ state: "detached" });
  assert.ok(!mock.alerts.texts.has("mine"));
  // Somebody else changed it meanwhile.
  await page.getByRole("button", { name: "Edit busy" }).click();
  await page.getByText(/^Would have fired/).waitFor();
  mock.alerts.texts.set("busy", "[rule.busy]\nwhen = 'a.b > 1'\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("somebody else changed this rule").waitFor();
});

asAdmin("alerts: the editor of rules at phone width, light", { scheme: "light", width: 390 }, async (page) => {
  await page.getByRole("button", { name: "Edit disk-full" }).click();
  await page.getByText(/^Would have fired/).waitFor();
  assert.ok((await overflow(page)) <= 0);
  await checkAccessibility(page);
  await page.getByRole("button", { name: "Save" }).scrollIntoViewIfNeeded();
  await shot(page, "alerts-rule-phone");
});

view("alerts: nobody but an administrator sees an editor", true, {}, async (page) => {
  await page.getByRole("cell", { name: "disk-full" }).first().waitFor();
  assert.equal(await page.getByRole("button", { name: /^Edit/ }).count(), 0);
});

view("alerts: a silence says what it would hold back", true, {}, async (page, mock) => {
  const form = page.getByRole("region", { name: "Silences" });
  await form.getByText("This silences 2 alerts on 2 hosts now; it is for 30 rules on 4 hosts.").waitFor();
  await form.getByLabel("Hosts").fill(mock.alerts.alerts[0].host);
  await form.getByText("This silences 1 alert on 1 host now; it is for 30 rules on 1 host.").waitFor();
});

asAdmin("alerts: on a new server, the editor begins at the oldest sample", {}, async (page, mock) => {
  mock.alerts.ageMs = 300e3;
  await page.getByRole("button", { name: "Edit busy" }).click();
  await page.getByText(/Would have fired .* in 5 min\./).waitFor();
  const plot = page.locator(".rule-plot");
  await plot.getByText("limit 95").waitFor();
  assert.equal(await plot.locator("span.no-data").count(), 0);
  await page.getByLabel("Tried on").selectOption("30d");
  await plot.getByText("no data").waitFor();
  await checkAccessibility(page);
  await shot(page, "alerts-rule-new-server", { fullPage: true });
});

view("alerts: one that was pending and fires is in the history at once", true, {}, async (page, mock) => {
  const history = page.locator("table", { hasText: "History" });
  await history.locator("tbody tr").nth(1).waitFor();
  assert.equal(await history.getByText("cpu-pressure").count(), 0);
  mock.alerts.alerts[2].state = "firing";
  await history.getByText("cpu-pressure").waitFor();
});

view("alerts: the charts of the CPU show an alert that fires", true, { hash: `#/host/${defaultNames(4)[0]}` }, async (page, mock) => {
  await page.locator("#panel-cpu").waitFor();
  mock.alerts.alerts.push({ ...mock.alerts.alerts[0], id: "a4", rule: "busy", tags: {} });
  await page.locator("#panel-cpu", { hasText: "Alerts: busy on" }).waitFor();
});

view("alerts: a host's charts show when its alerts fired", true, { hash: `#/host/${defaultNames(4)[0]}` }, async (page) => {
  const panel = page.locator("#panel-disk-space, .panel", { hasText: "Alerts: disk-full on" }).first();
  await panel.waitFor();
  assert.match(await panel.innerText(), /Alerts: disk-full on \S+ path=\/var since /);
  await panel.scrollIntoViewIfNeeded();
  await shot(page, "alerts-bands");
});
