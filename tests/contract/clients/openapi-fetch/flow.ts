import { flowOf } from '../rules/flow.js'
import { named } from '../rules/list.js'
import { mutate, type Outcome } from '../rules/mutate.js'
import type { Job } from '../rules/response.js'
import { waitForJobs, type Waiting } from '../rules/wait.js'
import type { Cimg } from './client.js'
import type { components } from './generated/cimg.js'

type Schemas = components['schemas']

export const createAndCopy = flowOf({ createImages, importImages, waitFor, imagesNamed })

export function createImages(cimg: Cimg, regionId: string, images: Schemas['CreateCIMGInput'][]): Promise<Outcome> {
  return mutate(images.length, () => cimg.POST('/dicloud/i/storage/cimg/create', { body: { regionId, cimg: images } }))
}

export function importImages(cimg: Cimg, regionId: string, copies: Schemas['ImportCIMGInput'][]): Promise<Outcome> {
  return mutate(copies.length, () => cimg.POST('/dicloud/i/storage/cimg/import', { body: { regionId, cimg: copies } }))
}

export function waitFor(cimg: Cimg, regionId: string, started: Job[], waiting?: Waiting): Promise<Job[]> {
  return waitForJobs(started, (jobUuids, signal) =>
    cimg.GET('/dicloud/i/result', { params: { query: { regionId, jobUuids: jobUuids.join() } }, signal }), waiting)
}

/** Looks images up by name, as needed after an unknown outcome before the call is repeated. */
export function imagesNamed(cimg: Cimg, regionId: string, name: string): Promise<Schemas['CIMG'][]> {
  return named(name, (start, limit) =>
    cimg.POST('/dicloud/i/storage/cimg/list', { body: { regionId, start, limit, condition: { names: [name] } } }))
}
