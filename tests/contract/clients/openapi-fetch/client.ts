import createClient, { type Client } from 'openapi-fetch'
import { bearer, fetchOnce } from '../rules/fetch.js'
import type { paths } from './generated/cimg.js'

export type Cimg = Client<paths, 'application/json'>

export function connect(baseUrl: string, token: string): Cimg {
  return createClient<paths, 'application/json'>({
    baseUrl,
    headers: { Authorization: bearer(token) },
    fetch: fetchOnce,
    // The types do not carry the contract's `explode: false`; without this the
    // ids would go out as jobUuids=a&jobUuids=b.
    querySerializer: { array: { style: 'form', explode: false } },
  })
}
