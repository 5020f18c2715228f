// One rule as its text in alerts.toml: mistakes with their places, and what it would have done, while one types. The file is the
// truth: the server puts the text in place of what was there and leaves all else as it is.

import { useEffect, useRef, useState } from "preact/hooks";
import { count, t, tx } from "../../core/texts.ts";
import { chartPath, decodePreview, decodeRuleText, placeOf, whereOf, type Mistake, type Preview, type RuleText } from "../../core/alerts.ts";
import { formatDate, formatDuration, formatNumber, formatSpan, formatTime } from "../../core/format.ts";
import { call } from "../../net/session.ts";

const kPauseMs = 500;
const kAgainMs = 1500;
const kShownAlerts = 5;
const kLongest = "30d";
const kAll = "all";  // since the oldest sample, at most the longest
const kSpans = [[kAll, t("all samples")], ["1d", t("the last 24 hours")], ["7d", t("the last 7 days")], [kLongest, t("the last 30 days")]] as const;
const kChart = { width: 720, height: 110 };

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const pathOf = (name: string): string => `/api/v1/alerts/rules/${encodeURIComponent(name)}`;

// A new rule begins as one that works.
const draftOf = (name: string): string => `[rule.${name}]\nwhen = 'mean(cpu{cpu="cpu-total"}.usage_active, 5m) > 95'\nclear = 80\nfor = "10m"\n`;

// The seconds since the oldest sample, where they are much shorter than what was tried.
function spanOfAll(preview: Preview | null): number | null {
  if (preview === null || preview.firstRow === null || preview.firstRow - preview.from < (preview.to - preview.from) / 10) return null;
  return Math.ceil((preview.to - preview.firstRow) / 1000) + 1;
}

