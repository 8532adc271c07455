// How all API routes answer.

export type Answer<T> = { success: true; data: T } | { success: false; error: string };

/** Thrown by what a route does, to answer with a status and a sentence that the page shows. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function success<T>(data: T, status = 200): Response {
  return Response.json({ success: true, data } satisfies Answer<T>, {
    status,
    headers: { "cache-control": "no-store" },
  });
}

export function failure(status: number, error: string): Response {
  return Response.json({ success: false, error } satisfies Answer<never>, { status });
}
