// The page on the real server with real, simulated clients: what no stand-in can show. A restart under an open page, the queries that
// the explore view offers, the server's own state.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { checkAccessibility, hasInk, kArtefacts, kTestMs, launch, open } from "./browser.mjs";
import { programsAreBuilt, startPrograms, until } from "./programs.mjs";

const skip = !programsAreBuilt && "resmon-server and resmon-load are not built";
const kRefused = /ERR_|Failed to load resource|WebSocket connection/;

let browser;
let programs;
before(async () => {
  if (skip) return;
  programs = await startPrograms();
  programs.startLoad(12, "1s");
  await until("all clients have told their CPU", async () => {
    const { hosts } = await (await fetch(`${programs.url}/api/v1/hosts`)).json();
    return hosts.filter((host) => host.up && host.summary.cpu_percent !== null).length === 12;
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await programs?.close();
});

function pageTest(name, hash, body) {
  test(name, { skip, timeout: kTestMs }, async () => {
    const view = await open(browser, `${programs.url}/${hash}`, { expected: kRefused });
    try {
      await body(view.page);
      assert.deepEqual(view.faults, []);
    } finally {
      await view.context.close();
    }
  });
}

pageTest("the fleet is live, and a click opens a host whose charts are drawn", "", async (page) => {
  await page.getByText("live", { exact: true }).waitFor();
  const values = () => page.locator("tr.host-row .col-cpu").allInnerTexts();
  const first = (await values()).join();
  await until("the figures move", async () => (await values()).join() !== first);
  await page.getByRole("link", { name: "sim-1", exact: true }).click();
  for (const panel of ["cpu", "memory", "network", "processes"]) {
    await page.waitForSelector(`#panel-${panel} canvas`);
    assert.ok(await hasInk(page, panel), panel);
  }
  await page.waitForSelector(".disks tbody tr");
});

pageTest("every question of the explore view is one the store can answer", "#/explore", async (page) => {
  const questions = page.getByRole("group", { name: "Questions" }).getByRole("button");
  for (let index = 0; index < (await questions.count()); ++index) {
    const title = await questions.nth(index).innerText();
    await questions.nth(index).click();
    // Yesterday has no data here, and that is said; an error would be another thing.
    await page.locator('section[aria-label="Result"], .empty').first().waitFor();
    assert.equal(await page.locator('p.error-text:not(:empty)').count(), 0, title);
  }
});

pageTest("the server view tells the real figures and the real log", "#/server", async (page) => {
  await page.waitForFunction(() => /^12/.test(document.querySelector(".facts dd")?.textContent ?? ""));
  await page.getByText("client connected host=sim-3").waitFor();
});

// A day of a database, by the minute: from 14:00 to 15:00 a dump fills /var and takes all of a disk, after which the machine starts anew.
function badDay(host, day) {
  const out = [];
  for (let minute = 0; minute < 1440; ++minute) {
    const ms = day + minute * 60_000;
    const bad = minute >= 14 * 60 && minute < 15 * 60;
    const started = Math.round(day / 1000) + (minute >= 15 * 60 ? 15 * 3600 : -86_400);
    // A client's types: a field has one, and another is refused.
    const rows = {
      "cpu,cpu=cpu-total": `usage_idle=${bad ? 3 : 90},usage_active=${bad ? 97 : 10},usage_user=${bad ? 90 : 8}`, "mem": "used=300i,available=700i,free=600i,used_percent=30",
      "disk,path=/var": `used_percent=${bad ? 40 + (minute - 840) / 2 : 40}`, "disk,path=/": "used_percent=61",
      "diskio,name=sda": `io_util=${bad ? 98 : 2}`, "diskio,name=sdb": "io_util=5",
      "net,interface=eth0": `bytes_recv=${minute * 6_000_000}i,bytes_sent=${minute * 600_000}i`, "kernel": `boot_time=${started}i`,
      "procstat,process_name=pg_dump,user=postgres": `cpu_usage=${bad ? 180 : 0.5},memory_rss=1000000i`, "procstat,process_name=nginx,user=www": "cpu_usage=4,memory_rss=2000000i",
    };
    // Without data for an hour in the night.
    if (minute >= 120 && minute < 180) continue;
    for (const [series, fields] of Object.entries(rows)) out.push(`${series.replace(/^\w+/, (name) => `${name},host=${host}`)} ${fields} ${ms}`);
  }
  return out.join("\n");
}

test("a range of the past has its own summary, of its charts' data and one request more", { skip, timeout: kTestMs }, async () => {
  const today = new Date();
  const day = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 3).getTime();
  await programs.write(badDay("bad-day", day));
  await programs.write(`mem,host=bad-day used_percent=30 ${Date.now()}`);
  const range = `from=${day}&to=${day + 86_400_000}`;
  const view = await open(browser, `${programs.url}/#/host/bad-day?${range}`, { expected: kRefused });
  const { page } = view;
  const questions = [];
  page.on("request", (request) => { if (request.url().endsWith("/query")) questions.push(request.postData() ?? ""); });
  try {
    await page.reload();
    const figure = (title) => page.locator(".facts.is-past > div").filter({ has: page.getByText(title, { exact: true }) });
    const line = async (label) => (await page.getByLabel("What it did").locator("div").filter({ has: page.getByText(label, { exact: true }) }).locator("dd").innerText()).replace(/\s+/g, " ");
    await page.getByText("Restarted").waitFor();
    await page.waitForSelector("#panel-disk-busy canvas");
    const text = (await figure("CPU").innerText()).replace(/\s+/g, " ");
    assert.match(text, /^CPU 13\.\d % mean highest 97\.0 % \(14:00–15:00\)$/);
    assert.match((await figure("Busiest disk sda").innerText()).replace(/\s+/g, " "), /highest 98\.0 % \(14:00–15:00\)$/);
    assert.match((await figure("Disk /var").innerText()).replace(/\s+/g, " "), /^Disk \/var 6\d\.\d % highest from 40\.0 % to 40\.0 %$/);
    assert.match((await figure("Net in eth0").innerText()).replace(/\s+/g, " "), /^Net in eth0 800 kbit\/s mean/);
    assert.match(await line("Most CPU"), /^pg_dump \d\.\d+ %, nginx 4\.0 % \(100 % is one core\) ?14:00–15:00: pg_dump 180 %, nginx 4\.0 %$/);
    assert.match(await line("Filled up"), /^\/var from 40\.0 % to 6\d\.\d % \(14:5\d\), in the end 40\.0 %$/);
    assert.equal(await line("Restarted"), "15:00");
    assert.equal(await line("No data"), "02:00–03:00 (1 h)");
    assert.match(await page.getByRole("list", { name: "Events in this range" }).innerText(), /15:00:00 the machine started/);
    // The charts' data say the most; of the rest, one request knows all.
    const about = questions.filter((text) => decodeURIComponent(text.replaceAll("+", " ")).includes('"boot_time"'));
    assert.equal(about.length, 1);
    await checkAccessibility(page, "a past range");
    // A time leads to the charts around it.
    await figure("CPU").getByRole("link").click();
    await page.getByRole("heading", { name: /, 13:30–15:30$/ }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "Show how it is now" }).click();
    await page.waitForFunction(() => document.querySelector(".past-title") === null && location.hash.includes("bad-day"));
    assert.deepEqual(view.faults, []);
  } finally {
    await view.context.close();
  }
});

