import { lookFor, type Listed, type Looking } from './list.js'
import { NotAccepted, type Outcome } from './mutate.js'
import type { Job } from './response.js'
import { imagesOf, type Waiting } from './wait.js'

/** The calls of a client that the flow needs. */
interface Calls<Cimg> {
  createImages(cimg: Cimg, regionId: string, images: { name: string, snapUuid: string }[]): Promise<Outcome>
  importImages(cimg: Cimg, regionId: string, copies: { name: string, originImageUuid: string, originRegionId: string }[]): Promise<Outcome>
  waitFor(cimg: Cimg, regionId: string, started: Job[], waiting?: Waiting): Promise<Job[]>
  imagesNamed(cimg: Cimg, regionId: string, name: string): Promise<Listed[]>
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
 * with their ids, another process can resume the wait. After an unknown outcome it
 * looks for the image, and the error names what it finds.
 */
export function flowOf<Cimg>({ createImages, importImages, waitFor, imagesNamed }: Calls<Cimg>) {
  return async (
    cimg: Cimg,
    { name, snapUuid, from, to }: Order,
    { save, window, lookInterval, ...waiting }: Waiting & Looking & { save?: (regionId: string, jobs: Job[]) => Promise<void> } = {},
  ): Promise<string[]> => {
    const created = await accepted('create', from, await createImages(cimg, from, [{ name, snapUuid }]))
    const images = imagesOf(await waitFor(cimg, from, created, waiting))

    const copies = images.map((originImageUuid) => ({ name, originImageUuid, originRegionId: from }))
    const copied = await accepted(`import of ${images.join()}`, to, await importImages(cimg, to, copies))
    return imagesOf(await waitFor(cimg, to, copied, waiting))

    async function accepted(what: string, regionId: string, outcome: Outcome): Promise<Job[]> {
      if (outcome.kind === 'accepted') {
        await save?.(regionId, outcome.jobs)
        return outcome.jobs
      }
      const found = outcome.kind === 'unknown' ? await lookFor(() => imagesNamed(cimg, regionId, name), { window, lookInterval }) : []
      throw new NotAccepted(what, outcome, regionId, found.map((image) => image.cimgUuid))
    }
  }
}
