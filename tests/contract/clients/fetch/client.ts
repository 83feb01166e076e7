import { connection } from '../rules/fetch.js'
import type { Envelope, Result } from '../rules/response.js'

/** Sends a GET, or a POST if there is a body. */
export type Cimg = <Data>(path: string, body?: object, signal?: AbortSignal) => Promise<Result<Data>>

export function connect(baseUrl: string, token: string): Cimg {
  const service = connection(baseUrl, token)
  const headers = { ...service.headers, 'Content-Type': 'application/json' }
  return async <Data>(path: string, body?: object, signal?: AbortSignal): Promise<Result<Data>> => {
    const method = body ? 'POST' : 'GET'
    const response = await service.fetch(service.baseUrl + path, { method, headers, body: JSON.stringify(body), signal })
    const text = await response.text()
    try {
      return { data: JSON.parse(text) as Envelope<Data>, response } // the rules check it
    } catch (error) {
      return { error, response } // a gateway's page, or nothing
    }
  }
}
