/**
 * A fetch that sends one request: a redirect is an error, for a 307 would send
 * a POST again, and so is HTTP 421, after which Node sends what it still has a
 * second time: of a Request it has nothing left. No request hangs for ever.
 */
export const fetchOnce: typeof fetch = (input, init) => {
  const request = new Request(input, init)
  // Not AbortSignal.any: in Node 20 the signal it makes may be collected as
  // garbage before it fires, and the request then hangs.
  const controller = new AbortController()
  const abort = () => controller.abort(request.signal.aborted ? request.signal.reason : new Error('no reply within 30 s'))
  if (request.signal.aborted) abort()
  request.signal.addEventListener('abort', abort)
  setTimeout(abort, 30_000).unref()
  return fetch(request, { redirect: 'error', signal: controller.signal })
}

/** The header of a token, which an error must not show. */
export function bearer(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('the token is empty, or has a character that no header may carry')
  return `Bearer ${token}`
}
