// Every differential case, by group.
import { ackCases } from "./acks.js";
import { binaryCases } from "./binary.js";
import type { Case } from "./case.js";
import { closeReasonCases } from "./close-reasons.js";
import { corsCases } from "./cors.js";
import { emitCases } from "./emit.js";
import { frameCases } from "./frames.js";
import { handshakeCases } from "./handshake.js";
import { heartbeatCases } from "./heartbeat.js";
import { hostileJsonCases } from "./hostile-json.js";
import { httpCases } from "./http.js";
import { malformedCases } from "./malformed.js";
import { packetCases } from "./packets.js";
import { payloadCases } from "./payload.js";
import { pollingCases } from "./polling.js";
import { recoveryCases } from "./recovery.js";
import { upgradeCases } from "./upgrade.js";
import { upgradeFailureCases } from "./upgrade-failures.js";
import { webSocketCases } from "./websocket.js";

export const allCases: Case[] = [
  ...httpCases,
  ...handshakeCases,
  ...pollingCases,
  ...payloadCases,
  ...webSocketCases,
  ...frameCases,
  ...heartbeatCases,
  ...upgradeCases,
  ...upgradeFailureCases,
  ...packetCases,
  ...malformedCases,
  ...hostileJsonCases,
  ...binaryCases,
  ...ackCases,
  ...closeReasonCases,
  ...corsCases,
  ...emitCases,
  ...recoveryCases,
];
