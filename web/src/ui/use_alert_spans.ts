// When a host's alerts fired, for its charts. Asked for again when what fires has changed, and once a minute.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { decodePast, decodeRules, fieldsOf, spansOf, type AlertSpan } from "../core/alerts.ts";
import type { Panel } from "../charts/panel.ts";
import { alertsState } from "../net/alerts.ts";
import { call } from "../net/session.ts";
import { useObservable } from "./use_observable.ts";

const kRefreshMs = 60_000;
const kMostEntries = 500;

interface Known {
  host: string;
  spans: AlertSpan[];
  fields: Map<string, string[]>;  // of each rule
}

const kNone: readonly AlertSpan[] = [];

// The charts draw this as a hundred less the other.
const kSameFigure: Record<string, string> = { "cpu.usage_active": "usage_idle" };

// All spans of a host, and which of them belong on a panel: those of rules that look at one of its fields, and of the host's silence on all.
export function useAlertSpans(host: string): { spans: readonly AlertSpan[]; spansOn: (panel: Panel) => readonly AlertSpan[] } {
  const state = useObservable(alertsState);
  const [known, setKnown] = useState<Known | null>(null);
  const firing = (state?.alerts ?? []).filter((one) => one.host === host && one.state !== "pending").map((one) => one.id).join(" ");
  useEffect(() => {
    if (state === null) return undefined;
    let left = false;
    const update = async (): Promise<void> => {
      if (document.visibilityState !== "visible") return;
      const [past, rules] = await Promise.all([
        call("GET", `/api/v1/alerts/history?host=${encodeURIComponent(host)}&limit=${kMostEntries}`), call("GET", "/api/v1/alerts/rules"),
      ]);
      if (left) return;
      setKnown({ host, spans: spansOf(decodePast(past)), fields: new Map(decodeRules(rules).map((one) => [one.name, fieldsOf(one.when)])) });
    };
    void update().catch(() => undefined);  // charts say more without bands than not at all
    const timer = setInterval(() => void update().catch(() => undefined), kRefreshMs);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [host, firing, state === null]);
  // The same list for a panel as long as nothing is new: a chart is drawn again for another one.
  const lists = useMemo(() => new Map<string, readonly AlertSpan[]>(), [known]);
  const spansOn = useCallback((panel: Panel) => {
    if (known === null || known.host !== host || known.spans.length === 0) return kNone;
    const reads = (name: string): boolean => {
      const [measurement, named] = name.split(".");
      const field = kSameFigure[name] ?? named;
      return panel.sources.some((source) => source.from === measurement && source.columns.some((one) => one.expression.includes(`"${field}"`)));
    };
    let list = lists.get(panel.id);
    if (list === undefined) {
      list = known.spans.filter((one) => {
        const fields = known.fields.get(one.rule) ?? [];
        return fields.length === 0 ? one.rule === "host-silent" : fields.some(reads);
      });
      lists.set(panel.id, list.length === 0 ? kNone : list);
    }
    return list;
  }, [known, lists, host]);
  return { spans: known?.host === host ? known.spans : kNone, spansOn };
}
