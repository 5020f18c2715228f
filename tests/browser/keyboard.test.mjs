// Ten tasks by keys alone, with the real programs: no step uses a pointer, and after each key that moves it the focus must be seen.

import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { kTestMs, launch, open, shot } from "./browser.mjs";
import { programsAreBuilt, startPrograms, until } from "./programs.mjs";

const kMostTabs = 60;
const kRules = `[rule.full]
when = "disk.used_percent > 90"
severity = "critical"
`;

let browser;
let programs;
let password;

before(async () => {
  if (!programsAreBuilt) return;
  browser = await launch();
  const rules = path.join(await mkdtemp(path.join(tmpdir(), "resmon-keys-")), "alerts.toml");
  await writeFile(rules, kRules);
  programs = await startPrograms({ settings: { "alerts.rules_file": rules } });
  password = / password=(\S+)/.exec(programs.serverSaid)[1];
  programs.startLoad(3, "1s");
  const line = (n) => JSON.stringify({ _msg: `order ${n} failed`, _time: new Date(Date.now() - n * 1000).toISOString(), host: "files1", level: "error", unit: "shop" });
  const sent = await fetch(`${programs.url}/insert/jsonline`, { method: "POST", body: Array.from({ length: 40 }, (_, n) => line(n)).join("\n"),
    headers: { Authorization: `Bearer ${await programs.token()}` } });
  assert.equal(sent.status, 204);
});

after(async () => {
  await browser?.close();
  await programs?.close();
});

// What has the focus, as a person would say it, and whether it can be seen.
const focus = (page) => page.evaluate(() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return { name: "", seen: false, why: "nothing has the focus" };
  const label = one.labels?.[0]?.innerText ?? "";
  const name = (one.getAttribute("aria-label") ?? (label || one.innerText || one.placeholder || "")).trim().replace(/\s+/g, " ");
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  const inSight = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const marked = one.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { name, seen: inSight && marked, why: !inSight ? "it is out of sight" : marked ? "" : "it has no outline" };
});

async function assertSeen(page) {
  const now = await focus(page);
  assert.ok(now.seen, `the focus on "${now.name}" cannot be seen: ${now.why}`);
  return now.name;
}

// Tab, or Shift and Tab, until what is called so has the focus.
async function tabTo(page, wanted, key = "Tab") {
  const met = [];
  for (let turn = 0; turn < kMostTabs; ++turn) {
    await page.keyboard.press(key);
    // After the last element the browser's own controls have their turn.
    if ((await focus(page)).name === "" && turn > 0 && met.at(-1) !== "") { met.push(""); continue; }
    const name = await assertSeen(page);
    if (wanted.test(name)) return;
    met.push(name.slice(0, 30));
  }
  assert.fail(`${wanted} is not reached in ${kMostTabs} tabs: ${met.join(" | ")}`);
}

const keys = async (page, ...all) => { for (const key of all) await page.keyboard.press(key); };

