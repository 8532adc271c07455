"use client";
// Start and stop of all services.

import { type Action, actOnAll, canDo } from "@/lib/client/service-actions";
import { useAction } from "@/lib/client/use-action";
import { ErrorNote } from "../parts/error-note";
import { Icon } from "../parts/icon";

export function AllButtons({ states }: { states: string[] }) {
  const { busy, error, run } = useAction();
  const button = (action: Action, text: string) => {
    const disabled = busy || !states.some((state) => canDo(action, state));
    return (
      <button
        type="button"
        className={action === "start" ? "primary" : ""}
        aria-disabled={disabled}
        onClick={() => {
          if (!disabled) void run(() => actOnAll(action));
        }}
      >
        <Icon name={action === "start" ? "play" : "stop"} />
        {text}
      </button>
    );
  };
  return (
    <>
      {button("stop", "Stop all")}
      {button("start", "Start all")}
      <ErrorNote error={error} />
    </>
  );
}
