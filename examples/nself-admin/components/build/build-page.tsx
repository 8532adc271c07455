"use client";
// The build: started here or in any other tab, with its steps and its output as they come.

import type { BuildProgressEvent } from "nself-realtime/client";
import { useBuildProgress } from "nself-realtime/react";
import { useEffect } from "react";
import type { BuildSnapshot } from "@/lib/build/types";
import { STEPS } from "@/lib/build/types";
import { callApi } from "@/lib/client/call-api";
import { stepsOf } from "@/lib/client/steps";
import { useAction } from "@/lib/client/use-action";
import { useConnection } from "@/lib/client/use-connection";
import { useProgress } from "@/lib/client/use-progress";
import { useSnapshot } from "@/lib/client/use-snapshot";
import { ErrorNote } from "../parts/error-note";
import { Icon } from "../parts/icon";
import { Output } from "../parts/output";
import { PageHead } from "../parts/page-head";
import { ProgressBar } from "../parts/progress-bar";
import { StepList } from "../parts/step-list";
import { BuildHistory } from "./build-history";

const isEnd = ({ step }: BuildProgressEvent) => step === "done";

/** The message of each event, then its output. */
function linesOf(events: BuildProgressEvent[]) {
  return events.flatMap(({ timestamp, message, logs = [], status }) => [
    ...(message ? [{ key: timestamp, text: message, kind: status === "failed" ? "error" : "head" } as const] : []),
    ...logs.map((text, i) => ({ key: `${timestamp} ${i}`, text })),
  ]);
}

export function BuildPage({ initial }: { initial: BuildSnapshot }) {
  const { data, reload } = useSnapshot("/api/nself/build", initial, useConnection());
  const { history } = useBuildProgress();
  const { events, progress, status } = useProgress(data.events, history, isEnd);
  const { busy, error, run } = useAction();
  const running = status === "in-progress";
  const message = events.findLast((event) => event.message !== undefined)?.message;
  const steps = stepsOf(
    STEPS.map(({ step }) => step),
    events.map(({ step, ...event }) => ({ name: step, ...event })),
  );
  useEffect(() => {
    // The list of builds is read, not pushed.
    if (status === "complete" || status === "failed") reload();
  }, [status, reload]);
  return (
    <>
      <PageHead title="Build" lead="Checks, tests and packages the services' programs. Every open page sees it go on.">
        {running && (
          <button type="button" onClick={() => run(() => callApi("/api/nself/build", {}, "DELETE"))}>
            <Icon name="close" />
            Cancel
          </button>
        )}
        <button
          type="button"
          className="primary"
          aria-disabled={busy || running}
          onClick={() => {
            if (!running) void run(() => callApi("/api/nself/build"));
          }}
        >
          <Icon name="build" />
          {running ? "Building…" : "Build"}
        </button>
      </PageHead>
      <ErrorNote error={error} />
      <div className="columns even">
        <section className="card" aria-labelledby="steps">
          <h2 id="steps">Steps</h2>
          <ProgressBar label="Build" value={progress} status={status} />
          <p className="message" role="status" data-status={status}>
            {message ?? "Nothing has been built since the admin started."}
          </p>
          <StepList steps={steps} texts={STEPS} />
        </section>
        <section className="card" aria-labelledby="output">
          <h2 id="output">Output</h2>
          <Output label="Output of the build" lines={linesOf(events)} empty="What the steps write appears here." />
        </section>
      </div>
      <BuildHistory builds={data.builds} />
    </>
  );
}
