// The page's language: the browser's, or the chosen one, kept like the other settings.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { defaultNames, startMock } from "../../web/mock/server.mjs";
import { checkAccessibility, kTestMs, launch, open, overflow } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const kPeople = { admin: { password: "correct horse", role: "admin" } };

async function withMock(options, body) {
  const mock = await startMock({ names: defaultNames(8), ...options });
  const opened = [];
  const page = async (hash, more) => {
    const one = await open(browser, `${mock.url}/${hash}`, more);
    opened.push(one);
    return one;
  };
  try {
    await body(page, mock);
    assert.deepEqual(opened.flatMap((one) => one.faults), []);
  } finally {
    for (const one of opened) await one.context.close();
    await mock.close();
  }
}

const language = (page, wanted) => page.waitForFunction((lang) => document.documentElement.lang === lang, wanted);
const press = (page, group, name) => page.getByRole("group", { name: group }).getByRole("button", { name, exact: true }).click();

test("the browser's language; another by the settings, which stays", { timeout: kTestMs }, () => withMock({}, async (open) => {
  const { page, requests } = await open("#/settings", { locale: "de-AT" });
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await press(page, "Sprache", "English");
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
  assert.match(page.url(), /#\/settings$/);
  await page.reload();
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  await press(page, "Language", "This browser's");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  assert.equal(requests.filter((url) => url.includes("/texts_de-")).length >= 2, true);
  const english = await open("#/", { locale: "fr-FR" });
  await english.page.waitForSelector("tr.host-row");
  assert.equal(await english.page.evaluate(() => document.documentElement.lang), "en");
  assert.equal(english.requests.some((url) => url.includes("/texts_de-")), false, "English loads German");
}));

test("the account's language counts on every machine", { timeout: kTestMs }, () => withMock({ people: kPeople }, async (open) => {
  const signIn = async (hash) => {
    const { page } = await open(hash, { expected: /40[14]|Failed to load resource/ });
    await page.locator("#user").fill("admin");
    await page.locator("#password").fill(kPeople.admin.password);
    await page.keyboard.press("Enter");
    return page;
  };
  const here = await signIn("#/settings");
  await here.getByText("The account admin keeps them").waitFor();
  await press(here, "Language", "Deutsch");
  await here.getByText("Das Konto admin speichert sie").waitFor();
  const there = await signIn("#/");
  await language(there, "de");
  await there.waitForSelector("tr.host-row");
}));

test("German: numbers, times and ranges in words; no view is wider than a telephone", { timeout: kTestMs }, () => withMock({}, async (open, mock) => {
  const { page } = await open("#/host/web1?range=1h", { locale: "de-DE", width: 390, height: 844 });
  await page.waitForSelector("#panel-cpu canvas");
  assert.match(await page.locator(".summary .meter").first().innerText(), /^\d+,\d %$/);
  await checkAccessibility(page);
  await page.locator("summary", { hasText: "Von – bis" }).click();
  await page.getByLabel("In Worten").fill("gestern 14 Uhr bis 15:30");
  await page.getByRole("status").filter({ hasText: /^\d\d\.\d\d\.\d{4} 14:00:00 – 15:30:00/ }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
  await page.getByRole("status").filter({ hasText: "14:00:00 – 15:30:00 (1 h 30 min)" }).first().waitFor();
  for (const hash of ["#/", "#/?view=heat", "#/host/web1", "#/compare?host=web1&host=db1", "#/explore", "#/logs", "#/alerts", "#/server", "#/settings", "#/access"]) {
    await page.goto(`${mock.url}/${hash}`);
    await page.locator("main > *").first().waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    assert.ok((await overflow(page)) <= 0, `${hash} is wider than the window`);
  }
}));
