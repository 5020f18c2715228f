// An administrator's button: takes a host that sends no more off the list, after asking. The list's feed then removes it.

import { useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { account } from "../../net/session.ts";
import { later } from "../../ui/later.tsx";
import { useObservable } from "../../ui/use_observable.ts";

const Question = later((part) => part.ForgetDialog);

export function Forget({ host }: { host: string }) {
  const who = useObservable(account);
  const [asking, setAsking] = useState(false);
  if (who?.role !== "admin") return null;
  return (
    <>
      <button type="button" title={t("Remove this host from the list")} onClick={() => setAsking(true)}>{t("Forget…")}</button>
      {asking && <Question host={host} onClose={() => setAsking(false)} />}
    </>
  );
}
