// What every API route does first: only this site's pages, or a program with a session of its own, may ask.

import { readSession } from "../session/current";
import type { Session } from "../session/store";
import { failure, Refusal } from "./answer";
import { isSameOrigin } from "./same-origin";

/** Answers 401 without a session and 403 to another site's page; a {@link Refusal} that `handle` throws becomes the answer. */
export function guarded(handle: (request: Request, session: Session) => Promise<Response> | Response) {
  return async (request: Request): Promise<Response> => {
    if (!isSameOrigin(request)) return failure(403, "only this site's own pages may do that");
    const session = await readSession(request);
    if (!session) return failure(401, "log in first");
    try {
      return await handle(request, session);
    } catch (error) {
      if (error instanceof Refusal) return failure(error.status, error.message);
      console.error(error);
      return failure(500, "the server failed; its log says why");
    }
  };
}
