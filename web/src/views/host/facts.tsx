// What the machine is, as its client last said (host_info).

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { format } from "../../core/format.ts";
import { literal } from "../../core/influxql.ts";
import { serverNow } from "../../net/live.ts";
import { runStatements } from "../../net/query.ts";

const kLookBackMs = 26 * 3_600_000;  // a client repeats it each hour
const kRefreshMs = 600_000;

async function fetchFacts(host: string, signal: AbortSignal): Promise<string[]> {
  const end = Math.round(serverNow() + 1000);
  const fields = ["os", "os_version", "kernel", "architecture", "cpu_model", "virtualization", "memory_total", "addresses", "memory_limit", "cpu_limit"];
  const [result] = await runStatements([
    `SELECT ${fields.map((field) => `last("${field}") AS "${field}"`).join(", ")} FROM "host_info" ` +
      `WHERE "host" = ${literal(host)} AND time >= ${end - kLookBackMs}ms AND time < ${end}ms`,
  ], signal);
  const series = result?.series[0];
  if (series === undefined) return [];
  const given = (field: string): unknown => series.values[0]?.[series.columns.indexOf(field)] ?? "";
  const value = (field: string): string => {
    const found = given(field);
    return typeof found === "number" ? format(found, "bytes") : String(found);
  };
  // What a container may use is its size; what /proc shows there is the machine's.
  const limits = [given("cpu_limit") === "" ? "" : t("{n} CPUs", { n: String(given("cpu_limit")) }), value("memory_limit")].filter((part) => part !== "");
  const parts = [
    `${value("os")} ${value("os_version")}`, value("kernel") === "" ? "" : `Linux ${value("kernel")} ${value("architecture")}`,
    value("cpu_model"), value("memory_total"), value("virtualization"),
    limits.length === 0 ? "" : t("its container's limit: {list}", { list: limits.join(", ") }), value("addresses"),
  ];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

export function Facts({ host }: { host: string }) {
  const [facts, setFacts] = useState<string[]>([]);
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => void fetchFacts(host, aborter.signal).then(setFacts, () => undefined);
    setFacts([]);
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host]);
  return facts.length === 0 ? null : <p class="quiet host-facts">{facts.join(" · ")}</p>;
}
