import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  on: boolean;
  name?: string;
  right?: boolean;
  actions?: boolean;  // what it holds are actions, each a button or a link of class menu-item: a menu as ARIA has it, with arrows
  children: ComponentChildren;
}

const kMarginPixels = 8;

const itemsOf = (box: HTMLElement): HTMLElement[] => [...box.querySelectorAll<HTMLElement>('[role="menuitem"]')];

// Which item a key leads to; null: it is none of these keys. A letter leads to the next item that begins with it.
function itemAt(items: readonly HTMLElement[], now: number, key: string): number | null {
  const last = items.length - 1;
  switch (key) {
    case "ArrowDown":
      return now < last ? now + 1 : 0;
    case "ArrowUp":
      return now > 0 ? now - 1 : last;
    case "Home":
      return 0;
    case "End":
      return last;
  }
  if (!/^\p{L}$/u.test(key)) return null;
  const order = [...items.keys()].map((step) => (now + 1 + step) % items.length);
  return order.find((at) => items[at]?.textContent?.toLowerCase().startsWith(key.toLowerCase()) === true) ?? null;
}

// A button that opens a small panel; Escape and a click elsewhere close it. One of actions has the keys of ARIA's menu button: arrows, Home, End
// and letters within, Tab leaves and closes it.
export function Menu({ label, on, name, right = false, actions = false, children }: Props) {
  const box = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  const fromEnd = useRef(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (!open || element === null) return;
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !element.contains(event.target)) element.open = false;
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key === "Escape") {
        event.stopPropagation();
        element.open = false;
        element.querySelector("summary")?.focus();
      } else if (actions && event.key === "Tab") {
        element.querySelector("summary")?.focus();  // the browser moves on from there
        element.open = false;
      } else if (actions && !event.ctrlKey && !event.metaKey && !event.altKey) {
        const items = itemsOf(element);
        const next = itemAt(items, items.indexOf(document.activeElement as HTMLElement), event.key);
        if (next === null) return;
        event.preventDefault();
        event.stopPropagation();
        items[next]?.focus();
      }
    };
    const left = (): void => {
      element.open = false;
    };
    if (actions) itemsOf(element)[fromEnd.current ? itemsOf(element).length - 1 : 0]?.focus({ preventScroll: true });
    fromEnd.current = false;
    document.addEventListener("pointerdown", outside);
    element.addEventListener("keydown", key);
    addEventListener("hashchange", left);
    return () => {
      document.removeEventListener("pointerdown", outside);
      element.removeEventListener("keydown", key);
      removeEventListener("hashchange", left);
    };
  }, [open, actions]);
  // One that would stick out of the window moves left by as much.
  useLayoutEffect(() => {
    // Each chart has a menu. To ask where a closed one ends would make the browser lay out the page for each of them.
    const body = open && !right ? box.current?.querySelector<HTMLElement>(".menu-body") : null;
    if (body === null || body === undefined) return;
    const over = body.getBoundingClientRect().right - document.documentElement.clientWidth + kMarginPixels;
    if (over > 0) body.style.left = `${-over}px`;
  }, [open, right]);
  return (
    <details class={`menu${right ? " is-right" : ""}`} ref={box} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class={`button${on ? " is-on" : ""}`} aria-label={name} aria-haspopup={actions ? "menu" : undefined} onKeyDown={(event) => {
        if (!actions || open || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
        event.preventDefault();
        event.stopPropagation();
        fromEnd.current = event.key === "ArrowUp";
        if (box.current !== null) box.current.open = true;
      }}>{label}</summary>
      {open && <div class="menu-body" role={actions ? "menu" : undefined} aria-label={actions ? name : undefined}>{children}</div>}
    </details>
  );
}
