import { named } from '../rules/list.js'
import { accepted, mutate, type Outcome } from '../rules/mutate.js'
import type { Job } from '../rules/response.js'
import { imagesOf, waitForJobs, type Waiting } from '../rules/wait.js'
import type { Cimg } from './client.js'

interface Order {
  name: string
  snapUuid: string
  from: string
  to: string
}

/**
 * Creates an image, waits for it, copies it to another region and waits again.
 * save gets the jobs as soon as they are started: with their ids, another process
 * can resume the wait.
 */
export async function createAndCopy(
  cimg: Cimg,
  { name, snapUuid, from, to }: Order,
  { save, ...waiting }: Waiting & { save?: (regionId: string, jobs: Job[]) => Promise<void> } = {},
): Promise<string[]> {
  const created = accepted('create', await createImages(cimg, from, [{ name, snapUuid }]))
  await save?.(from, created)
  const images = imagesOf(await waitFor(cimg, from, created, waiting))

  const copies = images.map((originImageUuid) => ({ name, originImageUuid, originRegionId: from }))
  const copied = accepted(`import of ${images.join()}`, await importImages(cimg, to, copies))
  await save?.(to, copied)
  return imagesOf(await waitFor(cimg, to, copied, waiting))
}

export function createImages(cimg: Cimg, regionId: string, images: { name: string, snapUuid: string }[]): Promise<Outcome> {
  return mutate(images.length, () => cimg('/dicloud/i/storage/cimg/create', { regionId, cimg: images }))
}

export function importImages(cimg: Cimg, regionId: string, copies: { name: string, originImageUuid: string, originRegionId: string }[]): Promise<Outcome> {
  return mutate(copies.length, () => cimg('/dicloud/i/storage/cimg/import', { regionId, cimg: copies }))
}

export function waitFor(cimg: Cimg, regionId: string, started: Job[], waiting?: Waiting): Promise<Job[]> {
  return waitForJobs(started, (jobUuids, signal) =>
    cimg(`/dicloud/i/result?regionId=${encodeURIComponent(regionId)}&jobUuids=${jobUuids.map(encodeURIComponent).join()}`, undefined, signal), waiting)
}

/** Looks images up by name, as needed after an unknown outcome before the call is repeated. */
export function imagesNamed(cimg: Cimg, regionId: string, name: string): Promise<{ cimgUuid: string, name: string }[]> {
  return named(name, (start, limit) =>
    cimg('/dicloud/i/storage/cimg/list', { regionId, start, limit, condition: { names: [name] } }))
}
