"use client";
// Deploys the last build to an environment, with its stages as they go on, in every open page.

import Link from "next/link";
import type { DeployProgressEvent } from "nself-realtime/client";
import { useDeployProgress } from "nself-realtime/react";
import { useEffect, useState } from "react";
import { callApi } from "@/lib/client/call-api";
import { stepsOf } from "@/lib/client/steps";
import { useAction } from "@/lib/client/use-action";
import { useConnection } from "@/lib/client/use-connection";
import { useProgress } from "@/lib/client/use-progress";
import { useSnapshot } from "@/lib/client/use-snapshot";
import type { DeploySnapshot, Environment } from "@/lib/deploy/types";
import { STAGES } from "@/lib/deploy/types";
import { ErrorNote } from "../parts/error-note";
import { Icon } from "../parts/icon";
import { Output } from "../parts/output";
import { PageHead } from "../parts/page-head";
import { ProgressBar } from "../parts/progress-bar";
import { StepList } from "../parts/step-list";
import { Confirm } from "./confirm";
import { EnvironmentChoice } from "./environment-choice";

const isEnd = ({ stage }: DeployProgressEvent) => stage === "done";
const TITLES: ReadonlyMap<string, string> = new Map(STAGES.map(({ stage, title }) => [stage, title]));

/** The title of each stage as it begins, then its output. */
function linesOf(events: DeployProgressEvent[]) {
  let stage = "";
  return events.flatMap((event) => {
    const title = event.stage !== stage && TITLES.get(event.stage);
    stage = event.stage;
    return [
      ...(title ? [{ key: event.timestamp, text: title, kind: "head" } as const] : []),
      ...event.logs.map((text, i) => ({ key: `${event.timestamp} ${i}`, text })),
      ...(event.error ? [{ key: `${event.timestamp} error`, text: event.error, kind: "error" } as const] : []),
    ];
  });
}

function messageOf(status: string, last: DeployProgressEvent | undefined): string {
  if (!last) return "Nothing has been deployed since the admin started.";
  if (status === "complete") return `Deployed to ${last.environment}`;
  if (status === "failed") return `Not deployed to ${last.environment}: ${last.error}`;
  return `Deploying to ${last.environment}: ${TITLES.get(last.stage) ?? "starting"}`;
}

export function DeployPage({ initial }: { initial: DeploySnapshot }) {
  const { data, reload } = useSnapshot("/api/deploy", initial, useConnection());
  const { history } = useDeployProgress();
  const { events, progress, status } = useProgress(data.events, history, isEnd);
  const { busy, error, run } = useAction();
  const [environment, setEnvironment] = useState<Environment>("local");
  const [asking, setAsking] = useState(false);
  const running = status === "in-progress";
  const deploy = () => run(() => callApi("/api/deploy", { environment }));
  const steps = stepsOf(
    STAGES.map(({ stage }) => stage),
    events.map(({ stage, ...event }) => ({ name: stage, ...event })),
  );
  useEffect(() => {
    // What each environment runs is read, not pushed.
    if (status === "complete" || status === "failed") reload();
  }, [status, reload]);
  return (
    <>
      <PageHead
        title="Deploy"
        lead={
          data.build ? (
            <>
              The last build, <code>{data.build}</code>, becomes a release of its own.
            </>
          ) : (
            <>
              There is nothing to deploy yet: <Link href="/build">build first</Link>.
            </>
          )
        }
      >
        <button
          type="button"
          className="primary"
          aria-disabled={busy || running || !data.build}
          onClick={() => {
            if (busy || running || !data.build) return;
            if (environment === "production") setAsking(true);
            else void deploy();
          }}
        >
          <Icon name="deploy" />
          {running ? "Deploying…" : `Deploy to ${environment}`}
        </button>
      </PageHead>
      <ErrorNote error={error} />
      <EnvironmentChoice chosen={environment} current={data.current} onChoose={setEnvironment} />
      <div className="columns even">
        <section className="card" aria-labelledby="stages">
          <h2 id="stages">Stages</h2>
          <ProgressBar label="Deployment" value={progress} status={status} />
          <p className="message" role="status" data-status={status}>
            {messageOf(status, events.at(-1))}
          </p>
          <StepList steps={steps} texts={STAGES} />
        </section>
        <section className="card" aria-labelledby="output">
          <h2 id="output">Output</h2>
          <Output label="Output of the deployment" lines={linesOf(events)} empty="What the stages do appears here." />
        </section>
      </div>
      <Confirm
        open={asking}
        title="Deploy to production?"
        text={`Build ${data.build} replaces what production runs now.`}
        action="Deploy"
        onAnswer={(yes) => {
          setAsking(false);
          if (yes) void deploy();
        }}
      />
    </>
  );
}
