import { CodedError } from "#base/env/errors.ts";

export interface ListeningPart {
  /** As users know it: `Nomad API`. */
  readonly name: string;
  /** The key of the `ports` block. */
  readonly port: string;
}

const REASONS: readonly string[] = ["EADDRINUSE", "EACCES", "EADDRNOTAVAIL"];

/** The same failure, saying which part of the agent wanted the address and which setting gives it another. Other failures stay as they are. */
export function nameListener(thrown: unknown, part: ListeningPart): unknown {
  if (!(thrown instanceof CodedError) || !REASONS.includes(thrown.code)) return thrown;
  const remedy =
    thrown.code === "EADDRNOTAVAIL"
      ? "bind_addr and addresses must be addresses of this machine"
      : `stop that program, or give this agent another port: ports { ${part.port} = … }`;
  const hint = thrown.hint === undefined || thrown.code === "EACCES" ? thrown.hint : `${thrown.hint}; ${remedy}`;
  return new CodedError(thrown.code, `the ${part.name} ${thrown.message}`, hint ?? remedy);
}
