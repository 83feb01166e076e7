// The Postman collection, run by newman.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import newman from 'newman'
import { startMock } from '../mock.mjs'
import { copyTo, envelope, forward, html, job, json, respond, serve } from './servers.mjs'

const run = (baseUrl, bearerToken, variables, options) => promisify(newman.run)({
  ...options,
  collection: new URL('postman/generated/flow.json', import.meta.url).pathname,
  envVar: Object.entries({ baseUrl, bearerToken, firstPause: 10, requestInterval: 10, ...variables }).map(([key, value]) => ({ key, value })),
})

test('creates two images and copies them; a create with an unknown snapshot is rejected', async (t) => {
  const mock = await startMock('--strict', '--job-duration', '300ms')
  t.after(mock.stop)
  const bodies = []
  const { url, requests } = await serve(t, (request, response) => forward(mock.url, request, (upstream) => {
    const chunks = []
    upstream.on('data', (chunk) => chunks.push(chunk)).on('end', () => bodies.push(JSON.parse(Buffer.concat(chunks))))
    copyTo(response)(upstream)
  }))
  const { run: { failures, executions } } = await run(url, mock.token)

  assert.deepEqual(failures.map(({ error }) => error.message), [])
  assert.equal(executions.at(-1).item.name, 'Create from no snapshot')
  assert.equal(bodies.at(-1).errno, 41017)
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), [
    'POST /dicloud/i/storage/cimg/create',
    'POST /dicloud/i/storage/cimg/import',
    'POST /dicloud/i/storage/cimg/create',
  ])
  const [one, two] = bodies[0].data.map((job) => job.jobUuid)
  assert.equal(requests[1], `GET /dicloud/i/result?regionId=gz&jobUuids=${one},${two}`)
})

const read = (file) => readFileSync(new URL(file, import.meta.url), 'utf8')
for (const { name, kind, status = 200, json, body = JSON.stringify(json) } of JSON.parse(read('polls.json'))) {
  test(`${kind}: ${name}`, () => {
    const pm = { response: { code: status, headers: new Headers(), json: () => JSON.parse(body) } }
    assert.equal(runInNewContext(`${read('postman/scripts/rules.js')}; classify(readResponse())`, { pm }), kind)
  })
}

const outcomes = JSON.parse(read('outcomes.json'))
for (const outcome of outcomes) {
  test(`${outcome.kind}: ${outcome.name}`, async (t) => {
    const { url, requests } = await serve(t, (request, response) => request.resume().on('end', () =>
      requests.length === 1 ? respond(response, outcome) : html(403)(response)))
    const { run: { failures } } = await run(url, 'token')
    const [creates, polls] = ['POST', 'GET'].map((method) => requests.filter((request) => request.startsWith(method)))
    assert.equal(creates.length, 1)
    if (outcome.kind === 'accepted') assert.equal(polls.length, 1)
    else assert.match(failures.at(-1).error.message, new RegExp(`'${outcome.kind}' to equal 'accepted'`))
  })
}

test('a broken connection ends the run after one create', async (t) => {
  const { url, requests } = await serve(t, (request, response) => request.resume().on('end', () => response.socket.destroy()))
  const { run: { failures } } = await run(url, 'token')
  assert.match(failures.at(-1).error.message, /'unknown' to equal 'accepted'/)
  assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
})

test('a create without a response ends the run', async (t) => {
  const { url, requests } = await serve(t, () => {})
  const { run: { failures } } = await run(url, 'token', {}, { timeoutRequest: 100 })
  assert.match(failures.at(-1).error.message, /'unknown' to equal 'accepted'/)
  assert.equal(requests.length, 1)
})

const jobs = (change) => json(200, envelope(0, ['a', 'b'].map((jobUuid) => job({ jobUuid, resourceUuid: `image ${jobUuid}`, ...change }))))
const accepted = jobs()
const later = (status, value) => (response) => { response.setHeader('Retry-After', value); html(status)(response) }

/** Runs the flow with an accepted create and these responses to the polls. */
async function wait(t, polls, variables, create = accepted) {
  const responses = [create, ...polls]
  const bodies = []
  const { url, requests } = await serve(t, (request, response) => {
    const body = []
    request.on('data', (chunk) => body.push(chunk)).on('end', () => {
      bodies.push(String(Buffer.concat(body)))
      const respond = responses.length > 0 ? responses.shift() : html(403) // ends the run
      respond(response)
    })
  })
  const { run: { failures } } = await run(url, 'token', variables)
  return { failure: failures[0]?.error.message ?? '', requests, bodies }
}

test('a transient error does not count as a missing job', async (t) => {
  const { requests } = await wait(t, [html(502), html(429), json(200, envelope(3)), jobs({ done: true, success: true })], { grace: -1 })
  assert.equal(requests[5], 'POST /dicloud/i/storage/cimg/import')
})

