// What fires, what fired, by which rules, and what is silenced.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { count, t, tx } from "../../core/texts.ts";
import {
  decodePast, decodeRules, decodeSilencePreview, decodeSilences, firedBefore, seriesOf, silenceText, sortAlerts, whereOf, type ActiveAlert, type AlertChannel, type AlertRule, type PastAlert, type Silence,
  kSeverityWords, type Severity,
} from "../../core/alerts.ts";
import { formatDuration, formatTime } from "../../core/format.ts";
import { isDown } from "../../core/trouble.ts";
import { formatRoute, kDefaultRange, kFleetRoute } from "../../core/route.ts";
import { alertsState, askAlerts } from "../../net/alerts.ts";
import { serverNow } from "../../net/live.ts";
import { poll } from "../../net/poll.ts";
import { account, call } from "../../net/session.ts";
import { troubles } from "../../net/trouble.ts";
import { useSecond } from "../../ui/clock.ts";
import { breakable } from "../../ui/breaking.tsx";
import { TableBox } from "../../ui/table_box.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { RuleEditor, type RuleChange } from "./rule_editor.tsx";

const rowOf = (rule: string): string => `rule-${rule}`;
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const kRefreshMs = 30_000;

function useList<T>(path: string, decode: (body: unknown) => T[]): { items: T[]; error: string; known: boolean; reload: () => Promise<void> } {
  const [state, setState] = useState<{ items: T[]; error: string; known: boolean }>({ items: [], error: "", known: false });
  const reload = useCallback(async () => {
    try {
      setState({ items: decode(await call("GET", path)), error: "", known: true });
    } catch (error) {
      setState((old) => ({ ...old, error: said(error) }));
    }
  }, [path, decode]);
  useEffect(() => {
    void reload();
  }, [reload]);
  return { ...state, reload };
}

export function AlertsView() {
  const state = useObservable(alertsState);
  const silences = useList("/api/v1/alerts/silences", decodeSilences);
  const past = useList("/api/v1/alerts/history?limit=200", decodePast);
  const rules = useList("/api/v1/alerts/rules", decodeRules);
  const [error, setError] = useState("");
  useEffect(() => {
    void askAlerts().catch(() => undefined);
  }, []);
  // What is pending and fires then is as many as before.
  const active = (state?.alerts ?? []).map((one) => `${one.id} ${one.state}`).join("\n");
  useEffect(() => {
    void past.reload();
  }, [active]);
  // What others change, and what fired and ended between two answers.
  useEffect(() => poll(kRefreshMs, () => Promise.all([past.reload(), rules.reload(), silences.reload()])), [past.reload, rules.reload, silences.reload]);
  const change = (method: string, path: string, body?: object): void => {
    const box = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[tabindex], section");
    call(method, path, body).then(
      async () => {
        setError("");
        await Promise.all([askAlerts(), silences.reload()]);
        // The button that was pressed may be gone with what it was about; the focus stays in its part of the page.
        requestAnimationFrame(() => {
          if (document.activeElement === document.body) (box?.matches("[tabindex]") === true ? box : box?.querySelector<HTMLElement>("button, input"))?.focus();
        });
      },
      (problem: unknown) => setError(said(problem)));
  };
  if (state === null) {
    return (
      <div class="empty">
        <h1>{t("Alerts")}</h1>
        <p>{tx("This server evaluates no rules ({key}), or its answer has not come yet.", { key: <code>alerts.enabled</code> })}</p>
      </div>
    );
  }
  return (
    <div class="alerts">
      <h1 class="view-title">{t("Alerts")}</h1>
      {state.rulesError !== "" && <p class="notice error-text" role="status">{t("The rules file has errors; the previous rules stay in force: {error}", { error: state.rulesError })}</p>}
      {state.rulesWarnings.map((warning) => <p class="notice" role="status">{t("A rule names what is not known: {warning}", { warning })}</p>)}
      {state.trouble !== "" && <p class="notice error-text" role="status">{t("Alerts cannot be saved: {error}", { error: state.trouble })}</p>}
      {error !== "" && <p class="error-text" role="status">{error}</p>}
      <Firing alerts={state.alerts} change={change} />
      <Silences list={silences.items} error={silences.error} change={change} now={`${active} ${rules.items.length}`} />
      <Channels list={state.channels} change={change} />
      <History list={past.items} error={past.error} known={past.known} />
      <Rules list={rules.items} error={rules.error} onChanged={() => Promise.all([rules.reload(), askAlerts()])} />
    </div>
  );
}

