import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { formatClock, formatDate } from "../../core/format.ts";
import { messageBeside, severityOf, type LogLine } from "../../core/log_lines.ts";

// px, as in logs.css: every line has one row, so that where each lies is known without measuring. Fingers need higher ones.
const kRow = matchMedia("(pointer: coarse)").matches ? 36 : 21;
const kSpare = 20;

const kSteps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: kSpare - 2, PageUp: 2 - kSpare };

const decimals = (line: LogLine): string => (/\.(\d{1,3})/.exec(line.time)?.[1] ?? "").padEnd(3, "0");

export function LineRow({ line, chosen, withDate, withHost, tabIndex = 0, onChoose }: {
  line: LogLine; chosen: boolean; withDate: boolean; withHost: boolean; tabIndex?: number; onChoose: (line: LogLine) => void;
}) {
  return (
    <button type="button" class={`log-row severity-${severityOf(line.level)}${chosen ? " is-chosen" : ""}`} aria-pressed={chosen} tabIndex={tabIndex} onClick={() => onChoose(line)}>
      <time dateTime={line.time}>{withDate && `${formatDate(line.ms)} `}{formatClock(line.ms, true)}.{decimals(line)}</time>
      <span class="log-level">{line.level === "none" ? "" : line.level}</span>
      {withHost && <span class="log-host">{line.host}</span>}
      <span class="log-unit">{line.unit.slice(line.unit.lastIndexOf("/") + 1)}</span>
      <span class="log-message">{messageBeside(line)}</span>
    </button>
  );
}

// As many lines as are in sight are on the page, of a list as long as memory allows.
export function LineList({ lines, chosen, withDate, withHost, added, onChoose, onEnd }: {
  lines: readonly LogLine[]; chosen: LogLine | null; withDate: boolean; withHost: boolean;
  added: number;  // how many lines were put in front, ever: what is looked at stays where it is
  onChoose: (line: LogLine) => void; onEnd: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  const before = useRef(added);
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && element.scrollTop > kRow) element.scrollTop += (added - before.current) * kRow;
    before.current = added;
  }, [added]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void => setSeen({ top: element.scrollTop, height: element.clientHeight });
    // At rest no line is cut in half.
    const rest = (): void => {
      const whole = Math.round(element.scrollTop / kRow) * kRow;
      if (Math.abs(whole - element.scrollTop) >= 1) element.scrollTop = whole;
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    element.addEventListener("scrollend", rest, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
      element.removeEventListener("scrollend", rest);
    };
  }, []);
  const first = Math.max(0, Math.floor(seen.top / kRow) - kSpare);
  const last = Math.min(lines.length, Math.ceil((seen.top + seen.height) / kRow) + kSpare);
  const nearEnd = last >= lines.length - 3 * kSpare;
  useEffect(() => {
    if (nearEnd) onEnd();
  }, [nearEnd, lines.length]);
  // One stop of Tab for the list; within it arrows lead from line to line, and Enter opens one.
  const keys = (event: KeyboardEvent): void => {
    const by = kSteps[event.key];
    const element = box.current;
    if (by === undefined || element === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...element.querySelectorAll<HTMLElement>(".log-row")];
    const now = rows.indexOf(document.activeElement as HTMLElement);
    const top = Math.ceil(element.scrollTop / kRow) - first;
    const next = rows[Math.min(rows.length - 1, Math.max(0, now < 0 ? top : now + by))];
    event.preventDefault();
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div class="log-list" ref={box} tabIndex={0} role="region" aria-label={t("Lines")} onKeyDown={keys}>
      <div class="log-space" style={{ height: `${lines.length * kRow}px` }}>
        <div class="log-window" style={{ transform: `translateY(${first * kRow}px)` }}>
          {lines.slice(first, last).map((line, index) => (
            <LineRow key={lines.length - first - index} line={line} chosen={line === chosen} withDate={withDate} withHost={withHost} tabIndex={-1} onChoose={onChoose} />
          ))}
        </div>
      </div>
    </div>
  );
}
