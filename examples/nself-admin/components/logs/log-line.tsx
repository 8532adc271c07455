// One entry of the log: a line, or a gap where the server had to drop some.

import { memo } from "react";
import type { Entry } from "@/lib/client/log-entries";
import { Time } from "../parts/time";

export const LogLine = memo(function LogLine({ entry, withService }: { entry: Entry; withService: boolean }) {
  if ("gap" in entry) {
    const { count } = entry.gap;
    return (
      <div className="gap">
        {count} {count === 1 ? "line was" : "lines were"} dropped: this page reads too slowly
      </div>
    );
  }
  const { service, line, level, timestamp } = entry.line;
  return (
    <div className="line" data-level={level} data-key={timestamp}>
      <Time iso={timestamp} />
      {withService && <b>{service}</b>}
      <span>{line}</span>
    </div>
  );
});