function useDraft(name: string, text: string, since: string): { preview: Preview | null; error: string; busy: boolean } {
  const [state, setState] = useState<{ preview: Preview | null; error: string; busy: boolean }>({ preview: null, error: "", busy: true });
  useEffect(() => {
    let left = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((old) => ({ ...old, busy: true }));
    const ask = async (): Promise<void> => {
      try {
        let preview = decodePreview(await call("POST", pathOf(name), { text, since: since === kAll ? kLongest : since }));
        const short = since === kAll ? spanOfAll(preview) : null;
        if (short !== null && !left) preview = decodePreview(await call("POST", pathOf(name), { text, since: `${short}s` }));
        if (!left) setState({ preview, error: "", busy: false });
      } catch (error) {
        if (left) return;
        if (/other users try rules/.test(said(error))) timer = setTimeout(() => void ask(), kAgainMs);
        else setState((old) => ({ ...old, error: said(error), busy: false }));
      }
    };
    timer = setTimeout(() => void ask(), kPauseMs);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [name, text, since]);
  return state;
}

function Mistakes({ list, text, onGo }: { list: readonly Mistake[]; text: string; onGo: (at: number) => void }) {
  return (
    <ul class="bare mistakes" role="alert">
      {list.map((one) => (
        <li key={`${one.line}:${one.column}:${one.reason}`} class="error-text">
          {one.line > 0 && <button type="button" class="link" onClick={() => onGo(placeOf(text, one.line, one.column))}>{t("line {line}, column {column}", { line: one.line, column: one.column })}</button>}
          {one.line > 0 && ": "}{one.reason}
        </li>
      ))}
    </ul>
  );
}

const figure = (value: number): string => formatNumber(Number(value.toPrecision(3)));

function PreviewChart({ preview }: { preview: Preview }) {
  const { chart } = preview;
  if (chart === null || chart.values.every((one) => one === null)) return null;
  const { width, height } = kChart;
  const { line, limitY, low, high } = chartPath(chart.values, chart.limit, width, height);
  const x = (time: number): number => ((time - preview.from) / Math.max(1, preview.to - preview.from)) * width;
  const same = preview.alerts.filter((one) => whereOf(one) === whereOf(chart));
  // Before the first sample of all, and of this series.
  const first = Math.max(chart.values.findIndex((one) => one !== null) * (width / chart.values.length), preview.firstRow === null ? 0 : x(preview.firstRow));
  const top = (y: number): { top: string } => ({ top: `${(Math.min(Math.max(y, 8), height - 8) / height) * 100}%` });
  return (
    <figure class="rule-chart">
      <div class="rule-plot">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img"
           aria-label={t("{series} from {date} to now, and when the rule would have fired", { series: whereOf(chart), date: formatDate(preview.from) })}>
        {first > 1 && <rect class="no-data" x="0" y="0" height={height} width={first} />}
        {same.map((one) => (
          <rect key={one.fired} class="fired" x={x(one.fired)} y="0" height={height} width={Math.max(2, x(one.ended ?? preview.to) - x(one.fired))} />
        ))}
        {limitY !== null && <line class="limit" x1="0" x2={width} y1={limitY} y2={limitY} />}
        <path class="value" d={line} />
      </svg>
      {first > width / 8 && <span class="no-data" style={{ width: `${(first / width) * 100}%` }}>{t("no data")}</span>}
      {limitY !== null && chart.limit !== null && <span class="limit" style={top(limitY)}>{t("limit {value}", { value: figure(chart.limit) })}</span>}
      {high !== chart.limit && <span style={top(0)}>{figure(high)}</span>}
      {low !== chart.limit && low !== high && <span style={top(height)}>{figure(low)}</span>}
      </div>
      <figcaption class="quiet"><span>{preview.to - preview.from < 86_400_000 ? formatTime(preview.from) : formatDate(preview.from)}</span><strong>{whereOf(chart)}</strong><span>{t("now")}</span></figcaption>
    </figure>
  );
}

function WouldHave({ preview, span }: { preview: Preview; span: string }) {
  const nothing = preview.hosts === 0;
  return (
    <div class="would-have">
      <p>
        {nothing ? t("No host has a series that this rule looks at.") : (
          <>{tx("Would have fired {times} on {some} of {all} hosts in {span}.", {
            times: <strong>{count("once|{n} times", preview.fired)}</strong>, some: preview.hostsFired, all: preview.hosts, span,
          })}</>
        )}
        {preview.partial && ` ${t("Only {n} of them could be tried within 4 seconds; the last one in part.", { n: preview.hostsReplayed })}`}
        {!nothing && preview.firstRow !== null && preview.firstRow - preview.from > 3_600_000 && ` ${t("Its oldest sample is of {time}.", { time: formatTime(preview.firstRow) })}`}
      </p>
      <PreviewChart preview={preview} />
      {preview.alerts.length > 0 && (
        <ul class="bare">
          {preview.alerts.slice(0, kShownAlerts).map((one) => (
            <li key={`${one.fired} ${whereOf(one)}`}>
              {formatTime(one.fired)}: {whereOf(one)}{one.valueText === "" ? "" : `, ${one.valueText} (${one.limitText})`}
              <span class="quiet"> {one.ended === null ? t("continues") : t("for {duration}", { duration: formatDuration((one.ended - one.fired) / 1000) })}</span>
            </li>
          ))}
          {preview.alerts.length > kShownAlerts && <li class="quiet">{t("and earlier ones")}</li>}
        </ul>
      )}
    </div>
  );
}

export type RuleChange = "saved" | "removed" | "reset";

interface Props {
  name: string;
  isNew: boolean;
  onDone: (change: RuleChange | null) => void;
}

export function RuleEditor({ name, isNew, onDone }: Props) {
  const [known, setKnown] = useState<RuleText | null>(isNew ? { name, file: "", inFile: false, text: "", builtIn: "" } : null);
  const [error, setError] = useState("");
  useEffect(() => {
    if (isNew) return;
    call("GET", pathOf(name)).then((body) => setKnown(decodeRuleText(body)), (problem: unknown) => setError(said(problem)));
  }, [name, isNew]);
  return (
    <section class="panel rule-editor" aria-label={t("Rule {name}", { name })}>
      <header><h2>{isNew ? t("New rule {name}", { name }) : t("Rule {name}", { name })}</h2></header>
      {error !== "" && <p class="error-text" role="alert">{error}</p>}
      {known === null
        ? <div class="row"><span class="grow" /><button type="button" onClick={() => onDone(null)}>{t("Close")}</button></div>
        : <Editor known={known} onDone={onDone} />}
    </section>
  );
}

function Question({ text, onYes, onNo }: { text: string; onYes: () => void; onNo: () => void }) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  return (
    <div class="row" role="group" aria-label={t("Confirm")}>
      <span>{text}</span>
      <button type="button" class="danger" onClick={onYes}>{t("Yes, remove")}</button>
      <button type="button" ref={keep} onClick={onNo}>{t("Keep it")}</button>
    </div>
  );
}

