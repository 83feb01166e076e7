/** The properties of a job that the rules read; the generated types have more. */
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

/** The errnos that mean: nothing was changed. */
const rejections = new Set([1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002])
/** What is transient: the server failed, and may have done so after the work was done. */
const transient = { errnos: new Set([2, 3, 40000]), statuses: new Set([408, 425]) }
/** What one bad id may cause, or too many: how the service handles an unknown id is not published. */
const badId = { errnos: new Set([1, 13, 41017, 41026, 16000002]), statuses: new Set([400, 404, 413, 414, 431, 494]) }

const isServerFailure = (status: number) => status >= 500 || transient.statuses.has(status)

/** Reports whether the response to a mutating call means that nothing was changed. */
export function isRejected({ data, error, response }: Result<unknown>): boolean {
  const body = data ?? error
  if (response === undefined || hasData(body)) return false // data would contradict it
  if ([401, 403, 429].includes(response.status)) return true
  // A 5xx may come from a gateway that lost the response, whatever its body.
  return !isServerFailure(response.status) && isEnvelope(body) && rejections.has(body.errno)
}

/**
 * The jobs of a response with errno 0, undefined for any other response. Items
 * that are not jobs are left out.
 */
export function jobsOf(result: Result<Job[]>): Job[] | undefined {
  const jobs = itemsOf(result)
  return jobs?.filter(isJob)
}

/** The items of `data` in a response with errno 0, whether they are jobs or not. */
export function itemsOf({ data, response }: Result<Job[]>): unknown[] | undefined {
  if (response?.status !== 200 || !isEnvelope(data) || data.errno !== 0) return undefined
  const items: unknown = data.data ?? []
  return Array.isArray(items) ? items : undefined
}

/** Classifies a poll without jobs: poll again, query the ids one by one, or give up. */
export function classify({ data, error, response }: Result<unknown>): 'transient' | 'bad id' | 'permanent' {
  const body = data ?? error
  if (response === undefined) return 'transient'
  const { status } = response
  const errno = isEnvelope(body) ? body.errno : undefined
  if (status === 429 || isServerFailure(status) || errno !== undefined && transient.errnos.has(errno)) return 'transient'
  if (status === 401 || errno === 4) return 'permanent' // whatever the other of the two
  if (badId.statuses.has(status) || errno !== undefined && badId.errnos.has(errno)) return 'bad id'
  // Without an errno it is a gateway's, whose other responses may pass.
  return status === 403 || errno ? 'permanent' : 'transient'
}

/** Milliseconds to wait before the next request, from Retry-After; mostly 0. */
export function retryAfter({ response }: Result<unknown>): number {
  const header = response?.headers.get('Retry-After') ?? ''
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Math.max(milliseconds || 0, 0)
}

export function describe({ data, error, response }: Result<unknown>): string {
  const body = data ?? error
  const text = isEnvelope(body) ? `errno ${body.errno} (${body.errmsg})` : body instanceof Error ? cause(body) : 'no envelope'
  return response ? `HTTP ${response.status}, ${text}` : text
}

// The types describe what the service sends; these bytes may come from a gateway.
// So what decides is checked.
export function isEnvelope(body: unknown): body is Envelope<unknown> {
  return typeof body === 'object' && body !== null && 'errno' in body && Number.isInteger(body.errno)
}

function isJob(job: unknown): job is Job {
  const { jobUuid, done, success } = (job ?? {}) as Job
  return typeof jobUuid === 'string' && /^[^,]+$/.test(jobUuid) && typeof done === 'boolean' && typeof success === 'boolean'
}

function hasData(body: unknown): boolean {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  return typeof data === 'object' && data !== null && Object.keys(data).length > 0
}

function cause(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