const kStateWords: Record<ActiveAlert["state"], string> = { pending: t("pending"), firing: t("firing"), unknown: t("unknown") };

type Change = (method: string, path: string, body?: object) => void;

const severityMark = (severity: Severity) => <span class={`severity is-${severity}`}>{kSeverityWords[severity]}</span>;

const hostLink = (one: { host: string; tags: Record<string, string> }) => (
  <>
    {one.host === "" ? t("server") : <a href={formatRoute({ view: "host", host: one.host, range: kDefaultRange })}>{breakable(one.host)}</a>}
    {seriesOf(one) !== "" && <> <span class="quiet">{breakable(seriesOf(one))}</span></>}
  </>
);

// Hosts can be in trouble without an alert: thresholds are of figures as they are now, rules wait, and are silenced or switched off.
function NoneFires() {
  const all = [...useObservable(troubles).values()];
  const down = all.filter(isDown).length;
  const hostsOf = (search: string, words: string) => <>{" "}<a href={formatRoute({ ...kFleetRoute, search })}>{words}</a></>;
  return (
    <p class="notice quiet">
      {t("No alert fires.")}
      {all.length > down && hostsOf("state:trouble", count("{n} host is in trouble by its thresholds.|{n} hosts are in trouble by their thresholds.", all.length - down))}
      {down > 0 && hostsOf("state:down", count("{n} host is down.|{n} hosts are down.", down))}
    </p>
  );
}

