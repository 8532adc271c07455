"use client";
// Name and password; in a demo the password is shown, and filled in.

import { callApi } from "@/lib/client/call-api";
import { useAction } from "@/lib/client/use-action";
import { ErrorNote } from "../parts/error-note";

export function LoginForm({ demoPassword }: { demoPassword: string | null }) {
  const { busy, error, run } = useAction();
  return (
    <form
      className="login-card"
      aria-labelledby="login-title"
      // Sent before the page is live, the password must not stand in the address.
      method="post"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        void run(async () => {
          const body = { user: form.get("user"), password: form.get("password") };
          const failed = await callApi("/api/auth/login", body);
          // A full load, so that the connection is made with the new cookie.
          if (failed === null) location.assign("/");
          return failed;
        });
      }}
    >
      <div className="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6 17h5l3-8 5 15 3-7h4" />
        </svg>
        nself <span>admin</span>
      </div>
      <h1 id="login-title">Log in</h1>
      <label>
        Name
        <input
          name="user"
          autoComplete="username"
          required
          maxLength={32}
          pattern="[\p{L}\p{M}\p{N}._\-]+"
          defaultValue="admin"
        />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete="current-password"
          required
          defaultValue={demoPassword ?? ""}
        />
      </label>
      <ErrorNote error={error} />
      <button type="submit" className="primary" aria-disabled={busy}>
        {busy ? "Logging in…" : "Log in"}
      </button>
      {demoPassword && (
        <p className="hint">
          This is a demo: the password is <code>{demoPassword}</code>, for any name. Set{" "}
          <code>NSELF_ADMIN_PASSWORD</code> to have one of your own.
        </p>
      )}
    </form>
  );
}
