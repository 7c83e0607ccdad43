import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { list, text } from "#base/protocol/schema.ts";

/** A network of plugins, one after the other (https://www.cni.dev/docs/spec/#section-1-network-configuration-format). */
export const ConflistSchema = v.object({
  cniVersion: v.optional(v.string(), "1.0.0"),
  name: v.string(),
  plugins: v.pipe(v.array(v.looseObject({ type: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]+$/)) })), v.minLength(1)),
});
export type Conflist = v.InferOutput<typeof ConflistSchema>;

/** What is connected to it. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace. */
  readonly namespace: string;
  /** Its interface inside. */
  readonly device: string;
  /** By capability: `portMappings` … */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** `CNI_ARGS`. */
  readonly args: Readonly<Record<string, string>>;
}

export const CniResultSchema = v.looseObject({
  interfaces: list(v.looseObject({ name: text, sandbox: text })),
  ips: list(v.looseObject({ address: text, interface: v.nullish(v.number(), -1) })),
});
/** https://www.cni.dev/docs/spec/#add-success */
export type CniResult = v.InferOutput<typeof CniResultSchema>;
const ErrorSchema = v.object({ msg: v.optional(v.string(), ""), details: v.optional(v.string(), "") });
const CapabilitiesSchema = v.nullish(v.record(v.string(), v.boolean()), () => ({}));

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs the plugins of a network. `path`: folders with plugins, by colons. */
export class Cni {
  readonly #env: Env;
  readonly #path: string;

  constructor(env: Env, path: string) {
    this.#env = env;
    this.#path = path;
  }

  /** Connects; takes back what was done when a plugin fails. Failure `CNI`. */
  async add(network: Conflist, attachment: Attachment): Promise<Result<CniResult>> {
    let result: CniResult | undefined;
    for (const plugin of network.plugins) {
      const done = await this.#run("ADD", { network, plugin, attachment, previous: result });
      if (!done.ok) {
        await this.remove(network, attachment, result);
        return done;
      }
      result = done.value ?? result;
    }
    return result === undefined ? fail("CNI", `network ${network.name}: no plugin gave an address`) : succeed(result);
  }

  /** Disconnects, as far as the plugins can; `previous`: what `add` answered. The answer is what they complained of. */
  async remove(network: Conflist, attachment: Attachment, previous: CniResult | undefined): Promise<string> {
    const problems: string[] = [];
    for (const plugin of network.plugins.toReversed()) {
      const done = await this.#run("DEL", { network, plugin, attachment, previous });
      if (!done.ok) problems.push(done.error.message);
    }
    return problems.join("; ");
  }

  /** Where a plugin is. */
  async find(type: string): Promise<string | undefined> {
    for (const folder of this.#path.split(":").filter((each) => each !== "")) {
      const path = `${folder}/${type}`;
      if ((await this.#env.disk.stat(path)) !== undefined) return path;
    }
    return undefined;
  }

  async #run(
    verb: "ADD" | "DEL",
    { network, plugin, attachment, previous }: Step,
  ): Promise<Result<CniResult | undefined>> {
    const program = await this.find(plugin.type);
    if (program === undefined)
      return fail(
        "CNI",
        `the CNI plugin ${JSON.stringify(plugin.type)} is not in ${this.#path}`,
        "apt-get install containernetworking-plugins, or set client { cni_path }",
      );
    const wanted = v.parse(CapabilitiesSchema, plugin["capabilities"]);
    const runtime = Object.entries(attachment.capabilities).filter(([name]) => wanted[name] === true);
    const { capabilities: _capabilities, ...rest } = plugin;
    const config = {
      ...rest,
      cniVersion: network.cniVersion,
      name: network.name,
      ...(runtime.length === 0 ? {} : { runtimeConfig: Object.fromEntries(runtime) }),
      ...(previous === undefined ? {} : { prevResult: previous }),
    };
    const done = await this.#env.exec.run([program], {
      env: this.#variables(verb, attachment),
      input: JSON.stringify(config),
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
    });
    const output = parseJson(done.stdout);
    if (done.code !== 0 || done.signal !== 0) {
      const error = v.safeParse(ErrorSchema, output);
      const said = error.success ? [error.output.msg, error.output.details].filter(Boolean).join(": ") : "";
      return fail("CNI", `${plugin.type} (${verb}): ${said || done.stderr.trim() || `exit code ${done.code}`}`);
    }
    const result = v.safeParse(CniResultSchema, output);
    return succeed(result.success ? result.output : undefined);
  }

  #variables(verb: string, { containerId, namespace, device, args }: Attachment): Record<string, string> {
    const given = Object.entries({ IgnoreUnknown: "1", ...args }).map(([name, value]) => `${name}=${value}`);
    return {
      PATH,
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: namespace,
      CNI_IFNAME: device,
      CNI_PATH: this.#path,
      CNI_ARGS: given.join(";"),
    };
  }
}

interface Step {
  readonly network: Conflist;
  readonly plugin: Conflist["plugins"][number];
  readonly attachment: Attachment;
  readonly previous: CniResult | undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
