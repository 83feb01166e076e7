import { setTimeout as sleep } from 'node:timers/promises'
import { classify, describe, jobsOf, retryAfter, type Job, type Result } from './response.js'

export interface Waiting {
  /** Milliseconds before the first poll (0), the second (1), ... */
  pauseBefore?: (poll: number) => number
  /** Milliseconds between two requests of one poll, if it needs several. */
  requestInterval?: number
  /** Milliseconds for which the service may not find a job yet. */
  grace?: number
  /** Milliseconds after which the wait gives up, whatever the jobs do. */
  deadline?: number
}

/** The wait ended before its jobs finished. They may still run: their ids are enough to resume the wait. */
export class WaitEnded extends Error {
  constructor(why: string, readonly jobUuids: string[], options?: ErrorOptions) {
    super(`${why}; left: ${jobUuids.join()}`, options)
  }
}

export const growing = (poll: number) => Math.min(1000 * 1.5 ** poll, 60_000)
const maxIdsPerRequest = 100
const maxTimer = 2 ** 31 - 1 // Node's longer timers fire at once

/**
 * Waits until all jobs have finished, successfully or not, and returns their last
 * state. query polls several jobs in one request; as it changes nothing, it is
 * simply called again after a transient failure.
 */
export async function waitForJobs(
  started: Job[],
  query: (jobUuids: string[], signal: AbortSignal) => Promise<Result<Job[]>>,
  { pauseBefore = growing, requestInterval = 1000, grace = 30_000, deadline = 3_600_000 }: Waiting = {},
): Promise<Job[]> {
  const jobs = new Map(started.map((job) => [job.jobUuid, job]))
  const missingSince = new Map<string, number>()
  const alone = new Set<string>() // the ids of a rejected request, until a response has each
  let notBefore = 0 // from the last Retry-After
  const left = () => [...jobs.values()].filter((job) => !job.done).map((job) => job.jobUuid)
  const signal = AbortSignal.timeout(deadline)
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal }).catch((cause: unknown) => {
    throw new WaitEnded('gave up waiting', left(), { cause })
  })

  for (let poll = 0; left().length > 0; poll++) {
    let wanted = pauseBefore(poll)
    for (const ids of requestsFor(left(), alone)) {
      await pause(Math.max(wanted, Math.min(notBefore - Date.now(), maxTimer)))
      await pollOnce(ids)
      wanted = requestInterval
    }
  }
  return [...jobs.values()]

  async function pollOnce(ids: string[]) {
    const result = await query(ids, signal).catch((error: unknown): Result<Job[]> => ({ error }))
    notBefore = Date.now() + retryAfter(result)
    let seen = jobsOf(result)
    if (seen === undefined) {
      const kind = classify(result)
      if (kind === 'permanent') throw new WaitEnded(`the poll was rejected: ${describe(result)}`, left())
      if (kind === 'transient') return
      for (const id of ids) alone.add(id) // one of them may be the bad id
      if (ids.length > 1) return
      seen = [] // the id alone was rejected: the service may not know it yet
    } else {
      for (const id of ids) alone.delete(id)
    }
    for (const job of seen) {
      const before = jobs.get(job.jobUuid)
      if (!before || before.done) continue // not queried, or reported twice
      // A later response may lack what an earlier one had.
      jobs.set(job.jobUuid, { ...before, ...job, resourceUuid: job.resourceUuid || before.resourceUuid })
    }
    for (const id of ids) {
      if (seen.some((job) => job.jobUuid === id)) {
        missingSince.delete(id)
        continue
      }
      const since = missingSince.get(id) ?? Date.now()
      missingSince.set(id, since)
      if (Date.now() - since > grace) throw new WaitEnded(`job ${id} not found: ${describe(result)}`, left())
    }
  }
}

/** Distributes ids over requests: many in each, those in alone one by one. */
function requestsFor(ids: string[], alone: Set<string>): string[][] {
  const requests = ids.filter((id) => alone.has(id)).map((id) => [id])
  const others = ids.filter((id) => !alone.has(id))
  for (let from = 0; from < others.length; from += maxIdsPerRequest) requests.push(others.slice(from, from + maxIdsPerRequest))
  return requests
}

/** The images of jobs; throws if a job failed. */
export function imagesOf(jobs: Job[]): string[] {
  return jobs.map(({ jobUuid, success, resourceUuid, result }) => {
    if (!success) throw new Error(`job ${jobUuid} failed: ${result}`)
    if (typeof resourceUuid !== 'string' || resourceUuid === '') throw new Error(`job ${jobUuid} does not name its image`)
    return resourceUuid
  })
}
