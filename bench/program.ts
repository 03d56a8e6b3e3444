import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Reply } from "./programs/answer-parent.ts";

/** Holds one running program of the benchmark, a Node process of its own. */
export interface Program<Hello, Question, Answer> {
  readonly pid: number;
  /** What it said when it was ready, its port for example. */
  readonly hello: Hello;
  /** Asks one question at a time; rejects when the program cannot answer or ends. */
  ask(question: Question): Promise<Answer>;
  stop(): Promise<void>;
}

/** Says what a program is started with; it has no other environment. */
export interface ProgramOptions {
  script: URL;
  args?: readonly string[];
  env?: Record<string, string>;
}

/** Starts a program and resolves when it is ready. It ends with this process, however that ends. */
export async function startProgram<Hello, Question = never, Answer = never>({
  script,
  args = [],
  env = {},
}: ProgramOptions): Promise<Program<Hello, Question, Answer>> {
  const child = fork(script, args, {
    env,
    // Out of the terminal's process group: Ctrl-C is for the parent alone.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const next = async () => {
    const reply = await nextReply(child, script.pathname);
    if ("error" in reply) {
      throw new Error(`${script.pathname}: ${reply.error}`);
    }
    return "hello" in reply ? reply.hello : reply.answer;
  };
  const hello = (await next()) as Hello;
  return {
    pid: child.pid as number,
    hello,
    ask(question) {
      const answer = next();
      child.send(question as object);
      return answer as Promise<Answer>;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) {
        return;
      }
      child.disconnect();
      await once(child, "exit");
    },
  };
}

function nextReply(child: ChildProcess, name: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: unknown) => {
      child.off("exit", onExit);
      resolve(reply as Reply);
    };
    const onExit = (exitCode: number | null, signal: string | null) => {
      child.off("message", onMessage);
      reject(new Error(`${name} ended with ${exitCode ?? signal}`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}
