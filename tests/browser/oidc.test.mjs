// Signing in with a provider, in a real browser, against a real one: the npm package oidc-provider, which is certified by the OpenID
// Foundation. Only its accounts and the two forms of its own page are the test's.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkAccessibility, kLocale, kPatienceMs, kTestMs, launch } from "./browser.mjs";
import { freePort, programsAreBuilt, startPrograms, until } from "./programs.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const skip = !programsAreBuilt && "resmon-server and resmon-load are not built";

const kSecret = "the client's secret: with / and %";
// Every password is the name.
const kPeople = {
  mia: { preferred_username: "mia", groups: ["boss", "staff"] },
  eve: { preferred_username: "eve", groups: ["staff"] },
  tom: { preferred_username: "tom", groups: [] },
  admin: { preferred_username: "admin", groups: ["boss"] },
};

// One that can be stopped and started again on its port. `settings` are oidc-provider's.
async function startProvider(resmonUrl, settings = {}) {
  const { default: Provider } = await import("oidc-provider");
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const groups = structuredClone(kPeople);
  const make = () => new Provider(issuer, {
    clients: [{
      client_id: "resmon", client_secret: kSecret, redirect_uris: [`${resmonUrl}/oidc/callback`], response_types: ["code"],
      grant_types: ["authorization_code"], token_endpoint_auth_method: "client_secret_basic",
    }],
    pkce: { required: () => true, methods: ["S256"] },
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email"] },
    scopes: ["openid", "profile", "email"],
    cookies: { keys: ["of this test"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...groups[id] }) }),
    ...settings,
  });
  const listen = () => new Promise((resolve) => {
    const server = createServer(make().callback());
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
  let server = await listen();
  const stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return { issuer, groups, stop, start: async () => void (server = await listen()) };
}

let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(async () => browser?.close());

// A server and its provider, and a page of the former. `provider` and `server`: settings of each.
async function setting(body, { provider: providerSettings = {}, server: serverSettings = {}, secret = kSecret } = {}) {
  // The provider must know the server's address, and the server the provider's.
  const http = await freePort();
  const url = `http://127.0.0.1:${http}`;
  const provider = await startProvider(url, providerSettings);
  const secretFile = path.join(tmpdir(), `resmon-oidc-secret-${process.pid}-${http}`);
  await writeFile(secretFile, `${secret}\n`, { mode: 0o600 });
  const programs = await startPrograms({ settings: {
    "http.public_url": url, "http.local_read_without_token": "false",
    "oidc.issuer": provider.issuer, "oidc.client_id": "resmon", "oidc.client_secret_file": secretFile, "oidc.name": "House Keys",
    "oidc.admin_values": '["boss"]', "oidc.viewer_values": '["staff"]', ...serverSettings,
  }, http });
  const context = await browser.newContext({ locale: kLocale, viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(kPatienceMs);
  try {
    await body({ page, context, provider, programs, url });
  } catch (failure) {
    await page.screenshot({ path: path.join(here, "../artefacts/oidc-failed.png") });
    failure.message += `\nat ${page.url()}; the server wrote: ${programs.serverSaid.split("\n").filter((line) => line.includes(" auth ")).join("\n").replace(/ password=\S+/, "")}`;
    throw failure;
  } finally {
    await context.close();
    await provider.stop();
    await programs.close();
  }
}

const oidcTest = (name, body, options) => test(name, { skip, timeout: kTestMs }, () => setting(body, options));

// From the page's button over the provider's two forms and back.
async function signIn(page, name) {
  await page.getByRole("link", { name: "Sign in with House Keys" }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill(name);
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}
const problem = (page) => page.locator(".sign-in-provider [role=alert]");
const outcomes = async (programs) => {
  const answer = await fetch(`${programs.url}/metrics`, { headers: { Authorization: `Bearer ${await programs.token()}` } });
  return Object.fromEntries([...(await answer.text()).matchAll(/resmon_oidc_sign_ins_total\{outcome="(\w+)"\} (\d+)/g)].map((row) => [row[1], Number(row[2])]));
};

oidcTest("somebody signs in, is an administrator by a claim, comes back to the same place, and signs out", async ({ page, context, programs, url }) => {
  await page.goto(`${url}/#/access`);
  await page.getByRole("link", { name: "Sign in with House Keys" }).waitFor();
  await checkAccessibility(page);
  await page.screenshot({ path: path.join(here, "../artefacts/oidc-sign-in.png") });
  await signIn(page, "mia");
  await page.waitForURL(`${url}/#/access`);
  const users = page.getByRole("region", { name: "Users", exact: true });
  await users.getByRole("rowheader", { name: "mia by House Keys" }).waitFor();
  await page.getByText("You signed in with House Keys").waitFor();
  assert.equal(await page.getByRole("region", { name: "Your password" }).count(), 0);
  assert.equal(await page.evaluate(() => document.cookie), "", "a script can read a cookie");
  // Cookies know no ports: the provider's are there, too.
  const cookies = (await context.cookies(url)).filter((one) => one.name.startsWith("resmon"));
  assert.deepEqual(cookies.map((one) => [one.name, one.httpOnly, one.sameSite]), [["resmon_session", true, "Strict"]]);
  assert.equal((await outcomes(programs)).done, 1);
  // The session survives a restart, as one with a password does.
  await programs.stopServer();
  await programs.startServer();
  await page.reload();
  await page.locator("summary", { hasText: "mia" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#user").waitFor();
  assert.equal((await fetch(`${url}/api/v1/users`, { headers: { Cookie: `resmon_session=${cookies[0].value}` } })).status, 401);
});

oidcTest("the role is the claims' at each sign-in", async ({ page, provider, programs, url }) => {
  await page.goto(`${url}/#/access`);
  await signIn(page, "eve");
  await page.getByText("Only an administrator can change").waitFor();
  const role = () => page.evaluate(async () => (await (await fetch("/api/v1/session")).json()).role);
  assert.equal(await role(), "viewer");
  provider.groups.eve.groups = ["boss"];
  assert.equal(await role(), "viewer", "not before the next sign-in");
  const again = async () => {
    await page.locator("summary", { hasText: "eve" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    // The provider still knows the browser: no form of its own.
    await page.getByRole("link", { name: "Sign in with House Keys" }).click();
  };
  await again();
  await page.getByRole("region", { name: "Users", exact: true }).waitFor();
  assert.equal(await role(), "admin");
  provider.groups.eve.groups = [];
  await again();
  await problem(page).getByText("You may not use this server.").waitFor();
  assert.equal((await outcomes(programs)).role, 1);
  await page.reload();
  await page.getByRole("link", { name: "Sign in with House Keys" }).waitFor();
  assert.equal(await problem(page).count(), 0, "said once");
});

oidcTest("somebody without a role, and one with a local user's name, do not get in", async ({ page, context, url }) => {
  await page.goto(url);
  await signIn(page, "tom");
  await problem(page).getByText("You may not use this server.").waitFor();
  await context.clearCookies();
  await page.goto(url);
  await signIn(page, "admin");
  await problem(page).getByText("A local user of this server has the same name").waitFor();
  assert.deepEqual((await context.cookies(url)).filter((one) => one.name.startsWith("resmon")), []);
});

oidcTest("a wrong client secret is said, and logged without it", async ({ page, programs, url }) => {
  await page.goto(url);
  await signIn(page, "mia");
  await problem(page).getByText("House Keys does not accept this server.").waitFor();
  await checkAccessibility(page);
  await page.screenshot({ path: path.join(here, "../artefacts/oidc-problem.png") });
  await until("it is logged", () => programs.serverSaid.includes("invalid_client"));
  assert.ok(!programs.serverSaid.includes("not the secret"), programs.serverSaid);
  assert.equal((await outcomes(programs)).client, 1);
}, { secret: "not the secret" });

oidcTest("a provider that is down: local users still sign in", async ({ page, provider, programs, url }) => {
  await provider.stop();
  await page.goto(`${url}/#/access`);
  await page.getByRole("link", { name: "Sign in with House Keys" }).click();
  await problem(page).getByText("House Keys does not answer.").waitFor();
  assert.equal(new URL(page.url()).hash, "#/access");
  const password = / password=(\S+)/.exec(programs.serverSaid)?.[1];
  await page.locator("#user").fill("admin");
  await page.locator("#password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Users", exact: true }).waitFor();
  assert.equal((await outcomes(programs)).unreachable, 1);
  await provider.start();
});

oidcTest("an answer counts once, and only in the browser that began", async ({ page, context, programs, url }) => {
  let callback = null;
  page.on("request", (request) => {
    if (request.url().startsWith(`${url}/oidc/callback`)) callback = request.url();
  });
  await page.goto(url);
  await signIn(page, "mia");
  await page.locator("summary", { hasText: "mia" }).waitFor();
  assert.ok(callback !== null);
  await page.goto(callback);
  await problem(page).getByText("This sign-in took longer than ten minutes, was used before").waitFor();
  assert.equal((await outcomes(programs)).stale, 1);
  await context.clearCookies({ name: "resmon_session" });
  // An answer that another browser got: what an attacker would have somebody open.
  const answer = await fetch(`${url}/oidc/callback?code=x&state=${"s".repeat(43)}`, { redirect: "manual" });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get("location"), "/");
  assert.match(answer.headers.get("set-cookie"), /^resmon_oidc_failed=stale;/);
  // With the right cookie it is used up.
  const start = await fetch(`${url}/oidc/start`, { redirect: "manual" });
  const cookie = start.headers.get("set-cookie").split(";")[0];
  const state = new URL(start.headers.get("location")).searchParams.get("state");
  const finish = () => fetch(`${url}/oidc/callback?code=invented&state=${state}&iss=${encodeURIComponent(new URL(start.headers.get("location")).origin)}`, { redirect: "manual", headers: { Cookie: cookie } });
  assert.match((await finish()).headers.get("set-cookie"), /failed=refused/);
  assert.match((await finish()).headers.get("set-cookie"), /failed=stale/);
});

oidcTest("an expired ID token is refused", async ({ page, programs, url }) => {
  await page.goto(url);
  await signIn(page, "mia");
  await problem(page).getByText("The answer of House Keys failed a check.").waitFor();
  await until("the reason is logged", () => programs.serverSaid.includes("has expired"));
  assert.equal((await outcomes(programs)).token, 1);
}, { provider: { ttl: { IdToken: () => -600 } } });

oidcTest("the way back leads to the own page only, and to its public address first", async ({ programs, url }) => {
  const start = async (to, host) => {
    const answer = await fetch(`${url.replace("127.0.0.1", host ?? "127.0.0.1")}/oidc/start?to=${encodeURIComponent(to)}`, { redirect: "manual" });
    return { location: answer.headers.get("location"), cookie: answer.headers.get("set-cookie") };
  };
  const place = async (to) => Buffer.from((await start(to)).cookie.split(";")[0].split(".")[2], "base64url").toString();
  assert.equal(await place("#/host/a?from=1"), "#/host/a?from=1");
  for (const evil of ["https://evil.example.org", "//evil.example.org", "/\\evil.example.org", "#/a\r\nSet-Cookie: x=y", "x", `#/${"a".repeat(2000)}`])
    assert.equal(await place(evil), "", evil);
  const elsewhere = await start("#/host/a", "localhost");
  assert.equal(elsewhere.location, `${url}/oidc/start?again=1&to=%23%2Fhost%2Fa`);
  assert.equal(elsewhere.cookie, null);
  // What goes to the provider is bound to what only the server knows.
  const { location } = await start("");
  const asked = new URL(location).searchParams;
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.equal(asked.get("redirect_uri"), `${programs.url}/oidc/callback`);
  assert.equal(createHash("sha256").update(asked.get("code_challenge")).digest().length, 32);
});

oidcTest("an administrator ends a person's sessions; a local user of the same name ends them, too", async ({ page, context, url }) => {
  await page.goto(`${url}/#/access`);
  await signIn(page, "mia");
  const other = await context.browser().newContext({ locale: kLocale });
  const eve = await other.newPage();
  eve.setDefaultTimeout(kPatienceMs);
  await eve.goto(url);
  await signIn(eve, "eve");
  await eve.locator("summary", { hasText: "eve" }).waitFor();
  const users = page.getByRole("region", { name: "Users", exact: true });
  await until("eve is listed", async () => {
    await page.reload();
    await users.getByRole("rowheader", { name: "mia by House Keys" }).waitFor();
    return (await users.getByRole("rowheader", { name: "eve by House Keys" }).count()) === 1;
  });
  await users.getByRole("button", { name: "End sessions of eve" }).click();
  await users.getByRole("button", { name: "Really End sessions of eve" }).click();
  await users.getByRole("rowheader", { name: "eve by House Keys" }).waitFor({ state: "detached" });
  await eve.locator("#user").waitFor();
  await eve.getByRole("link", { name: "Sign in with House Keys" }).click();
  await eve.locator("summary", { hasText: "eve" }).waitFor();
  await users.getByLabel("Name").fill("eve");
  await users.getByLabel("Password").fill("a local one's password");
  await users.getByRole("button", { name: "Add user" }).click();
  await users.getByRole("rowheader", { name: "eve", exact: true }).waitFor();
  await eve.reload();
  await eve.locator("#user").waitFor();
  await other.close();
});
