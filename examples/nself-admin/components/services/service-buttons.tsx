"use client";
// Start and stop of one service, and the way to its log.

import Link from "next/link";
import { type Action, act, canDo } from "@/lib/client/service-actions";
import type { UseAction } from "@/lib/client/use-action";
import type { SERVICES } from "@/lib/services/catalog";
import { Icon } from "../parts/icon";

interface Props {
  service: (typeof SERVICES)[number];
  state: string;
  action: UseAction;
}

export function ServiceButtons({ service, state, action: { busy, run } }: Props) {
  // Buttons that cannot be used now keep the focus, so they say so by aria-disabled.
  const button = (action: Action, text: string) => {
    const disabled = busy || !canDo(action, state);
    return (
      <button
        type="button"
        className="small"
        aria-disabled={disabled}
        aria-label={`${text} ${service.title}`}
        onClick={() => {
          if (!disabled) void run(() => act(action, service.name));
        }}
      >
        <Icon name={action === "start" ? "play" : "stop"} />
        {text}
      </button>
    );
  };
  return (
    <div className="actions">
      {button("start", "Start")}
      {button("stop", "Stop")}
      <Link className="button small" href={`/logs?service=${service.name}`} aria-label={`Logs of ${service.title}`}>
        Logs
      </Link>
    </div>
  );
}
