// What `import … from "nself-realtime/next"` gives.

export {
  type AuthorizeResult,
  createRouteHandlers,
  type RouteHandlers,
  type RouteIdentity,
  type RouteOptions,
} from "./route-handlers.js";
export { withRealtime } from "./with-realtime.js";
