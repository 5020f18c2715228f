// What an invitation's link leads to: the invited person sets a password, and is signed in.

import { useEffect, useState } from "preact/hooks";
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
    if (password !== again) return setError("The two passwords differ.");
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
        <h1>Invitation</h1>
        {known !== null && (
          <>
            <p>You are invited as <strong>{known.user}</strong>, {known.role === "admin" ? "an administrator" : "who reads"}. The invitation is good until {formatTime(known.expires)}.</p>
            <input type="hidden" name="username" autocomplete="username" value={known.user} />
            <label for="new-password">Password, of at least ten characters</label>
            <input id="new-password" name="password" type="password" autocomplete="new-password" minLength={10} required />
            <label for="new-password-again">Password again</label>
            <input id="new-password-again" name="again" type="password" autocomplete="new-password" required />
          </>
        )}
        <p class="error-text" role="alert">{error}</p>
        {known !== null && <button type="submit" class="primary" disabled={busy}>Set the password and sign in</button>}
      </form>
    </div>
  );
}