test("ten tasks by keys alone", { skip: !programsAreBuilt, timeout: 3 * kTestMs }, async () => {
  const disk = () => programs.write(`disk,host=files1,path=/srv used_percent=97,total=100i,free=3i`);
  await disk();
  const still = setInterval(() => void disk().catch(() => undefined), 2000);
  const { page, context, faults } = await open(browser, programs.url, { expected: /40[13]/ });
  page.on("response", (answer) => { if (answer.status() === 400) void answer.text().then((text) => console.log(answer.url(), answer.request().postData()?.slice(0, 900), text.slice(0, 300)), () => undefined); });
  try {
    // 1: sign in.
    await page.waitForSelector("tr.host-row");
    await tabTo(page, /^Sign in$/);
    await keys(page, "Enter");
    await page.waitForFunction(() => document.activeElement?.id === "user");
    await page.keyboard.type("admin");
    await keys(page, "Tab");
    await page.keyboard.type(password);
    await keys(page, "Enter");
    await page.waitForSelector("tr.host-row");

    // 2: find the host in trouble, and open it.
    await page.locator("section.trouble").waitFor();
    await page.waitForFunction(() => document.querySelector("tr.host-row")?.dataset.host === "files1");
    await keys(page, "ArrowDown");
    await assertSeen(page);
    await keys(page, "Enter");
    await page.getByRole("heading", { name: "files1", level: 1 }).waitFor();
    await page.locator(".why").getByText("disk /srv 97").waitFor();

    await page.waitForFunction(() => document.querySelectorAll(".panel canvas").length > 0 && !document.querySelector(".is-loading"));
    assert.deepEqual(await page.locator(".panel .error-text").allInnerTexts(), []);

    // 3: another range, by its key and in words.
    await keys(page, "3");
    await page.waitForFunction(() => /range=1h/.test(location.hash));
    await tabTo(page, /^From – to/);
    await keys(page, "Enter");
    await page.locator(".range-form").waitFor();
    // The focus is in the first field: its letters are no shortcuts.
    await page.keyboard.type("last Tuesday 14:00–15:00");
    await keys(page, "Enter");
    await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
    await keys(page, "3");
    await page.locator('.range-bar [aria-pressed="true"]', { hasText: "1 h" }).waitFor();

    // 4: this host's log lines, a search, a line, and back.
    await keys(page, "l");
    await page.locator(".log-list .log-row").first().waitFor();
    await keys(page, "/");
    await assertSeen(page);
    await keys(page, "End");
    await page.keyboard.type(" 7");
    await keys(page, "Enter");
    await page.getByText("order 7 failed").first().waitFor();
    await tabTo(page, /^Lines$/);
    await page.waitForFunction(() => document.querySelectorAll(".log-list .log-row").length > 0);
    await tabTo(page, /^Lines$/).catch(() => undefined);
    await page.locator(".log-list").evaluate((list) => { if (!list.contains(document.activeElement)) throw new Error("the list of lines is not reached by Tab"); });
    await keys(page, "ArrowDown");
    await assertSeen(page);
    await keys(page, "Enter");
    await page.locator(".log-detail").waitFor();
    await keys(page, "Escape");
    await page.locator(".log-detail").waitFor({ state: "detached" });
    await assertSeen(page);

    // 5: silence the alert.
    await keys(page, "g", "a");
    await page.getByRole("button", { name: "Silence 2 h: full on files1" }).waitFor();
    await tabTo(page, /^Silence 2 h: full on files1/);
    await keys(page, "Enter");
    await page.getByRole("button", { name: "End the silence of files1" }).waitFor();
    await until("the focus is still somewhere", async () => (await focus(page)).name !== "");
    await tabTo(page, /^End the silence of files1/);

    // 6: add a machine.
    await keys(page, "g", "f");
    await page.waitForSelector("tr.host-row");
    await tabTo(page, /^Add a machine/);
    await keys(page, "Enter");
    await page.getByRole("dialog").waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "host");
    await page.keyboard.type("new1");
    await keys(page, "Enter");
    await page.locator(".made-token code").first().waitFor();
    await tabTo(page, /^(Copy|Close)/);
    await keys(page, "Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.match((await focus(page)).name, /^Add a machine/, "the focus comes back to the button that opened the dialog");

    // 7: a setting, and 8: the theme.
    await keys(page, "g", ",");
    await page.getByRole("region", { name: "Appearance" }).waitFor();
    await tabTo(page, /^Bytes$/);
    await keys(page, " ");
    await page.getByRole("button", { name: "Bytes", pressed: true }).waitFor();
    await tabTo(page, /^Light$/, "Shift+Tab");
    await keys(page, "Enter");
    await page.waitForFunction(() => document.documentElement.dataset.theme === "light");

    // 9: a query of one's own.
    await keys(page, "g", "e");
    await page.getByRole("heading", { name: "Explore" }).waitFor();
    await keys(page, "/");
    await assertSeen(page);
    await page.keyboard.type('SELECT last("used_percent") FROM "disk" GROUP BY "host"');
    await keys(page, "Control+Enter");
    await page.locator('section[aria-label="Result"]').getByText("files1").first().waitFor();

    // 10: the keys, and out.
    await page.evaluate(() => document.activeElement.blur());
    await keys(page, "?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await keys(page, "Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await tabTo(page, /^Signed in as admin/);
    await keys(page, "Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await tabTo(page, /^Sign out$/);
    await shot(page, "keyboard");
    await keys(page, "Enter");
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await page.getByText("This query came with the link").waitFor();
    await tabTo(page, /^Sign in$/);
    assert.deepEqual(faults, []);
  } catch (error) {
    await shot(page, "keyboard-failed").catch(() => undefined);
    throw error;
  } finally {
    clearInterval(still);
    await context.close();
  }
});

// The key comes in the same moment as the element, before anything is painted.
test("Escape closes a line as soon as it is shown", { skip: !programsAreBuilt, timeout: kTestMs }, async () => {
  const { page, context, faults } = await open(browser, `${programs.url}#/logs`);
  try {
    await page.locator(".log-list .log-row").first().waitFor();
    await page.locator(".log-list").focus();
    await keys(page, "ArrowDown");
    const ended = await page.evaluate(() => new Promise((resolve) => {
      let shown = false;
      new MutationObserver(() => {
        const detail = document.querySelector(".log-detail");
        if (shown && detail === null) resolve("closed");
        if (shown || detail === null) return;
        shown = true;
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
      }).observe(document.body, { childList: true, subtree: true });
      setTimeout(() => resolve(shown ? "still there" : "never shown"), 3000);
      document.activeElement.click();  // as Enter does
    }));
    assert.equal(ended, "closed");
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
});
