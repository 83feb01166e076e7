// The errnos that say: nothing was changed.
const rejections = [1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002]

// What the service answered; without an errno if it was not the service.
function answer() {
  const { code } = pm.response
  let reply
  try {
    reply = pm.response.json()
  } catch (notJSON) {} // a gateway's page, or nothing
  const { data } = reply || {}
  const errno = reply && Number.isInteger(reply.errno) ? reply.errno : undefined
  const isSuccess = code === 200 && errno === 0 && (data == null || Array.isArray(data))
  const items = isSuccess ? data || [] : []
  const holdsData = typeof data === 'object' && data !== null && Object.keys(data).length > 0
  const isRejection = !holdsData && // which would belie it
    ([401, 403, 429].includes(code) || code < 500 && rejections.includes(errno))
  return { code, errno, isSuccess, isRejection, items, jobs: items.filter(isJob), retryAfter: retryAfter() }
}

// Milliseconds before which the service does not want to be asked again; mostly it says nothing.
function retryAfter() {
  const said = pm.response.headers.get('Retry-After') || ''
  const milliseconds = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now()
  return Math.max(milliseconds || 0, 0)
}

function isJob(job) {
  const { jobUuid, done, success } = job || {}
  return typeof jobUuid === 'string' && /^[^,]+$/.test(jobUuid) && typeof done === 'boolean' && typeof success === 'boolean'
}

// Why a poll brought no jobs: ask again, look at the ids, or give up.
function trouble({ code, errno }) {
  if (code === undefined) return 'passing' // there was no reply
  if (code === 401 || code === 403 || errno === 4) return 'refused'
  if (code === 429 || code >= 500 || [2, 3, 40000].includes(errno)) return 'passing'
  if ([400, 413, 414].includes(code) || errno === 1 || errno === 13) return 'ids'
  return code === 200 && !errno ? 'passing' : 'refused'
}

// Variables of a collection are texts.
const remember = (name, value) => pm.collectionVariables.set(name, JSON.stringify(value))
const remembered = (name) => JSON.parse(pm.collectionVariables.get(name))
