// A host's state as a shape, a colour and a word: any one of the three is enough to read it.

import { t } from "../core/texts.ts";
import type { ShownState } from "../core/hosts.ts";

export type Shown = ShownState;

export const kStateWords: Record<Shown, string> = { up: t("Up"), late: t("Late"), down: t("Down"), trouble: t("Trouble"), paused: t("Paused") };
export const kStateHints: Record<Shown, string> = {
  up: t("Its samples arrive, and it is not in trouble."),
  late: t("Its last sample is older than 2 of its intervals and 2 s."),
  down: t("Its last sample is older than 6 of its intervals and 10 s."),
  paused: t("Its silence is wanted: no alert, no trouble."),
  trouble: t("It is not down, and a figure is above its threshold, or an alert fires."),
};

// `since`: for how long, in words; only what is not up has it said. `title`: its tooltip.
export function StateMark({ state, since, title }: { state: Shown; since?: string | undefined; title?: string | undefined }) {
  return (
    <span class={`state state-${state}`} title={title}>
      <span class="state-word">{kStateWords[state]}{since !== undefined && <span class="state-since"> {since}</span>}</span>
    </span>
  );
}
