"use client";
// The scrolling list of log lines: it follows the newest line until the reader scrolls up.

import Link from "next/link";
import type { LogStreamEvent } from "nself-realtime/client";
import { useEffect, useRef, useState } from "react";
import { Time } from "./time";

interface Props {
  lines: Array<[key: string, event: LogStreamEvent]>;
  withService: boolean;
  filtered: boolean;
}

export function LogLines({ lines, withService, filtered }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const newest = lines.at(-1)?.[0];

  useEffect(() => {
    if (following && newest !== undefined) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [following, newest]);

  return (
    <div className="log-frame">
      <div
        ref={box}
        className="log"
        role="log"
        // Too fast to be read aloud line by line.
        aria-live="off"
        aria-label="Log lines"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setFollowing(scrollHeight - scrollTop - clientHeight < 24)
        }
      >
        {lines.length === 0 ? (
          <p className="empty">
            {filtered ? (
              "No line contains that."
            ) : (
              <>
                Nothing is written right now. <Link href="/services">Start a service</Link> and its output appears here.
              </>
            )}
          </p>
        ) : (
          lines.map(([key, event]) => (
            <div key={key} className="line" data-level={event.level}>
              <Time iso={event.timestamp} />
              {withService && <b>{event.service}</b>}
              <span>{event.line}</span>
            </div>
          ))
        )}
      </div>
      {!following && (
        <button type="button" className="follow primary" onClick={() => setFollowing(true)}>
          Latest lines
        </button>
      )}
    </div>
  );
}
