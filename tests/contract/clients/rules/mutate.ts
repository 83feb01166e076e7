import { describe, isEnvelope, isRejected, itemsOf, jobsOf, type Job, type Result } from './response.js'

/** The outcome of a mutating call. */
export type Outcome =
  | { kind: 'accepted'; jobs: Job[] } // one for each item; save their ids
  | { kind: 'rejected'; reason: string } // nothing was changed
  | { kind: 'not sent'; reason: string } // nothing was changed
  | Unknown // look for it before sending it again

interface Unknown {
  kind: 'unknown'
  reason: string
  jobs: Job[] // those that are in the response all the same
  requestId?: string // for the provider's support
}

/** Sends a mutating call once and returns its outcome; items is the number of items in it. */
export async function mutate(items: number, send: () => Promise<Result<Job[]>>): Promise<Outcome> {
  if (items === 0) throw new RangeError('a mutating call needs at least one item')
  const result = await send().catch((error: unknown): Result<Job[]> => ({ error }))
  const jobs = jobsOf(result) ?? []
  const isOneForEach = itemsOf(result)?.length === items && new Set(jobs.map((job) => job.jobUuid)).size === items
  if (isOneForEach) return { kind: 'accepted', jobs }

  const reason = itemsOf(result) ? `${jobs.length} valid jobs for ${items} items` : describe(result)
  if (isRejected(result)) return { kind: 'rejected', reason }
  if (neverConnected(result.error)) return { kind: 'not sent', reason }
  const body = result.data ?? result.error
  return { kind: 'unknown', reason, jobs, requestId: isEnvelope(body) ? body.requestId : undefined }
}

/** found: the images of that name, after an unknown outcome. */
export class NotAccepted extends Error {
  constructor(what: string, readonly outcome: Exclude<Outcome, { kind: 'accepted' }>, regionId: string, readonly found: string[]) {
    const finding = found.length > 0 ? `; found in ${regionId}: ${found.join()}` : `; not found in ${regionId}`
    super(`${what}: ${outcome.kind}: ${outcome.reason}${outcome.kind === 'unknown' ? finding : ''}`)
  }
}

/** Reports whether Node failed before it had a connection to send anything on. */
function neverConnected(error: unknown): boolean {
  const { code, syscall } = (error instanceof Error && error.cause || {}) as NodeJS.ErrnoException
  return syscall === 'connect' || syscall === 'getaddrinfo' ||
    code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT'
}
