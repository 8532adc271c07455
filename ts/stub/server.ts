// `nself-realtime` where there is no Node, see refuse.ts. A test keeps its names those of server/index.ts.

import { refused, registerNothing } from "./refuse.js";

export * from "../events.js";
export { ERROR_CODES, RealtimeError } from "../server/process/errors.js";

const not = (name: string) => refused("nself-realtime", name);

export const BroadcastOperator = not("BroadcastOperator");
export const Namespace = not("Namespace");
export const RemoteSocket = not("RemoteSocket");
export const Server = not("Server");
export const Socket = not("Socket");
export const WebSocketServer = not("WebSocketServer");
export const attach = not("attach");
export const createTicket = not("createTicket");
export const emitBuildProgress = not("emitBuildProgress");
export const emitDbQueryResult = not("emitDbQueryResult");
export const emitDeployProgress = not("emitDeployProgress");
export const emitDockerStats = not("emitDockerStats");
export const emitEvent = not("emitEvent");
export const emitLogStream = not("emitLogStream");
export const emitServiceStatus = not("emitServiceStatus");
export const emitToUser = not("emitToUser");
export const getWebSocketServer = not("getWebSocketServer");
export const listen = not("listen");
export const sessionCookie = not("sessionCookie");
export const sessionFromRoute = not("sessionFromRoute");

/** Does nothing at Next's edge; throws ERR_NOT_NODE elsewhere. */
export function register(): void {
  registerNothing("nself-realtime", "register");
}
