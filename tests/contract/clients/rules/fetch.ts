/**
 * A fetch that sends one request: a redirect is an error, for a 307 would send
 * a POST again. No request hangs for ever. (Node itself sends a request again
 * after HTTP 421, by which a server says that it has not done anything.)
 */
export const fetchOnce: typeof fetch = (input, init) => {
  // Not AbortSignal.any: in Node 20 the signal it makes may be collected as
  // garbage before it fires, and the request then hangs.
  const controller = new AbortController()
  const caller = init?.signal ?? (input instanceof Request ? input.signal : undefined)
  const abort = () => controller.abort(caller?.aborted ? caller.reason : new Error('no reply within 30 s'))
  if (caller?.aborted) abort()
  caller?.addEventListener('abort', abort)
  setTimeout(abort, 30_000).unref()
  return fetch(input, { ...init, redirect: 'error', signal: controller.signal })
}
