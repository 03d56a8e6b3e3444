/** Holds what goes over the wire between a program of the benchmark and the process that started it. */
export type Reply = { hello: unknown } | { answer: unknown } | { error: string };

/**
 * Makes this process a program of the benchmark: says hello to the process that started it, answers each question that
 * comes, and ends when that process does.
 */
export function answerParent<Question>(
  hello: unknown,
  answer: (question: Question) => Promise<unknown>,
): void {
  const say = (reply: Reply) => process.send?.(reply);
  process.on("message", (question) => {
    answer(question as Question).then(
      (found) => say({ answer: found }),
      (error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
  say({ hello });
}
