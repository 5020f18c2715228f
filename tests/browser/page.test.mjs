// The web page in Debian's chromium.
//
//   RESMON_URL=http://127.0.0.1:7412 RESMON_TOKEN_FILE=… node --test page.test.mjs    against a real server with data
//   node --test page.test.mjs                                                         against web/mock (needs web/dist)
//
// Tests that must provoke something (a lost connection, a hostile name, a wrong token, a thousand hosts) always use the mock.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { defaultNames, startMock } from "../../web/mock/server.mjs";
import { checkAccessibility, hasInk, kLocale, kPatienceMs, kTestMs, launch, open, overflow, shot } from "./browser.mjs";

const kReal = process.env.RESMON_URL?.replace(/\/$/, "");
const kTokenFile = process.env.RESMON_TOKEN_FILE;
const token = kTokenFile ? (await readFile(kTokenFile, "utf8")).trim() : null;

let browser;
let mock;
let url;
let hosts;

before(async () => {
  browser = await launch();
  mock = await startMock({ names: defaultNames(8) });
  url = kReal ?? mock.url;
  const headers = kReal && token ? { Authorization: `Bearer ${token}` } : {};
  const body = await (await fetch(`${url}/api/v1/hosts`, { headers })).json();
  hosts = body.hosts.map((host) => host.host);
  assert.ok(hosts.length > 0, "the server under test knows no host");
});

after(async () => {
  await browser?.close();
  await mock?.close();
});

// Runs `body` on a page of its own and then checks that nothing forbidden happened on it.
function pageTest(name, address, options, body) {
  test(name, { timeout: kTestMs }, async () => {
    const view = await open(browser, address(), { token: kReal ? token : null, ...options });
    try {
      await body(view.page, view);
      assert.deepEqual(view.faults, []);
    } finally {
      await view.context.close();
    }
  });
}

const fleetUrl = () => `${url}/`;
const hostUrl = (name = hosts[0], query = "range=15m") => `${url}/#/host/${encodeURIComponent(name)}?${query}`;
const rowNames = (page) => page.locator("tr.host-row").evaluateAll((rows) => rows.map((row) => row.dataset.host));

pageTest("the fleet shows every host and moves by itself", fleetUrl, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  assert.deepEqual((await rowNames(page)).sort(), hosts.slice().sort());
  await page.getByText("live", { exact: true }).waitFor();
  const cells = () => page.locator("tr.host-row .col-cpu, tr.host-row .col-receive").allInnerTexts();
  const first = JSON.stringify(await cells());
  await page.waitForFunction(
    (old) => JSON.stringify([...document.querySelectorAll("tr.host-row .col-cpu, tr.host-row .col-receive")].map((cell) => cell.innerText)) !== old,
    first,
  );
});

pageTest("search narrows the fleet and is part of the link", fleetUrl, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  await page.keyboard.press("/");
  await page.keyboard.type(hosts[0]);
  await page.waitForFunction(() => location.hash.includes("q="));
  // Rows follow what is typed, a moment later.
  await page.waitForFunction((name) => {
    const shown = [...document.querySelectorAll("tr.host-row")].map((row) => row.dataset.host);
    return shown.includes(name) && shown.every((one) => one.includes(name));
  }, hosts[0]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.waitForFunction((count) => document.querySelectorAll("tr.host-row").length === count, Math.min(hosts.length, 40));
  await page.keyboard.press("/");
  await page.keyboard.type("no such host anywhere");
  await page.getByText("No host matches").waitFor();
});

pageTest("sorting by a column, both ways", fleetUrl, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  const header = page.getByRole("columnheader", { name: "Host" });
  const sorted = (way) => page.locator(`th[aria-sort="${way}"]`, { hasText: "Host" }).waitFor();
  await header.getByRole("button").click();
  await sorted("ascending");
  const ascending = await rowNames(page);
  await header.getByRole("button").click();
  await sorted("descending");
  assert.deepEqual(await rowNames(page), ascending.slice().reverse());
  assert.match(page.url(), /sort=-host/);
});

