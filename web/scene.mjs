// A server with a fleet to look at, for screenshots.mjs and for a person's eyes: about 50 simulated hosts, some with the long names of
// clouds, some in trouble, a week of one host's past, log lines, alerts, a silence, a page for guests, and one real client of this machine.
//
//   node scene.mjs [PORT-FILE]        # prints the settings for screenshots.mjs, and writes them into PORT-FILE; Ctrl+C ends it
//
// It needs the built programs (RESMON_BUILD_DIR, by default build).

import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startPrograms, until } from "../tests/browser/programs.mjs";
import { lines } from "./mock/lines.mjs";

const kMinute = 60_000;
const kDay = 1440 * kMinute;
const kPast = "db-main";     // a week of its past is stored
const kFull = "ip-10-0-7-21.eu-central-1.compute.internal";
const kGone = "ip-10-0-7-9.eu-central-1.compute.internal";

const kRules = `notify = ["phone"]
[channel.phone]
url = "ntfy://127.0.0.1:9/topic"
[channel.mail]
url = "smtp://127.0.0.1:9/?from=resmon@example.org&to=on-call@example.org"
[rule.failed-logins]
when = '''logs('unit:sshd "Failed password"') > 3 in 10m'''
[rule.orders-waiting]
when = 'queue{name="orders"}.waiting > 100'
severity = "critical"
help = "The payment provider is slow, or the worker is gone."
[maintenance.nightly]
hosts = "team:data"
days = ["sun"]
from = "02:00"
to = "04:00"
`;

// The types that the server has for the fields of its own clients: a field has one type, and another is refused.
async function fieldTypes(programs) {
  const types = new Map();
  for (const { name, values } of await programs.query("SHOW FIELD KEYS")) for (const [field, type] of values) types.set(`${name} ${field}`, type);
  return types;
}

const typed = (types, text) => text.split("\n").map((line) => {
  const [series, fields, time] = line.split(/(?<!\\) /);
  const name = series.split(",")[0];
  const cells = fields.split(",").map((cell) => {
    const [field, value] = cell.split("=");
    const type = types.get(`${name} ${field}`);
    return `${field}=${type === "integer" ? `${Math.round(parseFloat(value))}i` : type === "float" ? parseFloat(value) : value}`;
  });
  return `${series} ${cells.join(",")} ${time}`;
}).join("\n");

async function inBatches(programs, from, size) {
  let batch = [];
  for (const one of from) {
    batch.push(one);
    if (batch.length < size) continue;
    await programs.write(batch.join("\n"));
    batch = [];
  }
  if (batch.length > 0) await programs.write(batch.join("\n"));
}

// On Tuesdays from 14:00 to 15:00 the database had a bad hour, in which a dump filled its disk, and after which it was started again; and its disk
// is nearly full today.
function* past(now) {
  const bad = (t) => new Date(t).getUTCDay() === 2 && new Date(t).getUTCHours() === 14;
  for (const gather of lines(kPast, now - 8 * kDay, now, kMinute)) {
    const t = Number(gather.slice(gather.lastIndexOf(" ") + 1));
    const day = new Date(t);
    const started = Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() - ((day.getUTCDay() + 5) % 7), 15) / 1000;
    const boot = started * 1000 <= t ? started : started - 7 * 86_400;
    const whole = `${gather.replace(/^(kernel,\S+ )/m, `$1boot_time=${boot}i,`)}\n${programs(bad(t), t)}`;
    if (!bad(t)) { yield whole; continue; }
    const filled = (t % (60 * kMinute)) / kMinute / 5;
    yield whole.replace(/(cpu=cpu-total.* usage_user=)[\d.]+/, "$190").replace(/usage_active=[\d.]+/, "usage_active=98").replace(/usage_idle=[\d.]+/, "usage_idle=2")
      .replace(/(diskio,\S*name=nvme0n1 io_util=)[\d.]+/, "$197.5").replace(/(disk,\S*path=\/var\S* used_percent=)([\d.]+)/, (_, before, value) => `${before}${Number(value) + filled}`)
      .replace(/(pressure,\S*resource=io,type=some avg10=)[\d.]+/, "$171.2");
  }
}
const programs = (isBad, t) => [["postgres", isBad ? 171 : 22, 6.2e9], ["pg_dump", isBad ? 24 : 0.1, 3e8], ["node", 6, 9e8], ["systemd-journald", 1, 5e7]].map(([name, cpu, memory]) =>
  `procstat,host=${kPast},process_name=${name},user=${name === "node" ? "shop" : "root"} cpu_usage=${cpu},memory_rss=${memory}i ${t}`).join("\n");
