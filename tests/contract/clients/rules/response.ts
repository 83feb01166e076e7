/** What the rules read of a job; the types that the tools generate have more. */
export interface Job {
  jobUuid: string
  done: boolean
  success: boolean
  resourceUuid?: string
  result?: string
}

export interface Envelope<Data> {
  errno: number
  errmsg: string
  requestId?: string
  data?: Data | null
}

/** What a call of openapi-fetch and one of @hey-api/openapi-ts both return. */
export interface Result<Data> {
  data?: Envelope<Data>
  error?: unknown
  response?: Response
}

/** The errnos that say: nothing was changed. */
const rejections = new Set([1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002])
/** The errnos that may pass. */
const passing = new Set([2, 3, 40000])
/** What may be the fault of one id: it is not published what an unknown one does. */
const blamesIds = { errnos: new Set([1, 13]), statuses: new Set([400, 413, 414]) }

/** Tells whether the reply to a change says that nothing was changed. */
export function isRejected({ data, error, response }: Result<unknown>): boolean {
  const body = data ?? error
  if (response === undefined || holdsData(body)) return false // data would belie it
  if ([401, 403, 429].includes(response.status)) return true
  // A 5xx may come from a gateway that lost the reply, whatever its body.
  return response.status < 500 && isEnvelope(body) && rejections.has(body.errno)
}

/**
 * The jobs of a reply with errno 0, undefined if it is anything else. What is
 * no job is left out.
 */
export function jobsOf(result: Result<Job[]>): Job[] | undefined {
  const jobs = itemsOf(result)
  return jobs?.filter(isJob)
}

/** What is in the place of the jobs in a reply with errno 0, be they jobs or not. */
export function itemsOf({ data, response }: Result<Job[]>): unknown[] | undefined {
  if (response?.status !== 200 || !isEnvelope(data) || data.errno !== 0) return undefined
  const items: unknown = data.data ?? []
  return Array.isArray(items) ? items : undefined
}

/** Why a poll brought no jobs: ask again, look at the ids, or give up. */
export function trouble({ data, error, response }: Result<unknown>): 'passing' | 'ids' | 'refused' {
  const body = data ?? error
  if (response === undefined) return 'passing'
  const { status } = response
  const errno = isEnvelope(body) ? body.errno : undefined
  if (status === 401 || status === 403 || errno === 4) return 'refused'
  if (status === 429 || status >= 500 || errno !== undefined && passing.has(errno)) return 'passing'
  if (blamesIds.statuses.has(status) || errno !== undefined && blamesIds.errnos.has(errno)) return 'ids'
  // A reply that is none, with HTTP 200, is a gateway's.
  return status === 200 && (errno === undefined || errno === 0) ? 'passing' : 'refused'
}

/** Milliseconds before which the service does not want to be asked again; mostly it says nothing. */
export function retryAfter({ response }: Result<unknown>): number {
  const said = response?.headers.get('Retry-After') ?? ''
  const milliseconds = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now()
  return Math.max(milliseconds || 0, 0)
}

export function describe({ data, error, response }: Result<unknown>): string {
  const body = data ?? error
  const said = isEnvelope(body) ? `errno ${body.errno} (${body.errmsg})` : body instanceof Error ? cause(body) : 'no envelope'
  return response ? `HTTP ${response.status}, ${said}` : said
}

// Types are a promise of the contract about bytes that may come from a gateway:
// what decides is looked at.
export function isEnvelope(body: unknown): body is Envelope<unknown> {
  return typeof body === 'object' && body !== null && 'errno' in body && Number.isInteger(body.errno)
}

function isJob(job: unknown): job is Job {
  const { jobUuid, done, success } = (job ?? {}) as Job
  return typeof jobUuid === 'string' && /^[^,]+$/.test(jobUuid) && typeof done === 'boolean' && typeof success === 'boolean'
}

function holdsData(body: unknown): boolean {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  return typeof data === 'object' && data !== null && Object.keys(data).length > 0
}

function cause(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