pageTest("a click opens a host, whose charts are drawn", fleetUrl, {}, async (page) => {
  await page.getByRole("link", { name: hosts[0], exact: true }).click();
  for (const panel of ["cpu", "memory", "load", "processes"]) {
    await page.waitForSelector(`#panel-${panel} canvas`);
    assert.ok(await hasInk(page, panel), panel);
  }
  assert.match(await page.title(), new RegExp(hosts[0]));
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.waitForSelector("table.fleet");
});

pageTest("a deep link opens the same host and range", () => hostUrl(hosts[0], "range=1h"), {}, async (page) => {
  await page.waitForSelector("#panel-cpu canvas");
  assert.equal(await page.getByRole("button", { name: "1 h", exact: true }).getAttribute("aria-pressed"), "true");
  await page.keyboard.press("4");
  await page.waitForFunction(() => location.hash.endsWith("range=6h"));
  await page.goBack();
  await page.waitForFunction(() => location.hash.endsWith("range=1h"));
});

pageTest("dragging zooms every chart, Escape leads back", () => hostUrl(), {}, async (page) => {
  await page.waitForSelector("#panel-cpu canvas");
  const over = page.locator("#panel-cpu .u-over");
  const box = await over.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 50, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
  const [, from, to] = /from=(\d+)&to=(\d+)/.exec(page.url());
  assert.ok(Math.abs(to - from - 180_000) < 15_000, `a fifth of 15 minutes, not ${to - from} ms`);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.hash.endsWith("range=15m"));
});

pageTest("the cursor is shared and the legends tell its values", () => hostUrl(), {}, async (page) => {
  await page.waitForSelector("#panel-memory canvas");
  const box = await page.locator("#panel-cpu .u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.97, box.y + 30);
  for (const panel of ["cpu", "memory"]) {
    await page.waitForFunction((id) => /\d\d:\d\d:\d\d/.test(document.querySelector(`#panel-${id} .panel-clock`).textContent), panel);
  }
});

pageTest("a legend button hides its line", () => hostUrl(), {}, async (page) => {
  const button = page.locator("#panel-load .legend button").first();
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "false");
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
});

pageTest("the fleet can be used by keyboard alone", fleetUrl, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  const names = await rowNames(page);
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), names[0]);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#panel-cpu");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Keys" }).waitFor({ state: "detached" });
});

// Each theme and each width once: colours do not depend on the width.
for (const [scheme, kind, width, height] of [["dark", "wide", 1280, 860], ["light", "phone", 390, 844]]) {
  pageTest(`pictures and axe-core: ${scheme}, ${kind}`, fleetUrl, { scheme, width, height }, async (page) => {
    await page.waitForSelector("tr.host-row");
    await page.getByText("live", { exact: true }).waitFor();
    await shot(page, `fleet-${scheme}-${kind}`);
    await checkAccessibility(page);
    assert.ok((await overflow(page)) <= 0, "the fleet is wider than the window");
    await page.goto(`${fleetUrl()}#/?view=heat`);
    await page.waitForSelector(".tile");
    await shot(page, `heat-${scheme}-${kind}`);
    await checkAccessibility(page);
    await page.goto(hostUrl());
    await page.waitForSelector("#panel-files canvas");
    await shot(page, `host-${scheme}-${kind}`);
    await checkAccessibility(page);
    assert.ok((await overflow(page)) <= 0, "the host view is wider than the window");
  });
}

// From here on: provoked, on mocks of their own.

async function withMock(options, body) {
  const own = await startMock(options);
  try {
    await body(own);
  } finally {
    await own.close();
  }
}

