"use client";
// The output of a build or a deployment, scrolled to its end as it grows.

import { useEffect, useRef } from "react";

interface Props {
  label: string;
  lines: ReadonlyArray<{ key: string; text: string; kind?: "head" | "error" }>;
  empty: string;
}

export function Output({ label, lines, empty }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const count = lines.length;
  useEffect(() => {
    if (count > 0) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [count]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div ref={box} className="terminal output" role="log" aria-live="off" aria-label={label} tabIndex={0}>
      {count === 0 && <p className="quiet">{empty}</p>}
      {lines.map(({ key, text, kind }) => (
        <div key={key} data-kind={kind}>
          {text}
        </div>
      ))}
    </div>
  );
}
