// The services' states as one sentence for screen readers, read out when it changes.

import { SERVICES, type ServiceName } from "@/lib/services/catalog";

export function SpokenStates({ stateOf }: { stateOf: (name: ServiceName) => string }) {
  return (
    <p className="visually-hidden" aria-live="polite">
      {SERVICES.map(({ name, title }) => `${title} is ${stateOf(name)}`).join(", ")}
    </p>
  );
}
