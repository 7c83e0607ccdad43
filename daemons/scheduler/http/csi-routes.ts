import { HttpError } from "#base/http/http-error.ts";
import { route, type Method, type Route } from "#base/http/route.ts";

const access = (capability: string) => ({ kind: "capability", resource: "namespace", capability }) as const;
const plugin = (capability: string) => ({ kind: "capability", resource: "plugin", capability }) as const;
const NO_CSI =
  'CSI volumes are not served: make a host volume (volume create with type = "host"), with the plugin nfs, smb or one of your own where it is on the network';
const WRITES: readonly Method[] = ["PUT", "POST", "DELETE"];

/** CSI plugins and volumes: there are none, and writes say so. */
export function csiRoutes(): Route[] {
  return [...emptyRoutes(), ...refusals()];
}

function emptyRoutes(): Route[] {
  const things = [
    ["/v1/plugin/csi/:id", "plugin not found", plugin("read")],
    ["/v1/volume/csi/:id", "volume not found", access("csi-read-volume")],
  ] as const;
  return [
    route({
      method: "GET",
      path: "/v1/plugins",
      summary: "List CSI plugins: none",
      access: plugin("list"),
      tables: [],
      handle: () => ({ kind: "state", read: () => ({ index: 1, value: [] }) }),
    }),
    ...things.map(([path, missing, rule]) =>
      route({
        method: "GET",
        path,
        summary: "Read what only CSI plugins would make: 404",
        access: rule,
        tables: [],
        handle: () => ({ kind: "state", read: () => ({ index: 1, value: undefined, missing }) }),
      }),
    ),
  ];
}

function refusals(): Route[] {
  const refuse = (path: string, method: Method | readonly Method[]): Route =>
    route({
      method,
      path,
      summary: "Not available: answers 501",
      access: access("csi-write-volume"),
      handle: () => {
        throw new HttpError(501, NO_CSI);
      },
    });
  return [
    refuse("/v1/volume/csi/:id", WRITES),
    refuse("/v1/volume/csi/:id/:operation", WRITES),
    refuse("/v1/volumes/external", "GET"),
    refuse("/v1/volumes/snapshot", ["GET", ...WRITES]),
  ];
}
