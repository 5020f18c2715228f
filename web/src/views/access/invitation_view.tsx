// What an invitation's link leads to: the invited person sets a password, and is signed in.

import { useEffect, useState } from "preact/hooks";
import { t, tx } from "../../core/texts.ts";
import { formatTime } from "../../core/format.ts";
import { kFleetRoute } from "../../core/route.ts";
import { call, signedIn } from "../../net/session.ts";
import { go } from "../../ui/navigation.ts";

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function InvitationView({ secret }: { secret: string }) {
  const [known, setKnown] = useState<{ user: string; role: string; expires: number } | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    setKnown(null);
    call("POST", "/api/v1/invitation", { invitation: secret }).then((body) => setKnown(body as { user: string; role: string; expires: number }), (failure: unknown) => setError(said(failure)));
  }, [secret]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const [password, again] = ["password", "again"].map((key) => String(data.get(key) ?? ""));
    if (password !== again) return setError(t("The two passwords differ."));
    setBusy(true);
    setError("");
    call("POST", "/api/v1/invitation", { invitation: secret, password }).then(signedIn).then(() => go(kFleetRoute), (failure: unknown) => {
      setBusy(false);
      setError(said(failure));
    });
  };
  return (
    <div class="sign-in">
      <form onSubmit={submit}>
        <h1>{t("Invitation")}</h1>
        {known !== null && (
          <>
            <p>{known.role === "admin" ? tx("You are invited as {name}, an administrator.", { name: <strong>{known.user}</strong> }) : tx("You are invited as {name}, who reads.", { name: <strong>{known.user}</strong> })}{" "}
          {t("The invitation is good until {time}.", { time: formatTime(known.expires) })}</p>
            <input type="hidden" name="username" autocomplete="username" value={known.user} />
            <label for="new-password">{t("Password, of at least ten characters")}</label>
            <input id="new-password" name="password" type="password" autocomplete="new-password" minLength={10} required />
            <label for="new-password-again">{t("Password again")}</label>
            <input id="new-password-again" name="again" type="password" autocomplete="new-password" required />
          </>
        )}
        <p class="error-text" role="alert">{error}</p>
        {known !== null && <button type="submit" class="primary" disabled={busy}>{t("Set the password and sign in")}</button>}
      </form>
    </div>
  );
}
