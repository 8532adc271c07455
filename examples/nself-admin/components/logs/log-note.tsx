"use client";
// Adds a note to a service's log, for everybody who reads it.

import { useState } from "react";
import { callApi } from "@/lib/client/call-api";
import { useAction } from "@/lib/client/use-action";
import { ErrorNote } from "../parts/error-note";

export function LogNote({ service }: { service: string }) {
  const [line, setLine] = useState("");
  const { busy, error, run } = useAction();
  return (
    <form
      className="toolbar"
      onSubmit={(event) => {
        event.preventDefault();
        if (line.trim() === "") return;
        void run(async () => {
          const failed = await callApi("/api/logs/stream", { service, line });
          if (failed === null) setLine("");
          return failed;
        });
      }}
    >
      <label className="grow">
        <span className="visually-hidden">A note for this log</span>
        <input
          value={line}
          maxLength={1000}
          placeholder="Write a note into this log, for everybody who reads it"
          onChange={(event) => setLine(event.target.value)}
        />
      </label>
      <button type="submit" aria-disabled={busy || line.trim() === ""}>
        Add note
      </button>
      <ErrorNote error={error} />
    </form>
  );
}
