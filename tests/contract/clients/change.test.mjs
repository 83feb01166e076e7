// What a change comes to, whatever the reply, and that it is sent once.
// outcomes.json has the replies to a create of two images; the Postman collection
// and the wrapper are held to the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { answer, load, serve, tools } from './servers.mjs'

const outcomes = JSON.parse(readFileSync(new URL('outcomes.json', import.meta.url)))
const images = [{ name: 'one', snapUuid: 's' }, { name: 'two', snapUuid: 's' }]

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, createImages } = await load(tool)

    for (const outcome of outcomes) {
      test(`${outcome.kind}: ${outcome.name}`, async (t) => {
        const { url, requests } = await serve(t, (request, response) =>
          request.resume().on('end', () => answer(response, outcome)))
        const { kind, reason } = await createImages(connect(url, 'token'), 'gz', images)
        assert.equal(kind, outcome.kind, reason)
        assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
      })
    }

    for (const [name, answer] of [
      ['a connection that breaks', (response) => response.socket.destroy()],
      ['a reply that breaks off', (response) =>
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' })
          .write('{"errno":0', () => response.socket.destroy())],
    ]) {
      test(`unknown: ${name}`, async (t) => {
        const { url, requests } = await serve(t, (request, response) => request.resume().on('end', () => answer(response)))
        const { kind, reason } = await createImages(connect(url, 'token'), 'gz', images)
        assert.equal(kind, 'unknown', reason)
        assert.equal(requests.length, 1)
      })
    }

    test('an unknown outcome keeps what the reply named', async (t) => {
      const { url } = await serve(t, (request, response) => request.resume().on('end', () =>
        answer(response, outcomes.find(({ name }) => name === 'errno 0 with one job for two images'))))
      const { jobs, requestId } = await createImages(connect(url, 'token'), 'gz', images)
      assert.deepEqual([jobs.map((job) => job.jobUuid), requestId], [['a'], 'r'])
    })

    test('not sent: no connection', async () => {
      const outcome = await createImages(connect(await deserted(), 'token'), 'gz', images)
      assert.equal(outcome.kind, 'not sent', outcome.reason)
    })

    test('what cannot be right is refused before it is sent', async (t) => {
      const { url, requests } = await serve(t, (_, response) => response.end())
      await assert.rejects(createImages(connect(url, 'token'), 'gz', []), RangeError)
      assert.throws(() => connect(url, 'secret\nsecret'), (error) => !String(error).includes('secret'))
      assert.throws(() => connect(url, ''), /empty/)
      assert.deepEqual(requests, [])
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
