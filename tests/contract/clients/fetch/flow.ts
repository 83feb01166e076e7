import { flowOf } from '../rules/flow.js'
import { named } from '../rules/list.js'
import { mutate, type Outcome } from '../rules/mutate.js'
import type { Job } from '../rules/response.js'
import { waitForJobs, type Waiting } from '../rules/wait.js'
import type { Cimg } from './client.js'

export const createAndCopy = flowOf({ createImages, importImages, waitFor, imagesNamed })

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