const full = (t) => `mem,host=${kFull},team=data used_percent=71,total=17179869184i,used=12197462835i ${t}
disk,host=${kFull},team=data,path=/srv/data,device=nvme1n1,fstype=ext4,mode=rw used_percent=97.3,total=268435456000i,free=7247757312i,used=261187698688i ${t}
cpu,host=${kFull},team=data,cpu=cpu-total usage_active=22,usage_idle=78,usage_user=15,usage_system=7 ${t}
system,host=${kFull},team=data load1=0.8,load5=0.7,load15=0.7,n_cpus=4i,uptime=812345i ${t}`;

const kMessages = [
  ["nginx", "info", (n) => `10.0.7.${n % 250} - - "GET /api/v1/orders/${n * 37} HTTP/1.1" 200 ${500 + (n % 900)} "-" "shop/2.4"`],
  ["nginx", "info", (n) => `10.0.7.${n % 250} - - "POST /api/v1/basket HTTP/1.1" 201 88 "-" "shop/2.4"`],
  ["shop", "info", (n) => `order ${n * 41} accepted in ${5 + (n % 60)} ms`],
  ["shop", "warn", (n) => `payment provider slow: ${900 + (n % 700)} ms for order ${n * 41}, retry 1 of 3`],
  ["postgresql", "info", (n) => `checkpoint complete: wrote ${n % 900} buffers (${n % 9}.3%); 0 WAL file(s) added`],
  ["sshd", "warn", (n) => `Failed password for invalid user admin from 203.0.113.${n % 250} port ${40_000 + n} ssh2`],
  ["shop", "error", (n) => `java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms (order ${n})`],
  ["systemd", "info", (n) => `Started session-${n}.scope - Session ${n} of User deploy.`],
];
const kWeights = [0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 7, 7, 0, 1, 2, 3, 6];
const kLogHosts = ["web-1", "web-2", "web-3", kPast, "ip-10-0-12-1.eu-central-1.compute.internal"];

function logLine(n, ms) {
  const [unit, level, text] = kMessages[kWeights[(n * 7) % kWeights.length]];
  return JSON.stringify({ _msg: text(n), _time: new Date(ms).toISOString(), host: kLogHosts[n % kLogHosts.length], level, unit, pid: 400 + (n % 7), request: `r-${n % 97}` });
}

async function sendLogs(programs, token, from, to, step) {
  const body = [];
  for (let t = from, n = Math.round(from / step) % 100_000; t < to; t += step) body.push(logLine(n++, t));
  const answer = await fetch(`${programs.url}/insert/jsonline`, { method: "POST", body: body.join("\n"), headers: { Authorization: `Bearer ${token}` } });
  if (answer.status !== 204) throw new Error(`/insert/jsonline answered ${answer.status}: ${await answer.text()}`);
}

