import type { ComponentChildren } from "preact";

// A table that may be wider than the window: it scrolls by itself, and by keyboard.
export function TableBox({ label, bare = false, children }: { label: string; bare?: boolean; children: ComponentChildren }) {
  return <div class={`table-box${bare ? " is-bare" : ""}`} tabIndex={0} role="region" aria-label={label}>{children}</div>;
}