function provoke(name, mockOptions, viewOptions, body) {
  test(name, { timeout: kTestMs }, () =>
    withMock(mockOptions, async (own) => {
      const view = await open(browser, `${own.url}/${viewOptions.hash ?? ""}`, viewOptions);
      try {
        await body(view.page, own, view);
        assert.deepEqual(view.faults, []);
      } finally {
        await view.context.close();
      }
    }),
  );
}

const kRefused = /ERR_|Failed to load resource|WebSocket connection/;

provoke("a lost connection is said and mends itself", { names: ["web1", "db1"] }, { expected: kRefused }, async (page, own) => {
  await page.getByText("live", { exact: true }).waitFor();
  own.dropConnections();
  await page.getByText("Not connected:").waitFor();
  assert.equal(await page.locator("table.fleet.is-stale").count(), 1);
  await shot(page, "disconnected");
  own.acceptAgain();
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByText("Not connected:").waitFor({ state: "detached" });
});

provoke("after an outage the host view reads its range again", { names: ["web1"] }, { expected: kRefused, hash: "#/host/web1?range=15m" },
  async (page, own) => {
    await page.waitForSelector("#panel-cpu canvas");
    await page.getByText("live", { exact: true }).waitFor();
    own.dropConnections();
    await page.getByText("Not connected:").waitFor();
    own.queries.length = 0;
    own.acceptAgain();
    await page.getByText("live", { exact: true }).waitFor();
    for (const deadline = Date.now() + kPatienceMs; ; ) {
      const spans = own.queries.map((text) => /FROM "cpu" WHERE "host".*?time >= (\d+)ms AND time < (\d+)ms/.exec(text)).filter(Boolean);
      if (spans.some((span) => span[2] - span[1] >= 900_000)) break;
      assert.ok(Date.now() < deadline, "the whole range was not asked for");
      await page.waitForTimeout(100);
    }
  });

provoke("a live host view asks only for the newest part", { names: ["web1"] }, { hash: "#/host/web1?range=15m" }, async (page, own) => {
  await page.waitForSelector("#panel-cpu canvas");
  own.queries.length = 0;
  for (const deadline = Date.now() + kPatienceMs; ; ) {
    // The chart's, and not what the summary asks of the same measurement.
    const span = own.queries.map((text) => /"usage_user"[^;]*FROM "cpu" WHERE "host"[^;]*?time >= (\d+)ms AND time < (\d+)ms/.exec(text)).find(Boolean);
    if (span) {
      assert.ok(span[2] - span[1] <= 120_000, `${span[2] - span[1]} ms`);
      break;
    }
    assert.ok(Date.now() < deadline, "nothing was asked");
    await page.waitForTimeout(100);
  }
});

provoke("hosts come, change state and go", { names: ["web1"] }, {}, async (page, own) => {
  await page.waitForSelector('tr[data-host="web1"]');
  await page.getByText("live", { exact: true }).waitFor();
  own.addHost("db7");
  await page.waitForSelector('tr[data-host="db7"]');
  own.setState("db7", "down");
  await page.waitForSelector('tr[data-host="db7"].is-down');
  assert.match(await page.locator('tr[data-host="db7"]').innerText(), /Down/);
  await page.locator('tr[data-host="db7"] .tag').click();
  await page.waitForFunction(() => /q=site/.test(location.hash));
  assert.match(await page.getByRole("searchbox").inputValue(), /^site:/);
  own.removeHost("db7");
  await page.waitForSelector('tr[data-host="db7"]', { state: "detached" });
});

const kHostile = "<img src=x onerror=alert(1)>'; DROP DATABASE resmon; --\"\\";
provoke("a hostile host name is text everywhere", { names: ["web1", kHostile] }, {}, async (page, own) => {
  page.on("dialog", () => assert.fail("a script from a host name ran"));
  await page.getByRole("link", { name: kHostile, exact: true }).click();
  await page.waitForSelector("#panel-cpu canvas");
  assert.ok(await hasInk(page, "cpu"));
  assert.equal(await page.locator("h1").innerText(), kHostile);
  assert.equal(await page.locator("img").count(), 0);
  assert.ok(own.queries.some((text) => text.includes("\\'; DROP")), "the quote was not escaped");
  await page.reload();
  await page.waitForSelector("#panel-cpu canvas");
});

