import { useEffect, useState } from "preact/hooks";
import type { Range } from "../../core/time_range.ts";
import { serverNow } from "../../net/live.ts";
import { runEach } from "../../net/query.ts";
import type { StatementResult } from "../../core/influx_response.ts";
import { latestQuery, type Part } from "./latest.ts";

const kRefreshMs = 10_000;

// The last values at the end of the range, in the order of `parts`, which must be the same object each time.
export function useLatest(parts: readonly Part[], host: string, range: Range): readonly StatementResult[] {
  const [results, setResults] = useState<readonly StatementResult[]>([]);
  const until = range.kind === "absolute" ? range.to : null;
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState !== "visible") return;
      const end = Math.round(Math.min(until ?? Infinity, serverNow() + 1000));
      // The charts say what is wrong with the server; these tables only stay as they are.
      runEach(parts.map((part) => latestQuery(part, host, end)), aborter.signal).then(setResults, () => undefined);
    };
    setResults([]);
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [parts, host, until]);
  return results;
}