export async function startScene() {
  const rules = path.join(await mkdtemp(path.join(tmpdir(), "resmon-scene-")), "alerts.toml");
  await writeFile(rules, kRules);
  const programs = await startPrograms({ settings: {
    "status.public.hosts": "-team:data", "status.public.title": "The shop's machines", "alerts.rules_file": rules, "server.report_interval": "5s",
  } });
  const password = / password=(\S+)/.exec(programs.serverSaid)?.[1] ?? "";
  const token = await programs.token();
  const suffix = ".eu-central-1.compute.internal";
  programs.startLoad(30, "5s", { prefix: "ip-10-0-12-", suffix, seed: 11, profile: "normal" });
  programs.startLoad(14, "5s", { prefix: "web-", seed: 2, profile: "mixed" });
  programs.startLoad(3, "5s", { prefix: "batch-", seed: 5, profile: "busy" });
  const folder = path.dirname(path.dirname(programs.tokenFile));
  const log = path.join(folder, "app.log");
  await mkdir(path.join(folder, "spool"), { recursive: true });
  await writeFile(log, "2026-01-01T00:00:00Z INFO the program has started\n");
  const script = async (name, body) => {
    await writeFile(path.join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(path.join(folder, name), 0o755);
    return path.join(folder, name);
  };
  const queue = await script("queue.sh", 'echo "queue,name=orders waiting=$(( $(date +%s) % 90 + 60 ))i,failed=1i"; echo "queue,name=mails waiting=4i,failed=0i"');
  const broken = await script("backup.sh", 'echo "the repository is locked" >&2; exit 3');
  const config = path.join(folder, "client.toml");
  await writeFile(config, `[client]
host = "workstation"
interval = "5s"
servers = ["${programs.listens}"]
token_file = "${programs.tokenFile}"
tags = { team = "ops", site = "office" }
[spool]
directory = "${folder}/spool"
[logs.app]
files = ["${log}"]
[script.queue]
command = ["${queue}"]
interval = "5s"
[script.queue.panel]
title = "The shop's queues"
unit = "count"
[script.backup]
command = ["${broken}"]
interval = "10s"
`);
  programs.run("resmon-client", ["--config", config]);
  const begun = Date.now();
  await until("the server knows the fields of its clients", async () => (await fieldTypes(programs)).has("mem dirty"));
  const types = await fieldTypes(programs);
  await inBatches(programs, [...past(begun)].map((one) => typed(types, one)), 400);
  await programs.write(`queue,host=${kPast},name=orders waiting=12i`);
  for (const host of [kGone]) await programs.write(full(begun - 40 * kMinute).replaceAll(kFull, host).replace("97.3", "55"));
  for (let t = begun - 3 * 60 * kMinute; t < begun; t += kMinute) await programs.write(full(t));
  for (let t = begun - kDay; t < begun - 2 * 60 * kMinute; t += 120 * kMinute) await sendLogs(programs, token, t, t + 120 * kMinute, 12_000);
  await sendLogs(programs, token, begun - 2 * 60 * kMinute, begun, 900);
  await programs.write(`annotation,about=${kPast} text="deploy of shop 2.4",author="ci" ${begun - 20 * kMinute}`);
  const post = (where, body) => fetch(`${programs.url}${where}`, { method: "POST", body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" } });
  await post("/api/v1/alerts/silences", { hosts: "host:batch-3", rule: "*", for: "2h", reason: "the disks are being replaced" });
  let at = Date.now();
  let last = at;
  const timer = setInterval(() => {
    at = Date.now();
    const gathers = [...[...lines(kPast, Math.floor(last / 5000) * 5000 + 5000, at, 5000)].map((one) => typed(types, one)), full(at)];
    void programs.write(gathers.join("\n")).catch(() => undefined);
    void sendLogs(programs, token, last, at, 700).catch(() => undefined);
    last = at;
  }, 5000);
  await until("the hosts report", async () => (await (await fetch(`${programs.url}/api/v1/hosts`)).json()).hosts.length >= 50);
  const passwordFile = path.join(folder, "password");
  await writeFile(passwordFile, `${password}\n`);
  return { programs, host: kPast, settings: { RESMON_URL: programs.url, RESMON_HOST: kPast, RESMON_PASSWORD_FILE: passwordFile, RESMON_TOKEN_FILE: programs.tokenFile },
    close: async () => { clearInterval(timer); await programs.close(); } };
}

if (process.argv[1]?.endsWith("scene.mjs")) {
  const scene = await startScene();
  const text = Object.entries(scene.settings).map(([key, value]) => `${key}=${value}`).join(" ");
  console.log(text);
  if (process.argv[2] !== undefined) await writeFile(process.argv[2], `${text}\n`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void scene.close().then(() => process.exit(0)));
}
