import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  on: boolean;
  name?: string;
  right?: boolean;
  children: ComponentChildren;
}

const kMarginPixels = 8;

// A button that opens a small panel; Escape and a click elsewhere close it.
export function Menu({ label, on, name, right = false, children }: Props) {
  const box = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!open || element === null) return;
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !element.contains(event.target)) element.open = false;
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      element.open = false;
      element.querySelector("summary")?.focus();
    };
    const left = (): void => {
      element.open = false;
    };
    document.addEventListener("pointerdown", outside);
    element.addEventListener("keydown", key);
    addEventListener("hashchange", left);
    return () => {
      document.removeEventListener("pointerdown", outside);
      element.removeEventListener("keydown", key);
      removeEventListener("hashchange", left);
    };
  }, [open]);
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
      <summary class={`button${on ? " is-on" : ""}`} aria-label={name}>{label}</summary>
      {open && <div class="menu-body">{children}</div>}
    </details>
  );
}
