// Renders a fast stream in steps instead of once per event.

/** Time between two renders, in ms. A timer, since animation frames stop in a hidden tab. */
export const RENDER_INTERVAL = 50;

export interface Throttle {
  /** Runs at once if nothing ran lately, else at the end of the interval. */
  request(): void;
  cancel(): void;
}

export function throttle(run: () => void): Throttle {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let requested = false;
  const fire = () => {
    requested = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (requested) fire();
    }, RENDER_INTERVAL);
    run();
  };
  return {
    request() {
      if (timer === undefined) fire();
      else requested = true;
    },
    cancel() {
      clearTimeout(timer);
      timer = undefined;
      requested = false;
    },
  };
}