function Editor({ known, onDone }: { known: RuleText; onDone: (change: RuleChange | null) => void }) {
  const { name } = known;
  const [text, setText] = useState(known.inFile ? known.text : known.builtIn === "" ? draftOf(name) : known.builtIn);
  const [since, setSince] = useState<string>(kAll);
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState("");
  const { preview, error: failed, busy } = useDraft(name, text, since);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  const goTo = (at: number): void => {
    box.current?.focus();
    box.current?.setSelectionRange(at, at);
  };
  const change = (method: string, body: object, done: RuleChange): void => {
    call(method, pathOf(name), body).then(() => onDone(done), (problem: unknown) => {
      setAsking(false);
      setError(said(problem));
    });
  };
  const mistakes = preview?.mistakes ?? [];
  return (
    <form onSubmit={(event) => {
      event.preventDefault();
      change("PUT", { text, was: known.text }, "saved");
    }}>
      <p class="quiet">
        {known.inFile ? t("Its text in the rules file; comments stay.") : known.builtIn === "" ? t("It is added at the end of the rules file.")
          : t("As it is built in. Only the keys that are to differ need to stay in the rules file.")} {t("The keys are in docs/alerts.md.")}
      </p>
      <label class="query-box"><span class="hidden">{t("Text of the rule")}</span>
        <textarea ref={box} value={text} rows={8} spellcheck={false} autocomplete="off" autocapitalize="off"
          aria-invalid={mistakes.length > 0} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      {mistakes.length > 0 && <Mistakes list={mistakes} text={text} onGo={goTo} />}
      {failed !== "" && <p class="error-text" role="alert">{failed}</p>}
      <div class="row">
        <label>{t("Tried on")}{" "}<select value={since} onChange={(event) => setSince(event.currentTarget.value)}>
          {kSpans.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
        </select></label>
        <span class="quiet" role="status">{busy ? t("trying…") : ""}</span>
      </div>
      {mistakes.length === 0 && preview !== null && <WouldHave preview={preview} span={formatSpan((preview.to - preview.from) / 1000)} />}
      {error !== "" && <p class="error-text" role="alert">{error}</p>}
      <div class="row">
        <button type="submit" class="primary" disabled={busy || mistakes.length > 0}>{t("Save")}</button>
        <button type="button" onClick={() => onDone(null)}>{t("Cancel")}</button>
        {known.inFile && !asking && (
          <button type="button" class="danger" onClick={() => setAsking(true)}>{known.builtIn === "" ? t("Remove…") : t("Back to the built-in rule…")}</button>
        )}
      </div>
      {asking && (
        <Question text={known.builtIn === "" ? t("Remove this rule with its comments from the file? Its alerts that fire end, and their channels are told.")
          : t("Remove your changes with their comments from the file? The built-in rule is in force then.")}
          onYes={() => change("DELETE", { was: known.text }, known.builtIn === "" ? "removed" : "reset")} onNo={() => setAsking(false)} />
      )}
    </form>
  );
}
