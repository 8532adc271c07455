"use client";
import { useEvent, useWebSocket } from "nself-realtime/react";
import { type FormEvent, useEffect, useState } from "react";
import type { Message } from "../chat";

export default function Page() {
  const { client, connected } = useWebSocket();
  const [messages, setMessages] = useState<Message[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  useEvent("chat:said", (message: Message) => setMessages((before) => [...before, message]));
  // Once for each connection: what was said before. What is said from then on is pushed, behind this answer.
  useEffect(() => {
    if (connected) client.emitWithAck<Message[]>("chat:open", null).then(setMessages, () => {});
  }, [client, connected]);

  async function say(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const { name, text } = Object.fromEntries(new FormData(form));
    const answer = await client.emitWithAck<string | null>("chat:say", { name, text }).catch((error) => error.message);
    setProblem(answer);
    if (answer === null) (form.elements.namedItem("text") as HTMLInputElement).value = "";
  }

  return (
    <main>
      <h1>
        Chat <small>{connected ? "connected" : "offline"}</small>
      </h1>
      <ol>
        {messages.map(({ id, name, text }) => (
          <li key={id}>
            <b>{name}</b> {text}
          </li>
        ))}
      </ol>
      <form onSubmit={say}>
        <input name="name" aria-label="Name" defaultValue="Ann" required maxLength={30} />
        <input name="text" aria-label="Message" placeholder="Say something" required maxLength={500} />
        <button type="submit">Say</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
    </main>
  );
}
