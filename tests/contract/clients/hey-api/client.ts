import { connection } from '../rules/fetch.js'
import { createClient, type Client } from './generated/client/index.js'

export type Cimg = Client

export function connect(baseUrl: string, token: string): Cimg {
  return createClient({
    ...connection(baseUrl, token),
    // Whether a body is an envelope does not depend on its Content-Type.
    parseAs: 'json',
  })
}
