import { describe, isRejected, jobsOf, type Job, type Result } from './reply.js'

/** What became of a change. */
export type Outcome =
  | { kind: 'accepted'; jobs: Job[] }
  | { kind: 'rejected'; reason: string } // nothing was done
  | { kind: 'not sent'; reason: string } // nothing was done
  | { kind: 'unknown'; reason: string } // look for it by name before it is sent again

/** Sends a change of so many items, once, and tells what became of it. */
export async function change(items: number, send: () => Promise<Result<Job[]>>): Promise<Outcome> {
  const result = await send().catch((error: unknown): Result<Job[]> => ({ error }))
  const jobs = jobsOf(result)
  if (jobs && jobs.length >= items) return { kind: 'accepted', jobs }
  const reason = jobs ? `${jobs.length} jobs for ${items} items` : describe(result)
  if (isRejected(result)) return { kind: 'rejected', reason }
  return { kind: neverConnected(result.error) ? 'not sent' : 'unknown', reason }
}

export class NotAccepted extends Error {
  constructor(readonly outcome: Exclude<Outcome, { kind: 'accepted' }>) {
    super(`${outcome.kind}: ${outcome.reason}`)
  }
}

export function accepted(outcome: Outcome): Job[] {
  if (outcome.kind !== 'accepted') throw new NotAccepted(outcome)
  return outcome.jobs
}

/** Errors that Node meets before it has a connection to send anything over. */
function neverConnected(error: unknown): boolean {
  const { code, syscall } = (error instanceof Error && error.cause || {}) as NodeJS.ErrnoException
  return syscall === 'connect' || syscall === 'getaddrinfo' ||
    code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT'
}
