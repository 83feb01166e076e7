// Servers for the clients under test. They record the requests.
import { once } from 'node:events'
import { createServer, request as send } from 'node:http'

export const tools = ['fetch', 'openapi-fetch', 'hey-api']

/** Loads the exports of a tool's example. */
export const load = async (tool) => ({
  ...await import(`./out/${tool}/client.js`),
  ...await import(`./out/${tool}/flow.js`),
})

/** Serves until the test ends; requests collects the request lines. */
export async function serve(t, handle) {
  const requests = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    handle(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${server.address().port}`, requests }
}

/** Returns a URL that no server listens on. */
export async function unusedURL() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  server.close()
  return `http://127.0.0.1:${port}`
}

/** Forwards the request to another server. */
export function forward(url, request, respond) {
  const { method, headers } = request
  request.pipe(send(new URL(request.url, url), { method, headers }, respond))
}

export const copyTo = (response) => (upstream) => upstream.pipe(response.writeHead(upstream.statusCode, upstream.headers))

/** Sends a response from outcomes.json. */
export const respond = (response, { status = 200, contentType = 'application/json', location, json, body = JSON.stringify(json) }) =>
  response.writeHead(status, { 'Content-Type': contentType, ...location && { Location: location } }).end(body)

export const html = (status) => (response) =>
  response.writeHead(status, { 'Content-Type': 'text/html' }).end('<html><h1>Bad day</h1></html>')

export const json = (status, body) => (response) =>
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

export const envelope = (errno, data) => ({ errno, errmsg: '', requestId: '', data })

export const job = (change) => ({ jobUuid: 'a', type: 'CreateCIMG', progress: 0, done: false, success: false, ...change })
