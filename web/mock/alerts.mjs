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
  };
}

const empty = { alerts: [], silences: [], tested: [] };

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
  if (method === "GET") {
    switch (path) {
      case "": return [200, { alerts: all.alerts, channels: state === null ? [] : [channel], rules_error: "", trouble: "", waiting_messages: 0, heartbeat_error: "" }];
      case "/history": return [200, { history: all.alerts.filter((one) => one.state === "firing").map((one, index) => ({
        id: index + 1, time: one.since, rule: one.rule, severity: one.severity, host: one.host, tags: one.tags, state: "firing", value_text: one.value_text,
        since: one.since, late: false, reason: "",
      })) }];
      case "/rules": return [200, { file: "alerts.toml", error: "", rules: [{
        name: "disk-full", built_in: true, enabled: true, when: "disk.used_percent >= 95", hosts: "", severity: "critical", for_seconds: 300, notify: ["phone"],
        help: "Free some room.",
      }] }];
      case "/silences": return [200, { silences: all.silences }];
    }
  }
  if (method === "POST" && path === "/ack") {
    const found = all.alerts.find((one) => one.id === body.id && one.state === "firing");
    if (found === undefined) return [404, { error: "no alert with this id fires" }];
    found.acknowledged_by = "admin";
    return [204, null];
  }
  if (method === "POST" && path === "/send-test") {
    all.tested.push(body.channel);
    return [204, null];
  }
  if (method === "POST" && path === "/silences") {
    const hours = /^(\d+)h$/.exec(body.for ?? "");
    if (hours === null) return [400, { error: "for is how long, as \"2h\", at most 366d" }];
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
