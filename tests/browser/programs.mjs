// The real programs in a scratch folder on free ports: a server, and clients that do not exist.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const kRoot = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const kBin = path.join(process.env.RESMON_BUILD_DIR ?? path.join(kRoot, "build"), "bin");
export const programsAreBuilt = existsSync(path.join(kBin, "resmon-server")) && existsSync(path.join(kBin, "resmon-load"));

const kPatienceMs = 30_000;

export async function until(what, condition) {
  for (const deadline = Date.now() + kPatienceMs; ; ) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${kPatienceMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// One that nobody has now, from below the range out of which the kernel takes the ports of outgoing connections.
export async function freePort() {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const probe = createServer();
    const free = await new Promise((resolve) => probe.on("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

// What is left of `environment` after the caller's own settings of resmon are taken out: they are none of the test's business.
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(RESMON|INFLUX)_/.test(name)));

// `http`: the port of the page, where something else has to know it before.
export async function startPrograms({ settings = {}, http = null } = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "resmon-programs-"));
  const tcp = await freePort();
  http ??= await freePort();
  const children = new Set();
  const run = (name, args) => {
    const child = spawn(path.join(kBin, name), args, { stdio: ["ignore", "ignore", "pipe"], env: clean, cwd: folder });
    child.said = "";
    child.stderr.on("data", (data) => (child.said = (child.said + data).slice(-4000)));
    children.add(child);
    child.gone = new Promise((resolve) => child.once("exit", resolve)).then(() => children.delete(child));
    return child;
  };
  const url = `http://127.0.0.1:${http}`;
  let server = null;
  const programs = {
    url,
    listens: `127.0.0.1:${tcp}`,
    run,
    tokenFile: path.join(folder, "data/token"),
    // What the server wrote to standard error; its end where that is long.
    get serverSaid() { return server.said; },
    async startServer() {
      const all = { "store.directory": "data", "listen.address": `127.0.0.1:${tcp}`, "http.address": `127.0.0.1:${http}`, ...settings };
      server = run("resmon-server", Object.entries(all).flatMap(([key, value]) => ["--set", `${key}=${value}`]));
      await until("the server is ready", async () => {
        if (server.exitCode !== null) throw new Error(`the server ended: ${server.said}`);
        return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
      });
    },
    async stopServer(signal = "SIGTERM") {
      server.kill(signal);
      await server.gone;
    },
    startLoad(clients, interval, { prefix = "sim-", suffix = "", seed = 1, profile = "mixed" } = {}) {
      return run("resmon-load", ["--server", `127.0.0.1:${tcp}`, "--token-file", programs.tokenFile, "--clients", String(clients), "--name-prefix", prefix, "--set", `load.name_suffix=${suffix}`,
        "--interval", interval, "--seed", String(seed), "--load-profile", profile]);
    },
    startClient(host, interval) {
      return run("resmon-client", Object.entries({
        "client.host": host, "client.servers": `["127.0.0.1:${tcp}"]`, "client.interval": interval, "client.token_file": programs.tokenFile,
      }).flatMap(([key, value]) => ["--set", `${key}=${value}`]));
    },
    async token() {
      return (await readFile(programs.tokenFile, "utf8")).trim().split("\n")[0];
    },
    async query(text) {
      const answer = await fetch(`${url}/query`, { method: "POST", body: new URLSearchParams({ db: "resmon", epoch: "ms", q: text }) });
      return (await answer.json()).results[0].series ?? [];
    },
    async write(body) {
      const answer = await fetch(`${url}/write?db=resmon&precision=ms`, { method: "POST", body, headers: { Authorization: `Bearer ${await programs.token()}` } });
      if (answer.status !== 204) throw new Error(`/write answered ${answer.status}: ${await answer.text()}`);
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all([...children].map((child) => child.gone));
      await rm(folder, { recursive: true, force: true });
    },
  };
  await programs.startServer();
  return programs;
}
