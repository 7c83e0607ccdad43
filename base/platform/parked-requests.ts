import { ServerResponse, type IncomingMessage } from "node:http";
import type { Parking } from "#base/http/exchange.ts";

/** The requests of a listener that were set aside, with as little as possible kept of each. */
export class ParkedRequests {
  /** What waits for each. */
  readonly #parked = new Map<ServerResponse, object>();
  readonly #serve: (message: IncomingMessage, response: ServerResponse) => void;
  #leave: (waiting: object) => void = () => undefined;
  /** One for all: it is called on the response. */
  readonly #onClose: (this: unknown) => void;

  /** `serve` asks the exchange again. */
  constructor(serve: (message: IncomingMessage, response: ServerResponse) => void) {
    this.#serve = serve;
    const gone = (response: unknown): void => this.#gone(response);
    this.#onClose = function onClose(this: unknown): void {
      gone(this);
    };
  }

  /** See `Parking` in `base/http/exchange.ts`. */
  park(response: ServerResponse, { start, leave }: Parameters<Parking["park"]>[0]): boolean {
    const waiting = start(() => this.#wake(response));
    if (waiting === undefined) return false;
    this.#leave = leave;
    this.#parked.set(response, waiting);
    response.on("close", this.#onClose);
    return true;
  }

  /** All are answered with what there is. */
  wakeAll(): void {
    for (const [response, waiting] of this.#parked) {
      this.#leave(waiting);
      this.#wake(response);
    }
  }

  #wake(response: ServerResponse): void {
    if (!this.#parked.delete(response)) return;
    response.removeListener("close", this.#onClose);
    this.#serve(response.req, response);
  }

  #gone(response: unknown): void {
    if (!isResponse(response)) return;
    const waiting = this.#parked.get(response);
    if (waiting !== undefined && this.#parked.delete(response)) this.#leave(waiting);
  }
}

function isResponse(value: unknown): value is ServerResponse {
  return value instanceof ServerResponse;
}
