// How the clients of TypeScript wait, whatever the polls bring.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { growing } from './out/rules/wait.js'
import { envelope, html, job, json, load, serve, tools } from './servers.mjs'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const poll = (change) => json(200, envelope(0, [job(change)]))

test('pauses grow, from a second to a minute', () => {
  assert.deepEqual([0, 1, 2, 10, 11, 50].map(growing), [1000, 1500, 2250, 57665.0390625, 60000, 60000])
})

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, waitFor } = await load(tool)

    /** Waits for a job while polls bring these replies, the last for ever. */
    async function wait(t, replies, waiting) {
      const { url, requests } = await serve(t, (_, response) => {
        const reply = replies.length > 1 ? replies.shift() : replies[0]
        reply(response)
      })
      return { requests, ended: waitFor(connect(url, 'token'), 'gz', [job()], { pauseBefore: () => 1, deadline: 20_000, ...waiting }) }
    }

    test('a wait bears trouble that may pass, and jobs that are not known yet', async (t) => {
      const { requests, ended } = await wait(t, [
        (response) => response.socket.destroy(),
        html(502),
        html(200),
        html(429),
        json(200, envelope(2)),
        json(200, envelope(40000)),
        json(200, envelope(1)), // refuses to look for an id it does not know
        json(400, envelope(13)),
        json(200, envelope(0, [])), // leaves out an id it does not know
        json(200, envelope(0, null)),
        json(200, envelope(0, [{}, job({ jobUuid: 'another', done: true })])), // nobody asked
        poll({ progress: 100, resourceUuid: 'i' }), // not done, in spite of its progress
        poll({ done: 'false', resourceUuid: 'j' }), // no job
        // Told twice, in contradiction; and without what was told before.
        json(200, envelope(0, [job({ done: true, success: true, resourceUuid: null }), job({ done: false, success: false })])),
      ])
      const [{ done, success, resourceUuid }] = await ended
      assert.deepEqual({ done, success, resourceUuid }, { done: true, success: true, resourceUuid: 'i' })
      assert.equal(requests.length, 14)
    })

    test('trouble that may pass does not count as a job that is not known', async (t) => {
      const { ended } = await wait(t, [html(502), html(429), json(200, envelope(3)), poll({ done: true, success: true })], { grace: -1 })
      assert.equal((await ended)[0].success, true)
    })

    test('a job that fails half way has ended', async (t) => {
      const { ended } = await wait(t, [poll({ done: true, progress: 57, result: 'no space' })])
      const [{ success, result }] = await ended
      assert.deepEqual({ success, result }, { success: false, result: 'no space' })
    })

    for (const [name, reply, waiting, reason] of [
      ['a job that stays unknown', json(200, envelope(0, [])), { grace: 20 }, /job a is not known/],
      ['a job whose id stays refused', json(200, envelope(1)), { grace: 20 }, /job a is not known: HTTP 200, errno 1/],
      ['a job that never ends', poll({ progress: 99 }), { deadline: 100 }, /gave up waiting/],
    ]) {
      test(`${name} ends the wait in time`, async (t) => {
        const { ended } = await wait(t, [reply], waiting)
        await assert.rejects(ended, (error) => reason.test(error.message) && error.jobUuids.join() === 'a')
      })
    }

    for (const [name, reply] of [
      ['HTTP 401', html(401)],
      ['HTTP 403', html(403)],
      ['errno 4', json(200, envelope(4))],
      ['errno 77', json(200, envelope(77))],
      ['HTTP 404', html(404)],
      ['HTTP 408', html(408)],
    ]) {
      test(`a poll refused by ${name} ends the wait at once, and the ids are kept`, async (t) => {
        const { requests, ended } = await wait(t, [reply])
        await assert.rejects(ended, (error) => /is refused/.test(error.message) && error.jobUuids.join() === 'a')
        assert.equal(requests.length, 1)
      })
    }

    /** Waits for three jobs of a service that refuses polls which hold an id it does not know yet. */
    async function waitForBad(t, waiting) {
      const asked = []
      const { url } = await serve(t, (request, response) => {
        const ids = new URL(request.url, url).searchParams.get('jobUuids')
        const isKnown = asked.includes('good,better')
        asked.push(ids)
        json(200, ids.includes('bad') && !isKnown ? envelope(13)
          : envelope(0, ids.split(',').map((jobUuid) => job({ jobUuid, done: isKnown || ids === 'good,better', success: true }))))(response)
      })
      const started = ['good', 'bad', 'better'].map((jobUuid) => job({ jobUuid }))
      return { asked, ended: waitFor(connect(url, 'token'), 'gz', started, { pauseBefore: () => 1, gap: 1, deadline: 20_000, ...waiting }) }
    }

    test('the ids of a refused poll are asked for one by one, until each is answered', async (t) => {
      const { asked, ended } = await waitForBad(t)
      assert.deepEqual((await ended).map(({ done }) => done), [true, true, true])
      assert.deepEqual(asked, ['good,bad,better', 'good', 'bad', 'better', 'bad', 'good,better', 'bad'])
    })

    test('it is the id refused alone that is not known', async (t) => {
      const { asked, ended } = await waitForBad(t, { grace: -1 })
      await assert.rejects(ended, /job bad is not known: HTTP 200, errno 13/)
      assert.deepEqual(asked, ['good,bad,better', 'good', 'bad'])
    })

    for (const [name, value] of [['seconds', () => '60'], ['a date', () => new Date(Date.now() + 60_000).toUTCString()], ['ages', () => '9'.repeat(30)]]) {
      test(`a poll is not sent before Retry-After, in ${name}`, async (t) => {
        const later = (response) => { response.setHeader('Retry-After', value()); html(429)(response) }
        const { requests, ended } = await wait(t, [later], { deadline: 200 })
        await assert.rejects(ended, /gave up waiting/)
        assert.ok(requests.length <= 1, requests) // none on a machine that is slow to begin
      })
    }

    test('a Retry-After that says nothing is no reason to wait', async (t) => {
      const replies = ['0', 'soon', '-1', new Date(0).toUTCString()].map((value) => (response) => { response.setHeader('Retry-After', value); html(503)(response) })
      const { requests, ended } = await wait(t, [...replies, poll({ done: true, success: true })])
      await ended
      assert.equal(requests.length, 5)
    })

    test('many jobs are asked for in several requests', async (t) => {
      const all = Array.from({ length: 250 }, (_, i) => job({ jobUuid: `job-${i}` }))
      const { url, requests } = await serve(t, (request, response) => {
        const ids = new URL(request.url, url).searchParams.get('jobUuids').split(',')
        json(200, envelope(0, ids.map((jobUuid) => job({ jobUuid, done: true, success: true }))))(response)
      })
      const ended = await waitFor(connect(url, 'token'), 'gz', all, { pauseBefore: () => 1, gap: 1 })
      assert.deepEqual(ended.map((job) => job.jobUuid), all.map((job) => job.jobUuid))
      assert.equal(requests.length, 3)
    })

    test('unless told otherwise, the first poll waits a second', async (t) => {
      const { requests, ended } = await wait(t, [poll({ done: true, success: true })], { pauseBefore: undefined, deadline: 50 })
      await assert.rejects(ended, /gave up waiting/)
      assert.equal(requests.length, 0)
    })

    test('so is a poll that is never answered, whatever is collected meanwhile', async (t) => {
      const collecting = setInterval(collectGarbage, 5)
      t.after(() => clearInterval(collecting))
      const { ended } = await wait(t, [() => {}], { deadline: 100 })
      await assert.rejects(ended, /gave up waiting/)
    })
  })
}
