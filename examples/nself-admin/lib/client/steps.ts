// What the events of a build or a deployment say about each of its steps.

export type StepState = "pending" | "in-progress" | "complete" | "failed";

export interface StepEvent {
  name: string;
  status: StepState;
  timestamp: string;
}

export interface Step {
  name: string;
  state: StepState;
  /** ms from its first event to its last; undefined before it began. */
  time: number | undefined;
}

/** The steps in order; a step is complete once a later event belongs to another one. */
export function stepsOf(names: readonly string[], events: readonly StepEvent[]): Step[] {
  const last = events.at(-1);
  return names.map((name): Step => {
    const own = events.filter((event) => event.name === name);
    const [first, final] = [own[0], own.at(-1)];
    if (!first || !final) return { name, state: "pending", time: undefined };
    const state = final.status === "failed" ? "failed" : last?.name === name ? "in-progress" : "complete";
    return { name, state, time: Date.parse(final.timestamp) - Date.parse(first.timestamp) };
  });
}
