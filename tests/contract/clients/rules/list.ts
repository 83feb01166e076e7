import { setTimeout as sleep } from 'node:timers/promises'
import { describe, isEnvelope, type Result } from './response.js'

export interface Listed {
  cimgUuid: string
  name: string
}

export interface Looking {
  /** Milliseconds after which looking for an image ends. */
  window?: number
  /** Milliseconds between two looks. */
  lookInterval?: number
}

/**
 * Looks for the image of a call whose outcome is unknown until it is listed: how soon
 * a new image is, is not published. Finding none proves nothing: let a person decide
 * before the call is sent again.
 */
export async function lookFor(find: () => Promise<Listed[]>, { window = 300_000, lookInterval = 5000 }: Looking = {}): Promise<Listed[]> {
  const closes = Date.now() + window
  while (true) {
    const found = await find().catch((): Listed[] => []) // a list that cannot be read
    if (found.length > 0 || Date.now() + lookInterval > closes) return found
    await sleep(lookInterval)
  }
}

/**
 * Returns the images of one name, to look one up after an unknown outcome. A list
 * that cannot be read throws: an empty one would mean that nothing was created.
 */
export async function named<Image extends Listed>(
  name: string,
  readPage: (start: number, limit: number) => Promise<Result<{ items: Image[] }>>,
): Promise<Image[]> {
  const images = new Map<string, Image>()
  for (let start = 0; ; ) {
    const page = pageOf(await readPage(start, 100).catch((error: unknown): Result<{ items: Image[] }> => ({ error })))
    const known = images.size
    for (const image of page) images.set(image.cimgUuid, image)
    if (images.size === known) break // what `count` counts is not published
    start += page.length
  }
  // Whether the service's match is exact is not published.
  return [...images.values()].filter((image) => image.name === name)
}

function pageOf<Image>(result: Result<{ items: Image[] }>): Image[] {
  const { data, response } = result
  // The provider's table has a bare array where the captured response has a page.
  const items = Array.isArray(data?.data) ? data.data : data?.data?.items
  if (response?.status === 200 && isEnvelope(data) && data.errno === 0 && Array.isArray(items)) return items
  throw new Error(`cannot list: ${describe(result)}`)
}
