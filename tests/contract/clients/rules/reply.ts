/** What the rules read of a job; the types that the tools generate have more. */
export interface Job {
  jobUuid: string
  done: boolean
  success: boolean
  resourceUuid?: string
  result?: string
}

export interface Reply<Data> {
  errno: number
  errmsg: string
  data?: Data | null
}

/** What a call of openapi-fetch and one of @hey-api/openapi-ts both return. */
export interface Result<Data> {
  data?: Reply<Data>
  error?: unknown
  response?: Response
}

/** The errnos that say: nothing was done. Of any other but 0, nobody knows. */
const rejections = new Set([1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002])

/** Tells whether a reply says that nothing was done. */
export function isRejected({ data, error, response }: Result<unknown>): boolean {
  if (response === undefined) return false
  const body = data ?? error
  // Data would belie the refusal.
  if (isReply(body) && Array.isArray(body.data) && body.data.length > 0) return false
  if ([401, 403, 429].includes(response.status)) return true
  // A 5xx may come from a gateway that lost the reply, whatever its body.
  return response.status < 500 && isReply(body) && rejections.has(body.errno)
}

/** The jobs of a reply with errno 0, undefined if it is anything else. */
export function jobsOf({ data, response }: Result<Job[]>): Job[] | undefined {
  return response?.ok && isReply(data) && data.errno === 0 && isJobs(data.data) ? data.data : undefined
}

export function describe({ data, error, response }: Result<unknown>): string {
  const body = data ?? error
  const said = isReply(body) ? `errno ${body.errno} (${body.errmsg})` : body instanceof Error ? cause(body) : 'no envelope'
  return response ? `HTTP ${response.status}, ${said}` : said
}

// Types are a promise of the contract about bytes that may come from a gateway:
// what decides is looked at.
export function isReply(body: unknown): body is Reply<unknown> {
  return typeof body === 'object' && body !== null && 'errno' in body && Number.isInteger(body.errno)
}

function isJobs(data: unknown): data is Job[] {
  return Array.isArray(data) && data.every((job) =>
    typeof job?.jobUuid === 'string' && typeof job.done === 'boolean' && typeof job.success === 'boolean')
}

function cause(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