provoke("401 asks for a token, refuses a wrong one, takes the right one", { names: ["web1"], token: "right" },
  { expected: /401|Failed to load resource/ }, async (page) => {
    await page.getByLabel("Access token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("did not accept this token").waitFor();
    await checkAccessibility(page);
    await shot(page, "sign-in");
    await page.getByLabel("Access token").fill("right");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForSelector('tr[data-host="web1"]');
    await page.getByText("live", { exact: true }).waitFor();
    await page.reload();
    await page.waitForSelector('tr[data-host="web1"]');
  });

provoke("an empty fleet says how to add a client", { names: [] }, {}, async (page, own) => {
  await page.getByText("./resmon simulate 3").waitFor();
  await checkAccessibility(page);
  await shot(page, "empty");
  await page.getByText("live", { exact: true }).waitFor();
  own.addHost("first");
  await page.waitForSelector('tr[data-host="first"]');
});

provoke("a host that is not known, and one without data", { names: ["web1"] }, { hash: "#/host/nobody" }, async (page) => {
  await page.getByText("list has no host of this name").waitFor();
  await page.getByText("Nothing is stored of").waitFor();
});

provoke("a thousand hosts: few rows in the document, all within reach, none missing on the way", { names: defaultNames(1000) }, {}, async (page) => {
  await page.waitForSelector("tr.host-row");
  await page.getByText("live", { exact: true }).waitFor();
  assert.ok((await page.locator("tr.host-row").count()) < 80);
  assert.equal(await page.locator("table.fleet").getAttribute("aria-rowcount"), "1001");
  // So many steps, however long the machine takes for each. After every one, what is in the window is on the table: nothing white flies past.
  const missing = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const bottom = document.documentElement.scrollHeight - innerHeight;
        const height = document.querySelector("tr.host-row").offsetHeight;
        const missing = [];
        let step = 0;
        const tick = () => {
          const drawn = new Set([...document.querySelectorAll("tr.host-row")].map((row) => Number(row.ariaRowIndex)));
          const body = document.querySelector("table.fleet tbody").getBoundingClientRect();
          const first = Math.max(0, Math.floor(-body.top / height));
          const last = Math.min(999, Math.floor((innerHeight - 1 - body.top) / height));
          for (let row = first; row <= last; ++row) if (!drawn.has(row + 2)) missing.push({ step, row });
          if (++step > 180) return resolve(missing);
          scrollTo(0, (step / 180) * bottom);
          // The scroll event comes with the next frame, ahead of its callbacks, and the rows in a task of their own.
          requestAnimationFrame(() => setTimeout(tick));
        };
        tick();
      }),
  );
  assert.deepEqual(missing, []);
  await page.waitForSelector('tr[aria-rowindex="1001"]');
  await page.getByRole("searchbox").fill("web77");
  await page.waitForFunction(() => document.querySelectorAll("tr.host-row").length === 1);
});

test("the head of the page is seen while the script is on its way, and stays where it is", { timeout: kTestMs }, async () => {
  const context = await browser.newContext({ locale: kLocale, viewport: { width: 1280, height: 860 } });
  try {
    const page = await context.newPage();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route(/\.js$/, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(mock.url, { waitUntil: "commit" });
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length === 1);
    const places = () => page.evaluate(() => [".brand", ".places a", ".connection", ".top > .icon"].map((selector) => {
      const { x, y, height } = document.querySelector(selector).getBoundingClientRect();
      return { selector, x, y, height };
    }));
    const [names, first] = [await page.locator(".places a").allInnerTexts(), await places()];
    release();
    await page.getByText("Loading").or(page.locator("tr.host-row")).first().waitFor();
    assert.deepEqual(await page.locator(".places a").allInnerTexts(), names);
    assert.equal(await page.locator("header").count(), 1);
    // What is on the right follows the user's name and the state of the connection.
    assert.deepEqual((await places()).slice(0, 2), first.slice(0, 2));
    assert.deepEqual((await places()).slice(2).map((one) => [one.y, one.height]), first.slice(2).map((one) => [one.y, one.height]));
  } finally {
    await context.close();
  }
});

