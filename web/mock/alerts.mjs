// The alerts of the stand-in: two that fire and one that is about to, with everything that can be done to them.

export function makeAlerts(names, now) {
  const alert = (id, rule, severity, host, tags, state, minutes, value, limit) => ({
    id, rule, severity, host, tags, state, since: now - minutes * 60e3, held_by: "", acknowledged_by: "", value_text: value, limit_text: limit,
    text: `${rule} is ${value}`, help: "Free some room.",
  });
  return {
    alerts: [
      alert("a1", "disk-full", "critical", names[0], { path: "/var" }, "firing", 12, "96.1 %", ">= 95 %"),
      alert("a2", "memory-pressure", "warning", names[1], {}, "firing", 3, "24 %", "> 20 %"),
      alert("a3", "cpu-pressure", "warning", names[1], {}, "pending", 1, "81 %", "> 80 %"),
    ],
    silences: [],
    tested: [],  // channels
    texts: new Map([["busy", "# Mia asked for this.\n[rule.busy]\nwhen = 'mean(cpu.usage_active, 5m) > 95'\n"]]),  // rules in the file
    previews: 0,
    ageMs: 27.5 * 86400e3,  // of the oldest sample
  };
}

const empty = { alerts: [], silences: [], tested: [], texts: new Map(), previews: 0 };

const kBuiltIn = "[rule.disk-full]\nwhen = 'disk.used_percent >= 95'\nclear = 93\n";

// A limit makes a draft right; below 50 it fires three times. The real server reads conditions; this reads their last number.
function tryRule(text, now, since, ageMs) {
  const line = text.split("\n").findIndex((one) => one.startsWith("when"));
  const limit = /(\d+)\s*'/.exec(text.split("\n")[line] ?? "")?.[1];
  if (limit === undefined)
    return { mistakes: [{ line: line + 1, column: (text.split("\n")[line] ?? "").length, reason: "rule.when: expected a number, as 90, 90%, 2GiB or 24h" }] };
  const [, number, unit] = /^(\d+)([ds])$/.exec(since ?? "30d");
  const from = now - Number(number) * (unit === "d" ? 86400e3 : 1000);
  const first = Math.max(from, now - ageMs);
  const values = Array.from({ length: 240 }, (_, at) => (from + (at + 1) * ((now - from) / 240) <= first ? null : 30 + 20 * Math.sin(at / 9) + (at % 80 === 60 ? 60 : 0)));
  const part = (now - from) / 240;
  const fired = values.flatMap((value, at) => (value !== null && value > Number(limit) && (values[at - 1] ?? 0) <= Number(limit) ? [at] : []));
  return {
    mistakes: [], from, to: now, fired: fired.length, hosts_fired: fired.length > 0 ? 1 : 0, hosts: 4, hosts_replayed: 4, partial: false, first_row: first,
    alerts: fired.reverse().map((at) => ({ host: "web-1", tags: { path: "/var" }, value_text: "96 %", limit_text: `> ${limit} %`, fired: from + at * part, ended: from + (at + 1) * part, reason: "" })),
    chart: { host: "web-1", tags: { path: "/var" }, limit: Number(limit), values },
  };
}

function answerRule(method, name, body, all) {
  const known = all.texts.get(name) ?? "";
  const builtIn = name === "disk-full" ? kBuiltIn : "";
  if (method === "GET")
    return known === "" && builtIn === "" ? [404, { error: "there is no rule of this name" }]
      : [200, { name, file: "alerts.toml", in_file: known !== "", text: known, built_in: builtIn }];
  if (method === "POST") {
    all.previews += 1;
    return [200, tryRule(body.text, Date.now(), body.since, all.ageMs ?? 0)];
  }
  if (body.was !== known) return [409, { error: "somebody else changed this rule: load it again" }];
  if (method === "DELETE") all.texts.delete(name);
  else all.texts.set(name, body.text);
  return [204, null];
}

const hold = (all) => {
  for (const one of all.alerts)
    one.held_by = all.silences.some((silence) => silence.active && silence.hosts === one.host && silence.rule === one.rule) ? "silenced" : "";
};

const channel = {
  name: "phone", kind: "ntfy", place: "ntfy.sh", sent: 4, failed: 0, given_up: 0, last_sent: null, failing_since: null, last_error: "",
};

// [status, body], or null: the path is none of the alerts'. `body`: what was sent, decoded.
export function answerAlerts(method, url, body, state) {
  if (!url.pathname.startsWith("/api/v1/alerts")) return null;
  const all = state ?? empty;
  const path = url.pathname.slice("/api/v1/alerts".length);
  if (path.startsWith("/rules/")) return answerRule(method, path.slice("/rules/".length), body, all);
  if (method === "GET") {
    switch (path) {
      case "": return [200, { alerts: all.alerts, channels: state === null ? [] : [channel], rules_error: "", rules_warnings: [], trouble: "", waiting_messages: 0, heartbeat_error: "" }];
      case "/history": return [200, { history: all.alerts.filter((one) => one.state === "firing").map((one, index) => ({
        id: index + 1, time: one.since, rule: one.rule, severity: one.severity, host: one.host, tags: one.tags, state: "firing", value_text: one.value_text,
        since: one.since, late: false, reason: "",
      })) }];
      case "/rules": return [200, { file: "alerts.toml", error: "", rules: [{
        name: "disk-full", built_in: true, enabled: true, when: "disk.used_percent >= 95", hosts: "", severity: "critical", for_seconds: 300, notify: ["phone"],
        help: "Free some room.",
      }, ...[...all.texts].map(([name, text]) => ({
        name, built_in: false, enabled: true, when: /when = '(.*)'/.exec(text)?.[1] ?? "", hosts: "", severity: "warning", for_seconds: 0, notify: [], help: "",
      }))] }];
      case "/silences": return [200, { silences: all.silences }];
    }
  }
  if (method === "POST" && path === "/ack") {
    const found = all.alerts.find((one) => one.id === body.id && one.state === "firing");
    if (found === undefined) return [404, { error: "no alert with this id fires; the list of alerts has their ids" }];
    found.acknowledged_by = "admin";
    return [204, null];
  }
  if (method === "POST" && path === "/send-test") {
    all.tested.push(body.channel);
    return [204, null];
  }
  if (method === "POST" && path === "/silences/preview") {
    const meant = all.alerts.filter((one) => one.state === "firing" && (body.hosts === "" || one.host === body.hosts));
    return [200, { server_time: Date.now(), alerts: meant.length, hosts: new Set(meant.map((one) => one.host)).size, hosts_selected: body.hosts === "" ? 4 : 1, rules_selected: 30 }];
  }
  if (method === "POST" && path === "/silences") {
    const hours = /^(\d+)h$/.exec(body.for ?? "");
    if (hours === null) return [400, { error: "for must be a duration such as \"2h\", at most 366d" }];
    const id = all.silences.length + 1;
    all.silences.push({
      id, hosts: body.hosts, rule: body.rule === "" ? "*" : body.rule, begins: Date.now(), ends: Date.now() + Number(hours[1]) * 3600e3, author: "admin",
      reason: body.reason ?? "", active: true,
    });
    hold(all);
    return [201, { id }];
  }
  if (method === "DELETE" && path.startsWith("/silences/")) {
    for (const one of all.silences) if (one.id === Number(path.slice("/silences/".length))) one.active = false;
    hold(all);
    return [204, null];
  }
  return [404, { error: "not found" }];
}
