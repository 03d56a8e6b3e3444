#!/usr/bin/env node
/** The program `jetstream-channel`. */
import { errorCode } from "../runtime/errors.ts";
import { runCommandLine } from "./run.ts";
import { processTerminal } from "./terminal.ts";

// Who reads the output may have seen enough (`| head`).
process.stdout.on("error", (error) => process.exit(errorCode(error) === "EPIPE" ? 0 : 1));
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(process.env));
