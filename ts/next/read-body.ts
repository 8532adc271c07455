// Reads a request's body up to a limit, counted while it arrives: Content-Length is only a claim.

export class BodyTooLarge extends Error {}

/** The body as text. Throws BodyTooLarge beyond `limit` bytes. */
export async function readBody(request: Request, limit: number): Promise<string> {
  const tooLarge = () => new BodyTooLarge(`the body is larger than ${limit} bytes`);
  if (Number(request.headers.get("content-length")) > limit) throw tooLarge();
  const reader = request.body?.getReader();
  if (!reader) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString("utf8");
    size += value.byteLength;
    if (size > limit) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}
