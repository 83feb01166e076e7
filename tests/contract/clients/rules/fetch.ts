/**
 * A fetch that sends one request, with a time limit. A redirect is an error: a
 * 307 would send a POST again. So is HTTP 421, after which Node sends a request
 * again if it still has the body: that of a Request is used up.
 */
export const fetchOnce: typeof fetch = (input, init) => {
  const request = new Request(input, init)
  // Not AbortSignal.any: in Node 20 its signal may be garbage-collected before it
  // fires, and the request then hangs.
  const controller = new AbortController()
  const abort = () => controller.abort(request.signal.aborted ? request.signal.reason : new Error('no response within 30 s'))
  if (request.signal.aborted) abort()
  request.signal.addEventListener('abort', abort)
  setTimeout(abort, 30_000).unref()
  return fetch(request, { redirect: 'error', signal: controller.signal })
}

// What fetch cannot send to must not look like a call whose outcome is unknown.
const urlOfService = /^https?:\/\/([\w-]{1,63}(\.[\w-]{1,63})*\.?|\[[\da-f:.]+\])(:\d+)?(\/[!-"$->@-~]*)?$/i

/**
 * What a client needs to send requests. Throws if the URL or the token is missing or
 * malformed, with an error that does not show them.
 */
export function connection(baseUrl: string, token: string) {
  if (!urlOfService.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw new Error('the URL is not that of a service, such as https://open.didiyunapi.com')
  }
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error('the token is missing, or has a character that is invalid in a header')
  }
  return { baseUrl: baseUrl.replace(/\/$/, ''), headers: { Authorization: `Bearer ${token}` }, fetch: fetchOnce }
}
