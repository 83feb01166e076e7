import { setTimeout as sleep } from 'node:timers/promises'
import { describe, jobsOf, retryAfter, trouble, type Job, type Result } from './response.js'

export interface Waiting {
  /** Milliseconds before the first poll (0), the second (1), ... */
  pauseBefore?: (poll: number) => number
  /** Milliseconds between two requests of one poll, when its jobs need several. */
  gap?: number
  /** Milliseconds for which the service may not know a job yet. */
  grace?: number
  /** Milliseconds after which the wait is given up, whatever the jobs do. */
  deadline?: number
}

/** A wait that ended before its jobs, which may go on: with their ids so can it. */
export class WaitEnded extends Error {
  constructor(why: string, readonly jobUuids: string[], options?: ErrorOptions) {
    super(`${why}; left: ${jobUuids.join()}`, options)
  }
}

export const growing = (poll: number) => Math.min(1000 * 1.5 ** poll, 60_000)
const idsInARequest = 100
const longestTimer = 2 ** 31 - 1 // beyond it, Node's fire at once

/**
 * Waits until all the jobs have ended, well or not, and returns them as they
 * ended. read asks for many in one request; as it changes nothing, it is simply
 * called again after a failure that may pass.
 */
export async function waitForJobs(
  started: Job[],
  read: (jobUuids: string[], signal: AbortSignal) => Promise<Result<Job[]>>,
  { pauseBefore = growing, gap = 1000, grace = 30_000, deadline = 3_600_000 }: Waiting = {},
): Promise<Job[]> {
  const jobs = new Map(started.map((job) => [job.jobUuid, job]))
  const missingSince = new Map<string, number>()
  const alone = new Set<string>() // the ids of a refused request, until each is answered
  let notBefore = 0 // as the last answer wanted
  const left = () => [...jobs.values()].filter((job) => !job.done).map((job) => job.jobUuid)
  const signal = AbortSignal.timeout(deadline)
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal }).catch((cause: unknown) => {
    throw new WaitEnded('gave up waiting', left(), { cause })
  })

  for (let poll = 0; left().length > 0; poll++) {
    let wanted = pauseBefore(poll)
    for (const ids of requestsFor(left(), alone)) {
      await pause(Math.max(wanted, Math.min(notBefore - Date.now(), longestTimer)))
      await ask(ids)
      wanted = gap
    }
  }
  return [...jobs.values()]

  async function ask(ids: string[]) {
    const result = await read(ids, signal).catch((error: unknown): Result<Job[]> => ({ error }))
    notBefore = Date.now() + retryAfter(result)
    let seen = jobsOf(result)
    if (seen === undefined) {
      const kind = trouble(result)
      if (kind === 'refused') throw new WaitEnded(`the poll is refused: ${describe(result)}`, left())
      if (kind === 'passing') return
      for (const id of ids) alone.add(id) // one of them may be the reason
      if (ids.length > 1) return
      seen = [] // it is this one, which may not be known yet
    } else {
      for (const id of ids) alone.delete(id)
    }
    for (const job of seen) {
      const before = jobs.get(job.jobUuid)
      if (!before || before.done) continue // nobody's, or told twice
      // A later reply may lack what an earlier one had.
      jobs.set(job.jobUuid, { ...before, ...job, resourceUuid: job.resourceUuid || before.resourceUuid })
    }
    for (const id of ids) {
      if (seen.some((job) => job.jobUuid === id)) {
        missingSince.delete(id)
        continue
      }
      const since = missingSince.get(id) ?? Date.now()
      missingSince.set(id, since)
      if (Date.now() - since > grace) throw new WaitEnded(`job ${id} is not known: ${describe(result)}`, left())
    }
  }
}

/** Puts ids into requests: many in each, those that are to be alone apart. */
function requestsFor(ids: string[], alone: Set<string>): string[][] {
  const requests = ids.filter((id) => alone.has(id)).map((id) => [id])
  const others = ids.filter((id) => !alone.has(id))
  for (let from = 0; from < others.length; from += idsInARequest) requests.push(others.slice(from, from + idsInARequest))
  return requests
}

/** The images that jobs have made; throws if one has failed. */
export function imagesOf(jobs: Job[]): string[] {
  return jobs.map(({ jobUuid, success, resourceUuid, result }) => {
    if (!success) throw new Error(`job ${jobUuid} failed: ${result}`)
    if (typeof resourceUuid !== 'string' || resourceUuid === '') throw new Error(`job ${jobUuid} does not name its image`)
    return resourceUuid
  })
}
