import { useEffect, useState } from "preact/hooks";
import type { Observable } from "../core/observable.ts";

// What `pick` finds in the value: the component is drawn again only when that is another. `pick` depends on `key` alone.
export function usePicked<T, Picked>(source: Observable<T>, pick: (value: T) => Picked, key: string): Picked {
  const [found, setFound] = useState<{ key: string; picked: Picked }>(() => ({ key, picked: pick(source.value) }));
  useEffect(() => {
    const update = (): void => setFound((old) => {
      const picked = pick(source.value);
      return old.key === key && Object.is(old.picked, picked) ? old : { key, picked };
    });
    update();
    return source.watch(update);
  }, [source, key]);
  return found.key === key ? found.picked : pick(source.value);
}

export function useObservable<T>(source: Observable<T>): T {
  const [value, setValue] = useState(source.value);
  useEffect(() => {
    const update = (): void => setValue(() => source.value);
    update();
    return source.watch(update);
  }, [source]);
  return value;
}