// The value of a chart's first line at the time in the middle of `from` … `to`, as the legend tells it.
async function valueAt(page, panel, range, time) {
  const box = await page.locator(`#panel-${panel} .u-over`).boundingBox();
  await page.mouse.move(box.x + box.width * ((time - range.from) / (range.to - range.from)), box.y + 20);
  return page.locator(`#panel-${panel} .legend-value`).first().innerText();
}

test("a server restart under an open page: it says so, reconnects, and fills the gap", { skip, timeout: kTestMs }, async () => {
  const now = Date.now();
  const range = { from: Math.floor(now / 1000) * 1000 - 20_000, to: Math.floor(now / 1000) * 1000 + 100_000 };
  const view = await open(browser, `${programs.url}/#/host/sim-2?from=${range.from}&to=${range.to}`, { expected: kRefused });
  try {
    const { page } = view;
    await page.waitForSelector("#panel-load canvas");
    await page.getByText("live", { exact: true }).waitFor();
    await programs.stopServer();
    const stopped = Date.now();
    await page.getByText("Not connected:").waitFor();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, stopped + 6000 - Date.now())));  // the gap's width, no condition
    await programs.startServer();
    const restarted = Date.now();
    await page.getByText("live", { exact: true }).waitFor();
    await page.getByText("Not connected:").waitFor({ state: "detached" });
    const middle = Math.round((stopped + restarted) / 2);
    await until("the clients have delivered what they kept", async () =>
      (await programs.query(`SELECT load1 FROM system WHERE host = 'sim-2' AND time > ${middle - 1500}ms AND time < ${middle + 1500}ms`)).length > 0);
    await until("the gap is filled on the page", async () => /\d/.test(await valueAt(page, "load", range, middle)));
    assert.deepEqual(view.faults, []);
  } finally {
    await view.context.close();
  }
});

