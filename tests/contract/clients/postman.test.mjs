// The Postman collection, run by newman.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { promisify } from 'node:util'
import newman from 'newman'
import { startMock } from '../mock.mjs'
import { envelope, html, job, json, passOn, respondTo, serve } from './servers.mjs'

const run = (baseUrl, bearerToken, variables) => promisify(newman.run)({
  collection: new URL('postman/generated/flow.json', import.meta.url).pathname,
  envVar: Object.entries({ baseUrl, bearerToken, firstPause: 10, ...variables }).map(([key, value]) => ({ key, value })),
})

test('creates two images and copies them; a refused create is rejected', async (t) => {
  const mock = await startMock('--job-duration', '300ms')
  t.after(mock.stop)
  const replies = []
  const { url, requests } = await serve(t, (request, response) => passOn(mock.url, request, (reply) => {
    const chunks = []
    reply.on('data', (chunk) => chunks.push(chunk)).on('end', () => replies.push(JSON.parse(Buffer.concat(chunks))))
    respondTo(response)(reply)
  }))
  const { run: { failures, executions } } = await run(url, mock.token)

  assert.deepEqual(failures.map(({ error }) => error.message), [])
  assert.equal(executions.at(-1).item.name, 'Create from no snapshot')
  assert.equal(replies.at(-1).errno, 41017)
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), [
    'POST /dicloud/i/storage/cimg/create',
    'POST /dicloud/i/storage/cimg/import',
    'POST /dicloud/i/storage/cimg/create',
  ])
  const [one, two] = replies[0].data.map((job) => job.jobUuid)
  assert.equal(requests[1], `GET /dicloud/i/result?regionId=gz&jobUuids=${one},${two}`)
})

for (const [name, answer] of [
  ['a connection that breaks', (response) => response.socket.destroy()],
  ['HTTP 502 with HTML', html(502)],
  ['a redirect', (response) => response.writeHead(307, { Location: '/elsewhere' }).end()],
  ['errno 2', json(200, envelope(2))],
]) {
  test(`${name} ends the run after one create`, async (t) => {
    const { url, requests } = await serve(t, (request, response) => request.resume().on('end', () => answer(response)))
    const { run: { failures } } = await run(url, 'token')
    assert.match(failures.at(-1).error.message, /'unknown' to equal 'accepted'/)
    assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
  })
}

const jobs = (change) => json(200, envelope(0, ['a', 'b'].map((jobUuid) => job({ jobUuid, ...change }))))
const accepted = jobs()
for (const [name, polls, failure, variables] of [
  ['a wait bears trouble that may pass, and jobs that are not known yet', [
    html(502),
    json(200, envelope(2)),
    json(200, envelope(1)),
    json(200, envelope(0, [])),
    jobs({ progress: 100 }), // not done, in spite of its progress
    jobs({ progress: 57, done: true, result: 'no space' }),
  ], /no space/],
  ['a job that stays unknown ends the run after the grace', Array(10).fill(json(200, envelope(0, []))), /errno 0/, { grace: 5 }],
  ['a token that stays rejected ends the run after the grace', Array(10).fill(html(401)), /HTTP 401/, { grace: 5 }],
  ['a job that never ends is given up at the deadline', Array(10).fill(accepted), /errno 0/, { longestWait: 20 }],
]) {
  test(name, async (t) => {
    const replies = [accepted, ...polls]
    const { url } = await serve(t, (request, response) => request.resume().on('end', () => replies.shift()(response)))
    const { run: { failures } } = await run(url, 'token', variables)
    assert.match(failures.at(-1).error.message, failure)
  })
}
