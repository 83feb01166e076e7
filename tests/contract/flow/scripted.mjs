// A server that sends given responses, one after the other, whatever the request.
import { once } from 'node:events'
import { createServer } from 'node:http'

const jobUuid = 'c23fd05f26ef5b718507f1926a4271cc'

export const accepted = { jobUuid, type: 'CreateCIMG', progress: 0, done: false, success: false, resourceUuid: 'c9ade20c2f485a7ead08a895eb601e37' }

export const html = status => ({ status, type: 'text/html', body: '<h1>Gateway</h1>' })

export function envelope({ errno = 0, data }) {
  return { status: 200, type: 'application/json', body: JSON.stringify({ errno, errmsg: errno ? 'no' : 'ok', requestId: '0a60538a', data }) }
}

export const job = state => envelope({ data: [{ ...accepted, ...state }] })

/** Starts the server and returns its URL and the requests so far. */
export async function startScripted(responses) {
  const requests = []
  const server = createServer((request, response) => {
    request.resume()
    const { status, type, body } = responses[requests.push(request) - 1] ?? html(500)
    response.writeHead(status, { 'Content-Type': type }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => { server.close(); server.closeAllConnections() }
  return { url: `http://127.0.0.1:${server.address().port}`, requests, close }
}
