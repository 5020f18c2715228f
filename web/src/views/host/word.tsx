// A state in a word, with a mark for the eye; the colour is not the only difference.

export type Level = "good" | "late" | "bad" | "quiet";

const kMarks: Record<Level, string> = { good: "●", late: "▲", bad: "✕", quiet: "○" };

export function Word({ text, level }: { text: string; level: Level }) {
  if (text === "") return <span class="quiet">–</span>;
  return <span class={`word is-${level}`}><span class="word-mark" aria-hidden="true">{kMarks[level]}</span> {text}</span>;
}
