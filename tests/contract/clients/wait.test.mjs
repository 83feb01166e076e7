// How the clients of TypeScript wait, whatever the polls bring.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { envelope, html, job, json, load, serve, tools } from './servers.mjs'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const poll = (change) => json(200, envelope(0, [job(change)]))

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, waitFor } = await load(tool)

    /** Waits for a job while polls bring these replies, the last for ever. */
    async function wait(t, replies, waiting) {
      const { url, requests } = await serve(t, (_, response) => {
        const reply = replies.length > 1 ? replies.shift() : replies[0]
        reply(response)
      })
      return { requests, ended: waitFor(connect(url, 'token'), 'gz', [job()], { pauseBefore: () => 1, ...waiting }) }
    }

    test('a wait bears trouble that may pass, and jobs that are not known yet', async (t) => {
      const { requests, ended } = await wait(t, [
        (response) => response.socket.destroy(),
        html(502),
        html(429),
        json(200, envelope(2)),
        json(200, envelope(1)), // refuses to look for an id it does not know
        json(200, envelope(0, [])), // leaves out an id it does not know
        poll({ progress: 100, resourceUuid: 'i' }), // not done, in spite of its progress
        poll({ done: true, success: true }),
      ])
      const [{ success, resourceUuid }] = await ended
      assert.deepEqual({ success, resourceUuid }, { success: true, resourceUuid: 'i' })
      assert.equal(requests.length, 8)
    })

    test('a job that fails half way has ended', async (t) => {
      const { ended } = await wait(t, [poll({ done: true, progress: 57, result: 'no space' })])
      const [{ success, result }] = await ended
      assert.deepEqual({ success, result }, { success: false, result: 'no space' })
    })

    test('a job that stays unknown ends the wait after the grace', async (t) => {
      const { ended } = await wait(t, [json(200, envelope(0, []))], { grace: 20 })
      await assert.rejects(ended, /job a is not known/)
    })

    test('a token that stays rejected ends the wait after the grace', async (t) => {
      const { ended } = await wait(t, [html(401)], { grace: 20 })
      await assert.rejects(ended, /HTTP 401/)
    })

    test('a job that never ends is given up at the deadline', async (t) => {
      const { ended } = await wait(t, [poll({ progress: 99 })], { deadline: 100 })
      await assert.rejects(ended, /gave up waiting for a/)
    })

    test('so is a poll that is never answered, whatever is collected meanwhile', async (t) => {
      const collecting = setInterval(collectGarbage, 5)
      t.after(() => clearInterval(collecting))
      const { ended } = await wait(t, [() => {}], { deadline: 100 })
      await assert.rejects(ended, /gave up waiting for a/)
    })
  })
}
