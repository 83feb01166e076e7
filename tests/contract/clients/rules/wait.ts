import { setTimeout as sleep } from 'node:timers/promises'
import { describe, isRejected, jobsOf, type Job, type Result } from './reply.js'

export interface Waiting {
  /** Milliseconds before the first poll (0), the second (1), ... */
  pauseBefore?: (poll: number) => number
  /** Milliseconds for which the service may not know a job yet. */
  grace?: number
  /** Milliseconds after which the wait is given up, whatever the jobs do. */
  deadline?: number
}

const growing = (poll: number) => Math.min(1000 * 1.5 ** poll, 60_000)

/**
 * Waits until all the jobs have ended, well or not, and returns them as they
 * ended. read asks for all that are left in one request; as it changes nothing,
 * it is simply called again after a failure that may pass.
 */
export async function waitForJobs(
  started: Job[],
  read: (jobUuids: string[], signal: AbortSignal) => Promise<Result<Job[]>>,
  { pauseBefore = growing, grace = 30_000, deadline = 3_600_000 }: Waiting = {},
): Promise<Job[]> {
  const jobs = new Map(started.map((job) => [job.jobUuid, job]))
  const missingSince = new Map<string, number>()
  const signal = AbortSignal.timeout(deadline)

  for (let poll = 0; ; poll++) {
    const left = [...jobs.values()].filter((job) => !job.done).map((job) => job.jobUuid)
    if (left.length === 0) return [...jobs.values()]
    await sleep(pauseBefore(poll), undefined, { signal }).catch((cause: unknown) => {
      throw new Error(`gave up waiting for ${left.join()}`, { cause })
    })

    const result = await read(left, signal).catch((error: unknown): Result<Job[]> => ({ error }))
    const seen = jobsOf(result)
    // An id that is not known yet may be left out, or the whole request refused.
    const isAnswer = seen !== undefined || isRejected(result) && result.response?.status !== 429
    if (!isAnswer) continue

    for (const job of seen ?? []) {
      // A later reply may lack what an earlier one had, such as resourceUuid.
      if (left.includes(job.jobUuid)) jobs.set(job.jobUuid, { ...jobs.get(job.jobUuid), ...job })
    }
    for (const jobUuid of left) {
      if (seen?.some((job) => job.jobUuid === jobUuid)) {
        missingSince.delete(jobUuid)
        continue
      }
      const since = missingSince.get(jobUuid) ?? Date.now()
      missingSince.set(jobUuid, since)
      if (Date.now() - since > grace) throw new Error(`job ${jobUuid} is not known: ${describe(result)}`)
    }
  }
}

/** The images that jobs have made; throws if one has failed. */
export function imagesOf(jobs: Job[]): string[] {
  return jobs.map(({ jobUuid, success, resourceUuid, result }) => {
    if (!success) throw new Error(`job ${jobUuid} failed: ${result}`)
    if (resourceUuid === undefined) throw new Error(`job ${jobUuid} does not name its image`)
    return resourceUuid
  })
}
