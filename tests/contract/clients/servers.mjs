// Servers that the clients under test talk to, and that see what they send.
import { once } from 'node:events'
import { createServer, request as send } from 'node:http'

export const tools = ['openapi-fetch', 'hey-api']

/** What is exported by the example of a tool. */
export const load = async (tool) => ({
  ...await import(`./out/${tool}/client.js`),
  ...await import(`./out/${tool}/flow.js`),
})

/** Serves until the test ends; requests fills with what was asked for. */
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

/** Has another server answer. */
export function passOn(url, request, respond) {
  const { method, headers } = request
  request.pipe(send(new URL(request.url, url), { method, headers }, respond))
}

export const respondTo = (response) => (reply) => reply.pipe(response.writeHead(reply.statusCode, reply.headers))

/** Answers with a row of outcomes.json. */
export const answer = (response, { status = 200, contentType = 'application/json', location, reply, body = JSON.stringify(reply) }) =>
  response.writeHead(status, { 'Content-Type': contentType, ...location && { Location: location } }).end(body)

export const html = (status) => (response) =>
  response.writeHead(status, { 'Content-Type': 'text/html' }).end('<html><h1>Bad day</h1></html>')

export const json = (status, body) => (response) =>
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

export const envelope = (errno, data) => ({ errno, errmsg: '', requestId: '', data })

export const job = (change) => ({ jobUuid: 'a', type: 'CreateCIMG', progress: 0, done: false, success: false, ...change })
