// How the TypeScript clients wait, for each response to a poll.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { classify } from './out/rules/response.js'
import { growing } from './out/rules/wait.js'
import { envelope, html, job, json, load, serve, tools } from './servers.mjs'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const poll = (change) => json(200, envelope(0, [job(change)]))

test('pauses grow, from a second to a minute', () => {
  assert.deepEqual([0, 1, 2, 10, 11, 50].map(growing), [1000, 1500, 2250, 57665.0390625, 60000, 60000])
})

// polls.json has the responses to a poll of one job; the other examples and the
// wrapper are tested with the same file.
for (const { name, kind, status = 200, json, body } of JSON.parse(readFileSync(new URL('polls.json', import.meta.url)))) {
  test(`${kind}: ${name}`, () => {
    assert.equal(classify({ data: json ?? body, response: new Response(null, { status }) }), kind)
  })
}

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, waitFor } = await load(tool)

    /** Waits for a job with these responses to the polls; the last one repeats. */
    async function wait(t, responses, waiting) {
      const { url, requests } = await serve(t, (_, response) => {
        const respond = responses.length > 1 ? responses.shift() : responses[0]
        respond(response)
      })
      return { requests, finished: waitFor(connect(url, 'token'), 'gz', [job()], { pauseBefore: () => 1, deadline: 20_000, ...waiting }) }
    }

    test('a wait tolerates transient errors, and jobs that are not found yet', async (t) => {
      const { requests, finished } = await wait(t, [
        (response) => response.socket.destroy(),
        html(502),
        html(200),
        html(429),
        html(408),
        json(200, envelope(2)),
        json(200, envelope(40000)),
        json(200, envelope(1)), // rejects an id that it does not know
        json(400, envelope(13)),
        json(200, envelope(41026)),
        html(404),
        json(200, envelope(0, [])), // omits an id that it does not know
        json(200, envelope(0, null)),
        json(200, envelope(0, [{}, job({ jobUuid: 'another', done: true })])), // not queried
        poll({ progress: 100, resourceUuid: 'i' }), // not done, in spite of its progress
        poll({ done: 'false', resourceUuid: 'j' }), // not a job
        // Reported twice, in contradiction; and without the resourceUuid reported before.
        json(200, envelope(0, [job({ done: true, success: true, resourceUuid: null }), job({ done: false, success: false })])),
      ])
      const [{ done, success, resourceUuid }] = await finished
      assert.deepEqual({ done, success, resourceUuid }, { done: true, success: true, resourceUuid: 'i' })
      assert.equal(requests.length, 17)
    })

    test('a transient error does not count as a missing job', async (t) => {
      const { finished } = await wait(t, [html(502), html(429), json(200, envelope(3)), poll({ done: true, success: true })], { grace: -1 })
      assert.equal((await finished)[0].success, true)
    })

    test('a job that fails half way has finished', async (t) => {
      const { finished } = await wait(t, [poll({ done: true, progress: 57, result: 'no space' })])
      const [{ success, result }] = await finished
      assert.deepEqual({ success, result }, { success: false, result: 'no space' })
    })

    for (const [name, respond, waiting, reason] of [
      ['a job that is never found', json(200, envelope(0, [])), { grace: 20 }, /job a not found/],
      ['a job whose id is always rejected', json(200, envelope(1)), { grace: 20 }, /job a not found: HTTP 200, errno 1/],
      ['a job that never finishes', poll({ progress: 99 }), { deadline: 100 }, /gave up waiting/],
    ]) {
      test(`${name} ends the wait in time`, async (t) => {
        const { finished } = await wait(t, [respond], waiting)
        await assert.rejects(finished, (error) => reason.test(error.message) && error.jobUuids.join() === 'a')
      })
    }

    for (const [name, respond] of [
      ['HTTP 401', html(401)],
      ['errno 77', json(200, envelope(77))],
    ]) {
      test(`a poll rejected with ${name} ends the wait at once, and the error has the ids`, async (t) => {
        const { requests, finished } = await wait(t, [respond])
        await assert.rejects(finished, (error) => /was rejected/.test(error.message) && error.jobUuids.join() === 'a')
        assert.equal(requests.length, 1)
      })
    }

    /** Waits for three jobs of a service that rejects polls with an id that it does not know yet. */
    async function waitForBad(t, waiting) {
      const queries = []
      const { url } = await serve(t, (request, response) => {
        const ids = new URL(request.url, url).searchParams.get('jobUuids')
        const isKnown = queries.includes('good,better')
        queries.push(ids)
        json(200, ids.includes('bad') && !isKnown ? envelope(13)
          : envelope(0, ids.split(',').map((jobUuid) => job({ jobUuid, done: isKnown || ids === 'good,better', success: true }))))(response)
      })
      const started = ['good', 'bad', 'better'].map((jobUuid) => job({ jobUuid }))
      return { queries, finished: waitFor(connect(url, 'token'), 'gz', started, { pauseBefore: () => 1, requestInterval: 1, deadline: 20_000, ...waiting }) }
    }

    test('the ids of a rejected poll are queried one by one, until a response has each', async (t) => {
      const { queries, finished } = await waitForBad(t)
      assert.deepEqual((await finished).map(({ done }) => done), [true, true, true])
      assert.deepEqual(queries, ['good,bad,better', 'good', 'bad', 'better', 'bad', 'good,better', 'bad'])
    })

    test('only an id that is rejected alone is missing', async (t) => {
      const { queries, finished } = await waitForBad(t, { grace: -1 })
      await assert.rejects(finished, /job bad not found: HTTP 200, errno 13/)
      assert.deepEqual(queries, ['good,bad,better', 'good', 'bad'])
    })

    for (const [name, value] of [['seconds', () => '60'], ['a date', () => new Date(Date.now() + 60_000).toUTCString()], ['a huge number', () => '9'.repeat(30)]]) {
      test(`a poll is not sent before Retry-After: ${name}`, async (t) => {
        const later = (response) => { response.setHeader('Retry-After', value()); html(429)(response) }
        const { requests, finished } = await wait(t, [later], { deadline: 200 })
        await assert.rejects(finished, /gave up waiting/)
        assert.ok(requests.length <= 1, requests) // none if the machine is slow to start
      })
    }

    test('a Retry-After without a time to wait is ignored', async (t) => {
      const responses = ['0', 'soon', '-1', new Date(0).toUTCString()].map((value) => (response) => { response.setHeader('Retry-After', value); html(503)(response) })
      const { requests, finished } = await wait(t, [...responses, poll({ done: true, success: true })])
      await finished
      assert.equal(requests.length, 5)
    })

    test('many jobs are polled in several requests', async (t) => {
      const all = Array.from({ length: 250 }, (_, i) => job({ jobUuid: `job-${i}` }))
      const { url, requests } = await serve(t, (request, response) => {
        const ids = new URL(request.url, url).searchParams.get('jobUuids').split(',')
        json(200, envelope(0, ids.map((jobUuid) => job({ jobUuid, done: true, success: true }))))(response)
      })
      const finished = await waitFor(connect(url, 'token'), 'gz', all, { pauseBefore: () => 1, requestInterval: 1 })
      assert.deepEqual(finished.map((job) => job.jobUuid), all.map((job) => job.jobUuid))
      assert.equal(requests.length, 3)
    })

    test('by default, the first poll is after a second', async (t) => {
      const { requests, finished } = await wait(t, [poll({ done: true, success: true })], { pauseBefore: undefined, deadline: 50 })
      await assert.rejects(finished, /gave up waiting/)
      assert.equal(requests.length, 0)
    })

    test('a poll without a response ends at the deadline, despite garbage collections', async (t) => {
      const collecting = setInterval(collectGarbage, 5)
      t.after(() => clearInterval(collecting))
      const { finished } = await wait(t, [() => {}], { deadline: 100 })
      await assert.rejects(finished, /gave up waiting/)
    })
  })
}
