// The steps of a build or a deployment, each with its state.

import { duration } from "@/lib/client/format";
import type { Step, StepState } from "@/lib/client/steps";
import { Icon } from "./icon";

interface Props {
  steps: readonly Step[];
  texts: ReadonlyArray<{ title: string; summary: string }>;
}

const WORDS: Record<StepState, string> = {
  pending: "waiting",
  "in-progress": "running",
  complete: "complete",
  failed: "failed",
};

export function StepList({ steps, texts }: Props) {
  return (
    <ol className="steps">
      {steps.map(({ name, state, time }, i) => (
        <li key={name} data-step={name} data-state={state}>
          <span className="mark" aria-hidden="true">
            {state === "complete" ? <Icon name="check" /> : state === "failed" ? <Icon name="close" /> : i + 1}
          </span>
          <div>
            <strong>{texts[i]?.title}</strong>
            <small>{texts[i]?.summary}</small>
          </div>
          <span className="state">
            {state === "complete" && time !== undefined ? duration(time) : WORDS[state]}
            {state === "complete" && <span className="visually-hidden"> complete</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
