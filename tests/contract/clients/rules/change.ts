import { describe, isRejected, isEnvelope, itemsOf, jobsOf, type Job, type Result } from './response.js'

/** What became of a change. */
export type Outcome =
  | { kind: 'accepted'; jobs: Job[] } // one for each item; save their ids
  | { kind: 'rejected'; reason: string } // nothing was changed
  | { kind: 'not sent'; reason: string } // nothing was changed
  | Unknown // look for it before it is sent again

interface Unknown {
  kind: 'unknown'
  reason: string
  jobs: Job[] // those that the reply named all the same
  requestId?: string // for the provider's support
}

/** Sends a change of so many items, once, and tells what became of it. */
export async function change(items: number, send: () => Promise<Result<Job[]>>): Promise<Outcome> {
  if (items === 0) throw new RangeError('a change of nothing')
  const result = await send().catch((error: unknown): Result<Job[]> => ({ error }))
  const jobs = jobsOf(result) ?? []
  const isOneForEach = itemsOf(result)?.length === items && new Set(jobs.map((job) => job.jobUuid)).size === items
  if (isOneForEach) return { kind: 'accepted', jobs }

  const reason = itemsOf(result) ? `${jobs.length} proper jobs for ${items} items` : describe(result)
  if (isRejected(result)) return { kind: 'rejected', reason }
  if (neverConnected(result.error)) return { kind: 'not sent', reason }
  const body = result.data ?? result.error
  return { kind: 'unknown', reason, jobs, requestId: isEnvelope(body) ? body.requestId : undefined }
}

export class NotAccepted extends Error {
  constructor(what: string, readonly outcome: Exclude<Outcome, { kind: 'accepted' }>) {
    super(`${what}: ${outcome.kind}: ${outcome.reason}`)
  }
}

export function accepted(what: string, outcome: Outcome): Job[] {
  if (outcome.kind !== 'accepted') throw new NotAccepted(what, outcome)
  return outcome.jobs
}

/** Errors that Node meets before it has a connection to send anything over. */
function neverConnected(error: unknown): boolean {
  const { code, syscall } = (error instanceof Error && error.cause || {}) as NodeJS.ErrnoException
  return syscall === 'connect' || syscall === 'getaddrinfo' ||
    code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT'
}