test("signing in for real: the first password, a bad one, a token made and revoked, out again", { skip, timeout: kTestMs }, async () => {
  const own = await startPrograms({ settings: { "http.local_read_without_token": "false" } });
  let view = null;
  try {
    const password = / password=(\S+)/.exec(own.serverSaid)?.[1];
    assert.ok(password !== undefined, `the first start printed no password: ${own.serverSaid}`);
    view = await open(browser, `${own.url}/#/access`, { expected: /40[013]|Failed to load resource/ });
    const { page } = view;
    await page.locator("#user").fill("admin");
    await page.locator("#password").fill("not this");
    await page.keyboard.press("Enter");
    await page.getByText("Not signed in:").waitFor();
    await page.locator("#password").fill(password);
    await page.keyboard.press("Enter");
    const tokens = page.getByRole("region", { name: "API tokens" });
    await tokens.getByLabel("Name").fill("grafana");
    await tokens.getByRole("button", { name: "Make token" }).click();
    const secret = await tokens.locator("code").innerText();
    const ask = () => fetch(`${own.url}/api/v1/server`, { headers: { Authorization: `Bearer ${secret}` } });
    assert.equal((await ask()).status, 200);
    assert.equal((await fetch(`${own.url}/api/v1/server`)).status, 401);
    await page.getByText("live", { exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.cookie), "", "a script can read the session");
    await tokens.getByRole("button", { name: "Revoke grafana" }).click();
    await tokens.getByRole("button", { name: "Really Revoke grafana" }).click();
    await tokens.getByText("None yet.").waitFor();
    assert.equal((await ask()).status, 401);
    const users = page.getByRole("region", { name: "Users" });
    await users.getByLabel("Name").fill("eve");
    await users.getByLabel("Password").fill("only to look at it");
    await users.getByRole("button", { name: "Add user" }).click();
    await users.getByRole("rowheader", { name: "eve" }).waitFor();
    await page.locator("summary", { hasText: "admin" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator("#user").fill("eve");
    await page.locator("#password").fill("only to look at it");
    await page.keyboard.press("Enter");
    await page.getByText("Only an administrator can change").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    // Nothing on this view asks the server anything: it is the live connection's end that the page learns it from.
    const json = { "Content-Type": "application/json" };
    const signedIn = await fetch(`${own.url}/api/v1/login`, { method: "POST", headers: json, body: JSON.stringify({ user: "admin", password }) });
    const cookie = signedIn.headers.get("set-cookie").split(";")[0];
    const removed = await fetch(`${own.url}/api/v1/users?user=eve`, { method: "DELETE", headers: { Cookie: cookie } });
    assert.equal(removed.status, 204);
    await page.locator("#user").waitFor();
    assert.deepEqual(view.faults, []);
  } finally {
    await view?.context.close();
    await own.close();
  }
});

test("an invitation's link makes a user, whose second factor is asked for at the next sign-in", { skip, timeout: kTestMs }, async () => {
  const own = await startPrograms({ settings: { "http.local_read_without_token": "false" } });
  const views = [];
  const look = async (url) => {
    views.push(await open(browser, url, { expected: /40[0134]|Failed to load resource/ }));
    return views.at(-1).page;
  };
  try {
    const admin = await look(`${own.url}/#/access`);
    await admin.locator("#user").fill("admin");
    await admin.locator("#password").fill(/ password=(\S+)/.exec(own.serverSaid)[1]);
    await admin.keyboard.press("Enter");
    const invitations = admin.getByRole("region", { name: "Invitations" });
    await invitations.getByLabel("Name").fill("mia");
    await invitations.getByRole("button", { name: "Make a link" }).click();
    const link = await invitations.locator("code").innerText();
    await checkAccessibility(admin);
    const mia = await look(link);
    await mia.getByText("You are invited as mia").waitFor();
    await checkAccessibility(mia);
    await mia.locator("#new-password").fill("her own password");
    await mia.locator("#new-password-again").fill("her own password");
    await mia.keyboard.press("Enter");
    await mia.locator("summary", { hasText: "mia" }).waitFor();
    await (await look(link)).getByText("was used, withdrawn, or is over").waitFor();
    await mia.goto(`${own.url}/#/access`);
    const factor = mia.getByRole("region", { name: "Second factor" });
    await factor.getByLabel("Current password").fill("her own password");
    await factor.getByRole("button", { name: "Set up…" }).click();
    const secret = (await factor.locator(".secret").innerText()).replaceAll(" ", "");
    // Read as a phone's camera does.
    const picture = path.join(kArtefacts, "qr-code.png");
    await factor.locator(".qr-code").screenshot({ path: picture });
    const uri = await factor.getByRole("link", { name: "open it on this device" }).getAttribute("href");
    assert.equal(execFileSync("zbarimg", ["-q", "--raw", picture], { encoding: "utf8" }), `${uri}\n`);
    assert.ok(uri.includes(`secret=${secret}`));
    await checkAccessibility(mia);
    const codeAt = (step) => {
      const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
      const counter = Buffer.alloc(8);
      counter.writeBigInt64BE(BigInt(step));
      const mac = createHmac("sha1", Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))).update(counter).digest();
      return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
    };
    await factor.getByLabel("Code that it shows").fill(codeAt(Math.floor(Date.now() / 30_000)));
    await factor.getByRole("button", { name: "Turn on" }).click();
    // The secret is another one, and stays until the server has answered.
    const codes = (await factor.locator("code:not(.secret)").innerText()).split(" ");
    assert.equal(codes.length, 10);
    await factor.getByText("10 recovery codes are left").waitFor();
    await checkAccessibility(mia);
    const again = await look(`${own.url}/`);
    await again.locator("#user").fill("mia");
    await again.locator("#password").fill("her own password");
    await again.keyboard.press("Enter");
    await again.locator("#code").fill("000000");
    await again.keyboard.press("Enter");
    await again.getByText("Not signed in: the code is wrong or was used.").waitFor();
    await again.locator("#code").fill(codes[0]);
    await again.keyboard.press("Enter");
    await again.locator("summary", { hasText: "mia" }).waitFor();
    assert.deepEqual(views.flatMap((view) => view.faults), []);
  } finally {
    for (const view of views) await view.context.close();
    await own.close();
  }
});

