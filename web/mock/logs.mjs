// Log lines for the page: `count` of them, one every 30 ms up to now, and what the server answers about them. The query language is
// words and name:value terms only.

const kLevels = ["error", "warning", "info", "info", "info", "debug"];
const kUnits = ["sshd", "nginx", "cron.service", "/var/log/app.log"];

export function makeLines(count, hosts, now) {
  return Array.from({ length: count }, (_, index) => ({
    time: new Date(now - index * 30).toISOString(),
    host: hosts[index % hosts.length],
    source: "system",
    level: kLevels[index % kLevels.length],
    unit: kUnits[index % kUnits.length],
    pid: 100 + (index % 7),
    message: `line number ${index} of the log`,
    ...(index % 10 === 0 ? { fields: { user: index % 20 === 0 ? "root" : "nobody" } } : {}),
  }));
}

const valueOf = (line, name) => line[name] ?? line.fields?.[name] ?? "";

const kQuoted = /"((?:[^"\\]|\\.)*)"/g;

function matches(line, query) {
  return (query.match(/(?:"(?:[^"\\]|\\.)*"|[^ "])+/g) ?? []).every((quoted) => {
    const not = quoted.startsWith("-");
    const term = quoted.replace(kQuoted, (_, text) => text.replace(/\\(.)/g, "$1"));
    const found = /^-?([a-z]+):=?(.*)$/s.exec(term);
    const is = found === null ? line.message.includes(term.replace(/^-/, "")) : valueOf(line, found[1]) === found[2];
    return is !== not;
  });
}

// [status, body], or null: the path is none of the log's.
export function answerLogs(url, lines) {
  if (!url.pathname.startsWith("/api/v1/logs")) return null;
  const asked = url.searchParams;
  const query = asked.get("q") ?? "";
  if (query.replace(kQuoted, "").includes("(")) return [400, { error: "q: the '(' is not closed, at character 1" }];
  const start = Number(asked.get("start") ?? 0);
  const end = Number(asked.get("end") ?? Infinity);
  const found = lines.filter((line) => {
    const time = Date.parse(line.time);
    return time >= start && time < end && matches(line, query);
  });
  switch (url.pathname.slice("/api/v1/logs".length)) {
    case "": {
      const first = Number(asked.get("cursor") ?? 0);
      const last = first + Number(asked.get("limit") ?? 100);
      return [200, { lines: found.slice(first, last), cursor: last < found.length ? String(last) : "", partial: "" }];
    }
    case "/histogram": {
      const buckets = Number(asked.get("buckets"));
      const step = (end - start) / buckets;
      const levels = {};
      for (const line of found) (levels[line.level] ??= new Array(buckets).fill(0))[Math.floor((Date.parse(line.time) - start) / step)] += 1;
      return [200, { start, step, buckets, levels, total: found.length, partial: "" }];
    }
    case "/facets": {
      const facets = ["host", "source", "unit", "level", "user"].map((name) => {
        const counts = new Map();
        for (const line of found) if (valueOf(line, name) !== "") counts.set(valueOf(line, name), (counts.get(valueOf(line, name)) ?? 0) + 1);
        return { name, values: [...counts].map(([value, many]) => ({ value, lines: many })).sort((a, b) => b.lines - a.lines), other_lines: 0 };
      });
      return [200, { facets, lines: found.length, partial: "" }];
    }
    case "/patterns":
      return [200, { patterns: [{ pattern: "line number <*> of the log", lines: found.length, levels: { info: 1 }, example: found[0]?.message ?? "", new: true }] }];
    case "/context":
      return [200, { lines: lines.filter((line) => Math.abs(Date.parse(line.time) - Date.parse(asked.get("time"))) < 200).reverse() }];
    default:
      return [404, { error: "not found" }];
  }
}
