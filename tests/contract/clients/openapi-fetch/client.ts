import createClient, { type Client } from 'openapi-fetch'
import { connection } from '../rules/fetch.js'
import type { paths } from './generated/cimg.js'

export type Cimg = Client<paths, 'application/json'>

export function connect(baseUrl: string, token: string): Cimg {
  return createClient<paths, 'application/json'>(connection(baseUrl, token))
}