function Firing({ alerts, change }: { alerts: readonly ActiveAlert[]; change: Change }) {
  useSecond();
  if (alerts.length === 0) return <NoneFires />;
  return (
    <TableBox label={t("Alerts that fire")}>
      <table class="plain cards">
        <caption>{t("Now")}</caption>
        <thead><tr><th scope="col">{t("Severity")}</th><th scope="col">{t("Host")}</th><th scope="col">{t("Rule")}</th><th scope="col">{t("Value")}</th>
          <th scope="col">{t("State")}</th><th scope="col">{t("Since")}</th><th scope="col"><span class="hidden">{t("Actions")}</span></th></tr></thead>
        <tbody>
          {sortAlerts(alerts).map((one) => (
            <tr key={one.id}>
              <td>{severityMark(one.severity)}</td>
              <td class="about">{hostLink(one)}</td>
              <td title={one.help}>{one.rule}</td>
              <td>{one.valueText === "" ? one.text : `${one.valueText}${one.limitText === "" ? "" : ` (${one.limitText})`}`}</td>
              <td>{one.acknowledgedBy !== "" ? t("acknowledged by {name}", { name: one.acknowledgedBy }) : one.heldBy !== "" ? one.heldBy : kStateWords[one.state]}</td>
              <td class="since"><span class="nowrap">{formatTime(one.since)}</span>{" "}<span class="quiet nowrap">{t("for {lasting}", { lasting: formatDuration(Math.max(0, (serverNow() - one.since) / 1000)) })}</span></td>
              <td class="actions">
                {one.state === "firing" && one.acknowledgedBy === "" && (
                  <button type="button" aria-label={t("Acknowledge {rule} on {where}", { rule: one.rule, where: whereOf(one) })}
                    onClick={() => change("POST", "/api/v1/alerts/ack", { id: one.id })}>{t("Acknowledge")}</button>
                )}
                {one.host !== "" && one.heldBy !== "silenced" && (
                  <button type="button" aria-label={t("Silence 2 h: {rule} on {host}", { rule: one.rule, host: one.host })}
                    onClick={() => change("POST", "/api/v1/alerts/silences", { hosts: one.host, rule: one.rule, for: "2h" })}>{t("Silence 2 h")}</button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

// What a silence would hold back, while one types it. `now`: changes with what fires and with the rules.
function useSilencePreview(hosts: string, rule: string, now: string): string {
  const [text, setText] = useState("");
  useEffect(() => {
    let left = false;
    const timer = setTimeout(() => {
      call("POST", "/api/v1/alerts/silences/preview", { hosts, rule }).then((body) => {
        if (!left) setText(silenceText(decodeSilencePreview(body)));
      }, () => {
        if (!left) setText("");
      });
    }, 300);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [hosts, rule, now]);
  return text;
}

function Silences({ list, error, change, now }: { list: readonly Silence[]; error: string; change: Change; now: string }) {
  const [hosts, setHosts] = useState("");
  const [rule, setRule] = useState("");
  const preview = useSilencePreview(hosts, rule, now);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const field = (name: string): string => String(data.get(name) ?? "");
    change("POST", "/api/v1/alerts/silences", { hosts: field("hosts"), rule: field("rule"), for: field("for"), reason: field("reason") });
    form.reset();
    setHosts("");
    setRule("");
  };
  return (
    <section class="panel" aria-label={t("Silences")}>
      <header><h2>{t("Silences")}</h2></header>
      {error !== "" && <p class="error-text">{error}</p>}
      <ul class="bare silences">
        {list.filter((one) => one.active).map((one) => (
          <li key={one.id} class="row">
            <span><strong>{one.hosts === "" ? t("all hosts") : one.hosts}</strong> {one.rule === "*" ? t("all rules") : t("rule {rule}", { rule: one.rule })}{" "}
              <span class="quiet">{t("until {time}", { time: formatTime(one.ends) })} · {one.author}{one.reason === "" ? "" : ` · ${one.reason}`}</span></span>
            <button type="button" aria-label={t("End the silence of {hosts}", { hosts: one.hosts === "" ? t("all hosts") : one.hosts })}
              onClick={() => change("DELETE", `/api/v1/alerts/silences/${one.id}`)}>{t("End")}</button>
          </li>
        ))}
      </ul>
      <form class="fields" onSubmit={submit}>
        <label>{t("Hosts")}<input name="hosts" placeholder={t("site:north; empty: all")} value={hosts} onInput={(event) => setHosts(event.currentTarget.value)} /></label>
        <label>{t("Rule")}<input name="rule" placeholder="*" value={rule} onInput={(event) => setRule(event.currentTarget.value)} /></label>
        <label class="is-short">{t("For")}<input name="for" defaultValue="2h" required size={5} /></label>
        <label>{t("Reason")}<input name="reason" /></label>
        <button type="submit">{t("Silence")}</button>
      </form>
      <p class="quiet" role="status">{preview}</p>
    </section>
  );
}

function Channels({ list, change }: { list: readonly AlertChannel[]; change: Change }) {
  if (list.length === 0) {
    return <p class="notice">{tx("No channel is configured, so no message is sent. {table} in {file} adds one.", { table: <code>[channel.NAME]</code>, file: <code>alerts.toml</code> })}</p>;
  }
  return (
    <TableBox label={t("Channels")}>
      <table class="plain cards">
        <caption>{t("Channels")}</caption>
        <thead><tr><th scope="col">{t("Name")}</th><th scope="col">{t("Kind")}</th><th scope="col">{t("Place")}</th><th scope="col" class="numeric">{t("Sent")}</th><th scope="col">{t("State")}</th>
          <th scope="col"><span class="hidden">{t("Actions")}</span></th></tr></thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th><td>{one.kind}</td><td>{one.place}</td><td class="numeric">{one.sent}</td>
              <td class={`about${one.failingSince === null ? "" : " error-text"}`}>{one.failingSince === null ? t("good") : t("fails since {time}: {error}", { time: formatTime(one.failingSince), error: one.lastError })}</td>
              <td class="actions"><button type="button" aria-label={t("Send a test message to {name}", { name: one.name })}
                onClick={() => change("POST", "/api/v1/alerts/send-test", { channel: one.name })}>{t("Test")}</button></td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

// Of an end, the limit says that the value was no longer beyond it.
const pastValue = ({ state, valueText, limitText }: PastAlert): string =>
  valueText === "" || limitText === "" ? valueText : `${valueText} (${state === "firing" ? limitText : t("limit {value}", { value: limitText })})`;

// How long it fired, which the times in the table agree with. Where its begin is older than the list, nothing is said of that.
const endWords = (one: PastAlert, fired: number | undefined): string =>
  fired === undefined ? t("ended") : t("ended after {duration}", { duration: formatDuration((one.time - fired) / 1000) });

function History({ list, error, known }: { list: readonly PastAlert[]; error: string; known: boolean }) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const fired = useMemo(() => firedBefore(list), [list]);
  const shown = list.filter((one) => words.every((word) => `${whereOf(one)} ${one.rule} ${one.severity} ${one.state}`.toLowerCase().includes(word)));
  return (
    <>
      {error !== "" && <p class="error-text">{error}</p>}
      <TableBox label={t("History of alerts")}>
        <table class="plain cards">
          <caption><span class="caption">{t("History")}{" "}<span class="grow" />
            <input type="search" aria-label={t("Search the history")} placeholder={t("Search the history")} value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></span></caption>
          <thead><tr><th scope="col">{t("Time")}</th><th scope="col">{t("State")}</th><th scope="col">{t("Severity")}</th><th scope="col">{t("Host")}</th><th scope="col">{t("Rule")}</th>
            <th scope="col">{t("Value")}</th><th scope="col">{t("Note")}</th></tr></thead>
          <tbody>
            {shown.map((one) => (
              <tr key={one.id}>
                <td>{formatTime(one.time)}</td>
                <td title={t("The condition became true at {time}.", { time: formatTime(one.since) })}>{one.state === "firing" ? t("fired") : endWords(one, fired.get(one.id))}</td>
                <td>{severityMark(one.severity)}</td><td class="about">{hostLink(one)}</td><td>{one.rule}</td><td>{pastValue(one)}</td>
                <td>{[one.late ? t("came late, no message") : "", one.reason].filter((note) => note !== "").join(", ")}</td>
              </tr>
            ))}
            {known && shown.length === 0 && <tr><td colSpan={7} class="quiet">{list.length === 0 ? t("No alert has fired yet.") : t("No entry matches.")}</td></tr>}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}

function Rules({ list, error, onChanged }: { list: readonly AlertRule[]; error: string; onChanged: () => Promise<unknown> }) {
  const who = useObservable(account);
  const [edited, setEdited] = useState<{ name: string; isNew: boolean } | null>(null);
  const [name, setName] = useState("");
  const [last, setLast] = useState<{ name: string; words: string } | null>(null);
  const mayEdit = who?.role === "admin";
  const done = (change: RuleChange | null): void => {
    const was = edited?.name ?? "";
    setEdited(null);
    if (change === null) return;
    setLast({ name: was, words: change === "saved" ? t("The rule {name} is saved and in force.", { name: was }) : change === "removed" ? t("The rule {name} is removed.", { name: was })
      : t("The rule {name} is the built-in one again.", { name: was }) });
    void onChanged().then(() => requestAnimationFrame(() => document.getElementById(rowOf(was))?.scrollIntoView({ block: "nearest" })));
  };
  // One's own first: those that are built in are many.
  const sorted = [...list].sort((a, b) => Number(a.builtIn) - Number(b.builtIn));
  const known = list.some((one) => one.name === name);
  return (
    <>
      {error !== "" && <p class="error-text">{error}</p>}
      {edited !== null && <RuleEditor key={edited.name} name={edited.name} isNew={edited.isNew} onDone={done} />}
      <p class="row" role="status">{edited === null && last !== null && <strong>{last.words}</strong>}</p>
      {mayEdit && edited === null && (
        <form class="row new-rule" onSubmit={(event) => {
          event.preventDefault();
          setEdited({ name, isNew: !known });
          setName("");
        }}>
          <label>{t("New rule")}{" "}<input value={name} required pattern="[A-Za-z0-9_\-]{1,64}" title={t("Letters of ASCII, digits, '-' and '_', at most 64")} placeholder="busy"
            onInput={(event) => setName(event.currentTarget.value)} /></label>
          <button type="submit">{known ? t("Edit") : t("Write")}</button>
        </form>
      )}
      <TableBox label={t("Rules")}>
        <table class="plain cards">
          <caption>{t("Rules")}</caption>
          <thead><tr><th scope="col">{t("Rule")}</th><th scope="col">{t("Severity")}</th><th scope="col">{t("When")}</th><th scope="col">{t("For")}</th><th scope="col">{t("Hosts")}</th>
            <th scope="col">{t("Channels")}</th>{mayEdit && <th scope="col"><span class="hidden">{t("Actions")}</span></th>}</tr></thead>
          <tbody>
            {sorted.map((one) => (
              <tr key={one.name} id={rowOf(one.name)} class={`${one.enabled ? "" : "quiet"}${last?.name === one.name ? " is-marked" : ""}`}>
                <th scope="row" title={one.help}>{one.name}{one.enabled ? "" : ` (${t("off")})`}</th><td>{severityMark(one.severity)}</td><td class="about"><code>{breakable(one.when)}</code></td>
                <td>{one.forSeconds === 0 ? t("at once") : formatDuration(one.forSeconds)}</td><td>{one.hosts === "" ? t("all") : one.hosts}</td>
                <td>{one.notify.join(", ")}</td>
                {mayEdit && <td class="actions"><button type="button" aria-label={t("Edit {name}", { name: one.name })} onClick={() => setEdited({ name: one.name, isNew: false })}>{t("Edit")}</button></td>}
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}
