// The client that nself-admin ships, on stock socket.io-client and nothing of ours: its path, transports, envelopes, its reconnection
// and heartbeat by hand. It must work unchanged.

import { io, type Socket } from "socket.io-client";

interface Message<T = unknown> {
  type: string;
  data: T;
  timestamp: string;
  room?: string;
}

const RECONNECT_DELAYS = [1000, 2000, 4000, 8000, 16_000];
const HEARTBEAT_INTERVAL = 30_000;

export class NselfAdminClient {
  socket: Socket | null = null;
  readonly messages: Message[] = [];
  #listeners = new Map<string, Set<(data: unknown) => void>>();
  #attempts = 0;
  #reconnect: ReturnType<typeof setTimeout> | null = null;
  #heartbeat: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly url: string,
    private readonly heartbeatInterval = HEARTBEAT_INTERVAL,
  ) {}

  connect(): void {
    if (this.socket?.connected) return;
    this.socket = io(this.url, {
      path: "/api/ws",
      transports: ["websocket", "polling"],
      reconnection: false,
      timeout: 10_000,
    });
    this.socket.on("connect", () => {
      this.#attempts = 0;
      this.#heartbeat = setInterval(() => this.socket?.emit("heartbeat"), this.heartbeatInterval);
    });
    this.socket.on("disconnect", () => this.#lost());
    this.socket.on("connect_error", () => this.#lost());
    this.socket.onAny((type: string, message?: Message) => {
      if (message) this.messages.push(message);
      for (const listener of this.#listeners.get(type) ?? []) listener(message?.data);
    });
  }

  disconnect(): void {
    if (this.#reconnect) clearTimeout(this.#reconnect);
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    this.socket?.removeAllListeners();
    this.socket?.disconnect();
    this.socket = null;
  }

  on<T>(type: string, listener: (data: T) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    listeners.add(listener as (data: unknown) => void);
    this.#listeners.set(type, listeners);
    return () => listeners.delete(listener as (data: unknown) => void);
  }

  emit(type: string, data: unknown): void {
    this.socket?.emit(type, { type, data, timestamp: new Date().toISOString() });
  }

  joinRoom(roomId: string): void {
    this.emit("join:room", { roomId });
  }

  leaveRoom(roomId: string): void {
    this.emit("leave:room", { roomId });
  }

  #lost(): void {
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    if (this.#reconnect) return;
    const delay = RECONNECT_DELAYS[Math.min(this.#attempts, RECONNECT_DELAYS.length - 1)];
    this.#attempts++;
    this.#reconnect = setTimeout(() => {
      this.#reconnect = null;
      this.socket?.disconnect();
      this.connect();
    }, delay);
  }
}
