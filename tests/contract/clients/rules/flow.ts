import { accepted, type Outcome } from './mutate.js'
import type { Job } from './response.js'
import { imagesOf, type Waiting } from './wait.js'

/** The calls of a client that the flow needs. */
interface Calls<Cimg> {
  createImages(cimg: Cimg, regionId: string, images: { name: string, snapUuid: string }[]): Promise<Outcome>
  importImages(cimg: Cimg, regionId: string, copies: { name: string, originImageUuid: string, originRegionId: string }[]): Promise<Outcome>
  waitFor(cimg: Cimg, regionId: string, started: Job[], waiting?: Waiting): Promise<Job[]>
}

interface Order {
  name: string
  snapUuid: string
  from: string
  to: string
}

/**
 * Returns a function that creates an image with a client, waits for it, copies it to
 * another region and waits again. save gets the jobs as soon as they are started:
 * with their ids, another process can resume the wait.
 */
export function flowOf<Cimg>({ createImages, importImages, waitFor }: Calls<Cimg>) {
  return async (
    cimg: Cimg,
    { name, snapUuid, from, to }: Order,
    { save, ...waiting }: Waiting & { save?: (regionId: string, jobs: Job[]) => Promise<void> } = {},
  ): Promise<string[]> => {
    const created = accepted('create', await createImages(cimg, from, [{ name, snapUuid }]))
    await save?.(from, created)
    const images = imagesOf(await waitFor(cimg, from, created, waiting))

    const copies = images.map((originImageUuid) => ({ name, originImageUuid, originRegionId: from }))
    const copied = accepted(`import of ${images.join()}`, await importImages(cimg, to, copies))
    await save?.(to, copied)
    return imagesOf(await waitFor(cimg, to, copied, waiting))
  }
}
