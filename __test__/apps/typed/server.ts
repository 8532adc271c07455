// A quiz in TypeScript: every event has its types, and the questions are asked of everybody at once.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type DisconnectReason, Server, type Socket } from "socket.io";

interface ClientToServerEvents {
  join: (team: string, joined: (team: { name: string; members: number }) => void) => void;
  vote: (choice: number) => void;
  start: (done: (result: Result) => void) => void;
}
interface ServerToClientEvents {
  question: (text: string, choices: string[], answer: (choice: number) => void) => void;
  score: (team: string, points: number) => void;
  votes: (choice: number, count: number) => void;
  left: (name: string, reason: DisconnectReason) => void;
}
interface InterServerEvents {
  ping: () => void;
}
interface SocketData {
  name: string;
  team?: string;
}
type Result = { answers: number[]; missing: number };
type QuizServer = Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;
type QuizSocket = Socket<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;

const votes = new Map<number, number>();

function greet(io: QuizServer, socket: QuizSocket): void {
  socket.on("join", async (team, joined) => {
    socket.data.team = team;
    await socket.join(team);
    const members = await io.in(team).fetchSockets();
    joined({ name: team, members: members.length });
    io.to(team).emit("score", team, members.filter(({ data }) => data.name.length > 0).length);
  });

  socket.on("vote", (choice) => {
    const count = (votes.get(choice) ?? 0) + 1;
    votes.set(choice, count);
    io.emit("votes", choice, count);
  });

  socket.on("start", async (done) => {
    try {
      done({ answers: await ask(io), missing: 0 });
    } catch (error) {
      const { responses } = error as { responses?: number[] };
      done({ answers: responses ?? [], missing: (await io.fetchSockets()).length - (responses?.length ?? 0) });
    }
  });

  socket.on("disconnect", (reason) => {
    if (socket.data.team) io.to(socket.data.team).emit("left", socket.data.name, reason);
  });
}

async function ask(io: QuizServer): Promise<number[]> {
  const answers = await io.timeout(1000).emitWithAck("question", "How many?", ["1", "2"]);
  return answers.sort();
}

const server = createServer();
const io: QuizServer = new Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>(server);
io.use((socket, next) => {
  const { name } = socket.handshake.auth as { name?: string };
  if (!name) return next(new Error("a name, please"));
  socket.data.name = name;
  next();
});
io.on("connection", (socket) => greet(io, socket));

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log("listening on %d", (server.address() as AddressInfo).port);
});
