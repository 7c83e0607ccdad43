import { createHash } from "node:crypto";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import { AgentCheckDefinitionSchema, AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import type { LocalState } from "./local-state.ts";
import { isMaintenance } from "./maintenance.ts";

const FileSchema = v.variant("kind", [
  v.object({ kind: v.literal("service"), id: v.string(), definition: AgentServiceDefinitionSchema }),
  v.object({ kind: v.literal("check"), id: v.string(), definition: AgentCheckDefinitionSchema }),
]);
type Registration = v.InferOutput<typeof FileSchema>;

/** Keeps what was registered over the API, one file each, so that a restarted agent still knows it. */
export class RegistrationFiles {
  readonly #env: Env;
  readonly #folder: string | undefined;
  #last: Promise<void> = Promise.resolve();

  /** Without a folder nothing is kept. */
  constructor(env: Env, dataDir: string | undefined) {
    this.#env = env;
    this.#folder = dataDir === undefined ? undefined : `${dataDir}/discovery/registrations`;
  }

  /** Resolves when it is on the disk; a disk that does not take it is logged, and the registration holds until a restart. */
  keep(registration: Registration): Promise<void> {
    return this.#queue(`keep the registration of ${registration.kind} ${registration.id}`, async (folder) => {
      await this.#env.disk.makeDir(folder, { mode: 0o700 });
      // Definitions hold headers and bodies, and so may hold secrets.
      await this.#env.disk.replace(this.#path(folder, registration), JSON.stringify(registration), { mode: 0o600 });
    });
  }

  forget(of: { readonly kind: "service" | "check"; readonly id: string }): Promise<void> {
    return this.#queue(`forget the registration of ${of.kind} ${of.id}`, (folder) =>
      this.#env.disk.remove(this.#path(folder, of)),
    );
  }

  /** Registers everything that was kept. A file that cannot be read is logged and left alone. */
  async restore(state: LocalState): Promise<void> {
    const folder = this.#folder;
    if (folder === undefined) return;
    const found: Registration[] = [];
    for (const name of await this.#env.disk.list(folder)) {
      const registration = name.endsWith(".json") ? await this.#read(`${folder}/${name}`) : undefined;
      if (registration !== undefined) found.push(registration);
    }
    // Checks refer to services.
    for (const kind of ["service", "check"] as const) {
      for (const one of found) {
        if (one.kind !== kind) continue;
        const done = restoreOne(state, one);
        if (!done.ok)
          this.#env.log.warn("a kept registration is not taken any more", {
            kind,
            id: one.id,
            error: done.error.message,
          });
      }
    }
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  async #read(path: string): Promise<Registration | undefined> {
    try {
      const bytes = await this.#env.disk.read(path);
      return bytes === undefined ? undefined : v.parse(FileSchema, JSON.parse(textOf(bytes)));
    } catch (thrown) {
      this.#env.log.warn("cannot read a kept registration", { path, error: messageOf(thrown) });
      return undefined;
    }
  }

  /** In order, so that the last word about an id is what stays. */
  #queue(action: string, work: (folder: string) => Promise<void>): Promise<void> {
    const folder = this.#folder;
    if (folder === undefined) return Promise.resolve();
    const before = this.#last;
    const run = async (): Promise<void> => {
      await before;
      try {
        await work(folder);
      } catch (thrown) {
        this.#env.log.error(`cannot ${action}`, { error: messageOf(thrown) });
      }
    };
    this.#last = run();
    return this.#last;
  }

  #path(folder: string, { kind, id }: { readonly kind: string; readonly id: string }): string {
    return `${folder}/${kind}-${createHash("sha256").update(id).digest("hex").slice(0, 32)}.json`;
  }
}

function restoreOne(state: LocalState, one: Registration): Result<void> {
  if (one.kind === "service") return state.registerService(one.definition, { origin: "api" });
  if (!isMaintenance(one.id)) return state.registerCheck(one.definition, "api");
  state.enterMaintenance(one.definition.ServiceID, one.definition.Notes);
  return succeed(undefined);
}
