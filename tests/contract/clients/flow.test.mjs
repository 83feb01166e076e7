// The clients of TypeScript against the emulator.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from '../mock.mjs'
import { load, passOn, respondTo, serve, tools } from './servers.mjs'

const waiting = { pauseBefore: () => 50, deadline: 20_000 }

let mock
before(async () => { mock = await startMock('--job-duration', '300ms') })
after(() => mock.stop())

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, createAndCopy, createImages, imagesNamed, waitFor } = await load(tool)
    const image = (name) => ({ name: `${tool} ${name}`, snapUuid: snapshotUuid })

    test('creates an image and copies it', async () => {
      const order = { ...image('copied'), from: 'gz', to: 'bj' }
      const copies = await createAndCopy(connect(mock.url, mock.token), order, waiting)
      assert.equal((await listed('gz', order.name)).length, 1)
      assert.deepEqual((await listed('bj', order.name)).map((image) => image.cimgUuid), copies)
    })

    test('a create that the service refuses is rejected', async () => {
      const unknown = { ...image('refused'), snapUuid: 'no-such-snapshot' }
      const outcome = await createImages(connect(mock.url, mock.token), 'gz', [unknown])
      assert.equal(outcome.kind, 'rejected')
      assert.match(outcome.reason, /errno 41017/)
      assert.deepEqual(await listed('gz', unknown.name), [])
    })

    test('two jobs are asked for in one request, their ids joined by a comma', async (t) => {
      const { url, requests } = await serve(t, (request, response) => passOn(mock.url, request, respondTo(response)))
      const cimg = connect(url, mock.token)
      const { jobs } = await createImages(cimg, 'gz', [image('one'), image('two')])
      const ended = await waitFor(cimg, 'gz', jobs, waiting)

      assert.deepEqual(ended.map((job) => job.success), [true, true])
      const [create, firstPoll] = requests
      assert.equal(create, 'POST /dicloud/i/storage/cimg/create')
      assert.equal(firstPoll, `GET /dicloud/i/result?regionId=gz&jobUuids=${jobs[0].jobUuid},${jobs[1].jobUuid}`)
    })

    test('a create whose reply is lost is looked up, not sent again', async (t) => {
      const { url, requests } = await serve(t, (request, response) =>
        passOn(mock.url, request, request.url.endsWith('/create') ? () => response.destroy() : respondTo(response)))
      const cimg = connect(url, mock.token)
      const outcome = await createImages(cimg, 'gz', [image('lost')])

      assert.equal(outcome.kind, 'unknown')
      assert.equal((await imagesNamed(cimg, 'gz', image('lost').name)).length, 1)
      assert.equal(requests.filter((request) => request.endsWith('/create')).length, 1)
    })
  })
}

for (const comma of [',', '%2C']) {
  test(`the emulator takes ${comma} between ids`, async () => {
    const reply = await fetch(`${mock.url}/dicloud/i/result?regionId=gz&jobUuids=a${comma}b`, { headers: authorization() })
    assert.equal((await reply.json()).errno, 0)
  })
}

/** The images of a name, as seen by none of the clients. */
async function listed(regionId, name) {
  const body = JSON.stringify({ regionId, start: 0, limit: 100, condition: { names: [name] } })
  const headers = { ...authorization(), 'Content-Type': 'application/json' }
  const reply = await fetch(`${mock.url}/dicloud/i/storage/cimg/list`, { method: 'POST', headers, body })
  return (await reply.json()).data.items
}

function authorization() {
  return { Authorization: `Bearer ${mock.token}` }
}
