"use client";
// useWebSocket: the connection itself, for code that has no hook of its own.

import { useSyncExternalStore } from "react";
import { getWebSocketClient, type WebSocketClient } from "../client/index.js";
import { type ConnectionStatus, OFFLINE } from "../client/types.js";

/** What {@link useWebSocket} returns. The functions are the same ones at each render. */
export interface UseWebSocket {
  status: ConnectionStatus;
  connected: boolean;
  reconnecting: boolean;
  on: WebSocketClient["on"];
  emit: WebSocketClient["emit"];
  joinRoom: WebSocketClient["joinRoom"];
  leaveRoom: WebSocketClient["leaveRoom"];
  retry: WebSocketClient["retry"];
  client: WebSocketClient;
}

type Methods = Pick<UseWebSocket, "client" | "on" | "emit" | "joinRoom" | "leaveRoom" | "retry">;

let methods: Methods | undefined;

function getMethods(): Methods {
  if (methods) return methods;
  const client = getWebSocketClient();
  methods = {
    client,
    on: client.on.bind(client) as WebSocketClient["on"],
    emit: client.emit.bind(client),
    joinRoom: client.joinRoom.bind(client),
    leaveRoom: client.leaveRoom.bind(client),
    retry: client.retry.bind(client),
  };
  return methods;
}

function subscribe(listener: () => void): () => void {
  const client = getWebSocketClient();
  const release = client.retain();
  const off = client.onStatusChange(listener);
  return () => {
    off();
    release();
  };
}

const getStatus = () => getWebSocketClient().getStatus();
const getInitial = () => OFFLINE;

/** Connects the page's client while the component is mounted. */
export function useWebSocket(): UseWebSocket {
  const status = useSyncExternalStore(subscribe, getStatus, getInitial);
  return { status, connected: status.connected, reconnecting: status.reconnecting, ...getMethods() };
}
