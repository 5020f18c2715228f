// The little InfluxQL that the page sends, answered from values.mjs. It is strict: text that the page should not have written
// is an error, so the mock also checks the query builder.

import { gauge, rate, tagSets } from "./values.mjs";

const kUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const kIdent = '"((?:[^"\\\\]|\\\\.)*)"';
const kString = "'((?:[^'\\\\]|\\\\.)*)'";

const unescape = (text) => text.replace(/\\n/g, "\n").replace(/\\(.)/g, "$1");

function splitStatements(text) {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^;"'])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

const kColumn = new RegExp(
  `^(?:(100 - )?(mean|max|min|last|first|sum|count)\\(${kIdent}\\)|non_negative_derivative\\(max\\(${kIdent}\\), 1s\\)(?: \\* (8|100))?) AS ${kIdent}$`);
const kEqual = `${kIdent} = ${kString}`;
const kBare = kEqual.replaceAll("((?:", "(?:(?:");

// min and max of rates, over a subquery of shorter stretches (selectRateBands): answered as the rates themselves, a tenth around them.
function parseBands(statement) {
  const shape = /^SELECT (.+) FROM \((SELECT .+ fill\(none\))\) WHERE time >= (\d+)ms AND time < (\d+)ms GROUP BY time\((\d+)(ms|s|m|h)\)(.*) fill\(null\)$/.exec(statement);
  if (shape === null) return null;
  const inner = parse(shape[2].replace(/fill\(none\)$/, "fill(null)"));
  const columns = shape[1].split(/, (?=min|max)/).map((text) => {
    const found = new RegExp(`^(min|max)\\(${kIdent}\\) AS ${kIdent}$`).exec(text);
    const rate = inner.columns.find((one) => one.as === found?.[2]);
    if (rate === undefined) throw new Error(`error parsing query: ${text}`);
    return { ...rate, fold: found[1], as: found[3] };
  });
  return { ...inner, columns, first: Number(shape[3]), end: Number(shape[4]), step: Number(shape[5]) * kUnits[shape[6]] };
}

function parse(statement) {
  const bands = parseBands(statement);
  if (bands !== null) return bands;
  const shape = new RegExp(
    `^SELECT (.+) FROM ${kIdent} WHERE (.*?)time >= (\\d+)ms AND time < (\\d+)ms` +
      `(?: GROUP BY (?:time\\((\\d+)(ms|s|m|h)\\)((?:, ${kIdent})*) fill\\(null\\)|(${kIdent}(?:, ${kIdent})*)))?$`,
  ).exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  const columns = shape[1].split(/, (?=(?:100 - )?(?:mean|max|min|last|first|sum|count)|non_negative)/).map((text) => {
    const found = kColumn.exec(text);
    if (found === null) throw new Error(`error parsing query: ${text}`);
    return {
      ofHundred: found[1] !== undefined, fold: found[2], field: found[3] ?? found[4], isRate: found[4] !== undefined,
      factor: Number(found[5] ?? 1), as: found[6],
    };
  });
  const where = {};
  let rest = shape[3];
  while (rest !== "") {
    const found = new RegExp(`^(?:${kBare}|\\(${kBare}(?: OR ${kBare})*\\)) AND `).exec(rest);
    if (found === null) throw new Error(`error parsing query: ${rest}`);
    for (const one of found[0].matchAll(new RegExp(kEqual, "g"))) (where[unescape(one[1])] ??= []).push(unescape(one[2]));
    rest = rest.slice(found[0].length);
  }
  const tags = shape[8] ?? shape[10] ?? "";
  const by = [...tags.matchAll(new RegExp(kIdent, "g"))].map((one) => one[1]);
  const first = Number(shape[4]);
  const end = Number(shape[5]);
  return { columns, from: shape[2], where, first, end, step: shape[6] ? Number(shape[6]) * kUnits[shape[7]] : 0, by };
}

function run(query, hosts, now) {
  const series = [];
  for (const host of hosts) {
    if (query.where.host !== undefined && !query.where.host.includes(host.name)) continue;
    for (const tags of tagSets(host.name, query.from, query.by)) {
      if (Object.entries(query.where).some(([key, values]) => key !== "host" && !values.includes(tags[key]))) continue;
      const values = [];
      const row = (t, at) => {
        const known = at <= now && at >= host.since && !host.gaps.some(([from, to]) => at >= from && at < to);
        values.push([
          t,
          ...query.columns.map((column) => {
            if (!known) return null;
            if (query.from === "queue" && column.field === "state") return "drained";
            const value = (column.isRate ? rate : gauge)(host.name, query.from, tags, column.field, at);
            // The lowest and the highest of a bucket, as if samples scattered by a tenth.
            const scatter = query.step > 5000 && column.fold === "min" ? 0.9 : query.step > 5000 && column.fold === "max" ? 1.1 : 1;
            if (value === null) return null;
            if (column.fold === "count") return 1;  // a gather in each bucket, so a sum is that value
            return column.ofHundred === true ? 100 - value * scatter : value * column.factor * scatter;
          }),
        ]);
      };
      if (query.step === 0) row(query.first, Math.min(now, query.end - 1));
      else for (let t = Math.floor(query.first / query.step) * query.step; t < query.end; t += query.step) row(t, t);
      if (values.every((row) => row.slice(1).every((value) => value === null))) continue;
      series.push({
        name: query.from,
        ...(query.by.length > 0 ? { tags: Object.fromEntries(query.by.map((key) => [key, tags[key] ?? ""])) } : {}),
        columns: ["time", ...query.columns.map((column) => column.as)],
        values,
      });
    }
  }
  return series;
}

const kShown = {
  "SHOW MEASUREMENTS": [{ name: "measurements", columns: ["name"], values: [["cpu"], ["disk"], ["mem"]] }],
  "SHOW FIELD KEYS": [
    { name: "cpu", columns: ["fieldKey", "fieldType"], values: [["usage_active", "float"], ["usage_user", "float"]] },
    { name: "disk", columns: ["fieldKey", "fieldType"], values: [["used", "integer"], ["used_percent", "float"]] },
    { name: "mem", columns: ["fieldKey", "fieldType"], values: [["used", "integer"]] },
  ],
  "SHOW TAG KEYS": [
    { name: "cpu", columns: ["tagKey"], values: [["cpu"], ["host"]] },
    { name: "disk", columns: ["tagKey"], values: [["host"], ["path"]] },
    { name: "mem", columns: ["tagKey"], values: [["host"]] },
  ],
};

// What a script writes, for hosts' other measurements.
const kScript = {
  'SHOW FIELD KEYS FROM "queue"': [{ name: "queue", columns: ["fieldKey", "fieldType"], values: [["waiting_percent", "float"], ["state", "string"]] }],
  'SHOW TAG KEYS FROM "queue"': [{ name: "queue", columns: ["tagKey"], values: [["host"], ["name"]] }],
};

const kPanels = [{ name: "script_panel", tags: { measurement: "queue" }, columns: ["time", "title", "unit", "kind"], values: [[0, "Mail queue", "percent", "line"]] }];

function show(statement, hosts) {
  const known = kShown[statement] ?? kScript[statement];
  if (known !== undefined) return known;
  if (new RegExp(`^SHOW MEASUREMENTS WHERE "host" = ${kString}$`).test(statement)) {
    return [{ name: "measurements", columns: ["name"], values: [["cpu"], ["queue"]] }];
  }
  const found = /^SHOW TAG VALUES FROM "(\w+)" WITH KEY = "(\w+)" LIMIT \d+$/.exec(statement);
  if (found === null) throw new Error(`error parsing query: ${statement}`);
  const values = found[2] === "host" ? hosts.map((host) => host.name) : ["/", "/var"];
  return [{ name: found[1], columns: ["key", "value"], values: values.map((value) => [found[2], value]) }];
}

// Traffic of the month, by interface (views/host/traffic.tsx): the rate of now, all the time.
function traffic(statement, hosts) {
  const shape = new RegExp(
    '^SELECT sum\\("bytes_recv"\\) AS "received", sum\\("bytes_sent"\\) AS "sent" FROM \\(SELECT non_negative_difference\\(max\\("bytes_recv"\\)\\) AS "bytes_recv", ' +
      'non_negative_difference\\(max\\("bytes_sent"\\)\\) AS "bytes_sent" FROM "net" WHERE "host" = ' + kString +
      ' AND time >= (\\d+)ms AND time < (\\d+)ms GROUP BY time\\(1h\\), "interface" fill\\(none\\)\\) WHERE time >= \\d+ms AND time < \\d+ms GROUP BY "interface"$',
  ).exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  const [host, first, end] = [unescape(shape[1]), Number(shape[2]), Number(shape[3])];
  if (!hosts.some((one) => one.name === host)) return [];
  return tagSets(host, "net", ["interface"]).map((tags) => ({
    name: "net", tags: { interface: tags.interface }, columns: ["time", "received", "sent"],
    values: [[first, ...["bytes_recv", "bytes_sent"].map((field) => Math.round((rate(host, "net", tags, field, end) ?? 0) * (end - first) / 1000))]],
  }));
}

// What a server that writes its own numbers has of the last half hour.
function ownNumbers(statement) {
  const shape = /^SELECT ((?:"\w+"(?:, )?)+) FROM "internal_server" WHERE time >= (\d+)ms AND time < (\d+)ms GROUP BY "server"$/.exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  const columns = [...shape[1].matchAll(/"(\w+)"/g)].map((one) => one[1]);
  const values = [];
  for (let t = Math.ceil(Number(shape[2]) / 10_000) * 10_000; t < Number(shape[3]); t += 10_000) {
    values.push([t, ...columns.map((column) => (column === "store_backlog_entries" ? 0 : (t / 1000) % 1e6))]);
  }
  return [{ name: "internal_server", tags: { server: "mock" }, columns: ["time", ...columns], values }];
}

// The outcome of collectors' last runs: of a host's, or of the scripts of all. What fails is told by `failing`: [{ host, collector, code }].
function outcomes(statement, hosts, failing) {
  const shape = new RegExp(
    '^SELECT (?:last\\("success"\\) AS "ok", last\\("exit_code"\\) AS "code"|last\\("duration_seconds"\\) AS "failed") FROM "internal_collector" WHERE ' +
      `(?:"host" = ${kString}|"collector" =~ /\\^script\\\\\\./ AND "success" = false|\\((?:(?: OR )?\\(${kBare} AND ${kBare}\\))+\\)) ` +
      'AND time >= (\\d+)ms AND time < (\\d+)ms GROUP BY ("host", )?"collector"$',
  ).exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  const host = shape[1] === undefined ? null : unescape(shape[1]);
  return failing.filter((one) => hosts.some((known) => known.name === one.host) && (host === null ? one.collector.startsWith("script.") : one.host === host)).map((one) => ({
    name: "internal_collector", tags: { ...(shape[4] === undefined ? {} : { host: one.host }), collector: one.collector }, columns: ["time", "ok", "code"],
    values: [[Number(shape[2]), false, one.code]],
  }));
}

function noted(statement, annotations) {
  const shape = /^SELECT "text", "author" FROM "annotation" WHERE time >= (\d+)ms AND time < (\d+)ms GROUP BY "about" LIMIT \d+$/.exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  return annotations.filter((one) => one.time >= Number(shape[1]) && one.time < Number(shape[2])).map(({ about, time, text, author }) => ({
    name: "annotation", tags: { about }, columns: ["time", "text", "author"], values: [[time, text, author]],
  }));
}

export function answer(text, hosts, now, failing = [], annotations = []) {
  return {
    results: splitStatements(text).map((statement, id) => {
      const series = statement.startsWith("SHOW ") ? show(statement, hosts)
        : /^SELECT last\("(success|duration_seconds)"\)/.test(statement) ? outcomes(statement, hosts, failing)
        : /^SELECT last\("title"\) AS "title", last\("unit"\) AS "unit", last\("kind"\) AS "kind" FROM "script_panel" WHERE "host" = '.*' GROUP BY "measurement"$/.test(statement) ? kPanels
        : statement.includes(' FROM "annotation" ') ? noted(statement, annotations)
        : statement.startsWith('SELECT sum("bytes_recv")') ? traffic(statement, hosts)
        : statement.includes(' FROM "internal_server" ') ? ownNumbers(statement) : run(parse(statement), hosts, now);
      return series.length > 0 ? { statement_id: id, series } : { statement_id: id };
    }),
  };
}
