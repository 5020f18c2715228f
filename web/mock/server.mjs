// A stand-in for resmon-server, for work on the page and for browser tests where no server is built: the built page under the
// real server's content policy, /api/v1/hosts, the live WebSocket and /query, all from generated machines.
//
//   npm run mock            # MOCK_HOSTS=1000 MOCK_TOKEN=secret MOCK_PORT=7500

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { inlineSources } from "../tools/inline.mjs";
import { makeAccounts } from "./accounts.mjs";
import { answerAlerts, makeAlerts } from "./alerts.mjs";
import { answerLogs, makeLines } from "./logs.mjs";
import { answer } from "./query.mjs";
import { gauge, profile, rate } from "./values.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const kTypes = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" };
const policy = ({ script, style }) =>
  `default-src 'none'; script-src 'self' ${script}; style-src 'self' ${style}; img-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

const kCursor = "1-1-1";  // of all its answers

function makeHosts(names, now) {
  return names.map((name, index) => ({
    name,
    since: now - 40 * 86400e3,
    gaps: index === 1 ? [[now - 9 * 60e3, now - 5 * 60e3], [now - 3 * 3600e3, now - 2.4 * 3600e3]] : [],
    state: index === 2 && names.length > 4 ? "down" : index === 3 && names.length > 4 ? "late" : "up",
    lastSeen: now - (index === 2 && names.length > 4 ? 3 * 3600e3 : index === 3 && names.length > 4 ? 22e3 : 0),
    interval: 5,
    phase: index % 5,
  }));
}

function describe(host, now) {
  const t = host.lastSeen;
  const p = profile(host.name);
  const fullest = p.paths.map((one) => [one, gauge(host.name, "disk", { path: one }, "used_percent", t)]).sort((a, b) => b[1] - a[1])[0];
  const all = (field) => p.interfaces.reduce((sum, name) => sum + rate(host.name, "net", { interface: name }, field, t), 0);
  return {
    host: host.name,
    state: host.state,
    up: host.state === "up",
    last_seen_seconds: (now - t) / 1000,
    last_seen: t,
    first_seen: host.since,
    address: "127.0.0.1:5123",
    version: "0.1.0",
    interval_seconds: host.interval,
    tags: { site: host.phase % 2 ? "berlin" : "oslo" },
    backlog_samples: 0,
    dropped_samples: 0,
    refused_samples: host.refused?.samples ?? 0,
    last_refusal: host.refused?.reason ?? "",
    received_samples: 12345,
    summary: {
      cpu_percent: gauge(host.name, "cpu", {}, "usage_active", t),
      memory_percent: gauge(host.name, "mem", {}, "used_percent", t),
      swap_percent: p.swap > 0 ? (gauge(host.name, "swap", {}, "used", t) / p.swap) * 100 : null,
      disk_percent: fullest[1],
      disk_path: fullest[0],
      network_receive_bytes_per_second: all("bytes_recv"),
      network_send_bytes_per_second: all("bytes_sent"),
      pressure_percent: gauge(host.name, "pressure", { resource: "io", type: "some" }, "avg10", t),
      pressure_resource: "io",
      load1: gauge(host.name, "system", {}, "load1", t),
      n_cpus: p.cpus,
      uptime_seconds: (t - host.since) / 1000,
    },
  };
}

// A server-to-client WebSocket text frame (RFC 6455, section 5.2): never masked.
function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length])
    : body.length < 65536 ? Buffer.from([0x81, 126, body.length >> 8, body.length & 255])
    : Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0]), Buffer.from(Uint32Array.of(body.length).buffer).swap32()]);
  return Buffer.concat([head, body]);
}

function readFrame(data) {
  if (data.length < 6 || (data[0] & 15) !== 1) return null;
  let length = data[1] & 127;
  let at = 2;
  if (length === 126) { length = data.readUInt16BE(2); at = 4; }
  const mask = data.subarray(at, at + 4);
  return data.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i % 4]).toString();
}

// The page from today's sources, built once for each process: what a test looks at is never an old build, and needs none.
let built = null;
function builtPage() {
  if (built !== null) return built;
  const folder = mkdtempSync(path.join(tmpdir(), "resmon-page-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const made = spawnSync(process.execPath, [path.join(here, "../build.mjs"), "--quick", "--out", folder], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`the page does not build: ${made.stderr || made.error}`);
  built = folder;
  return built;
}

// What /api/v1/server tells; numbers grow with time, so that rates are steady.
function serverState(hosts, began, sinks, version) {
  const seconds = (Date.now() - began) / 1000;
  const samples = Math.floor(seconds * hosts.length * 45);
  return {
    version, pid: 4711, uptime_seconds: 86_400 + seconds, clients: hosts.length, received_samples: samples,
    ingest: {
      address: "127.0.0.1:7411", tls: false, clients: hosts.length, max_clients: 20_000, samples, batches: Math.floor(seconds * hosts.length / 5),
      received_bytes: Math.floor(samples * 0.9), duplicate_batches: 0, missing_batches: 0, connections: hosts.length, refused_connections: 1,
    },
    log: { bytes: 120_000, limit_bytes: 268_435_456 },
    http: { address: "127.0.0.1:7412", tls: false, requests: Math.floor(seconds * 2), denied: 0, failures: 0, connections: 2 },
    store: {
      trouble: "", directory: "/var/lib/resmon", groups: hosts.length * 25, chunks: 5200, head_rows: 91_000, head_bytes: 9_000_000, stored_samples: samples,
      refused_samples: 0, damaged_chunks: 0, expired_chunks: 12, evicted_chunks: 0, disk_bytes: 2_900_000_000, disk_limit_bytes: 10_737_418_240,
      retain_seconds: 2_592_000, backlog_entries: 0,
      tiers: [
        { name: "samples", disk_bytes: 2_300_000_000, disk_limit_bytes: 10_737_418_240, retain_seconds: 2_592_000, oldest: began - 12 * 86_400_000 },
        { name: "minutes", disk_bytes: 550_000_000, disk_limit_bytes: 2_147_483_648, retain_seconds: 31_536_000, oldest: began - 200 * 86_400_000 },
        { name: "hours", disk_bytes: 50_000_000, disk_limit_bytes: 536_870_912, retain_seconds: 157_680_000, oldest: began - 900 * 86_400_000 },
      ],
    },
    sinks,
  };
}

// names: the hosts; token: ask for it; people: { name: { password, role } }, who may sign in, and then somebody must (unless `open`);
// logLines: how many lines of logs there are; alerts: whether any fire; failing: collectors that
// do, as { host, collector, code }; version: the server's; port 0: any; upstream: an InfluxDB that answers /query instead; canned: (query) => its answer, or undefined.
export async function startMock({ names, token = null, port = 0, upstream = null, people = null, open = false, canned = () => undefined, sinks = [], logLines = 0, alerts = false, failing = [], version = "0.1.0" }) {
  const accounts = people === null ? null : makeAccounts(people);
  const began = Date.now();
  const logged = [
    ["info", "server", "started version=0.1.0 pid=4711"], ["info", "ingest", "client connected host=web1 address=127.0.0.1:41312"],
    ["warn", "ingest", 'client refused host="two words" code=token'], ["debug", "store", "sealed chunks=12"],
  ].map(([level, component, text], index) => ({ sequence: index + 1, time: began - 60_000 + index * 1000, level, component, text }));
  const hosts = makeHosts(names, Date.now());
  const assets = new Map();
  const page = builtPage();
  for (const name of await readdir(page)) {
    const bytes = await readFile(path.join(page, name));
    assets.set(name === "index.html" ? "/" : `/${name}`, { body: gzipSync(bytes, { level: 9 }), type: kTypes[path.extname(name)], policy: policy(inlineSources(name === "index.html" ? bytes.toString() : "")) });
  }
  const sockets = new Set();
  const connections = new Set();
  const queries = [];
  const forgotten = [];  // what was asked for, as "name?purge=true"
  const remove = (name) => {
    hosts.splice(hosts.findIndex((one) => one.name === name), 1);
    send({ type: "removed", hosts: [name] });
  };
  const annotations = [];  // [{ time, about, text, author }]
  let accepting = true;
  const followers = new Set();
  const alertState = alerts ? makeAlerts(names, Date.now()) : null;
  const lines = makeLines(logLines, names, Date.now());
  const live = () => ({ server_time: Date.now(), hosts: hosts.map((host) => describe(host, Date.now())) });
  const allowed = (request) =>
    open || (token === null && accounts === null) || (token !== null && request.headers.authorization === `Bearer ${token}`) ||
    (accounts !== null && accounts.userOf(request) !== null);

  const server = createServer(async (request, response) => {
    if (!accepting) return request.socket.destroy();
    const url = new URL(request.url, "http://mock");
    const json = (status, body) => {
      response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
      response.end(JSON.stringify(body));
    };
    const asset = assets.get(url.pathname);
    if (asset !== undefined) {
      response.writeHead(200, {
        "Content-Type": asset.type, "Content-Encoding": "gzip", "Content-Length": asset.body.length,
        "Content-Security-Policy": asset.policy, "X-Content-Type-Options": "nosniff",
      });
      return response.end(asset.body);
    }
    if (url.pathname === "/write" && request.method === "POST") {
      if (accounts === null || accounts.userOf(request)?.role !== "admin") return json(403, { error: "may read only" });
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const line = /^annotation(?:,about=(\S+))? text="([^"]*)",author="(\w*)" (\d+)\n$/.exec(Buffer.concat(chunks).toString());
      if (line === null) return json(400, { error: "unable to parse" });
      annotations.push({ about: line[1] ?? "", text: line[2], author: line[3], time: Number(line[4]) });
      response.writeHead(204).end();
      return;
    }
    if (accounts !== null && url.pathname !== "/query" && !url.pathname.startsWith("/api/v1/alerts")) {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const made = accounts.answer(request, url, chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {});
      if (made !== null) {
        for (const [name, value] of Object.entries(made[2] ?? {})) response.setHeader(name, value);
        return json(made[0], made[1]);
      }
    } else if (url.pathname === "/api/v1/session") {
      return json(200, { signed_in: false, accounts: false });
    }
    if (url.pathname === "/api/v1/server") return allowed(request) ? json(200, serverState(hosts, began, sinks, version)) : json(401, { error: "token required" });
    if (url.pathname === "/api/v1/log") {
      if (!allowed(request)) return json(401, { error: "token required" });
      const rank = ["debug", "info", "warn", "error"];
      const least = rank.indexOf(url.searchParams.get("level") ?? "debug");
      const after = Number(url.searchParams.get("after") ?? 0);
      return json(200, { lines: logged.filter((line) => line.sequence > after && rank.indexOf(line.level) >= least) });
    }
    if (request.method === "DELETE" && url.pathname.startsWith("/api/v1/hosts/")) {
      const name = decodeURIComponent(url.pathname.slice("/api/v1/hosts/".length));
      const host = hosts.find((one) => one.name === name);
      if (host === undefined) return json(404, { error: "no host has this name" });
      if (host.state === "up") return json(409, { error: "its client is connected: stop that first" });
      forgotten.push(name + url.search);
      remove(name);
      response.writeHead(204).end();
      return;
    }
    if (url.pathname === "/api/v1/hosts") return allowed(request) ? json(200, { ...live(), cursor: kCursor }) : json(401, { error: "token required" });
    if (url.pathname === "/query") {
      if (!allowed(request)) return json(401, { error: "token required" });
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const form = request.method === "POST" ? new URLSearchParams(Buffer.concat(chunks).toString()) : url.searchParams;
      const text = form.get("q") ?? "";
      queries.push(text);
      if (upstream !== null) {
        const answered = await fetch(`${upstream}/query`, { method: "POST", body: form });
        response.writeHead(answered.status, { "Content-Type": "application/json" });
        return response.end(await answered.text());
      }
      const given = canned(text);
      if (given !== undefined) return json(200, given);
      try {
        return json(200, answer(text, hosts, Date.now(), failing, annotations));
      } catch (error) {
        return json(400, { error: error.message });
      }
    }
    if (url.pathname.startsWith("/api/v1/alerts")) {
      if (!allowed(request)) return json(401, { error: "token required" });
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const [status, body] = answerAlerts(request.method, url, chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}, alertState);
      if (body !== null) return json(status, body);
      response.writeHead(status).end();
      return;
    }
    const told = answerLogs(url, lines);
    if (told !== null) return allowed(request) ? json(...told) : json(401, { error: "token required" });
    json(404, { error: "not found" });
  });
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  server.on("upgrade", (request, socket) => {
    if (!accepting) return socket.destroy();
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const follows = request.url.startsWith("/api/v1/logs/tail");
    const begin = () => {
      if (follows) {
        socket.write(frame(JSON.stringify({ type: "following" })));
        followers.add(socket);
        return;
      }
      // What changed since the page's list: nothing, of which the server tells it, too.
      socket.write(frame(JSON.stringify(request.url.endsWith(`?since=${kCursor}`) ? { type: "update", ...live(), hosts: [] } : { type: "snapshot", ...live() })));
      sockets.add(socket);
    };
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      followers.delete(socket);
    });
    socket.on("data", (data) => {
      if ((data[0] & 15) === 8) return socket.end();
      const text = readFrame(data);
      if (token !== null && text !== null && JSON.parse(text).token === token) begin();
    });
    if (allowed(request)) begin();
  });
  const send = (message) => {
    const bytes = frame(JSON.stringify(message));
    for (const socket of sockets) socket.write(bytes);
  };
  let tick = 0;
  const timer = setInterval(() => {
    const now = Date.now();
    const turn = tick++ % 5;
    const changed = hosts.filter((host) => host.state === "up" && (hosts.length < 10 || host.phase === turn));
    for (const host of changed) host.lastSeen = now;
    if (changed.length > 0) send({ type: "update", server_time: now, hosts: changed.map((host) => describe(host, now)) });
  }, 1000);

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    queries,
    alerts: alertState,
    dropConnections() {
      accepting = false;
      for (const socket of connections) socket.destroy();
    },
    acceptAgain() {
      accepting = true;
    },
    setState(name, state) {
      const host = hosts.find((one) => one.name === name);
      host.state = state;
      send({ type: "update", server_time: Date.now(), hosts: [describe(host, Date.now())] });
    },
    refuse(name, samples, reason) {
      const host = hosts.find((one) => one.name === name);
      host.refused = { samples, reason };
      send({ type: "update", server_time: Date.now(), hosts: [describe(host, Date.now())] });
    },
    log(level, text) {
      logged.push({ sequence: logged.length + 1, time: Date.now(), level, component: "test", text });
    },
    addHost(name) {
      const [host] = makeHosts([name], Date.now());
      hosts.push(host);
      send({ type: "update", server_time: Date.now(), hosts: [describe(host, Date.now())] });
    },
    // Lines as they come, for those who follow.
    addLines(fresh) {
      lines.unshift(...fresh);
      const bytes = frame(JSON.stringify({ type: "lines", lines: fresh, dropped: 0 }));
      for (const socket of followers) socket.write(bytes);
    },
    removeHost: remove,
    forgotten,
    async close() {
      clearInterval(timer);
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const defaultNames = (count) => {
  const kinds = ["web", "db", "cache", "build", "mail"];
  return Array.from({ length: count }, (_, index) => `${kinds[index % kinds.length]}${Math.floor(index / kinds.length) + 1}`);
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const mock = await startMock({
    names: defaultNames(Number(process.env.MOCK_HOSTS ?? 6)),
    token: process.env.MOCK_TOKEN ?? null,
    people: process.env.MOCK_PASSWORD ? { admin: { password: process.env.MOCK_PASSWORD, role: "admin" } } : null,
    port: Number(process.env.MOCK_PORT ?? 7500),
    logLines: Number(process.env.MOCK_LOG_LINES ?? 5000),
  });
  console.log(mock.url);
}
