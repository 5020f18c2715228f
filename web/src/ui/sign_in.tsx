import { useEffect, useRef } from "preact/hooks";
import { useToken, type SignIn } from "../net/session.ts";

export function SignInForm({ reason }: { reason: Exclude<SignIn, "not-needed"> }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [reason]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token !== "") useToken(token);
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <h1>Sign in</h1>
        <p>
          This server asks for an access token. <code>./resmon status --json</code> on the server's machine names the file that
          holds one (<code>token_file</code>).
        </p>
        <label for="token">Access token</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" required aria-describedby="token-error" />
        <p id="token-error" class="error-text" role="alert">
          {reason === "refused" ? "The server did not accept this token. Check it and try again." : ""}
        </p>
        <button type="submit" class="primary">Sign in</button>
        <p class="quiet">The token is kept for this tab only and is forgotten when you close it.</p>
      </form>
    </main>
  );
}
