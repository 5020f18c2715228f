import { useEffect, useState } from "preact/hooks";
import type { Observable } from "../core/observable.ts";

export function useObservable<T>(source: Observable<T>): T {
  const [value, setValue] = useState(source.value);
  useEffect(() => {
    const update = (): void => setValue(() => source.value);
    update();
    return source.watch(update);
  }, [source]);
  return value;
}