test("what people say of a host, thresholds, settings in the account, and the page for guests", { skip, timeout: kTestMs }, async () => {
  const own = await startPrograms({ settings: { "status.public.hosts": "team:front" } });
  const views = [];
  const signIn = async (hash) => {
    const view = await open(browser, `${own.url}/${hash}`, { expected: /40[013]|Failed to load resource/ });
    views.push(view);
    const { page } = view;
    await page.getByRole("button", { name: "Sign in" }).first().click();
    await page.locator("#user").fill("admin");
    await page.locator("#password").fill(/ password=(\S+)/.exec(own.serverSaid)[1]);
    await page.keyboard.press("Enter");
    await page.locator("summary", { hasText: "admin" }).waitFor();
    return page;
  };
  const feed = () => own.write(`mem,host=web1,site=north used_percent=40\nmem,host=web2,site=north used_percent=42\n`);
  // A host that falls silent is late, and then tells of no trouble.
  const feeding = setInterval(() => feed().catch(() => {}), 1000);
  try {
    await feed();
    const page = await signIn("");
    await page.getByRole("link", { name: "web1", exact: true }).click();
    await page.getByRole("button", { name: "Edit…" }).click();
    await page.getByLabel("Display name").fill("Front door");
    await page.getByLabel("Note").fill("rack 7");
    await page.getByLabel("Tags, to search and group by").fill('team:front floor:"two b"');
    await page.getByText("Thresholds of this host").click();
    await page.getByLabel("Memory, high").fill("30");
    await page.getByLabel("Memory, high").blur();
    await checkAccessibility(page);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "Front door" }).waitFor();
    await page.getByText("rack 7", { exact: true }).waitFor();
    await page.locator(".facts .level-high").waitFor();
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    const row = page.locator('tr[data-host="web1"]');
    await row.getByText("memory 40 %").waitFor();
    await page.getByRole("searchbox").fill("floor:two");
    await page.locator('tr[data-host="web2"]').waitFor({ state: "detached" });
    assert.match(await row.innerText(), /Front door/);
    await row.getByRole("link", { name: "Front door" }).click();
    await page.getByRole("button", { name: "Edit…" }).click();
    await page.getByLabel(/Paused/).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".summary .state-paused").waitFor();
    // A threshold of the fleet, one of one's own, and another browser.
    await page.goto(`${own.url}/#/settings`);
    const fleet = page.getByRole("region", { name: "Thresholds of the fleet" });
    await fleet.getByLabel("Memory, high").fill("41");
    await fleet.getByLabel("Memory, high").blur();
    await page.getByRole("group", { name: "Theme" }).getByRole("button", { name: "Dark" }).click();
    await page.getByRole("checkbox", { name: "Swap" }).uncheck();
    await page.getByRole("button", { name: "CPU: one later" }).click();
    await checkAccessibility(page);
    await until("the account has them", () => page.evaluate(async () => {
      const { columns = [] } = await (await fetch("/api/v1/me/settings")).json();
      return !columns.includes("swap") && columns.indexOf("memory") < columns.indexOf("cpu");
    }));
    const other = await signIn("");
    await other.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    await other.locator('tr[data-host="web2"]').getByText("memory 42 %").waitFor();
    const heads = (await other.locator(".fleet thead th").allInnerTexts()).map((text) => text.trim().split(/\s/)[0]);
    assert.ok(!heads.includes("Swap") && heads.indexOf("Memory") < heads.indexOf("CPU"), heads.join());
    const guest = await open(browser, `${own.url}/status/public`, {});
    views.push(guest);
    assert.match(await guest.page.locator("tbody").innerText(), /^Front door\s+paused\s+–\s+40 %\s+–$/i);
    await checkAccessibility(guest.page);
    assert.deepEqual(views.flatMap((view) => view.faults), []);
  } finally {
    clearInterval(feeding);
    for (const view of views) await view.context.close();
    await own.close();
  }
});

test("behind a proxy that does not pass WebSockets the page says so and polls", { skip, timeout: kTestMs }, async () => {
  const target = new URL(programs.url);
  const proxy = http.createServer((request, response) => {
    const onward = http.request({ host: target.hostname, port: target.port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  proxy.on("upgrade", (_, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const view = await open(browser, `http://127.0.0.1:${proxy.address().port}/`, { expected: kRefused });
  try {
    await view.page.getByText("does not pass WebSocket connections").waitFor();
    const values = () => view.page.locator("tr.host-row .col-cpu").allInnerTexts();
    const first = (await values()).join();
    await until("the figures move by polling", async () => (await values()).join() !== first);
    assert.equal(await view.page.getByText("Not connected:").count(), 0);
    assert.deepEqual(view.faults, []);
  } finally {
    await view.context.close();
    proxy.closeAllConnections();
    proxy.close();
  }
});
