import { request as httpRequest } from "node:http";

export interface Upload {
  readonly method: string;
  readonly size: number;
  readonly declared: boolean;
}

/** Sends zeros until it is told to stop. */
export function upload(url: string, { method, size, declared }: Upload): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const piece = Buffer.alloc(64 * 1024, "x");
    const sent = httpRequest(url, { method, ...(declared ? { headers: { "content-length": size } } : {}) });
    let answered = false;
    sent.on("response", (response) => {
      answered = true;
      let text = "";
      response.on("data", (data: Buffer) => (text += data.toString()));
      response.on("close", () => {
        resolve({ status: response.statusCode ?? 0, text });
        sent.destroy();
      });
    });
    sent.on("error", (error) => (answered ? undefined : reject(error)));
    let left = size;
    const more = (): void => {
      while (left > 0 && !answered && !sent.destroyed) {
        left -= piece.length;
        if (!sent.write(piece)) {
          sent.once("drain", more);
          return;
        }
      }
      if (left <= 0) sent.end();
    };
    more();
  });
}
