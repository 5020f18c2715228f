import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  on: boolean;
  name?: string;
  right?: boolean;
  children: ComponentChildren;
}

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
  return (
    <details class={`menu${right ? " is-right" : ""}`} ref={box} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class={`button${on ? " is-on" : ""}`} aria-label={name}>{label}</summary>
      {open && <div class="menu-body">{children}</div>}
    </details>
  );
}
