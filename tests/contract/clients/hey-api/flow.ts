import { flowOf } from '../rules/flow.js'
import { named } from '../rules/list.js'
import { mutate, type Outcome } from '../rules/mutate.js'
import type { Job } from '../rules/response.js'
import { waitForJobs, type Waiting } from '../rules/wait.js'
import type { Cimg } from './client.js'
import { createCimg, getJobResult, importCimg, listCimg } from './generated/sdk.gen.js'
import type { Cimg as Image, CreateCimgInput, ImportCimgInput } from './generated/types.gen.js'

export const createAndCopy = flowOf({ createImages, importImages, waitFor, imagesNamed })

export function createImages(cimg: Cimg, regionId: string, images: CreateCimgInput[]): Promise<Outcome> {
  return mutate(images.length, () => createCimg({ client: cimg, body: { regionId, cimg: images } }))
}

export function importImages(cimg: Cimg, regionId: string, copies: ImportCimgInput[]): Promise<Outcome> {
  return mutate(copies.length, () => importCimg({ client: cimg, body: { regionId, cimg: copies } }))
}

export function waitFor(cimg: Cimg, regionId: string, started: Job[], waiting?: Waiting): Promise<Job[]> {
  return waitForJobs(started, (jobUuids, signal) =>
    getJobResult({ client: cimg, query: { regionId, jobUuids: jobUuids.join() }, signal }), waiting)
}

/** Looks images up by name, as needed after an unknown outcome before the call is repeated. */
export function imagesNamed(cimg: Cimg, regionId: string, name: string): Promise<Image[]> {
  return named(name, (start, limit) =>
    listCimg({ client: cimg, body: { regionId, start, limit, condition: { names: [name] } } }))
}
