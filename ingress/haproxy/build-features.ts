import type { Env } from "#base/env/env.ts";

/** What HAProxy's build says of QUIC (`haproxy -vv`): undefined where it has none; `limited` over a TLS library without it. */
export async function quicOf({ exec }: Env, program: string): Promise<"full" | "limited" | undefined> {
  const run = await exec.run([program, "-vv"]).catch(() => undefined);
  return readQuic(run?.stdout ?? "");
}

export function readQuic(text: string): "full" | "limited" | undefined {
  const features = /^Feature list : (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  if (!features.includes("+QUIC")) return undefined;
  return features.includes("+QUIC_OPENSSL_COMPAT") ? "limited" : "full";
}
