"use client";
// Who is logged in, and the way out.

import { callApi } from "@/lib/client/call-api";
import { Icon } from "../parts/icon";

export function Logout({ user }: { user: string }) {
  return (
    <button
      type="button"
      className="plain"
      aria-label={`Log out ${user}`}
      onClick={async () => {
        await callApi("/api/auth/logout");
        // A full load: nothing of this session stays in the page.
        location.assign("/login");
      }}
    >
      <span className="user">{user}</span>
      <Icon name="leave" />
    </button>
  );
}