// `body(page, go)`, where `go` opens `path`. The page notes each text that it sends to /query, and whether a view of charts was there. `script`
// runs before the page's own.
async function questionsOf(path, script, body) {
  const context = await browser.newContext({ locale: kLocale, viewport: { width: 1280, height: 860 } });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(kPatienceMs);
    await page.addInitScript(() => {
      globalThis.asked = [];
      const plain = globalThis.fetch;
      globalThis.fetch = (where, init) => {
        if (String(where) === "/query") asked.push({ text: init.body.get("q"), drawn: document.querySelector(".panel") !== null });
        return plain(where, init);
      };
    });
    if (script !== null) await page.addInitScript(script);
    await body(page, () => page.goto(`${mock.url}/#${path}`));
  } finally {
    await context.close();
  }
}

test("a host's charts are asked for once, and before the view is drawn", { timeout: kTestMs }, () =>
  questionsOf(`/host/${encodeURIComponent(defaultNames(8)[0])}?range=24h`, null, async (page, go) => {
    await go();
    await page.waitForSelector("#panel-cpu canvas");
    await page.waitForFunction(() => document.querySelector(".is-loading") === null);
    const asked = await page.evaluate(() => globalThis.asked);
    const ofLoad = asked.filter(({ text }) => text.includes('mean("load15")'));
    assert.deepEqual(ofLoad.map((one) => one.drawn), [false]);
  }));

test("charts that were asked for by a viewer's wrong clock are asked for again", { timeout: kTestMs }, () => {
  const ahead = () => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 3_600_000;
  };
  return questionsOf(`/host/${encodeURIComponent(defaultNames(8)[0])}?range=24h`, ahead, async (page, go) => {
    // The server's time comes with the hosts.
    await page.route(/\/api\/v1\/hosts/, async (route) => {
      await page.waitForFunction(() => globalThis.asked.length > 0);
      await route.continue();
    });
    await go();
    const end = (text) => Number(/FROM "system" WHERE .*? AND time < (\d+)ms/.exec(text)?.[1] ?? 0);
    await page.waitForFunction(() => globalThis.asked.filter(({ text }) => /FROM "system"/.test(text)).length >= 2);
    const ends = (await page.evaluate(() => globalThis.asked.map((one) => one.text))).map(end).filter((one) => one > 0);
    assert.ok(ends[0] > Date.now() + 1_800_000, "the first is by the viewer's clock");
    assert.ok(ends[1] < Date.now() + 600_000, "the second is by the server's");
  });
});

test("first paint and size", { timeout: kTestMs }, async () => {
  const paints = [];
  for (let round = 0; round < 3; ++round) {
    const view = await open(browser, hostUrl(hosts[0], "range=24h"), { token: kReal ? token : null });
    await view.page.waitForSelector("#panel-cpu canvas");
    paints.push(await view.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity));
    const bytes = await view.page.evaluate(() =>
      performance.getEntriesByType("resource").filter((one) => /\.(js|css|svg)$/.test(one.name)).reduce((sum, one) => sum + one.encodedBodySize, 0));
    // The mock's page is not as small as the server's, which is 120 KiB at most (bench page).
    assert.ok(bytes > 0 && bytes < 128 * 1024, `${bytes} B compressed`);
    await view.context.close();
  }
  paints.sort((a, b) => a - b);
  console.log(`# first contentful paint: ${paints.map((one) => one.toFixed(0)).join(", ")} ms`);
});
