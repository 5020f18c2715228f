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

function parse(statement) {
  const shape = new RegExp(
    `^SELECT (.+) FROM ${kIdent} WHERE (.*?)time >= (\\d+)ms AND time < (\\d+)ms GROUP BY time\\((\\d+)(ms|s|m|h)\\)((?:, ${kIdent})*) fill\\(null\\)$`,
  ).exec(statement);
  if (shape === null) throw new Error(`error parsing query: ${statement}`);
  const columns = shape[1].split(/, (?=mean|max|non_negative)/).map((text) => {
    const found = new RegExp(`^(?:(mean|max)\\(${kIdent}\\)|non_negative_derivative\\(max\\(${kIdent}\\), 1s\\)( \\* 8)?) AS ${kIdent}$`).exec(text);
    if (found === null) throw new Error(`error parsing query: ${text}`);
    return { field: found[2] ?? found[3], isRate: found[3] !== undefined, factor: found[4] ? 8 : 1, as: found[5] };
  });
  const where = {};
  let rest = shape[3];
  while (rest !== "") {
    const found = new RegExp(`^${kIdent} = ${kString} AND `).exec(rest);
    if (found === null) throw new Error(`error parsing query: ${rest}`);
    where[unescape(found[1])] = unescape(found[2]);
    rest = rest.slice(found[0].length);
  }
  const by = [...shape[8].matchAll(new RegExp(kIdent, "g"))].map((one) => one[1]);
  return { columns, from: shape[2], where, first: Number(shape[4]), end: Number(shape[5]), step: Number(shape[6]) * kUnits[shape[7]], by };
}

function run(query, hosts, now) {
  const series = [];
  for (const host of hosts) {
    if (query.where.host !== undefined && query.where.host !== host.name) continue;
    for (const tags of tagSets(host.name, query.from, query.by)) {
      if (Object.entries(query.where).some(([key, value]) => key !== "host" && tags[key] !== value)) continue;
      const values = [];
      for (let t = Math.floor(query.first / query.step) * query.step; t < query.end; t += query.step) {
        const known = t <= now && t >= host.since && !host.gaps.some(([from, to]) => t >= from && t < to);
        values.push([
          t,
          ...query.columns.map((column) => {
            if (!known) return null;
            const value = (column.isRate ? rate : gauge)(host.name, query.from, tags, column.field, t);
            return value === null ? null : value * column.factor;
          }),
        ]);
      }
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

export function answer(text, hosts, now) {
  return {
    results: splitStatements(text).map((statement, id) => {
      const series = run(parse(statement), hosts, now);
      return series.length > 0 ? { statement_id: id, series } : { statement_id: id };
    }),
  };
}