const done = (jobUuid, change) => job({ jobUuid, done: true, success: true, resourceUuid: `image ${jobUuid}`, ...change })

test('a wait tolerates transient errors, and jobs that are not found yet', async (t) => {
  const { requests, bodies } = await wait(t, [
    (response) => response.socket.destroy(),
    html(502),
    html(200),
    json(200, envelope(2)),
    json(200, envelope(40000)),
    later(503, new Date(0).toUTCString()), // the past: no pause
    json(200, envelope(0, [])),
    json(200, envelope(0, null)),
    jobs({ progress: 100 }), // not done, in spite of its progress
    json(200, envelope(0, [done('a', { done: 'true' })])), // not a job
    json(200, envelope(0, [done('a'), job({ jobUuid: 'a' })])), // reported twice, in contradiction
    json(200, envelope(0, [done('b', { resourceUuid: null })])), // a was done before
  ])
  assert.equal(requests[11], 'GET /dicloud/i/result?regionId=gz&jobUuids=a,b')
  assert.equal(requests[12], 'GET /dicloud/i/result?regionId=gz&jobUuids=b')
  assert.equal(requests[13], 'POST /dicloud/i/storage/cimg/import')
  assert.deepEqual(JSON.parse(bodies[13]).cimg.map((copy) => copy.originImageUuid), ['image a', 'image b'])
})

test('a job is not given up on a response that is not about it', async (t) => {
  const slowly = (respond) => (response) => setTimeout(() => respond(response), 200)
  const { requests, failure } = await wait(t, [
    json(200, envelope(13)), // a and b
    json(200, envelope(0, [job()])), // a
    json(200, envelope(13)), // b
    slowly(html(503)), // b: its grace period is over, but the service did not look for it
    json(200, envelope(0, [job()])), // a
    json(200, envelope(0, [done('b')])), // b
    json(200, envelope(0, [done('a')])),
  ], { grace: 150 })
  assert.deepEqual(requests.slice(1, 8).map((request) => request.split('jobUuids=')[1]), ['a,b', 'a', 'b', 'b', 'a', 'b', 'a'])
  assert.equal(requests[8], 'POST /dicloud/i/storage/cimg/import', failure)
})

test('the run pauses before a poll', async (t) => { // other tests check how long, with Retry-After
  const times = []
  const { url } = await serve(t, (request, response) => request.resume().on('end', () => {
    times.push(performance.now())
    const respond = times.length === 1 ? accepted : html(403)
    respond(response)
  }))
  await run(url, 'token', { firstPause: 200 })
  assert.equal(times.length, 2)
  assert.ok(times[1] - times[0] > 190, times)
})

test('the ids of a rejected poll are queried one by one, until a response has each', async (t) => {
  const rejected = json(200, envelope(13))
  const { requests, failure } = await wait(t, [
    rejected, // a and b
    json(200, envelope(0, [job()])), // a
    rejected, // b
    rejected, // b, again
    json(200, envelope(0, [done('a')])), // a, while b is still queried alone
    json(200, envelope(0, [done('b')])),
  ])
  assert.deepEqual(requests.slice(1, 7).map((request) => request.split('jobUuids=')[1]), ['a,b', 'a', 'b', 'b', 'a', 'b'])
  assert.equal(requests[7], 'POST /dicloud/i/storage/cimg/import', failure)
})

for (const [name, polls, failure, variables] of [
  ['a job that fails half way', [jobs({ progress: 57, done: true, result: 'no space' })], /no space/],
  ['a job without its image', [json(200, envelope(0, ['a', 'b'].map((id) => done(id, { resourceUuid: undefined }))))], /'a', 'b'/],
  ['a token that is rejected', [html(401)], /HTTP 401, errno undefined; left: a,b/],
  ['errno 4', [json(200, envelope(4))], /errno 4; left: a,b/],
  ['an unlisted errno', [json(200, envelope(77))], /errno 77/],
  ['an id that is always rejected', Array(10).fill(json(400, envelope(13))), /errno 13; left: a,b/, { grace: 5 }],
  ['Retry-After beyond the deadline', [later(429, '3600'), jobs({ done: true, success: true })], /errno undefined; left: a,b/, { maxWait: 100 }],
  ['a job that is never found', Array(10).fill(json(200, envelope(0, []))), /errno 0; left: a,b/, { grace: 5 }],
  ['a job that never finishes', Array(10).fill(accepted), /errno 0; left: a,b/, { maxWait: 20 }],
]) {
  test(`${name} ends the run before anything is copied`, async (t) => {
    const create = name.includes('without its image') ? json(200, envelope(0, [job({ jobUuid: 'a' }), job({ jobUuid: 'b' })])) : accepted
    const { failure: message, requests } = await wait(t, polls, variables, create)
    assert.match(message, failure)
    assert.deepEqual(requests.filter((request) => request.startsWith('POST')), ['POST /dicloud/i/storage/cimg/create'])
  })
}
