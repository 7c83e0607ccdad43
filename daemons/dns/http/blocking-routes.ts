import * as v from "valibot";
import { succeed } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { route, type Route } from "#base/http/route.ts";
import { valueOf } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";

const WantedSchema = v.object({
  blocking: v.boolean("blocking is true or false"),
  /** Seconds a pause lasts. */
  timer: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(7 * 86_400))),
});

/** On, off, and for how long (https://docs.pi-hole.net/api/). */
export function blockingRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/dns/blocking",
      summary: "Whether names are blocked",
      access: { kind: "any-token" },
      handle: () => ({ kind: "json", value: blockingView(deps) }),
    }),
    route({
      method: "POST",
      path: "/api/dns/blocking",
      summary: "Block, or do not, for some time or for ever",
      access: { kind: "any-token" },
      body: jsonBody(WantedSchema),
      handle: async ({ body }) => {
        await setBlocking(deps, body.blocking, body.timer ?? undefined);
        return { kind: "json", value: blockingView(deps) };
      },
    }),
  ];
}

/** A pause is kept in the settings, so that every instance keeps it and a restart does not end it. */
async function setBlocking(deps: ApiDeps, wanted: boolean, seconds: number | undefined): Promise<void> {
  const untilMs = seconds === undefined || seconds === 0 ? 0 : deps.env.clock.nowMs() + seconds * 1000;
  const isPause = !wanted && untilMs > 0;
  const changed = await deps.settings.update((settings) =>
    succeed({
      ...settings,
      blocking: {
        ...settings.blocking,
        enabled: wanted || isPause,
        pausedUntilMs: isPause ? untilMs : 0,
      },
    }),
  );
  valueOf(changed);
}

/** As the settings say now; the server follows them within a moment. */
export function blockingView({ settings, env }: Pick<ApiDeps, "settings" | "env">): {
  readonly blocking: "enabled" | "disabled";
  readonly timer: number | null;
} {
  const { enabled, pausedUntilMs } = settings.current.blocking;
  const leftMs = pausedUntilMs - env.clock.nowMs();
  const isPaused = enabled && leftMs > 0;
  return { blocking: enabled && !isPaused ? "enabled" : "disabled", timer: isPaused ? leftMs / 1000 : null };
}
