// What a change comes to, whatever the reply, and that it is sent once.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { envelope, html, job, json, load, serve, tools } from './servers.mjs'

const images = [{ name: 'one', snapUuid: 's' }, { name: 'two', snapUuid: 's' }]
const jobs = [job({ jobUuid: 'a' }), job({ jobUuid: 'b' })]

const replies = [
  ['accepted', 'errno 0 with two jobs', json(200, envelope(0, jobs))],

  ['rejected', 'errno 1000011', json(200, envelope(1000011))],
  ['rejected', 'errno 41017 with HTTP 400', json(400, envelope(41017))],
  ['rejected', 'HTTP 401 with HTML', html(401)],
  ['rejected', 'HTTP 403 with HTML', html(403)],
  ['rejected', 'HTTP 429 with HTML', html(429)],

  ['unknown', 'a connection that breaks', (response) => response.socket.destroy()],
  ['unknown', 'a reply that breaks off', (response) =>
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' })
      .write('{"errno":0', () => response.socket.destroy())],
  ['unknown', 'HTTP 502 with HTML', html(502)],
  ['unknown', 'HTTP 200 with HTML', html(200)],
  ['unknown', 'HTTP 200 with nothing', (response) => response.writeHead(200).end()],
  ['unknown', 'a redirect', (response) => response.writeHead(307, { Location: '/elsewhere' }).end()],
  ['unknown', 'errno 2', json(200, envelope(2))],
  ['unknown', 'an errno that is not listed', json(200, envelope(77))],
  ['unknown', 'errno 41017 with HTTP 502', json(502, envelope(41017))],
  ['unknown', 'errno 41017 with a job', json(200, envelope(41017, [jobs[0]]))],
  ['unknown', 'errno 0 with HTTP 500', json(500, envelope(0, jobs))],
  ['unknown', 'errno 0 with one job for two images', json(200, envelope(0, [jobs[0]]))],
  ['unknown', 'errno 0 with jobs that are none', json(200, envelope(0, [{}, null]))],
  ['unknown', 'errno 0 with null', json(200, envelope(0, null))],
]

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, createImages } = await load(tool)

    for (const [kind, name, answer] of replies) {
      test(`${kind}: ${name}`, async (t) => {
        const { url, requests } = await serve(t, (request, response) =>
          request.resume().on('end', () => answer(response)))
        const outcome = await createImages(connect(url, 'token'), 'gz', images)
        assert.equal(outcome.kind, kind, outcome.reason)
        assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
      })
    }

    test('not sent: no connection', async () => {
      const outcome = await createImages(connect(await deserted(), 'token'), 'gz', images)
      assert.equal(outcome.kind, 'not sent', outcome.reason)
    })
  })
}

/** The URL of a server that is gone. */
async function deserted() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  server.close()
  return `http://127.0.0.1:${port}`
}
