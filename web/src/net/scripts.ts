// The scripts that fail, of all hosts, asked for once a minute on whatever view, while the page is live and looked at.

import { t } from "../core/texts.ts";
import type { StatementResult } from "../core/influx_response.ts";
import { literal } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import { serverNow } from "./live.ts";
import { poll } from "./poll.ts";
import { runStatements } from "./query.ts";

const kEveryMs = 60_000;
const kLookBackMs = 30 * 60_000;
const kMostAsked = 50;

export interface FailingCollector {
  host: string;
  name: string;       // "script queue", "collector disk"
  code: number | null;  // what a script exited with
}

export const failingScripts = new Observable<readonly FailingCollector[]>([]);

const kScript = t("script");

export const kOutcome = 'last("success") AS "ok", last("exit_code") AS "code"';

export function decodeFailing(result: StatementResult | undefined, host = ""): FailingCollector[] {
  return (result?.series ?? []).flatMap((series) => {
    const value = (column: string) => series.values[0]?.[series.columns.indexOf(column)];
    if (value("ok") !== false) return [];
    const code = value("code");
    const name = (series.tags["collector"] ?? "").replace(/^script\./, `${kScript} `);
    return [{ host: series.tags["host"] ?? host, name: name.startsWith(`${kScript} `) ? name : t("collector {name}", { name }), code: typeof code === "number" ? code : null }];
  });
}

export const failingWords = ({ name, code }: FailingCollector): string =>
  `${name}${code === null || code === 0 ? "" : ` (${codeWords(code)})`}`;

// As shells count: 126 and 127 are of a program that cannot be executed or is missing.
function codeWords(code: number): string {
  if (code < 0) return t("did not start");
  return code === 126 || code === 127 ? t("could not be run, exit code {code}", { code }) : t("exit code {code}", { code });
}

// First which scripts failed at all, since of a large fleet the outcomes of all are a large answer; then how the last run of those ended.
async function ask(): Promise<void> {
  const end = Math.round(serverNow() + 1000);
  const within = `time >= ${end - kLookBackMs}ms AND time < ${end}ms GROUP BY "host", "collector"`;
  const [failed] = await runStatements([
    `SELECT last("duration_seconds") AS "failed" FROM "internal_collector" WHERE "collector" =~ /^script\\./ AND "success" = false AND ${within}`,
  ]);
  const suspects = (failed?.series ?? []).slice(0, kMostAsked);
  if (suspects.length === 0) return failingScripts.set([]);
  const any = suspects.map(({ tags }) => `("host" = ${literal(tags["host"] ?? "")} AND "collector" = ${literal(tags["collector"] ?? "")})`).join(" OR ");
  const [last] = await runStatements([`SELECT ${kOutcome} FROM "internal_collector" WHERE (${any}) AND ${within}`]);
  failingScripts.set(decodeFailing(last));
}

export const watchScripts = (): (() => void) => poll(kEveryMs, ask);
