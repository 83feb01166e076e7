import { describe, isReply, type Result } from './reply.js'

interface Named {
  name: string
}

/**
 * The images of one name, for a look after an unknown outcome. A list that
 * cannot be read throws: an empty one would say that nothing was made.
 */
export async function named<Image extends Named>(
  name: string,
  readPage: (start: number, limit: number) => Promise<Result<{ items: Image[] }>>,
): Promise<Image[]> {
  const images: Image[] = []
  for (let start = 0; ; ) {
    const page = itemsOf(await readPage(start, 100))
    if (page.length === 0) break // what count counts is not published
    images.push(...page)
    start += page.length
  }
  // Whether the service's match is exact is not published.
  return images.filter((image) => image.name === name)
}

function itemsOf<Image>(result: Result<{ items: Image[] }>): Image[] {
  const { data, response } = result
  // The provider's table has a bare array where the captured reply has a page.
  const items = Array.isArray(data?.data) ? data.data : data?.data?.items
  if (response?.ok && isReply(data) && data.errno === 0 && Array.isArray(items)) return items
  throw new Error(`cannot list: ${describe(result)}`)
}
