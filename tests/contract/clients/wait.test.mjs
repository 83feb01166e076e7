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
    ]) {
      test(`a poll refused by ${name} ends the wait at once, and the ids are kept`, async (t) => {
        const { requests, ended } = await wait(t, [reply])
        await assert.rejects(ended, (error) => /is refused/.test(error.message) && error.jobUuids.join() === 'a')
        assert.equal(requests.length, 1)
      })
    }

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
