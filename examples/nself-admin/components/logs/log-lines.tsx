"use client";
// The scrolling list of log lines: it follows the newest line, and stands still while the reader has scrolled up.

import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import type { Entry } from "@/lib/client/log-entries";
import { LogLine } from "./log-line";

interface Props {
  entries: Entry[];
  withService: boolean;
  empty: ReactNode;
}

export function LogLines({ entries, withService, empty }: Props) {
  const box = useRef<HTMLDivElement>(null);
  // What is shown while the reader looks at older lines; null while the list follows.
  const [held, setHeld] = useState<Entry[] | null>(null);
  const shown = held ?? entries;

  useLayoutEffect(() => {
    // After each change, also one further up: a scroll event that is still on its way must find the list at its end.
    if (!held && shown.length > 0) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [held, shown]);

  return (
    <div className="log-frame">
      <div
        ref={box}
        className="terminal log"
        role="log"
        // Too fast to be read aloud line by line.
        aria-live="off"
        aria-label="Log lines"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          const atEnd = scrollHeight - scrollTop - clientHeight < 24;
          if (atEnd !== (held === null)) setHeld(atEnd ? null : entries);
        }}
      >
        {shown.length === 0
          ? empty
          : shown.map((entry) => <LogLine key={entry.key} entry={entry} withService={withService} />)}
      </div>
      {held && (
        <button type="button" className="follow primary" onClick={() => setHeld(null)}>
          Follow the newest lines
        </button>
      )}
    </div>
  );
}
