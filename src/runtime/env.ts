import { z } from "zod";

/**
 * Parses a program's environment by its schema. Throws one error that lists every fault with the
 * variable's name. Variables that the schema does not know are other people's and pass; an empty
 * variable counts as unset, as it does for a Kubernetes manifest that leaves a value out.
 */
export function parseEnv<Schema extends z.ZodType>(
  schema: Schema,
  env: Record<string, string | undefined>,
): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new Error(`the environment is not right:\n${z.prettifyError(result.error)}`);
}

/** Accepts a TCP port as an environment variable gives it; 0 lets the system choose one. */
export const port = z
  .string()
  .regex(/^\d{1,5}$/, "a port number from 0 to 65535 expected")
  .transform(Number)
  .refine((value) => value <= 65_535, "a port number from 0 to 65535 expected");
