// The server's side of the chat: it answers two questions, and tells everybody what was said.

import type { getWebSocketServer } from "nself-realtime";

export interface Message {
  id: number;
  name: string;
  text: string;
}

/** Serves the chat to every client that connects. The last 50 messages are kept, for those who come later. */
export function serveChat(server: ReturnType<typeof getWebSocketServer>) {
  const messages: Message[] = [];
  let id = 0;
  server.getIO().on("connection", (socket) => {
    // A client may send anything, and need not ask for an answer.
    socket.on("chat:open", (_question: unknown, answer: unknown) => {
      if (typeof answer === "function") answer(messages);
    });
    socket.on("chat:say", (said: { data?: Partial<Message> } | null, answer: unknown) => {
      const [name, text] = [String(said?.data?.name ?? ""), String(said?.data?.text ?? "").trim()];
      const problem = text && text.length <= 500 ? null : "a message has 1 to 500 characters";
      if (typeof answer === "function") answer(problem);
      if (problem) return;
      messages.push({ id: ++id, name: name.slice(0, 30), text });
      if (messages.length > 50) messages.shift();
      server.broadcast("chat:said", messages.at(-1));
    });
  });
}
