import type { Buffer } from "node:buffer";
import type { EtcdEvent, EtcdWatch, EtcdWatchRequest } from "#base/state/etcd/api.ts";
import type { Endpoints } from "./endpoints.ts";
import { boundsOf, readEvent, readHeaderRevision } from "./kv-messages.ts";
import { ProtoReader, ProtoWriter } from "./protobuf.ts";

/** One watch on a stream of its own: its end is the stream's. */
export function openWatch(endpoints: Endpoints, request: EtcdWatchRequest): EtcdWatch {
  let isOver = false;
  const end: EtcdWatchRequest["onEnd"] = (reason) => {
    if (isOver) return;
    isOver = true;
    stream.cancel();
    request.onEnd(reason);
  };
  const stream = endpoints.stream("/etcdserverpb.Watch/Watch", {
    onMessage(bytes) {
      if (isOver) return;
      const response = readResponse(bytes);
      // Events first: what a cancelled watch still had to say counts.
      if (response.events.length > 0) request.onEvents(response.events);
      else if (!response.isCreated && !response.isCanceled) request.onProgress(response.revision);
      if (!response.isCanceled) return;
      if (response.compactRevision > 0) end({ kind: "compacted", compactRevision: response.compactRevision });
      else end({ kind: "lost", message: response.reason === "" ? "etcd ended the watch" : response.reason });
    },
    onEnd: (error) => end({ kind: "lost", message: error?.message ?? "the stream ended" }),
  });
  stream.write(encodeCreate(request));
  return {
    cancel() {
      isOver = true;
      stream.cancel();
    },
  };
}

function encodeCreate({ span, startRevision }: EtcdWatchRequest): Buffer {
  const { key, end } = boundsOf(span);
  const writer = new ProtoWriter();
  writer.message(1, (create) => {
    create.bytes(1, key).bytes(2, end).uint(3, startRevision).bool(4, true).bool(6, true);
  });
  return writer.finish();
}

interface WatchResponse {
  readonly revision: number;
  readonly isCreated: boolean;
  readonly isCanceled: boolean;
  readonly compactRevision: number;
  readonly reason: string;
  readonly events: readonly EtcdEvent[];
}

export function readResponse(bytes: Buffer): WatchResponse {
  const reader = new ProtoReader(bytes);
  const response = { revision: 0, isCreated: false, isCanceled: false, compactRevision: 0, reason: "" };
  const events: EtcdEvent[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) response.revision = readHeaderRevision(reader.message());
    else if (field === 3) response.isCreated = reader.bool();
    else if (field === 4) response.isCanceled = reader.bool();
    else if (field === 5) response.compactRevision = reader.uint();
    else if (field === 6) response.reason = reader.text();
    else if (field === 11) events.push(readEvent(reader.message()));
    else reader.skip();
  }
  return { ...response, events };
}
