import { route, type Route } from "#base/http/route.ts";
import { utf8 } from "#base/env/bytes.ts";
import type { ApiDeps } from "./api-deps.ts";
import { ApiError } from "./api-error.ts";

const ACCESS = { kind: "any-token" } as const;

/** Things to do. */
export function actionRoutes(deps: ApiDeps): Route[] {
  const done = { kind: "json", value: { status: "success" } } as const;
  return [
    route({
      method: "POST",
      path: "/api/action/gravity",
      summary: "Download the lists now; what happens is told as it does",
      access: ACCESS,
      handle: () => ({ kind: "stream", contentType: "text/plain; charset=utf-8", body: updateLists(deps) }),
    }),
    route({
      method: "POST",
      path: "/api/action/restartdns",
      summary: "Forget every answer: nothing here needs a restart for new settings",
      access: ACCESS,
      handle: () => {
        deps.dns.flushCache();
        return done;
      },
    }),
    route({
      method: "POST",
      path: "/api/action/flush/logs",
      summary: "Forget the last 24 hours",
      access: ACCESS,
      handle: async () => {
        if (!deps.settings.current.api.allowDestructive)
          throw new ApiError(403, "forbidden", {
            message: "Flushing the logs is not allowed",
            hint: "webserver.api.allow_destructive is false",
          });
        await deps.log.forget();
        deps.statistics.clear();
        return done;
      },
    }),
    ...["arp", "network"].map((what) =>
      route({
        method: "POST",
        path: `/api/action/flush/${what}`,
        summary: "Devices are known by the kernel and by their queries: there is no table to empty",
        access: ACCESS,
        handle: () => done,
      }),
    ),
  ];
}

async function* updateLists({ dns }: ApiDeps): AsyncGenerator<Uint8Array> {
  yield utf8("  [i] Downloading lists\n");
  await dns.lists.update({ force: true });
  for (const { url, meta, counts } of dns.lists.report()) {
    const problem = meta?.problem ?? "it is not enabled";
    const found = `${(counts?.domains ?? 0) + (counts?.abp ?? 0)} names`;
    yield utf8(problem === "" ? `  [✓] ${url}: ${found}\n` : `  [✗] ${url}: ${problem}\n`);
  }
  yield utf8(`  [✓] ${dns.status().blockedNames} names are blocked\n`);
}
