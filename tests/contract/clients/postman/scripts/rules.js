// The errnos that mean: nothing was changed.
const rejections = [1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002]

// The server failed, and may have done so after the work was done.
const isServerFailure = (code) => code >= 500 || code === 408 || code === 425

// Reads the response; without an errno if it is not the service's.
function readResponse() {
  const { code } = pm.response
  let body
  try {
    body = pm.response.json()
  } catch (notJSON) {} // a gateway's page, or nothing
  const { data } = body || {}
  const errno = body && Number.isInteger(body.errno) ? body.errno : undefined
  const isSuccess = code === 200 && errno === 0 && (data == null || Array.isArray(data))
  const items = isSuccess ? data || [] : []
  const hasData = typeof data === 'object' && data !== null && Object.keys(data).length > 0
  const isRejection = !hasData && // which would contradict it
    ([401, 403, 429].includes(code) || !isServerFailure(code) && rejections.includes(errno))
  return { code, errno, isSuccess, isRejection, items, jobs: items.filter(isJob), retryAfter: retryAfter() }
}

// Milliseconds to wait before the next request, from Retry-After; mostly 0.
function retryAfter() {
  const header = pm.response.headers.get('Retry-After') || ''
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Math.max(milliseconds || 0, 0)
}

function isJob(job) {
  const { jobUuid, done, success } = job || {}
  return typeof jobUuid === 'string' && /^[^,]+$/.test(jobUuid) && typeof done === 'boolean' && typeof success === 'boolean'
}

// Classifies a poll without jobs: poll again, query the ids one by one, or give up.
function classify({ code, errno }) {
  if (code === undefined) return 'transient' // there was no response
  if (code === 429 || isServerFailure(code) || [2, 3, 40000].includes(errno)) return 'transient'
  if (code === 401 || errno === 4) return 'permanent' // whatever the other of the two
  if ([400, 404, 413, 414, 431, 494].includes(code) || [1, 13, 41017, 41026, 16000002].includes(errno)) return 'bad id'
  // Without an errno it is a gateway's, whose other responses may pass.
  return code === 403 || errno ? 'permanent' : 'transient'
}

// Collection variables are strings.
const remember = (name, value) => pm.collectionVariables.set(name, JSON.stringify(value))
const remembered = (name) => JSON.parse(pm.collectionVariables.get(name))
