import type { Endpoints } from "./endpoints.ts";
import { ProtoReader, ProtoWriter } from "./protobuf.ts";
import { lost } from "./grpc-status.ts";

/** Etcd takes signs of life on a stream; one on each is enough for one lease. */
export function keepLease(endpoints: Endpoints, id: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stream.cancel();
      reject(lost(`the lease was not kept in ${timeoutMs} ms`));
    }, timeoutMs);
    const stream = endpoints.stream("/etcdserverpb.Lease/LeaseKeepAlive", {
      onMessage(bytes) {
        clearTimeout(timer);
        stream.cancel();
        resolve(ttlOf(new ProtoReader(bytes)) > 0);
      },
      onEnd(error) {
        clearTimeout(timer);
        reject(error ?? lost("etcd did not answer for the lease"));
      },
    });
    stream.write(new ProtoWriter().uint(1, id).finish());
  });
}

/** 0: the lease is gone. */
function ttlOf(reader: ProtoReader): number {
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 3) return reader.uint();
    reader.skip();
  }
  return 0;
}
