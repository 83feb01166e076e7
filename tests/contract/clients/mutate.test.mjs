// The outcome of a mutating call for each response, and that it is sent once.
// outcomes.json has the responses to a create of two images; the Postman
// collection and the wrapper are tested with the same file.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { load, respond, serve, tools, unusedURL } from './servers.mjs'

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url)))
const outcomes = read('outcomes.json')
const urls = read('urls.json')
const images = [{ name: 'one', snapUuid: 's' }, { name: 'two', snapUuid: 's' }]

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, createImages } = await load(tool)

    for (const outcome of outcomes) {
      test(`${outcome.kind}: ${outcome.name}`, async (t) => {
        const { url, requests } = await serve(t, (request, response) =>
          request.resume().on('end', () => respond(response, outcome)))
        const { kind, reason } = await createImages(connect(url, 'token'), 'gz', images)
        assert.equal(kind, outcome.kind, reason)
        assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
      })
    }

    for (const [name, fail] of [
      ['a connection that breaks', (response) => response.socket.destroy()],
      ['a response that breaks off', (response) =>
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' })
          .write('{"errno":0', () => response.socket.destroy())],
    ]) {
      test(`unknown: ${name}`, async (t) => {
        const { url, requests } = await serve(t, (request, response) => request.resume().on('end', () => fail(response)))
        const { kind, reason } = await createImages(connect(url, 'token'), 'gz', images)
        assert.equal(kind, 'unknown', reason)
        assert.equal(requests.length, 1)
      })
    }

    test('an unknown outcome keeps the jobs and the requestId of the response', async (t) => {
      const { url } = await serve(t, (request, response) => request.resume().on('end', () =>
        respond(response, outcomes.find(({ name }) => name === 'errno 0 with one job for two images'))))
      const { jobs, requestId } = await createImages(connect(url, 'token'), 'gz', images)
      assert.deepEqual([jobs.map((job) => job.jobUuid), requestId], [['a'], 'r'])
    })

    test('not sent: no connection', async () => {
      const outcome = await createImages(connect(await unusedURL(), 'token'), 'gz', images)
      assert.equal(outcome.kind, 'not sent', outcome.reason)
    })

    test('invalid input is rejected before anything is sent', async (t) => {
      const { url, requests } = await serve(t, (_, response) => response.end())
      await assert.rejects(createImages(connect(url, 'token'), 'gz', []), RangeError)
      assert.deepEqual(requests, [])
    })

    test('connect throws if the URL or the token is missing or malformed', () => {
      for (const wrong of [undefined, null, ...urls.wrong]) {
        assert.throws(() => connect(wrong, 'token'), /^Error: the URL is not that of a service/, String(wrong))
      }
      for (const wrong of [undefined, null, '', 'secret secret', 'secret\nsecret']) {
        assert.throws(() => connect(urls.right[0], wrong), ({ message }) => /^the token is missing/.test(message) && !/secret/.test(message), String(wrong))
      }
      for (const right of urls.right) connect(right, 'token')
    })
  })
}
